'use strict'

// Which calls are looked at. All of them while there are few; when there are many, one in so many, each of which then
// stands for as many as were passed over.

// Dear are the first calls that are looked at: each takes microseconds.
const FACTOR = 4

class Sampler {
  #budget
  #period = 1
  #left = 1
  #taken = 0
  #passed = 1
  #random = 0x2545f491

  /** @param {number} budget after so many at one period, between two looks, it becomes FACTOR times as long. */
  constructor (budget) {
    this.#budget = budget
  }

  /** For how many calls this one stands, 0 if it is not to be looked at. */
  weigh () {
    this.#left -= 1
    if (this.#left > 0) return 0
    const weight = this.#passed
    this.#taken += 1
    if (this.#taken >= this.#budget) {
      this.#taken = 0
      this.#period *= FACTOR
    }
    this.#left = this.#passed = this.#step()
    return weight
  }

  /** Random, so that no pattern of calls hides a place. */
  #step () {
    if (this.#period === 1) return 1
    this.#random ^= this.#random << 13
    this.#random ^= this.#random >>> 17
    this.#random ^= this.#random << 5
    return 1 + (this.#random >>> 0) % (2 * this.#period - 1)
  }

  /** A look is over: a quieter time is looked at more closely. */
  turn () {
    if (this.#taken < this.#budget / 4 && this.#period > 1) {
      this.#period /= 2
      // Those that have been passed over count for the next that is taken.
      const left = Math.min(this.#left, this.#step())
      this.#passed += left - this.#left
      this.#left = left
    }
    this.#taken = 0
  }
}

module.exports = { Sampler }
