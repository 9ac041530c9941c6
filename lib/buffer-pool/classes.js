'use strict'

// Size classes: four a doubling, as in jemalloc and Netty, so that at most a fifth of a chunk is not asked for.

/** Chunks begin at multiples of this. */
const QUANTUM = 16

/** The least of the ladder's sizes that holds `size` bytes: (4, 5, 6 or 7) times a power of two. */
const rung = size => {
  if (size <= 4 * QUANTUM) return Math.ceil(size / QUANTUM) * QUANTUM
  const step = 2 ** (29 - Math.clz32(size - 1))
  return Math.ceil(size / step) * step
}

/** The sizes from that which holds `min` bytes to that which holds `max`. */
const ladder = (min, max) => {
  const sizes = []
  for (let size = rung(min); ; size = rung(size + 1)) {
    sizes.push(size)
    if (size >= max) return sizes
  }
}

// Sizes are looked up by their length in bits and the two bits behind the first.
const bucketOf = last => {
  const number = last < 4 ? 4 : last
  const high = 31 - Math.clz32(number)
  return (high << 2) + (number >>> high - 2)
}

/** For each bucket the first class that can hold any of its sizes. The next one that is large enough is it. */
const bucketsOf = kinds => {
  const most = bucketOf(kinds[kinds.length - 1].size - 1)
  return Array.from({ length: most + 1 }, (_, bucket) => {
    const high = (bucket >> 2) - 1
    const least = high < 2 ? 1 : (4 + (bucket & 3)) * 2 ** (high - 2) + 1
    return kinds.find(kind => kind.size >= least) ?? kinds[kinds.length - 1]
  })
}

const LARGEST_COPIED = 512

/** What is counted of why chunks left the pool. */
const noDrops = () => ({ full: 0, idle: 0, trim: 0, cap: 0, detached: 0, fence: 0, poison: 0, closed: 0 })

/** The chunks of one size that a pool has: those that are free, and what there is to count. */
class SizeClass {
  constructor (size, index) {
    // Not a double, which a product of doubles is.
    this.size = size | 0
    this.index = index
    /** Those that can be lent, the one used last at the end. @type {any[]} */
    this.free = []
    /** The fewest that were free since the last look. */
    this.low = 0
    /** Those that there are, lent or free. */
    this.made = 0
    this.acquired = 0
    /** The acquisition whose place is kept next. */
    this.look = 0
    this.lost = 0
    this.misses = 0
    this.peak = 0
    /** Bytes that were asked for, ever. */
    this.asked = 0
    this.dropped = noDrops()
    /** That of the next larger size. @type {SizeClass | undefined} */
    this.next = undefined
    /** What a small chunk is overwritten with, which is quicker than filling it. */
    this.zeros = size <= LARGEST_COPIED ? new Uint8Array(size) : undefined
  }

  get live () { return this.made - this.free.length }

  /** There may be more of them lent than ever. */
  rise () {
    this.low = Math.min(this.low, this.free.length)
    this.peak = Math.max(this.peak, this.live)
  }
}

// A field that has once held a fraction is made for numbers of any size: no code is thrown away when it passes 2^31.
new SizeClass(0, -1).asked = 0.5

/** The classes of the sizes, ascending. */
const classesOf = sizes => {
  const kinds = sizes.map((size, index) => new SizeClass(size, index))
  kinds.forEach((kind, index) => { kind.next = kinds[index + 1] })
  return kinds
}

module.exports = { QUANTUM, SizeClass, bucketOf, bucketsOf, classesOf, ladder }
