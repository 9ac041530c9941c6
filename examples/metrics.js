'use strict'

// Watching every cache of a process, also those of other packages, without touching them. It costs nothing while nobody
// is subscribed.
const diagnostics = require('node:diagnostics_channel')
const { LRUCache } = require('heapwise')

const counts = {}
const count = ({ op, [op]: outcome }) => {
  const name = `${op} ${outcome}`
  counts[name] = (counts[name] ?? 0) + 1
}

diagnostics.subscribe('heapwise:lru-cache:metrics', count)

const cache = new LRUCache({ max: 2 })
for (const key of ['a', 'b', 'a', 'c', 'a']) {
  if (cache.get(key) === undefined) cache.set(key, key.toUpperCase())
}

console.log(counts) // { 'get miss': 3, 'set add': 3, 'get hit': 2 }
diagnostics.unsubscribe('heapwise:lru-cache:metrics', count)
