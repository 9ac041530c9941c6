'use strict'

// What has a time to live is not given after it, and goes by itself, also while no JavaScript runs. Nothing here
// depends on how long something takes: what has to happen is waited for.

const { setTimeout: pause } = require('node:timers/promises')
const { closeAll, newName, open } = require('./support/off-heap')
const { randomOf } = require('./support/off-heap-checked')
const { start } = require('./support/off-heap-workers')

const seed = Number(process.env.HEAPWISE_SEED ?? Date.now()) >>> 0
process.stdout.write(`off-heap.expiry: HEAPWISE_SEED=${seed}\n`)

afterEach(closeAll)

const DEADLINE = 30_000
const nobody = new Int32Array(new SharedArrayBuffer(4))
/** Stops this thread for so many milliseconds: no timer, no event, no JavaScript. */
const block = ms => Atomics.wait(nobody, 0, 0, ms)

/** Waits until it is so, without a turn of the event loop. */
const blockUntil = condition => {
  const end = Date.now() + DEADLINE
  while (!condition() && Date.now() < end) block(5)
  expect(condition()).toBe(true)
}

const until = async condition => {
  const end = Date.now() + DEADLINE
  while (!condition() && Date.now() < end) await pause(5)
  expect(condition()).toBe(true)
}

/** An entry that has ended, and was not swept yet or was: nobody may tell. */
const ended = async (cache, key) => until(() => cache.getRemainingTTL(key) === 0)

describe('expired entries go by themselves', () => {
  test.each([[1, 10_000], [8, 40_000]])('while the thread is blocked, %d shards', (shards, count) => {
    const cache = open({ ttl: 20, shards, maxBytes: '64mb' })
    for (let i = 0; i < count; i++) cache.set(i, 'x'.repeat(100))
    // Neither size nor bytes look for what has ended.
    blockUntil(() => cache.size === 0)
    const { evictions, entries, misses } = cache.stats()
    expect({ evictions, entries, misses }).toEqual({ evictions: { size: 0, expired: count }, entries: 0, misses: 0 })
    // What is left is room in the index.
    expect(cache.bytes).toBeLessThan(count * 100 / 4)
  })

  test('while the thread is idle', async () => {
    const cache = open({ maxBytes: '64mb' })
    for (let i = 0; i < 5000; i++) cache.set(i, i, 20)
    await until(() => cache.size === 0)
    expect(cache.stats().evictions.expired).toBe(5000)
  })

  test('while another thread has nothing but the store open', async () => {
    const name = newName()
    const cache = open({ name })
    const worker = start('hold', { name })
    await worker.said('open')
    cache.delete('from the worker')
    for (let i = 0; i < 5000; i++) cache.set(i, i, 20)
    cache.close()
    await pause(100)
    const again = open({ name })
    blockUntil(() => again.size === 0)
    expect(again.stats().evictions.expired).toBe(5000)
    worker.tell('end')
    await worker.over
  })

  test('of many stores at once, and again later', () => {
    const caches = Array.from({ length: 20 }, (_, i) => open({ ttl: 10 + i, maxBytes: '1mb' }))
    for (let round = 1; round <= 3; round++) {
      for (const cache of caches) {
        for (let i = 0; i < 200; i++) cache.set(i, i)
      }
      blockUntil(() => caches.every(cache => cache.size === 0))
      for (const cache of caches) expect(cache.stats().evictions.expired).toBe(200 * round)
      // The sweeper has gone to sleep in between.
      block(120)
    }
  })

  test('those that end, and no others', () => {
    const random = randomOf(seed)
    const cache = open({ maxBytes: '64mb', shards: 4 })
    const ttls = Array.from({ length: 20_000 }, () => [0, 5, 20, 60, 3_600_000, 30 * 24 * 3_600_000][random(6)])
    ttls.forEach((ttl, i) => cache.set(i, `${i} ${ttl}`, ttl))
    const stay = ttls.flatMap((ttl, i) => ttl === 0 || ttl > 1000 ? [i] : [])
    blockUntil(() => cache.size === stay.length)
    expect([...cache.keys()].sort((a, b) => a - b)).toEqual(stay)
    for (const i of stay) {
      expect(cache.get(i)).toBe(`${i} ${ttls[i]}`)
      const left = cache.getRemainingTTL(i)
      if (ttls[i] === 0) expect(left).toBe(Infinity)
      else expect(left > 0 && left <= ttls[i]).toBe(true)
    }
  })

  test('with a reason, for those who ask', () => {
    const cache = open({ evictedKeys: 1000 })
    for (let i = 0; i < 500; i++) cache.set(`key ${i}`, i, i % 2 === 0 ? 10 : 0)
    blockUntil(() => cache.size === 250)
    const evicted = cache.takeEvicted()
    expect(evicted).toHaveLength(250)
    expect(new Set(evicted.map(({ key }) => key)).size).toBe(250)
    for (const { key, reason } of evicted) expect([reason, Number(key.slice(4)) % 2]).toEqual(['expired', 0])
  })

  test('also if they were written again, touched or counted up', () => {
    const cache = open()
    const written = [
      () => cache.set('set', 1).set('set', 2, 10),
      () => { cache.set('touched', 1); cache.touch('touched', 10) },
      () => cache.increment('count', 1, { ttl: 10 }),
      () => cache.setIfAbsent('absent', 1, 10),
      () => cache.compareAndSet('swap', undefined, 1, 10),
      () => cache.setMany([['a', 1], ['b', 2]], { ttl: 10 })
    ]
    for (const write of written) {
      block(100)
      write()
      blockUntil(() => cache.size === 0)
    }
    expect(cache.stats().evictions.expired).toBe(7)
  })
})

