'use strict'

// A watch: looks at its parts from time to time, and tells of what grows.

const { EventEmitter } = require('node:events')
const { performance } = require('node:perf_hooks')
const { invalidUse } = require('../errors')
const places = require('./places')
const { readOptions } = require('./options')

// The same whatever is put in their place later, by this watch too.
const { clearInterval, queueMicrotask, setInterval } = globalThis

const DISPOSE = Symbol.dispose ?? Symbol.for('nodejs.dispose')

const now = performance.now.bind(performance)

// More findings than these are not kept.
const MOST = 10_000

/** Calls a user's function; what it throws is nobody's here. */
const tell = (listener, watch, finding) => {
  try {
    Reflect.apply(listener, watch, [finding])
  } catch (error) {
    queueMicrotask(() => { throw error })
  }
}

// Those that run, in this thread.
/** @type {Set<LeakWatch>} */
const running = new Set()

const startPart = ({ name, options, module }, interval) => {
  const context = { name, options, interval, places, now }
  return { name, part: module.start(context), ms: 0, failure: undefined }
}

const stopAll = parts => {
  for (const { part } of parts) {
    try {
      part.stop()
    } catch (error) {
      // The others are stopped all the same.
      queueMicrotask(() => { throw error })
    }
  }
}

/** Starts each of them, or none. */
const startAll = ({ parts, interval }) => {
  const loaded = parts.map(({ name, options }) => ({ name, options, module: require(`./${name}`) }))
  for (const { module, options } of loaded) module.check?.(options)
  const started = []
  try {
    for (const each of loaded) started.push(startPart(each, interval))
  } catch (error) {
    stopAll(started)
    throw error
  }
  return started
}

const keyOf = ({ kind, name, state, place }) => [kind, name, state, place].join('\n')

const sizeOf = ({ growth }) => growth === undefined ? 0 : growth.to - growth.from

class LeakWatch extends EventEmitter {
  #parts
  #onLeak
  #timer
  #looking = /** @type {Promise<any> | undefined} */ (undefined)
  #waiting = /** @type {Promise<any> | undefined} */ (undefined)
  #looks = 0
  #since = Date.now()
  // By kind, name and place: the finding, and how large the growth was when it was told.
  #findings = new Map()
  #stopped = false

  constructor (options) {
    const read = readOptions(options)
    super()
    this.#onLeak = read.onLeak
    this.#parts = startAll(read)
    if (read.interval > 0) {
      this.#timer = setInterval(() => { this.#idleLook() }, read.interval)
      // In a browser's world it is a number.
      this.#timer.unref?.()
    }
    running.add(this)
  }

  /** Looks now. After a look that is under way, if there is one. */
  look () {
    if (this.#stopped) return Promise.reject(invalidUse('this LeakWatch has been stopped'))
    if (this.#looking === undefined) return this.#begin(true)
    // One look is enough for all who wait.
    this.#waiting ??= this.#looking.then(() => {
      this.#waiting = undefined
      return this.#stopped ? [] : this.#begin(true)
    })
    return this.#waiting
  }

  #idleLook () {
    if (this.#looking === undefined) this.#begin(false)
  }

  /** `asked`: somebody waits for it. */
  #begin (asked) {
    const done = this.#lookAtAll(asked).finally(() => { this.#looking = undefined })
    this.#looking = done
    return done
  }

  async #lookAtAll (asked) {
    const fresh = []
    for (const each of this.#parts) {
      const found = await this.#lookAt(each, asked)
      if (this.#stopped) return []
      for (const finding of found) if (this.#isNews(finding)) fresh.push(finding)
    }
    places.forget()
    this.#looks += 1
    for (const finding of fresh) this.#tell(finding)
    return fresh
  }

  async #lookAt (each, asked) {
    const start = now()
    try {
      const found = await each.part.look(start, { asked })
      each.failure = undefined
      return found ?? []
    } catch (error) {
      // The other parts go on, and this one is tried again at the next look.
      each.failure = error
      return []
    } finally {
      each.ms += now() - start
    }
  }

  /** Keeps the finding. It is news the first time, and again when the growth has doubled. */
  #isNews (finding) {
    const key = keyOf(finding)
    const kept = this.#findings.get(key)
    const size = sizeOf(finding)
    if (kept === undefined) {
      if (this.#findings.size >= MOST) return false
      this.#findings.set(key, { finding, told: size })
      return true
    }
    kept.finding = finding
    if (size < 2 * kept.told || size === 0) return false
    kept.told = size
    return true
  }

  #tell (finding) {
    if (this.#onLeak !== undefined) tell(this.#onLeak, this, finding)
    // Not `emit`: a listener that throws would keep the others from being called.
    for (const listener of this.rawListeners('leak')) tell(listener, this, finding)
  }

  /** What has been found so far, and what it has cost. */
  report () {
    const cost = {}
    const failures = {}
    const notes = {}
    for (const { name, part, ms, failure } of this.#parts) {
      cost[name] = Number.isFinite(part.costMs) ? part.costMs : ms
      if (failure !== undefined) failures[name] = failure
      if (part.note !== undefined) notes[name] = part.note
    }
    return {
      findings: [...this.#findings.values()].map(({ finding }) => finding),
      looks: this.#looks,
      since: this.#since,
      cost,
      failures,
      notes
    }
  }

  /** Ends the watch. What was found can still be read. */
  stop () {
    if (this.#stopped) return
    this.#stopped = true
    running.delete(this)
    clearInterval(this.#timer)
    stopAll(this.#parts)
  }

  [DISPOSE] () {
    this.stop()
  }
}

/** What all watches that run in this thread have found. */
const activeFindings = () => [...running].flatMap(each => each.report().findings)

/** Begins to watch. */
const watch = options => new LeakWatch(options)

module.exports = { LeakWatch, activeFindings, watch }
