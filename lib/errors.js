'use strict'

// Every error that heapwise throws on purpose carries a `code`. They are made here, in JavaScript, so that
// `instanceof` holds whatever realm the caller is in.

const { inspect } = require('node:util')

const look = value => {
  if (typeof value === 'function') return `function ${value.name || '(anonymous)'}`
  const text = inspect(value, { depth: 0, maxStringLength: 40, maxArrayLength: 3, breakLength: Infinity })
  return typeof value === 'object' && value !== null ? text : `${text} (${typeof value})`
}

// What is looked at may throw.
const show = value => {
  try {
    return look(value)
  } catch {
    return 'a value that cannot be shown'
  }
}

const coded = (Type, code, message, options = undefined) => {
  const error = new Type(message, options)
  Object.defineProperty(error, 'code', { value: code, enumerable: true, writable: true, configurable: true })
  return error
}

/** The value has the wrong type. */
const invalidType = (name, takes, value) =>
  coded(TypeError, 'ERR_HEAPWISE_INVALID_ARG_TYPE', `${name} must be ${takes}, got ${show(value)}`)

/** The value is a number, as it should be, but not one that can be taken. */
const outOfRange = (name, takes, value) =>
  coded(RangeError, 'ERR_HEAPWISE_INVALID_ARG_VALUE', `${name} must be ${takes}, got ${show(value)}`)

/** Wrong type or out of range, whichever it is. */
const invalidNumber = (name, takes, value) =>
  typeof value === 'number' ? outOfRange(name, takes, value) : invalidType(name, takes, value)

/** The arguments are fine one by one, but contradict each other or the state. */
const invalidUse = message => coded(TypeError, 'ERR_HEAPWISE_INVALID_USE', message)

/** An option that does not exist and looks like one that does. */
const unknownOption = (name, meant) =>
  coded(TypeError, 'ERR_HEAPWISE_UNKNOWN_OPTION', `there is no option '${name}': did you mean '${meant}'?`)

// ---- of OffHeapCache

/** The cache has been closed. */
const closed = () => coded(Error, 'ERR_HEAPWISE_CLOSED', 'this OffHeapCache is closed')

/** A key of a kind that is not stored. */
const invalidKey = key => coded(TypeError, 'ERR_HEAPWISE_INVALID_KEY',
  `argument 'key' must be a string, a safe integer or a Uint8Array, got ${show(key)}`)

/** A key of a kind that is stored, but too long. */
const longKey = bytes => coded(RangeError, 'ERR_HEAPWISE_INVALID_KEY',
  `argument 'key' must take at most 65535 bytes, got one of ${bytes}`)

/** A key whose bytes have been transferred, or cut off. */
const detachedKey = () => coded(TypeError, 'ERR_HEAPWISE_INVALID_KEY',
  "argument 'key' must be a string, a safe integer or a Uint8Array, got one whose memory has been detached")

/** The entry is larger than a shard of the store can hold. */
const tooLarge = (key, most) => coded(RangeError, 'ERR_HEAPWISE_ENTRY_TOO_LARGE',
  `the entry of key ${show(key)} is too large for this store, which takes at most ${most} bytes an entry: give it more ` +
  "'maxBytes' or fewer 'shards'")

// What was thrown may be anything, and may throw again when it is looked at.
const attempt = (describe, value) => {
  try {
    return describe(value)
  } catch {
    return 'a value that cannot be shown'
  }
}
const messageOf = cause => `${cause?.message ?? cause}`

/** The value cannot be made bytes or text, by the codec that is named, if there is one. */
const notEncodable = (value, cause, codec = undefined) => coded(TypeError, 'ERR_HEAPWISE_NOT_ENCODABLE',
  `argument 'value' must be one that ${codec === undefined ? 'can be copied' : `codec '${codec}' can encode`}, got ` +
  `${show(value)}: ${attempt(messageOf, cause)}`, { cause })

/** The codec cannot make a value of what is stored. */
const notDecodable = (cause, codec) => coded(Error, 'ERR_HEAPWISE_NOT_DECODABLE',
  `codec '${codec}' cannot decode what is stored: ${attempt(messageOf, cause)}`, { cause })

