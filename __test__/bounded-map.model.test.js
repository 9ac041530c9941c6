'use strict'

// Random operations, with iterators held open across them, give what a Map gives that is told what to remove.

const { isDeepStrictEqual } = require('node:util')

const fc = require('fast-check')

const { BoundedMap } = require('..')
const { mirrored, recency, validateMap } = require('./bounded-map.support')

const TTL = 100
// No key of any entry.
const NOBODY = Symbol('nobody')

/** A Map, and beside it an array of its keys from the least to the most recently used. Slow and plain. */
class Model {
  map = new Map()
  order = []
  removed = []
  deadlines = new Map()
  hits = 0
  misses = 0

  constructor ({ max = Infinity, maxSize = Infinity, ttl = Infinity }, clock) {
    Object.assign(this, { max, maxSize, ttl, clock })
  }

  static sizeOf = value => typeof value === 'number' ? value % 4 + 1 : 1

  /** 0 and -0 are one key in the array as well. */
  use (key) {
    this.forget(key)
    this.order.push(key)
  }

  forget (key) {
    const at = this.order.findIndex(other => Object.is(other, key))
    if (at !== -1) this.order.splice(at, 1)
  }

  fresh (key) {
    return this.map.has(key) && this.clock.now - this.deadlines.get(key) <= 0
  }

  remove (key, reason) {
    this.removed.push([key, this.map.get(key), reason])
    this.map.delete(key)
    this.forget(key)
  }

  total (without) {
    let sum = 0
    for (const [key, value] of this.map) if (!Object.is(key, without)) sum += Model.sizeOf(value)
    return sum
  }

  // First an expired entry: which of them is LRUCache's business, so it is looked up. Then the least recently used.
  removeOne (except) {
    const expired = this.order.filter(key => !this.fresh(key) && !Object.is(key, except))
    if (expired.length === 0) return this.remove(this.order[0], 'evict')
    const purged = this.purged.find(key => expired.some(other => Object.is(other, key)))
    return this.remove(this.purged.length > 0 ? purged : expired[0], 'expire')
  }

  set (key, value) {
    const size = Model.sizeOf(value)
    if (size > this.maxSize) {
      if (this.map.has(key)) this.remove(key, 'set')
      return
    }
    if (this.map.has(key)) {
      this.use(key)
      const before = this.map.get(key)
      if (!Object.is(before, value)) this.removed.push([key, before, 'set'])
      // What had expired starts anew, at the end.
      if (!this.fresh(key)) this.map.delete(key)
      while (this.total(key) + size > this.maxSize) this.removeOne(key)
    } else {
      while (this.map.size > 0 && (this.map.size >= this.max || this.total(NOBODY) + size > this.maxSize)) {
        this.removeOne(NOBODY)
      }
      this.use(key)
    }
    this.map.set(key, value)
    this.deadlines.set(key, this.clock.now + this.ttl)
  }

  get (key) {
    if (this.fresh(key)) {
      this.hits++
      this.use(key)
      return this.map.get(key)
    }
    this.misses++
    if (this.map.has(key)) this.remove(key, 'expire')
    return undefined
  }

  getOrInsert (key, value) {
    if (this.fresh(key)) return this.get(key)
    this.get(key)
    this.set(key, value)
    return value
  }

  delete (key) {
    const found = this.fresh(key)
    if (this.map.has(key)) this.remove(key, 'delete')
    return found
  }

  clear () {
    for (const key of [...this.order]) this.remove(key, 'delete')
  }

  resize (max) {
    this.max = max
    while (this.map.size > max) this.removeOne(NOBODY)
    return this.map.size
  }

  * entries () {
    for (const entry of this.map) if (this.fresh(entry[0])) yield entry
  }
}

const KEYS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, '0', '1', 'a', 'b', NaN, null, undefined, true, 1n, Symbol('s'), {}, []]

const key = fc.constantFrom(...KEYS)
const value = fc.oneof(fc.nat(20), fc.constantFrom(undefined, null, 'text'))

const command = fc.oneof(
  { weight: 8, arbitrary: fc.record({ op: fc.constant('set'), key, value }) },
  { weight: 8, arbitrary: fc.record({ op: fc.constant('get'), key }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('has'), key }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('delete'), key }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('getOrInsert'), key, value }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('getOrInsertComputed'), key, value }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('clear'), when: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('resize'), max: fc.integer({ min: 1, max: 12 }) }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('open'), at: fc.nat(3) }) },
  { weight: 8, arbitrary: fc.record({ op: fc.constant('step'), at: fc.nat(3) }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('tick'), ms: fc.constantFrom(1, 30, 60, 101) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('list') }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('forEach') }) }
)

