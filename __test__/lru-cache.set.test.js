'use strict'

const { LRUCache, make, timed, logged, entries, thrown } = require('./support/caches')

describe('set', () => {
  test('adds, and makes the entry the most recently used', () => {
    const cache = make({ max: 3 })
    cache.set('a', 1).set('b', 2).set('c', 3)
    expect(entries(cache)).toEqual([['c', 3], ['b', 2], ['a', 1]])
  })

  test('returns the cache', () => {
    const cache = make({ max: 3 })
    expect(cache.set('a', 1)).toBe(cache)
    expect(cache.set('a', undefined)).toBe(cache)
  })

  test('overwrites, and moves the entry to the front even when nothing changes', () => {
    const cache = make({ max: 3 })
    cache.set('a', 1).set('b', 2).set('a', 1)
    expect(entries(cache)).toEqual([['a', 1], ['b', 2]])
    cache.set('b', 3)
    expect(entries(cache)).toEqual([['b', 3], ['a', 1]])
  })

  test('evicts the least recently used entry when the cache is full', () => {
    const cache = make({ max: 2 })
    cache.set('a', 1).set('b', 2)
    cache.get('a')
    cache.set('c', 3)
    expect(entries(cache)).toEqual([['c', 3], ['a', 1]])
    expect(cache.size).toBe(2)
  })

  test('an overwrite in a full cache evicts nothing', () => {
    const cache = make({ max: 2 })
    cache.set('a', 1).set('b', 2).set('a', 3)
    expect(entries(cache)).toEqual([['a', 3], ['b', 2]])
  })

  test('a cache of one entry holds the last', () => {
    const cache = make({ max: 1 })
    for (let i = 0; i < 10; i++) cache.set(i, i)
    expect(entries(cache)).toEqual([[9, 9]])
  })

  test('keys are compared as a Map compares them', () => {
    const cache = make({ max: 10 })
    const symbol = Symbol('key')
    const object = {}
    const keys = [NaN, 0, '0', null, symbol, object, true, 1n]
    keys.forEach((key, index) => cache.set(key, index))
    keys.forEach((key, index) => expect(cache.get(key)).toBe(index))
    expect(cache.get(-0)).toBe(1)
    expect(cache.get({})).toBeUndefined()
    cache.set(-0, 'zero')
    expect(cache.size).toBe(keys.length)
    expect(cache.get(0)).toBe('zero')
  })

  test('-0 is kept as it is given', () => {
    const cache = make({ max: 10 })
    cache.set(-0, 'zero')
    expect(Object.is([...cache.keys()][0], -0)).toBe(true)
  })

  test('a key that is undefined can be set and got, but iteration passes over it', () => {
    const cache = make({ max: 10 })
    cache.set(undefined, 'value').set('a', 1)
    expect(cache.get(undefined)).toBe('value')
    expect(cache.has(undefined)).toBe(true)
    expect(cache.size).toBe(2)
    expect([...cache.keys()]).toEqual(['a'])
    expect(entries(cache)).toEqual([['a', 1]])
    expect(cache.dump()).toEqual([['a', { value: 1 }]])
    expect(cache.delete(undefined)).toBe(true)
  })

  test('null and other falsy values are values', () => {
    const cache = make({ max: 10 })
    for (const value of [null, 0, '', false, NaN, 0n]) expect(cache.set('key', value).get('key')).toBe(value)
  })

  test('nothing is cloned', () => {
    const cache = make({ max: 10 })
    const value = { deep: [1] }
    expect(cache.set('a', value).get('a')).toBe(value)
  })

  test('undefined as a value deletes, through the method delete', () => {
    class Watched extends LRUCache {
      deleted = []
      delete (key) {
        this.deleted.push(key)
        return super.delete(key)
      }
    }
    const cache = new Watched({ max: 3 })
    cache.set('a', 1)
    expect(cache.set('a', undefined)).toBe(cache)
    expect(cache.has('a')).toBe(false)
    cache.set('absent', undefined)
    expect(cache.deleted).toEqual(['a', 'absent'])
  })

  test('tells onInsert and dispose in the order of lru-cache', () => {
    const { callbacks, taken } = logged()
    const cache = make({ max: 2, ...callbacks })
    cache.set('a', 1)
    expect(taken()).toEqual([['insert', 1, 'a', 'add']])
    cache.set('a', 2)
    expect(taken()).toEqual([
      ['dispose', 1, 'a', 'set'], ['insert', 2, 'a', 'replace'], ['disposeAfter', 1, 'a', 'set']
    ])
    cache.set('a', 2)
    expect(taken()).toEqual([['insert', 2, 'a', 'update']])
    cache.set('b', 1).set('c', 1)
    expect(taken()).toEqual([
      ['insert', 1, 'b', 'add'],
      ['dispose', 2, 'a', 'evict'], ['insert', 1, 'c', 'add'], ['disposeAfter', 2, 'a', 'evict']
    ])
  })

  test('NaN is never the same value', () => {
    const { callbacks, taken } = logged()
    const cache = make({ max: 2, ...callbacks })
    cache.set('a', NaN).set('a', NaN)
    expect(taken()).toEqual([
      ['insert', NaN, 'a', 'add'],
      ['dispose', NaN, 'a', 'set'], ['insert', NaN, 'a', 'replace'], ['disposeAfter', NaN, 'a', 'set']
    ])
  })

  test('an expired entry is overwritten like any other', () => {
    const { callbacks, taken } = logged()
    const [cache, pass] = timed({ ttl: 5, ...callbacks })
    cache.set('a', 1)
    pass(10)
    taken()
    cache.set('a', 2)
    expect(taken()).toEqual([
      ['dispose', 1, 'a', 'set'], ['insert', 2, 'a', 'replace'], ['disposeAfter', 1, 'a', 'set']
    ])
    expect(cache.get('a')).toBe(2)
  })

  test('options given for one call count for that call', () => {
    const [cache, pass] = timed({ ttl: 5 })
    cache.set('a', 1, { ttl: 50 }).set('b', 1)
    pass(20)
    expect([cache.get('a'), cache.get('b')]).toEqual([1, undefined])
  })

  test.each([60_000, true, 'text', null, undefined, 5n, Symbol('x')])('%p as options is none', options => {
    const cache = make({ max: 2 })
    expect(cache.set('a', 1, options)).toBe(cache)
    expect(cache.get('a')).toBe(1)
    expect(cache.getRemainingTTL('a')).toBe(Infinity)
  })

  test('an options object is not changed, also not a frozen one', () => {
    const [cache] = timed({})
    const options = Object.freeze({ ttl: 5 })
    cache.set('a', 1, options)
    expect(cache.getRemainingTTL('a')).toBe(5)
    const open = { ttl: 6 }
    cache.set('b', 1, open)
    expect(Object.keys(open)).toEqual(['ttl'])
  })

  test('size is refused by a cache that knows no sizes', () => {
    const cache = make({ max: 2 })
    for (const options of [{ size: 1 }, { sizeCalculation: () => 1 }]) {
      const error = thrown(() => cache.set('a', 1, options))
      expect(error).toBeInstanceOf(TypeError)
      expect(error.code).toBe('ERR_HEAPWISE_INVALID_USE')
    }
    expect(cache.set('a', 1, { size: 0 }).get('a')).toBe(1)
    expect(thrown(() => cache.set('a', 2, { size: 3 })).message).toMatch(/maxSize/)
    expect(cache.get('a')).toBe(1)
  })

  test('many more entries than max leave the last ones, in order', () => {
    const cache = make({ max: 100 })
    for (let i = 0; i < 10_000; i++) cache.set(i, -i)
    expect([...cache.keys()]).toEqual(Array.from({ length: 100 }, (_, i) => 9999 - i))
    expect([...cache.rvalues()]).toEqual(Array.from({ length: 100 }, (_, i) => -9900 - i))
  })

  test('without max the cache grows as it is filled', () => {
    const cache = make({ maxSize: 5000, sizeCalculation: () => 1 })
    for (let i = 0; i < 6000; i++) cache.set(i, i)
    expect(cache.size).toBe(5000)
    expect([...cache.rkeys()][0]).toBe(1000)
  })
})
