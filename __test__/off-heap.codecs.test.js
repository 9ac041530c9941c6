'use strict'

// What the codecs copy and what they refuse, who has which codec, and code of the user's that runs while a value is
// encoded or decoded.

const { execFileSync } = require('node:child_process')
const path = require('node:path')
const v8 = require('node:v8')
const fc = require('fast-check')
const { announce, parameters, timeout } = require('./support/settings')
const {
  CODECS, OffHeapCache, closeAll, newName, open, rejectionOf, shapeOf, taggingCodec, thrownBy
} = require('./support/off-heap')

afterEach(closeAll)

const WRITES = {
  set: (cache, key, value) => cache.set(key, value),
  'set with a ttl': (cache, key, value) => cache.set(key, value, { ttl: 1e6 }),
  setMany: (cache, key, value) => cache.setMany([['other', 1], [key, value]]),
  setIfAbsent: (cache, key, value) => cache.setIfAbsent(key, value),
  compareAndSet: (cache, key, value) => cache.compareAndSet(key, undefined, value),
  'compareAndSet as what is expected': (cache, key, value) => cache.compareAndSet(key, value, 1)
}

const refuses = async (cache, value, { cause = expect.anything() } = {}) => {
  cache.set('kept', 'as it was')
  for (const [method, write] of Object.entries(WRITES)) {
    for (const key of ['kept', 'new']) {
      const error = thrownBy(() => write(cache, key, value))
      expect([method, error.code, error.name]).toEqual([method, 'ERR_HEAPWISE_NOT_ENCODABLE', 'TypeError'])
      expect(error.message).toMatch(/^argument 'value' must be one that codec '.+' can encode, got /)
      expect(error).toMatchObject({ cause })
    }
  }
  const error = await rejectionOf(cache.getOrSet('new', () => value))
  expect(error.code).toBe('ERR_HEAPWISE_NOT_ENCODABLE')
  expect([...cache]).toEqual([['kept', 'as it was']])
  // The claim is free again.
  expect(await cache.getOrSet('new', () => 'fine')).toBe('fine')
  cache.clear()
}

const looped = {}
looped.self = looped
const throwing = what => ({ get a () { throw what } })

