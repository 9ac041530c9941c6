'use strict'

// What each method does, returns and throws, beyond which values and keys it takes.

const { inspect } = require('node:util')
const { OffHeapCache, closeAll, newName, open, rejectionOf, shapeOf, thrownBy } = require('./support/off-heap')

afterEach(closeAll)

/** Waits until what was set with a ttl has expired, however coarse the store's clock. */
const untilExpired = async (cache, key) => {
  while (cache.getRemainingTTL(key) > 0) await new Promise(resolve => setTimeout(resolve, 1))
}

const LARGE = Buffer.alloc(1e6)
const small = options => open({ maxBytes: '64kb', shards: 1, ...options })

describe('set and get', () => {
  test('a key has the value that was set last', () => {
    const cache = open()
    expect(cache.get('a')).toBe(undefined)
    expect(cache.set('a', 1)).toBe(cache)
    expect(cache.set('a', 'two').get('a')).toBe('two')
    expect(cache.set('a', { three: 3 }).set('a', Buffer.from('four')).get('a').toString()).toBe('four')
    expect(cache.size).toBe(1)
  })

  test('undefined deletes', () => {
    const cache = open().set('a', 1)
    expect(cache.set('a', undefined)).toBe(cache)
    expect(cache.set('b', undefined, { ttl: 5 }).size).toBe(0)
    expect(cache.stats().deletes).toBe(1)
  })

  test('get makes the most recent, peek and has do not', () => {
    const cache = open({ max: 2, shards: 1 }).set('a', 1).set('b', 2)
    cache.get('a')
    cache.peek('b')
    cache.has('b')
    cache.getRemainingTTL('b')
    cache.set('c', 3)
    expect([...cache.keys()].sort()).toEqual(['a', 'c'])
  })

  test.each(['getMany', 'getBuffer', 'getInto', 'touch', 'set', 'increment'])('%s makes the most recent', method => {
    const cache = open({ max: 2, shards: 1 }).set('a', method === 'increment' ? 1 : 'a').set('b', 2)
    const rest = { getInto: [Buffer.alloc(1)], set: [5] }[method] ?? []
    cache[method](method === 'getMany' ? ['a'] : 'a', ...rest)
    cache.set('c', 3)
    expect([...cache.keys()].sort()).toEqual(['a', 'c'])
  })

  test('only what looks for a value counts', () => {
    const cache = open().set('a', 'x')
    const looks = [
      () => cache.get('a'), () => cache.get('none'), () => cache.getMany(['a', 'none', 'a']),
      () => cache.getBuffer('a'), () => cache.getBuffer('none'),
      () => cache.getInto('a', Buffer.alloc(1)), () => cache.getInto('none', Buffer.alloc(1))
    ]
    looks.forEach(look => look())
    const { hits, misses } = cache.stats()
    expect([hits, misses]).toEqual([5, 4])
    cache.peek('a')
    cache.peek('none')
    cache.has('a')
    cache.has('none')
    cache.touch('none')
    cache.getRemainingTTL('none')
    for (const [key] of cache) cache.peek(key)
    expect(cache.stats()).toMatchObject({ hits, misses, sets: 1 })
  })
})

