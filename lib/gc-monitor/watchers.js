'use strict'

// Limits of heap and resident memory, pressure from outside, and a watch over what leaks: what a monitor looks after
// besides collections.

const { totalmem } = require('node:os')
const v8 = require('node:v8')

const { invalidUse, unsupported } = require('../errors')
const native = require('../native')
const { writeSnapshot } = require('./heap-file')
const { oldLimit } = require('./heap-limit')
const { HeapLevels, RssLevels } = require('./limits')
const { Pressure } = require('./pressure')
const { readSample, start } = require('./process')
const { oldBytes } = require('./source-perf-hooks')

/** What the container may have, or else the machine. */
const mostMemory = () => {
  const { cgroup, host } = readSample()
  return cgroup?.limit ?? host?.total ?? totalmem()
}

const { memoryUsage } = process
const { getHeapStatistics } = v8

// How often a thread looks at resident memory for its limit.
const RSS_MS = 100

// What costs little: a user can ask for more by name.
const USUAL = { timers: true, listeners: true, globals: true, pools: true }

const copyOf = value => typeof value === 'object' && value !== null ? { ...value } : value

// As they are now: who changes them later means another watch.
const watchOptions = leaks => {
  if (leaks === undefined) return undefined
  if (Object.keys(leaks).length === 0) return USUAL
  return Object.fromEntries(Object.entries(leaks).map(([name, value]) => [name, copyOf(value)]))
}

// Who has the reserve of this thread: V8 has one.
let holder

class Watchers {
  #heapLimit
  #rssLimit
  #leaks
  #watch
  #sampling
  #heap
  #rss
  #pressure = new Pressure()
  // What the old generation had at the start, bytes: with a reserve that rises.
  #limit = 0
  #most = 0
  #snapshots = 0
  #reserved = false
  // The reserve has come into use, and that was told.
  #used = false
  // Since limits were last checked.
  #peak = 0
  #floor = null
  #share = 0

  constructor ({ heapLimit, rssLimit, leaks }) {
    this.#heapLimit = heapLimit
    this.#rssLimit = rssLimit
    this.#leaks = watchOptions(leaks)
    // Bad options are to be told before anything starts.
    if (this.#leaks !== undefined) require('../leaks/options').readOptions(this.#leaks)
  }

  /** @param {string} source what the monitor records with */
  start (source) {
    const heapLimit = this.#heapLimit
    const rssLimit = this.#rssLimit
    this.#limit = oldLimit(getHeapStatistics().heap_size_limit)
    this.#heap = heapLimit && new HeapLevels(heapLimit)
    this.#rss = rssLimit && new RssLevels(rssLimit)
    this.#most = rssLimit === undefined ? 0 : rssLimit.bytes ?? Math.floor(rssLimit.share * mostMemory())
    this.#snapshots = 0
    this.#peak = 0
    this.#floor = null
    if (heapLimit?.reserve > 0) this.#reserve(heapLimit.reserve, source)
    if (this.#leaks !== undefined) this.#watch = require('../leaks/watch').watch(this.#leaks)
  }

  #reserve (bytes, source) {
    const name = "option 'heapLimit.reserve'"
    if (source !== 'v8') throw unsupported(name, "it needs V8's callbacks, which are not used here")
    if (holder !== undefined) throw invalidUse(`${name}: another GcMonitor of this thread has the reserve`)
    if (!native.gcReserve(bytes)) throw unsupported(name, 'this V8 does not let its limit be raised')
    holder = this
    this.#reserved = true
    this.#used = false
  }

  stop () {
    if (holder === this) {
      holder = undefined
      native.gcReserve(0)
    }
    this.#reserved = false
    this.#sample(false)
    this.#watch?.stop()
    this.#watch = undefined
  }

  /** Prepares for limits that are to be looked after: those that somebody hears of, or that write a snapshot. */
  limit (wanted) {
    const heap = this.#heapLimit !== undefined && (wanted('heapLimit') || this.#heapLimit.snapshot !== undefined)
    const rss = this.#rssLimit !== undefined && wanted('rssLimit')
    this.#sample(rss)
    return heap || rss
  }

  #sample (wanted) {
    if (wanted === (this.#sampling !== undefined)) return
    this.#sampling?.stop()
    this.#sampling = undefined
    try {
      if (wanted) this.#sampling = start(RSS_MS)
    } catch {
      // Without a thread only what the loop sees is known.
    }
  }

  /** What collections have left. */
  note (fulls) {
    for (const { used } of fulls) this.#peak = Math.max(this.#peak, used)
    if (fulls.length > 0) this.#floor = fulls.at(-1).used
  }

  /** Half of a limit is in use: what is left can go quickly. */
  get urgent () { return this.#share > 0.5 }

  /** Pairs of name and event: limits that have been reached since the last time. */
  checkLimits () {
    const reached = []
    this.#share = 0
    if (this.#heap !== undefined) this.#checkHeap(reached)
    if (this.#rss !== undefined) this.#checkRss(reached)
    return reached
  }

  #checkHeap (reached) {
    const limit = this.#limit
    const used = Math.max(this.#peak, oldBytes())
    const floor = this.#floor
    this.#peak = 0
    this.#floor = null
    this.#share = used / limit
    const reserved = this.#reserved && native.gcReserved() > 0
    const levels = this.#heap.update({ used: reserved ? Math.max(used, limit) : used, floor, limit })
    // From here on the program lives on its reserve: that is news, whatever was told before.
    if (reserved && !this.#used && !levels.includes('critical')) levels.push('critical')
    this.#used = reserved
    for (const level of levels) {
      const event = { level, used, floor, limit, ratio: used / limit, reserved }
      if (this.#heapLimit.snapshot?.at === level) event.snapshot = this.#writeSnapshot()
      reached.push(['heapLimit', event])
    }
  }

  #writeSnapshot () {
    const { dir, max } = this.#heapLimit.snapshot
    if (this.#snapshots >= max) return { refused: `option 'heapLimit.snapshot.max' is ${max}, and so many are written` }
    const written = writeSnapshot(dir)
    if (typeof written === 'string') this.#snapshots += 1
    return written
  }

  #checkRss (reached) {
    // The most since the last time, though the loop was blocked.
    const rss = Math.max(memoryUsage.rss(), this.#sampling?.peak() ?? 0)
    const limit = this.#most
    this.#share = Math.max(this.#share, rss / limit)
    for (const level of this.#rss.update({ rss, limit })) {
      reached.push(['rssLimit', { level, rss, limit, ratio: rss / limit }])
    }
  }

  /** @param {object} sample what `readSample` of ./process gives */
  checkPressure (sample) {
    return this.#pressure.check(sample)
  }

  /** What watches of this thread have found. */
  evidence () {
    return require('../leaks/watch').activeFindings()
  }
}

module.exports = { Watchers }
