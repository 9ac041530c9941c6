'use strict'

const { BoundedMap } = require('./lib/bounded-map.js')
const { LRUCache } = require('./lib/lru-cache.js')

module.exports = { BoundedMap, LRUCache }
