'use strict'

const { make, timed, entries, logged } = require('./support/caches')

describe('get', () => {
  test('returns the value, or undefined', () => {
    const cache = make({ max: 2 })
    cache.set('a', 1)
    expect(cache.get('a')).toBe(1)
    expect(cache.get('b')).toBeUndefined()
  })

  test('makes the entry the most recently used', () => {
    const cache = make({ max: 3 })
    cache.set('a', 1).set('b', 2).set('c', 3)
    cache.get('a')
    expect([...cache.keys()]).toEqual(['a', 'c', 'b'])
    cache.get('c')
    expect([...cache.keys()]).toEqual(['c', 'a', 'b'])
    cache.get('c')
    expect([...cache.keys()]).toEqual(['c', 'a', 'b'])
  })

  test('what is read again and again is not evicted', () => {
    const cache = make({ max: 10 })
    cache.set('kept', 1)
    for (let i = 0; i < 1000; i++) {
      cache.set(i, i)
      expect(cache.get('kept')).toBe(1)
    }
  })

  test('a miss changes nothing', () => {
    const { callbacks, taken } = logged()
    const cache = make({ max: 2, ...callbacks })
    cache.set('a', 1).set('b', 2)
    taken()
    cache.get('c')
    expect(entries(cache)).toEqual([['b', 2], ['a', 1]])
    expect(taken()).toEqual([])
  })

  test('deletes an expired entry, for the reason expire', () => {
    const { callbacks, taken } = logged()
    const [cache, pass] = timed({ ttl: 5, ...callbacks })
    cache.set('a', 1)
    pass(5)
    expect(cache.get('a')).toBe(1)
    pass(1)
    taken()
    expect(cache.get('a')).toBeUndefined()
    expect(taken()).toEqual([['dispose', 1, 'a', 'expire'], ['disposeAfter', 1, 'a', 'expire']])
    expect(cache.size).toBe(0)
  })

  test('with allowStale returns an expired value, once', () => {
    const [cache, pass] = timed({ ttl: 5 })
    cache.set('a', 1)
    pass(6)
    expect(cache.get('a', { allowStale: true })).toBe(1)
    expect(cache.get('a', { allowStale: true })).toBeUndefined()
  })

  test('with noDeleteOnStaleGet leaves an expired entry where it is', () => {
    const [cache, pass] = timed({ ttl: 5 })
    cache.set('a', 1).set('b', 2, { ttl: 100 })
    pass(6)
    expect(cache.get('a', { noDeleteOnStaleGet: true })).toBeUndefined()
    expect(cache.get('a', { noDeleteOnStaleGet: true, allowStale: true })).toBe(1)
    expect(cache.dump().map(([key]) => key)).toEqual(['a', 'b'])
  })

  test('both options can be set for the whole cache, and unset for one call', () => {
    const [cache, pass] = timed({ ttl: 5, allowStale: true, noDeleteOnStaleGet: true })
    cache.set('a', 1)
    pass(6)
    expect(cache.get('a')).toBe(1)
    expect(cache.get('a')).toBe(1)
    expect(cache.get('a', { allowStale: false })).toBeUndefined()
    expect(cache.get('a', { noDeleteOnStaleGet: false })).toBe(1)
    expect(cache.get('a')).toBeUndefined()
  })

  test('with updateAgeOnGet starts the time to live anew', () => {
    const [cache, pass] = timed({ ttl: 5 })
    cache.set('a', 1)
    pass(4)
    expect(cache.get('a', { updateAgeOnGet: true })).toBe(1)
    expect(cache.getRemainingTTL('a')).toBe(5)
    pass(4)
    expect(cache.get('a')).toBe(1)
    expect(cache.getRemainingTTL('a')).toBe(1)
  })

  test('updateAgeOnGet does not revive what has expired', () => {
    const [cache, pass] = timed({ ttl: 5, updateAgeOnGet: true, allowStale: true, noDeleteOnStaleGet: true })
    cache.set('a', 1)
    pass(6)
    expect(cache.get('a')).toBe(1)
    expect(cache.getRemainingTTL('a')).toBe(-1)
  })

  test('updateAgeOnGet gives no time to live to what has none', () => {
    const [cache] = timed({ ttl: 5, updateAgeOnGet: true })
    cache.set('a', 1, { ttl: 0 })
    cache.get('a')
    expect(cache.getRemainingTTL('a')).toBe(Infinity)
  })

  test.each([60_000, true, 'text', null])('%p as options is none', options => {
    const cache = make({ max: 2 })
    cache.set('a', 1)
    expect(cache.get('a', options)).toBe(1)
    expect(cache.get('b', options)).toBeUndefined()
  })

  test('an options object is not changed, also not a frozen one', () => {
    const [cache, pass] = timed({ ttl: 5 })
    cache.set('a', 1)
    pass(6)
    expect(cache.get('a', Object.freeze({ allowStale: true }))).toBe(1)
    const open = { allowStale: true }
    cache.get('a', open)
    expect(Object.keys(open)).toEqual(['allowStale'])
  })
})
