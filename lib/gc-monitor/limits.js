'use strict'

// Thresholds with hysteresis: each crossing is told once, and again only after the value has come down.

/** How far below a threshold, as a share of the limit, a value must fall before the threshold counts again. */
const SLACK = 0.05
const ORDER = ['warn', 'critical']

class Levels {
  #thresholds
  #reached = 0

  constructor ({ warn, critical }) {
    this.#thresholds = ORDER.map((level, index) => ({ level, at: [warn, critical][index] }))
      .filter(({ at }) => at !== undefined)
  }

  /**
   * The levels that have been reached now, lowest first.
   *
   * @param {(at: number) => boolean} isAbove
   * @param {(at: number) => boolean} isBelow
   * @returns {string[]}
   */
  update (isAbove, isBelow) {
    const thresholds = this.#thresholds
    while (this.#reached > 0 && isBelow(thresholds[this.#reached - 1].at)) this.#reached -= 1
    const crossed = []
    let highest = thresholds.length
    while (highest > this.#reached && !isAbove(thresholds[highest - 1].at)) highest -= 1
    for (; this.#reached < highest; this.#reached++) crossed.push(thresholds[this.#reached].level)
    return crossed
  }

  /** The highest level that counts at present. */
  get level () {
    return this.#reached === 0 ? 'none' : this.#thresholds[this.#reached - 1].level
  }
}

/** The heap against V8's limit. */
class HeapLevels {
  #levels

  constructor (options) {
    this.#levels = new Levels(options)
  }

  /**
   * What is left after a full collection is live, and counts as it is. At other times garbage is in it: V8 lets it grow
   * half-way from what is live to the limit, and so half-way is where it counts.
   *
   * @param {{ used: number, floor: number | null, limit: number }} heap `floor`: if there was a full collection
   */
  update ({ used, floor, limit }) {
    const isAbove = at => (floor !== null && floor >= at * limit) || used >= (1 + at) / 2 * limit
    // With all its garbage it is less: so is what is live.
    const least = Math.min(used, floor ?? used)
    const isBelow = at => least < (at - SLACK) * limit && !isAbove(at)
    return this.#levels.update(isAbove, isBelow)
  }

  get level () { return this.#levels.level }
}

/** Resident memory against what it may be. */
class RssLevels {
  #levels

  constructor (options) {
    this.#levels = new Levels(options)
  }

  update ({ rss, limit }) {
    return this.#levels.update(at => rss >= at * limit, at => rss < (at - SLACK) * limit)
  }

  get level () { return this.#levels.level }
}

module.exports = { Levels, HeapLevels, RssLevels }
