'use strict'

// What the constructor takes and refuses, what a store of a name agrees with, and the options of single calls.

const { OffHeapCache, closeAll, newName, open, thrownBy } = require('./support/off-heap')

afterEach(closeAll)

const MiB = 1024 ** 2
const refused = options => thrownBy(() => new OffHeapCache(options))

test('without options: 64 MiB, no bound by count, no ttl, private', () => {
  const cache = new OffHeapCache()
  expect([cache.maxBytes, cache.maxEntries, cache.ttl, cache.name]).toEqual([64 * MiB, 0, 0, undefined])
  expect([cache.closed, cache.size]).toEqual([false, 0])
  expect(cache.shards).toBeGreaterThan(0)
  expect(cache.bytes).toBeLessThan(MiB)
  cache.close()
  expect(open(undefined).maxBytes).toBe(64 * MiB)
})

test.each([[null], [5], ['max'], [true]])('options must be an object, not %p', options => {
  expect(refused(options)).toMatchObject({ name: 'TypeError', code: 'ERR_HEAPWISE_INVALID_ARG_TYPE' })
})

describe('maxBytes', () => {
  test.each([
    [65536, 65536], [MiB, MiB], ['65536', 65536], ['64kb', 65536], ['64 KB', 65536], ['64k', 65536], ['64KiB', 65536],
    ['0.5mb', MiB / 2], ['1.5MB', 1.5 * MiB], ['2m', 2 * MiB], ['3mib', 3 * MiB], ['0.25gb', 256 * MiB],
    ['0.0625g', 64 * MiB], [' 70000 b ', 70000], ['0.0001tb', Math.floor(0.0001 * 1024 ** 4)]
  ])('%j is %d bytes', (maxBytes, bytes) => {
    expect(open({ maxBytes }).maxBytes).toBe(bytes)
  })

  test.each([
    1, 65535, '63kb', '5tb',
    0, -1, 1.5, NaN, Infinity, 2 ** 53, '', 'many', '512xb', '-1mb', 'mb', '1e3', '1,5gb', '0', '0.1', '1.mb', '.5mb',
    '99999999tb', '0x10', '1mbit'
  ])('%j is refused', maxBytes => {
    expect(refused({ maxBytes })).toMatchObject({ name: 'RangeError', code: 'ERR_HEAPWISE_INVALID_ARG_VALUE' })
    expect(refused({ maxBytes }).message).toMatch(
      /^option 'maxBytes' must be an integer of bytes from 65536 to 4398046502912, or text such as '512mb' or '2gb', /)
  })

  test.each([[null], [true], [{}], [[64]], [10n]])('%p is no size', maxBytes => {
    expect(refused({ maxBytes })).toMatchObject({ name: 'TypeError', code: 'ERR_HEAPWISE_INVALID_ARG_TYPE' })
  })

  test('more than the operating system gives is an error with a code', () => {
    jest.isolateModules(() => {
      // No amount is refused by every machine.
      const native = jest.requireActual('../lib/native.js')
      jest.doMock('../lib/native.js', () => ({ ...native, offheapOpen: (_name, config) => config.fill(2) && 0 }))
      const heapwise = require('..')
      const error = thrownBy(() => new heapwise.OffHeapCache({ maxBytes: '2tb' }))
      jest.dontMock('../lib/native.js')
      expect(error).toMatchObject({ name: 'Error', code: 'ERR_HEAPWISE_OUT_OF_MEMORY' })
      expect(error.message).toBe('the operating system gives no memory for a store of 2199023255552 bytes')
    })
  })
})

