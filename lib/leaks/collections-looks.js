'use strict'

// The snapshots of a watch: each is taken once, for all parts that look.

const { performance } = require('node:perf_hooks')
const { Live } = require('./collections-live')
const { closeWatch, lookNow, openWatch } = require('./snapshots')

const now = performance.now.bind(performance)

/** By the number of an object of this class the analysis sees whether the numbers of objects still hold. */
class HeapwiseMark {}

// The share of the time that looks of the watch's own may stop this thread for.
const BUDGET = 0.02
// A look that comes sooner after the one before than the timer's was asked for by somebody.
const SOON = 0.9

/**
 * @typedef {object} Look
 * @property {number} number
 * @property {any[]} growers
 * @property {number[]} times of all looks so far, in ms
 * @property {number} pauseMs
 */

// Looks whose times are kept: rates are of so many at most.
const MOST_TIMES = 10_000

// Watches that look.
let open = 0

class Looks {
  #watch = openWatch()
  #mark = new HeapwiseMark()
  live = new Live()
  #interval
  #settings = { entries: Infinity, share: Infinity, viewBytes: Infinity, maxHeap: Infinity, rises: Infinity }
  #users = 0
  /** @type {Promise<Look> | undefined} */
  #last
  #number = 0
  #times = /** @type {number[]} */ ([])
  #seen = new WeakMap()
  #asked = now()
  #restUntil = 0

  constructor (interval) {
    this.#interval = interval
    open += 1
  }

  /** One more uses it: what is told is enough for each. */
  join (settings) {
    this.#users += 1
    for (const [name, value] of Object.entries(settings)) {
      this.#settings[name] = Math.min(this.#settings[name], value)
    }
  }

  leave () {
    this.#users -= 1
    if (this.#users > 0) return
    closeWatch(this.#watch)
    open -= 1
    // Another watch needs the numbers.
    if (open === 0) this.live.close()
  }

  /**
   * The newest look that `user` has not seen: that of another part, or one that is made now. Undefined if it would cost
   * too much by now.
   *
   * @returns {Promise<Look | undefined>}
   */
  async next (user) {
    if (this.#last === undefined || this.#seen.get(user) === this.#number) {
      if (!this.#isDue()) return undefined
      this.#number += 1
      this.#last = this.#look(this.#number)
    }
    this.#seen.set(user, this.#number)
    return this.#last
  }

  /** Whether it may be done now: what somebody asks for always. */
  #isDue () {
    const time = now()
    this.#explicit = this.#interval === 0 || time - this.#asked < SOON * this.#interval
    this.#asked = time
    return this.#explicit || time >= this.#restUntil
  }

  #explicit = true

  async #look (number) {
    const start = now()
    const options = { ...this.#settings, watch: this.#watch, most: 100, alive: this.#explicit }
    const { growers, pauseMs } = await lookNow(options)
    void this.#mark
    this.#restUntil = start + pauseMs / BUDGET
    this.#times.push(start)
    if (this.#times.length > MOST_TIMES) this.#times.shift()
    return { number, growers, times: this.#times, pauseMs }
  }
}

// Parts of one watch start in one go.
/** @type {Looks | undefined} */
let fresh

/** The looks of the watch that is being started. */
const looksOf = interval => {
  if (fresh === undefined) {
    fresh = new Looks(interval)
    queueMicrotask(() => { fresh = undefined })
  }
  return fresh
}

module.exports = { looksOf }
