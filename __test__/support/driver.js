'use strict'

const { channel } = require('node:diagnostics_channel')
const { Oracle, Subject } = require('./classes')
const { KEYS, VALUES, keyAt, show } = require('./pools')
const { Side, plainZero } = require('./side')
const { Differences } = require('./differences')
const { validate } = require('./validate')
const {
  fail, attempt, compareOutcome, compareEvents, compareStatus, compareState, compareViews, dump
} = require('./compare')

// Runs a scenario on lru-cache (the oracle) and on heapwise (the subject), and compares everything after each
// operation.

const CHANNELS = [channel('lru-cache:metrics'), channel('heapwise:lru-cache:metrics')]

const valueOf = index => index === -1 ? undefined : VALUES[index]

class Driver {
  constructor (scenario, clock) {
    this.clock = clock
    this.scenario = scenario
    const perf = scenario.clock === 'wall' ? clock.wall : clock.perfFrom(scenario.clock)
    const { options } = scenario
    // The millisecond of an event. A fake timer that is overdue when it is made runs at the beginning of the next one.
    this.instant = clock.now()
    const now = () => this.instant
    this.oracle = new Side(Oracle, Differences.oracleOptions(options), perf, now)
    this.subject = new Side(Subject, options, perf, now)
    this.sides = [this.oracle, this.subject]
    this.differences = new Differences(this.oracle, this.subject)
    this.keepClockExact()
    this.oracle.onMemo = (key, value, given) => this.differences.beforeSet(key, value, given)
    this.listeners = []
    // Set while a subject's iteration is under way: how often its operations ran, for messages.
    this.path = []
    this.checks = 0
  }

  /** lru-cache's purge timers debounce the clock as well, heapwise's does not: where they run, no long debounce. */
  keepClockExact () {
    this.purges ||= this.oracle.cache.ttlAutopurge
    if (this.purges) for (const { cache } of this.sides) cache.ttlResolution = Math.min(cache.ttlResolution, 1)
  }

  run () {
    this.listen()
    try {
      this.scenario.operations.forEach((operation, index) => {
        this.path = [index]
        this.step(operation)
      })
      this.end()
    } finally {
      this.dispose()
    }
  }

  end () {
    this.path = ['end']
    compareState('end', this.oracle, this.subject)
    compareViews('end', this.oracle, this.subject, KEYS)
    this.step({ op: 'clear' })
  }

  dispose () {
    this.listeners.forEach((listener, index) => CHANNELS[index].unsubscribe(listener))
    // No timer of a failed run may live on.
    for (const { cache } of this.sides) cache.clear()
  }

  listen () {
    if (!this.scenario.metrics) return
    this.listeners = this.sides.map(side => message => {
      if (message.cache !== side.cache) fail('message of another cache', undefined, message)
      const { cache: _, ...fields } = message
      side.record('metrics', undefined, fields)
    })
    this.listeners.forEach((listener, index) => CHANNELS[index].subscribe(listener))
  }

  step (operation) {
    this.perform(operation)
    this.check(operation)
  }

  perform (operation) {
    this.differences.reset()
    return this[operation.op](operation, this.what(operation))
  }

  what (operation) {
    return `operation ${this.path.join('.')} ${operation.op}`
  }

  check (operation) {
    const what = this.what(operation)
    this.differences.flush()
    const [oracle, subject] = this.sides.map(side => side.takeEvents())
    const { gaveUp, omitted } = this.differences
    for (const { name, args } of [...oracle, ...subject]) {
      if (name === 'metrics') for (const field of omitted) delete args[1][field]
    }
    // An entry that makes room as 'expire' (D12) is not evicted, and so it is published as a deletion is.
    const ignore = ({ name, args: [, message] }) =>
      name === 'metrics' && message.delete === 'expire' && gaveUp.has(plainZero(message.key))
    // Which of two entries that expire in the same millisecond is purged first is not promised.
    const unordered = operation.op === 'tick' || this.differences.unordered
    compareEvents(what, oracle, subject, { unordered, ignore })
    if (++this.checks % this.scenario.every !== 0) return
    compareState(what, this.oracle, this.subject)
    validate(this.subject.cache)
  }

  /** Both options of a call: plain ones for the oracle, frozen or odd ones for the subject (D10). */
  arguments (operation, extra = {}) {
    const { options, manner } = operation
    const oracle = { ...this.oracle.callOptions(options), ...extra }
    const subject = { ...this.subject.callOptions(options), ...extra }
    const statuses = []
    if (manner.status) statuses.push(oracle.status = {}, subject.status = {})
    if (options === undefined && !manner.status && Object.keys(extra).length === 0) {
      return { oracle, given: manner.primitive === undefined ? [] : [manner.primitive], statuses }
    }
    return { oracle, given: [manner.frozen ? Object.freeze(subject) : subject], statuses }
  }

