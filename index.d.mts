export { BoundedMap, BufferPool, LRUCache, OffHeapCache, compact, retainedBytes } from './index.js'
export type { DisposeTask, HeapwiseError, HeapwiseErrorCode, Perf } from './index.js'
