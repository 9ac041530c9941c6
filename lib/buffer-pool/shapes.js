'use strict'

// The arguments of the methods that look like those of Buffer.

const { isAnyArrayBuffer, isDataView, isUint8Array } = require('node:util/types')
const { constants } = require('node:buffer')
const { invalidNumber, invalidType, outOfRange } = require('../errors')
const { lengthOf, zeroAll, zeroFrom } = require('./bytes')

const MOST = constants.MAX_LENGTH

// An object may say of itself what is not so.
const { set, subarray } = Uint8Array.prototype
const { fill, write } = Buffer.prototype

/** A size in bytes of any Buffer that there can be. */
const checkSize = (size, name = 'size') => {
  if (!Number.isInteger(size) || size < 0 || size > MOST) {
    throw invalidNumber(`argument '${name}'`, `an integer of bytes from 0 to ${MOST}`, size)
  }
}

/** The options of an acquisition, or undefined. */
const checkOptions = options => {
  if (options === undefined || options === null) return undefined
  if (typeof options !== 'object') throw invalidType("argument 'options'", 'an object', options)
  const { zero } = options
  if (zero !== undefined && typeof zero !== 'boolean') throw invalidType("option 'zero'", 'a boolean', zero)
  return options
}

const checkUsed = (used, length) => {
  if (!Number.isInteger(used) || used < 0 || used > length) {
    throw invalidNumber("argument 'usedBytes'", `an integer from 0 to the buffer's length of ${length}`, used)
  }
}

const checkSignal = signal => {
  if (typeof signal?.addEventListener !== 'function' || typeof signal.aborted !== 'boolean') {
    throw invalidType("option 'signal'", 'an AbortSignal', signal)
  }
}

// What setTimeout takes.
const LONGEST = 2 ** 31 - 1

const checkTimeout = timeout => {
  if (typeof timeout !== 'number' || !(timeout >= 0 && timeout <= LONGEST)) {
    throw invalidNumber("option 'timeout'", `a number of milliseconds from 0 to ${LONGEST}`, timeout)
  }
}

const checkEncoding = encoding => {
  if (Buffer.isEncoding(encoding)) return
  throw (typeof encoding === 'string' ? outOfRange : invalidType)("argument 'encoding'", 'an encoding', encoding)
}

/** So many bytes of an ArrayBuffer from there on. */
const partOf = (memory, offset = 0, length = undefined) => {
  const { byteLength } = memory
  if (!Number.isInteger(offset) || offset < 0 || offset > byteLength) {
    throw invalidNumber("argument 'byteOffset'", `an integer from 0 to ${byteLength}`, offset)
  }
  const most = byteLength - offset
  if (length !== undefined && !(Number.isInteger(length) && length >= 0 && length <= most)) {
    throw invalidNumber("argument 'length'", `an integer from 0 to ${most}`, length)
  }
  return Buffer.from(memory, offset, length)
}

/** What is to be copied, as bytes; undefined if it is numbers that have to be made bytes first. */
const bytesOf = (value, offset, length) => {
  if (isUint8Array(value)) return value
  if (isAnyArrayBuffer(value)) return partOf(value, offset, length)
  if (isDataView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  if (Array.isArray(value) || ArrayBuffer.isView(value)) return undefined
  throw invalidType("argument 'value'", 'a string, a Buffer, a TypedArray, an ArrayBuffer or an array of bytes', value)
}

/** The bytes in the parts of a list, each of which must have bytes. */
const totalOf = list => {
  if (!Array.isArray(list)) throw invalidType("argument 'list'", 'an array of Buffers', list)
  let total = 0
  for (const [at, part] of list.entries()) {
    if (!isUint8Array(part)) throw invalidType(`argument 'list[${at}]'`, 'a Buffer or a Uint8Array', part)
    total += lengthOf.call(part)
  }
  return total
}

/** What a Buffer can be filled with: it is tried before there is one to be filled. */
const patternOf = (value, encoding) => {
  const takes = 'a string, a Buffer, a Uint8Array, a number or a boolean'
  if (!['string', 'number', 'boolean'].includes(typeof value) && !isUint8Array(value)) {
    throw invalidType("argument 'fill'", takes, value)
  }
  if (encoding !== undefined) checkEncoding(encoding)
  try {
    fill.call(Buffer.alloc(1), value, encoding)
  } catch {
    throw outOfRange("argument 'fill'", `${takes}, of at least one byte in its encoding`, value)
  }
  return value
}

/** As Buffer.alloc. @param {any} pool */
const alloc = (pool, size, value, encoding) => {
  if (value === undefined || value === 0) return pool.acquire(size, { zero: true })
  const pattern = patternOf(value, encoding)
  return fill.call(pool.acquire(size, { zero: true }), pattern, encoding)
}

// Not by Buffer.from, which leaves what it makes, a secret perhaps, in Node's own pool.
const fromText = (pool, text, encoding) => {
  if (encoding !== undefined) checkEncoding(encoding)
  const buffer = pool.acquire(Buffer.byteLength(text, encoding))
  const written = write.call(buffer, text, encoding)
  if (written === lengthOf.call(buffer)) return buffer
  // Hex and base64 with other characters in it have fewer bytes than it looks.
  try {
    return fromBytes(pool, subarray.call(buffer, 0, written))
  } finally {
    pool.release(buffer)
  }
}

const fromBytes = (pool, bytes) => {
  const buffer = pool.acquire(lengthOf.call(bytes))
  set.call(buffer, bytes)
  return buffer
}

/** As Buffer.from, always a copy. @param {any} pool */
const from = (pool, value, offset, length) => {
  if (typeof value === 'string') return fromText(pool, value, offset)
  const bytes = bytesOf(value, offset, length)
  if (bytes !== undefined) return fromBytes(pool, bytes)
  const numbers = Uint8Array.from(value)
  const buffer = fromBytes(pool, numbers)
  zeroAll(numbers, undefined)
  return buffer
}

/** As Buffer.concat. @param {any} pool */
const concat = (pool, list, totalLength) => {
  const parts = Array.isArray(list) ? [...list] : list
  const total = totalOf(parts)
  const wanted = totalLength ?? total
  checkSize(wanted, 'totalLength')
  const buffer = pool.acquire(wanted)
  let at = 0
  for (const part of parts) {
    const length = lengthOf.call(part)
    const fits = Math.min(length, wanted - at)
    set.call(buffer, fits < length ? subarray.call(part, 0, fits) : part, at)
    at += fits
  }
  if (at < wanted) zeroFrom(buffer, at)
  return buffer
}

module.exports = { alloc, checkOptions, checkSignal, checkSize, checkTimeout, checkUsed, concat, from }