describe('counts', () => {
  test.each([['maxEntries'], ['max']])('%s bounds the entries', name => {
    const cache = open({ [name]: 3 })
    expect(cache.maxEntries).toBe(3)
    for (let i = 0; i < 10; i++) {
      cache.set(i, i)
      expect(cache.size).toBe(Math.min(i + 1, 3))
    }
    expect(open({ [name]: 0 }).maxEntries).toBe(0)
  })

  test('max and maxEntries are the same thing', () => {
    expect(open({ max: 5, maxEntries: 5 }).maxEntries).toBe(5)
    expect(open({ max: 5, maxEntries: undefined }).maxEntries).toBe(5)
    expect(refused({ max: 5, maxEntries: 6 }).code).toBe('ERR_HEAPWISE_INVALID_USE')
  })

  test.each(['maxEntries', 'max', 'evictedKeys'])('%s: only nonnegative integers', name => {
    for (const value of [-1, 1.5, NaN, Infinity, 2 ** 53]) {
      expect(refused({ [name]: value })).toMatchObject({ name: 'RangeError', code: 'ERR_HEAPWISE_INVALID_ARG_VALUE' })
    }
    for (const value of [null, '5', true, 5n, {}]) {
      expect(refused({ [name]: value })).toMatchObject({ name: 'TypeError', code: 'ERR_HEAPWISE_INVALID_ARG_TYPE' })
      expect(refused({ [name]: value }).message).toMatch(new RegExp(`^option '${name}' must be a nonnegative integer`))
    }
  })

  test('shards: a power of two from 1 to 1024', () => {
    for (const shards of [1, 2, 4, 64]) expect(open({ shards }).shards).toBe(shards)
    // A shard has to have some room.
    expect(open({ shards: 1024, maxBytes: '1mb' }).shards).toBeLessThan(1024)
    for (const shards of [0, 3, -2, 1.5, NaN, 2048, Infinity]) {
      expect(refused({ shards })).toMatchObject({ name: 'RangeError', code: 'ERR_HEAPWISE_INVALID_ARG_VALUE' })
    }
    for (const shards of ['4', null, true, 4n]) {
      expect(refused({ shards })).toMatchObject({ name: 'TypeError', code: 'ERR_HEAPWISE_INVALID_ARG_TYPE' })
    }
  })
})

test.each(['updateAgeOnGet', 'allowStale'])('%s is a boolean', name => {
  open({ [name]: true })
  open({ [name]: false })
  for (const value of [1, 0, 'true', null]) {
    expect(refused({ [name]: value })).toMatchObject({ name: 'TypeError', code: 'ERR_HEAPWISE_INVALID_ARG_TYPE' })
  }
})

describe('ttl', () => {
  test.each([
    [0, 0], [1, 1], [60_000, 60_000], [0.2, 1], [1.5, 2], [Infinity, 0], [1e300, 0]
  ])('%d is %d ms', (ttl, ms) => {
    expect(open({ ttl }).ttl).toBe(ms)
  })

  test.each([-1, NaN, -Infinity, '5', null, true, 5n, {}])('%p is refused', ttl => {
    const code = typeof ttl === 'number' ? 'ERR_HEAPWISE_INVALID_ARG_VALUE' : 'ERR_HEAPWISE_INVALID_ARG_TYPE'
    expect(refused({ ttl })).toMatchObject({ code })
    expect(refused({ ttl }).message).toMatch(
      /^option 'ttl' must be a nonnegative number of milliseconds \(0: for ever\), got /)
  })

  const CALLS = {
    set: (cache, ttl) => cache.set('a', 2, { ttl }),
    'set of an object': (cache, ttl) => cache.set('a', {}, { ttl }),
    setMany: (cache, ttl) => cache.setMany([['a', 2]], { ttl }),
    setIfAbsent: (cache, ttl) => cache.setIfAbsent('b', 2, { ttl }),
    compareAndSet: (cache, ttl) => cache.compareAndSet('a', 1, 2, { ttl }),
    increment: (cache, ttl) => cache.increment('a', 1, { ttl }),
    touch: (cache, ttl) => cache.touch('a', { ttl })
  }

  test.each(Object.entries(CALLS))('of one call, %s: what is wrong throws and changes nothing', (_name, call) => {
    const cache = open().set('a', 1)
    for (const ttl of [-1, NaN, '5', null, true]) {
      const { code } = thrownBy(() => call(cache, ttl))
      expect(code).toBe(typeof ttl === 'number' ? 'ERR_HEAPWISE_INVALID_ARG_VALUE' : 'ERR_HEAPWISE_INVALID_ARG_TYPE')
    }
    expect([...cache]).toEqual([['a', 1]])
    expect(cache.getRemainingTTL('a')).toBe(Infinity)
  })

  const WRITES = {
    set: (cache, options) => cache.set('a', 2, options),
    setMany: (cache, options) => cache.setMany([['a', 2]], options),
    setIfAbsent: (cache, options) => cache.setIfAbsent('a', 2, options),
    compareAndSet: (cache, options) => cache.compareAndSet('a', undefined, 2, options),
    increment: (cache, options) => cache.increment('a', 2, options),
    touch: (cache, options) => cache.set('a', 2, 5e5).touch('a', options)
  }

  test.each(Object.entries(WRITES))('of one call, %s: an object, a number, or nothing', async (name, write) => {
    const remaining = options => {
      const cache = open({ ttl: 1e6 })
      write(cache, options)
      return cache.getRemainingTTL('a')
    }
    const usual = name === 'touch' ? [4e5, 5e5] : [9e5, 1e6]
    for (const [options, [least, most]] of [
      [undefined, usual], [null, usual], [{}, usual], [{ ttl: undefined }, usual], [{ ttl: 2e6 }, [1.9e6, 2e6]],
      [3e6, [2.9e6, 3e6]]
    ]) {
      expect(remaining(options)).toBeGreaterThan(least)
      expect(remaining(options)).toBeLessThanOrEqual(most)
    }
    for (const options of [{ ttl: 0 }, 0, Infinity, { ttl: Infinity }]) expect(remaining(options)).toBe(Infinity)
  })

  test.each(Object.entries(WRITES))('of one call, %s: the options are an object or a number', (_name, write) => {
    for (const options of ['5', true, 5n, () => {}]) {
      const cache = open()
      expect(thrownBy(() => write(cache, options)).code).toBe('ERR_HEAPWISE_INVALID_ARG_TYPE')
    }
  })

  test.each(['get', 'peek'])('the options of %s are an object', method => {
    const cache = open().set('a', 1)
    for (const options of [null, undefined, {}, { allowStale: undefined }]) expect(cache[method]('a', options)).toBe(1)
    for (const options of [5, 'a', true]) {
      expect(thrownBy(() => cache[method]('a', options)).code).toBe('ERR_HEAPWISE_INVALID_ARG_TYPE')
    }
  })
})

