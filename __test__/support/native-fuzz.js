'use strict'

// What the random calls of native callbacks have in common: draws that a seed repeats, and arguments that are not as
// they should be.

/** Draws from a seed (SplitMix, with the finalizer of MurmurHash3). */
const dice = seed => {
  let state = seed >>> 0
  /** An integer from 0 to n - 1. */
  const random = n => {
    state = (state + 0x9e3779b9) >>> 0
    let z = state
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b)
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35)
    return Math.floor(((z ^ (z >>> 16)) >>> 0) / 2 ** 32 * n)
  }
  return { random, pick: list => list[random(list.length)], chance: percent => random(100) < percent }
}

const NUMBERS = [
  0, -0, 1, -1, 2, 3, 7, 8, 64, 255, 256, 4095, 4096, 65_535, 65_536, 0.5, -0.5, 1e-300, NaN, Infinity, -Infinity,
  1e300, -1e300, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53, -(2 ** 31), -(2 ** 63), 2 ** 64
]

/** Takes the memory away. */
const detach = buffer => {
  structuredClone(buffer, { transfer: [buffer] })
  return buffer
}

/** Values of types that callbacks do not take. Each has some of its own beside these. */
const STRANGE = [
  undefined, null, true, false, Symbol('s'), 10n, {}, [], () => {}, new Date(), /x/, new Map(), new Error('e'),
  new DataView(new ArrayBuffer(8)), new Uint16Array(4), new BigInt64Array(2), new Proxy([], {}), Object(4), globalThis
]

module.exports = { NUMBERS, STRANGE, detach, dice }