/** The package that a codec needs is not installed. */
const codecMissing = (codec, name, cause) => coded(Error, 'ERR_HEAPWISE_CODEC_MISSING',
  `codec '${codec}' needs the package '${name}', which cannot be loaded. To install it: npm install ${name}`, { cause })

/** The store is open already, with other options. `differences` says which, each with both values. */
const storeMismatch = (name, differences) => coded(Error, 'ERR_HEAPWISE_STORE_MISMATCH',
  `the store ${inspect(name)} is open with other options: ${differences.join('; ')}`)

/** There is no room for a store. `bytes`: its bound, NaN for the usual one. */
const outOfMemory = (bytes, what = 'a store') => coded(Error, 'ERR_HEAPWISE_OUT_OF_MEMORY',
  `the operating system gives no memory for ${what}${Number.isNaN(bytes) ? '' : ` of ${bytes} bytes`}`)

/** The value does not fit into what it was to be copied into. */
const targetTooSmall = (room, needed) => Object.assign(coded(RangeError, 'ERR_HEAPWISE_TARGET_TOO_SMALL',
  `argument 'target' must have room for ${needed} bytes after 'offset', got ${room}`), { needed })

// ---- of BufferPool

/** The pool has been closed. */
const poolClosed = name => coded(Error, 'ERR_HEAPWISE_CLOSED', `the BufferPool '${name}' is closed`)

// What is in a Buffer is nobody's business, a secret perhaps.
const sight = value => ArrayBuffer.isView(value) ? `a view of ${value.byteLength} bytes` : show(value)

/** A Buffer that the pool did not lend. */
const foreignBuffer = (name, value) => coded(TypeError, 'ERR_HEAPWISE_FOREIGN_BUFFER',
  `argument 'buf' must be a Buffer that the BufferPool '${name}' has lent, itself and not a view of it, got ${sight(value)}`)

/** A Buffer that has been released already. `place`: where, if that is known. */
const doubleRelease = (name, place) => coded(Error, 'ERR_HEAPWISE_DOUBLE_RELEASE',
  `argument 'buf' must be a Buffer that is lent, got one that has been released to the BufferPool '${name}' already` +
  (place === undefined ? '' : ` ${place}`))

/** A lease that is over. */
const released = name => coded(Error, 'ERR_HEAPWISE_RELEASED',
  `this lease of the BufferPool '${name}' is over: its buffer has been released`)

/** The bound is reached. */
const poolFull = (name, size, max, hint) => coded(Error, 'ERR_HEAPWISE_POOL_FULL',
  `the BufferPool '${name}' cannot lend ${size} bytes within its 'maxBytes' of ${max}${hint}`)

/** Nothing was released in time. */
const waitedTooLong = (name, size, ms) => coded(Error, 'ERR_HEAPWISE_TIMEOUT',
  `the BufferPool '${name}' had no ${size} bytes to lend within ${ms} ms`)

// ---- of GcMonitor and leaks

/** This Node cannot do it. */
const unsupported = (what, why) => coded(Error, 'ERR_HEAPWISE_UNSUPPORTED', `${what}: ${why}`)

/** It could be done, and would do harm: there is too little memory or room for it. */
const refused = message => coded(Error, 'ERR_HEAPWISE_REFUSED', message)

/** A function keeps memory or handles each time it is called. */
const leakFound = (message, report) => Object.assign(coded(Error, 'ERR_HEAPWISE_LEAK', message), { report })

module.exports = {
  coded,
  invalidType,
  outOfRange,
  invalidNumber,
  invalidUse,
  unknownOption,
  closed,
  invalidKey,
  longKey,
  detachedKey,
  tooLarge,
  notEncodable,
  notDecodable,
  codecMissing,
  storeMismatch,
  outOfMemory,
  targetTooSmall,
  poolClosed,
  foreignBuffer,
  doubleRelease,
  released,
  poolFull,
  waitedTooLong,
  unsupported,
  refused,
  leakFound
}