describe('time', () => {
  test('what has expired is not there', async () => {
    const cache = open({ shards: 1 }).set('a', 'x', { ttl: 1 }).set('b', 'y', 1).set('c', 'z')
    expect(cache.getRemainingTTL('c')).toBe(Infinity)
    await untilExpired(cache, 'a')
    await untilExpired(cache, 'b')
    expect(cache.get('a')).toBe(undefined)
    expect(cache.peek('a')).toBe(undefined)
    expect(cache.has('a')).toBe(false)
    expect(cache.touch('a')).toBe(false)
    expect(cache.delete('a')).toBe(false)
    expect(cache.getBuffer('b')).toBe(undefined)
    expect(cache.getInto('b', Buffer.alloc(9))).toBe(-1)
    expect(cache.getMany(['a', 'b', 'c'])).toEqual([undefined, undefined, 'z'])
    expect([...cache]).toEqual([['c', 'z']])
    expect([...cache.keys()]).toEqual(['c'])
    expect(cache.setIfAbsent('a', 'again')).toBe(true)
    expect(cache.compareAndSet('b', 'y', 1)).toBe(false)
    expect(cache.increment('b')).toBe(1)
  })

  test('getRemainingTTL counts down from the ttl', () => {
    const cache = open({ ttl: 1e6 }).set('a', 1).set('b', 1, 2e6).set('c', 1, 0)
    const [a, b, c] = ['a', 'b', 'c'].map(key => cache.getRemainingTTL(key))
    expect([a > 9e5 && a <= 1e6, b > 19e5 && b <= 2e6, c]).toEqual([true, true, Infinity])
    expect(cache.getRemainingTTL('none')).toBe(0)
  })

  test('touch starts the time anew, with the ttl of the entry or another', () => {
    const cache = open().set('a', 1, 1000).set('b', 2)
    expect(cache.touch('a', { ttl: 1e6 })).toBe(true)
    expect(cache.getRemainingTTL('a')).toBeGreaterThan(9e5)
    expect(cache.touch('a')).toBe(true)
    expect(cache.getRemainingTTL('a')).toBeGreaterThan(9e5)
    expect(cache.touch('b', 5e5)).toBe(true)
    expect(cache.getRemainingTTL('b')).toBeGreaterThan(4e5)
    expect(cache.touch('b', 0)).toBe(true)
    expect(cache.getRemainingTTL('b')).toBe(Infinity)
    expect(cache.touch('none')).toBe(false)
    expect(cache.getMany(['a', 'b'])).toEqual([1, 2])
  })

  test('updateAgeOnGet, of the store and of a call', async () => {
    const store = open({ updateAgeOnGet: true, ttl: 1e6 })
    const plain = open({ ttl: 1e6 })
    for (const [cache, options, renews] of [
      [store, undefined, true], [store, {}, true], [store, { updateAgeOnGet: false }, false],
      [plain, undefined, false], [plain, { updateAgeOnGet: true }, true]
    ]) {
      cache.set('a', 1)
      await new Promise(resolve => setTimeout(resolve, 20))
      const before = cache.getRemainingTTL('a')
      cache.get('a', options)
      expect([options, cache.getRemainingTTL('a') > before]).toEqual([options, renews])
    }
  })

  test('allowStale, of the store: get gives once what has expired', async () => {
    const cache = open({ allowStale: true, ttl: 1 }).set('a', 'x').set('b', { y: 1 }).set('c', 'z')
    for (const key of ['a', 'b', 'c']) await untilExpired(cache, key)
    expect(cache.peek('a', { allowStale: false })).toBe(undefined)
    expect([cache.peek('a'), cache.get('a'), cache.get('a')]).toEqual(['x', 'x', undefined])
    expect(cache.getMany(['b'])).toEqual([{ y: 1 }])
    expect(cache.get('b')).toBe(undefined)
    expect(cache.get('c', { allowStale: false })).toBe(undefined)
    expect(cache.has('c')).toBe(false)
  })

  test('what has expired goes by itself', async () => {
    const cache = open({ shards: 2, evictedKeys: 10 }).set('a', 1, 1).set('b', 2)
    while (cache.size > 1) await new Promise(resolve => setTimeout(resolve, 5))
    expect(cache.stats().evictions).toEqual({ size: 0, expired: 1 })
    expect(cache.takeEvicted()).toEqual([{ key: 'a', reason: 'expired' }])
  })
})

