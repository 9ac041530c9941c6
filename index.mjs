import heapwise from './index.js'

export const { BoundedMap, BufferPool, GcMonitor, LRUCache, OffHeapCache, compact, leaks, retainedBytes } = heapwise
