import heapwise from './index.js'

export const { BoundedMap, BufferPool, LRUCache, OffHeapCache, compact, retainedBytes } = heapwise
