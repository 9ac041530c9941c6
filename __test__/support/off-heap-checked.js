'use strict'

// Values that say themselves whether they are whole: each is made of a number of its key and a random one, both of
// which are in it, so that it can be made again and compared.

const { isArrayBuffer, isMap } = require('node:util/types')

/** Numbers from a seed: `random(n)` is an integer from 0 to n - 1. */
const randomOf = start => {
  let seed = start >>> 0
  return n => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
    return Math.floor(seed / 2 ** 32 * n)
  }
}

/** The key of a number, of any kind. */
const keyOf = id => {
  if (id % 3 === 0) return `key ${id}`
  return id % 3 === 1 ? id : Buffer.from(`bytes ${id}`)
}

/** Whether a key is one of keyOf's. */
const isChecked = key => typeof key !== 'string' || key.startsWith('key ')

const idOf = key => {
  if (typeof key === 'number') return key
  return Number(typeof key === 'string' ? key.slice(4) : key.toString().slice(6))
}

// Mostly short, sometimes long. Spread by the high bits of a product.
const lengthOf = n => {
  const spread = Math.imul(n, 0x9e3779b1) >>> 0
  const most = spread % 64 === 0 ? 20_000 : spread % 8 === 0 ? 2000 : 150
  return (spread >>> 8) % most
}

const bytesOf = (id, n, length) => {
  const bytes = Buffer.alloc(8 + length)
  bytes.writeUInt32LE(id, 0)
  bytes.writeUInt32LE(n, 4)
  for (let i = 8; i < bytes.length; i++) bytes[i] = (id + n + i * 31) & 255
  return bytes
}

const wholeOf = (id, n, size) => {
  const bytes = bytesOf(id, n, Math.ceil(lengthOf(n) / 8) * 8)
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length - bytes.length % size)
}

const MAKERS = [
  (id, n) => bytesOf(id, n, lengthOf(n)),
  (id, n) => `${id}:${n}:${'abcdefg'.repeat(lengthOf(n) / 7)}`,
  (id, n) => `${id}:${n}:${'日本語y'.repeat(lengthOf(n) / 4)}`,
  (id, n) => new Uint8Array(wholeOf(id, n, 1)),
  (id, n) => new Float32Array(wholeOf(id, n, 4)),
  (id, n) => new BigUint64Array(wholeOf(id, n, 8)),
  (id, n) => new DataView(wholeOf(id, n, 1)),
  (id, n) => wholeOf(id, n, 1),
  (id, n) => id * 2 ** 24 + n,
  (id, n) => (BigInt(id) << 24n | BigInt(n)) << BigInt(8 * (lengthOf(n) % 50)),
  (id, n) => ({ id, n, list: Array.from({ length: lengthOf(n) % 40 }, (_, i) => id + i), text: `${id} ${n}` }),
  (id, n) => new Map([['id', id], ['n', n], [id, { n }]])
]

/** Every tenth key has bytes, so that they can be asked for as such. */
const hasBytes = id => id % 10 === 0

/** The largest `n`, and one. */
const MOST = 2 ** 24

/** A value for the key of `id`. @param {number} n below 2^24: what it is */
const make = (id, n) => MAKERS[hasBytes(id) ? 0 : n % MAKERS.length](id, n)

const readNumbers = value => {
  if (typeof value === 'string') return value.split(':', 2).map(Number)
  if (typeof value === 'number') return [Math.floor(value / MOST), value % MOST]
  if (isMap(value)) return [value.get('id'), value.get('n')]
  if (isArrayBuffer(value)) return new Uint32Array(value, 0, 2)
  if (ArrayBuffer.isView(value)) {
    const view = new DataView(value.buffer, value.byteOffset)
    return [view.getUint32(0, true), view.getUint32(4, true)]
  }
  return [value.id, value.n]
}

const readBigInt = (id, value) => {
  for (let shift = 0n; shift < 50n; shift++) {
    const n = Number((value >> (8n * shift)) - (BigInt(id) << 24n))
    if (n >= 0 && n < MOST && make(id, n) === value) return n
  }
  return -1
}

// The same for equal values, of whatever realm. Those of other kinds are never the same.
const textOf = value => {
  if (typeof value === 'object') {
    const name = value.constructor.name
    if (isArrayBuffer(value)) return `${name} ${Buffer.from(value).toString('latin1')}`
    if (ArrayBuffer.isView(value)) {
      return `${name} ${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('latin1')}`
    }
    return `${name} ${JSON.stringify(isMap(value) ? [...value] : value)}`
  }
  return `${typeof value} ${value}`
}

/** Throws if a value that was read is not exactly one that was made for the key of `id`. */
const check = (id, value) => {
  const fail = why => { throw new Error(`the value of key ${id} is torn: ${why}`) }
  if (typeof value === 'bigint') {
    if (readBigInt(id, value) < 0) fail(value)
    return
  }
  const [own, n] = readNumbers(value)
  if (own !== id || !(n >= 0 && n < MOST)) fail(`it says it is of ${own}, ${n}`)
  if (textOf(value) !== textOf(make(id, n))) fail(`it is not what was made of ${n}`)
}

/** Checks the entries of a cache whose keys are of keyOf's, at most `most`. How many there are. */
const checkAll = (cache, most = Infinity) => {
  let seen = 0
  for (const [key, value] of cache) {
    if (isChecked(key)) check(idOf(key), value)
    if (++seen >= most) break
  }
  return seen
}

module.exports = { randomOf, keyOf, idOf, isChecked, hasBytes, make, check, checkAll, MOST }
