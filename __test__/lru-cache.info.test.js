'use strict'

const FakeTimers = require('@sinonjs/fake-timers')
const { make, timed } = require('./support/caches')

describe('info', () => {
  let fake

  beforeEach(() => {
    fake = FakeTimers.withGlobal(globalThis).install({ now: 7_000_000, toFake: ['setTimeout', 'clearTimeout', 'Date'] })
  })

  afterEach(() => fake.uninstall())

  test('is undefined for an absent key', () => {
    expect(make({ max: 1 }).info('a')).toBeUndefined()
  })

  test('gives the value alone where there are no times and sizes', () => {
    const cache = make({ max: 1 })
    cache.set('a', 1)
    expect(cache.info('a')).toEqual({ value: 1 })
  })

  test('gives the size where there are sizes', () => {
    const cache = make({ maxSize: 10 })
    cache.set('a', 1, { size: 3 })
    expect(cache.info('a')).toEqual({ value: 1, size: 3 })
  })

  test('gives the remaining time, and the time of day as start', () => {
    const [cache, pass] = timed({ ttl: 10, maxSize: 10, sizeCalculation: () => 1 })
    cache.set('a', 1)
    pass(2.5)
    expect(cache.info('a')).toEqual({ value: 1, ttl: 7.5, start: 7_000_000, size: 1 })
    fake.tick(5)
    pass(10)
    expect(cache.info('a')).toEqual({ value: 1, ttl: -2.5, start: 7_000_005, size: 1 })
  })

  test('gives no time where the entry has none', () => {
    const [cache] = timed({ ttl: 10 })
    cache.set('a', 1, { ttl: 0 })
    expect(cache.info('a')).toEqual({ value: 1 })
  })

  test('can be loaded into another cache', () => {
    const options = { max: 2, ttl: 10, ttlResolution: 0, perf: Date }
    const cache = make(options)
    cache.set('a', 1)
    fake.tick(4)
    const other = make(options)
    other.load([['a', cache.info('a')]])
    expect(other.getRemainingTTL('a')).toBe(6)
  })

  test('changes nothing', () => {
    const [cache, pass] = timed({ ttl: 10, updateAgeOnGet: true, updateAgeOnHas: true })
    cache.set('a', 1).set('b', 1)
    pass(4)
    cache.info('a')
    expect([...cache.keys()]).toEqual(['b', 'a'])
    expect(cache.getRemainingTTL('a')).toBe(6)
    pass(7)
    cache.info('a')
    expect(cache.size).toBe(2)
  })

  test('of a key that is fetched is that of its stale value', () => {
    const cache = make({ max: 2, fetchMethod: () => new Promise(() => {}) })
    cache.set('a', 1)
    cache.fetch('a', { forceRefresh: true })
    cache.fetch('b')
    expect(cache.info('a')).toEqual({ value: 1 })
    expect(cache.info('b')).toBeUndefined()
  })
})
