'use strict'

// Values of every kind come back as they were, under keys of every kind, through every method that reads; and what
// comes back is nobody else's.

const { MessageChannel } = require('node:worker_threads')
const vm = require('node:vm')
const { CODECS, KEYS, PLAIN, closeAll, open, shapeOf, thrownBy } = require('./support/off-heap')

afterEach(closeAll)

const VIEWS = PLAIN.filter(([, value]) => ArrayBuffer.isView(value) || value instanceof ArrayBuffer)

describe.each(CODECS)('codec %s', (_name, codec, own) => {
  test.each([...PLAIN, ...own])('%s comes back through every method that reads', async (_kind, value) => {
    const cache = open({ codec, maxBytes: '32mb', shards: 1 })
    const expected = shapeOf(value)
    expect(cache.set('key', value)).toBe(cache)
    expect(shapeOf(cache.get('key'))).toBe(expected)
    expect(shapeOf(cache.get('key', { updateAgeOnGet: true }))).toBe(expected)
    expect(shapeOf(cache.peek('key'))).toBe(expected)
    expect(cache.getMany(['key', 'none', 'key']).map(shapeOf)).toEqual([expected, shapeOf(undefined), expected])
    expect([...cache].map(([key, each]) => [key, shapeOf(each)])).toEqual([['key', expected]])
    expect([...cache.values()].map(shapeOf)).toEqual([expected])
    expect(shapeOf(await cache.getOrSet('key', () => 'another'))).toBe(expected)
  })

  test.each([...PLAIN, ...own])('%s goes in by every method that writes', async (_kind, value) => {
    const cache = open({ codec, maxBytes: '32mb', shards: 1 })
    const expected = shapeOf(value)
    cache.setMany([['many', value], ['more', 1]])
    cache.set('set', value, { ttl: 1e6 })
    expect(cache.setIfAbsent('absent', value)).toBe(true)
    expect(cache.compareAndSet('swapped', undefined, value)).toBe(true)
    expect(cache.compareAndSet('swapped', value, 'other')).toBe(true)
    expect(cache.compareAndSet('swapped', value, 'again')).toBe(false)
    expect(cache.compareAndSet('swapped', 'other', value)).toBe(true)
    expect(shapeOf(await cache.getOrSet('produced', () => value))).toBe(expected)
    expect(shapeOf(await cache.getOrSet('promised', async () => value))).toBe(expected)
    const keys = ['many', 'set', 'absent', 'swapped', 'produced', 'promised']
    expect(cache.getMany(keys).map(shapeOf)).toEqual(keys.map(() => expected))
  })

  test('values of all kinds at once, under keys of all kinds', () => {
    const cache = open({ codec, maxBytes: '256mb', shards: 4 })
    const values = [...PLAIN, ...own].map(([, value]) => value)
    const entries = values.flatMap((value, i) => [[`a${i}`, value], [i, value], [Buffer.from([i >> 8, i]), value]])
    for (const [key, value] of entries) cache.set(key, value)
    expect(cache.size).toBe(entries.length)
    for (const [key, value] of entries) expect(shapeOf(cache.get(key))).toBe(shapeOf(value))
    const read = cache.getMany(entries.map(([key]) => key))
    expect(read.map(shapeOf)).toEqual(entries.map(([, value]) => shapeOf(value)))
    const expected = new Map(entries.map(([key, value]) => [shapeOf(key), shapeOf(value)]))
    expect(new Map([...cache].map(([key, value]) => [shapeOf(key), shapeOf(value)]))).toEqual(expected)
  })

  test.each(VIEWS)('%s: what comes back is private', (_kind, value) => {
    const cache = open({ codec, maxBytes: '32mb', shards: 1 })
    const source = structuredClone(value)
    cache.set('key', source).set('other', source)
    const all = view => view instanceof ArrayBuffer
      ? new Uint8Array(view)
      : new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
    const before = shapeOf(cache.get('key'))
    all(source).fill(99)
    for (const read of [c => c.get('key'), c => c.peek('key'), c => c.getMany(['other', 'key'])[1]]) {
      const first = read(cache)
      const second = read(cache)
      expect(shapeOf(first)).toBe(before)
      all(first).fill(77)
      expect(shapeOf(second)).toBe(before)
      expect(shapeOf(read(cache))).toBe(before)
    }
  })
})