describe('one step for all', () => {
  test('increment', () => {
    const cache = open({ ttl: 1e6 })
    expect([cache.increment('n'), cache.increment('n'), cache.increment('n', -5), cache.increment('n', 0.5)]).toEqual(
      [1, 2, -3, -2.5])
    expect(cache.get('n')).toBe(-2.5)
    expect(cache.increment('other', 10, { ttl: 5e6 })).toBe(10)
    expect(cache.getRemainingTTL('other')).toBeGreaterThan(4e6)
    expect(cache.increment('other', 1, { ttl: 1 })).toBe(11)
    expect(cache.getRemainingTTL('other')).toBeGreaterThan(4e6)
    for (const by of [NaN, Infinity, -Infinity]) {
      expect(thrownBy(() => cache.increment('n', by)).code).toBe('ERR_HEAPWISE_INVALID_ARG_VALUE')
    }
    for (const by of ['1', 1n, null, {}]) {
      expect(thrownBy(() => cache.increment('n', by)).code).toBe('ERR_HEAPWISE_INVALID_ARG_TYPE')
    }
    expect(cache.increment('n', undefined)).toBe(-1.5)
  })

  test.each([['text'], [true], [null], [1n], [Buffer.alloc(8)], [{}]])('increment of %p is an error', value => {
    const cache = open().set('a', value)
    const error = thrownBy(() => cache.increment('a'))
    expect(error).toMatchObject({ name: 'TypeError', code: 'ERR_HEAPWISE_INVALID_USE' })
    expect(shapeOf(cache.get('a'))).toBe(shapeOf(value))
  })

  test('setIfAbsent', () => {
    const cache = open()
    expect([cache.setIfAbsent('a', 1), cache.setIfAbsent('a', 2), cache.get('a')]).toEqual([true, false, 1])
    expect(cache.setIfAbsent('b', { x: 1 }, { ttl: 1e6 })).toBe(true)
    expect(cache.getRemainingTTL('b')).toBeLessThanOrEqual(1e6)
    expect(cache.setIfAbsent('b', 5, 5e6)).toBe(false)
    expect(cache.getRemainingTTL('b')).toBeLessThanOrEqual(1e6)
  })

  test('compareAndSet', () => {
    const cache = open().set('a', 1, { ttl: 1e6 })
    expect(cache.compareAndSet('a', 2, 3)).toBe(false)
    expect(cache.compareAndSet('a', undefined, 3)).toBe(false)
    expect(cache.getRemainingTTL('a')).toBeLessThanOrEqual(1e6)
    expect(cache.compareAndSet('a', 1, 3, { ttl: 5e6 })).toBe(true)
    expect(cache.getRemainingTTL('a')).toBeGreaterThan(4e6)
    expect(cache.compareAndSet('b', 1, 3)).toBe(false)
    expect(cache.compareAndSet('b', undefined, 3)).toBe(true)
    expect([...cache].sort()).toEqual([['a', 3], ['b', 3]])
  })
})

