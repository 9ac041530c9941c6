'use strict'

// What memory does over time: a series for each thing that can grow, and whether it does.
//
// What full collections leave is measured when there was one, since garbage says nothing. What they have no part in
// (resident memory, the C allocator, handles) is measured from time to time, and only while somebody listens.

const v8 = require('node:v8')
const { isMainThread } = require('node:worker_threads')

const { now } = require('./clock')
const { oldLimit } = require('./heap-limit')
const { readSample } = require('./process')
const { Episode, Series } = require('./trend')

// As they are now, whatever is put in their place.
const { getHeapStatistics } = v8

const { getActiveResourcesInfo, memoryUsage } = process

/** As stats() calls them. */
const NAMES = {
  heap: 'liveHeap',
  external: 'external',
  arrayBuffers: 'arrayBuffers',
  rss: 'rss',
  malloc: 'malloc',
  contexts: 'contexts',
  handles: 'handles'
}

/** Looks between two measurements of what collections have no part in. */
const LOOKS = 5
/** Of many full collections at once so many are judged, the last. */
const JUDGED = 16

class Trend {
  #series
  #episode = new Episode()

  constructor (what, window, limit) {
    this.#series = new Series({ what, window, ...(limit === undefined ? {} : { limit }) })
  }

  /** The verdict, if `value` is the one with which growth is sure. */
  push (time, value, judged) {
    if (!this.#series.push(time, value) || !judged) return undefined
    const verdict = this.#series.assess()
    return this.#episode.update(verdict) === 'started' ? verdict : undefined
  }

  read () {
    const { what, leak, ...verdict } = this.#series.assess()
    return { floor: this.#series.last, ...verdict }
  }

  clear () {
    this.#series.clear()
    this.#episode.clear()
  }
}

class Trends {
  #all = new Map()
  #looks = 0
  #judging = false
  // Growth that has begun and has not been fetched.
  #begun = []

  constructor ({ window }) {
    const limit = oldLimit(getHeapStatistics().heap_size_limit)
    for (const what of Object.keys(NAMES)) {
      this.#all.set(what, new Trend(what, window, what === 'heap' ? limit : undefined))
    }
  }

  clear () {
    for (const trend of this.#all.values()) trend.clear()
    this.#begun = []
    this.#looks = 0
  }

  /** Whether somebody wants to know when growth begins. */
  set judging (wanted) { this.#judging = wanted }

  #push (what, time, value, judged = this.#judging) {
    const verdict = this.#all.get(what).push(time, value, judged)
    if (verdict !== undefined) this.#begun.push(verdict)
  }

  /** What full collections have left. */
  addFulls (fulls) {
    if (fulls.length === 0) return
    fulls.forEach(({ time, used, external }, index) => {
      const judged = this.#judging && index >= fulls.length - JUDGED
      this.#push('heap', time, used, judged)
      this.#push('external', time, external, judged)
    })
    const time = fulls.at(-1).time
    this.#push('arrayBuffers', time, memoryUsage().arrayBuffers)
    this.#push('contexts', time, getHeapStatistics().number_of_native_contexts)
  }

  /** Another look at the process. */
  look () {
    this.#looks += 1
    if (this.#looks % LOOKS !== 1) return
    const time = now()
    this.#push('handles', time, getActiveResourcesInfo().length)
    // These are of the whole process, and no thread's own.
    if (!isMainThread) return
    const { rss, heapTotal } = memoryUsage()
    this.#push('rss', time, Math.max(0, rss - heapTotal))
    const { malloc } = readSample()
    if (malloc !== null) this.#push('malloc', time, malloc.inUse)
  }

  /** Verdicts on growth that has begun since the last time. */
  takeBegun () {
    const begun = this.#begun
    this.#begun = []
    return begun
  }

  /** All verdicts, by the name that stats() has for them. */
  read () {
    const verdicts = {}
    for (const [what, trend] of this.#all) verdicts[NAMES[what]] = trend.read()
    return verdicts
  }
}

module.exports = { Trends }
