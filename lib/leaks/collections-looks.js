'use strict'

// The snapshots of a watch: each is taken once, for all parts that look.

const { performance } = require('node:perf_hooks')
const { Live } = require('./collections-live')
const { closeWatch, lookNow, openWatch } = require('./snapshots')

const { queueMicrotask } = globalThis
const now = performance.now.bind(performance)

/** By the number of an object of this class the analysis sees whether the numbers of objects still hold. */
class HeapwiseMark {}

// The share of the time that looks of the watch's own may stop this thread for.
const BUDGET = 0.02
// If nobody says who wants a look: one that comes sooner after the one before than the timer's was asked for.
const SOON = 0.5

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
  // By user: the number of the last look, and when it asked last.
  #seen = new Map()
  #asked = new Map()
  #explicit = true
  #restUntil = 0

  constructor (interval) {
    this.#interval = interval
    open += 1
  }

  /** One more uses it: what is told is enough for each. */
  join (user, settings) {
    this.#users += 1
    this.#asked.set(user, now())
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
   * @param {object} user
   * @param {boolean} [asked] whether somebody has asked for it, and not the timer
   * @returns {Promise<Look | undefined>}
   */
  async next (user, asked) {
    const guess = this.#isAsked(user)
    const explicit = asked ?? guess
    if (this.#last === undefined || this.#seen.get(user) === this.#number) {
      if (!explicit && now() < this.#restUntil) return undefined
      this.#explicit = explicit
      this.#number += 1
      this.#last = this.#look(this.#number)
    }
    this.#seen.set(user, this.#number)
    return this.#last
  }

  /** Whether somebody asks, and not the timer: that is answered whatever it costs. */
  #isAsked (user) {
    const time = now()
    const since = time - this.#asked.get(user)
    this.#asked.set(user, time)
    return this.#interval === 0 || since < SOON * this.#interval
  }

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
