'use strict'

const { BoundedMap } = require('./lib/bounded-map.js')
const { BufferPool } = require('./lib/buffer-pool.js')
const { compact, retainedBytes } = require('./lib/buffer-pool/views.js')
const { LRUCache } = require('./lib/lru-cache.js')
const { OffHeapCache } = require('./lib/off-heap-cache.js')

module.exports = { BoundedMap, BufferPool, LRUCache, OffHeapCache, compact, retainedBytes }
