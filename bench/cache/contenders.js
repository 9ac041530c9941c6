'use strict'

const path = require('node:path')
const { fresh } = require('../common/fresh')

// Who is measured, and how each is made. All of them share the calls `get`, `set` and, where they have it, `delete`.
//   create(library, max, { ttl, autopurge })  a new cache; ttl and autopurge only where `ttl` / `autopurge` say so
//   exact      evicts exactly the least recently used entry
//   entries    expression that gives all entries of `cache`
//   keys       kinds of keys it can take, if not all
const contenders = [
  {
    name: 'LRUCache',
    words: ['lrucache', 'heapwise'],
    ours: true,
    exact: true,
    ttl: true,
    autopurge: true,
    dump: true,
    entries: 'cache.entries()',
    load: () => fresh(path.join(__dirname, '../..')).LRUCache,
    create: lruCache
  },
  {
    name: 'BoundedMap',
    words: ['boundedmap', 'heapwise'],
    ours: true,
    exact: true,
    ttl: true,
    entries: 'cache.entries()',
    load: () => fresh(path.join(__dirname, '../..')).BoundedMap,
    create: (BoundedMap, max, { ttl } = {}) => new BoundedMap(null, ttl ? { max, ttl } : { max })
  },
  {
    name: 'lru-cache',
    words: ['lru-cache'],
    exact: true,
    ttl: true,
    autopurge: true,
    dump: true,
    entries: 'cache.entries()',
    load: () => fresh('lru-cache').LRUCache,
    create: lruCache
  },
  {
    name: 'mnemonist',
    words: ['mnemonist', 'lrumap'],
    exact: true,
    noDelete: true,
    entries: 'cache.entries()',
    load: () => fresh('mnemonist').LRUMap,
    create: (LRUMap, max) => new LRUMap(max)
  },
  {
    name: 'mnemonist-del',
    words: ['mnemonist-del', 'mnemonist', 'lrumapwithdelete'],
    exact: true,
    entries: 'cache.entries()',
    load: () => fresh('mnemonist').LRUMapWithDelete,
    create: (LRUMapWithDelete, max) => new LRUMapWithDelete(max)
  },
  {
    name: 'lru.min',
    words: ['lru.min'],
    exact: true,
    entries: 'cache.entries()',
    load: () => fresh('lru.min').createLRU,
    create: (createLRU, max) => createLRU({ max })
  },
  {
    // Keeps its entries as properties of an object: a key that is an object would become '[object Object]'.
    name: 'tiny-lru',
    words: ['tiny-lru'],
    exact: true,
    ttl: true,
    keys: ['string', 'integer'],
    entries: 'cache.entries()',
    load: () => fresh('tiny-lru').lru,
    create: (lru, max, { ttl } = {}) => ttl ? lru(max, ttl, true) : lru(max)
  },
  {
    // Two generations of up to `maxSize` entries each: holds up to twice its bound, and its order is not exactly LRU.
    name: 'quick-lru',
    words: ['quick-lru'],
    ttl: true,
    entries: 'cache.entries()',
    load: async () => (await import('quick-lru')).default,
    create: (QuickLRU, maxSize, { ttl } = {}) => new QuickLRU(ttl ? { maxSize, maxAge: ttl } : { maxSize })
  },
  {
    // The floor: no bound, no order of use. Where a bound is needed rows give it one (first in, first out).
    name: 'Map',
    words: ['map'],
    entries: 'cache.entries()',
    load: () => Map,
    create: (Map) => new Map()
  },
  {
    // lru-cache once more: how far its ratio to lru-cache is from 1 is the noise of the run. Only when asked for.
    name: 'control',
    words: ['control'],
    exact: true,
    ttl: true,
    autopurge: true,
    dump: true,
    onRequest: true,
    entries: 'cache.entries()',
    load: () => fresh('lru-cache').LRUCache,
    create: lruCache
  }
]

function lruCache (LRUCache, max, { ttl, autopurge } = {}) {
  if (autopurge) return new LRUCache({ max, ttl, ttlAutopurge: true })
  return new LRUCache(ttl ? { max, ttl } : { max })
}

module.exports = { contenders }
