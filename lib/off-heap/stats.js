'use strict'

// The numbers that a store counts, from their places in an array.

const native = require('../native')

const FIELDS = 12

const statsAt = (numbers, at) => ({
  hits: numbers[at],
  misses: numbers[at + 1],
  sets: numbers[at + 2],
  deletes: numbers[at + 3],
  evictions: { size: numbers[at + 4], expired: numbers[at + 5] },
  refused: numbers[at + 6],
  entries: numbers[at + 7],
  bytes: numbers[at + 8],
  committedBytes: numbers[at + 9],
  maxBytes: numbers[at + 10],
  evictedKeysDropped: numbers[at + 11]
})

/** The numbers of a store, and of each of its shards. */
const readStats = (handle, shards) => {
  const numbers = new Float64Array(FIELDS * (1 + shards))
  native.offheapStats(handle, numbers)
  return {
    ...statsAt(numbers, 0),
    shards: Array.from({ length: shards }, (_, shard) => statsAt(numbers, FIELDS * (1 + shard)))
  }
}

module.exports = { readStats }