  /** Runs `method` on both sides, the subject first, and compares. */
  call (what, operation, method, args, { oracle, given, statuses }, before) {
    const got = attempt(this.subject, () => this.subject.cache[method](...args, ...given))
    before?.(oracle)
    const expected = attempt(this.oracle, () => this.oracle.cache[method](...args, oracle))
    compareOutcome(what, expected, got)
    if (statuses.length > 0) {
      this.differences.repairStatus(statuses[0])
      compareStatus(what, this.sides, statuses, this.differences.omitted)
    }
  }

  /** Runs a function of the cache on both sides. */
  both (what, fn) {
    const got = attempt(this.subject, () => fn(this.subject.cache, this.subject))
    const expected = attempt(this.oracle, () => fn(this.oracle.cache, this.oracle))
    compareOutcome(what, expected, got)
  }

  set (operation, what) {
    const key = keyAt(operation.key)
    const value = valueOf(operation.value)
    this.call(what, operation, 'set', [key, value], this.arguments(operation),
      options => this.differences.beforeSet(key, value, options))
  }

  get (operation, what) {
    this.call(what, operation, 'get', [keyAt(operation.key)], this.arguments(operation))
  }

  has (operation, what) {
    this.call(what, operation, 'has', [keyAt(operation.key)], this.arguments(operation))
  }

  peek (operation, what) {
    this.call(what, operation, 'peek', [keyAt(operation.key)], this.arguments(operation))
  }

  delete ({ key }, what) {
    this.both(what, cache => cache.delete(keyAt(key)))
  }

  clear (_, what) {
    this.both(what, cache => cache.clear())
  }

  pop (_, what) {
    this.both(what, cache => cache.pop())
  }

  purgeStale (_, what) {
    this.both(what, cache => cache.purgeStale())
  }

  remaining ({ key }, what) {
    this.both(what, cache => cache.getRemainingTTL(keyAt(key)))
  }

  info ({ key }, what) {
    this.both(what, cache => cache.info(keyAt(key)))
  }

  /** Time goes by in steps of 1 ms, so that what the purge timers do can be compared with what is due. */
  tick ({ ms }) {
    for (let passed = 0; passed < ms; passed++) {
      this.instant = this.clock.now() + 1
      this.clock.tick(1)
      this.differences.purge()
    }
  }

  iterate ({ direction, stop = Infinity }, what) {
    this.both(what, cache => {
      const items = []
      for (const item of direction === 'iterator' ? cache : cache[direction]()) {
        if (items.length >= stop) break
        items.push(item)
      }
      return items
    })
  }

  forEach ({ reverse, thisp }, what) {
    const receiver = { thisp }
    this.both(what, (cache, side) => {
      const calls = []
      const visit = function (value, key, given) {
        calls.push([value, key, given === side.cache, this === side.cache ? 'the cache' : this])
      }
      const args = thisp ? [visit, receiver] : [visit]
      return [reverse ? cache.rforEach(...args) : cache.forEach(...args), calls]
    })
  }

  find (operation, what) {
    const wanted = VALUES[operation.value]
    const seen = this.sides.map(() => [])
    const predicate = side => (value, key, cache) => {
      seen[this.sides.indexOf(side)].push([value, key, cache === side.cache])
      return value === wanted
    }
    const { oracle, given, statuses } = this.arguments(operation)
    const got = attempt(this.subject, () => this.subject.cache.find(predicate(this.subject), ...given))
    const expected = attempt(this.oracle, () => this.oracle.cache.find(predicate(this.oracle), oracle))
    compareOutcome(what, expected, got)
    compareOutcome(`${what}: visited`, ...seen)
    if (statuses.length > 0) compareStatus(what, this.sides, statuses)
  }

  memo (operation, what) {
    for (const side of this.sides) side.memoPlan = operation
    this.call(what, operation, 'memo', [keyAt(operation.key)], this.arguments(operation))
  }

  /** An entry for `load`; the oracle writes to it, the subject must not. */
  entries (list, side, freeze) {
    return list.map(([index, { value, ttl, ago, size }]) => {
      const entry = { value: VALUES[value] }
      if (ttl !== undefined) entry.ttl = ttl
      if (ago !== undefined) entry.start = this.clock.now() - ago
      if (size !== undefined) entry.size = size
      return [keyAt(index), freeze ? Object.freeze(entry) : entry]
    })
  }

  loadBoth (what, forOracle, forSubject) {
    const got = attempt(this.subject, () => this.subject.cache.load(forSubject))
    for (const [key, entry] of forOracle) {
      // lru-cache reads the size right before it stores.
      const { size } = entry
      const { differences } = this
      Object.defineProperty(entry, 'size', {
        get () {
          differences.beforeSet(key, entry.value, { size })
          return size
        }
      })
    }
    const expected = attempt(this.oracle, () => this.oracle.cache.load(forOracle))
    compareOutcome(what, expected, got)
  }

