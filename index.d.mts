export { BoundedMap, LRUCache, OffHeapCache } from './index.js'
export type { DisposeTask, HeapwiseError, HeapwiseErrorCode, Perf } from './index.js'
