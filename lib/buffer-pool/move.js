'use strict'

// Taking memory away from whoever has views of it. Somebody can forbid it, by marking the memory as untransferable.

const { transfer } = /** @type {any} */ (ArrayBuffer.prototype)
const { structuredClone } = globalThis
const { get: memoryOf } = /** @type {any} */ (
  Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), 'buffer'))

/** Node 20 has no transfer(). */
const canTransfer = transfer !== undefined

/**
 * Moves the bytes to an ArrayBuffer that nobody else knows. Undefined if they are gone, or may not be moved. Where
 * there is no transfer(), only memory that the runtime made itself can be moved.
 *
 * @param {ArrayBuffer} memory
 * @returns {ArrayBuffer | undefined}
 */
const move = memory => {
  try {
    return canTransfer ? transfer.call(memory) : structuredClone(memory, { transfer: [memory] })
  } catch {
    return undefined
  }
}

// Native code at work on a view holds the view, and by that the old ArrayBuffer, but not its memory: that has to stay
// as long as it would have stayed without the move.
const kept = new WeakMap()

/**
 * Leaves a Buffer of the runtime's own, and all views of its memory, without bytes, if that can be done.
 *
 * @param {Buffer} buffer
 */
const takeAway = buffer => {
  const memory = memoryOf.call(buffer)
  const moved = move(memory)
  if (moved !== undefined) kept.set(memory, moved)
}

module.exports = { canTransfer, move, takeAway }
