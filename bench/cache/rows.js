'use strict'

const { drawn, uniform, zipfian } = require('./keys')

const hour = 3600e3

// The rows that are a loop of single operations over keys. Each loop is compiled from its text, once per contender.
//   unit       what one operation is
//   step       the operation; `key` is the next key, `value` an object; it counts what was not there in `missed`
//   keys       how many different keys a cache of n entries needs; the first n are in the cache at the start
//   requests   the keys asked for, in order
//   missed     what `missed` must be after some operations; 'agreed': the same for all exact LRUs
//   options    for the cache: ttl, autopurge
//   allocates  makes garbage: then there is a full collection before every slice
//   map        the step for a plain Map, where the row's own would let it grow for ever; null: no Map in this row
const rows = [
  {
    name: 'get hit',
    unit: 'get',
    step: 'if (cache.get(key) === undefined) missed++',
    keys: (n) => n,
    requests: (keys, n) => uniform(keys, drawn(n), 1),
    missed: () => 0
  },
  {
    name: 'get miss',
    unit: 'get',
    step: 'if (cache.get(key) === undefined) missed++',
    keys: (n) => 2 * n,
    requests: (keys, n) => uniform(keys.slice(n), drawn(n), 2),
    missed: (ops) => ops
  },
  {
    name: 'overwrite',
    unit: 'set',
    step: 'cache.set(key, value)',
    keys: (n) => n,
    requests: (keys, n) => uniform(keys, drawn(n), 3),
    missed: () => 0
  },
  {
    // Every key is new when it comes: the cache holds n of them (quick-lru up to 2n), and 3n go round.
    name: 'insert',
    unit: 'set',
    step: 'cache.set(key, value)',
    keys: (n) => 3 * n,
    requests: (keys) => keys,
    missed: () => 0,
    allocates: true,
    map: 'cache.set(key, value); if (cache.size > max) cache.delete(oldest.next().value)'
  },
  {
    name: 'zipf',
    unit: 'request',
    step: 'if (cache.get(key) === undefined) { missed++; cache.set(key, value) }',
    keys: (n) => 4 * n,
    requests: (keys, n) => zipfian(keys, 2 * drawn(n), 4),
    missed: 'agreed',
    allocates: true
  },
  {
    // The same in a process that has used each class for other caches too: other sizes, options and kinds of keys.
    name: 'mixed',
    unit: 'request',
    step: 'if (cache.get(key) === undefined) { missed++; cache.set(key, value) }',
    keys: (n) => 4 * n,
    requests: (keys, n) => zipfian(keys, 2 * drawn(n), 5),
    missed: 'agreed',
    allocates: true,
    others: true
  },
  {
    name: 'ttl get',
    unit: 'get',
    step: 'if (cache.get(key) === undefined) missed++',
    keys: (n) => n,
    requests: (keys, n) => uniform(keys, drawn(n), 6),
    missed: () => 0,
    options: { ttl: hour },
    map: null
  },
  {
    // Half of the sets overwrite, half insert and evict.
    name: 'ttl set',
    unit: 'set',
    step: 'cache.set(key, value)',
    keys: (n) => 2 * n,
    requests: (keys, n) => uniform(keys, drawn(n), 7),
    missed: () => 0,
    options: { ttl: hour },
    allocates: true,
    map: null
  },
  {
    name: 'autopurge',
    unit: 'set',
    step: 'cache.set(key, value)',
    keys: (n) => 2 * n,
    requests: (keys, n) => uniform(keys, drawn(n), 8),
    missed: () => 0,
    options: { ttl: hour, autopurge: true },
    allocates: true,
    map: null
  }
]

module.exports = { rows }