test('onTooLarge', () => {
  open({ onTooLarge: 'throw' })
  open({ onTooLarge: 'refuse' })
  expect(refused({ onTooLarge: 'false' })).toMatchObject({ name: 'RangeError', code: 'ERR_HEAPWISE_INVALID_ARG_VALUE' })
  expect(refused({ onTooLarge: false })).toMatchObject({ name: 'TypeError', code: 'ERR_HEAPWISE_INVALID_ARG_TYPE' })
})

describe('names of options', () => {
  test.each([
    ['maxBtes', 'maxBytes'], ['maxbytes', 'maxBytes'], ['maxEntrys', 'maxEntries'], ['tll', 'ttl'], ['maxAge', 'ttl'],
    ['allowstale', 'allowStale'], ['shard', 'shards'], ['codecs', 'codec'], ['ontoolarge', 'onTooLarge'],
    ['maxSize', 'maxBytes'], ['capacity', 'max'], ['evictedKey', 'evictedKeys'], ['updateAgeOnget', 'updateAgeOnGet']
  ])("'%s' is probably '%s'", (wrong, right) => {
    const error = refused({ [wrong]: 5 })
    expect(error).toMatchObject({ name: 'TypeError', code: 'ERR_HEAPWISE_UNKNOWN_OPTION' })
    expect(error.message).toBe(`there is no option '${wrong}': did you mean '${right}'?`)
  })

  test.each([
    ['dispose', () => {}, /takeEvicted/], ['disposeAfter', () => {}, /takeEvicted/],
    ['fetchMethod', () => {}, /getOrSet/], ['memoMethod', () => {}, /getOrSet/],
    ['sizeCalculation', () => 1, /bytes that are stored/],
    ['maxEntrySize', 5, /shards/],
    ['onInsert', () => {}, /nothing is called/], ['updateAgeOnHas', true, /touch/],
    ['noDeleteOnStaleGet', true, /allowStale/], ['noUpdateTTL', true, /set\(\)/], ['perf', Date, /operating system/]
  ])("'%s' is what only an LRUCache can do", (name, value, hint) => {
    const error = refused({ max: 5, [name]: value })
    expect(error).toMatchObject({ name: 'TypeError', code: 'ERR_HEAPWISE_UNKNOWN_OPTION' })
    expect(error.message).toMatch(new RegExp(`^an OffHeapCache has no option '${name}': `))
    expect(error.message).toMatch(hint)
    // Switched off it is what this cache does anyway.
    expect(open({ max: 5, [name]: undefined }).maxEntries).toBe(5)
  })

  test('others are ignored, and those of lru-cache that make no difference', () => {
    const options = { max: 5, colour: 'red', ttlAutopurge: true, ttlResolution: 5, noDisposeOnSet: true }
    expect(open(options).maxEntries).toBe(5)
  })
})

test('max is what lru-cache calls maxEntries', () => {
  expect(open({ max: 7 })).toMatchObject({ max: 7, maxEntries: 7 })
  expect(open({ maxEntries: 8 }).max).toBe(8)
})

