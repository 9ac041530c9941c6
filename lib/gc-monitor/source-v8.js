'use strict'

// Collections as V8's own callbacks tell them to the recorder in Rust, which keeps them in a ring, sums and histograms.
// Nothing is lost while the loop is blocked: what is not fetched in time is still summed.

const v8 = require('node:v8')

const { fromNative } = require('./clock')
const { FULL, KINDS, NAMES, causeOf, flagsOf, nameOf } = require('./kinds')

// As they are now, whatever is put in their place.
const { getHeapSpaceStatistics } = v8

const ROW = 16
const ROWS = 256
const SPACES = 16
const FULL_ROW = 8 + 2 * SPACES
const FULL_ROWS = 16
const TALLY = 8
const NS_PER_MS = 1e6

const pair = (before, after) => ({ before, after })

/** An event of a row of `gcDrain`. */
const eventOf = (row, at) => {
  const [kind, flags] = [row[at + 1], row[at + 2]]
  const [before, after] = [row[at + 6], row[at + 7]]
  return {
    kind: nameOf(kind),
    flags: flagsOf(flags),
    cause: causeOf(kind, flags),
    startTime: fromNative(row[at + 4]),
    duration: row[at + 5] / NS_PER_MS,
    sequence: row[at],
    depth: row[at + 3],
    used: pair(before, after),
    total: pair(row[at + 8], row[at + 9]),
    external: pair(row[at + 10], row[at + 11]),
    malloced: row[at + 12],
    limit: row[at + 13],
    reclaimed: Math.max(0, before - after),
    promoted: row[at + 14],
    allocated: row[at + 15],
    late: false
  }
}

let spaceNames
const namesOfSpaces = () => {
  spaceNames ??= getHeapSpaceStatistics().map(space => space.space_name)
  return spaceNames
}

const spacesOf = (row, at, count) => {
  const names = namesOfSpaces()
  const spaces = []
  for (let i = 0; i < Math.min(count, SPACES, names.length); i++) {
    spaces.push({ name: names[i], used: row[at + 2 * i], size: row[at + 2 * i + 1] })
  }
  return spaces
}

const fullOf = (row, at) => ({
  sequence: row[at],
  time: fromNative(row[at + 1] + row[at + 2]),
  used: row[at + 3],
  external: row[at + 4],
  limit: row[at + 5],
  spaces: spacesOf(row, at + 8, row[at + 7])
})

// Shared: what is fetched is made into objects at once.
const room = new Float64Array(ROW * ROWS)
const fullRoom = new Float64Array(FULL_ROW * FULL_ROWS)
const tallyRow = new Float64Array(KINDS.length * TALLY + 16)
const heapRow = new Float64Array(8)

/** Calls `fetch` until it has no more rows, at most `most` of them. */
const rowsOf = (fetch, width, into, most, make) => {
  const rows = into.length / width
  const made = []
  while (made.length < most) {
    const count = fetch(into)
    for (let i = 0; i < count; i++) made.push(make(into, i * width))
    if (count < rows) break
  }
  return made
}

// One that is dropped without a word, as by a measurement of a promise that never settles.
const dropped = new FinalizationRegistry(({ native, handle }) => native.gcClose(handle))

class V8Source {
  name = 'v8'
  #native
  #handle
  #capacity
  // What had been allocated before this began, and will be told with the first collection.
  #before

  constructor ({ native, handle, capacity }) {
    this.#native = native
    this.#handle = handle
    this.#capacity = capacity
    dropped.register(this, { native, handle }, this)
    this.#before = this.heap().since
  }

  /** The heap as it is. `since`: bytes allocated since the last collection of this thread. */
  heap () {
    this.#native.gcHeap(heapRow)
    return { used: heapRow[0], limit: heapRow[4], since: heapRow[6] }
  }

  drain () {
    const native = this.#native
    const handle = this.#handle
    const events = rowsOf(into => native.gcDrain(handle, into), ROW, room, this.#capacity, eventOf)
    const fulls = rowsOf(into => native.gcDrainFull(handle, into), FULL_ROW, fullRoom, this.#capacity, fullOf)
    if (fulls.length > 0) {
      const bySequence = new Map(fulls.map(full => [full.sequence, full]))
      for (const event of events) {
        if (event.kind === FULL) event.spaces = bySequence.get(event.sequence)?.spaces ?? []
      }
    }
    return { events, fulls }
  }

  #row () {
    this.#native.gcTally(this.#handle, tallyRow)
    return tallyRow
  }

  tally () {
    const row = this.#row()
    const heap = this.heap()
    const byKind = {}
    let collections = 0
    NAMES.forEach((name, i) => {
      const [count, total, max, p50, p90, p99, reclaimed, forced] = row.subarray(i * TALLY, (i + 1) * TALLY)
      byKind[name] = {
        count,
        totalMs: total / NS_PER_MS,
        p50: p50 / NS_PER_MS,
        p90: p90 / NS_PER_MS,
        p99: p99 / NS_PER_MS,
        max: max / NS_PER_MS,
        reclaimed,
        forced
      }
      collections += count
    })
    const [since, allocated, promoted, lost, , lastEnd, , , busy] = row.subarray(KINDS.length * TALLY)
    return {
      since: fromNative(since),
      busy: busy / NS_PER_MS,
      collections,
      byKind,
      allocated: Math.max(0, allocated + heap.since - this.#before),
      promoted,
      lost,
      lastEnd: collections === 0 ? null : fromNative(lastEnd),
      limit: heap.limit
    }
  }

  pauses (kind) {
    const index = NAMES.indexOf(kind)
    const flat = this.#native.gcHistogram(this.#handle, index)
    const buckets = []
    for (let i = 0; i + 2 < flat.length; i += 3) buckets.push([flat[i], flat[i + 1], flat[i + 2]])
    const row = this.#row()
    return { buckets, sum: row[index * TALLY + 1], max: row[index * TALLY + 2], min: buckets[0]?.[0] ?? 0 }
  }

  reset () {
    this.#native.gcReset(this.#handle)
    this.#before = this.heap().since
  }

  get prompt () { return true }

  close () {
    if (this.#handle === 0) return
    dropped.unregister(this)
    this.#native.gcClose(this.#handle)
    this.#handle = 0
  }
}

module.exports = { V8Source }
