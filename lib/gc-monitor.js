'use strict'

// GcMonitor: every collection of this thread, what memory does over time, and whether something leaks.
//
// A source records (gc-monitor/source.js). What it has recorded is fetched by `#pull`: on a short timer while somebody
// wants events or limits, and when it is asked for. What listeners are to be told waits in `#outbox` until it is their
// turn: never while somebody else's function runs, but for the timers, stop() and the end of the process.

const { coded, invalidType, outOfRange } = require('./errors')
const { every, stopTimer } = require('./gc-monitor/clock')
const { collect } = require('./gc-monitor/collect')
const { EventStream } = require('./gc-monitor/event-stream')
const atExit = require('./gc-monitor/exit')
const { NAMES } = require('./gc-monitor/kinds')
const { Listened, MIND, listens, tell } = require('./gc-monitor/listened')
const { measure } = require('./gc-monitor/measure')
const { readCollectOptions, readOptions, readStreamOptions } = require('./gc-monitor/options')
const { Recording, nothing } = require('./gc-monitor/recording')
const { Sampler } = require('./gc-monitor/sampler')
const { readSample, trim } = require('./gc-monitor/process')
const { readSnapshot } = require('./gc-monitor/snapshot')
const { readHistogram, readStats } = require('./gc-monitor/stats')
const { Trends } = require('./gc-monitor/trends')
const { follow, listThreads, ownThread } = require('./gc-monitor/threads')
const { Watchers } = require('./gc-monitor/watchers')
const native = require('./native.js')

// Soon enough to act on, seldom enough to cost nothing.
const DRAIN_MS = 100
// A heap can fill at hundreds of megabytes a second: when half of it is in use, it is looked at more often.
const URGENT_MS = 25

class GcMonitor extends Listened {
  #options
  #recording
  #closed = false
  #watchers
  #trends
  #sampler
  #streams = new Set()
  #outbox = []
  #outboxLost = 0
  // What is being told, and how far that is.
  #posted = []
  #told = 0
  #telling = false
  #drainTimer
  #limitTimer
  #limitMs = DRAIN_MS
  #sampleTimer

