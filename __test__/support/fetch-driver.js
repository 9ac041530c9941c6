'use strict'

const { Driver, valueOf } = require('./driver')
const { PENDING } = require('./differences')
const { plainZero } = require('./side')
const { keyAt } = require('./pools')
const { fail, same, attempt, compareOutcome, compareStatus } = require('./compare')

// Runs a scenario of fetch on both sides. fetchMethod is in the hands of the scenario. After each operation all that
// can happen happens, before the two are compared: values and rejections of all promises so far, status objects,
// content and callbacks.
//
//   D8  where the subject's fetchMethod returns undefined, the oracle's returns a promise of it
//   D9  where the subject is given an aborted signal, the oracle is given one that aborts right after the call

class FetchError extends Error {}
class CallerAbort extends Error {}

/** A falsy value in disguise. */
class Falsy {
  constructor (value) {
    this.value = value
  }
}

const drain = async () => {
  for (let turn = 0; turn < 12; turn++) await undefined
}

/** Thrown to end a scenario at a point from which the two may differ; see `late`. */
class PartingOfWays extends Error {}

class FetchDriver extends Driver {
  constructor (scenario, clock) {
    super(scenario, clock)
    for (const side of this.sides) {
      side.calls = []
      side.promises = []
      side.onFetch = (key, stale, given, receiver) => this.fetched(side, key, stale, given, receiver)
    }
    this.oracle.reveal = value => value instanceof Falsy ? value.value : value
    // Of each fetch: its callers' AbortControllers, and the two status objects.
    this.controllers = []
    this.statuses = []
  }

  async run () {
    this.listen()
    try {
      for (const [index, operation] of this.scenario.operations.entries()) {
        this.path = [index]
        await this.perform(operation)
        await drain()
        this.check(operation)
      }
      this.end()
      await drain()
    } catch (error) {
      if (!(error instanceof PartingOfWays)) throw error
    } finally {
      this.dispose()
      await drain()
    }
  }

  check (operation) {
    this.differences.flush()
    this.dropStale(operation.op === 'dumpAndLoad')
    super.check(operation)
    const what = this.what(operation)
    this.oracle.promises.forEach((promise, index) => {
      const outcomes = [promise.outcome, this.subject.promises[index].outcome]
      if (!same(...outcomes)) fail(`${what}: promise ${index}`, ...outcomes)
    })
    for (const statuses of this.statuses) compareStatus(what, this.sides, statuses)
  }

  /** The body of both fetchMethods. */
  fetched (side, key, stale, { signal, options, context }, receiver) {
    const { plan, aborted } = this.current
    const call = { key, stale, signal, options, plan, settled: plan.kind !== 'pending', value: valueOf(plan.value) }
    side.calls.push(call)
    side.record('fetch', stale, plainZero(key), context, side.describe(options), receiver === side.cache)
    // D9: by when the oracle's signal aborts is no matter.
    if (!aborted) {
      signal.addEventListener('abort', () => { side.record('abort', undefined, plainZero(key), signal.reason.message) })
    }
    Object.assign(options, side.callOptions(plan.changes))
    if (side === this.oracle) this.watch(call)
    return this.answer(side, call)
  }

  answer (side, call) {
    const { plan, signal, value } = call
    const forOracle = side === this.oracle
    switch (plan.kind) {
      // D8, and D9: the oracle's signal shall abort before this is settled.
      case 'value': return forOracle && (value === undefined || this.current.aborted) ? Promise.resolve(value) : value
      case 'undefined': return forOracle ? Promise.resolve(undefined) : undefined
      case 'resolved': return Promise.resolve(value)
      case 'rejected': return Promise.reject(new FetchError('rejected at once'))
      case 'throw': throw new FetchError('thrown')
      case 'thenable': {
        // lru-cache does not notice an abort while it waits for what is no real promise.
        const thenable = { then: resolve => { resolve(value) } }
        return forOracle ? Promise.resolve(thenable) : thenable
      }
      default: return new Promise((resolve, reject) => {
        Object.assign(call, { resolve, reject })
        if (!plan.heedsSignal) return
        const abort = () => {
          call.settled = true
          reject(signal.reason)
        }
        if (signal.aborted) abort()
        else signal.addEventListener('abort', abort)
      })
    }
  }