describe('what cannot be encoded throws, and changes nothing', () => {
  test.each([
    ['a function', () => {}], ['a symbol', Symbol('s')], ['an object with a function', { f () {} }],
    ['a WeakMap', new WeakMap()], ['a Proxy', new Proxy({}, {})],
    ['shared memory', new SharedArrayBuffer(1)], ['an object with a symbol', { s: Symbol('s') }]
  ])('v8: %s', async (_name, value) => {
    await refuses(open(), value)
  })

  test('v8: a promise', () => {
    expect(thrownBy(() => open().set('a', Promise.resolve())).code).toBe('ERR_HEAPWISE_NOT_ENCODABLE')
  })

  test.each([
    ['a function', () => {}], ['a symbol', Symbol('s')], ['a cycle', looped], ['an object with a bigint', { big: 1n }],
    ['what toJSON makes undefined', { toJSON () {} }]
  ])('json: %s', async (_name, value) => {
    await refuses(open({ codec: 'json' }), value)
  })

  test.each([['a function', () => {}], ['a symbol', Symbol('s')]])('msgpack: %s', async (_name, value) => {
    await refuses(open({ codec: 'msgpack' }), value)
  })

  test.each(['v8', 'json', 'msgpack'])('%s: what throws when it is read, whatever it throws', async codec => {
    const cause = new Error('mine')
    await refuses(open({ codec }), throwing(cause), { cause })
    const error = thrownBy(() => open({ codec }).set('a', throwing('a string')))
    expect(error.cause).toBe('a string')
    expect(error.message).toMatch(/: a string$/)
    expect(thrownBy(() => open({ codec }).set('a', throwing(undefined))).code).toBe('ERR_HEAPWISE_NOT_ENCODABLE')
    const hidden = { get message () { throw new Error('no') } }
    expect(thrownBy(() => open({ codec }).set('a', throwing(hidden))).cause).toBe(hidden)
  })

  test('a message that cannot be made of the value does not hide the error', () => {
    const value = throwing(new Error('mine'))
    value[Symbol.for('nodejs.util.inspect.custom')] = () => { throw new Error('another') }
    expect(thrownBy(() => open().set('a', value)).cause.message).toBe('mine')
  })

  const returning = what => ({ encode: () => what, decode: () => 1 })

  test.each([
    ['undefined', undefined], ['a number', 1], ['an object', {}], ['null', null],
    ['an ArrayBuffer', new ArrayBuffer(1)], ['a Float64Array', new Float64Array(1)], ['a promise', Promise.resolve('')]
  ])('a codec of the user that returns %s', async (_name, what) => {
    const cache = open({ codec: returning(what) })
    for (const value of ['text', 5, null, {}]) {
      const error = thrownBy(() => cache.set('a', value))
      expect(error.code).toBe('ERR_HEAPWISE_NOT_ENCODABLE')
      expect(error.cause.message).toMatch(
        /^what 'encode' of codec 'custom' returns must be a string or a Uint8Array, got /)
    }
    expect(cache.size).toBe(0)
  })

  test('a codec of the user that throws', async () => {
    const cause = new Error('mine')
    const codec = {
      name: 'picky',
      encode (value) {
        if (value !== 'as it was' && value !== 1 && value !== 'fine') throw cause
        return JSON.stringify(value)
      },
      decode: JSON.parse
    }
    await refuses(open({ codec }), 'refused', { cause })
    expect(thrownBy(() => open({ codec }).set('a', 5)).message).toBe(
      "argument 'value' must be one that codec 'picky' can encode, got 5 (number): mine")
  })

  test('undefined is no value: set deletes, the others refuse', async () => {
    for (const [, codec] of CODECS) {
      const cache = open({ codec }).set('a', 1)
      for (const call of [
        () => cache.setIfAbsent('b', undefined), () => cache.compareAndSet('a', 1, undefined),
        () => cache.setMany([['b', 1], ['a', undefined]])
      ]) expect(thrownBy(call).code).toBe('ERR_HEAPWISE_NOT_ENCODABLE')
      expect([...cache]).toEqual([['a', 1]])
      expect(cache.set('a', undefined)).toBe(cache)
      expect(cache.set('a', undefined)).toBe(cache)
      expect(cache.size).toBe(0)
    }
  })
})

