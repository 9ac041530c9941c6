'use strict'

// What fixtures share that use pools in many threads: the numbers of the depot, and bytes that say whose they are.

const native = require('../../lib/native')

const NAMES = ['slabs', 'mapped', 'bytes', 'runs', 'stranded', 'dirty']

/** What the process has of memory for pools. All threads share it. */
const depot = () => {
  const numbers = new Float64Array(NAMES.length)
  native.depotStats(numbers)
  return Object.fromEntries(NAMES.map((name, i) => [name, numbers[i]]))
}

const pause = ms => new Promise(resolve => setTimeout(resolve, ms))

/**
 * Waits until it is so. A collection is asked for each time, if there is one to ask for; it is asked for, not promised.
 *
 * @param {() => unknown} condition
 * @param {() => string} what what to say if it never is
 */
const until = async (condition, what = () => String(condition), deadline = Date.now() + 60_000) => {
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`it never was so: ${what()}`)
    // What the condition has looked at through a WeakRef stays until the turn is over.
    await pause(3)
    globalThis.gc?.()
    await pause(3)
  }
}

/**
 * Waits until the depot has as many runs out as it had `before`, but for those that are stranded: what a thread had
 * forgotten when it ended, and V8 had collected but not freed, looks as if it had been given to another thread.
 */
const untilReturned = before => until(
  () => depot().runs - depot().stranded === before.runs - before.stranded,
  () => `${JSON.stringify(depot())} as before: ${JSON.stringify(before)}`
)

const PERIOD = 12

// A pattern whose period is none of a page, so that bytes at another place of it are wrong ones.
const patternOf = tag => {
  const pattern = Buffer.alloc(PERIOD, 0xa5)
  pattern.writeUInt32LE(tag >>> 0, 0)
  pattern.writeUInt32LE(Math.imul(tag, 0x9e3779b1) >>> 0, 5)
  return pattern
}

let scratch = Buffer.alloc(1 << 16)

/** Fills `buffer` with what no other tag, a number of 32 bits, has. */
const mark = (buffer, tag) => Buffer.prototype.fill.call(buffer, patternOf(tag))

/** Whether all of `buffer` is what `mark` has put there. */
const isMarked = (buffer, tag) => {
  if (scratch.length < buffer.length) scratch = Buffer.alloc(buffer.length)
  return scratch.subarray(0, buffer.length).fill(patternOf(tag)).equals(buffer)
}

/** Whether some of what `mark` has put somewhere is in `bytes`. */
const hasMark = (bytes, tag) => bytes.includes(patternOf(tag))

const zeros = Buffer.alloc(1 << 20)

const isZero = buffer => {
  for (let at = 0; at < buffer.length; at += zeros.length) {
    const part = buffer.subarray(at, at + zeros.length)
    if (!zeros.subarray(0, part.length).equals(part)) return false
  }
  return true
}

/** A size from 1 to `most`: most of them small, all magnitudes among them. */
const sizeOf = (random, most) => Math.max(1, Math.floor(most / 2 ** random(14)) - random(16))

module.exports = { depot, hasMark, isMarked, isZero, mark, pause, sizeOf, until, untilReturned }
