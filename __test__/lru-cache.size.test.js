'use strict'

const { LRUCache, make, entries, logged, thrown } = require('./support/caches')

const TYPE = 'ERR_HEAPWISE_INVALID_ARG_TYPE'
const VALUE = 'ERR_HEAPWISE_INVALID_ARG_VALUE'

describe('sizes', () => {
  test('are summed up', () => {
    const cache = make({ maxSize: 10 })
    cache.set('a', 1, { size: 3 }).set('b', 1, { size: 4 })
    expect(cache.calculatedSize).toBe(7)
    expect(cache.info('b').size).toBe(4)
    expect(cache.dump()).toEqual([['a', { value: 1, size: 3 }], ['b', { value: 1, size: 4 }]])
  })

  test('the least recently used entries go until the new one fits', () => {
    const { callbacks, taken } = logged()
    const cache = make({ maxSize: 10, ...callbacks })
    cache.set('a', 1, { size: 3 }).set('b', 2, { size: 3 }).set('c', 3, { size: 3 })
    cache.get('a')
    taken()
    cache.set('d', 4, { size: 5 })
    expect([...cache.keys()]).toEqual(['d', 'a'])
    expect(cache.calculatedSize).toBe(8)
    expect(taken()).toEqual([
      ['dispose', 2, 'b', 'evict'], ['dispose', 3, 'c', 'evict'], ['insert', 4, 'd', 'add'],
      ['disposeAfter', 2, 'b', 'evict'], ['disposeAfter', 3, 'c', 'evict']
    ])
  })

  test('an entry of exactly maxSize is stored', () => {
    const cache = make({ maxSize: 10 })
    cache.set('a', 1, { size: 3 }).set('b', 2, { size: 10 })
    expect(entries(cache)).toEqual([['b', 2]])
    expect(cache.calculatedSize).toBe(10)
  })

  test('both bounds hold', () => {
    const cache = make({ max: 3, maxSize: 10 })
    for (let i = 0; i < 5; i++) cache.set(i, i, { size: 1 })
    expect(cache.size).toBe(3)
    cache.set('large', 1, { size: 9 })
    expect([...cache.keys()]).toEqual(['large', 4])
  })

  test('an overwrite charges the new size, and may evict others', () => {
    const cache = make({ maxSize: 10 })
    cache.set('a', 1, { size: 2 }).set('b', 1, { size: 5 })
    cache.set('a', 2, { size: 4 })
    expect(cache.calculatedSize).toBe(9)
    cache.set('a', 3, { size: 8 })
    expect(entries(cache)).toEqual([['a', 3]])
    expect(cache.calculatedSize).toBe(8)
    cache.set('a', 4, { size: 1 })
    expect(cache.calculatedSize).toBe(1)
  })

  test('an entry larger than maxEntrySize is not stored, and what was there for its key goes', () => {
    const { callbacks, taken } = logged()
    const cache = make({ maxSize: 10, maxEntrySize: 4, ...callbacks })
    cache.set('a', 1, { size: 4 }).set('b', 1, { size: 1 })
    taken()
    const status = {}
    expect(cache.set('a', 2, { size: 5, status })).toBe(cache)
    expect(status).toMatchObject({ set: 'miss', maxEntrySizeExceeded: true })
    expect(taken()).toEqual([['dispose', 1, 'a', 'set'], ['disposeAfter', 1, 'a', 'set']])
    expect([...cache.keys()]).toEqual(['b'])
    cache.set('c', 1, { size: 5 })
    expect(cache.has('c')).toBe(false)
    expect(taken()).toEqual([])
    expect(cache.calculatedSize).toBe(1)
  })

  test('maxEntrySize alone bounds the entries but not their sum', () => {
    const cache = make({ max: 3, maxEntrySize: 10 })
    for (let i = 0; i < 3; i++) cache.set(i, i, { size: 10 })
    expect(cache.calculatedSize).toBe(30)
    cache.set(3, 3, { size: 11 })
    expect(cache.has(3)).toBe(false)
  })
})

