'use strict'

const { make, timed, logged } = require('./support/caches')

describe('has', () => {
  test('tells whether the key is there', () => {
    const cache = make({ max: 2 })
    cache.set('a', null)
    expect(cache.has('a')).toBe(true)
    expect(cache.has('b')).toBe(false)
  })

  test('does not touch the order', () => {
    const cache = make({ max: 2 })
    cache.set('a', 1).set('b', 2)
    cache.has('a')
    cache.set('c', 3)
    expect([...cache.keys()]).toEqual(['c', 'b'])
  })

  test('is false for what has expired, and does not delete it', () => {
    const { callbacks, taken } = logged()
    const [cache, pass] = timed({ ttl: 5, ...callbacks })
    cache.set('a', 1)
    pass(5)
    expect(cache.has('a')).toBe(true)
    pass(1)
    taken()
    expect(cache.has('a')).toBe(false)
    expect(cache.size).toBe(1)
    expect(taken()).toEqual([])
  })

  test('is false for what has expired even where stale values are allowed', () => {
    const [cache, pass] = timed({ ttl: 5, allowStale: true })
    cache.set('a', 1)
    pass(6)
    expect(cache.has('a')).toBe(false)
  })

  test('with updateAgeOnHas starts the time to live anew, but not that of what has expired', () => {
    const [cache, pass] = timed({ ttl: 5 })
    cache.set('a', 1)
    pass(4)
    expect(cache.has('a')).toBe(true)
    expect(cache.getRemainingTTL('a')).toBe(1)
    expect(cache.has('a', { updateAgeOnHas: true })).toBe(true)
    expect(cache.getRemainingTTL('a')).toBe(5)
    pass(6)
    expect(cache.has('a', { updateAgeOnHas: true })).toBe(false)
    expect(cache.getRemainingTTL('a')).toBe(-1)
  })

  test('updateAgeOnHas can be set for the whole cache, and unset for one call', () => {
    const [cache, pass] = timed({ ttl: 5, updateAgeOnHas: true })
    cache.set('a', 1)
    pass(3)
    cache.has('a', { updateAgeOnHas: false })
    expect(cache.getRemainingTTL('a')).toBe(2)
    cache.has('a')
    expect(cache.getRemainingTTL('a')).toBe(5)
  })

  test.each([1, true, 'text', null])('%p as options is none', options => {
    const cache = make({ max: 2 })
    cache.set('a', 1)
    expect(cache.has('a', options)).toBe(true)
  })

  test('an options object is not changed, also not a frozen one', () => {
    const cache = make({ max: 2 })
    cache.set('a', 1)
    const options = Object.freeze({ updateAgeOnHas: true })
    expect(cache.has('a', options)).toBe(true)
    const open = {}
    cache.has('a', open)
    expect(open).toEqual({})
  })
})

describe('peek', () => {
  test('returns the value and leaves the order alone', () => {
    const cache = make({ max: 2 })
    cache.set('a', 1).set('b', 2)
    expect(cache.peek('a')).toBe(1)
    expect(cache.peek('c')).toBeUndefined()
    cache.set('c', 3)
    expect([...cache.keys()]).toEqual(['c', 'b'])
  })

  test('does not return what has expired, and does not delete it', () => {
    const { callbacks, taken } = logged()
    const [cache, pass] = timed({ ttl: 5, ...callbacks })
    cache.set('a', 1)
    pass(6)
    taken()
    expect(cache.peek('a')).toBeUndefined()
    expect(cache.peek('a', { allowStale: true })).toBe(1)
    expect(cache.peek('a', { allowStale: true })).toBe(1)
    expect(cache.size).toBe(1)
    expect(taken()).toEqual([])
  })

  test('does not start the time to live anew', () => {
    const [cache, pass] = timed({ ttl: 5, updateAgeOnGet: true, updateAgeOnHas: true })
    cache.set('a', 1)
    pass(3)
    cache.peek('a')
    expect(cache.getRemainingTTL('a')).toBe(2)
  })

  test('allowStale can be set for the whole cache, and unset for one call', () => {
    const [cache, pass] = timed({ ttl: 5, allowStale: true })
    cache.set('a', 1)
    pass(6)
    expect(cache.peek('a')).toBe(1)
    expect(cache.peek('a', { allowStale: false })).toBeUndefined()
  })

  test.each([1, true, 'text', null])('%p as options is none', options => {
    const cache = make({ max: 2 })
    cache.set('a', 1)
    expect(cache.peek('a', options)).toBe(1)
  })

  test('an options object is not changed, also not a frozen one', () => {
    const cache = make({ max: 2 })
    cache.set('a', 1)
    expect(cache.peek('a', Object.freeze({ allowStale: true }))).toBe(1)
    const open = {}
    cache.peek('a', open)
    expect(open).toEqual({})
  })
})
