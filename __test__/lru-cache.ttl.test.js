'use strict'

const { make, timed, handClock, entries } = require('./support/caches')
const FakeTimers = require('@sinonjs/fake-timers')

describe('ttl', () => {
  test('an entry that is exactly as old as its ttl is fresh, a moment later it is not', () => {
    const [cache, pass] = timed({ ttl: 5 })
    cache.set('a', 1)
    pass(5)
    expect(cache.has('a')).toBe(true)
    expect(cache.getRemainingTTL('a')).toBe(0)
    pass(0.25)
    expect(cache.has('a')).toBe(false)
    expect(cache.getRemainingTTL('a')).toBe(-0.25)
  })

  test('getRemainingTTL: 0 for an absent key, Infinity without a ttl', () => {
    const [cache] = timed({ ttl: 5 })
    expect(cache.getRemainingTTL('a')).toBe(0)
    cache.set('a', 1, { ttl: 0 })
    expect(cache.getRemainingTTL('a')).toBe(Infinity)
    const plain = make({ max: 1 })
    expect(plain.getRemainingTTL('a')).toBe(0)
    plain.set('a', 1)
    expect(plain.getRemainingTTL('a')).toBe(Infinity)
  })

  test('a cache made without ttl tracks times from the first set that has one', () => {
    const [cache, pass] = timed({})
    cache.set('before', 1).set('a', 1, { ttl: 5 }).set('after', 1)
    pass(6)
    expect([...cache.keys()]).toEqual(['after', 'before'])
  })

  test('the ttl of one call is not checked: negative is stale at once, 0, NaN, null and Infinity never', () => {
    const [cache, pass] = timed({ ttl: 5 })
    cache.set('negative', 1, { ttl: -1 })
    for (const ttl of [0, NaN, null, Infinity]) cache.set(ttl, 1, { ttl })
    cache.set('fraction', 1, { ttl: 0.5 }).set('default', 1, { ttl: undefined })
    expect(cache.has('negative')).toBe(false)
    expect(cache.has('fraction')).toBe(true)
    pass(1)
    expect(cache.has('fraction')).toBe(false)
    pass(1e15)
    expect([...cache.keys()]).toEqual([Infinity, null, NaN, 0])
  })

  test('start says when the time began, in the reading of the perf clock', () => {
    const [cache, pass, clock] = timed({ ttl: 10 })
    cache.set('a', 1, { start: clock.now() - 8 }).set('b', 1, { start: clock.now() + 8 })
    expect([cache.getRemainingTTL('a'), cache.getRemainingTTL('b')]).toEqual([2, 18])
    pass(3)
    expect([...cache.keys()]).toEqual(['b'])
  })

  test('an overwrite starts the time anew', () => {
    const [cache, pass] = timed({ ttl: 10 })
    cache.set('a', 1)
    pass(8)
    cache.set('a', 1)
    expect(cache.getRemainingTTL('a')).toBe(10)
    cache.set('a', 2, { ttl: 3 })
    expect(cache.getRemainingTTL('a')).toBe(3)
    cache.set('a', 2, { ttl: 0 })
    expect(cache.getRemainingTTL('a')).toBe(Infinity)
  })

  test('noUpdateTTL keeps the time of the entry that is overwritten', () => {
    const [cache, pass] = timed({ ttl: 10, noUpdateTTL: true })
    cache.set('a', 1)
    pass(8)
    cache.set('a', 2)
    expect(cache.getRemainingTTL('a')).toBe(2)
    cache.set('a', 2, { ttl: 50 })
    expect(cache.getRemainingTTL('a')).toBe(2)
    cache.set('a', 3, { noUpdateTTL: false })
    expect(cache.getRemainingTTL('a')).toBe(10)
    cache.set('b', 1, { ttl: 7 })
    expect(cache.getRemainingTTL('b')).toBe(7)
  })

  test('with noUpdateTTL the successor of an expired entry has expired', () => {
    const [cache, pass] = timed({ ttl: 10, noUpdateTTL: true })
    cache.set('a', 1)
    pass(11)
    cache.set('a', 2)
    expect(cache.get('a')).toBeUndefined()
    cache.set('a', 3)
    expect(cache.get('a')).toBe(3)
  })

  test('ttl can be assigned: what is set later has it', () => {
    const [cache] = timed({})
    cache.set('a', 1)
    cache.ttl = 5
    cache.set('b', 1)
    expect([cache.getRemainingTTL('a'), cache.getRemainingTTL('b')]).toEqual([Infinity, 5])
    cache.ttl = 0
    cache.set('b', 1)
    expect(cache.getRemainingTTL('b')).toBe(Infinity)
  })

  test('size counts what has expired and is still there', () => {
    const [cache, pass] = timed({ ttl: 5 })
    cache.set('a', 1)
    pass(6)
    expect(cache.size).toBe(1)
    expect(entries(cache)).toEqual([])
  })

  test('an entry keeps its time when the cache grows', () => {
    const [cache, pass] = timed({ max: 5000, ttl: 100 })
    for (let i = 0; i < 5000; i++) cache.set(i, i, i % 3 === 0 ? { ttl: 50 } : undefined)
    pass(51)
    expect([...cache.rkeys()]).toEqual(Array.from({ length: 5000 }, (_, i) => i).filter(i => i % 3 !== 0))
    pass(50)
    expect(entries(cache)).toEqual([])
  })
})