describe('v8 copies as structuredClone does', () => {
  beforeAll(() => announce('off-heap.codecs'))

  const leaf = fc.oneof(
    fc.string({ unit: 'binary' }), fc.integer(), fc.double(), fc.boolean(),
    fc.constantFrom(null, undefined, -0, NaN, 5n, new Date(0), Buffer.from('b'), new Map([[1, {}]]), '\ud800', /a/g)
  )
  const name = fc.oneof(fc.string(), fc.constantFrom('__proto__', '1', '0', 'toJSON', 'length'))
  const { tree } = fc.letrec(tie => ({
    tree: fc.oneof({ depthSize: 'small', withCrossShrink: true }, leaf, tie('list'), tie('record'), tie('twice')),
    list: fc.array(tie('tree'), { maxLength: 5 }),
    record: fc.dictionary(name, tie('tree'), { maxKeys: 5 }),
    twice: tie('tree').map(value => ({ a: value, b: value }))
  }))

  test('any tree of values', () => {
    const cache = open()
    fc.assert(fc.property(tree, value => {
      if (value === undefined) return
      const expected = shapeOf(value)
      cache.set('a', value)
      expect(shapeOf(cache.get('a'))).toBe(expected)
      expect(shapeOf(cache.getMany(['a'])[0])).toBe(expected)
      expect(cache.compareAndSet('a', value, 1)).toBe(true)
    }), parameters(2))
  }, timeout)

  const list = [1, 2]
  const named = Object.assign([1, 2], { name: 'x' })
  const hidden = Object.defineProperty({ a: 1 }, 'hidden', { value: 2 })
  test.each([
    ['an array with properties besides', named],
    ['an array with a hole', [1, , 2]], // eslint-disable-line no-sparse-arrays
    ['one array twice', { a: list, b: list }],
    ['an object without a prototype', Object.assign(Object.create(null), { a: 1 })],
    ['an object with another prototype', Object.assign(Object.create({ b: 2 }), { a: 1 })],
    ['an object with what is not enumerable', hidden],
    ['an object with a symbol as a key', { a: 1, [Symbol('b')]: 2 }],
    ['an object with toJSON that is no function', { toJSON: 1 }],
    ['300 numbers', Array.from({ length: 300 }, (_, i) => i)],
    ['40 objects', Array.from({ length: 40 }, (_, i) => ({ i }))],
    ['a deep object', Array.from({ length: 25 }).reduce(inner => ({ inner }), 1)],
    ['an own property __proto__ that is an object', JSON.parse('{"__proto__":{"a":[1]},"b":1}')]
  ])('%s', (_name, value) => {
    const cache = open().set('a', value)
    expect(shapeOf(cache.get('a'))).toBe(shapeOf(value))
    expect(cache.compareAndSet('a', cache.get('a'), 1)).toBe(true)
  })

  test('a getter runs once, and what it returned then is stored', () => {
    let calls = 0
    const value = { get a () { return ++calls === 1 ? { b: 'first' } : new Map() } }
    expect(open().set('k', value).get('k')).toEqual({ a: { b: 'first' } })
    const array = Object.defineProperty([1], 0, { get: () => ++calls, enumerable: true })
    expect(open().set('k', array).get('k')).toEqual([2])
  })

  test('a getter that stores something else does not disturb', () => {
    const cache = open()
    const twice = { x: 1 }
    const value = { first: twice, get inner () { cache.set('inner', { y: [{}] }); return 'text' }, second: twice }
    const read = cache.set('outer', value).get('outer')
    expect(read.first).toBe(read.second)
    expect(cache.get('inner')).toEqual({ y: [{}] })
    const failing = { get a () { throw new Error('mine') } }
    expect(() => cache.set('outer', failing)).toThrow('mine')
    expect(cache.set('outer', { z: 1 }).get('outer')).toEqual({ z: 1 })
  })

  test('a toJSON that somebody gave all objects is not called', () => {
    const cache = open()
    try {
      // eslint-disable-next-line no-extend-native
      Object.defineProperty(Object.prototype, 'toJSON', { value: () => 'changed', configurable: true })
      cache.set('a', { x: [1] })
    } finally {
      delete Object.prototype.toJSON
    }
    expect(shapeOf(cache.get('a'))).toBe(shapeOf({ x: [1] }))
  })
})

