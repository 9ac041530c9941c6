'use strict'

// Values on their way into the store, and out of it.

const { isDeepStrictEqual } = require('node:util')
const { isTypedArray } = require('node:util/types')
const native = require('../native')
const { decodeBytes, decodeText, encodeWith, runsUserCode } = require('./codecs')
const {
  ARRAYBUFFER, BIGINT, BUFFER, CUSTOM, CUSTOM_TEXT, DATAVIEW, JSON_TEXT, MSGPACK, NUMBER, TypedArray, UINT8ARRAY, V8,
  VIEWS, WIDE, kindOf, bufferOf, byteLengthOf, byteOffsetOf, bytesOfDataView
} = require('./kinds')
const { notDecodable, notEncodable } = require('../errors')

const {
  offheapTake: take, offheapTakeText: takeText, offheapTakeNumber: takeNumber, offheapPendingLength: pendingLength
} = native

// ---- in

const NO_BYTES = new Uint8Array(0)
const { values: check } = TypedArray.prototype

// A view of no bytes is one, or its memory has been taken away: then this throws.
const emptyView = view => {
  if (isTypedArray(view)) check.call(view)
  return NO_BYTES
}

const bytesOf = (value, kind) => {
  if (kind === ARRAYBUFFER) return new Uint8Array(value)
  if (kind === DATAVIEW) return bytesOfDataView(value)
  if (byteLengthOf(value) === 0) return emptyView(value)
  if (kind === BUFFER || kind === UINT8ARRAY) return value
  return new Uint8Array(bufferOf(value), byteOffsetOf(value), byteLengthOf(value))
}

/** The argument for a value whose kind is known and is no codec's. */
const payloadOf = (value, kind) => {
  if (kind === BIGINT) return value.toString(16)
  if (kind < BUFFER) return value
  try {
    return bytesOf(value, kind)
  } catch (cause) {
    throw notEncodable(value, cause)
  }
}

/**
 * Makes a kind and an argument for the store of a value. All code of the user's that an encoding can run has run when
 * this is done.
 *
 * @returns {{ kind: number, payload: any }}
 */
const encode = (codec, value) => {
  if (!codec.custom) {
    const kind = kindOf(value)
    if (kind >= 0) return { kind, payload: payloadOf(value, kind) }
  }
  const encoded = encodeWith(codec, value)
  // A codec of the user's may give one Buffer again and again, and more is encoded before this is stored.
  const payload = codec.custom && typeof encoded === 'object' ? Uint8Array.prototype.slice.call(encoded) : encoded
  return { kind: codec.kindOf(payload), payload }
}

// ---- out

// For bytes that are decoded at once, and whose decoder runs no code of the user's.
const SCRATCH_BYTES = 64 * 1024
let scratch

const scratchOf = length => {
  if (length > SCRATCH_BYTES) return Buffer.allocUnsafeSlow(length)
  scratch ??= Buffer.allocUnsafeSlow(SCRATCH_BYTES)
  return scratch
}

// From here on a Buffer does not come from Node's pool, in any case.
const POOLED = 4096

const newBuffer = length => length < POOLED ? Buffer.allocUnsafe(length) : Buffer.allocUnsafeSlow(length)

/** A Buffer of its own, filled with the bytes that are pending. */
const takeBuffer = length => {
  const buffer = newBuffer(length)
  take(buffer)
  return buffer
}

const copyBuffer = (bytes, start, end) => {
  const buffer = newBuffer(end - start)
  bytes.copy(buffer, 0, start, end)
  return buffer
}

/** How many bytes a descriptor says, which is this * 64 + a kind. */
const lengthOf = descriptor => (descriptor - descriptor % 64) / 64

const parseBigInt = text => text.charCodeAt(0) === 45 ? -BigInt(`0x${text.slice(1)}`) : BigInt(`0x${text}`)

const unknownKind = kind => notDecodable(new TypeError(`this Node has no values of kind ${kind}`), 'none')

/** A view, or an ArrayBuffer, on bytes that are its own. */
const makeView = (kind, buffer) => {
  if (kind === ARRAYBUFFER) return buffer
  const View = VIEWS.get(kind)
  if (View === undefined) throw unknownKind(kind)
  return new View(buffer)
}

