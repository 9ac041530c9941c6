'use strict'

const { LRUCache, make, entries, thrown } = require('./support/caches')

const TYPE = 'ERR_HEAPWISE_INVALID_ARG_TYPE'
const VALUE = 'ERR_HEAPWISE_INVALID_ARG_VALUE'
const USE = 'ERR_HEAPWISE_INVALID_USE'
const UNKNOWN = 'ERR_HEAPWISE_UNKNOWN_OPTION'

describe('the options of LRUCache', () => {
  test('are own enumerable members, in the order that lru-cache has them', () => {
    expect(Object.keys(make({ max: 1 }))).toEqual([
      'ttl', 'ttlResolution', 'ttlAutopurge', 'updateAgeOnGet', 'updateAgeOnHas', 'allowStale', 'noDisposeOnSet',
      'noUpdateTTL', 'maxEntrySize', 'sizeCalculation', 'noDeleteOnFetchRejection', 'noDeleteOnStaleGet',
      'allowStaleOnFetchAbort', 'allowStaleOnFetchRejection', 'ignoreFetchAbort', 'backgroundFetchSize'
    ])
    expect(Object.getOwnPropertySymbols(make({ max: 1 }))).toEqual([Symbol.toStringTag])
    expect(String(make({ max: 1 }))).toBe('[object LRUCache]')
  })

  test('have defaults', () => {
    const cache = make({ max: 5 })
    expect({ ...cache }).toEqual({
      ttl: 0,
      ttlResolution: 1,
      ttlAutopurge: false,
      updateAgeOnGet: false,
      updateAgeOnHas: false,
      allowStale: false,
      noDisposeOnSet: false,
      noUpdateTTL: false,
      maxEntrySize: 0,
      sizeCalculation: undefined,
      noDeleteOnFetchRejection: false,
      noDeleteOnStaleGet: false,
      allowStaleOnFetchAbort: false,
      allowStaleOnFetchRejection: false,
      ignoreFetchAbort: false,
      backgroundFetchSize: 1,
      [Symbol.toStringTag]: 'LRUCache'
    })
    expect(cache).toMatchObject({ max: 5, maxSize: 0, size: 0, calculatedSize: 0 })
    for (const name of ['dispose', 'disposeAfter', 'onInsert', 'fetchMethod', 'memoMethod']) {
      expect(cache[name]).toBeUndefined()
    }
  })

  test('are read back as given', () => {
    const functions = {
      dispose: () => {}, disposeAfter: () => {}, onInsert: () => {}, fetchMethod: () => 1, memoMethod: () => 1
    }
    const options = {
      max: 3, maxSize: 10, maxEntrySize: 4, sizeCalculation: () => 1, ttl: 5, ttlResolution: 0, ttlAutopurge: true,
      updateAgeOnGet: true, updateAgeOnHas: true, allowStale: true, noDeleteOnStaleGet: true, noUpdateTTL: true,
      noDisposeOnSet: true, noDeleteOnFetchRejection: true, allowStaleOnFetchRejection: true,
      allowStaleOnFetchAbort: true, ignoreFetchAbort: true, backgroundFetchSize: 2, perf: { now: () => 1 }
    }
    const cache = make({ ...options, ...functions })
    for (const [name, value] of Object.entries({ ...options, ...functions })) expect(cache[name]).toBe(value)
  })

  test('maxEntrySize is maxSize unless given', () => {
    expect(make({ maxSize: 7 }).maxEntrySize).toBe(7)
    expect(make({ maxSize: 7, maxEntrySize: 3 }).maxEntrySize).toBe(3)
  })

  test('flags are taken by truth', () => {
    expect(make({ max: 1, allowStale: 1, noUpdateTTL: 'yes', updateAgeOnGet: 0 }))
      .toMatchObject({ allowStale: true, noUpdateTTL: true, updateAgeOnGet: false })
  })

  test.each([5, 'text', null, {}, true])('a dispose, disposeAfter or onInsert that is %p is not called', value => {
    const cache = make({ max: 1, dispose: value, disposeAfter: value, onInsert: value })
    expect([cache.dispose, cache.disposeAfter, cache.onInsert]).toEqual([undefined, undefined, undefined])
    cache.set('a', 1).set('b', 2)
    expect(entries(cache)).toEqual([['b', 2]])
  })

  test.each([-1, 1.5, NaN, Infinity, '5', null, {}])('a ttlResolution of %p becomes 1', ttlResolution => {
    expect(make({ max: 1, ttlResolution }).ttlResolution).toBe(1)
  })

  test.each([0, NaN, null, undefined, false])('a ttl of %p is none', ttl => {
    expect(make({ max: 1, ttl }).ttl).toBe(0)
  })

  test.each([
    ['max', -1, RangeError, VALUE],
    ['max', 1.5, RangeError, VALUE],
    ['max', NaN, RangeError, VALUE],
    ['max', Infinity, RangeError, VALUE],
    ['max', 2 ** 53, RangeError, VALUE],
    ['max', '5', TypeError, TYPE],
    ['max', null, TypeError, TYPE],
    ['max', true, TypeError, TYPE],
    ['maxSize', -1, RangeError, VALUE],
    ['maxSize', 1.5, RangeError, VALUE],
    ['maxSize', NaN, RangeError, VALUE],
    ['maxSize', null, TypeError, TYPE],
    ['maxSize', '9', TypeError, TYPE],
    ['maxEntrySize', -1, RangeError, VALUE],
    ['maxEntrySize', 0.5, RangeError, VALUE],
    ['maxEntrySize', '9', TypeError, TYPE],
    ['ttl', -1, RangeError, VALUE],
    ['ttl', 1.5, RangeError, VALUE],
    ['ttl', Infinity, RangeError, VALUE],
    ['ttl', '5', TypeError, TYPE],
    ['fetchMethod', null, TypeError, TYPE],
    ['fetchMethod', 'fetch', TypeError, TYPE],
    ['memoMethod', null, TypeError, TYPE],
    ['memoMethod', 1, TypeError, TYPE],
    ['perf', null, TypeError, TYPE],
    ['perf', {}, TypeError, TYPE],
    ['perf', 5, TypeError, TYPE],
    ['backgroundFetchSize', 0, RangeError, VALUE],
    ['backgroundFetchSize', 'x', TypeError, TYPE]
  ])('%s: %p is refused by name, with what it got', (name, value, Type, code) => {
    const error = thrown(() => new LRUCache({ max: 5, [name]: value }))
    expect(error).toBeInstanceOf(Type)
    expect(error.code).toBe(code)
    expect(error.message).toContain(`'${name}' must be `)
    expect(error.message).toMatch(/, got /)
  })

  test('sizeCalculation must be a function, and there must be a size to bound', () => {
    expect(thrown(() => new LRUCache({ maxSize: 5, sizeCalculation: 5 })))
      .toMatchObject({ name: 'TypeError', code: TYPE })
    expect(thrown(() => new LRUCache({ max: 5, sizeCalculation: () => 1 })))
      .toMatchObject({ name: 'TypeError', code: USE, message: expect.stringContaining('maxSize') })
    expect(make({ max: 5, sizeCalculation: null }).sizeCalculation).toBeUndefined()
    expect(make({ max: 5, maxEntrySize: 5, sizeCalculation: () => 1 }).maxSize).toBe(0)
  })

  test.each([
    [{}], [{ max: 0 }], [{ maxEntrySize: 5 }], [{ ttl: 0 }], [{ max: 0, maxSize: 0, ttl: 0 }], [{ allowStale: true }]
  ])('%p bounds nothing and is refused', options => {
    expect(thrown(() => new LRUCache(options)))
      .toMatchObject({ name: 'TypeError', code: USE, message: expect.stringMatching(/'max', 'maxSize' or 'ttl'/) })
  })

  test.each([undefined, null, 5, 'max', true])('%p is no options object', options => {
    expect(thrown(() => new LRUCache(options))).toMatchObject({ name: 'TypeError', code: TYPE })
  })

  test('the class is called with new', () => {
    expect(() => LRUCache({ max: 1 })).toThrow(TypeError)
  })

  test.each([
    ['maxsize', 'maxSize'],
    ['maxAge', 'ttl'],
    ['tll', 'ttl'],
    ['length', 'sizeCalculation'],
    ['onEvict', 'dispose'],
    ['stale', 'allowStale'],
    ['updateAgeOnget', 'updateAgeOnGet'],
    ['noDisposeOnset', 'noDisposeOnSet'],
    ['disposeafter', 'disposeAfter'],
    ['fetchmethod', 'fetchMethod'],
    ['sizecalculation', 'sizeCalculation'],
    ['ttlAutoPurge', 'ttlAutopurge']
  ])('%s is taken for a misspelt %s', (name, meant) => {
    expect(thrown(() => new LRUCache({ max: 5, [name]: 1 }))).toMatchObject({
      name: 'TypeError', code: UNKNOWN, message: expect.stringMatching(new RegExp(`'${name}'.*'${meant}'`))
    })
  })

  test('other unknown options are nobody\'s business', () => {
    expect(make({ max: 5, name: 'sessions', logger: console, [Symbol('x')]: 1 }).max).toBe(5)
  })

  test('a frozen options object works, and none is changed', () => {
    const options = Object.freeze({ max: 2, ttl: 5 })
    make(options).set('a', 1)
    expect(options).toEqual({ max: 2, ttl: 5 })
  })

  test('inherited and accessor options count', () => {
    const base = { max: 2 }
    expect(make(Object.create(base)).max).toBe(2)
    expect(make({ get max () { return 3 } }).max).toBe(3)
  })

  test('what has a getter cannot be assigned', () => {
    const cache = make({ max: 5 })
    for (const name of [
      'max', 'maxSize', 'size', 'calculatedSize', 'dispose', 'disposeAfter', 'onInsert', 'fetchMethod', 'memoMethod',
      'perf'
    ]) expect(() => { cache[name] = 1 }).toThrow(TypeError)
  })

  test('what can be assigned counts for later calls', () => {
    const cache = make({ max: 5, maxSize: 100, sizeCalculation: () => 1 })
    cache.set('before', 1)
    cache.sizeCalculation = () => 10
    cache.set('after', 1)
    expect(cache.calculatedSize).toBe(11)
    cache.maxEntrySize = 5
    cache.set('large', 1)
    expect(cache.has('large')).toBe(false)
  })

  test('max may be any safe integer, and costs nothing before it is used', () => {
    expect(make({ max: Number.MAX_SAFE_INTEGER }).set('a', 1).get('a')).toBe(1)
  })

  test('a cache bounded by time alone is warned of once', () => {
    const emitWarning = jest.spyOn(process, 'emitWarning').mockImplementation(() => {})
    jest.isolateModules(() => {
      const { LRUCache: Fresh } = require('..')
      for (const options of [{ ttl: 5, max: 1 }, { ttl: 5, maxSize: 1 }, { ttl: 5, ttlAutopurge: true }]) {
        new Fresh(options).clear()
      }
      expect(emitWarning).not.toHaveBeenCalled()
      for (let i = 0; i < 3; i++) new Fresh({ ttl: 5 }).clear()
      expect(emitWarning).toHaveBeenCalledTimes(1)
      expect(emitWarning).toHaveBeenCalledWith(
        expect.any(String), 'UnboundedCacheWarning', expect.stringMatching(/UNBOUNDED/), Fresh)
    })
    emitWarning.mockRestore()
  })
})

describe('the methods of LRUCache', () => {
  test('have the lengths that lru-cache\'s have', () => {
    const lengths = Object.fromEntries([
      'set', 'get', 'has', 'peek', 'delete', 'info', 'find', 'forEach', 'rforEach', 'load', 'fetch', 'forceFetch',
      'memo', 'getRemainingTTL', 'clear', 'pop', 'dump', 'keys', 'values', 'entries', 'rkeys', 'rvalues', 'rentries',
      'purgeStale'
    ].map(name => [name, LRUCache.prototype[name].length]))
    expect(lengths).toEqual({
      set: 2, get: 1, has: 1, peek: 1, delete: 1, info: 1, find: 1, forEach: 1, rforEach: 1, load: 1, fetch: 1,
      forceFetch: 1, memo: 1, getRemainingTTL: 1, clear: 0, pop: 0, dump: 0, keys: 0, values: 0, entries: 0, rkeys: 0,
      rvalues: 0, rentries: 0, purgeStale: 0
    })
  })
})
