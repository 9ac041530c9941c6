'use strict'

const fc = require('fast-check')
const { LRUCache } = require('../..')
const { settled } = require('./deferred')
const { validate } = require('./validate')

// Runs operations on a cache whose callbacks do things to it: read, write, delete, clear, resize, iterate, or throw.
// Each value is set once in a run, so that its way can be followed: it is in the cache, or it was disposed of exactly
// once.

const KEYS = 6
// A callback may start operations whose callbacks start operations; to this depth.
const DEPTH = 4

const anyKey = fc.nat(KEYS - 1)
const anySize = fc.integer({ min: 1, max: 4 })

const ACTIONS = [
  { weight: 12, arbitrary: fc.record({ act: fc.constant('set'), key: anyKey, size: anySize }) },
  { weight: 5, arbitrary: fc.record({ act: fc.constantFrom('get', 'has', 'peek', 'memo'), key: anyKey }) },
  { weight: 6, arbitrary: fc.record({ act: fc.constant('delete'), key: anyKey }) },
  { weight: 1, arbitrary: fc.constant({ act: 'clear' }) },
  { weight: 2, arbitrary: fc.constant({ act: 'pop' }) },
  { weight: 2, arbitrary: fc.constant({ act: 'purgeStale' }) },
  { weight: 3, arbitrary: fc.record({ act: fc.constant('resize'), max: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 3, arbitrary: fc.record({ act: fc.constantFrom('forEach', 'rforEach', 'find', 'iterate') }) },
  { weight: 1, arbitrary: fc.constant({ act: 'reload' }) },
  { weight: 4, arbitrary: fc.record({ act: fc.constant('tick'), ms: fc.integer({ min: 1, max: 8 }) }) }
]

const FETCH = {
  weight: 12,
  arbitrary: fc.record({
    act: fc.constant('fetch'),
    key: anyKey,
    end: fc.constantFrom('value', 'undefined', 'promise', 'promise', 'rejection', 'throw'),
    // Not allowStale: a dispose that throws behind a value that was given out already is nobody's rejection but Node's.
    options: fc.record({
      forceRefresh: fc.boolean(),
      allowStaleOnFetchRejection: fc.boolean(),
      allowStaleOnFetchAbort: fc.boolean(),
      ignoreFetchAbort: fc.boolean()
    })
  })
}

const CALLBACKS = ['dispose', 'disposeAfter', 'onInsert', 'sizeCalculation', 'memoMethod', 'fetchMethod', 'visitor']

const scenarioOf = (fetches, actions) => {
  const action = fc.oneof(...actions)
  // What a callback does, call by call: nothing, an operation (whose error it lets through or not), or a throw.
  const reaction = fc.oneof(
    { weight: 5, arbitrary: fc.constant({ kind: 'nothing' }) },
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('act'), action, catches: fc.boolean() }) },
    { weight: 2, arbitrary: fc.constant({ kind: 'throw' }) }
  )
  const reactions = fc.array(reaction, { maxLength: 12, size: 'max' })
  return fc.record({
    fetches: fc.constant(fetches),
    max: fc.integer({ min: 1, max: 5 }),
    maxSize: fc.option(fc.integer({ min: 4, max: 12 }), { nil: 0 }),
    ttl: fc.option(fc.integer({ min: 1, max: 10 }), { nil: 0 }),
    present: fc.record({ dispose: fc.boolean(), disposeAfter: fc.boolean(), onInsert: fc.boolean() }),
    reactions: fc.record(Object.fromEntries(CALLBACKS.map(name => [name, reactions]))),
    operations: fc.array(action, { minLength: 1, maxLength: 25, size: 'max' })
  })
}

const reentryScenario = scenarioOf(false, ACTIONS)
const fetchReentryScenario = scenarioOf(true, [...ACTIONS, FETCH])

class Thrown extends Error {}

const isAbort = ({ message }) => ['deleted', 'evicted', 'replaced'].includes(message)

