'use strict'

// Random operations, through two caches of one store and with iterators held open, do what a Map does of which the
// least recently used entry is removed when there are too many.

const { isDeepStrictEqual } = require('node:util')
const fc = require('fast-check')
const { announce, parameters, timeout } = require('./support/settings')
const { OffHeapCache, newName, rejectionOf, shapeOf, taggingCodec, thrownBy } = require('./support/off-heap')

const TTL = 1e6
const LARGE = Buffer.alloc(1.5 * 1024 ** 2)

const KEYS = [
  'a', 'b', '1', '', '日本', '\ud800', 'x'.repeat(300), 1, 0, -7, Number.MAX_SAFE_INTEGER, Buffer.from('1'),
  Buffer.alloc(0)
]
const VALUES = [
  'text', '', '日本', 'x'.repeat(500), 'y'.repeat(5000), 0, -0, 1, 2.5, NaN, true, false, null, 5n, -(2n ** 70n),
  Buffer.from('bytes'), Buffer.alloc(3000, 1), new Uint8Array(0), Float64Array.of(1, -0), Uint8Array.of(1, 2).buffer,
  { id: 1, list: [1, 'two', { three: null }] }, [], { text: 'é日' }, { n: 1.5 }
]
const SHAPES = new Map([...KEYS, ...VALUES, LARGE, undefined].map(each => [each, shapeOf(each)]))
// To a Map, -0 is 0.
const shape = each => each === 0 ? shapeOf(each) : SHAPES.get(each) ?? shapeOf(each)
// The shape of a key as it comes back.
const keyShape = key => shapeOf(typeof key === 'object' ? Buffer.from(key) : key)
const KEY_SHAPES = KEYS.map(keyShape)

const isNumber = value => typeof value === 'number'
/** What getBuffer gives of a value; null if there is nothing to give. */
const bytesOf = value => {
  if (typeof value === 'string') return Buffer.from(value)
  if (value instanceof ArrayBuffer) return Buffer.from(value)
  return ArrayBuffer.isView(value) ? Buffer.from(value.buffer, value.byteOffset, value.byteLength) : null
}

/** Entries by the shapes of their keys, the least recently used first. Slow and plain. */
class Model {
  entries = new Map()
  evicted = []
  counts = { hits: 0, misses: 0, sets: 0, deletes: 0, size: 0, expired: 0, refused: 0, dropped: 0 }
  // Who wants to know what was removed.
  watchers = new Set()

  constructor (max, queue, plain) {
    Object.assign(this, { max, queue, plain })
  }

  promote (id) {
    const entry = this.entries.get(id)
    this.entries.delete(id)
    this.entries.set(id, entry)
  }

  remove (id) {
    this.entries.delete(id)
    for (const lost of this.watchers) lost.add(id)
  }

  evict (id, reason) {
    const before = this.evicted.findIndex(({ key: other }) => other === id)
    if (before !== -1) this.evicted.splice(before, 1)
    if (this.queue > 0) this.evicted.push({ key: id, reason })
    if (this.evicted.length > this.queue) {
      this.evicted.shift()
      this.counts.dropped++
    }
    this.counts[reason]++
    this.remove(id)
  }

  set (id, value, ttl) {
    if (value === undefined) return this.delete(id) || true
    if (value === LARGE) return this.refuse()
    if (!this.entries.has(id) && this.entries.size === this.max) this.evict(this.entries.keys().next().value, 'size')
    this.entries.set(id, { value, ttl })
    this.promote(id)
    this.counts.sets++
    return true
  }

  refuse () {
    this.counts.refused++
    return false
  }

  get (id) {
    const entry = this.entries.get(id)
    this.counts[entry === undefined ? 'misses' : 'hits']++
    if (entry === undefined) return undefined
    this.promote(id)
    return entry.value
  }

  delete (id) {
    if (!this.entries.has(id)) return false
    this.counts.deletes++
    this.remove(id)
    return true
  }

  clear () {
    for (const id of [...this.entries.keys()]) this.remove(id)
  }
}

// ---- commands: what to do to a cache, and then to the model. Both return what is compared.

const refusal = (cache, result) => result === cache ? true : result
const ttlOf = ttl => ttl ? { ttl: TTL } : undefined
const remainingIs = (remaining, ttl) => ttl ? remaining > 0 && remaining <= TTL : remaining === Infinity

