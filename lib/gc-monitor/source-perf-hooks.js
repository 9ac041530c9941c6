'use strict'

// Collections as `perf_hooks` tells them: where V8's own callbacks cannot be had. An entry arrives a turn of the loop
// late at the earliest, and says nothing about the heap: what it does not say is null here, and not guessed.

const { PerformanceObserver } = require('node:perf_hooks')
const v8 = require('node:v8')

const { unsupported } = require('../errors')
const { now } = require('./clock')
const { percentileOf } = require('./histogram')
const { FULL: FULL_NAME, bitOf, causeOf, flagsOf, nameOf } = require('./kinds')
const { Tally } = require('./tally')

// As they are now, whatever is put in their place.
const { getHeapSpaceStatistics, getHeapStatistics } = v8

const FULL = bitOf(FULL_NAME)
/** Full collections that are kept until somebody fetches them. */
const FULLS = 1024

const unknown = () => ({ before: null, after: null })

/** What was not there at the last collection: new objects. The rest is close to what a full collection has left. */
const YOUNG = new Set(['new_space', 'new_large_object_space'])

const oldBytes = () => {
  let bytes = 0
  for (const space of getHeapSpaceStatistics()) if (!YOUNG.has(space.space_name)) bytes += space.space_used_size
  return bytes
}

/** @returns {number | undefined} */
const everAllocated = () => /** @type {any} */ (getHeapStatistics()).total_allocated_bytes

/** An event of the four numbers that are kept of an entry. */
const eventOf = ([kind, flags, startTime, duration], sequence, limit) => ({
  kind: nameOf(kind),
  flags: flagsOf(flags),
  cause: causeOf(kind, flags),
  startTime,
  duration,
  sequence,
  depth: 0,
  used: unknown(),
  total: unknown(),
  external: unknown(),
  malloced: null,
  limit,
  reclaimed: null,
  promoted: null,
  allocated: null,
  late: true
})

class PerfHooksSource {
  name = 'perf_hooks'
  #observer
  #capacity
  #rows = []
  #fulls = []
  // Events that are fetched or lost.
  #told = 0
  #lost = 0
  #lastEnd = null
  #tally
  #limit = getHeapStatistics().heap_size_limit
  #opened = now()
  #ever = everAllocated()

  constructor ({ capacity }) {
    if (!(/** @type {any} */ (PerformanceObserver)).supportedEntryTypes.includes('gc')) {
      throw unsupported('GcMonitor', "neither V8's callbacks nor entries of type 'gc' in perf_hooks are to be had here")
    }
    this.#capacity = capacity
    this.#tally = new Tally(this.#opened)
    // All entries of a batch, of which there can be hundreds.
    this.#observer = new PerformanceObserver(list => this.#take(list.getEntries()))
    this.#observer.observe({ type: 'gc' })
  }

  #take (entries) {
    let full = false
    for (const { detail: { kind, flags }, startTime, duration } of entries) {
      // What was there before comes as well, if it had not been told yet.
      if (startTime < this.#opened) continue
      this.#rows.push([kind, flags, startTime, duration])
      this.#count(kind, flags, startTime, duration)
      full ||= kind === FULL
    }
    if (full) this.#noteFull()
    this.#cut()
  }

  /** Nobody may come for the events. */
  #cut () {
    const excess = this.#rows.length - this.#capacity
    if (excess <= 0) return
    this.#rows.splice(0, excess)
    this.#told += excess
    this.#lost += excess
  }

  #count (kind, flags, startTime, duration) {
    if (startTime < this.#tally.since) return
    this.#tally.add(kind, flags, startTime, duration)
    this.#lastEnd = startTime + duration
  }

  /** The heap is read now, later than the collection: without the youngest objects it is close. */
  #noteFull () {
    const { external_memory: external, heap_size_limit: limit } = getHeapStatistics()
    this.#limit = limit
    this.#fulls.push({ time: now(), used: oldBytes(), external, limit, spaces: null })
    if (this.#fulls.length > FULLS) this.#fulls.shift()
  }

  /** What there is since the last time, each once: events, and what was live after full collections. */
  drain () {
    this.#take(this.#observer.takeRecords())
    const [rows, fulls] = [this.#rows, this.#fulls]
    const events = rows.map((row, index) => eventOf(row, this.#told + index + 1, this.#limit))
    this.#told += rows.length
    this.#rows = []
    this.#fulls = []
    return { events, fulls }
  }

  tally () {
    const byKind = {}
    for (const [name, { pauses, totalMs, max, forced }] of this.#tally.entries()) {
      const buckets = pauses.buckets()
      const at = p => Math.min(max, percentileOf(buckets, pauses.count, pauses.max, p) / 1e6)
      byKind[name] = {
        count: pauses.count, totalMs, p50: at(50), p90: at(90), p99: at(99), max, reclaimed: null, forced
      }
    }
    const { since, busy, collections } = this.#tally
    return {
      since,
      busy,
      collections,
      byKind,
      allocated: this.#allocated(),
      promoted: null,
      lost: this.#lost,
      lastEnd: this.#lastEnd,
      limit: this.#limit
    }
  }

  /** V8 counts it since Node 25. */
  #allocated () {
    return this.#ever === undefined ? null : everAllocated() - this.#ever
  }

  /** Buckets and sums of one kind. */
  pauses (kind) {
    const pauses = this.#tally.pausesOf(kind)
    return { buckets: pauses.buckets(), sum: pauses.sum, max: pauses.max, min: pauses.count === 0 ? 0 : pauses.min }
  }

  reset () {
    this.#tally = new Tally(now())
    this.#ever = everAllocated()
    this.#lost = 0
    this.#lastEnd = null
  }

  /** Whether `drain` returns all that has happened until now. */
  get prompt () { return false }

  close () {
    this.#observer.disconnect()
  }
}

module.exports = { PerfHooksSource, oldBytes }
