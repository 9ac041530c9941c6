'use strict'

// What tests and BoundedMap reach that users do not. lru-cache.js adds functions, for it alone can
// see the private fields.
// `mapEntries` is how many keys one V8 Map is given before another is opened: with more than 2^23 live keys, a Map
// whose table is full of deleted ones cannot be rehashed in place, and doubling it would pass V8's limit of 2^24.
module.exports = { view: undefined, mapEntries: 2 ** 23 - 1 }