describe('what is not kept', () => {
  test('v8: prototypes, accessors, symbols, identity with what was set', () => {
    class Point {
      constructor () { this.x = 1 }
      get y () { return 2 }
    }
    const cache = open()
    const value = { point: new Point(), get made () { return 'once' }, [Symbol('s')]: 1 }
    const read = cache.set('a', value).get('a')
    expect(read).not.toBe(value)
    expect(shapeOf(read)).toBe(shapeOf({ point: { x: 1 }, made: 'once' }))
    expect(cache.get('a')).not.toBe(read)
  })

  test('v8: identity within a value is kept', () => {
    const inner = {}
    const value = { a: inner, b: inner }
    value.self = value
    const read = open().set('a', value).get('a')
    expect(read.a).toBe(read.b)
    expect(read.self).toBe(read)
  })

  test('v8: an Error keeps its name, message, stack and cause', () => {
    const error = new RangeError('too far', { cause: new Error('why') })
    const read = open().set('a', error).get('a')
    expect([read.name, read.message, read.stack, read.cause.message]).toEqual(
      ['RangeError', 'too far', error.stack, 'why'])
  })

  test('json: as JSON has it', () => {
    const cache = open({ codec: 'json' })
    const at = new Date(0)
    expect(cache.set('a', { at, no: undefined, map: new Map(), nan: NaN, zero: -0 }).get('a')).toEqual(
      { at: at.toJSON(), map: {}, nan: null, zero: 0 })
    expect(cache.set('a', { toJSON: () => 'text' }).get('a')).toBe('text')
    expect(cache.set('a', new Date(0)).get('a')).toBe(at.toJSON())
    // Not at the top, where no codec is asked.
    expect(cache.set('a', -0).get('a')).toBe(-0)
    expect(cache.set('a', NaN).get('a')).toBe(NaN)
  })

  test('msgpack: identity within a value is kept, -0 and lone surrogates in it are not', () => {
    const cache = open({ codec: 'msgpack' })
    const inner = { x: 1 }
    const value = { a: inner, b: inner }
    value.self = value
    const read = cache.set('a', value).get('a')
    expect(read.a).toBe(read.b)
    expect(read.self).toBe(read)
    expect(cache.set('a', { zero: -0, text: 'a\ud800' }).get('a')).toEqual(
      { zero: 0, text: expect.stringMatching(/^a\ufffd+$/) })
    const error = cache.set('a', new TypeError('wrong')).get('a')
    expect([error.name, error.message]).toEqual(['TypeError', 'wrong'])
  })

  // In a process of its own: in jest's realm msgpackr does not know typed arrays when it sees them.
  test('msgpack: views in a value are private, and hold no other memory', () => {
    const script = `
      const { OffHeapCache } = require('.')
      const cache = new OffHeapCache({ codec: 'msgpack' })
      const value = { f: Float64Array.of(1, 2), d: new DataView(new ArrayBuffer(2)), b: Buffer.from('abc'), a: [{}] }
      cache.set('b', { other: Buffer.alloc(500, 0xff) })
      const first = cache.set('a', value).get('a')
      const [second] = cache.getMany(['a'])
      cache.get('b')
      cache.getMany(['b'])
      first.b.fill(0)
      first.f.fill(0)
      require('assert').deepStrictEqual([second, cache.get('a')], [value, value])
      console.log(first.f.buffer.byteLength, second.d.buffer.byteLength)`
    const root = path.join(__dirname, '..')
    expect(execFileSync(process.execPath, ['-e', script], { cwd: root, encoding: 'utf8' })).toBe('16 2\n')
  })

  test('v8: views in a value are private, and stay what they are when others are read', () => {
    const cache = open()
    const value = { f: Float64Array.of(1, 2), b: Buffer.from('abc'), d: new DataView(new ArrayBuffer(3)), odd: 'x' }
    cache.set('a', value).set('b', { z: Buffer.alloc(100, 0xff) })
    const first = cache.get('a')
    const expected = shapeOf(value)
    expect(shapeOf(first)).toBe(expected)
    cache.get('b')
    const [, many] = cache.getMany(['b', 'a'])
    cache.getMany(['b', 'b'])
    expect([first, many].map(shapeOf)).toEqual([expected, expected])
    first.b.fill(0)
    expect(shapeOf(cache.get('a'))).toBe(expected)
  })

  test.each(['v8', 'msgpack'])('%s: values larger than what is kept at hand for decoding', codec => {
    const cache = open({ codec, shards: 1 })
    const values = [60_000, 65_500, 65_536, 70_000, 500_000].map(size => ({ text: 'x'.repeat(size), size }))
    values.forEach((value, i) => cache.set(i, value))
    values.forEach((value, i) => expect(shapeOf(cache.get(i))).toBe(shapeOf(value)))
    expect(cache.getMany(values.keys()).map(shapeOf)).toEqual(values.map(shapeOf))
  })
})