describe('keys', () => {
  const KIND_CODECS = CODECS.filter(([name]) => name !== 'custom, to text')

  test.each(KIND_CODECS)('of all kinds are different keys, codec %s', (_name, codec) => {
    const cache = open({ codec, maxBytes: '64mb', shards: 8 })
    KEYS.forEach(([, key], i) => cache.set(key, `value ${i}`))
    expect(cache.size).toBe(KEYS.length)
    KEYS.forEach(([, key], i) => {
      expect(cache.get(key)).toBe(`value ${i}`)
      expect(cache.peek(key)).toBe(`value ${i}`)
      expect(cache.has(key)).toBe(true)
      expect(cache.getRemainingTTL(key)).toBe(Infinity)
      expect(cache.touch(key)).toBe(true)
    })
    expect(cache.getMany(KEYS.map(([, key]) => key))).toEqual(KEYS.map((_, i) => `value ${i}`))
    const found = [...cache.keys()].map(shapeOf).sort()
    const asBuffer = key => typeof key === 'object' ? Buffer.from(key) : key
    expect(found).toEqual(KEYS.map(([, key]) => shapeOf(asBuffer(key))).sort())
    for (const [, key] of KEYS) expect(cache.delete(key)).toBe(true)
    expect(cache.size).toBe(0)
  })

  test.each(KEYS)('%s: every method takes it', async (_kind, key) => {
    const cache = open({ maxBytes: '32mb', shards: 1, evictedKeys: 10, maxEntries: 1 })
    expect(cache.get(key)).toBe(undefined)
    expect(cache.has(key)).toBe(false)
    expect(cache.delete(key)).toBe(false)
    expect(cache.touch(key)).toBe(false)
    expect(cache.getRemainingTTL(key)).toBe(0)
    expect(cache.getBuffer(key)).toBe(undefined)
    expect(cache.getInto(key, new Uint8Array(1))).toBe(-1)
    expect(cache.increment(key, 2)).toBe(2)
    expect(cache.increment(key, 3)).toBe(5)
    expect(cache.get(key)).toBe(5)
    expect(cache.setIfAbsent(key, 1)).toBe(false)
    expect(cache.compareAndSet(key, 5, 'five')).toBe(true)
    expect(cache.getBuffer(key).toString()).toBe('five')
    expect(cache.deleteMany([key, key])).toBe(1)
    expect(await cache.getOrSet(key, given => shapeOf(given))).toBe(shapeOf(key))
    cache.setMany([[key, 1]])
    cache.set('another', 1)
    expect(cache.takeEvicted().map(({ key: evicted, reason }) => [shapeOf(evicted), reason])).toEqual(
      [[shapeOf(typeof key === 'object' ? Buffer.from(key) : key), 'size']])
  })

  test('a Buffer and a Uint8Array with the same bytes are the same key, -0 is 0', () => {
    const cache = open()
    cache.set(Buffer.from([1, 2]), 'bytes').set(-0, 'zero')
    expect(cache.get(Uint8Array.of(1, 2))).toBe('bytes')
    expect(cache.get(Uint8Array.of(0, 1, 2, 3).subarray(1, 3))).toBe('bytes')
    expect(cache.get(0)).toBe('zero')
    expect([...cache.keys()].map(shapeOf).sort()).toEqual([shapeOf(Buffer.from([1, 2])), shapeOf(0)].sort())
    expect(cache.size).toBe(2)
  })

  test('a key of bytes is a copy, in the store and out of it', () => {
    const cache = open()
    const key = Buffer.from('key')
    cache.set(key, 1).set(Buffer.from('other'), 2)
    key.fill(0)
    expect(cache.get(key)).toBe(undefined)
    expect(cache.get(Buffer.from('key'))).toBe(1)
    const keys = [...cache.keys()]
    keys[0].fill(0)
    expect([...cache.keys()].map(String).sort()).toEqual(['key', 'other'])
  })

  test('a key that is kept does not keep the others', () => {
    const cache = open({ shards: 1, evictedKeys: 500, max: 500 })
    for (let i = 0; i < 1000; i++) cache.set(Buffer.alloc(2000, `${i} `), i)
    for (const key of [[...cache.keys()][0], [...cache][0][0], cache.takeEvicted()[0].key]) {
      expect(key.length).toBe(2000)
      expect(key.buffer.byteLength).toBeLessThan(500_000)
    }
  })

  const BAD = [
    ['undefined', undefined], ['null', null], ['a fraction', 1.5], ['NaN', NaN], ['Infinity', Infinity],
    ['2 ** 53', 2 ** 53], ['a bigint', 1n], ['a symbol', Symbol('key')], ['an object', {}], ['an array', [1]],
    ['true', true], ['a function', () => {}], ['a Float64Array', new Float64Array(1)],
    ['an ArrayBuffer', new ArrayBuffer(8)],
    ['a DataView', new DataView(new ArrayBuffer(8))], ['a String', Object('key')]
  ]
  const LONG = [
    ['a string of 65,536 units', 'x'.repeat(65536), 65536],
    ['a string of 32,768 wide units', '本'.repeat(32768), 65536],
    ['a wide string with one wide unit', `${'x'.repeat(40000)}本`, 80002],
    ['a Buffer of 65,536 bytes', Buffer.alloc(65536), 65536]
  ]
  const METHODS = {
    get: (cache, key) => cache.get(key),
    'get with options': (cache, key) => cache.get(key, {}),
    peek: (cache, key) => cache.peek(key),
    has: (cache, key) => cache.has(key),
    set: (cache, key) => cache.set(key, 'text'),
    'set of an object': (cache, key) => cache.set(key, {}),
    'set of undefined': (cache, key) => cache.set(key, undefined),
    delete: (cache, key) => cache.delete(key),
    touch: (cache, key) => cache.touch(key),
    getRemainingTTL: (cache, key) => cache.getRemainingTTL(key),
    getBuffer: (cache, key) => cache.getBuffer(key),
    getInto: (cache, key) => cache.getInto(key, Buffer.alloc(1)),
    increment: (cache, key) => cache.increment(key),
    setIfAbsent: (cache, key) => cache.setIfAbsent(key, 1),
    compareAndSet: (cache, key) => cache.compareAndSet(key, undefined, 1),
    getMany: (cache, key) => cache.getMany(['a', key]),
    setMany: (cache, key) => cache.setMany([['a', 1], [key, 2]]),
    deleteMany: (cache, key) => cache.deleteMany(['kept', key])
  }

  test.each(BAD)('%s is none: every method says so and changes nothing', async (_kind, key) => {
    const cache = open().set('kept', 1)
    for (const [method, call] of Object.entries(METHODS)) {
      const error = thrownBy(() => call(cache, key))
      expect([method, error.code, error.name]).toEqual([method, 'ERR_HEAPWISE_INVALID_KEY', 'TypeError'])
      expect(error).toBeInstanceOf(TypeError)
      expect(error.message).toMatch(/^argument 'key' must be a string, a safe integer or a Uint8Array, got /)
    }
    await expect(cache.getOrSet(key, () => 1)).rejects.toMatchObject({ code: 'ERR_HEAPWISE_INVALID_KEY' })
    expect([...cache]).toEqual([['kept', 1]])
  })

  test.each(LONG)('%s is too long: every method says so and changes nothing', async (_kind, key, size) => {
    const cache = open().set('kept', 1)
    for (const [method, call] of Object.entries(METHODS)) {
      const error = thrownBy(() => call(cache, key))
      expect([method, error.code, error.name]).toEqual([method, 'ERR_HEAPWISE_INVALID_KEY', 'RangeError'])
      expect(error.message).toBe(`argument 'key' must take at most 65535 bytes, got one of ${size}`)
    }
    await expect(cache.getOrSet(key, () => 1)).rejects.toMatchObject({ code: 'ERR_HEAPWISE_INVALID_KEY' })
    expect([...cache]).toEqual([['kept', 1]])
  })
})

