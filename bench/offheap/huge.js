'use strict'

const { answer } = require('../common/child')
const { contenders } = require('./contenders')
const { check, keyOf, kinds, payload } = require('./workload')

const batch = 1000

// Stores more entries than one Map of V8 can hold, reads all of them back and counts them, and compares one in 997 with
// what was stored.
async function huge (task) {
  const contender = contenders.find(({ name }) => name === task.contender)
  const { entries } = task
  const kind = kinds[task.values]
  const before = process.memoryUsage().rss
  const cache = contender.make(entries, kind, task)
  const start = performance.now()
  for (let from = 0; from < entries; from += batch) {
    const to = Math.min(entries, from + batch)
    for (let n = from; n < to; n++) cache.set(keyOf(n), kind.valueOf(n))
    if (cache.settled) await cache.settled()
  }
  const stored = performance.now()
  const { rss, heapUsed } = process.memoryUsage()
  let found = 0
  for (let n = 0; n < entries; n++) if (cache.get(keyOf(n)) !== undefined) found++
  const read = performance.now()
  let compared = 0
  for (let n = 0; n < entries; n += 997, compared++) check(kind, n, cache.get(keyOf(n)))
  if (found !== entries || cache.size !== entries) {
    throw new Error(`${found} of ${entries} entries found, size ${cache.size}`)
  }
  const held = payload(kind, entries)
  const { bytes } = cache
  await cache.close?.()
  return {
    found,
    compared,
    set: (stored - start) * 1e6 / entries,
    get: (read - stored) * 1e6 / entries,
    rss,
    heap: heapUsed,
    'overhead rss': (rss - before - held) / entries,
    ...(typeof bytes === 'number' ? { 'overhead bytes': (bytes - held) / entries } : {})
  }
}

answer(huge)
