'use strict'

// Buffers that pile up in a collection, above all small ones that are views of much larger memory: 16 bytes that keep a
// chunk of 64 KB alive. Those are told even if there are no more of them. Found by heap snapshots; how long the views
// are is then asked of them.

const { checkNames } = require('../cache/options')
const { invalidNumber } = require('../errors')
const { readSize } = require('../size')
const { identify, perHour, unique } = require('./collections')
const { looksOf } = require('./collections-looks')
const { measureViews } = require('./collections-live')
const { bytesText, confidenceOf, count } = require('./finding')

const NAME = 'buffers'
const KNOWN = ['minimum', 'share', 'looks', 'ratio', 'maxHeap']
const known = new Set(KNOWN)

// Objects that are asked in one look: to find one takes a walk over the heap.
const MOST_ASKED = 5

/** @param {Record<string, any>} options */
const check = options => {
  checkNames(options, KNOWN, known)
  const { minimum = '1mb', share = 0.1, looks = 3, ratio = 4, maxHeap = '256mb' } = options
  if (typeof share !== 'number' || !(share >= 0 && share <= 1000)) {
    throw invalidNumber("option 'buffers.share'", 'a number from 0 to 1000', share)
  }
  if (!Number.isSafeInteger(looks) || looks < 3 || looks > 1000) {
    throw invalidNumber("option 'buffers.looks'", 'an integer from 3 to 1000', looks)
  }
  if (typeof ratio !== 'number' || !(ratio >= 1 && ratio <= 1e6)) {
    throw invalidNumber("option 'buffers.ratio'", 'a number from 1 to 1000000', ratio)
  }
  return {
    minimum: readSize('buffers.minimum', minimum, 1, Number.MAX_SAFE_INTEGER),
    share,
    looks,
    ratio,
    maxHeap: readSize('buffers.maxHeap', maxHeap, 1, Number.MAX_SAFE_INTEGER)
  }
}

// What is no growth must be the clearer: by how much more than 'ratio'.
const CLEARLY = 4
// Memory that has changed by less than this share is not asked for again.
const SAME = 0.25

class Buffers {
  // What was asked of collections that do not grow, by id; the others have their turn at the next look.
  #asked = new Map()
  #left = 0
  #options
  #places
  #looks
  costMs = 0

  constructor (options, { interval, places }) {
    this.#options = options
    this.#places = places
    this.#looks = looksOf(interval)
    const { minimum, share, looks, maxHeap } = options
    this.#looks.join(this, { viewBytes: minimum, share, rises: looks - 1, maxHeap })
  }

  /**
   * @param {number} _time
   * @param {{ asked?: boolean }} [how]
   */
  async look (_time, { asked } = {}) {
    const look = await this.#looks.next(this, asked)
    if (look === undefined) return []
    const start = performance.now()
    const isGrowth = grower => grower.memoryGrows && this.#isEnough(grower.viewBytes)
    const grown = look.growers.filter(isGrowth).slice(0, MOST_ASKED)
    const large = look.growers.filter(grower => !isGrowth(grower) && this.#isLarge(grower))
      .sort((a, b) => b.viewBytes.to - a.viewBytes.to)
    this.#left = MOST_ASKED - grown.length
    const found = [
      ...grown.map(grower => this.#growth(grower, look.times)),
      ...large.map(grower => this.#pinned(grower))
    ].filter(Boolean)
    this.#forget(large)
    this.costMs += performance.now() - start
    return unique(found)
  }

  #isLarge ({ large, viewBytes, largeLooks }) {
    return large && viewBytes.to >= this.#options.minimum && largeLooks >= this.#options.looks
  }

  /** Keeps what was asked of those that are still there. */
  #forget (large) {
    const ids = new Set(large.map(({ id }) => id))
    for (const id of this.#asked.keys()) if (!ids.has(id)) this.#asked.delete(id)
  }

  /** Views of much larger memory that stay, though there are no more of them. */
  #pinned (grower) {
    const { id, viewBytes: { to }, largeLooks } = grower
    let asked = this.#asked.get(id)
    if (this.#left > 0 && (asked === undefined || Math.abs(asked.to - to) > SAME * asked.to)) {
      this.#left -= 1
      asked = { to, live: this.#looks.live.with(id, measureViews) }
      this.#asked.set(id, asked)
    }
    const live = asked?.live
    const isPinned = live !== undefined && live.memory >= this.#options.minimum &&
      live.memory >= live.bytes * this.#options.ratio * CLEARLY
    const who = isPinned ? identify(grower, this.#places) : undefined
    if (who === undefined) return undefined
    const { name, place, subject } = who
    return {
      kind: 'buffer',
      message: `${subject} holds ${this.#sum(grower, live)}; so it was in ${largeLooks} looks`,
      name,
      ...place !== undefined && { place },
      growth: { from: to, to, looks: largeLooks, perHour: 0, bytes: 0 },
      confidence: 'likely',
      source: 'heap snapshot'
    }
  }

  #isEnough ({ from, to, rises }) {
    const { minimum, share, looks } = this.#options
    return to - from >= minimum && to - from >= share * from && rises >= looks - 1
  }

  #growth (grower, times) {
    const who = identify(grower, this.#places)
    if (who === undefined) return undefined
    const { name, place, subject } = who
    const { from, to, looks } = grower.viewBytes
    return {
      kind: 'buffer',
      message: `${subject} holds ${this.#sum(grower, this.#looks.live.with(grower.id, measureViews))}; that memory grew from ${bytesText(from)} to ${bytesText(to)} in ` +
        `${looks} looks`,
      name,
      ...place !== undefined && { place },
      growth: { from, to, looks, perHour: perHour(grower.viewBytes, times), bytes: to - from },
      confidence: confidenceOf(grower.viewBytes, 1),
      source: 'heap snapshot'
    }
  }

  /** '12,000 Buffers of 16 bytes each, which keep 98 MB alive' */
  #sum ({ views, viewBytes }, live) {
    if (live === undefined || live.views === 0) {
      return `${count(views, 'Buffer')}, which ${views === 1 ? 'keeps' : 'keep'} ${bytesText(viewBytes.to)} alive`
    }
    const { bytes, memory } = live
    const each = bytesText(Math.round(bytes / live.views))
    const all = `${count(live.views, 'Buffer')} of ${each}${live.views === 1 ? '' : ' on average'}`
    return memory >= bytes * this.#options.ratio
      ? `${all}, ${bytesText(bytes)} in all, which keep ${bytesText(memory)} alive: they are views of larger memory`
      : `${all}, ${bytesText(memory)} in all`
  }

  stop () {
    this.#looks.leave()
  }
}

/** @param {import('./collections').Context} context */
const start = context => new Buffers(check(context.options), context)

module.exports = { name: NAME, check, start }
