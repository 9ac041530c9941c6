'use strict'

// What a view keeps alive: its whole ArrayBuffer, however little of it is seen.

const { isAnyArrayBuffer } = require('node:util/types')
const { invalidType } = require('../errors')

const { allocUnsafeSlow, from } = Buffer

const bytesOf = view => {
  if (ArrayBuffer.isView(view)) {
    const { buffer, byteOffset, byteLength } = view
    return byteLength === 0 ? Buffer.alloc(0) : from(buffer, byteOffset, byteLength)
  }
  throw invalidType("argument 'view'", 'a Buffer, a TypedArray or a DataView', view)
}

/** The bytes that stay in memory as long as `view` does. */
const retainedBytes = view => {
  if (isAnyArrayBuffer(view)) return view.byteLength
  if (ArrayBuffer.isView(view)) return view.buffer.byteLength
  throw invalidType("argument 'view'", 'a Buffer, a TypedArray, a DataView or an ArrayBuffer', view)
}

/** The bytes of `view` in memory of their own; `view` itself if it keeps nothing else alive. */
const compact = view => {
  const bytes = bytesOf(view)
  if (bytes.length === view.buffer.byteLength) return Buffer.isBuffer(view) ? view : bytes
  const copy = allocUnsafeSlow(bytes.length)
  bytes.copy(copy)
  return copy
}

module.exports = { compact, retainedBytes }
