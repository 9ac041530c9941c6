'use strict'

const { VALUES, SIZERS } = require('./pools')

// One of the two caches of a differential run, with callbacks that record each call.

/** Equal keys can differ in the sign of zero: which of them a callback is given is not promised. */
const plainZero = key => key === 0 ? 0 : key

class Side {
  /**
   * @param {Function} LRUCache the class
   * @param {object} recipe options as data, see arbitraries.js
   * @param {object} perf
   * @param {() => number} now time of the fake clock
   */
  constructor (LRUCache, recipe, perf, now) {
    this.LRUCache = LRUCache
    this.now = now
    this.events = []
    this.sizers = new Map()
    // Set by the driver for the time of one call of memo.
    this.memoPlan = undefined
    this.onMemo = undefined
    this.peeking = false
    // Set by the fetch driver.
    this.onFetch = undefined
    // Called for each recorded event; may rename it, or return undefined to drop it.
    this.filter = event => event
    /** What a recorded value or an outcome stands for. */
    this.reveal = value => value
    this.cache = new LRUCache(this.options(recipe, perf))
  }

  options (recipe, perf) {
    const { callbacks = {}, sizer, memo, fetch, ...rest } = recipe
    const options = { ...rest, perf }
    if (sizer !== undefined) options.sizeCalculation = this.sizer(sizer)
    if (callbacks.dispose) options.dispose = this.recorder('dispose')
    if (callbacks.disposeAfter) options.disposeAfter = this.recorder('disposeAfter')
    if (callbacks.onInsert) options.onInsert = this.recorder('insert')
    if (memo) options.memoMethod = this.memoMethod()
    if (fetch) options.fetchMethod = this.fetchMethod()
    return options
  }

  record (name, ...args) {
    if (this.peeking) return
    const event = this.filter({ name, args: args.map(this.reveal), at: this.now() })
    if (event !== undefined) this.events.push(event)
  }

  takeEvents () {
    const { events } = this
    this.events = []
    return events
  }

  /** Records the call, who it was called on, and what the cache holds for the key at that time. */
  recorder (name) {
    const side = this
    return function (value, key, reason) {
      // peek with allowStale reads no clock and changes nothing. What it publishes is no matter here.
      side.peeking = true
      const held = side.cache.peek(key, { allowStale: true })
      side.peeking = false
      side.record(name, value, plainZero(key), reason, this === side.cache ? 'on the cache' : this, held)
    }
  }

  sizer (name) {
    if (!this.sizers.has(name)) {
      const compute = SIZERS[name]
      this.sizers.set(name, (value, key) => {
        this.record('size', value, plainZero(key))
        return compute(value, key)
      })
    }
    return this.sizers.get(name)
  }

  /** The bare function behind one of this side's sizers: tells the size without a record. */
  static bare (side, sizer) {
    for (const [name, recorded] of side.sizers) {
      if (recorded === sizer) return SIZERS[name]
    }
    return undefined
  }

  memoMethod () {
    return (key, stale, { options, context }) => {
      const { value, changes, fails } = this.memoPlan
      this.record('memo', plainZero(key), stale, context, this.describe(options))
      if (fails) throw new Error('memoMethod fails')
      Object.assign(options, this.callOptions(changes))
      this.onMemo?.(key, VALUES[value], options)
      return VALUES[value]
    }
  }

  fetchMethod () {
    const side = this
    return function (key, stale, arg) {
      return side.onFetch(key, stale, arg, this)
    }
  }

  /** Options as the callbacks see them: without what was not given, in a form that both sides share. */
  describe (options) {
    const described = {}
    for (const [name, value] of Object.entries(options)) {
      if (value === undefined) continue
      if (name === 'status') described.status = typeof value
      else if (name === 'signal') described.signal = value.constructor.name
      else if (name === 'sizeCalculation') described.sizeCalculation = this.sizerName(value)
      else described[name] = value
    }
    return described
  }

  sizerName (sizer) {
    for (const [name, recorded] of this.sizers) {
      if (recorded === sizer) return name
    }
    return sizer
  }

  /** Options for one call, from data. `ago` counts back from the reading of the perf clock at the call. */
  callOptions (recipe) {
    if (recipe === undefined) return undefined
    const { sizer, ago, ...options } = recipe
    if (sizer !== undefined) options.sizeCalculation = this.sizer(sizer)
    if (ago !== undefined) options.start = this.cache.perf.now() - ago
    return options
  }

  /** Replaces the cache by one with the same configuration. */
  clone () {
    this.cache = new this.LRUCache(this.cache)
  }
}

module.exports = { Side, plainZero }
