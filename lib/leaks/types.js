'use strict'

// What kind of thing grows, as V8 counts it by type at each full collection, if Node runs with --track-gc-object-stats.
// No snapshot is taken; a full collection takes 7 to 10 times as long.

const native = require('../native')
const { unsupported } = require('../errors')
const { bytesText, confidenceOf, count, growthText } = require('./finding')
const { readPart } = require('./options')
const { groupOf, isOwn } = require('./types-names')
const { Series } = require('./watch-series')

const NAME = 'types'
const FLAG = '--track-gc-object-stats'

const DEFAULTS = { bytes: 1024 * 1024, looks: 4, auto: false }
const LEAST = { looks: 3 }

/** V8's own things grow for a long time while a program warms up: so many times more of them must have grown. */
const OWN_FACTOR = 8

/** Bit of gcSupport. */
const BY_TYPE = 16
/** Numbers of gcTally: 5 kinds of 8, then the sums, of which the 8th counts full collections. */
const TALLY = 50
const FULL_COLLECTIONS = 47

/** V8's own counts, from a recorder of this thread. */
class NativeSource {
  #handle
  #tally = new Float64Array(TALLY)

  constructor () {
    // It records nothing here but that collections happen.
    this.#handle = native.gcOpen(16, require('node:worker_threads').threadId, 0)
    if (this.#handle === 0) throw unsupported(`leaks.watch() with option '${NAME}'`, 'collections cannot be observed here')
  }

  get collections () {
    native.gcTally(this.#handle, this.#tally)
    return this.#tally[FULL_COLLECTIONS]
  }

  /** [type, what it is for, count, bytes, …] */
  get rows () { return native.gcTypes() }

  close () {
    native.gcClose(this.#handle)
  }
}

const hasFlag = () => process.execArgv.some(argument => argument.replaceAll('_', '-') === FLAG)

/** Whether V8 counts: the flag may have been set in other ways than on the command line, which one collection tells. */
const counts = source => {
  if (hasFlag()) return true
  require('./compare-collect').collectAll(false)
  return source.rows.length > 0
}

const sumByGroup = rows => {
  const groups = new Map()
  for (let i = 0; i < rows.length; i += 4) {
    const name = groupOf(rows[i])
    const group = groups.get(name) ?? { count: 0, bytes: 0, types: [] }
    group.count += rows[i + 2]
    group.bytes += rows[i + 3]
    group.types.push(rows[i])
    groups.set(name, group)
  }
  return groups
}

class Types {
  #options
  #source
  #now
  #seen = -1
  #groups = new Map()
  costMs = 0
  /** Why nothing is looked at, if that is so. */
  note

  constructor (options, source, now) {
    this.#options = options
    this.#source = source
    this.#now = now
  }

  /** @param {number} time */
  look (time) {
    const source = this.#source
    if (source === undefined) return []
    const start = this.#now()
    try {
      const { collections } = source
      // Nothing was counted since the last look.
      if (collections === this.#seen) return []
      this.#seen = collections
      this.#enter(sumByGroup(source.rows), time)
      return this.#judge()
    } finally {
      this.costMs += this.#now() - start
    }
  }

  #enter (groups, time) {
    for (const [name, { count: n, bytes, types }] of groups) {
      const known = this.#groups.get(name) ?? { name, series: new Series(), first: n }
      Object.assign(known, { count: n, bytes, types, here: true })
      known.series.add(time, bytes)
      this.#groups.set(name, known)
    }
    for (const [name, known] of this.#groups) {
      if (!groups.has(name)) this.#groups.delete(name)
      known.here = false
    }
  }

  #judge () {
    const { bytes, looks } = this.#options
    const found = []
    for (const { name, series, count: n, first, types } of this.#groups.values()) {
      // The judge takes half of it for the least rise.
      const growth = series.growth({ minimum: 2 * bytes * (isOwn(name) ? OWN_FACTOR : 1), looks })
      if (growth === undefined) continue
      const kilobytes = { ...growth, from: growth.from / 1024, to: growth.to / 1024 }
      found.push({
        kind: 'type',
        message: `${name}: ${count(n, 'one', 'of them')} with ${bytesText(growth.to)} are alive, ${count(Math.max(0, n - first),
          'more', 'more')} than at the first look; they ${growthText(kilobytes, 'KB')}`,
        name,
        types,
        count: n,
        growth: { ...growth, bytes: growth.to - growth.from },
        confidence: confidenceOf(growth, 1),
        source: 'object statistics'
      })
    }
    return found
  }

  stop () {
    this.#source?.close()
    this.#source = undefined
    this.#groups.clear()
  }
}

const check = options => readPart(NAME, options, DEFAULTS, LEAST)

const closed = (options, now, reason) => {
  if (!options.auto) throw unsupported(`leaks.watch() with option '${NAME}'`, reason)
  const types = new Types(options, undefined, now)
  types.note = reason
  return types
}

const openSource = () => {
  if ((native.gcSupport() & BY_TYPE) === 0) return { reason: "this build of Node does not export V8's counts by type" }
  const source = new NativeSource()
  if (counts(source)) return { source }
  source.close()
  return { reason: `V8 counts by type only if Node is started with ${FLAG}` }
}

/** @param {{ options: any, now: () => number, source?: any }} context `source`: in the place of V8, for tests */
const start = ({ options, now, source }) => {
  const read = check(options)
  if (source !== undefined) return new Types(read, source, now)
  const { source: opened, reason } = openSource()
  return opened === undefined ? closed(read, now, reason) : new Types(read, opened, now)
}

module.exports = { name: NAME, check, start }