class Run {
  constructor ({ fetches, max, maxSize, ttl, present, reactions: script, operations }) {
    this.fetches = fetches
    // What becomes of each fetch: 'pending', 'resolved' or 'rejected'.
    this.states = []
    this.script = script
    this.operations = operations
    this.position = Object.fromEntries(CALLBACKS.map(name => [name, 0]))
    this.time = 1000
    this.values = 0
    this.resizing = 0
    // Errors of the callbacks of each operation that is under way, outermost first.
    this.frames = []
    this.disposed = new Map()
    this.disposedAfter = new Map()
    // Values of sets that came to their end.
    this.stored = new Set()
    this.present = present
    const count = counts => value => { counts.set(value, (counts.get(value) ?? 0) + 1) }
    const callback = (name, note) => present[name]
      ? (value, key, reason) => { note?.(value, key, reason); this.react(name) }
      : undefined
    this.cache = new LRUCache({
      max,
      maxSize,
      ttl,
      ttlResolution: 0,
      perf: { now: () => this.time },
      dispose: callback('dispose', count(this.disposed)),
      disposeAfter: callback('disposeAfter', count(this.disposedAfter)),
      onInsert: callback('onInsert'),
      ...(maxSize > 0 && {
        sizeCalculation: value => {
          this.react('sizeCalculation')
          return value.size
        }
      }),
      memoMethod: () => {
        this.react('memoMethod')
        return this.value(1)
      },
      ...(fetches && { fetchMethod: () => this.fetched() })
    })
  }

  value (size) {
    return { id: ++this.values, size }
  }

  fetched () {
    const { end } = this.fetching
    this.react('fetchMethod')
    switch (end) {
      case 'value': return this.value(1)
      case 'promise': return Promise.resolve(this.value(2))
      case 'rejection': return Promise.reject(new Thrown('fetchMethod rejects'))
      case 'throw': throw new Thrown('fetchMethod throws')
      default: return undefined
    }
  }

  fetch (name, end, options) {
    this.fetching = { end }
    const index = this.states.push('pending') - 1
    this.cache.fetch(name, options).then(
      () => { this.states[index] = 'resolved' },
      error => { this.states[index] = error instanceof Thrown || isAbort(error) ? 'rejected' : error }
    )
  }

  react (name) {
    this.look()
    const reacted = this.script[name][this.position[name]++]
    if (reacted === undefined || reacted.kind === 'nothing') return
    if (reacted.kind === 'act' && this.frames.length >= DEPTH) return
    const frame = this.frames.at(-1)
    try {
      if (reacted.kind === 'throw') throw new Thrown(`${name} throws`)
      if (reacted.catches) this.attempt(reacted.action)
      else this.operate(reacted.action)
    } catch (error) {
      frame?.push(error)
      throw error
    }
  }

  /** The cache as a callback finds it. */
  look () {
    const { cache } = this
    const entries = cache.dump()
    if (this.fetches) return
    this.expect(entries.length === cache.size, `size is ${cache.size}, there are ${entries.length} entries`)
    // While it shrinks, a cache has its new bound already.
    this.expect(this.resizing > 0 || cache.size <= cache.max, `${cache.size} entries, max ${cache.max}`)
    const total = entries.reduce((sum, [, entry]) => sum + (entry.size ?? 0), 0)
    this.expect(total === cache.calculatedSize, `calculatedSize is ${cache.calculatedSize}, sizes add up to ${total}`)
    this.expect(cache.maxSize === 0 || total <= cache.maxSize, `total ${total}, maxSize ${cache.maxSize}`)
    this.expect(new Set(entries.map(([key]) => key)).size === entries.length, 'a key is there twice')
  }

  expect (holds, what) {
    if (!holds) throw new Error(`${what}, in a callback or after ${this.operations.length} operations`)
  }

