'use strict'

// What the tests of OffHeapCache have in common: caches that are closed in the end, and every kind of key and value.

const v8 = require('node:v8')
const { OffHeapCache } = require('../..')

const opened = []

/** A cache that is closed after the test, if `closeAll` is. */
const open = (options = {}) => {
  const cache = new OffHeapCache(options)
  opened.push(cache)
  return cache
}

const closeAll = () => {
  for (const cache of opened.splice(0)) cache.close()
}

let names = 0
/** A name that no other test has, in any worker of jest's. */
const newName = () => `test ${process.pid} ${++names} ${process.hrtime.bigint()}`

/** What `action` throws; an error if it does not. */
const thrownBy = action => {
  try {
    action()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}

/** What a promise is rejected with; an error if it is not. */
const rejectionOf = promise => promise.then(() => { throw new Error('it was not rejected') }, error => error)

/** A promise, and what settles it. */
const deferred = () => {
  let resolve
  let reject
  const promise = new Promise((...both) => { [resolve, reject] = both })
  return { promise, resolve, reject }
}

/** The value in a form that tells its kind, its contents and nothing of its realm. */
const shapeOf = value => {
  if (Buffer.isBuffer(value)) return `Buffer ${value.toString('hex')}`
  // How V8 happens to hold an array or a number shows in the bytes. Once it has decoded them, it does not.
  return v8.serialize(v8.deserialize(v8.serialize(value))).toString('latin1')
}

const floats = [0, -0, 1.5, NaN, Infinity, -Infinity, 5e-324, 2 ** 60]
const bytes = Uint8Array.from({ length: 40 }, (_, i) => i * 7)

/** A value of each kind that needs no codec, some of them on the edge. */
const PLAIN = [
  ['a string', 'text'],
  ['the empty string', ''],
  ['a Latin-1 string', 'caf\xe9 \0 \xff'],
  ['a string beyond Latin-1', '日本 \u0100'],
  ['a string with emoji', 'a😀b'],
  ['a lone high surrogate', 'x\ud83d'],
  ['a lone low surrogate', '\ude00x'],
  ['a string of a million units', 'xyz!'.repeat(250_000)],
  ['a wide string of 300,000 units', '本y'.repeat(150_000)],
  ['a rope', ['abc'.repeat(50), 'déf'.repeat(50)].join('') + 'tail'.repeat(9)],
  ['0', 0],
  ['-0', -0],
  ['an integer', 42],
  ['a fraction', -0.1],
  ['NaN', NaN],
  ['Infinity', Infinity],
  ['-Infinity', -Infinity],
  ['the least number', 5e-324],
  ['the largest number', Number.MAX_VALUE],
  ['true', true],
  ['false', false],
  ['null', null],
  ['0n', 0n],
  ['a bigint', 2n ** 200n + 1n],
  ['a negative bigint', -(2n ** 64n)],
  ['-1n', -1n],
  ['a Buffer', Buffer.from([0, 1, 255, 128])],
  ['an empty Buffer', Buffer.alloc(0)],
  ['a Buffer of 4095 bytes', Buffer.alloc(4095, 7)],
  ['a Buffer of 4096 bytes', Buffer.alloc(4096, 8)],
  ['a Buffer of a million bytes', Buffer.alloc(1e6, 'abcdefg')],
  ['a Uint8Array', bytes.slice()],
  ['an empty Uint8Array', new Uint8Array(0)],
  ['an Int8Array', Int8Array.of(-128, 127, 0)],
  ['a Uint8ClampedArray', Uint8ClampedArray.of(0, 255, 300)],
  ['an Int16Array', Int16Array.of(-32768, 32767, 1)],
  ['a Uint16Array', Uint16Array.of(0, 65535, 258)],
  ['an Int32Array', Int32Array.of(-(2 ** 31), 2 ** 31 - 1, 5)],
  ['a Uint32Array', Uint32Array.of(0, 2 ** 32 - 1, 5)],
  ['a Float32Array', Float32Array.of(1.5, -0, NaN)],
  ['a Float64Array', Float64Array.from(floats)],
  ['a BigInt64Array', BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n)],
  ['a BigUint64Array', BigUint64Array.of(0n, 2n ** 64n - 1n)],
  ['an empty Float64Array', new Float64Array(0)],
  ['a part of a Float64Array', new Float64Array(floats).subarray(2, 5)],
  ['a DataView', new DataView(bytes.slice().buffer)],
  ['a DataView on a part', new DataView(bytes.slice().buffer, 3, 11)],
  ['an empty DataView', new DataView(new ArrayBuffer(0))],
  ['an ArrayBuffer', bytes.slice().buffer],
  ['an empty ArrayBuffer', new ArrayBuffer(0)],
  ...('Float16Array' in globalThis ? [['a Float16Array', globalThis.Float16Array.of(1.5, -0, NaN)]] : [])
]

const cyclic = { name: 'cyclic', list: [1, 2] }
cyclic.self = cyclic
cyclic.list.push(cyclic)
const shared = { shared: true }
const sparse = [1, 2]
sparse[5] = 6