describe('sizeCalculation', () => {
  test('is asked for each set without a size, with value and key', () => {
    const sizeCalculation = jest.fn(() => 2)
    const cache = make({ maxSize: 10, sizeCalculation })
    cache.set('a', 'value')
    expect(sizeCalculation.mock.calls).toEqual([['value', 'a']])
    cache.set('b', 'value', { size: 3 })
    expect(sizeCalculation).toHaveBeenCalledTimes(1)
    expect(cache.calculatedSize).toBe(5)
  })

  test('of one call goes before that of the cache', () => {
    const cache = make({ maxSize: 10, sizeCalculation: () => 2 })
    cache.set('a', 1, { sizeCalculation: () => 5 })
    expect(cache.calculatedSize).toBe(5)
  })

  test.each([
    [0, RangeError, VALUE], [-1, RangeError, VALUE], [1.5, RangeError, VALUE], [NaN, RangeError, VALUE],
    [Infinity, RangeError, VALUE], ['3', TypeError, TYPE], [undefined, TypeError, TYPE], [null, TypeError, TYPE]
  ])('that returns %p is refused, and nothing changes', (size, Type, code) => {
    const cache = make({ maxSize: 10, sizeCalculation: value => value === 'good' ? 1 : size })
    cache.set('a', 'good')
    const error = thrown(() => cache.set('a', 'bad'))
    expect(error).toBeInstanceOf(Type)
    expect(error.code).toBe(code)
    expect(error.message).toMatch(/sizeCalculation/)
    expect(entries(cache)).toEqual([['a', 'good']])
    expect(cache.calculatedSize).toBe(1)
  })

  test('that throws passes its error on, and nothing changes', () => {
    const failure = new Error('no size')
    const cache = make({ maxSize: 10, sizeCalculation: () => { throw failure } })
    cache.set('a', 1, { size: 1 })
    expect(thrown(() => cache.set('a', 2))).toBe(failure)
    expect(thrown(() => cache.set('b', 2))).toBe(failure)
    expect(entries(cache)).toEqual([['a', 1]])
  })

  test('must be a function, for one call as well', () => {
    const cache = make({ maxSize: 10 })
    expect(thrown(() => cache.set('a', 1, { sizeCalculation: 5 }))).toMatchObject({ name: 'TypeError', code: TYPE })
  })

  test.each([
    [undefined, TypeError], [0, RangeError], [-1, RangeError], [1.5, RangeError], ['3', TypeError], [NaN, RangeError]
  ])('is needed where the size is %p', (size, Type) => {
    const error = thrown(() => make({ maxSize: 10 }).set('a', 1, { size }))
    expect(error).toBeInstanceOf(Type)
    expect(error.code).toMatch(/^ERR_HEAPWISE_/)
    expect(error.message).toMatch(/size/)
  })

  test('answers for a size that is no positive integer', () => {
    const cache = make({ maxSize: 10, sizeCalculation: () => 4 })
    cache.set('a', 1, { size: 0 }).set('b', 1, { size: -3 })
    expect(cache.calculatedSize).toBe(8)
  })

  test('is not asked for a deletion', () => {
    const sizeCalculation = jest.fn(() => 1)
    const cache = make({ maxSize: 10, sizeCalculation })
    cache.set('a', undefined)
    expect(sizeCalculation).not.toHaveBeenCalled()
  })
})

test('the sum is right after many operations', () => {
  const cache = make({ maxSize: 1000, sizeCalculation: value => value })
  let seed = 7
  const random = n => {
    seed = Math.imul(seed, 1103515245) + 12345 | 0
    return (seed >>> 8) % n
  }
  for (let i = 0; i < 20_000; i++) {
    const key = random(200)
    if (random(10) === 0) cache.delete(key)
    else cache.set(key, 1 + random(60))
  }
  const sizes = cache.dump().map(([, entry]) => entry.size)
  expect(cache.calculatedSize).toBe(sizes.reduce((sum, size) => sum + size))
  expect(cache.calculatedSize).toBeLessThanOrEqual(1000)
  expect(cache.calculatedSize).toBeGreaterThan(900)
  expect(new LRUCache({ max: 1 }).calculatedSize).toBe(0)
})
