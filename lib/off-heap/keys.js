'use strict'

// Keys: strings, Uint8Arrays and safe integers, each a kind of its own.

const { isUint8Array } = require('node:util/types')
const { byteLengthOf } = require('./kinds')
const { detachedKey, invalidKey, longKey } = require('../errors')

// The kinds, as they are added to the number of an operation.
const TEXT = 0
const BYTES = 64
const INTEGER = 128

const MOST_BYTES = 65535
/** Strings up to here fit, whatever is in them. */
const SHORT_KEY = 32767

// Every unit takes one byte.
const NARROW = /^[\0-\xff]*$/

/** The kind of a key. Throws for what is none. */
const kindOfKey = key => {
  if (typeof key === 'string') {
    if (key.length > SHORT_KEY) checkLength(key)
    return TEXT
  }
  if (typeof key === 'number') {
    if (!Number.isSafeInteger(key)) throw invalidKey(key)
    return INTEGER
  }
  if (!isUint8Array(key)) throw invalidKey(key)
  const length = byteLengthOf(key)
  if (length > MOST_BYTES) throw longKey(length)
  if (length === 0) checkAttached(key)
  return BYTES
}

// A view of no bytes is one, or its memory has been taken away: then it is no key, least of all the empty one.
const { values } = Uint8Array.prototype
const checkAttached = key => {
  try {
    values.call(key)
  } catch {
    throw detachedKey()
  }
}

const checkLength = key => {
  const bytes = key.length > MOST_BYTES || NARROW.test(key) ? key.length : key.length * 2
  if (bytes > MOST_BYTES) throw longKey(bytes)
}

// ---- packed keys: for each its kind (a byte), its length (two), its bytes

const LATIN1 = 0
const RAW = 1
const I64 = 2

/** Reads packed keys one by one, each when it is asked for. */
class KeyReader {
  #bytes
  #at = 0

  /** @param {Buffer} bytes private to this reader */
  constructor (bytes) {
    this.#bytes = bytes
  }

  get done () {
    return this.#at >= this.#bytes.length
  }

  /** A byte that stands before a key. */
  byte () {
    return this.#bytes[this.#at++]
  }

  key () {
    const bytes = this.#bytes
    const kind = bytes[this.#at]
    const start = this.#at + 3
    const end = this.#at = start + bytes.readUInt16LE(this.#at + 1)
    switch (kind) {
      case LATIN1: return bytes.latin1Slice(start, end)
      // A copy, so that it does not keep the others.
      case RAW: return Buffer.from(bytes.subarray(start, end))
      case I64: return Number(bytes.readBigInt64LE(start))
      default: return bytes.ucs2Slice(start, end)
    }
  }
}

module.exports = { kindOfKey, KeyReader, SHORT_KEY }