describe('many at once', () => {
  const iterables = [
    ['an array', list => list],
    ['a Set or Map', list => Array.isArray(list[0]) ? new Map(list) : new Set(list)],
    ['a generator', function * (list) { yield * list }],
    ['an array with its own iterator', list => Object.assign([], { [Symbol.iterator]: () => list[Symbol.iterator]() })]
  ]

  test.each(iterables)('%s', (_name, make) => {
    const cache = open()
    expect(cache.setMany(make([['a', 1], ['b', { x: 1 }], [3, 'c']]), { ttl: 1e6 })).toBe(cache)
    expect(cache.getRemainingTTL('b')).toBeLessThanOrEqual(1e6)
    expect(cache.getMany(make([3, 'none', 'b', 'a']))).toEqual(['c', undefined, { x: 1 }, 1])
    expect(cache.deleteMany(make([3, 'none', 'a']))).toBe(2)
    expect([...cache]).toEqual([['b', { x: 1 }]])
  })

  test('none at all', () => {
    const cache = open().set('a', 1)
    expect([cache.setMany([]), cache.getMany([]), cache.deleteMany([])]).toEqual([cache, [], 0])
  })

  test('the last of equal keys wins', () => {
    expect(open().setMany([['a', 1], ['b', 2], ['a', 3]]).getMany(['a', 'b'])).toEqual([3, 2])
  })

  test('a Buffer that is written into again is taken each time as it is', () => {
    const cache = open()
    const key = Buffer.alloc(2)
    const value = new Uint16Array(1)
    const again = function * (make) {
      for (let i = 0; i < 5; i++) {
        key.writeUInt16LE(i)
        value[0] = i * 10
        yield make()
      }
    }
    const array = make => Object.assign([], { [Symbol.iterator]: () => again(make) })
    for (const each of [again, array]) {
      cache.setMany(each(() => [key, value]))
      expect(cache.size).toBe(5)
      expect(cache.getMany(each(() => key)).map(([number]) => number)).toEqual([0, 10, 20, 30, 40])
      expect(cache.deleteMany(each(() => key))).toBe(5)
    }
  })

  test.each(['getMany', 'setMany', 'deleteMany'])('%s: what is no iterable, or holds no entries', method => {
    const cache = open().set('a', 1)
    const wrong = [undefined, null, 5, 'ab', {}, () => {}]
    if (method === 'setMany') wrong.push([5], [null], ['ab'], [undefined])
    for (const value of wrong) {
      expect(thrownBy(() => cache[method](value))).toMatchObject(
        { name: 'TypeError', code: 'ERR_HEAPWISE_INVALID_ARG_TYPE' })
    }
    expect([...cache]).toEqual([['a', 1]])
  })

  test('what an iterable throws is passed on, and nothing has changed', () => {
    const cache = open().set('a', 1)
    const failing = function * (first) {
      yield first
      throw new Error('mine')
    }
    expect(() => cache.setMany(failing(['b', 2]))).toThrow('mine')
    expect(() => cache.deleteMany(failing('a'))).toThrow('mine')
    expect([...cache]).toEqual([['a', 1]])
  })

  test('ten thousand', () => {
    const cache = open()
    const entries = Array.from({ length: 10_000 }, (_, i) => [`key ${i}`, i % 3 === 0 ? i : i % 3 === 1 ? `${i}` : { i }])
    cache.setMany(entries)
    expect(cache.size).toBe(10_000)
    expect(cache.getMany(entries.map(([key]) => key))).toEqual(entries.map(([, value]) => value))
    expect(cache.deleteMany(entries.map(([key]) => key))).toBe(10_000)
  })
})

describe('bytes', () => {
  const VALUES = [
    ['a string', 'h\xe9llo', Buffer.from('h\xe9llo')], ['a wide string', '日本', Buffer.from('日本')],
    ['a lone surrogate', 'a\ud800b', Buffer.from('a\ufffdb')], ['an empty string', '', Buffer.alloc(0)],
    ['a Buffer', Buffer.from([1, 2, 3]), Buffer.from([1, 2, 3])],
    ['a Float64Array', Float64Array.of(1), Buffer.from(Float64Array.of(1).buffer)],
    ['a DataView', new DataView(Uint8Array.of(5, 6).buffer), Buffer.from([5, 6])],
    ['an ArrayBuffer', Uint8Array.of(7).buffer, Buffer.from([7])], ['no bytes', new Uint8Array(0), Buffer.alloc(0)],
    ['many bytes', LARGE, LARGE]
  ]

  test.each(VALUES)('getBuffer and getInto: %s', (_name, value, bytes) => {
    const cache = open({ shards: 1 }).set('a', value)
    const read = cache.getBuffer('a')
    expect(Buffer.isBuffer(read) && read.equals(bytes)).toBe(true)
    read.fill(0)
    expect(cache.getBuffer('a').equals(bytes)).toBe(true)
    const target = new Uint8Array(bytes.length + 5).fill(9)
    expect(cache.getInto('a', target)).toBe(bytes.length)
    expect(Buffer.from(target).equals(Buffer.concat([bytes, Buffer.alloc(5, 9)]))).toBe(true)
    target.fill(9)
    expect(cache.getInto('a', target, 3)).toBe(bytes.length)
    expect(Buffer.from(target).equals(Buffer.concat([Buffer.alloc(3, 9), bytes, Buffer.alloc(2, 9)]))).toBe(true)
    expect(cache.getInto('a', target, 5)).toBe(bytes.length)
  })

  test('into a target that is too small nothing is written', () => {
    const cache = open().set('a', Buffer.from('12345')).set('b', '12345')
    for (const key of ['a', 'b']) {
      for (const [length, offset] of [[4, 0], [0, 0], [9, 5], [9, 9]]) {
        const target = new Uint8Array(length).fill(7)
        const error = thrownBy(() => cache.getInto(key, target, offset))
        expect(error).toMatchObject({ name: 'RangeError', code: 'ERR_HEAPWISE_TARGET_TOO_SMALL', needed: 5 })
        expect(error.message).toBe(
          `argument 'target' must have room for 5 bytes after 'offset', got ${length - offset}`)
        expect(target.every(byte => byte === 7)).toBe(true)
      }
    }
    expect(cache.getInto('none', new Uint8Array(0))).toBe(-1)
  })

  test.each([[5], [true], [null], [1n], [{}], [[]]])('of %p there are none', value => {
    const cache = open().set('a', value)
    for (const read of [() => cache.getBuffer('a'), () => cache.getInto('a', Buffer.alloc(99))]) {
      expect(thrownBy(read)).toMatchObject({ name: 'TypeError', code: 'ERR_HEAPWISE_INVALID_USE' })
    }
  })

  test('a wrong target or offset', () => {
    const cache = open().set('a', 'x')
    const memory = new ArrayBuffer(9)
    for (const target of [undefined, null, [], 'x', memory, new DataView(memory), new Int8Array(memory)]) {
      expect(thrownBy(() => cache.getInto('a', target)).code).toBe('ERR_HEAPWISE_INVALID_ARG_TYPE')
    }
    for (const offset of [-1, 0.5, NaN, 10, Infinity]) {
      expect(thrownBy(() => cache.getInto('a', new Uint8Array(9), offset)).code).toBe('ERR_HEAPWISE_INVALID_ARG_VALUE')
    }
    for (const offset of ['0', null, 0n]) {
      expect(thrownBy(() => cache.getInto('a', new Uint8Array(9), offset)).code).toBe('ERR_HEAPWISE_INVALID_ARG_TYPE')
    }
  })
})

