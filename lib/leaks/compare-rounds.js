'use strict'

// Running a function often: how often in a round, and the stages of rounds.

const { hrtime } = require('node:process')
const v8 = require('node:v8')
const { setTimeout: sleep } = require('node:timers/promises')

const { collectAll, readExactly, settle } = require('./compare-collect')
const { heapBytes, openHandles, openListeners, usedBytes } = require('./compare-measure')

/** A round takes about so long. */
const ROUND_MS = 40
const MOST_CALLS = 20_000
/** Of a slow function a round has so many calls, as long as it does not take longer than this. */
const ENOUGH_CALLS = 24
const LONG_ROUND_MS = 150
// The first calls are slow: so many come before the time of a call is believed, unless they take too long.
const FIRST_CALLS = 15
const FIRST_MS = 600
const UNTOLD_CALLS = 7

// What a leak may cost meanwhile: the last stage has four times the calls of the first.
const MIB = 2 ** 20
const ROUND_BYTES = MIB / 2
const ROUND_HANDLES = 20
const ROUND_LISTENERS = 200
const RUN_BYTES = 256 * MIB
/** Of what is free. */
const ROUND_SHARE = 1 / 200
const RUN_SHARE = 0.4
const UNTOLD_SHARE = 1 / 8

const clock = () => Number(hrtime.bigint()) / 1e6

const roomInHeap = () => {
  const { heap_size_limit: limit, used_heap_size: used } = v8.getHeapStatistics()
  return Math.max(0, limit - used)
}

/** @param {number} perCall milliseconds */
const callsInTime = perCall => {
  const usual = Math.round(ROUND_MS / perCall)
  return Math.max(usual, Math.min(ENOUGH_CALLS, Math.round(LONG_ROUND_MS / perCall)))
}

/** A collector of the caller, or V8's. */
const collectorOf = ({ gc }) => gc === undefined ? collectAll : () => gc()

class Rounds {
  #fn
  #options
  #collect
  #roundBytes = Math.min(ROUND_BYTES, roomInHeap() * ROUND_SHARE)
  #runBytes = Math.min(RUN_BYTES, roomInHeap() * RUN_SHARE)
  #start = Infinity
  #mark = { bytes: 0, handles: 0, listeners: 0, done: 0 }
  calls = 1

  constructor (fn, options) {
    this.#fn = fn
    this.#options = options
    this.#collect = collectorOf(options)
  }

  /** What has been kept so far, of what a whole run may keep. */
  get spent () {
    return (usedBytes() - this.#start) / this.#runBytes
  }

  /** Calls one after the other, as a program would that waits for each. */
  async run (calls) {
    const fn = this.#fn
    for (let i = 0; i < calls; i++) {
      const result = fn()
      if (typeof result?.then === 'function') await result
    }
  }

  /** As `run`, by a way that V8 compiles `fn` into nothing else: a profile then names `fn`, not its caller. */
  async runApart (calls) {
    const holder = Object.defineProperty({}, 'result', { get: this.#fn })
    for (let i = 0; i < calls; i++) {
      const result = Reflect.get(holder, 'result', undefined)
      if (typeof result?.then === 'function') await result
    }
  }

  /** Waits until what will be free is free. */
  async settle () {
    if (this.#options.settle > 0) await sleep(this.#options.settle)
    await settle(usedBytes, this.#collect)
  }

  /** As `settle`; the bytes of the heap after that. They were `before`, if they were read before. */
  async readHeap (before = undefined) {
    await this.settle()
    return readExactly(heapBytes, before, this.#collect)
  }

  /** Finds how many calls make a round: enough to see a small leak, not so many that a large one does harm. */
  async calibrate () {
    this.#start = usedBytes()
    if (this.#options.calls !== undefined) {
      this.calls = this.#options.calls
      return
    }
    await this.settle()
    this.#mark = { ...this.#costs(), done: 0 }
    const begin = clock()
    let done = 0
    for (let batch = 1; ; batch *= 2) {
      const before = clock()
      await this.run(batch)
      const perCall = Math.max(clock() - before, 0.001) / batch
      done += batch
      const bounded = await this.#bounded(done)
      const known = done >= FIRST_CALLS || clock() - begin >= FIRST_MS
      if (bounded < batch * 2 || (known && batch * perCall >= ROUND_MS) || batch >= MOST_CALLS) {
        this.calls = Math.max(1, Math.min(callsInTime(perCall), MOST_CALLS, bounded))
        return
      }
    }
  }

  #costs () {
    return { bytes: usedBytes(), handles: openHandles(), listeners: openListeners() }
  }

  /** The calls that a round may have, by what the latest have left behind. */
  async #bounded (done) {
    const raw = this.#costs()
    const { bytes, handles, listeners } = this.#mark
    const small = raw.bytes - bytes <= this.#roundBytes && raw.handles - handles <= ROUND_HANDLES &&
      raw.listeners - listeners <= ROUND_LISTENERS
    if (small) return Infinity
    await this.settle()
    const before = this.#mark
    const now = { ...this.#costs(), done }
    this.#mark = now
    // Something is always made at the first calls: that says nothing, unless it is very much.
    if (done <= UNTOLD_CALLS && now.bytes - before.bytes < this.#runBytes * UNTOLD_SHARE) return Infinity
    const calls = done - before.done
    const most = (grown, bound) => grown <= bound ? Infinity : Math.floor(bound * calls / grown)
    return Math.max(1, Math.min(
      most(now.bytes - before.bytes, this.#roundBytes),
      most(now.handles - before.handles, ROUND_HANDLES),
      most(now.listeners - before.listeners, ROUND_LISTENERS)
    ))
  }

  async warmUp () {
    for (let round = 0; round < this.#options.warmup && this.spent < 1; round++) {
      await this.run(this.calls)
      await this.settle()
    }
  }
}

module.exports = { Rounds, clock }
