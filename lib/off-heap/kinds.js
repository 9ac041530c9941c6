'use strict'

// What the store is told of a value: its kind, a number below 64. The same numbers are in src/core/offheap/entry.rs.

const { isArrayBuffer } = require('node:util/types')

// Kinds with a text: the argument is a string.
const STRING = 0
const NUMBER = 1
const BOOLEAN = 2
const NULL = 3
const BIGINT = 4
const JSON_TEXT = 5
const CUSTOM_TEXT = 6
// Kinds with bytes: the argument is a Uint8Array.
const BUFFER = 8
const UINT8ARRAY = 9
const DATAVIEW = 21
const ARRAYBUFFER = 22
const V8 = 23
const MSGPACK = 24
const CUSTOM = 25
// In packed results: a text whose units take two bytes each.
const WIDE = 32
// Instead of the kind that is expected: there must be nothing.
const ABSENT = 64

// The views by kind, with their constructors. Float16Array is not in every Node.
const VIEWS = new Map([
  [UINT8ARRAY, Uint8Array], [10, Int8Array], [11, Uint8ClampedArray], [12, Int16Array], [13, Uint16Array],
  [14, Int32Array], [15, Uint32Array], [16, Float32Array], [17, Float64Array], [18, BigInt64Array],
  [19, BigUint64Array], [20, /** @type {any} */ (globalThis).Float16Array], [DATAVIEW, DataView]
])

const KINDS_BY_TAG = new Map([
  ['Uint8Array', UINT8ARRAY], ['Int8Array', 10], ['Uint8ClampedArray', 11], ['Int16Array', 12], ['Uint16Array', 13],
  ['Int32Array', 14], ['Uint32Array', 15], ['Float32Array', 16], ['Float64Array', 17], ['BigInt64Array', 18],
  ['BigUint64Array', 19], ['Float16Array', 20]
])

const TypedArray = Object.getPrototypeOf(Uint8Array)
// What a typed array of any realm is, whatever its class; undefined for what is none.
const tagOf = Function.prototype.call.bind(
  Object.getOwnPropertyDescriptor(TypedArray.prototype, Symbol.toStringTag).get)

// What a view really is, whatever a class that extends it says.
const realGetters = prototype => ['buffer', 'byteOffset', 'byteLength'].map(name =>
  Function.prototype.call.bind(Object.getOwnPropertyDescriptor(prototype, name).get))
const [bufferOf, byteOffsetOf, byteLengthOf] = realGetters(TypedArray.prototype)
const [dataViewBuffer, dataViewOffset, dataViewLength] = realGetters(DataView.prototype)

/** The bytes of a DataView. */
const bytesOfDataView = view => new Uint8Array(dataViewBuffer(view), dataViewOffset(view), dataViewLength(view))

/** The kind of a value that needs no codec, or -1. */
const kindOf = value => {
  switch (typeof value) {
    case 'string': return STRING
    case 'number': return NUMBER
    case 'boolean': return BOOLEAN
    case 'bigint': return BIGINT
    case 'object':
      if (value === null) return NULL
      if (ArrayBuffer.isView(value)) {
        const kind = KINDS_BY_TAG.get(tagOf(value)) ?? DATAVIEW
        return kind === UINT8ARRAY && Buffer.isBuffer(value) ? BUFFER : kind
      }
      return isArrayBuffer(value) ? ARRAYBUFFER : -1
    default: return -1
  }
}

module.exports = {
  STRING,
  NUMBER,
  BOOLEAN,
  NULL,
  BIGINT,
  JSON_TEXT,
  CUSTOM_TEXT,
  BUFFER,
  UINT8ARRAY,
  DATAVIEW,
  ARRAYBUFFER,
  V8,
  MSGPACK,
  CUSTOM,
  WIDE,
  ABSENT,
  VIEWS,
  TypedArray,
  bufferOf,
  byteOffsetOf,
  byteLengthOf,
  bytesOfDataView,
  kindOf
}
