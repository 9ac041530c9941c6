'use strict'

// Where a program has `const { LRUCache } = require('lru-cache')`, this is the only line that changes.
const { LRUCache } = require('heapwise')

const users = new LRUCache({
  max: 3,
  dispose: (user, id, reason) => console.log(`dropped user ${id} (${reason})`)
})

for (const id of [1, 2, 3]) users.set(id, { id, name: `user ${id}` })
users.get(1) // used now, so 2 is the one used longest ago
users.set(4, { id: 4, name: 'user 4' }) // dropped user 2 (evict)
users.delete(3) // dropped user 3 (delete)

console.log([...users.keys()]) // [ 4, 1 ], the one used last first

// Beyond lru-cache: counters that are always on, and a bound that can change.
users.get(2)
const { hits, misses, hitRatio, removed } = users.stats()
console.log({ hits, misses, hitRatio, evicted: removed.evict })
users.resize(1) // dropped user 1 (evict)
console.log(users.size)