describe('a codec of the user', () => {
  test('sees every value, and decodes a Buffer of its own or the string', () => {
    const seen = []
    const stored = []
    const codec = {
      encode (value) {
        seen.push(value)
        return typeof value === 'string' ? `text ${value}` : v8.serialize(value)
      },
      decode (given) {
        stored.push(given)
        return typeof given === 'string' ? given.slice(5) : v8.deserialize(given)
      }
    }
    const cache = open({ codec })
    const values = ['a', 1, true, null, 2n, Buffer.from('b'), { c: 1 }]
    values.forEach((value, i) => cache.set(i, value))
    expect(seen).toEqual(values)
    values.forEach((value, i) => expect(shapeOf(cache.get(i))).toBe(shapeOf(v8.deserialize(v8.serialize(value)))))
    expect(stored[0]).toBe('text a')
    expect(stored.slice(1).every(given => Buffer.isBuffer(given))).toBe(true)
    const [, again] = [cache.get(1), stored.at(-1)]
    again.fill(0)
    expect(cache.get(1)).toBe(1)
  })

  test('is called as a method', () => {
    const codec = {
      prefix: 'p',
      encode (value) { return this.prefix + value },
      decode (text) { return text.slice(this.prefix.length) }
    }
    expect(open({ codec }).set('a', 'b').get('a')).toBe('b')
  })

  test('may decode to undefined, null or a promise', async () => {
    const make = decoded => open({ codec: { encode: () => '', decode: () => decoded } }).set('a', 1)
    expect(make(undefined).get('a')).toBe(undefined)
    expect(await make(undefined).getOrSet('a', () => 5)).toBe(undefined)
    expect([...make(undefined)]).toEqual([['a', undefined]])
    expect(make(null).getMany(['a'])).toEqual([null])
  })

  test.each(['get', 'peek', 'getMany', 'values', 'getOrSet'])('%s: what decode throws is the cause', async method => {
    const cause = new Error('damaged')
    const codec = { name: 'mine', encode: () => 'text', decode () { throw cause } }
    for (const encode of [() => 'text', () => Buffer.from('bytes')]) {
      const cache = open({ codec: { ...codec, encode } }).set('a', 1)
      const read = {
        getMany: () => cache.getMany(['a']),
        values: () => [...cache.values()],
        getOrSet: () => cache.getOrSet('a', () => 1)
      }[method] ?? (() => cache[method]('a'))
      const error = await rejectionOf((async () => read())())
      expect(error).toMatchObject({ name: 'Error', code: 'ERR_HEAPWISE_NOT_DECODABLE', cause })
      expect(error.message).toBe("codec 'mine' cannot decode what is stored: damaged")
    }
  })

  test('leaves increment alone', () => {
    const cache = open({ codec: taggingCodec({ text: false }) })
    expect(cache.increment('n')).toBe(1)
    expect(cache.get('n')).toBe(1)
    for (const other of [2, -1, '1', true]) expect(cache.compareAndSet('n', other, 'x')).toBe(false)
    expect(cache.compareAndSet('n', 1, 'x')).toBe(true)
    cache.set('m', 5)
    expect(thrownBy(() => cache.increment('m')).code).toBe('ERR_HEAPWISE_INVALID_USE')
  })
})

describe('code of the user that comes back while a value is encoded', () => {
  const WAYS = [
    ['a getter', 'v8', action => ({ get a () { return action() } })],
    ['a getter', 'json', action => ({ get a () { return action() } })],
    ['toJSON', 'json', action => ({ toJSON: () => ({ a: action() }) })],
    ['a getter', 'msgpack', action => ({ get a () { return action() } })]
  ]

  test.each(WAYS)('%s, codec %s: reads, writes and clears', (_way, codec, make) => {
    const cache = open({ codec })
    cache.set('key', 'before').set('other', { x: 1 })
    const value = make(() => {
      expect(cache.get('key')).toBe('before')
      cache.set('key', { inner: 1 }).set('key2', Buffer.alloc(10, 1))
      cache.getMany(['key', 'other'])
      return 'read'
    })
    cache.set('key', value)
    expect(shapeOf(cache.get('key'))).toBe(shapeOf({ a: 'read' }))
    cache.setMany([['m1', 1], ['m2', make(() => { cache.clear(); return 2 })]])
    expect([...cache.keys()].sort()).toEqual(['m1', 'm2'])
    expect(cache.setIfAbsent('n', make(() => { cache.set('n', 'first'); return 2 }))).toBe(false)
    expect(cache.get('n')).toBe('first')
    expect(cache.compareAndSet('n', 'first', make(() => { cache.set('n', 'second'); return 2 }))).toBe(false)
  })

  test.each(WAYS)('%s, codec %s: closes the cache', (_way, codec, make) => {
    for (const write of Object.values(WRITES)) {
      const cache = open({ codec })
      expect(thrownBy(() => write(cache, 'key', make(() => cache.close()))).code).toBe('ERR_HEAPWISE_CLOSED')
    }
  })

  test('a decoder that uses the cache', () => {
    const codec = {
      encode: value => Buffer.from(JSON.stringify(value)),
      decode (bytes) {
        const text = bytes.toString()
        if (cache?.has('other')) {
          cache.delete('other')
          cache.getMany(['b', 'a', 'b'])
          cache.set('c', 'new')
          cache.get('c')
        }
        return JSON.parse(text)
      }
    }
    const cache = open({ codec })
    const entries = [['a', { x: 1 }], ['b', { y: 'text' }], ['other', 1]]
    cache.setMany(entries)
    expect(cache.getMany(['a', 'b', 'c'])).toEqual([{ x: 1 }, { y: 'text' }, undefined])
    cache.set('other', 1)
    expect([cache.get('a'), cache.get('b')]).toEqual([{ x: 1 }, { y: 'text' }])
  })
})

