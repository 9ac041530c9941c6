'use strict'

const FakeTimers = require('@sinonjs/fake-timers')
const { make, entries, logged } = require('./support/caches')

describe('dump', () => {
  test('gives [key, { value }] pairs, the least recently used first', () => {
    const cache = make({ max: 3 })
    cache.set('a', 1).set('b', 2)
    cache.get('a')
    expect(cache.dump()).toEqual([['b', { value: 2 }], ['a', { value: 1 }]])
    expect(make({ max: 3 }).dump()).toEqual([])
  })

  test('gives sizes where there are sizes', () => {
    const cache = make({ max: 3, maxEntrySize: 5, sizeCalculation: value => value })
    cache.set('a', 1).set('b', 2)
    expect(cache.dump()).toEqual([['a', { value: 1, size: 1 }], ['b', { value: 2, size: 2 }]])
  })

  test('does not change the order, and needs no callbacks', () => {
    const { callbacks, taken } = logged()
    const cache = make({ max: 3, ...callbacks })
    cache.set('a', 1).set('b', 2)
    taken()
    cache.dump()
    expect(taken()).toEqual([])
    expect([...cache.keys()]).toEqual(['b', 'a'])
  })

  test('of many entries is in order', () => {
    const cache = make({ max: 5000 })
    for (let i = 0; i < 5000; i++) cache.set(i, i)
    expect(cache.dump().map(([key]) => key)).toEqual(Array.from({ length: 5000 }, (_, i) => i))
  })

  test('passes over what is being fetched, or gives the stale value of it', () => {
    const cache = make({ max: 3, fetchMethod: () => new Promise(() => {}) })
    cache.set('a', 1)
    cache.fetch('a', { forceRefresh: true })
    cache.fetch('b')
    expect(cache.dump()).toEqual([['a', { value: 1 }]])
  })
})

describe('dump and load with times to live', () => {
  let fake

  beforeEach(() => {
    fake = FakeTimers.withGlobal(globalThis).install({
      now: 7_000_000, toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance']
    })
    fake.tick(500)
  })

  afterEach(() => fake.uninstall())

  const options = { max: 5, ttl: 100, ttlResolution: 0 }

  test('start is a time of day, whatever the clock of the cache reads', () => {
    const cache = make(options)
    expect(cache.perf.now()).toBe(500)
    cache.set('a', 1)
    fake.tick(30)
    cache.set('b', 2, { ttl: 7 })
    expect(cache.dump()).toEqual([
      ['a', { value: 1, ttl: 100, start: 7_000_500 }], ['b', { value: 2, ttl: 7, start: 7_000_530 }]
    ])
  })

  test('start is a whole number', () => {
    const cache = make({ ...options, perf: { now: () => fake.now + 0.7 } })
    cache.set('a', 1)
    fake.tick(1)
    expect(Number.isInteger(cache.dump()[0][1].start)).toBe(true)
  })

  test('what has expired is dumped too', () => {
    const cache = make(options)
    cache.set('a', 1)
    fake.tick(101)
    expect(cache.dump()).toEqual([['a', { value: 1, ttl: 100, start: 7_000_500 }]])
  })

  test('what has no time has ttl 0', () => {
    const cache = make(options)
    cache.set('a', 1, { ttl: 0 })
    expect(cache.dump()[0][1]).toMatchObject({ value: 1, ttl: 0 })
    const other = make(options)
    other.load(cache.dump())
    fake.tick(1000)
    expect(other.get('a')).toBe(1)
  })

  test('the age goes on in the other cache, also one with another clock', () => {
    const cache = make(options)
    cache.set('a', 1).set('b', 2, { ttl: 1000 })
    fake.tick(60)
    const text = JSON.stringify(cache.dump())
    fake.tick(30)
    const other = make({ ...options, perf: Date })
    other.load(JSON.parse(text))
    expect([other.getRemainingTTL('a'), other.getRemainingTTL('b')]).toEqual([10, 910])
    fake.tick(11)
    expect(entries(other)).toEqual([['b', 2]])
  })

  test('load does not change what it is given, frozen or not', () => {
    const cache = make(options)
    cache.set('a', 1)
    const dumped = cache.dump()
    for (const [, entry] of dumped) Object.freeze(entry)
    const text = JSON.stringify(dumped)
    fake.tick(40)
    for (let i = 0; i < 2; i++) {
      const other = make(options)
      other.load(dumped)
      expect(other.getRemainingTTL('a')).toBe(60)
    }
    expect(JSON.stringify(dumped)).toBe(text)
  })
})

describe('load', () => {
  test('replaces the content, and returns nothing', () => {
    const { callbacks, taken } = logged()
    const cache = make({ max: 3, ...callbacks })
    cache.set('old', 0)
    taken()
    expect(cache.load([['a', { value: 1 }], ['b', { value: 2 }]])).toBeUndefined()
    expect(entries(cache)).toEqual([['b', 2], ['a', 1]])
    expect(taken()).toEqual([
      ['dispose', 0, 'old', 'delete'], ['disposeAfter', 0, 'old', 'delete'],
      ['insert', 1, 'a', 'add'], ['insert', 2, 'b', 'add']
    ])
  })

  test('round trips a cache, in order', () => {
    const cache = make({ max: 50, maxSize: 500 })
    for (let i = 0; i < 80; i++) cache.set(i * 7 % 60, { i }, { size: 1 + i % 9 })
    const other = make({ max: 50, maxSize: 500 })
    other.load(cache.dump())
    expect(entries(other)).toEqual(entries(cache))
    expect(other.dump()).toEqual(cache.dump())
    expect(other.calculatedSize).toBe(cache.calculatedSize)
  })

  test('into a smaller cache keeps the most recently used', () => {
    const cache = make({ max: 2 })
    cache.load([['a', { value: 1 }], ['b', { value: 2 }], ['c', { value: 3 }]])
    expect(entries(cache)).toEqual([['c', 3], ['b', 2]])
  })

  test('takes any iterable', () => {
    const cache = make({ max: 2 })
    cache.load(new Map([['a', { value: 1 }]]))
    expect(entries(cache)).toEqual([['a', 1]])
  })

  test('computes a size that is not given', () => {
    const cache = make({ maxSize: 10, sizeCalculation: value => value })
    cache.load([['a', { value: 3 }], ['b', { value: 1, size: 4 }]])
    expect(cache.calculatedSize).toBe(7)
  })

  test('an entry whose value is undefined is nothing', () => {
    const cache = make({ max: 2 })
    cache.load([['a', { value: undefined }], ['b', { value: 1 }]])
    expect(entries(cache)).toEqual([['b', 1]])
  })

  test('of its own dump changes nothing', () => {
    const cache = make({ max: 3 })
    cache.set('a', 1).set('b', 2)
    cache.load(cache.dump())
    expect(entries(cache)).toEqual([['b', 2], ['a', 1]])
  })
})