describe('a store that has chosen otherwise', () => {
  test('the same options are the same, even where the store has chosen otherwise', () => {
    const name = newName()
    const options = { name, maxBytes: '64kb', shards: 64, ttl: 50_000.5 }
    const first = open(options)
    expect(first.shards).toBeLessThan(64)
    expect(open(options).set('a', 1).size).toBe(1)
    expect(first.get('a')).toBe(1)
  })

  test('what it was not asked for is still a mismatch', () => {
    const name = newName()
    open({ name, maxBytes: '64kb', shards: 64 })
    expect(() => open({ name, maxBytes: '128kb', shards: 64 })).toThrow(/maxBytes/)
  })
})

describe('a name', () => {
  test('is one store for all who give it, until the last is closed', () => {
    const name = newName()
    const first = open({ name, maxBytes: '1mb', ttl: 1e6, shards: 2, max: 100, evictedKeys: 5 })
    const second = open({ name })
    expect([second.name, second.maxBytes, second.ttl, second.shards, second.maxEntries]).toEqual(
      [name, MiB, 1e6, 2, 100])
    first.set('a', { x: 1 })
    second.set('b', 2)
    expect([second.get('a').x, first.get('b'), first.size, second.size]).toEqual([1, 2, 2, 2])
    first.close()
    expect(second.get('b')).toBe(2)
    second.close()
    const third = open({ name, maxBytes: '2mb' })
    expect([third.size, third.maxBytes]).toEqual([0, 2 * MiB])
  })

  test('two others are two stores, and so are two without', () => {
    const caches = [{ name: newName() }, { name: newName() }, {}, {}].map(open)
    caches.forEach((cache, i) => cache.set('key', i))
    expect(caches.map(cache => cache.get('key'))).toEqual([0, 1, 2, 3])
  })

  test.each(['ä', '日本', 'a b/c', 'x'.repeat(1000), '__proto__', 'toString'])('%j will do', name => {
    const own = `${name} ${newName()}`
    expect(open({ name: own }).set('a', 1).name).toBe(own)
    expect(open({ name: own }).get('a')).toBe(1)
  })

  test.each([[5], [null], [true], [Symbol('s')], [{}]])('%p is none', name => {
    expect(refused({ name })).toMatchObject({ name: 'TypeError', code: 'ERR_HEAPWISE_INVALID_ARG_TYPE' })
  })

  test.each(['', '\ud800', 'a\udc00'])('%j is none', name => {
    expect(refused({ name })).toMatchObject({ name: 'RangeError', code: 'ERR_HEAPWISE_INVALID_ARG_VALUE' })
  })

  const THERE = {
    maxBytes: MiB, maxEntries: 100, ttl: 5000, updateAgeOnGet: true, allowStale: false, shards: 2, evictedKeys: 7,
    codec: 'json'
  }
  const OTHERS = {
    maxBytes: '2mb', maxEntries: 0, ttl: 0, updateAgeOnGet: false, allowStale: true, shards: 4, evictedKeys: 0,
    codec: 'v8'
  }
  const SAID = {
    maxBytes: "'maxBytes' is 1048576, not 2097152",
    maxEntries: "'maxEntries' is 100, not 0",
    ttl: "'ttl' is 5000, not 0",
    updateAgeOnGet: "'updateAgeOnGet' is true, not false",
    allowStale: "'allowStale' is false, not true",
    shards: "'shards' is 2, not 4",
    evictedKeys: "'evictedKeys' is 7, not 0",
    codec: "'codec' is 'json', not 'v8'"
  }

  test.each(Object.keys(THERE))('with another %s than is there is an error that says both', option => {
    const name = newName()
    const cache = open({ name, ...THERE }).set('a', 1)
    const error = refused({ name, [option]: OTHERS[option] })
    expect(error).toMatchObject({ name: 'Error', code: 'ERR_HEAPWISE_STORE_MISMATCH' })
    expect(error.message).toBe(`the store '${name}' is open with other options: ${SAID[option]}`)
    expect(open({ name, [option]: THERE[option] }).get('a')).toBe(1)
    expect(cache.size).toBe(1)
  })

  test('with everything else than is there is an error that says all', () => {
    const name = newName()
    open({ name, ...THERE })
    expect(refused({ name, ...OTHERS }).message).toContain(Object.values(SAID).join('; '))
    open({ name, ...THERE })
  })

  test("onTooLarge is each cache's own", () => {
    const name = newName()
    const [strict, lenient] = [open({ name, maxBytes: '64kb' }), open({ name, onTooLarge: 'refuse' })]
    const large = Buffer.alloc(1e6)
    expect(thrownBy(() => strict.set('a', large)).code).toBe('ERR_HEAPWISE_ENTRY_TOO_LARGE')
    expect(lenient.set('a', large)).toBe(false)
  })
})