describe('compareAndSet compares values', () => {
  test.each(CODECS)('codec %s: what was read is what is expected', (_name, codec, own) => {
    const cache = open({ codec })
    for (const [, value] of own) {
      cache.set('key', value)
      expect(cache.compareAndSet('key', cache.get('key'), 'swapped')).toBe(true)
      expect(cache.compareAndSet('key', value, 'again')).toBe(false)
      expect(cache.get('key')).toBe('swapped')
    }
  })

  test('objects by their contents, in any order; not what is merely alike', () => {
    for (const codec of ['v8', 'json', 'msgpack']) {
      const cache = open({ codec })
      const swap = expected => cache.set('key', { a: [1, 2], b: { c: 'x' } }).compareAndSet('key', expected, 1)
      expect(swap({ b: { c: 'x' }, a: [1, 2] })).toBe(true)
      for (const other of [
        { a: [1, 2] }, { a: [1, 3], b: { c: 'x' } }, { a: ['1', 2], b: { c: 'x' } }, {}, [], 'text', undefined, 1,
        Buffer.from('x')
      ]) expect(swap(other)).toBe(false)
    }
  })

  test('other values by their bytes', () => {
    const cache = open()
    const swaps = (stored, expected) => cache.set('key', stored).compareAndSet('key', expected, 'x')
    expect(swaps(NaN, NaN)).toBe(true)
    expect(swaps(0, -0)).toBe(false)
    expect(swaps(1, true)).toBe(false)
    expect(swaps(1, 1n)).toBe(false)
    expect(swaps('1', 1)).toBe(false)
    expect(swaps('a', 'a')).toBe(true)
    expect(swaps('é', 'e\u0301')).toBe(false)
    expect(swaps(Buffer.from('a'), Buffer.from('a'))).toBe(true)
    expect(swaps(Buffer.from('a'), new Uint8Array(Buffer.from('a')))).toBe(false)
    expect(swaps(null, undefined)).toBe(false)
    expect(swaps(-5n, -5n)).toBe(true)
  })
})

describe('which codec a cache has', () => {
  test("'v8', if nothing is said", () => {
    expect(open().set('a', new Map()).get('a').size).toBe(0)
  })

  test.each(['v8', 'json', 'msgpack'])('%s is taken over from the store of that name', codec => {
    const name = newName()
    const first = open({ name, codec })
    const second = open({ name })
    second.set('date', { at: new Date(0) })
    const expected = codec === 'json' ? { at: '1970-01-01T00:00:00.000Z' } : { at: new Date(0) }
    expect([first, second].map(cache => shapeOf(cache.get('date')))).toEqual([expected, expected].map(shapeOf))
    const other = codec === 'v8' ? 'json' : 'v8'
    const error = thrownBy(() => new OffHeapCache({ name, codec: other }))
    expect(error.code).toBe('ERR_HEAPWISE_STORE_MISMATCH')
    expect(error.message).toContain(`'codec' is '${codec}', not '${other}'`)
  })

  test("a codec of the user's has to be given by each", () => {
    const name = newName()
    const codec = taggingCodec({ text: true })
    const first = open({ name, codec }).set('a', { x: 1 })
    const error = thrownBy(() => new OffHeapCache({ name }))
    expect(error.code).toBe('ERR_HEAPWISE_STORE_MISMATCH')
    expect(error.message).toContain('has to be given here as well')
    const { message } = thrownBy(() => new OffHeapCache({ name, codec: 'json' }))
    expect(message).toContain("'codec' is 'custom', not 'json'")
    expect(shapeOf(open({ name, codec }).get('a'))).toBe(shapeOf({ x: 1 }))
    // Those that failed hold nothing.
    closeAll()
    expect(first.closed).toBe(true)
    expect(open({ name, codec: 'json' }).size).toBe(0)
  })

  test('a codec that is none is refused', () => {
    const codes = [5, true, null, () => {}].map(codec => thrownBy(() => new OffHeapCache({ codec })).code)
    expect(new Set(codes)).toEqual(new Set(['ERR_HEAPWISE_INVALID_ARG_TYPE']))
    expect(thrownBy(() => new OffHeapCache({ codec: 'msgpak' })).code).toBe('ERR_HEAPWISE_INVALID_ARG_VALUE')
    expect(thrownBy(() => new OffHeapCache({ codec: 'toString' })).code).toBe('ERR_HEAPWISE_INVALID_ARG_VALUE')
    for (const codec of [{}, { encode () {} }, { decode () {} }, { encode () {}, decode: 1 },
      { encode () {}, decode () {}, name: 5 }]) {
      const { message } = thrownBy(() => new OffHeapCache({ codec }))
      expect(message).toMatch(/^option 'codec\.(encode|decode|name)' must be /)
    }
  })

  test('msgpack without its package says what to install', () => {
    jest.isolateModules(() => {
      const cause = Object.assign(new Error("Cannot find module 'msgpackr'"), { code: 'MODULE_NOT_FOUND' })
      jest.doMock('msgpackr', () => { throw cause })
      const heapwise = require('..')
      const error = thrownBy(() => new heapwise.OffHeapCache({ codec: 'msgpack' }))
      jest.dontMock('msgpackr')
      expect(error).toMatchObject({ name: 'Error', code: 'ERR_HEAPWISE_CODEC_MISSING', cause })
      expect(error.message).toBe(
        "codec 'msgpack' needs the package 'msgpackr', which cannot be loaded. To install it: npm install msgpackr")
      // The others do without.
      const cache = new heapwise.OffHeapCache({ codec: 'json' })
      expect(cache.set('a', {}).get('a')).toEqual({})
      cache.close()
    })
  })
})

