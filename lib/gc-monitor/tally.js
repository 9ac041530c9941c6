'use strict'

// Sums over collections, for a source that does not keep them itself.

const { Histogram } = require('./histogram')
const { FORCED, KINDS, nameOf } = require('./kinds')

class Tally {
  #kinds = new Map()
  /** Time in collections, ms, those inside of others not counted twice. */
  busy = 0
  collections = 0
  #end = 0

  constructor (since) {
    this.since = since
    for (const { name } of KINDS) this.#kind(name)
  }

  #kind (name) {
    let kind = this.#kinds.get(name)
    if (kind === undefined) {
      kind = { pauses: new Histogram(), totalMs: 0, max: 0, forced: 0 }
      this.#kinds.set(name, kind)
    }
    return kind
  }

  add (bit, flags, startTime, duration) {
    const kind = this.#kind(nameOf(bit))
    kind.pauses.record(duration * 1e6)
    kind.totalMs += duration
    kind.max = Math.max(kind.max, duration)
    if ((flags & FORCED) !== 0) kind.forced += 1
    this.collections += 1
    // Of what is inside of another only the part that sticks out counts.
    const end = startTime + duration
    this.busy += Math.max(0, Math.min(duration, end - this.#end))
    this.#end = Math.max(this.#end, end)
  }

  entries () { return this.#kinds }

  pausesOf (name) { return this.#kinds.get(name)?.pauses }
}

module.exports = { Tally }
