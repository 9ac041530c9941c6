'use strict'

/**
 * Visits slots in recency order, each once, whatever is read, written or deleted meanwhile.
 *
 * The first few are looked up by themselves, since many callers want only the first. Who goes on gets a list of all the
 * others as they are at that moment: a slot that was used meanwhile has moved, but is in it; one that was visited is
 * left out.
 */

const FIRST = 32

class Walk {
  /** @param {(limit: number) => Uint32Array} slots the slots in order as they are now, at most `limit` of them */
  constructor (slots) {
    this.list = slots
    this.slots = slots(FIRST)
    this.at = 0
    this.begun = false
  }

  /** The next slot, or -1. It may have been vacated, or hold another entry than when the walk began. */
  next () {
    if (this.at === this.slots.length && (this.begun || !this.goOn())) return -1
    return this.slots[this.at++]
  }

  goOn () {
    this.begun = true
    if (this.slots.length < FIRST) return false
    const visited = new Set(this.slots)
    this.slots = this.list(Infinity).filter(slot => !visited.has(slot))
    this.at = 0
    return this.slots.length > 0
  }
}

module.exports = { Walk }