describe('the clock', () => {
  let fake

  beforeEach(() => {
    fake = FakeTimers.withGlobal(globalThis).install({
      now: 5_000_000,
      toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance']
    })
    fake.tick(1000)
  })

  afterEach(() => fake.uninstall())

  test('is read at most once in ttlResolution ms', () => {
    const perf = { now: jest.fn(() => fake.now) }
    const cache = make({ max: 5, ttl: 100, ttlResolution: 10, perf })
    cache.set('a', 1)
    perf.now.mockClear()
    for (let i = 0; i < 5; i++) cache.get('a')
    expect(perf.now).toHaveBeenCalledTimes(1)
    fake.tick(9)
    cache.get('a')
    expect(perf.now).toHaveBeenCalledTimes(1)
    fake.tick(1)
    cache.get('a')
    expect(perf.now).toHaveBeenCalledTimes(2)
  })

  test('with ttlResolution 0 it is read each time, and no timer is set', () => {
    const perf = { now: jest.fn(() => fake.now) }
    const cache = make({ max: 5, ttl: 100, ttlResolution: 0, perf })
    cache.set('a', 1)
    perf.now.mockClear()
    for (let i = 0; i < 5; i++) cache.get('a')
    expect(perf.now).toHaveBeenCalledTimes(5)
    expect(fake.countTimers()).toBe(0)
  })

  test('a reading that is kept makes an entry seem younger, never older', () => {
    const cache = make({ max: 5, ttl: 5, ttlResolution: 10, perf: { now: () => fake.now } })
    cache.set('a', 1)
    expect(cache.getRemainingTTL('a')).toBe(5)
    fake.tick(7)
    expect(cache.get('a')).toBe(1)
    cache.set('b', 1)
    expect(cache.getRemainingTTL('b')).toBe(12)
    fake.tick(3)
    expect(cache.get('a')).toBeUndefined()
  })

  test('is performance.now by default, looked up when the cache is made, so fake timers work', () => {
    const cache = make({ max: 5, ttl: 50 })
    expect(cache.perf).toBe(performance)
    cache.set('a', 1)
    fake.tick(50)
    expect(cache.get('a')).toBe(1)
    fake.tick(1)
    expect(cache.get('a')).toBeUndefined()
  })

  test('is Date where there is no performance', () => {
    const real = Object.getOwnPropertyDescriptor(globalThis, 'performance')
    Object.defineProperty(globalThis, 'performance', { value: undefined, configurable: true })
    try {
      const cache = make({ max: 5, ttl: 50 })
      expect(cache.perf).toBe(Date)
      cache.set('a', 1)
      fake.tick(51)
      expect(cache.has('a')).toBe(false)
    } finally {
      Object.defineProperty(globalThis, 'performance', real)
    }
  })

  test('is not read by a cache without times to live', () => {
    const perf = { now: jest.fn(() => 1) }
    const cache = make({ max: 5, perf })
    cache.set('a', 1).set('b', 1)
    cache.get('a')
    cache.has('a')
    expect([...cache.keys()]).toEqual(['a', 'b'])
    expect(perf.now).not.toHaveBeenCalled()
  })
})

test('jest\'s own fake timers work as well', () => {
  jest.useFakeTimers()
  try {
    const cache = make({ max: 5, ttl: 50, ttlAutopurge: true })
    jest.advanceTimersByTime(10)
    cache.set('a', 1)
    jest.advanceTimersByTime(50)
    expect(cache.get('a')).toBe(1)
    jest.advanceTimersByTime(1)
    expect(cache.size).toBe(0)
  } finally {
    jest.useRealTimers()
  }
})

test('an entry set when the clock reads a negative time or 0 expires like any other', () => {
  const clock = handClock(-3)
  const cache = make({ max: 5, ttl: 2, ttlResolution: 0, perf: clock })
  cache.set('a', 1)
  clock.pass(3)
  expect(cache.has('a')).toBe(false)
  cache.set('b', 1)
  expect(clock.now()).toBe(0)
  clock.pass(2)
  expect(cache.has('b')).toBe(true)
  clock.pass(1)
  expect(cache.has('b')).toBe(false)
})