describe('an entry that is too large', () => {
  const WRITES = {
    set: cache => cache.set('a', LARGE),
    'set of text': cache => cache.set('a', 'x'.repeat(1e6)),
    'set of an object': cache => cache.set('a', { text: 'x'.repeat(1e6) }),
    'set with a ttl': cache => cache.set('a', LARGE, { ttl: 5 }),
    setMany: cache => cache.setMany([['b', 1], ['a', LARGE], ['c', LARGE]]),
    setIfAbsent: cache => cache.setIfAbsent('b', LARGE),
    compareAndSet: cache => cache.compareAndSet('a', 'before', LARGE)
  }

  test.each(Object.entries(WRITES))('%s throws, or returns false, and changes nothing', (_name, write) => {
    for (const onTooLarge of ['throw', 'refuse']) {
      const cache = small({ onTooLarge }).set('a', 'before', 1e6)
      if (onTooLarge === 'refuse') {
        expect(write(cache)).toBe(false)
      } else {
        const error = thrownBy(() => write(cache))
        expect(error).toMatchObject({ name: 'RangeError', code: 'ERR_HEAPWISE_ENTRY_TOO_LARGE' })
        expect(error.message).toMatch(
          /^the entry of key '[ab]' \(string\) is too large for this store, which takes at most \d+ bytes/)
      }
      expect([...cache]).toEqual([['a', 'before']])
      expect(cache.getRemainingTTL('a')).toBeLessThanOrEqual(1e6)
    }
  })

  test('is what the message says that it is', () => {
    const cache = small()
    const { message } = thrownBy(() => cache.set('a', LARGE))
    const most = Number(/at most (\d+) bytes/.exec(message)[1])
    expect(cache.set('a', Buffer.alloc(most - 1), { ttl: 1e6 }).get('a').length).toBe(most - 1)
    expect(thrownBy(() => cache.set('a', Buffer.alloc(most + 16))).code).toBe('ERR_HEAPWISE_ENTRY_TOO_LARGE')
    expect(cache.setMany([['a', Buffer.alloc(most - 1)]]).size).toBe(1)
    expect(thrownBy(() => cache.setMany([['a', Buffer.alloc(most)]])).code).toBe('ERR_HEAPWISE_ENTRY_TOO_LARGE')
  })
})