  /** D12: what begins and what arrives may need room. The oracle reads the option `size` right before it stores. */
  watch (call) {
    const { key, options } = call
    const { differences } = this
    if (!differences.internals().keyMap.has(key)) differences.beforeSet(key, PENDING, options)
    const { size, noUpdateTTL } = options
    Object.defineProperties(options, {
      noUpdateTTL: { enumerable: true, get: () => noUpdateTTL && !differences.isAwaited(key) },
      size: {
        enumerable: true,
        get () {
          const { sizeCalculation } = options
          if (call.dispatched) differences.beforeSet(key, call.value, { size, sizeCalculation })
          return size
        }
      }
    })
  }

  /** Runs `act` on the subject until nothing more can happen, then on the oracle, which is to follow it (D12). */
  async inTurn (act) {
    for (const index of [1, 0]) {
      act(this.sides[index], index)
      await drain()
    }
    this.endGhosts()
  }

  /**
   * lru-cache keeps some fetches pending that nothing can come of any more: when fetchMethod rejects after an abort
   * that allowStaleOnFetchAbort has answered already, and some others. heapwise ends them: the stale value is back,
   * or else the key is gone.
   */
  endGhosts () {
    const inside = this.differences.internals()
    for (const { key, slot, stale, promise } of this.oracle.calls.filter(call => call.settled && call.holds)) {
      if (slot === undefined || inside.keyMap.get(key) !== slot) continue
      if (inside.valList[slot] !== promise && inside.valList[slot] !== undefined) continue
      inside.valList[slot] = stale
      if (stale === undefined) this.differences.remove(key, 'fetch')
    }
  }

  async fetch (operation) {
    const key = keyAt(operation.key)
    const { signal, force, manner, plan } = operation
    const aborted = signal === 'aborted'
    this.current = { plan, aborted }
    const controllers = signal === undefined ? [] : this.sides.map(() => new AbortController())
    const reason = new CallerAbort('aborted by the caller')
    if (aborted) controllers[1].abort(reason)
    if (signal === 'live') this.controllers.push(controllers)
    const { oracle, given, statuses } = this.arguments(operation)
    if (statuses.length > 0) this.statuses.push(statuses)
    const calls = this.oracle.calls.length
    await this.inTurn((side, index) => {
      let options = index === 0 ? oracle : given[0]
      if (controllers.length > 0) {
        options = { ...(typeof options === 'object' ? options : undefined), signal: controllers[index].signal }
        if (index === 1 && manner.frozen) Object.freeze(options)
      }
      this.follow(side, force ? side.cache.forceFetch(key, options) : side.cache.fetch(key, options))
      if (index === 1) return
      this.differences.flush()
      if (this.oracle.calls.length > calls) this.dispatched(this.oracle.calls[calls])
      if (aborted) controllers[0].abort(reason)
    })
  }

  /** Notes what becomes of a promise. */
  follow (side, promise) {
    const entry = { outcome: { state: 'pending' } }
    promise.then(
      value => { entry.outcome = { state: 'resolved', value: side.reveal(value) } },
      error => { entry.outcome = { state: 'rejected', error } }
    )
    side.promises.push(entry)
  }

  /** The oracle's call has just been made: remembers where its promise is kept. */
  dispatched (call) {
    const inside = this.differences.internals()
    const slot = inside.keyMap.get(call.key)
    Object.assign(call, { dispatched: true, holds: true, slot, promise: inside.valList[slot] })
  }

  /** Finds the stale values that went with a pending fetch that was removed. */
  dropStale (reloaded) {
    const inside = this.differences.internals()
    for (const call of this.oracle.calls) {
      const { key, slot, stale, promise, holds } = call
      if (!holds || (inside.keyMap.get(key) === slot && inside.valList[slot] === promise)) continue
      call.holds = false
      if (stale === undefined || (!reloaded && inside.keyMap.has(key))) continue
      const told = this.oracle.events.some(({ name, args }) =>
        name.startsWith('dispose') && Object.is(args[0], stale) && Object.is(args[1], plainZero(key)))
      if (!told) this.differences.dropStale(key, stale)
    }
  }

