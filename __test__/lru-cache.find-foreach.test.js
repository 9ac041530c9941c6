'use strict'

const { make, timed, entries, thrown } = require('./support/caches')

const filled = () => make({ max: 5 }).set('a', 1).set('b', 2).set('c', 3)

describe('find', () => {
  test('returns the value of the first match, the most recently used first', () => {
    const cache = filled()
    expect(cache.find(value => value < 3)).toBe(2)
    expect(cache.find((_, key) => key === 'a')).toBe(1)
    expect(cache.find(() => false)).toBeUndefined()
  })

  test('makes what it finds the most recently used', () => {
    const cache = filled()
    cache.find(value => value === 1)
    expect([...cache.keys()]).toEqual(['a', 'c', 'b'])
  })

  test('calls with value, key and cache, and stops at the first truthy answer', () => {
    const cache = filled()
    const calls = []
    cache.find((...args) => calls.push(args) && (args[0] === 2 ? 'yes' : 0))
    expect(calls).toEqual([[3, 'c', cache], [2, 'b', cache]])
  })

  test('passes its options to get', () => {
    const [cache, pass] = timed({ ttl: 10, allowStale: true })
    cache.set('a', 1)
    pass(5)
    cache.find(() => true, { updateAgeOnGet: true })
    expect(cache.getRemainingTTL('a')).toBe(10)
    pass(11)
    const status = {}
    expect(cache.find(() => true, { noDeleteOnStaleGet: true, status })).toBe(1)
    expect(status).toMatchObject({ get: 'stale', returnedStale: true })
    expect(cache.size).toBe(1)
    expect(cache.find(() => true, 5)).toBe(1)
    expect(cache.size).toBe(0)
  })

  test('passes over what has expired', () => {
    const [cache, pass] = timed({ ttl: 10 })
    cache.set('a', 1)
    pass(11)
    expect(cache.find(() => true)).toBeUndefined()
  })

  test('sees falsy values', () => {
    const cache = make({ max: 5 })
    cache.set('a', null).set('b', 0)
    const seen = []
    cache.find(value => { seen.push(value); return false })
    expect(seen).toEqual([0, null])
  })

  test('a match that its predicate deletes is not there any more', () => {
    const cache = filled()
    expect(cache.find((value, key) => cache.delete(key))).toBeUndefined()
    expect(cache.size).toBe(2)
  })
})

describe.each([
  ['forEach', [[3, 'c'], [2, 'b'], [1, 'a']]],
  ['rforEach', [[1, 'a'], [2, 'b'], [3, 'c']]]
])('%s', (name, order) => {
  test('visits each entry, with value, key and cache, on the cache', () => {
    const cache = filled()
    const calls = []
    const result = cache[name](function (...args) { calls.push([this, ...args]) })
    expect(result).toBeUndefined()
    expect(calls).toEqual(order.map(([value, key]) => [cache, value, key, cache]))
  })

  test('is called on what is given', () => {
    const receiver = {}
    filled()[name](function () { expect(this).toBe(receiver) }, receiver)
    expect.assertions(3)
  })

  test('leaves the order alone', () => {
    const cache = filled()
    cache[name](() => {})
    expect([...cache.keys()]).toEqual(['c', 'b', 'a'])
  })

  test('passes over what has expired, unless the cache allows stale values', () => {
    const [cache, pass] = timed({ ttl: 10 })
    cache.set('a', 1).set('b', 2, { ttl: 50 })
    pass(11)
    const seen = []
    cache[name](value => { seen.push(value) })
    expect(seen.splice(0)).toEqual([2])
    cache.allowStale = true
    cache[name](value => { seen.push(value) })
    expect(seen.sort()).toEqual([1, 2])
  })

  test('sees the stale value of what is fetched anew, and nothing of what is fetched for the first time', () => {
    const cache = make({ max: 5, fetchMethod: () => new Promise(() => {}) })
    cache.set('a', 1)
    cache.fetch('a', { forceRefresh: true })
    cache.fetch('b')
    const seen = []
    cache[name]((value, key) => { seen.push([key, value]) })
    expect(seen).toEqual([['a', 1]])
  })

  test('visits each once, whatever is read, written and deleted meanwhile', () => {
    const cache = make({ max: 100 })
    for (let i = 0; i < 100; i++) cache.set(i, i)
    const seen = []
    cache[name]((value, key) => {
      seen.push(key)
      cache.get(50)
      cache.get(key)
      cache.set(99 - key, -key)
      if (key % 10 === 0) cache.delete(key)
    })
    // What is written again after its deletion may be visited again.
    expect([...new Set(seen)].sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i))
    const again = seen.filter((key, index) => seen.indexOf(key) !== index)
    expect(again.every(key => key % 10 === 0)).toBe(true)
  })

  test('ends where its callback throws', () => {
    const cache = filled()
    const failure = new Error('stop')
    let calls = 0
    expect(thrown(() => cache[name](() => { calls++; throw failure }))).toBe(failure)
    expect(calls).toBe(1)
    expect(entries(cache)).toHaveLength(3)
  })

  test.each([undefined, null, 5, {}])('%p is no function', value => {
    expect(() => filled()[name](value)).toThrow(TypeError)
    expect(() => filled().find(value)).toThrow(TypeError)
  })
})