describe('about the store', () => {
  test('size, bytes, delete, clear', () => {
    const cache = open()
    const empty = cache.bytes
    for (let i = 0; i < 100; i++) cache.set(i, 'x'.repeat(1000))
    expect(cache.size).toBe(100)
    expect(cache.bytes).toBeGreaterThan(100_000)
    expect(cache.bytes).toBeLessThanOrEqual(cache.maxBytes)
    expect([cache.delete(5), cache.delete(5), cache.delete('none')]).toEqual([true, false, false])
    expect(cache.clear()).toBe(undefined)
    expect([cache.size, cache.get(1)]).toEqual([0, undefined])
    expect(cache.bytes).toBeLessThanOrEqual(empty + 100_000)
  })

  test('stats()', () => {
    const cache = open({ shards: 4, maxBytes: '1mb', max: 10, evictedKeys: 2 })
    for (let i = 0; i < 15; i++) cache.set(`key ${i}`, i)
    cache.get('key 14')
    cache.get('none')
    cache.delete('key 14')
    expect(thrownBy(() => cache.set('a', LARGE)).code).toBe('ERR_HEAPWISE_ENTRY_TOO_LARGE')
    const stats = cache.stats()
    expect(stats).toMatchObject({
      hits: 1, misses: 1, sets: 15, deletes: 1, evictions: { size: 5, expired: 0 }, refused: 1, entries: 9,
      maxBytes: 1024 ** 2, evictedKeysDropped: 3
    })
    expect(stats.bytes).toBe(cache.bytes)
    expect(stats.shards).toHaveLength(4)
    const { shards, ...whole } = stats
    for (const shard of shards) expect(Object.keys(shard)).toEqual(Object.keys(whole))
    const { evictions, evictedKeysDropped, ...sums } = whole
    for (const name of Object.keys(sums)) {
      expect([name, shards.reduce((sum, shard) => sum + shard[name], 0)]).toEqual([name, whole[name]])
    }
    expect(shards.reduce((sum, shard) => sum + shard.evictions.size, 0)).toBe(evictions.size)
    expect(evictedKeysDropped).toBe(3)
  })

  test('takeEvicted', () => {
    const cache = open({ max: 1, shards: 1, evictedKeys: 3 })
    for (const key of ['a', 2, Buffer.from('c'), '日本', 'e', 'f']) cache.set(key, 1)
    expect(cache.takeEvicted(2)).toEqual([{ key: Buffer.from('c'), reason: 'size' }, { key: '日本', reason: 'size' }])
    expect(cache.takeEvicted(0)).toEqual([])
    expect(cache.takeEvicted()).toEqual([{ key: 'e', reason: 'size' }])
    expect(cache.takeEvicted()).toEqual([])
    expect(cache.stats().evictedKeysDropped).toBe(2)
    cache.delete('f')
    cache.clear()
    expect(cache.takeEvicted(Number.MAX_SAFE_INTEGER)).toEqual([])
    expect(open({ max: 1 }).set('a', 1).set('b', 1).takeEvicted()).toEqual([])
    for (const max of [-1, 0.5, NaN, Infinity]) {
      expect(thrownBy(() => cache.takeEvicted(max)).code).toBe('ERR_HEAPWISE_INVALID_ARG_VALUE')
    }
    expect(thrownBy(() => cache.takeEvicted('5')).code).toBe('ERR_HEAPWISE_INVALID_ARG_TYPE')
  })

  test('it says what it is', () => {
    const name = newName()
    const cache = open({ maxBytes: '1mb' }).set('a', 1)
    expect(Object.prototype.toString.call(cache)).toBe('[object OffHeapCache]')
    expect(inspect(cache)).toBe(`OffHeapCache { size: 1, bytes: ${cache.bytes}, maxBytes: 1048576 }`)
    expect(inspect(open({ name, maxBytes: '1mb' }))).toMatch(`OffHeapCache '${name}' { size: 0, bytes: `)
    cache.close()
    expect(inspect(cache)).toBe('OffHeapCache (closed)')
    expect(inspect(OffHeapCache.prototype)).toMatch(/OffHeapCache/)
  })

  test('as a base class, and taken apart', () => {
    class Sessions extends OffHeapCache {
      get (key) { return `${super.get(key)}!` }
    }
    const cache = new Sessions()
    expect(cache.set('a', 'x').get('a')).toBe('x!')
    cache.close()
    const { get } = OffHeapCache.prototype
    expect(() => get('a')).toThrow(TypeError)
    expect(() => get.call({}, 'a')).toThrow(TypeError)
    expect(() => OffHeapCache()).toThrow(TypeError)
  })
})

