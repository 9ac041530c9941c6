export { BoundedMap, BufferPool, GcMonitor, LRUCache, OffHeapCache, compact, leaks, retainedBytes } from './index.js'
export type { DisposeTask, HeapwiseError, HeapwiseErrorCode, Perf } from './index.js'
