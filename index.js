'use strict'

const { BoundedMap } = require('./lib/bounded-map.js')
const { LRUCache } = require('./lib/lru-cache.js')
const { OffHeapCache } = require('./lib/off-heap-cache.js')

module.exports = { BoundedMap, LRUCache, OffHeapCache }