const swap = (m, id, expected, value, ttl) => {
  if (value === LARGE) return m.refuse()
  const held = m.entries.get(id)
  const equal = held === undefined ? expected === undefined : shape(held.value) === shape(expected)
  return equal ? m.set(id, value, ttl) : false
}

const sum = (m, id, by, ttl) => {
  const held = m.entries.get(id)
  if (held === undefined) {
    m.set(id, by, ttl)
    // A codec of the user's does not see it.
    m.entries.get(id).added = true
    return by
  }
  m.promote(id)
  if (!isNumber(held.value) || !(m.plain || held.added)) return 'ERR_HEAPWISE_INVALID_USE'
  m.counts.sets++
  held.value += by
  return held.value
}

const bytes = (m, id) => {
  const value = m.get(id)
  if (value === undefined) return undefined
  const found = m.plain ? bytesOf(value) : null
  return found === null ? 'ERR_HEAPWISE_INVALID_USE' : found
}

const into = (m, id, room) => {
  const found = bytes(m, id)
  if (found === undefined) return -1
  if (typeof found === 'string') return found
  return found.length > room ? 'ERR_HEAPWISE_TARGET_TOO_SMALL' : found.toString('hex')
}

const orCode = action => {
  try {
    return action()
  } catch (error) {
    return error.code
  }
}

const getInto = (cache, key, room) => orCode(() => {
  const target = Buffer.alloc(room)
  const written = cache.getInto(key, target)
  return written < 0 ? written : target.toString('hex', 0, written)
})

// A producer that fails says so by its value.
const produce = async (cache, key, value, fails) => {
  const producer = () => {
    if (fails) throw new Error('failed')
    return value
  }
  const promise = cache.getOrSet(key, producer)
  return fails && !cache.has(key) ? (await rejectionOf(promise)).message : shape(await promise)
}

const produced = (m, id, value, fails) => {
  const held = m.get(id)
  if (held !== undefined) return shape(held)
  if (fails) return 'failed'
  if (value !== undefined) m.set(id, value, false)
  return shape(value)
}

const shapesOf = values => values.map(shape)
const pairsOf = (c) => c.keys.map((key, i) => [key, c.values[i % c.values.length]])

const RUN = {
  set: [
    (t, c) => refusal(t, t.set(c.key, c.value, ttlOf(c.ttl))),
    (m, c) => m.set(c.id, c.value, c.ttl)
  ],
  get: [(t, c) => shape(t.get(c.key)), (m, c) => shape(m.get(c.id))],
  'get with options': [(t, c) => shape(t.get(c.key, { updateAgeOnGet: true })), (m, c) => shape(m.get(c.id))],
  peek: [(t, c) => shape(t.peek(c.key)), (m, c) => shape(m.entries.get(c.id)?.value)],
  has: [(t, c) => t.has(c.key), (m, c) => m.entries.has(c.id)],
  delete: [(t, c) => t.delete(c.key), (m, c) => m.delete(c.id)],
  clear: [t => t.clear(), m => m.clear()],
  getMany: [(t, c) => shapesOf(t.getMany(c.keys)), (m, c) => shapesOf(c.ids.map(id => m.get(id)))],
  setMany: [
    (t, c) => refusal(t, t.setMany(pairsOf(c), ttlOf(c.ttl))),
    (m, c) => {
      if (pairsOf(c).some(([, value]) => value === LARGE)) {
        // The first that does not fit.
        m.counts.refused++
        return false
      }
      c.ids.forEach((id, i) => m.set(id, pairsOf(c)[i][1], c.ttl))
      return true
    }
  ],
  deleteMany: [(t, c) => t.deleteMany(c.keys), (m, c) => c.ids.filter(id => m.delete(id)).length],
  increment: [
    (t, c) => orCode(() => t.increment(c.key, c.by, ttlOf(c.ttl))),
    (m, c) => sum(m, c.id, c.by, c.ttl)
  ],
  setIfAbsent: [
    (t, c) => t.setIfAbsent(c.key, c.value ?? 1, ttlOf(c.ttl)),
    (m, c) => swap(m, c.id, undefined, c.value ?? 1, c.ttl)
  ],
  compareAndSet: [
    (t, c) => t.compareAndSet(c.key, c.expected, c.value ?? 1, ttlOf(c.ttl)),
    (m, c) => swap(m, c.id, c.expected, c.value ?? 1, c.ttl)
  ],
  'compareAndSet of what is there': [
    (t, c) => t.compareAndSet(c.key, t.peek(c.key), c.value ?? 1),
    (m, c) => swap(m, c.id, m.entries.get(c.id)?.value, c.value ?? 1, false)
  ],
  touch: [
    (t, c) => t.touch(c.key, ttlOf(c.ttl)),
    (m, c) => {
      if (!m.entries.has(c.id)) return false
      m.promote(c.id)
      if (c.ttl) m.entries.get(c.id).ttl = true
      return true
    }
  ],
  getBuffer: [(t, c) => orCode(() => t.getBuffer(c.key)), (m, c) => bytes(m, c.id)],
  getInto: [(t, c) => getInto(t, c.key, c.room), (m, c) => into(m, c.id, c.room)],
  getOrSet: [(t, c) => produce(t, c.key, c.value, c.fails), (m, c) => produced(m, c.id, c.value, c.fails)],
  takeEvicted: [
    (t, c) => t.takeEvicted(c.room).map(({ key, reason }) => ({ key: keyShape(key), reason })),
    (m, c) => m.evicted.splice(0, c.room)
  ],
  expire: [
    async (t, c) => {
      t.set(c.key, 'short', { ttl: 1 })
      while (t.getRemainingTTL(c.key) > 0) await new Promise(resolve => setTimeout(resolve, 1))
      return shape(t.get(c.key))
    },
    (m, c) => {
      m.set(c.id, 'short', true)
      m.evict(c.id, 'expired')
      return shape(m.get(c.id))
    }
  ]
}

