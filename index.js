'use strict'

const { BoundedMap } = require('./lib/bounded-map.js')
const { BufferPool } = require('./lib/buffer-pool.js')
const { compact, retainedBytes } = require('./lib/buffer-pool/views.js')
const { GcMonitor } = require('./lib/gc-monitor.js')
const leaks = require('./lib/leaks.js')
const { LRUCache } = require('./lib/lru-cache.js')
const { OffHeapCache } = require('./lib/off-heap-cache.js')

module.exports = { BoundedMap, BufferPool, GcMonitor, LRUCache, OffHeapCache, compact, leaks, retainedBytes }