  constructor (options = undefined) {
    super()
    this.#options = readOptions(options)
    this.#trends = new Trends(this.#options)
    this.#watchers = new Watchers(this.#options)
    this.#sampler = new Sampler(this.#options)
    if (this.#options.autostart) this.start()
  }

  get running () { return this.#recording?.running === true }
  get closed () { return this.#closed }
  get source () { return this.#recording?.source ?? null }
  get sourceReason () { return this.#recording?.reason ?? null }

  // ---- on and off

  start () {
    if (this.#closed) throw coded(Error, 'ERR_HEAPWISE_CLOSED', 'this GcMonitor is closed')
    if (this.running) return this
    this.#trends.clear()
    const watchers = this.#watchers
    // If the monitor is dropped, nothing of this may lead to it.
    const recording = new Recording(this.#options, () => watchers.stop())
    try {
      watchers.start(recording.source)
    } catch (error) {
      recording.finish()
      throw error
    }
    this.#recording = recording
    this.#outbox = []
    this.#outboxLost = 0
    atExit.enter(this, recording, (monitor, fail) => monitor.#finish(fail))
    this.#arrange()
    return this
  }

  stop () {
    if (!this.running) return this
    this.#finish()
    return this
  }

  close () {
    if (this.#closed) return
    this.#closed = true
    this.stop()
    for (const stream of [...this.#streams]) EventStream.end(stream)
  }

  [Symbol.dispose] () {
    this.close()
  }

  /** Tells what there is to tell, and ends. A listener that does this is told no more. */
  #finish (fail = undefined) {
    const recording = this.#recording
    if (!this.running) return
    this.#pull()
    this.#tellAll(fail)
    // A listener may have ended it meanwhile, or started it anew.
    if (this.#recording !== recording || !recording.running) return
    atExit.leave(recording)
    this.#outbox = []
    this.#arrange()
  }

  // ---- timers

  [MIND] () {
    this.#arrange()
  }

  /** Has timers run as long as somebody wants what they do. */
  #arrange () {
    const { running } = this
    const wanted = name => running && listens(this, name)
    const limits = running && this.#watchers.limit(wanted)
    const drain = wanted('gc') || (running && this.#streams.size > 0)
    this.#trends.judging = wanted('leak')
    const sample = wanted('sample') || wanted('leak') || wanted('pressure')
    this.#drainTimer = this.#arrangeTimer(this.#drainTimer, drain, DRAIN_MS, () => this.#tick())
    this.#limitTimer = this.#arrangeTimer(this.#limitTimer, limits, this.#limitMs, () => this.#checkLimits())
    this.#sampleTimer = this.#arrangeTimer(this.#sampleTimer, sample, this.#options.interval, () => this.#look())
    if (wanted('sample')) this.#sampler.start()
    else this.#sampler.stop()
  }

  #arrangeTimer (timer, wanted, ms, task) {
    if (wanted === (timer !== undefined)) return timer
    if (wanted) return every(ms, task)
    stopTimer(timer)
    return undefined
  }

  #tick () {
    this.#pull()
    this.#tellAll()
  }

  #checkLimits () {
    this.#pull()
    const reached = this.#watchers.checkLimits()
    this.#hurry(this.#watchers.urgent ? URGENT_MS : DRAIN_MS)
    if (reached.length === 0) return
    for (const [name, value] of reached) this.#post(name, value)
    this.#tellAll()
  }

  #hurry (ms) {
    if (ms === this.#limitMs) return
    this.#limitMs = ms
    this.#limitTimer = this.#arrangeTimer(this.#limitTimer, false, ms, undefined)
    this.#arrange()
  }

  /** Looks at the process: what nobody wants is not read. */
  #look () {
    this.#pull()
    if (listens(this, 'sample')) for (const sample of this.#sampler.take()) this.#post('sample', sample)
    if (listens(this, 'pressure')) {
      for (const pressure of this.#watchers.checkPressure(readSample())) this.#post('pressure', pressure)
    }
    this.#trends.look()
    for (const { leak, ...verdict } of this.#trends.takeBegun()) {
      this.#post('leak', { ...verdict, message: verdict.reason, evidence: this.#watchers.evidence() })
    }
    this.#tellAll()
  }

  // ---- what was recorded

  /** Fetches what the source has, for everybody who wants it. Runs nobody's functions. */
  #pull () {
    if (!this.running) return
    const { events, fulls } = this.#recording.pull()
    this.#trends.addFulls(fulls)
    this.#watchers.note(fulls)
    const listened = listens(this, 'gc')
    for (const event of events) {
      for (const stream of this.#streams) EventStream.push(stream, event)
      if (listened) this.#post('gc', event)
    }
  }

  #post (name, value) {
    this.#outbox.push([name, value])
    if (this.#outbox.length <= this.#options.bufferSize) return
    this.#outbox.shift()
    this.#outboxLost += 1
  }

  #tellAll (fail = undefined) {
    // Whoever tells already goes on with it. Not so at the end of the process, which may have come in a listener.
    if (this.#telling && fail === undefined) return
    const recording = this.#recording
    const posted = [...this.#posted.slice(this.#told), ...this.#outbox]
    this.#outbox = []
    this.#posted = posted
    this.#telling = true
    try {
      for (this.#told = 0; this.#told < posted.length;) {
        const [name, value] = posted[this.#told]
        this.#told += 1
        if (this.#recording !== recording || !recording.running) break
        tell(this, name, value, fail)
      }
    } finally {
      this.#posted = []
      this.#told = Infinity
      this.#telling = false
    }
  }

  // ---- what can be asked

  stats () {
    this.#pull()
    const recording = this.#recording
    const tally = recording?.tally() ?? nothing()
    return readStats({
      recording,
      tally: { ...tally, lost: tally.lost + this.#outboxLost },
      trends: this.#trends.read(),
      running: this.running,
      until: recording?.until ?? tally.since
    })
  }

  reset () {
    this.#pull()
    this.#recording?.reset()
    this.#trends.clear()
    this.#outboxLost = 0
  }

  histogram (kind = undefined) {
    if (kind !== undefined && typeof kind !== 'string') {
      throw invalidType("argument 'kind'", `one of '${NAMES.join("', '")}'`, kind)
    }
    if (kind !== undefined && !NAMES.includes(kind)) {
      throw outOfRange("argument 'kind'", `one of '${NAMES.join("', '")}'`, kind)
    }
    this.#pull()
    return readHistogram(this.#recording, kind)
  }

  snapshot () {
    return readSnapshot(this, this.#options)
  }

  workers () {
    if (this.source === 'v8') return listThreads(native)
    return ownThread(this.#recording?.tally() ?? nothing())
  }

  events (options = undefined) {
    const size = readStreamOptions(options, this.#options.bufferSize)
    const stream = new EventStream(size, ended => {
      this.#streams.delete(ended)
      this.#arrange()
    })
    if (this.#closed) {
      EventStream.end(stream)
      return stream
    }
    // What happened before is not for it.
    this.#pull()
    this.#streams.add(stream)
    this.#arrange()
    return stream
  }

  [Symbol.asyncIterator] () {
    return this.events()
  }

  // ---- what can be done

  collect (options = undefined) {
    return collect(readCollectOptions(options))
  }

  measure (fn) {
    if (typeof fn !== 'function') throw invalidType("argument 'fn'", 'a function', fn)
    return measure(fn, this.#options.source)
  }

  trim () {
    return trim()
  }

  prometheus () {
    return require('./gc-monitor/prometheus').render(this)
  }
}

// While a monitor somewhere in the process asks for all threads, this one records.
follow(native)

module.exports = { GcMonitor }