test('a codec that gives the same Buffer again and again', () => {
  const room = Buffer.alloc(64)
  const encode = text => room.subarray(0, room.write(text))
  const cache = open({ codec: { encode, decode: String } })
  cache.setMany([['a', 'one'], ['b', 'two']])
  expect(cache.getMany(['a', 'b'])).toEqual(['one', 'two'])
  expect(cache.compareAndSet('a', 'two', 'one')).toBe(false)
  expect(cache.compareAndSet('a', 'bad', 'one')).toBe(false)
  expect(cache.compareAndSet('a', 'one', 'new')).toBe(true)
  expect(cache.get('a')).toBe('new')
})

test('a codec that gives its Buffer away', () => {
  const giving = { encode: text => text === 'kept' ? 'as it was' : detached(), decode: String }
  const detached = () => {
    const bytes = new Uint8Array(8)
    structuredClone(bytes.buffer, { transfer: [bytes.buffer] })
    return bytes
  }
  const cache = open({ codec: giving }).set('a', 'kept')
  for (const write of Object.values(WRITES)) {
    expect(thrownBy(() => write(cache, 'a', 'x')).code).toBe('ERR_HEAPWISE_NOT_ENCODABLE')
  }
  expect([...cache]).toEqual([['a', 'as it was']])
})

test('an extension of msgpackr that keeps its bytes, or reads from the cache', () => {
  const { addExtension } = require('msgpackr')
  const cache = open({ codec: 'msgpack' })
  class Kept { constructor (bytes) { this.bytes = bytes } }
  class Link { constructor (key) { this.key = key } }
  addExtension({ Class: Kept, type: 11, pack: kept => kept.bytes, unpack: bytes => new Kept(bytes) })
  const follow = bytes => Object.assign(new Link(String(bytes)), { to: cache.get(String(bytes)) })
  addExtension({ Class: Link, type: 12, pack: link => Buffer.from(link.key), unpack: follow })
  cache.set('first', new Kept(Buffer.from('first'))).set('other', new Kept(Buffer.from('other')))
  const one = cache.get('first')
  const [many] = cache.getMany(['first'])
  cache.get('other')
  cache.getMany(['other'])
  expect([String(one.bytes), String(many.bytes)]).toEqual(['first', 'first'])

  cache.set('far', { text: 'x'.repeat(2000) })
  cache.set('near', { link: new Link('far'), tail: 'tail' })
  for (const near of [cache.get('near'), cache.getMany(['far', 'near'])[1], new Map(cache).get('near')]) {
    expect(near.tail).toBe('tail')
    expect(near.link.to.text).toHaveLength(2000)
  }
})
