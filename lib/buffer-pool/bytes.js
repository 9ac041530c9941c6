'use strict'

// Work on bytes that does not depend on what somebody has put on a Buffer, or in place of its methods.

const { outOfMemory } = require('../errors')

const { alloc, allocUnsafeSlow, from } = Buffer
const { fill, set } = Uint8Array.prototype

/** To be called with `call` on a view. */
const { get: lengthOf } = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), 'length')

// What Buffer.from makes, without the looks at its arguments.
const FastBuffer = Buffer[Symbol.species]
const known = typeof FastBuffer === 'function' && FastBuffer.prototype === Buffer.prototype

/** A Buffer over the first bytes of an ArrayBuffer. @returns {Buffer} */
const viewOf = (memory, length) => known ? new FastBuffer(memory, 0, length) : from(memory, 0, length)

/** Makes the first bytes zero. */
const zero = (bytes, length) => fill.call(bytes, 0, 0, length)

/** Makes the bytes from there on zero. */
const zeroFrom = (bytes, at) => fill.call(bytes, 0, at)

/** Makes all bytes zero: with as many zeros, if they are given. */
const zeroAll = (bytes, zeros) => {
  if (zeros === undefined) fill.call(bytes, 0)
  else set.call(bytes, zeros)
}

/** A Buffer that no pool has. */
const plain = (size, zeroed) => {
  try {
    return zeroed ? alloc(size) : allocUnsafeSlow(size)
  } catch {
    throw outOfMemory(size, 'a Buffer')
  }
}

module.exports = { lengthOf, plain, viewOf, zero, zeroAll, zeroFrom }