describe('bytes', () => {
  test('a typed array that comes back has an ArrayBuffer of exactly its length', () => {
    const cache = open()
    for (const [, value] of VIEWS) {
      if (Buffer.isBuffer(value)) continue
      cache.set('key', value)
      for (const read of [cache.get('key'), cache.getMany(['key'])[0]]) {
        expect(read.byteLength).toBe(value.byteLength)
        if (!(read instanceof ArrayBuffer)) {
          expect([read.byteOffset, read.buffer.byteLength]).toEqual([0, value.byteLength])
        }
      }
    }
  })

  test('a large Buffer does not keep other memory', () => {
    const cache = open()
    cache.set('key', Buffer.alloc(5000, 1)).set('small', Buffer.alloc(50))
    expect(cache.get('key').buffer.byteLength).toBe(5000)
    expect(cache.getMany(['small', 'key'])[1].buffer.byteLength).toBe(5000)
  })

  test('only the bytes of a view are stored, wherever it begins', () => {
    const cache = open()
    const memory = Uint8Array.from({ length: 64 }, (_, i) => i).buffer
    for (const offset of [0, 8, 16]) {
      cache.set('floats', new Float64Array(memory, offset, 2)).set('view', new DataView(memory, offset + 3, 5))
      cache.set('buffer', Buffer.from(memory, offset + 1, 3))
      const bytesAt = (at, length) => [...new Uint8Array(memory, at, length)]
      expect([...new Uint8Array(cache.get('floats').buffer)]).toEqual(bytesAt(offset, 16))
      expect([...new Uint8Array(cache.get('view').buffer)]).toEqual(bytesAt(offset + 3, 5))
      expect([...cache.get('buffer')]).toEqual(bytesAt(offset + 1, 3))
    }
  })

  test('shared memory is copied', () => {
    const cache = open()
    const memory = new SharedArrayBuffer(16)
    const numbers = Int32Array.of(1, 2, 3, 4)
    const view = new Int32Array(memory)
    view.set(numbers)
    cache.set('view', view).set('buffer', Buffer.from(memory)).set('data', new DataView(memory, 4, 8))
    cache.set(new Uint8Array(memory), 'key')
    view.fill(0)
    expect(cache.get('view')).toEqual(numbers)
    expect(cache.get('view').buffer).toBeInstanceOf(ArrayBuffer)
    expect(cache.get('buffer')).toEqual(Buffer.from(numbers.buffer))
    expect(cache.get('data').getInt32(0, true)).toBe(2)
    expect(cache.get(Buffer.from(numbers.buffer))).toBe('key')
    expect(thrownBy(() => cache.set('a', memory)).code).toBe('ERR_HEAPWISE_NOT_ENCODABLE')
  })

  const detach = memory => {
    const { port1 } = new MessageChannel()
    port1.postMessage(memory, [memory])
    port1.close()
  }

  test('what was detached is refused, and changes nothing', () => {
    const cache = open().set('key', 'before')
    const memory = new ArrayBuffer(16)
    const detached = [Uint8Array, Float64Array, DataView].map(View => new View(memory))
    detached.push(Buffer.from(memory), memory)
    detach(memory)
    for (const value of detached) {
      const error = thrownBy(() => cache.set('key', value))
      expect(error).toMatchObject({ name: 'TypeError', code: 'ERR_HEAPWISE_NOT_ENCODABLE', cause: expect.anything() })
      expect(error.message).toMatch(/^argument 'value' must be one that can be copied, got /)
    }
    expect(cache.get('key')).toBe('before')
  })

  test('what was detached, or is out of bounds, is no key', () => {
    const cache = open().set(Buffer.alloc(0), 'empty')
    const memory = new ArrayBuffer(16)
    const resized = new ArrayBuffer(8, { maxByteLength: 8 })
    const gone = [new Uint8Array(memory), Buffer.from(memory), new Uint8Array(resized, 4, 4)]
    detach(memory)
    resized.resize(2)
    for (const key of gone) {
      for (const call of [
        () => cache.set(key, 1), () => cache.get(key), () => cache.delete(key), () => cache.getMany([key]),
        () => cache.setMany([[key, 1]]), () => cache.increment(key)
      ]) expect(thrownBy(call)).toMatchObject({ name: 'TypeError', code: 'ERR_HEAPWISE_INVALID_KEY' })
    }
    expect([...cache]).toEqual([[Buffer.alloc(0), 'empty']])
  })

  test('views on memory that is resized are taken as long as they are', () => {
    const cache = open().set('key', 'before')
    const memory = new ArrayBuffer(8, { maxByteLength: 64 })
    const whole = new Uint8Array(memory)
    const fixed = new Uint8Array(memory, 4, 4)
    const data = new DataView(memory, 6, 2)
    memory.resize(32)
    expect(cache.set('whole', whole).get('whole').length).toBe(32)
    expect(cache.set('memory', memory).get('memory').byteLength).toBe(32)
    memory.resize(5)
    expect(cache.set('whole', whole).get('whole').length).toBe(5)
    expect(thrownBy(() => cache.set('key', fixed)).code).toBe('ERR_HEAPWISE_NOT_ENCODABLE')
    expect(thrownBy(() => cache.set('key', data)).code).toBe('ERR_HEAPWISE_NOT_ENCODABLE')
    memory.resize(0)
    expect(cache.set('whole', whole).get('whole').length).toBe(0)
    expect(cache.get('key')).toBe('before')
  })

  test('values of another realm are what they are there', () => {
    const cache = open()
    const [float, view, memory, sub, map] = vm.runInNewContext(`[
      Float32Array.of(1, 2), new DataView(new ArrayBuffer(3)), new ArrayBuffer(4),
      new (class Mine extends Uint16Array {})(2), new Map([[1, 2]])
    ]`)
    cache.set('float', float).set('view', view).set('memory', memory).set('sub', sub).set('map', map)
    expect(cache.get('float')).toEqual(Float32Array.of(1, 2))
    expect(cache.get('view')).toBeInstanceOf(DataView)
    expect(cache.get('memory')).toBeInstanceOf(ArrayBuffer)
    expect(cache.get('sub')).toEqual(new Uint16Array(2))
    expect(shapeOf(cache.get('map'))).toBe(shapeOf(new Map([[1, 2]])))
    expect(cache.set(vm.runInNewContext('Uint8Array.of(1, 2)'), 1).get(Buffer.from([1, 2]))).toBe(1)
  })

  test('a class on top of a typed array comes back as the typed array', () => {
    class Mine extends Float64Array {}
    class MyBuffer extends Uint8Array {}
    const cache = open().set('a', Mine.of(1.5)).set('b', MyBuffer.of(1))
    expect(Object.getPrototypeOf(cache.get('a'))).toBe(Float64Array.prototype)
    expect(Object.getPrototypeOf(cache.get('b'))).toBe(Uint8Array.prototype)
  })

  test('what only looks like a Buffer is an object', () => {
    const cache = open()
    const error = thrownBy(() => cache.set('a', new Proxy(Buffer.from('abc'), {})))
    expect(error.code).toBe('ERR_HEAPWISE_NOT_ENCODABLE')
    expect(shapeOf(cache.set('a', Object.create(Buffer.prototype)).get('a'))).toBe(shapeOf({}))
  })
})

describe('a view that is not what it says', () => {
  test.each([
    ['a byteLength of its own', class extends Uint16Array { get byteLength () { return 0 } }],
    ['a buffer of its own', class extends Uint16Array { get buffer () { return new ArrayBuffer(0) } }]
  ])('%s: its bytes are stored all the same', (_, View) => {
    const cache = open().set('k', new View([1, 2, 3]))
    expect(Array.from(cache.get('k'))).toEqual([1, 2, 3])
  })

  test('a Float64Array that calls itself a Buffer', () => {
    const cache = open().set('k', Object.setPrototypeOf(new Float64Array([1.5]), Buffer.prototype))
    expect(cache.get('k')).toEqual(new Float64Array([1.5]))
  })
})

test('what setMany refuses is counted', () => {
  const cache = open({ maxBytes: '64kb', onTooLarge: 'refuse' })
  expect(cache.setMany([['a', 1], ['b', Buffer.alloc(1e6)]])).toBe(false)
  expect(cache.stats()).toMatchObject({ refused: 1, sets: 0, entries: 0 })
})
