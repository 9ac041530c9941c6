'use strict'

// Minimum mutator utilisation (Cheng and Blelloch, 2001): of all windows of a length, the one in which collections left
// the program the least time.

const KEPT = 4096
const WINDOWS = [50, 100, 1000]

class Pauses {
  #starts = []
  #ends = []

  /** A pause that is not inside of another; they come in order. All in ms. */
  add (start, end) {
    this.#starts.push(start)
    this.#ends.push(end)
    if (this.#starts.length < 2 * KEPT) return
    this.#starts = this.#starts.slice(-KEPT)
    this.#ends = this.#ends.slice(-KEPT)
  }

  clear () {
    this.#starts = []
    this.#ends = []
  }

  /** The most time in pauses that a window of `width` ms has. It begins with a pause, or ends with one. */
  #worst (width) {
    const [starts, ends] = [this.#starts, this.#ends]
    const sums = [0]
    for (let i = 0; i < starts.length; i++) sums.push(sums[i] + ends[i] - starts[i])
    let worst = 0
    // Windows that begin where a pause begins: `last` is the first that begins behind them.
    for (let first = 0, last = 0; first < starts.length; first++) {
      const to = starts[first] + width
      while (last < starts.length && starts[last] < to) last++
      worst = Math.max(worst, sums[last] - sums[first] - Math.max(0, ends[last - 1] - to))
    }
    // Windows that end where a pause ends: `first` is the first that ends in them.
    for (let last = 0, first = 0; last < starts.length; last++) {
      const from = ends[last] - width
      while (ends[first] <= from) first++
      worst = Math.max(worst, sums[last + 1] - sums[first] - Math.max(0, from - starts[first]))
    }
    return worst
  }

  /** By the width of the window in ms: the least share of one that was left to the program. */
  utilisation () {
    const shares = {}
    for (const width of WINDOWS) shares[width] = Math.max(0, 1 - this.#worst(width) / width)
    return shares
  }
}

module.exports = { Pauses }
