'use strict'

// A log-linear histogram: each power of two is cut into as many buckets of equal width, so that the error of a value is
// a constant share of it. The recorder in Rust has its own; this is for `perf_hooks`, and reads the buckets of both.

const { invalidNumber } = require('../errors')

// 64 buckets a power of two: at most 1.6 % off.
const SUB = 64
const SUB_BITS = 6
const MOST = 2 ** 53 - 1

const indexOf = value => {
  if (value < SUB) return value
  const power = Math.floor(Math.log2(value))
  const shift = (value >= 2 ** power ? power : power - 1) - SUB_BITS
  return (shift + 1) * SUB + Math.floor(value / 2 ** shift) - SUB
}

const startOf = index => {
  if (index < SUB) return index
  const shift = Math.floor(index / SUB) - 1
  return (SUB + index % SUB) * 2 ** shift
}

/** Buckets `[from, to, count]` that are not empty, in order; `to` is the first value that is not in it any more. */
class Histogram {
  #counts = new Map()
  count = 0
  sum = 0
  min = Infinity
  max = 0

  /** @param {number} value an integer, not negative */
  record (value) {
    const held = Math.min(MOST, Math.max(0, Math.round(value)))
    const index = indexOf(held)
    this.#counts.set(index, (this.#counts.get(index) ?? 0) + 1)
    this.count += 1
    this.sum += held
    if (held < this.min) this.min = held
    if (held > this.max) this.max = held
  }

  buckets () {
    const indices = [...this.#counts.keys()].sort((a, b) => a - b)
    return indices.map(index => [startOf(index), startOf(index + 1), this.#counts.get(index)])
  }
}

/** What is between `from` and `to`, by as much of the bucket as is counted. */
const within = (buckets, rank) => {
  let seen = 0
  for (const [from, to, count] of buckets) {
    if (seen + count >= rank) return from + (to - 1 - from) * ((rank - seen) / count)
    seen += count
  }
  return 0
}

/** Buckets of several histograms of one layout as those of one. */
const merge = lists => {
  const merged = new Map()
  for (const [from, to, count] of lists.flat()) {
    const bucket = merged.get(from)
    if (bucket === undefined) merged.set(from, [from, to, count])
    else bucket[2] += count
  }
  return [...merged.values()].sort((a, b) => a[0] - b[0])
}

const readPercentile = p => {
  if (typeof p !== 'number' || !(p > 0 && p <= 100)) throw invalidNumber("argument 'p'", 'a number above 0, to 100', p)
  return p
}

/** The value that `p` per cent of all are not above. `max`: the largest that there was. */
const percentileOf = (buckets, total, max, p) =>
  total === 0 ? 0 : Math.min(max, Math.round(within(buckets, Math.max(1, Math.ceil(total * p / 100)))))

/** What `monitor.histogram()` returns: plain data, and `percentile`. All values are ns. */
class PauseHistogram {
  unit = 'ns'

  constructor ({ kind, buckets, sum, max, min }) {
    this.kind = kind
    this.count = buckets.reduce((total, [, , count]) => total + count, 0)
    this.min = this.count === 0 ? 0 : min
    this.max = this.count === 0 ? 0 : max
    this.mean = this.count === 0 ? 0 : sum / this.count
    this.sum = sum
    this.buckets = buckets
  }

  percentile (p) {
    return percentileOf(this.buckets, this.count, this.max, readPercentile(p))
  }
}

module.exports = { Histogram, PauseHistogram, merge, percentileOf, indexOf, startOf }