/** The value that is pending. @param {number} descriptor its length * 64 + its kind */
const takeValue = (codec, descriptor) => {
  const kind = descriptor & 31
  if (kind === NUMBER) return takeNumber()
  const length = lengthOf(descriptor)
  switch (kind) {
    case BUFFER: return takeBuffer(length)
    case V8: {
      const bytes = scratchOf(length)
      take(bytes)
      return decodeBytes(codec, kind, bytes, length)
    }
    case BIGINT: return parseBigInt(takeText())
    case JSON_TEXT: case CUSTOM_TEXT: return decodeText(codec, kind, takeText(descriptor & WIDE))
    // MessagePack as well: an extension of the user's may keep its bytes, or come back here.
    case MSGPACK: case CUSTOM: return decodeBytes(codec, kind, takeBuffer(length), length)
    case UINT8ARRAY: {
      const bytes = new Uint8Array(length)
      take(bytes)
      return bytes
    }
    default: {
      const buffer = new ArrayBuffer(length)
      take(new Uint8Array(buffer))
      return makeView(kind, buffer)
    }
  }
}

const isEncoded = kind => kind === JSON_TEXT || kind === CUSTOM_TEXT || (kind >= V8 && kind <= CUSTOM)

const decode = (codec, kind, payload) => typeof payload === 'string'
  ? decodeText(codec, kind, payload)
  // The user's decoder may keep what it gets, or write into it.
  : decodeBytes(codec, kind, Buffer.from(payload), payload.length)

/**
 * The value that was found, as the store has it, if it is equal to one that a codec has encoded otherwise. One value
 * has many encodings: V8's tells an array that was decoded from one that was written down. And numbers that increment()
 * has made are not encoded, whatever the codec.
 *
 * @param {any} found what a look-up returned, a descriptor if a codec is needed
 */
const takeEqual = (codec, found, expected, { kind, payload }) => {
  if (!isEncoded(kind) || typeof found !== 'number') return undefined
  const foundKind = found & 31
  if (foundKind === NUMBER) {
    const number = takeNumber()
    return Object.is(number, expected) ? { kind: NUMBER, payload: number } : undefined
  }
  if (!isEncoded(foundKind)) return undefined
  const stored = foundKind < BUFFER ? takeText(found & WIDE) : takeBuffer(lengthOf(found))
  const equal = isDeepStrictEqual(decode(codec, foundKind, stored), decode(codec, kind, payload))
  return equal ? { kind: foundKind, payload: stored } : undefined
}

/** The bytes that are pending, of many values. Code of the user's may come back here, so it has them for itself. */
const batchBytes = codec => {
  const length = pendingLength()
  const bytes = runsUserCode(codec) ? Buffer.allocUnsafeSlow(length) : scratchOf(length)
  take(bytes)
  return bytes
}

/** Reads values one after another from the packed bytes of a batch. */
class ValueReader {
  #codec
  #bytes
  #at = 0

  /** @param {Buffer} bytes private to this reader as long as it is used */
  constructor (codec, bytes) {
    this.#codec = codec
    this.#bytes = bytes
  }

  /** The next value. @param {number} descriptor its length * 64 + its kind */
  next (descriptor) {
    const wide = (descriptor & WIDE) !== 0
    const kind = descriptor & 31
    const bytes = this.#bytes
    const start = this.#at
    const end = this.#at = start + lengthOf(descriptor)
    switch (kind) {
      case NUMBER: return bytes.readDoubleLE(start)
      case BUFFER: return copyBuffer(bytes, start, end)
      case BIGINT: return parseBigInt(bytes.latin1Slice(start, end))
      case JSON_TEXT: case CUSTOM_TEXT:
        return decodeText(this.#codec, kind, wide ? bytes.ucs2Slice(start, end) : bytes.latin1Slice(start, end))
      case V8: return decodeBytes(this.#codec, kind, bytes.subarray(start, end), end - start)
      case MSGPACK: case CUSTOM: return decodeBytes(this.#codec, kind, copyBuffer(bytes, start, end), end - start)
      default: {
        const copy = new ArrayBuffer(end - start)
        new Uint8Array(copy).set(bytes.subarray(start, end))
        return makeView(kind, copy)
      }
    }
  }
}

module.exports = { batchBytes, encode, kindOf, lengthOf, payloadOf, takeBuffer, takeEqual, takeValue, ValueReader }