const key = fc.nat(KEYS.length - 1)
const some = { requiredKeys: ['op', 'on', 'at'] }
const value = fc.oneof(
  { weight: 30, arbitrary: fc.constantFrom(...VALUES) },
  { weight: 1, arbitrary: fc.constantFrom(LARGE, undefined) }
)

const commandOf = op => fc.record({
  op: fc.constant(op),
  on: fc.nat(1),
  at: key,
  more: fc.array(key, { maxLength: 6 }),
  value,
  values: fc.array(value.filter(each => each !== undefined), { minLength: 1, maxLength: 4 }),
  expected: fc.oneof(fc.constantFrom(undefined, 1), value.filter(each => each !== LARGE)),
  ttl: fc.boolean(),
  by: fc.constantFrom(1, -3, 0.5),
  room: fc.constantFrom(0, 1, 3, 10, 6000),
  fails: fc.boolean()
}, some)

const complete = command => {
  const { more = [], values = [1], ttl = false, by = 1, room = 10, fails = false, ...rest } = command
  const keys = more.map(at => KEYS[at])
  return {
    ...rest, keys, ids: more.map(at => KEY_SHAPES[at]), key: KEYS[command.at], id: KEY_SHAPES[command.at],
    values, ttl, by, room, fails
  }
}

const WEIGHTS = {
  set: 14, get: 8, 'get with options': 1, peek: 3, has: 2, delete: 4, clear: 1, getMany: 4, setMany: 4, deleteMany: 2,
  increment: 5, setIfAbsent: 3, compareAndSet: 3, 'compareAndSet of what is there': 3, touch: 3, getBuffer: 3,
  getInto: 3, getOrSet: 4, takeEvicted: 2, open: 3, step: 8, reopen: 1
}
const commands = weights => fc.oneof(...Object.entries(weights).map(([op, weight]) =>
  ({ weight, arbitrary: commandOf(op).map(complete) })))

// For a report; `expect` alone would take most of the time.
const same = (actual, expected) => {
  if (!isDeepStrictEqual(actual, expected)) expect(actual).toStrictEqual(expected)
}

/** An iterator that is stepped between other operations. With one shard all keys are read when it is first stepped. */
class Held {
  done = false
  seen = new Set()
  lost = new Set()

  constructor (cache, model, kind) {
    Object.assign(this, { model, kind, iterator: cache[kind]() })
  }