  load ({ entries }, what) {
    this.loadBoth(what, this.entries(entries, this.oracle, false), this.entries(entries, this.subject, true))
  }

  dumpAndLoad ({ ms }, what) {
    const [forOracle, forSubject] = this.sides.map(side => dump(side.cache))
    compareOutcome(what, { value: forOracle }, { value: forSubject })
    this.step({ op: 'tick', ms })
    const text = show(forSubject)
    this.loadBoth(what, forOracle, forSubject)
    if (show(forSubject) !== text) fail(`${what}: load changed what it was given`, text, forSubject)
  }

  assign ({ name, value }) {
    for (const side of this.sides) {
      const { cache } = side
      cache[name] = name === 'sizeCalculation' && value !== undefined ? side.sizer(value) : value
      if (side === this.oracle) cache.maxEntrySize = Differences.maxEntrySize(cache.maxSize, cache.maxEntrySize)
    }
    this.keepClockExact()
  }

  /** The configuration in a new cache, the content by dump and load. */
  clone (_, what) {
    const bounded = this.oracle.cache.max || this.oracle.cache.maxSize || this.oracle.cache.ttl
    const dumps = this.sides.map(side => dump(side.cache))
    this.both(what, cache => cache.clear())
    this.both(what, (_cache, side) => { side.clone() })
    if (bounded) this.loadBoth(what, ...dumps)
  }

  /**
   * D5. lru-cache's walk can skip, repeat or never end when the cache changes meanwhile. So the iteration runs on
   * heapwise alone and is held to the rule: what stays in the cache is visited exactly once, what is deleted before
   * its turn is not visited, what is added may be. The operations inside run on both.
   */
  iterateMutating ({ direction, steps }, what) {
    const { cache } = this.subject
    const isFresh = key => {
      // Asked of both: the answer reads the debounced clock.
      this.oracle.cache.getRemainingTTL(key)
      return cache.allowStale || cache.getRemainingTTL(key) >= 0
    }
    const visitsUndefined = /orEach|values/.test(direction)
    const present = () => new Set(cache.dump().map(([key]) => key))
    const initial = [...present()].concat(cache.info(undefined) !== undefined && visitsUndefined ? [undefined] : [])
    // Keys that were there at first, and have not been deleted or stale since.
    const staying = new Set(initial.filter(isFresh))
    const visited = []
    let mutations = 0

    const visit = (key, value, byValue) => {
      visited.push(byValue ? value : key)
      if (visited.length > initial.length + steps.length + 1) fail(`${what}: does not end`, initial, visited)
      if (!byValue) {
        const held = cache.info(key)
        if (held === undefined) fail(`${what}: visited after its deletion`, initial, key)
        if (direction !== 'keys' && direction !== 'rkeys' && !Object.is(held.value, value)) {
          fail(`${what}: value of ${show(key)}`, held.value, value)
        }
      }
      const operation = steps[visited.length - 1]
      if (operation === undefined) return
      mutations++
      this.path.push(visited.length - 1)
      this.step(operation)
      this.path.pop()
      this.readClocks()
      const now = present()
      for (const one of staying) {
        if (one === undefined ? cache.info(one) === undefined : !now.has(one)) staying.delete(one)
        else if (!isFresh(one)) staying.delete(one)
      }
    }

    this.readClocks()
    const byValue = direction === 'values' || direction === 'rvalues'
    if (direction.endsWith('orEach')) {
      cache[direction]((value, key) => visit(key, value, false))
    } else {
      for (const item of direction === 'iterator' ? cache : cache[direction]()) {
        if (Array.isArray(item)) visit(item[0], item[1], false)
        else visit(item, item, byValue)
      }
    }
    this.compareVisited(what, { visited, staying, initial, mutations, byValue })
  }

  /** An iteration reads the debounced clock where something can expire. So must the oracle, which does not iterate. */
  readClocks () {
    for (const { cache } of this.sides) {
      for (const [key] of cache.dump()) cache.getRemainingTTL(key)
      cache.getRemainingTTL(undefined)
    }
  }

  compareVisited (what, { visited, staying, initial, mutations, byValue }) {
    if (byValue) {
      if (visited.length < staying.size) fail(`${what}: values not visited`, staying.size, visited)
    } else {
      for (const key of staying) {
        const times = visited.filter(one => Object.is(plainZero(one), key)).length
        if (times !== 1) fail(`${what}: visited ${times} times`, key, visited)
      }
    }
    if (mutations === 0 && visited.length > initial.length) fail(`${what}: too many`, initial, visited)
  }
}

/** Throws where heapwise and lru-cache differ. */
const runScenario = (scenario, clock) => new Driver(scenario, clock).run()

module.exports = { Driver, runScenario, valueOf }