  attempt (step) {
    try {
      this.operate(step)
    } catch (error) {
      if (!(error instanceof Thrown)) throw error
    }
  }

  /** Runs one operation. It must throw the first error of its callbacks, and no other. */
  operate (step) {
    const frame = []
    this.frames.push(frame)
    let thrown
    try {
      this.apply(step)
    } catch (error) {
      thrown = error
    } finally {
      this.frames.pop()
    }
    if (thrown !== undefined && !(thrown instanceof Thrown)) throw thrown
    // What callbacks throw during a fetch is a matter of its promise.
    if (step.act !== 'fetch' && thrown !== frame[0]) {
      throw new Error(`${step.act} ended with ${thrown ?? 'no error'}, its callbacks threw ${frame.join(', ') || 'none'}`)
    }
    if (thrown !== undefined) throw thrown
  }

  apply ({ act, key, size, max, ms, end, options }) {
    const { cache } = this
    switch (act) {
      case 'set': return this.store(key, this.value(size))
      case 'fetch': return this.fetch(key, end, options)
      case 'resize':
        this.resizing++
        try {
          return cache.resize(max)
        } finally {
          this.resizing--
        }
      case 'tick': this.time += ms; return undefined
      case 'reload': return cache.load(this.renewed())
      case 'iterate': {
        for (const pair of cache.entries()) {
          this.expect(pair.length === 2, 'no entry')
          this.react('visitor')
        }
        return undefined
      }
      case 'forEach':
      case 'rforEach': return cache[act](() => { this.react('visitor') })
      case 'find': return cache.find(() => { this.react('visitor'); return false })
      default: return key === undefined ? cache[act]() : cache[act](key)
    }
  }

  /** A dump with other values. */
  renewed () {
    return this.cache.dump().map(([name, { size: charged }]) =>
      [name, { value: this.value(charged ?? 1), ...(charged && { size: charged }) }])
  }

  /** A set ends with its value in the cache or disposed of, unless it threw before it could: when there was no size. */
  store (name, value) {
    let sized = this.cache.maxSize === 0
    const sizeCalculation = () => {
      this.react('sizeCalculation')
      sized = true
      return value.size
    }
    try {
      this.cache.set(name, value, sized ? undefined : { sizeCalculation })
    } finally {
      if (sized) this.stored.add(value)
    }
  }

  run () {
    for (const step of this.operations) {
      this.attempt(step)
      this.look()
      validate(this.cache)
    }
    this.account()
  }

  async runFetches () {
    for (const step of this.operations) {
      this.attempt(step)
      validate(this.cache)
      await settled()
      validate(this.cache)
    }
    for (const state of this.states) this.expect(state === 'resolved' || state === 'rejected', `a fetch is ${state}`)
    // Nothing is on its way any more.
    this.expect(this.cache.dump().length === this.cache.size, 'a key stays on its way')
    this.account()
  }

  account () {
    const inside = new Set(this.cache.dump().map(([, { value }]) => value))
    for (const counts of [this.disposed, this.disposedAfter]) {
      for (const [value, times] of counts) {
        this.expect(times === 1, `value ${value.id} was disposed of ${times} times`)
        this.expect(!inside.has(value), `value ${value.id} was disposed of and is there`)
      }
    }
    for (const [name, counts] of [['dispose', this.disposed], ['disposeAfter', this.disposedAfter]]) {
      if (!this.present[name]) continue
      for (const value of this.stored) {
        this.expect(inside.has(value) || counts.has(value), `value ${value.id} is lost without ${name}`)
      }
    }
    if (this.present.dispose && this.present.disposeAfter) {
      this.expect(this.disposed.size === this.disposedAfter.size, 'dispose and disposeAfter told different values')
    }
  }
}

const runReentry = scenario => new Run(scenario).run()
const runFetchReentry = scenario => new Run(scenario).runFetches()

module.exports = { reentryScenario, fetchReentryScenario, runReentry, runFetchReentry }