  step () {
    if (this.done) return same(this.iterator.next(), { done: true, value: undefined })
    if (this.expected === undefined) {
      this.expected = new Set(this.model.entries.keys())
      this.model.watchers.add(this.lost)
    }
    const { value: item, done } = this.iterator.next()
    if (!done) {
      const id = keyShape(this.kind === 'keys' ? item : item[0])
      same([this.expected.has(id), this.seen.has(id)], [true, false])
      this.seen.add(id)
      return
    }
    this.done = true
    this.model.watchers.delete(this.lost)
    // Keys are as they were; entries are those that have not gone meanwhile, and perhaps some that have.
    for (const id of this.expected) {
      if (this.kind === 'keys' || !this.lost.has(id)) same([id, this.seen.has(id)], [id, true])
    }
  }
}

const check = (cache, model) => {
  same(cache.size, model.entries.size)
  same(new Map([...cache].map(([k, v]) => [keyShape(k), shape(v)])),
    new Map([...model.entries].map(([id, held]) => [id, shape(held.value)])))
  same([...cache.keys()].map(keyShape).sort(), [...model.entries.keys()].sort())
  const { size, expired, dropped, ...counts } = model.counts
  const { hits, misses, sets, deletes, refused, evictions, evictedKeysDropped } = cache.stats()
  same({ hits, misses, sets, deletes, refused, evictions, evictedKeysDropped },
    { ...counts, evictions: { size, expired }, evictedKeysDropped: dropped })
  for (const [at, id] of KEY_SHAPES.entries()) {
    const held = model.entries.get(id)
    const remaining = cache.getRemainingTTL(KEYS[at])
    same(held === undefined ? remaining === 0 : remainingIs(remaining, held.ttl), true)
  }
}

const run = async (codec, { max, queue }, list) => {
  const options = { name: newName(), maxBytes: '1mb', shards: 1, max, evictedKeys: queue, codec, onTooLarge: 'refuse' }
  const caches = [new OffHeapCache(options), new OffHeapCache(options)]
  const model = new Model(max, queue, typeof codec === 'string')
  let held = []
  try {
    for (const c of list) {
      const cache = caches[c.on]
      if (c.op === 'reopen') {
        cache.close()
        for (const { on, iterator, lost, done } of held) {
          if (on !== c.on || done) continue
          expect(thrownBy(() => iterator.next()).code).toBe('ERR_HEAPWISE_CLOSED')
          model.watchers.delete(lost)
        }
        held = held.filter(({ on }) => on !== c.on)
        caches[c.on] = new OffHeapCache(options)
      } else if (c.op === 'open') {
        held.push(Object.assign(new Held(cache, model, c.ttl ? 'keys' : 'entries'), { on: c.on }))
      } else if (c.op === 'step') {
        held[c.at % held.length]?.step()
      } else {
        const [act, expected] = RUN[c.op]
        const actual = await act(cache, c)
        same(actual, expected(model, c))
      }
      check(caches[1 - c.on], model)
    }
  } finally {
    for (const cache of caches) cache.close()
  }
  expect(thrownBy(() => caches[0].get('a')).code).toBe('ERR_HEAPWISE_CLOSED')
}

const bounds = fc.record({ max: fc.integer({ min: 1, max: 10 }), queue: fc.nat(5) })

describe('two caches of one store do what a Map does', () => {
  beforeAll(() => announce('off-heap.model'))

  test.each([
    ['v8', 'v8', 1], ['json', 'json', 0.4], ['msgpack', 'msgpack', 0.4],
    ['custom, to bytes', taggingCodec({ text: false }), 0.3], ['custom, to text', taggingCodec({ text: true }), 0.3]
  ])('codec %s', async (_name, codec, share) => {
    const list = fc.array(commands(WEIGHTS), { maxLength: 60, size: 'max' })
    await fc.assert(fc.asyncProperty(bounds, list, (given, each) => run(codec, given, each)), parameters(share))
  }, timeout)

  test('where entries expire', async () => {
    const list = fc.array(commands({ ...WEIGHTS, expire: 10 }), { maxLength: 40, size: 'max' })
    await fc.assert(fc.asyncProperty(bounds, list, (given, each) => run('v8', given, each)), parameters(0.1))
  }, timeout)
})
