'use strict'

const { LRUCache: Oracle } = require('lru-cache')
const { LRUCache: Subject } = require('../../lib/lru-cache.js')

// The two sides of every differential test.
module.exports = { Oracle, Subject }
