'use strict'

const { make, timed, logged, entries } = require('./support/caches')

describe('delete', () => {
  test('tells whether the key was there', () => {
    const cache = make({ max: 3 })
    cache.set('a', 1)
    expect(cache.delete('a')).toBe(true)
    expect(cache.delete('a')).toBe(false)
    expect(cache.size).toBe(0)
    expect(cache.get('a')).toBeUndefined()
  })

  test('leaves the others in their order, wherever the deleted one was', () => {
    for (const [gone, left] of [['a', ['c', 'b']], ['b', ['c', 'a']], ['c', ['b', 'a']]]) {
      const cache = make({ max: 3 })
      cache.set('a', 1).set('b', 2).set('c', 3)
      cache.delete(gone)
      expect([...cache.keys()]).toEqual(left)
      expect([...cache.rkeys()]).toEqual([...left].reverse())
      cache.set('d', 4).set('e', 5)
      expect([...cache.keys()]).toEqual(['e', 'd', left[0]])
    }
  })

  test('disposes for the reason delete', () => {
    const { callbacks, taken } = logged()
    const cache = make({ max: 3, ...callbacks })
    cache.set('a', 1).set('b', 2)
    taken()
    cache.delete('a')
    expect(taken()).toEqual([['dispose', 1, 'a', 'delete'], ['disposeAfter', 1, 'a', 'delete']])
    cache.delete('b')
    expect(taken()).toEqual([['dispose', 2, 'b', 'delete'], ['disposeAfter', 2, 'b', 'delete']])
    cache.delete('b')
    expect(taken()).toEqual([])
  })

  test('also deletes what has expired', () => {
    const [cache, pass] = timed({ ttl: 5 })
    cache.set('a', 1)
    pass(6)
    expect(cache.delete('a')).toBe(true)
  })

  test('gives its size back', () => {
    const cache = make({ maxSize: 10 })
    cache.set('a', 1, { size: 4 }).set('b', 2, { size: 3 })
    cache.delete('a')
    expect(cache.calculatedSize).toBe(3)
    cache.delete('b')
    expect(cache.calculatedSize).toBe(0)
  })

  test('what was deleted can be set again, many times', () => {
    const cache = make({ max: 5 })
    for (let i = 0; i < 1000; i++) {
      cache.set('a', i).set('b', i)
      expect(cache.delete('a')).toBe(true)
      expect(entries(cache)).toEqual([['b', i]])
    }
  })
})

describe('clear', () => {
  test('empties the cache, and returns nothing', () => {
    const cache = make({ max: 3, maxSize: 10, sizeCalculation: () => 2 })
    cache.set('a', 1).set('b', 2)
    expect(cache.clear()).toBeUndefined()
    expect([cache.size, cache.calculatedSize, entries(cache)]).toEqual([0, 0, []])
    cache.clear()
  })

  test('disposes of everything for the reason delete, the least recently used first', () => {
    const { callbacks, taken } = logged()
    const cache = make({ max: 3, ...callbacks })
    cache.set('a', 1).set('b', 2).set('c', 3)
    cache.get('a')
    taken()
    cache.clear()
    expect(taken()).toEqual([
      ['dispose', 2, 'b', 'delete'], ['dispose', 3, 'c', 'delete'], ['dispose', 1, 'a', 'delete'],
      ['disposeAfter', 2, 'b', 'delete'], ['disposeAfter', 3, 'c', 'delete'], ['disposeAfter', 1, 'a', 'delete']
    ])
  })

  test('the cache works on afterwards', () => {
    const cache = make({ max: 3 })
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 5; i++) cache.set(i, round)
      expect(entries(cache)).toEqual([[4, round], [3, round], [2, round]])
      cache.clear()
      expect(cache.get(4)).toBeUndefined()
    }
  })

  test('forgets times to live', () => {
    const [cache, pass] = timed({})
    cache.set('a', 1, { ttl: 5 })
    cache.clear()
    cache.set('a', 2)
    pass(10)
    expect(cache.get('a')).toBe(2)
    expect(cache.getRemainingTTL('a')).toBe(Infinity)
  })
})

describe('pop', () => {
  test('removes the least recently used entry and returns its value', () => {
    const { callbacks, taken } = logged()
    const cache = make({ max: 3, ...callbacks })
    cache.set('a', 1).set('b', 2)
    cache.get('a')
    taken()
    expect(cache.pop()).toBe(2)
    expect(taken()).toEqual([['dispose', 2, 'b', 'evict'], ['disposeAfter', 2, 'b', 'evict']])
    expect(cache.pop()).toBe(1)
    expect(cache.pop()).toBeUndefined()
    expect(cache.size).toBe(0)
  })

  test('returns a falsy value, and one that has expired', () => {
    const [cache, pass] = timed({ ttl: 5 })
    for (const value of [null, 0, '', false]) cache.set(value, value)
    pass(6)
    expect([cache.pop(), cache.pop(), cache.pop(), cache.pop(), cache.pop()]).toEqual([null, 0, '', false, undefined])
  })

  test('gives its size back', () => {
    const cache = make({ maxSize: 10 })
    cache.set('a', 1, { size: 4 }).set('b', 2, { size: 3 })
    cache.pop()
    expect(cache.calculatedSize).toBe(3)
  })
})

describe('purgeStale', () => {
  test('removes all that has expired, the least recently used first, for the reason expire', () => {
    const { callbacks, taken } = logged()
    const [cache, pass] = timed({ ttl: 5, ...callbacks })
    cache.set('a', 1).set('kept', 2, { ttl: 50 }).set('c', 3).set('immortal', 4, { ttl: 0 })
    pass(6)
    taken()
    expect(cache.purgeStale()).toBe(true)
    expect(taken()).toEqual([
      ['dispose', 1, 'a', 'expire'], ['disposeAfter', 1, 'a', 'expire'],
      ['dispose', 3, 'c', 'expire'], ['disposeAfter', 3, 'c', 'expire']
    ])
    expect([...cache.keys()]).toEqual(['immortal', 'kept'])
    expect(cache.purgeStale()).toBe(false)
  })

  test('removes what has expired also where stale values are allowed', () => {
    const [cache, pass] = timed({ ttl: 5, allowStale: true, noDeleteOnStaleGet: true })
    cache.set('a', 1).set('b', 2)
    pass(6)
    expect(cache.purgeStale()).toBe(true)
    expect(cache.size).toBe(0)
  })

  test('is false where nothing can expire', () => {
    const cache = make({ max: 2 })
    cache.set('a', 1)
    expect(cache.purgeStale()).toBe(false)
  })
})