/** Values that JSON copies exactly. */
const JSON_VALUES = [
  ['an object', { id: 1, name: 'Ada', tags: ['x', 'y'], nested: { deep: [true, false, null, 1.5] } }],
  ['an empty object', {}],
  ['an array', [1, 'two', [3], { four: 4 }]],
  ['an empty array', []],
  ['an object with strings beyond Latin-1', { 日本: 'a😀b', é: 'é' }],
  ['an object of 2,000 properties', Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`key${i}`, i * 1.5]))],
  ['an object of 100 KB', { text: 'abcdefghij'.repeat(10_000) }]
]

/** Values that JSON copies exactly, but MessagePack does not. */
const STRICT_JSON = [
  ['an object with a lone surrogate', { lone: '\ud800' }],
  ['an object with a property __proto__', JSON.parse('{ "__proto__": { "x": 1 }, "y": 2 }')]
]

/** Values that only structured cloning and codecs like it copy. */
const CLONED = [
  ['a Map', new Map([['a', 1], [2, new Map([[null, 'x']])]])],
  ['a Set', new Set([1, 'a', null])],
  ['a Date', new Date(1e12)],
  ['a RegExp', /a+b/gi],
  ['an object with undefined in it', { a: undefined, b: 1 }],
  ['an object with a bigint in it', { big: 2n ** 70n, small: 1n }],
  ['an object with NaN in it', { not: NaN, inf: -Infinity }],
  ['nested collections', new Map([['set', new Set([[new Date(0)]])]])]
]

/** Values that v8 alone copies exactly. */
const V8_ONLY = [
  ...STRICT_JSON,
  ['an object with -0 in it', { zero: -0 }],
  ['an array with holes', sparse],
  ['an invalid Date', new Date(NaN)],
  ['a boxed string', Object('boxed')],
  ['a boxed number', Object(-0)],
  ['an object with an ArrayBuffer', { buffer: bytes.slice().buffer }],
  ['an object with many views', {
    b: Buffer.from('bytes'), odd: 'x', f: Float64Array.from(floats), d: new DataView(bytes.slice().buffer, 1, 5),
    u: bytes.slice(3, 8), i: Int16Array.of(1, 2, 3)
  }]
]

/** Keys that are all different. */
const KEYS = [
  ['a string', 'key'],
  ['the empty string', ''],
  ['a string of digits', '1'],
  ['a Latin-1 string', '\xe9\0\xff'],
  ['a string beyond Latin-1', 'ключ 日本'],
  ['a string with emoji', '😀'],
  ['a lone high surrogate', '\ud83d'],
  ['a lone low surrogate', '\ude00'],
  ['a string of 32,767 wide units', '本'.repeat(32767)],
  ['a string of 65,535 units', 'x'.repeat(65535)],
  ['0', 0],
  ['1', 1],
  ['a negative integer', -1],
  ['the largest integer', Number.MAX_SAFE_INTEGER],
  ['the least integer', Number.MIN_SAFE_INTEGER],
  ['a Buffer', Buffer.from('1')],
  ['an empty Buffer', Buffer.alloc(0)],
  ['a Buffer that looks like an integer', Buffer.from([1, 0, 0, 0, 0, 0, 0, 0])],
  ['a Buffer that looks like UTF-16', Buffer.from('ключ 日本', 'utf16le')],
  ['a Uint8Array', Uint8Array.of(1, 2, 3)],
  ['a Buffer of 65,535 bytes', Buffer.alloc(65535, 1)]
]

/** A codec that sees every value. */
const taggingCodec = ({ text }) => ({
  name: text ? 'text' : 'bytes',
  encode (value) {
    const encoded = `${Buffer.isBuffer(value) ? 'B' : 'V'}${text ? '日' : '-'}${v8.serialize(value).toString('hex')}`
    return text ? encoded : Buffer.from(encoded)
  },
  decode (stored) {
    const value = v8.deserialize(Buffer.from(stored.toString().slice(2), 'hex'))
    return stored.toString()[0] === 'B' ? Buffer.from(value) : value
  }
})

/** The codecs, each with values that it copies exactly besides those of PLAIN. */
const CODECS = [
  ['v8', 'v8', [...JSON_VALUES, ...CLONED, ...V8_ONLY, ['cyclic', cyclic], ['one object twice', [shared, shared]]]],
  ['json', 'json', [...JSON_VALUES, ...STRICT_JSON]],
  ['msgpack', 'msgpack', [...JSON_VALUES, ...CLONED]],
  ['custom, to bytes', taggingCodec({ text: false }), [...JSON_VALUES, ...CLONED, ...V8_ONLY]],
  ['custom, to text', taggingCodec({ text: true }), [...JSON_VALUES, ...CLONED, ...V8_ONLY]]
]

module.exports = {
  OffHeapCache, open, closeAll, newName, thrownBy, rejectionOf, deferred, shapeOf, taggingCodec, PLAIN, JSON_VALUES,
  CLONED, V8_ONLY, KEYS, CODECS
}
