'use strict'

// What OffHeapCache takes, as the operating system sees it, in processes of their own.

const { OffHeapCache, closeAll, open } = require('./support/off-heap')
const { runFixture } = require('./support/off-heap-workers')

const MB = 2 ** 20

afterEach(closeAll)

describe('maxBytes bounds memory', () => {
  // For all else that is not in V8's heap: stacks, malloc's, the collector's own.
  const ALLOWED = 12 * MB

  test.each(['small', 'mixed', 'large', 'switching', 'oneShard', 'manyShards'])('%s', async kind => {
    const { maxBytes, seen } = await runFixture('off-heap-memory.js', kind)
    for (const { phase, grown, bytes, committedBytes } of seen) {
      const of = value => ({ phase, value })
      expect(committedBytes <= maxBytes || of(committedBytes)).toBe(true)
      expect(bytes <= committedBytes || of(bytes)).toBe(true)
      expect(grown <= maxBytes + ALLOWED || of(grown)).toBe(true)
      // And it is used: most of it for entries, and all that is told to be used is.
      expect(bytes >= 0.8 * maxBytes || of(bytes)).toBe(true)
      expect(grown >= committedBytes - ALLOWED || of(grown)).toBe(true)
    }
  }, 120_000)
})

test('V8\'s heap stays flat, whatever the store holds', async () => {
  const { size, heap, external, arrayBuffers, after } = await runFixture('off-heap-memory.js', 'million')
  expect(size).toBe(1_000_000)
  expect(heap).toBeLessThan(30 * MB)
  expect(after).toBeLessThan(10 * MB)
  expect(external + arrayBuffers).toBeLessThan(10 * MB)
}, 120_000)

describe('memory is given back', () => {
  const SOME = 16 * MB

  test('by clear, delete and close', async () => {
    const { empty, cleared, deleted, size, grown } = await runFixture('off-heap-memory.js', 'givenBack')
    expect(grown.filled).toBeGreaterThan(100e6)
    expect(grown.cleared).toBeLessThan(SOME)
    expect(grown.again).toBeGreaterThan(100e6)
    expect(grown.closed).toBeLessThan(SOME)
    expect(size).toBe(0)
    expect(cleared).toBe(empty)
    // The index may keep some of its room for entries to come: less than 16 bytes for each that was there.
    expect(deleted).toBeLessThanOrEqual(empty + 16 * 100_000)
  }, 120_000)

  test('by the garbage collector', async () => {
    const { filled, left } = await runFixture('off-heap-memory.js', 'collected')
    expect(filled).toBeGreaterThan(100e6)
    expect(left).toBeLessThan(SOME)
  }, 120_000)

  test('each time', async () => {
    const { left } = await runFixture('off-heap-memory.js', 'often')
    expect(left).toBeLessThan(SOME)
  }, 120_000)
})

describe('bytes', () => {
  test.each([['v8', undefined], ['one shard', { shards: 1 }]])('is at most 64 an entry above its key and value, %s',
    (_, options) => {
      const cache = open({ maxBytes: '256mb', ...options })
      const count = 100_000
      const value = 'x'.repeat(100)
      const empty = cache.bytes
      let payload = 0
      for (let i = 0; i < count; i++) {
        cache.set(`key ${i}`, value)
        payload += `key ${i}`.length + value.length
      }
      expect(cache.size).toBe(count)
      expect(cache.bytes - empty).toBeGreaterThan(payload)
      expect((cache.bytes - payload) / count).toBeLessThanOrEqual(64)
    })

  test('of an empty store is little, and grows by what is stored', () => {
    const cache = open({ maxBytes: '512mb', shards: 1 })
    expect(cache.bytes).toBeLessThan(64 * 1024)
    const before = cache.bytes
    cache.set('a', Buffer.alloc(1e6))
    expect(cache.bytes - before).toBeGreaterThanOrEqual(1e6)
    expect(cache.bytes - before).toBeLessThan(1e6 + 200)
    cache.set('a', 1)
    expect(cache.bytes - before).toBeLessThan(200)
    cache.delete('a')
    expect(cache.bytes).toBe(before)
  })

  test('a store of a large bound takes nothing before it is used', () => {
    const before = process.memoryUsage.rss()
    const caches = Array.from({ length: 20 }, () => new OffHeapCache({ maxBytes: '4gb' }))
    expect(process.memoryUsage.rss() - before).toBeLessThan(50 * MB)
    for (const cache of caches) {
      expect(cache.bytes).toBeLessThan(2 * MB)
      cache.close()
    }
  })
})
