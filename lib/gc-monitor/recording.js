'use strict'

// What one monitor records between start and stop.

const { now } = require('./clock')
const { KINDS, NAMES } = require('./kinds')
const { Pauses } = require('./mutator')
const { openSource } = require('./source')

class Recording {
  source
  #source
  #pauses = new Pauses()
  #end
  // When it is over: what there is to say.
  #last
  #histograms

  #onEnd

  /**
   * @param {{ source: any, bufferSize: number }} options
   * @param {() => void} onEnd
   */
  constructor ({ source, bufferSize }, onEnd) {
    this.#onEnd = onEnd
    const opened = openSource(source, { capacity: bufferSize, wide: true })
    this.#source = opened.source
    this.source = opened.source.name
    this.reason = opened.reason
  }

  get running () { return this.#last === undefined }

  /** What has happened since the last time: events, and what full collections have left. */
  pull () {
    if (!this.running) return { events: [], fulls: [] }
    const { events, fulls } = this.#source.drain()
    for (const { depth, startTime, duration } of events) {
      if (depth === 0) this.#pauses.add(startTime, startTime + duration)
    }
    return { events, fulls }
  }

  tally () {
    return this.#last ?? this.#source.tally()
  }

  /** Until when the sums go. */
  get until () { return this.#end ?? now() }

  pauses (kind) {
    return this.#histograms?.get(kind) ?? this.#source.pauses(kind)
  }

  utilisation () {
    return this.#pauses.utilisation()
  }

  reset () {
    this.#pauses.clear()
    if (this.running) this.#source.reset()
  }

  /** Ends it; what it knows can still be asked. */
  finish () {
    if (!this.running) return
    this.#end = now()
    this.#histograms = new Map(NAMES.map(name => [name, this.#source.pauses(name)]))
    this.#last = this.#source.tally()
    this.#source.close()
    this.#onEnd()
  }
}

/** What a monitor has to say that has never been started. */
const nothing = () => ({
  since: now(),
  busy: 0,
  collections: 0,
  byKind: Object.fromEntries(KINDS.map(({ name }) => [name,
    { count: 0, totalMs: 0, p50: 0, p90: 0, p99: 0, max: 0, reclaimed: 0, forced: 0 }])),
  allocated: null,
  promoted: null,
  lost: 0,
  lastEnd: null,
  limit: null
})

module.exports = { Recording, nothing }
