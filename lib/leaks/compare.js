'use strict'

// leaks.compare(fn): runs a function many times, and fails if memory or handles grow with the calls.

const { invalidType, invalidUse, leakFound } = require('../errors')
const { STAGES, judge } = require('./compare-judge')
const { MEMORY, Readings } = require('./compare-measure')
const { describe } = require('./compare-message')
const { readCompareOptions } = require('./compare-options')
const { Rounds, clock } = require('./compare-rounds')
const { evidence } = require('./compare-evidence')

const KIB = 1024

// A round that adds less says nothing, however many calls it has: what V8 keeps of code that has run some dozen times
// grows by as much for a while, and by more after some calls only. Its books are wrong by a page of 256 KiB at times.
const BYTES = { suspect: 1.5 * KIB, least: 8 * KIB, start: 128 * KIB, step: 300 * KIB }
const COUNTS = { perCall: 0, suspect: 1, least: 1 }

/** What has been kept, of what a run may keep, from which on the calls of a round are not doubled. */
const LARGE = 1 / 4
const LEAST_ROUNDS = 4

/** Of one thread; two at once would measure each other. */
let running = false

/** Everything that is counted, with a way to its levels in the readings of a stage. */
const seriesOf = (readings, { handles, threshold }) => {
  const bytes = MEMORY.map(what => ({
    what,
    name: undefined,
    threshold: what === 'contexts' ? COUNTS : { perCall: threshold, ...BYTES },
    levels: (from, to) => readings.memory(what, from, to)
  }))
  if (!handles) return bytes
  const counted = (what, columns, levels) => columns.names.map((name, column) => ({
    what, name, threshold: COUNTS, levels: (from, to) => levels(column, from, to)
  }))
  return [
    ...bytes,
    ...counted('handles', readings.handles, (...of) => readings.handle(...of)),
    ...counted('listeners', readings.listeners, (...of) => readings.listener(...of))
  ]
}

/** What the stages say of each thing that is counted. */
const judgeAll = (readings, stages, options, last) =>
  seriesOf(readings, options).map(({ what, name, threshold, levels }) => {
    const rows = stages.map(({ calls, from, to }) => ({ calls, levels: levels(from, to) }))
    return { what, name, ...judge(rows, threshold, last) }
  })

class Comparison {
  #options
  #rounds
  #readings
  #stages = []
  #times = new Float64Array(0)

  constructor (fn, options) {
    this.#options = options
    this.#rounds = new Rounds(fn, options)
    const most = STAGES * options.repeat + 1
    this.#readings = new Readings(most)
    this.#times = new Float64Array(most)
  }

  async run () {
    const start = clock()
    await this.#rounds.calibrate()
    await this.#rounds.warmUp()
    this.#readings.take(await this.#rounds.readHeap())
    let verdicts = []
    let { calls } = this.#rounds
    for (let stage = 0; stage < STAGES; stage++) {
      await this.#stage(calls)
      verdicts = judgeAll(this.#readings, this.#stages, this.#options, this.#rounds.spent >= 1)
      if (!verdicts.some(({ verdict }) => verdict === 'undecided')) break
      // A leak that is large is as plain with fewer calls.
      if (this.#rounds.spent < LARGE) calls *= 2
    }
    return this.#report(verdicts, start)
  }

  async #stage (calls) {
    const from = this.#readings.count - 1
    // When there is no memory for more, four rounds must do.
    for (let round = 0; round < this.#options.repeat && !(round >= LEAST_ROUNDS && this.#rounds.spent >= 1); round++) {
      const before = clock()
      await this.#rounds.run(calls)
      const took = clock() - before
      const heap = await this.#rounds.readHeap(this.#heapAt(this.#readings.count - 1))
      this.#times[this.#readings.take(heap)] = took
    }
    this.#stages.push({ calls, from, to: this.#readings.count - 1 })
  }

  #heapAt (index) {
    return this.#readings.memory('heap', index, index)[0]
  }

  async #report (verdicts, start) {
    const grew = verdicts.filter(({ verdict }) => verdict === 'leak')
    const report = {
      leaks: grew.length > 0,
      calls: this.#rounds.calls,
      perCall: this.#perCall(verdicts),
      grew: grew.map(({ what, name, perCall }) => name === undefined ? { what, perCall } : { what, name, perCall }),
      rounds: this.#list(),
      sites: [],
      constructors: [],
      collections: [],
      notes: [],
      elapsedMs: 0,
      message: ''
    }
    if (report.leaks) Object.assign(report, await evidence(this.#rounds, report, this.#options))
    report.elapsedMs = clock() - start
    report.message = describe(report)
    return report
  }

  #perCall (verdicts) {
    const perCall = { heap: 0, external: 0, arrayBuffers: 0, contexts: 0, handles: 0, listeners: 0 }
    for (const { what, verdict, perCall: growth } of verdicts) {
      if (verdict === 'leak' || !(what === 'handles' || what === 'listeners')) perCall[what] += growth
    }
    return perCall
  }

  #list () {
    const at = (name, index) => this.#readings.memory(name, index, index)[0]
    return this.#stages.flatMap(({ calls, from, to }) => Array.from({ length: to - from }, (_, i) => {
      const index = from + 1 + i
      return {
        calls,
        ms: this.#times[index],
        heap: at('heap', index),
        external: at('external', index),
        arrayBuffers: at('arrayBuffers', index),
        heapGrowth: at('heap', index) - at('heap', index - 1)
      }
    }))
  }
}

/**
 * Calls `fn` many times; rejects with ERR_HEAPWISE_LEAK if it keeps memory, handles or listeners at each call.
 *
 * @param {() => unknown} fn
 * @param {object} [options]
 */
const compare = async (fn, options) => {
  if (typeof fn !== 'function') throw invalidType("argument 'fn'", 'a function', fn)
  const settings = readCompareOptions(options)
  if (running) {
    throw invalidUse('leaks.compare() is running already, or its function has never ended: wait for it, two at once ' +
      'would measure each other')
  }
  running = true
  try {
    const report = await new Comparison(fn, settings).run()
    if (report.leaks) throw leakFound(report.message, report)
    return report
  } finally {
    running = false
  }
}

module.exports = { compare }