// What to do to the map, and then to the model.
const RUN = {
  set: [(t, c) => t.set(c.key, c.value) === t, (m, c) => m.set(c.key, c.value) === undefined],
  get: [(t, c) => t.get(c.key), (m, c) => m.get(c.key)],
  has: [(t, c) => t.has(c.key), (m, c) => m.fresh(c.key)],
  delete: [(t, c) => t.delete(c.key), (m, c) => m.delete(c.key)],
  getOrInsert: [(t, c) => t.getOrInsert(c.key, c.value), (m, c) => m.getOrInsert(c.key, c.value)],
  getOrInsertComputed: [(t, c) => t.getOrInsertComputed(c.key, () => c.value), (m, c) => m.getOrInsert(c.key, c.value)],
  clear: [(t, c) => c.when === 0 && t.clear(), (m, c) => c.when === 0 && m.clear()],
  resize: [(t, c) => t.max !== 0 && t.resize(c.max).size, (m, c) => m.max !== Infinity && m.resize(c.max)],
  list: [t => [[...t.keys()], [...t.values()]], m => [0, 1].map(part => [...m.entries()].map(entry => entry[part]))],
  forEach: [t => {
    const seen = []
    t.forEach((v, k) => seen.push([k, v]))
    return seen
  }, m => [...m.entries()]]
}

// For a report; `expect` alone would take most of the time.
const same = (actual, expected) => {
  if (!isDeepStrictEqual(actual, expected)) expect(actual).toStrictEqual(expected)
}

/** Runs the commands on both and compares after each. */
const run = (options, commands, { watched }) => {
  const clock = { now: 1000 }
  const removed = []
  const map = new BoundedMap([], {
    ...options,
    ttlResolution: 0,
    perf: { now: () => clock.now },
    ...(watched && { dispose: (v, k, reason) => removed.push([k, v, reason]) })
  })
  const model = new Model(options, clock)
  const open = []
  for (const c of commands) {
    if (c.op === 'tick') {
      clock.now += c.ms
    } else if (c.op === 'open') {
      open[c.at] = { mine: map.entries(), theirs: model.map.entries() }
    } else if (c.op === 'step') {
      if (open[c.at] === undefined) continue
      const { mine, theirs } = open[c.at]
      let expected = theirs.next()
      while (!expected.done && !model.fresh(expected.value[0])) expected = theirs.next()
      same(mine.next(), expected)
    } else {
      const [act, expect] = RUN[c.op]
      const before = removed.length
      const actual = act(map, c)
      model.purged = watched
        ? removed.slice(before).filter(([, , reason]) => reason === 'expire').map(([k]) => k)
        : model.order.filter(k => !model.fresh(k) && !Map.prototype.has.call(map, k))
      same(actual, expect(model, c))
    }
    same(mirrored(map), [...model.map])
    same([...map], [...model.entries()])
    same(recency(map), model.order)
    same(map.size, model.map.size)
    if (watched) same(removed, model.removed)
    validateMap(map)
  }
  expect(map.stats()).toMatchObject({ hits: model.hits, misses: model.misses })
}

const BOUNDS = [
  ['max', fc.record({ max: fc.integer({ min: 1, max: 8 }) })],
  ['max and ttl', fc.record({ max: fc.integer({ min: 1, max: 8 }), ttl: fc.constant(TTL) })],
  ['ttl', fc.record({ ttl: fc.constant(TTL) })],
  ['maxSize', fc.record({ maxSize: fc.integer({ min: 2, max: 20 }), sizeCalculation: fc.constant(Model.sizeOf) })],
  ['all', fc.record({
    max: fc.integer({ min: 1, max: 8 }),
    maxSize: fc.integer({ min: 2, max: 20 }),
    sizeCalculation: fc.constant(Model.sizeOf),
    ttl: fc.constant(TTL)
  })]
]

// With a dispose it is seen what is removed, and in which order.
const CASES = BOUNDS.flatMap(([name, bounds]) => [[name, 'with', bounds], [name, 'without', bounds]])
  // Without, it would not be seen in which order several expired entries leave, and so how many must.
  .filter(([name, dispose]) => name !== 'all' || dispose === 'with')

test.each(CASES)('bounded by %s, %s a dispose', (_name, dispose, bounds) => {
  fc.assert(fc.property(bounds, fc.array(command, { maxLength: 60, size: 'max' }), (options, commands) => {
    run(options, commands, { watched: dispose === 'with' })
  }), { numRuns: 600 })
})