describe('close', () => {
  const METHODS = [
    ['get', 'a'], ['get', 'a', {}], ['get', 1], ['peek', 'a'], ['has', 'a'], ['set', 'a', 'text'], ['set', 'a', 1],
    ['set', 'a', undefined], ['set', 'a', {}, 5], ['delete', 'a'], ['clear'], ['getRemainingTTL', 'a'], ['touch', 'a'],
    ['getMany', ['a']], ['getMany', []], ['setMany', [['a', 1]]], ['deleteMany', ['a']], ['getBuffer', 'a'],
    ['getInto', 'a', Buffer.alloc(1)], ['increment', 'a'], ['setIfAbsent', 'a', 1], ['compareAndSet', 'a', 1, 2],
    ['keys'], ['values'], ['entries'], [Symbol.iterator], ['forEach', () => {}], ['takeEvicted'], ['stats']
  ]

  test('every method throws afterwards, and those that promise reject', async () => {
    const cache = open({ maxBytes: '1mb', ttl: 5 }).set('a', 1)
    expect(cache.close()).toBe(undefined)
    expect(cache.close()).toBe(undefined)
    for (const [method, ...args] of METHODS) {
      const error = thrownBy(() => cache[method](...args))
      expect([method, error.code, error.name]).toEqual([method, 'ERR_HEAPWISE_CLOSED', 'Error'])
      expect(error.message).toBe('this OffHeapCache is closed')
    }
    const methods = Object.getOwnPropertyNames(OffHeapCache.prototype).filter(name => name !== 'constructor' &&
      typeof Object.getOwnPropertyDescriptor(OffHeapCache.prototype, name).value === 'function')
    expect(methods.filter(name => !METHODS.some(([method]) => method === name)).sort()).toEqual(
      ['close', 'getOrSet', 'save'])
    for (const promise of [cache.getOrSet('a', () => 1), cache.save('/nowhere/at/all')]) {
      expect((await rejectionOf(promise)).code).toBe('ERR_HEAPWISE_CLOSED')
    }
    for (const getter of ['size', 'bytes']) expect(thrownBy(() => cache[getter]).code).toBe('ERR_HEAPWISE_CLOSED')
    expect([cache.closed, cache.maxBytes, cache.maxEntries, cache.ttl, cache.name]).toEqual(
      [true, 1024 ** 2, 0, 5, undefined])
    expect(cache.shards).toBeGreaterThan(0)
  })

  test('a cache that is opened later is not meant by one that is closed', () => {
    const first = open()
    first.close()
    const second = open().set('a', 1)
    expect(thrownBy(() => first.get('a')).code).toBe('ERR_HEAPWISE_CLOSED')
    first.close()
    expect(second.get('a')).toBe(1)
  })

  test('using, by Symbol.dispose', () => {
    const cache = open()
    cache[Symbol.dispose ?? Symbol.for('nodejs.dispose')]()
    expect(cache.closed).toBe(true)
  })

  test('a cache that is collected is closed: its name is free', async () => {
    const name = newName()
    const leave = () => { new OffHeapCache({ name, max: 1 }).set('a', 1) }
    leave()
    for (;;) {
      globalThis.gc()
      await new Promise(resolve => setTimeout(resolve, 5))
      try {
        return open({ name, max: 2 })
      } catch (error) {
        expect(error.code).toBe('ERR_HEAPWISE_STORE_MISMATCH')
      }
    }
  })

  test('a cache that is used is not collected', async () => {
    const cache = open().set('a', 1)
    for (let i = 0; i < 5; i++) {
      globalThis.gc()
      await new Promise(resolve => setTimeout(resolve, 1))
    }
    expect(cache.get('a')).toBe(1)
  })
})
