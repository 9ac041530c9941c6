import heapwise from './index.js'

export const { BoundedMap, LRUCache, OffHeapCache } = heapwise
