'use strict'

// What heapwise itself has made: Buffers of pools that are never released, and caches that nothing but time bounds.

const { BufferPool, LRUCache } = require('..')
const leaks = require('../lib/leaks')
const registry = require('../lib/leaks/pools-registry')
const { until } = require('./support/leaks')

const ends = []
afterEach(() => { for (const end of ends.splice(0)) end() })

const poolOf = options => {
  const pool = new BufferPool(options)
  ends.push(() => pool.close())
  return pool
}

async function findings (act, options = { pools: true }, looks = 6) {
  const watch = leaks.watch({ interval: 0, ...options })
  ends.push(() => watch.stop())
  for (let look = 0; look < looks; look += 1) {
    await act(look)
    await watch.look()
  }
  expect(watch.report().failures).toEqual({})
  return watch.report().findings
}

const times = (n, act) => { for (let i = 0; i < n; i += 1) act(i) }

describe('Buffers of a pool', () => {
  test('that are kept and not released', async () => {
    const pool = poolOf({ name: 'uploads' })
    const kept = []
    const found = await findings(() => times(20, () => kept.push(pool.acquire(1024))))
    expect(found).toEqual([{
      kind: 'pool',
      message: "120 Buffers of the BufferPool 'uploads', 120 KB, are lent and were not released; " +
        'they grew from 20 to 120 in 6 looks',
      name: 'uploads',
      state: 'lent',
      growth: { from: 20, to: 120, looks: 6, perHour: expect.any(Number), bytes: 102_400 },
      confidence: 'certain',
      source: 'counts'
    }])
  })

  test('that are dropped and not released, with the place that acquired them', async () => {
    const pool = poolOf({ name: 'replies', leakDetection: 'paranoid' })
    let dropped = 0
    const drop = () => times(20, () => { pool.acquire(1024); dropped += 1 })
    const found = await findings(async () => {
      drop()
      await until(() => { globalThis.gc(); return pool.stats().lost === dropped })
    })
    const [{ place }] = found
    expect(found).toMatchObject([{
      kind: 'pool', name: 'replies', state: 'lost', growth: { from: 20, to: 120 }, confidence: 'certain',
      places: [{ place, count: 120 }]
    }])
    expect(place).toMatch(/^__test__.leaks\.pools\.test\.js:\d+:\d+$/)
    expect(found[0].message).toBe("120 Buffers of the BufferPool 'replies', 120 KB, were dropped and not released, " +
      `acquired at ${place}; they grew from 20 to 120 in 6 looks`)
  })

  test('that are released, are as many as ever, or of a pool that is closed, are none', async () => {
    const [released, steady, closed] = [poolOf(), poolOf(), poolOf()]
    const kept = []
    times(500, () => kept.push(steady.acquire(64)))
    expect(await findings(look => {
      times(100, () => released.release(released.acquire(100)))
      if (look === 0) closed.close()
    }, { pools: true }, 10)).toEqual([])
  })

  test('a pool is not held', async () => {
    const watch = leaks.watch({ pools: true, interval: 0 })
    ends.push(() => watch.stop())
    const make = () => new WeakRef(new BufferPool())
    const ref = make()
    await watch.look()
    await until(async () => {
      globalThis.gc()
      await watch.look()
      return ref.deref() === undefined
    })
    expect([...registry.pools].includes(undefined)).toBe(false)
  })
})

describe('caches', () => {
  test('that nothing but time bounds', async () => {
    const cache = new LRUCache({ ttl: 3_600_000 })
    const found = await findings(look => times(500, i => cache.set(`${look}/${i}`, i)))
    expect(found).toEqual([{
      kind: 'cache',
      message: "an LRUCache without 'max' and 'maxSize' only grows: it grew from 500 to 3,000 entries in 6 looks",
      name: 'LRUCache',
      growth: { from: 500, to: 3000, looks: 6, perHour: expect.any(Number) },
      confidence: 'certain',
      source: 'counts'
    }])
  })

  test('that are bounded, or as large as ever, are none', async () => {
    const bounded = new LRUCache({ max: 100_000 })
    const purged = new LRUCache({ ttl: 3_600_000, ttlAutopurge: true })
    const steady = new LRUCache({ ttl: 3_600_000 })
    times(5000, i => steady.set(i, i))
    expect(await findings(look => {
      times(2000, i => { bounded.set(`${look}/${i}`, i); steady.set(i, look) })
    })).toEqual([])
    purged.clear()
  })
})

test.each([[{ buffers: 0 }], [{ entries: '1' }], [{ looks: 0 }], [{ bufers: 1 }]])('%j is refused', options => {
  expect(() => leaks.watch({ pools: options })).toThrow(expect.objectContaining({
    code: expect.stringMatching(/^ERR_HEAPWISE_/)
  }))
})
