'use strict'

const { LRUCache: Oracle } = require('lru-cache')
const { LRUCache: Subject } = require('../..')

// The two sides of every differential test.
module.exports = { Oracle, Subject }