describe('an entry whose time is over', () => {
  test('is not there for any method', async () => {
    const cache = open({ shards: 1 })
    const keys = ['get', 'peek', 'has', 'delete', 'touch', 'buffer', 'into', 'many', 'deleteMany', 'ttl']
    for (const key of keys) cache.set(key, 'text', 1)
    await ended(cache, 'ttl')
    for (const key of keys) await ended(cache, key)
    expect(cache.get('get')).toBe(undefined)
    expect(cache.peek('peek')).toBe(undefined)
    expect(cache.has('has')).toBe(false)
    expect(cache.delete('delete')).toBe(false)
    expect(cache.touch('touch', 1000)).toBe(false)
    expect(cache.getBuffer('buffer')).toBe(undefined)
    expect(cache.getInto('into', Buffer.alloc(10))).toBe(-1)
    expect(cache.getMany(['many'])).toEqual([undefined])
    expect(cache.deleteMany(['deleteMany'])).toBe(0)
    expect([...cache]).toEqual([])
    expect([...cache.keys()]).toEqual([])
    blockUntil(() => cache.size === 0)
  })

  test('is written anew as if there were none', async () => {
    const cache = open()
    for (const key of ['absent', 'count', 'swap']) cache.set(key, 5, 1)
    for (const key of ['absent', 'count', 'swap']) await ended(cache, key)
    expect(cache.setIfAbsent('absent', 'new')).toBe(true)
    expect(cache.increment('count')).toBe(1)
    expect(cache.compareAndSet('swap', 5, 'no')).toBe(false)
    expect(cache.compareAndSet('swap', undefined, 'new')).toBe(true)
    expect([...cache].sort()).toEqual([['absent', 'new'], ['count', 1], ['swap', 'new']])
    for (const key of ['absent', 'count', 'swap']) expect(cache.getRemainingTTL(key)).toBe(Infinity)
  })
})

