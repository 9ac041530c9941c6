'use strict'

// stats(): every number, after every kind of step.

const { MEMORIES, classOf, closeAll, open, takeAway, untilCollected } = require('./support/buffer-pool-tools')

afterEach(closeAll)

const NO_DROPS = { full: 0, idle: 0, trim: 0, cap: 0, detached: 0, fence: 0, poison: 0, closed: 0 }
const turn = () => new Promise(resolve => setImmediate(resolve))

describe.each(MEMORIES)('%s memory', memory => {
  const make = options => open({ idleMs: 0, ...options }, memory)

  const emptyClass = size => ({
    size, acquired: 0, released: 0, hits: 0, misses: 0, live: 0, peak: 0, free: 0, lost: 0, dropped: NO_DROPS, waste: 0
  })

  test('of a new pool: all there is to say', () => {
    const pool = make({ name: 'mine', classes: [128, 1024], maxBytes: 8192, zeroing: 'both', fence: 'sampled' })
    expect(pool.stats()).toEqual({
      name: 'mine', closed: false, memory, zeroing: 'both', fence: 'sampled',
      acquired: 0, released: 0, hits: 0, misses: 0, live: 0, free: 0, lost: 0, pinned: 0, dropped: NO_DROPS,
      bytes: { max: 8192, live: 0, free: 0, lost: 0, mapped: 0, committed: 0 },
      secure: null, classes: [emptyClass(128), emptyClass(1024)], waiting: 0, poisoned: 0,
      unpooled: { acquired: 0, released: 0, bytes: 0 }, leaks: []
    })
  })

  test('step by step', async () => {
    const pool = make({ classes: [128, 1024], maxBytes: 4096 })
    const expectClasses = (small, large, rest = {}) => {
      const stats = pool.stats()
      expect(stats.classes).toEqual([{ ...emptyClass(128), ...small }, { ...emptyClass(1024), ...large }])
      const total = name => stats.classes.reduce((sum, each) => sum + each[name], 0)
      for (const name of ['acquired', 'released', 'hits', 'misses', 'live', 'free', 'lost']) {
        expect([name, stats[name]]).toEqual([name, total(name)])
      }
      expect(stats.bytes).toMatchObject({
        max: 4096, live: stats.classes.reduce((sum, { live, size }) => sum + live * size, 0),
        free: stats.classes.reduce((sum, { free, size }) => sum + free * size, 0)
      })
      expect(stats).toMatchObject(rest)
    }

    const waste = expect.closeTo(1 / 6, 10)
    const a = pool.acquire(64)
    expectClasses({ acquired: 1, misses: 1, live: 1, peak: 1, waste: 0.5 }, {})
    const b = pool.acquire(128)
    expectClasses({ acquired: 2, misses: 2, live: 2, peak: 2, waste: 0.25 }, {})
    pool.release(a)
    expectClasses({ acquired: 2, released: 1, misses: 2, live: 1, peak: 2, free: 1, waste: 0.25 }, {})
    const c = pool.acquire(128, { zero: true })
    expectClasses({ acquired: 3, released: 1, hits: 1, misses: 2, live: 2, peak: 2, waste }, {})
    pool.release(b, 10)
    pool.release(c)
    expectClasses({ acquired: 3, released: 3, hits: 1, misses: 2, peak: 2, free: 2, waste }, {})

    // Large ones, for which the small ones have to go.
    const large = [1, 2, 3, 4].map(() => pool.acquire(1024))
    const small = { acquired: 3, released: 3, hits: 1, misses: 2, peak: 2, waste, dropped: { ...NO_DROPS, cap: 2 } }
    const full = { acquired: 4, misses: 4, live: 4, peak: 4 }
    expectClasses(small, full, { dropped: { ...NO_DROPS, cap: 2 } })

    // And one for which there is no room at all, nothing, and too much.
    const plain = [pool.acquire(100), pool.acquire(0), pool.acquire(5000)]
    expectClasses(small, full, { unpooled: { acquired: 3, released: 0, bytes: 5100 } })
    for (const buf of plain) pool.release(buf)
    expectClasses(small, full, { unpooled: { acquired: 3, released: 3, bytes: 5100 } })

    const taken = takeAway(large[0])
    const detached = taken === undefined ? 0 : 1
    for (const buf of large) pool.release(buf)
    expectClasses(small, {
      acquired: 4, misses: 4, released: 4, peak: 4, free: 4 - detached, dropped: { ...NO_DROPS, detached }
    }, { dropped: { ...NO_DROPS, cap: 2, detached } })

    expect(pool.trim()).toBe((4 - detached) * 1024)
    const drops = { ...NO_DROPS, detached, trim: 4 - detached }
    const trimmed = { acquired: 4, misses: 4, released: 4, peak: 4, dropped: drops }
    expectClasses(small, trimmed)

    pool.release(pool.acquire(1000))
    pool.close()
    expectClasses(small, {
      ...trimmed, acquired: 5, released: 5, misses: 5, waste: expect.closeTo(24 / 5120, 10),
      dropped: { ...drops, closed: 1 }
    }, { closed: true })
  })

  test('what is lost is no longer live, and was not released', async () => {
    const pool = make({ classes: [128, 1024] })
    const held = pool.acquire(1000)
    const lose = () => {
      for (let i = 0; i < 30; i++) pool.acquire(i % 3 === 0 ? 1000 : 100)
    }
    lose()
    expect(pool.stats()).toMatchObject({ live: 31, lost: 0 })
    await untilCollected(() => pool.stats().lost === 30, 'all but one are lost')
    expect(pool.stats()).toMatchObject({
      acquired: 31, released: 0, live: 1, free: 0, lost: 30, bytes: { live: 1024, free: 0, lost: 10 * 1024 + 20 * 128 }
    })
    expect(classOf(pool, 128)).toMatchObject({ acquired: 20, released: 0, live: 0, peak: 20, lost: 20 })
    expect(classOf(pool, 1024)).toMatchObject({ acquired: 11, released: 0, live: 1, peak: 11, lost: 10 })
    pool.release(held)
    expect(pool.stats()).toMatchObject({ released: 1, live: 0, free: 1, lost: 30 })
  })

  test('the most that were lent at once', () => {
    const pool = make({ classes: [128] })
    for (const count of [3, 10, 5]) {
      const bufs = Array.from({ length: count }, () => pool.acquire(100))
      for (const buf of bufs) pool.release(buf)
    }
    expect(classOf(pool, 128)).toMatchObject({ peak: 10, acquired: 18, hits: 8, misses: 10, free: 10 })
  })

  test('what is dropped beyond maxFreeBytes', () => {
    const pool = make({ classes: [128, 1024], maxFreeBytes: 2048 })
    const bufs = [1024, 1024, 1024, 128].map(size => pool.acquire(size))
    for (const buf of bufs) pool.release(buf)
    expect(pool.stats()).toMatchObject({ free: 2, dropped: { full: 2 }, bytes: { free: 2048 } })
    expect([classOf(pool, 128).dropped.full, classOf(pool, 1024).dropped.full]).toEqual([1, 1])
    // There is room again as soon as one is lent.
    const [one, small] = [pool.acquire(1024), pool.acquire(128)]
    pool.release(small)
    expect(pool.stats()).toMatchObject({ free: 2, bytes: { free: 1024 + 128 } })
    pool.release(one)
    expect(pool.stats()).toMatchObject({ free: 2, dropped: { full: 3 }, bytes: { free: 1024 + 128 } })
  })

  test('poisoned, waiting, and the options', async () => {
    const pool = make({ classes: [1024], maxBytes: 1024, onFull: 'wait', poison: true, zeroing: 'on-acquire' })
    const stale = pool.acquire(10)
    const waiting = [pool.acquireAsync(10), pool.acquireAsync(20)]
    expect(pool.stats()).toMatchObject({ waiting: 2, live: 1, zeroing: 'on-acquire', fence: 'off' })
    pool.release(stale)
    const first = await waiting[0]
    expect(pool.stats()).toMatchObject({ waiting: 1, live: 1, acquired: 2, released: 1 })
    pool.release(first)
    const second = await waiting[1]
    pool.release(second)
    expect(pool.stats()).toMatchObject({ waiting: 0, live: 0, acquired: 3, released: 3, poisoned: 0 })
    second[5] = 1
    pool.release(pool.acquire(10))
    await turn()
    expect(pool.stats()).toMatchObject({ poisoned: 1, dropped: { poison: 1 } })
  })

  test('memory that is mapped holds what is lent and free, and goes with trim', () => {
    const pool = make({ classes: [4096, 65536] })
    const bufs = Array.from({ length: 40 }, (_, i) => pool.acquire(i % 2 ? 4096 : 65536).fill(1))
    const held = 20 * (4096 + 65536)
    const { bytes } = pool.stats()
    expect(bytes.live).toBe(held)
    expect(bytes.mapped).toBeGreaterThanOrEqual(held)
    expect(bytes.committed).toBeGreaterThanOrEqual(held)
    expect(bytes.committed).toBeLessThanOrEqual(bytes.mapped)
    // Not much more than is needed.
    expect(bytes.mapped).toBeLessThan(1.3 * held)
    for (const buf of bufs) pool.release(buf)
    expect(pool.stats().bytes.mapped).toBe(bytes.mapped)
    pool.trim()
    expect(pool.stats().bytes).toMatchObject({ live: 0, free: 0 })
  })

  test('a snapshot is nobody else\'s', () => {
    const pool = make({ classes: [128] })
    const before = pool.stats()
    const copy = structuredClone(before)
    before.classes[0].dropped.full = 5
    before.dropped.full = 5
    before.leaks.push(1)
    before.bytes.live = 7
    before.unpooled.acquired = 9
    expect(pool.stats()).toEqual(copy)
    expect(JSON.parse(JSON.stringify(copy))).toEqual(copy)
  })

  test('numbers go on being right beyond 31 bits of anything that wraps', () => {
    const pool = make({ classes: [2 ** 20], zeroing: 'none' })
    for (let i = 0; i < 5000; i++) pool.release(pool.acquire(2 ** 20))
    // 5,000 MiB asked for: more than 32 bits of bytes.
    expect(classOf(pool, 2 ** 20)).toMatchObject({ acquired: 5000, waste: 0 })
    pool.release(pool.acquire(2 ** 19))
    expect(classOf(pool, 2 ** 20).waste).toBeCloseTo(0.5 / 5001, 10)
  })
})
