'use strict'

const { LRUCache, BoundedMap, OffHeapCache } = require('..')
const { LRUCache: Reference } = require('lru-cache')
const { replayer } = require('../bench/traces/replay')
const { fromFolder, generated } = require('../bench/traces/source')

// The order of eviction decides every hit of a trace: an approximation, or one lost access, shows in the count.
const made = [
  ['LRUCache', (max) => new LRUCache({ max })],
  ['BoundedMap', (max) => new BoundedMap(null, { max })],
  // Its order is exact within a shard. The bytes must not be what evicts.
  ['OffHeapCache', (max) => new OffHeapCache({ maxEntries: max, shards: 1, maxBytes: '1gb' })]
]

const replay = replayer('test')
const hitsOf = (cache, keys) => {
  const hits = replay(cache, keys)
  cache.close?.()
  return hits
}
const folder = process.env.HEAPWISE_TRACES

describe('hits on a generated workload are those of lru-cache', () => {
  const [{ read, points }] = generated()
  const keys = read()

  test.each(points.map(({ size }) => size))('%d entries', (size) => {
    const expected = replay(new Reference({ max: size }), keys)
    expect(expected).toBeGreaterThan(0)
    for (const [name, make] of made) expect([name, hitsOf(make(size), keys)]).toEqual([name, expected])
  })
})

// Without the folder there is only the test above; bench/traces says so, too.
if (folder) {
  describe(`hits on the traces of HEAPWISE_TRACES are an exact LRU's`, () => {
    const traces = fromFolder(folder).filter(({ requests }) => requests <= 200000)

    test('there are traces', () => {
      expect(traces.length).toBeGreaterThan(0)
    })

    for (const { name, points, read } of traces) {
      test(name, () => {
        const keys = read()
        for (const { size, hits } of points) {
          for (const [who, make] of made) {
            expect([who, size, hitsOf(make(size), keys)]).toEqual([who, size, hits])
          }
        }
      })
    }
  })
}