describe('the time of an entry', () => {
  const HOUR = 3_600_000

  test('is the store\'s, or its own, or none', () => {
    const cache = open({ ttl: HOUR })
    cache.set('usual', 1).set('own', 1, 5 * HOUR).set('object', 1, { ttl: 7 * HOUR }).set('never', 1, 0)
    cache.set('never too', 1, { ttl: 0 }).set('undefined', 1, { ttl: undefined })
    const hours = key => Math.ceil(cache.getRemainingTTL(key) / HOUR)
    expect(['usual', 'own', 'object', 'undefined'].map(hours)).toEqual([1, 5, 7, 1])
    expect(cache.getRemainingTTL('never')).toBe(Infinity)
    expect(cache.getRemainingTTL('never too')).toBe(Infinity)
    expect(cache.getRemainingTTL('absent')).toBe(0)
    // Written again without one, it has the store's again.
    expect(Math.ceil(cache.set('never', 2).getRemainingTTL('never') / HOUR)).toBe(1)
    expect(open().set('a', 1).getRemainingTTL('a')).toBe(Infinity)
  })

  test('passes', async () => {
    const cache = open().set('a', 1, HOUR)
    const before = cache.getRemainingTTL('a')
    await until(() => cache.getRemainingTTL('a') < before)
    expect(cache.getRemainingTTL('a')).toBeGreaterThan(0)
  })

  const later = async cache => {
    const before = cache.getRemainingTTL('a')
    await until(() => cache.getRemainingTTL('a') < before - 10)
    return cache.getRemainingTTL('a')
  }

  test('starts anew with touch, which can change it', async () => {
    const cache = open().set('a', 1, HOUR)
    const left = await later(cache)
    expect(cache.touch('a')).toBe(true)
    expect(cache.getRemainingTTL('a')).toBeGreaterThan(left)
    cache.touch('a', 5 * HOUR)
    expect(Math.ceil(cache.getRemainingTTL('a') / HOUR)).toBe(5)
    cache.touch('a', { ttl: 0 })
    expect(cache.getRemainingTTL('a')).toBe(Infinity)
    expect(cache.touch('a')).toBe(true)
    expect(cache.getRemainingTTL('a')).toBe(Infinity)
    expect(cache.touch('absent')).toBe(false)
  })

  test('starts anew with each set, and not with increment', async () => {
    const cache = open({ ttl: HOUR }).set('a', 1)
    const left = await later(cache)
    cache.increment('a')
    expect(cache.getRemainingTTL('a')).toBeLessThanOrEqual(left)
    cache.set('a', 1)
    expect(cache.getRemainingTTL('a')).toBeGreaterThan(left)
  })

  test('starts anew with get if the store or the call says so, with its own ttl', async () => {
    const renews = open({ updateAgeOnGet: true, ttl: 2 * HOUR }).set('a', 1, HOUR)
    const keeps = open({ ttl: 2 * HOUR }).set('a', 1, HOUR)
    for (const [cache, get, renewed] of [
      [renews, () => renews.get('a'), true],
      [renews, () => renews.getMany(['a']), true],
      [renews, () => renews.get('a', { updateAgeOnGet: false }), false],
      [renews, () => renews.peek('a'), false],
      [renews, () => renews.has('a'), false],
      [renews, () => [...renews], false],
      [keeps, () => keeps.get('a'), false],
      [keeps, () => keeps.getMany(['a']), false],
      [keeps, () => keeps.get('a', { updateAgeOnGet: true }), true]
    ]) {
      const left = await later(cache)
      get()
      const now = cache.getRemainingTTL('a')
      expect(now > left).toBe(renewed)
      expect(now).toBeLessThanOrEqual(HOUR)
    }
  })
})

describe('allowStale', () => {
  test('gives an entry once more after its time, and then it is gone', async () => {
    const cache = open({ allowStale: true, ttl: 1 })
    for (const key of ['a', 'b', 'c']) cache.set(key, `value ${key}`)
    for (const key of ['a', 'b', 'c']) await ended(cache, key)
    expect(cache.has('a')).toBe(false)
    expect([...cache]).toEqual([])
    // To look does not take it.
    expect(cache.peek('a')).toBe('value a')
    expect(cache.peek('a', { allowStale: false })).toBe(undefined)
    expect(cache.get('a')).toBe('value a')
    expect(cache.get('a')).toBe(undefined)
    expect(cache.get('b', { allowStale: false })).toBe(undefined)
    expect(cache.getMany(['c', 'absent'])).toEqual(['value c', undefined])
    expect(cache.get('c')).toBe(undefined)
  })

  test('of a call is enough, as long as nobody has swept', () => {
    const cache = open().set('a', 1, 1)
    // It may have been swept by then: a store that is not told does not keep them.
    while (cache.getRemainingTTL('a') > 0) block(1)
    expect([1, undefined]).toContain(cache.get('a', { allowStale: true }))
  })

  test('entries that have ended go when they have to make room', async () => {
    const cache = open({ allowStale: true, maxEntries: 100, shards: 1, evictedKeys: 1000 })
    for (let i = 0; i < 100; i++) cache.set(`stale ${i}`, i, 1)
    for (let i = 0; i < 100; i++) await ended(cache, `stale ${i}`)
    expect(cache.size).toBe(100)
    for (let i = 0; i < 100; i++) cache.set(`new ${i}`, i)
    expect(cache.size).toBe(100)
    expect([...cache.keys()].every(key => key.startsWith('new'))).toBe(true)
    expect(cache.takeEvicted().map(({ reason }) => reason)).toEqual(Array(100).fill('expired'))
  })
})

test('a clock that jumps does not end entries', () => {
  const cache = open().set('a', 1, 3_600_000)
  const now = jest.spyOn(Date, 'now').mockReturnValue(1e15)
  expect(cache.get('a')).toBe(1)
  expect(cache.getRemainingTTL('a')).toBeGreaterThan(3_500_000)
  now.mockRestore()
})