  /** lru-cache's pop passes over a pending fetch with a falsy stale value, as if it held none. heapwise returns it. */
  pop (operation, what) {
    const inside = this.differences.internals()
    for (const slot of this.differences.order(inside)) {
      const held = inside.valList[slot]
      if (!inside.isBackgroundFetch(held)) break
      const stale = held.__staleWhileFetching
      if (stale === undefined) continue
      if (!stale) held.__staleWhileFetching = new Falsy(stale)
      break
    }
    super.pop(operation, what)
  }

  /**
   * Several acts in one turn. A fetch of these is aborted through the signal of its own; `nth` counts over all that
   * wait, as the side itself sees them.
   */
  async burst ({ steps }, what) {
    const outcomes = []
    await this.inTurn((side, index) => {
      outcomes[index] = steps.map(step => attempt(side, () => this.act(side, step)))
    })
    compareOutcome(what, ...outcomes)
  }

  act (side, { act, key, value, nth, options, plan }) {
    const { cache, calls } = side
    const waiting = calls.filter(call => !call.settled)
    const call = waiting[nth % waiting.length]
    switch (act) {
      case 'fetch': {
        this.current = { plan, aborted: false }
        const controller = new AbortController()
        const before = calls.length
        this.follow(side, cache.fetch(keyAt(key), { ...options, signal: controller.signal }))
        if (calls.length === before) return undefined
        calls[before].controller = controller
        if (side === this.oracle) this.dispatched(calls[before])
        return undefined
      }
      case 'resolve': return call && this.settle(call, valueOf(value))
      case 'reject': return call && this.refuse(call)
      case 'abort': return call?.controller.abort(new CallerAbort('aborted later'))
      default: return cache[act](...key === undefined ? [] : [keyAt(key), valueOf(value ?? -1)])
    }
  }

  /** The calls of both sides that wait to be settled. */
  pending (nth) {
    const waiting = this.oracle.calls.map((_, index) => index).filter(index => !this.oracle.calls[index].settled)
    const index = waiting[nth % waiting.length]
    return index === undefined ? [] : this.sides.map(side => side.calls[index])
  }

  async resolve ({ nth, value }) {
    const calls = this.pending(nth)
    if (calls.length === 0) return
    this.late(calls[0], valueOf(value))
    await this.inTurn((_, index) => this.settle(calls[index], valueOf(value)))
  }

  settle (call, value) {
    call.settled = true
    call.value = value
    call.resolve(value)
  }

  /**
   * A value that comes after an abort, where it is wanted all the same. heapwise stores it unless the key holds
   * something else by now. So does lru-cache, except that it looks at the slot that the key had, which may be free
   * though the key is back, or taken by another key.
   */
  late ({ key, signal, options, slot }, value) {
    if (!signal.aborted || !options.ignoreFetchAbort || !options.allowStaleOnFetchAbort || value === undefined) return
    const inside = this.differences.internals()
    const held = inside.valList[slot]
    if (inside.isBackgroundFetch(held) && inside.keyMap.get(key) === slot) return
    if ((held === undefined) === inside.keyMap.has(key)) throw new PartingOfWays()
  }

  async reject ({ nth }) {
    const calls = this.pending(nth)
    if (calls.length === 0) return
    await this.inTurn((_, index) => this.refuse(calls[index]))
  }

  refuse (call) {
    call.settled = true
    call.reject(new FetchError('rejected later'))
  }

  async abort ({ nth }) {
    const { length } = this.controllers
    if (length === 0) return
    const [controllers] = this.controllers.splice(nth % length, 1)
    const reason = new CallerAbort('aborted later')
    await this.inTurn((_, index) => controllers[index].abort(reason))
  }
}

const runFetchScenario = (scenario, clock) => new FetchDriver(scenario, clock).run()

module.exports = { runFetchScenario }
