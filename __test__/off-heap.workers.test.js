'use strict'

// One store in several workers: no value is torn, no update lost, the bounds are kept at every moment, and the store is
// there for as long as somebody has it open.

const { setFlagsFromString } = require('node:v8')
const { runInNewContext } = require('node:vm')
const { OffHeapCache, closeAll, newName, open, thrownBy } = require('./support/off-heap')
const { checkAll } = require('./support/off-heap-checked')
const { endAll, start, together } = require('./support/off-heap-workers')

const seed = Number(process.env.HEAPWISE_SEED ?? Date.now()) >>> 0
process.stdout.write(`off-heap.workers: HEAPWISE_SEED=${seed}\n`)

const WORKERS = 4

afterEach(async () => {
  closeAll()
  await endAll()
})

/** Looks at a store again and again until the promise is settled. */
const watch = async (promise, look) => {
  let over = false
  const ended = promise.finally(() => { over = true })
  ended.catch(() => {})
  let looks = 0
  while (!over) {
    look()
    looks++
    await new Promise(resolve => setImmediate(resolve))
  }
  return { result: await ended, looks }
}

const keepsItsBounds = cache => () => {
  expect(cache.bytes).toBeLessThanOrEqual(cache.maxBytes)
  if (cache.maxEntries > 0) expect(cache.size).toBeLessThanOrEqual(cache.maxEntries)
  const { shards, ...all } = cache.stats()
  for (const { bytes, committedBytes, maxBytes } of [all, ...shards]) {
    expect(bytes).toBeLessThanOrEqual(committedBytes)
    expect(committedBytes).toBeLessThanOrEqual(maxBytes)
  }
}

describe('values of all kinds, written and read by all at random', () => {
  test.each([
    ['bounded by bytes', { maxBytes: '512kb', shards: 4 }],
    ['one shard', { maxBytes: '256kb', shards: 1 }],
    ['bounded by entries', { maxBytes: '8mb', maxEntries: 300, shards: 8 }],
    ['that end', { maxBytes: '1mb', ttl: 10, updateAgeOnGet: true, evictedKeys: 50 }],
    ['msgpack', { maxBytes: '512kb', codec: 'msgpack' }],
    ['that end, and are read all the same', { maxBytes: '1mb', allowStale: true, ttl: 5 }]
  ])('%s: none is torn, and the bounds are kept', async (_, options) => {
    const name = newName()
    const cache = open({ name, ...options })
    const work = together(WORKERS, 'hammer', { name, rounds: 2500, keys: 1000 }, i => ({ seed: seed + i * 7919 }))
    const { result, looks } = await watch(work, keepsItsBounds(cache))
    expect(result).toEqual([2500, 2500, 2500, 2500])
    expect(looks).toBeGreaterThan(5)
    const { hits, sets, deletes } = cache.stats()
    expect(Math.min(hits, sets, deletes)).toBeGreaterThan(100)
    checkAll(cache)
    keepsItsBounds(cache)()
  })
})

describe('what is atomic', () => {
  test('no increment is lost', async () => {
    const name = newName()
    const cache = open({ name })
    await together(WORKERS, 'increments', { name, rounds: 30_000, keys: 5 })
    const sums = [0, 1, 2, 3, 4].map(key => {
      let sum = 0
      for (let i = key; i < 30_000; i += 5) sum += 1 + i % 3
      return sum * WORKERS
    })
    expect(sums.map((_, key) => cache.get(`count ${key}`))).toEqual(sums)
  })

  test('setIfAbsent has exactly one winner', async () => {
    const name = newName()
    const cache = open({ name })
    const keys = 4000
    const won = await together(WORKERS, 'absent', { name, keys }, me => ({ me }))
    expect(won.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: keys }, (_, key) => key))
    won.forEach((list, me) => {
      for (const key of list) expect(cache.get(key)).toEqual({ me })
    })
  })

  test('compareAndSet grants each value once', async () => {
    const name = newName()
    const cache = open({ name })
    const rounds = 1000
    await together(WORKERS, 'swaps', { name, rounds })
    const count = rounds * WORKERS
    expect([...cache].sort()).toEqual([['number', count], ['object', { n: count }], ['text', `n${count}`]])
  })

  test('each entry is there, or was evicted, once', async () => {
    const name = newName()
    const cache = open({ name, maxEntries: 1000, evictedKeys: 1e6, shards: 4 })
    const count = 5000
    const taken = await together(WORKERS, 'flood', { name, count }, me => ({ me }))
    const evicted = [...taken.flat(), ...cache.takeEvicted().map(({ key, reason }) => `${key} ${reason}`)]
    expect(cache.size).toBe(1000)
    expect(evicted).toHaveLength(count * WORKERS - 1000)
    const all = new Set([...evicted, ...[...cache.keys()].map(key => `${key} size`)])
    expect(all.size).toBe(count * WORKERS)
    expect(cache.stats()).toMatchObject({ sets: count * WORKERS, evictions: { size: evicted.length, expired: 0 } })
  })
})

test('an iteration shows each key once, and all that nobody touches', async () => {
  const name = newName()
  const cache = open({ name, maxBytes: '64mb', shards: 4 })
  for (let i = 0; i < 2000; i++) cache.set(`still ${i}`, i)
  const work = together(2, 'hammer', { name, rounds: 15_000, keys: 500 }, i => ({ seed: seed + i }))
  const { looks } = await watch(work, () => {
    const keys = [...cache.keys()]
    const texts = new Set(keys.map(key => `${typeof key} ${key}`))
    expect(texts.size).toBe(keys.length)
    expect(keys.filter(key => typeof key === 'string' && key.startsWith('still'))).toHaveLength(2000)
    const entries = [...cache].filter(([key]) => typeof key === 'string' && key.startsWith('still'))
    expect(entries.filter(([key, value]) => key === `still ${value}`)).toHaveLength(2000)
  })
  expect(looks).toBeGreaterThan(3)
})

describe('a store lives until its last handle is closed', () => {
  const holder = async name => {
    const worker = start('hold', { name })
    await worker.said('open')
    return worker
  }

  test.each([
    ['is told to close it', 'close', 0], ['ends', 'end', 0], ['calls process.exit', 'exit', 7],
    ['throws', 'throw', 1], ['is terminated', 'terminate', 1]
  ])('by a worker that %s', async (_, how, code) => {
    const name = newName()
    const worker = await holder(name)
    const here = open({ name })
    expect(here.get('from the worker')).toEqual({ x: 1 })
    here.close()
    // The worker still has it.
    expect(open({ name }).get('from the worker')).toEqual({ x: 1 })
    closeAll()
    if (how === 'terminate') await worker.end()
    else worker.tell(how)
    if (how === 'close') {
      await worker.said('closed')
      expect(open({ name, maxBytes: '1mb' }).size).toBe(0)
      closeAll()
      worker.tell('over')
    }
    expect(await worker.over).toBe(code)
    expect(open({ name, maxBytes: '2mb' }).size).toBe(0)
  })

  test('or by the garbage collector of a worker', async () => {
    const name = newName()
    const worker = await holder(name)
    worker.tell('drop')
    await worker.said('collected')
    for (let size = 1; size > 0;) {
      const here = open({ name })
      size = here.size
      here.close()
      await new Promise(resolve => setTimeout(resolve, 10))
    }
    worker.tell('enough')
    await worker.over
  })

  test('or by the garbage collector of this thread', async () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc')
    const name = newName()
    const leave = () => { new OffHeapCache({ name }).set('a', 1) }
    leave()
    for (let size = 1; size > 0;) {
      await new Promise(resolve => setTimeout(resolve, 5))
      collect()
      const here = open({ name })
      size = here.size
      here.close()
    }
  })

  test('and is another one then, many times over', async () => {
    const name = newName()
    for (let round = 0; round < 200; round++) {
      const [first, second] = [open({ name, maxBytes: 2 ** 20 + round * 4096 }), open({ name })]
      first.set('round', round)
      first.close()
      expect(second.get('round')).toBe(round)
      second.close()
    }
  })
})

describe('options in another thread', () => {
  const openThere = (options, more) => start('open', { options, ...more }).result

  test('that contradict are told, with both values, and change nothing', async () => {
    const name = newName()
    const cache = open({ name, maxBytes: '2mb', ttl: 5000, shards: 2 }).set('a', 1)
    const { error } = await openThere({ name, maxBytes: '4mb', ttl: 6000, shards: 2 })
    expect(error).toMatchObject({ name: 'Error', code: 'ERR_HEAPWISE_STORE_MISMATCH' })
    for (const part of [name, 'maxBytes', 2 ** 21, 2 ** 22, 'ttl', 5000, 6000]) {
      expect(error.message).toMatch(String(part))
    }
    expect(error.message).not.toMatch('shards')
    expect([...cache]).toEqual([['a', 1]])
    const own = await openThere({ name }, { codec: true })
    expect(own.error.code).toBe('ERR_HEAPWISE_STORE_MISMATCH')
  })

  test('that are the same, or not given, are those of the store', async () => {
    const name = newName()
    const options = { name, maxBytes: 2 ** 21, maxEntries: 77, ttl: 5000, shards: 2 }
    open(options).set('a', 1)
    expect(await openThere(options)).toEqual({ ...options, size: 1 })
    expect(await openThere({ name })).toEqual({ ...options, size: 1 })
  })

  test('of a store with a codec of its own have to be given there as well', async () => {
    const name = newName()
    const codec = { encode: String, decode: String }
    open({ name, codec }).set('a', 1)
    expect((await openThere({ name })).error.code).toBe('ERR_HEAPWISE_STORE_MISMATCH')
    expect((await openThere({ name }, { codec: true })).size).toBe(1)
    expect(thrownBy(() => new OffHeapCache({ name, codec: 'json' })).code).toBe('ERR_HEAPWISE_STORE_MISMATCH')
  })

  test('a private store is nobody else\'s', async () => {
    const cache = open().set('a', 1)
    expect((await openThere({})).size).toBe(0)
    expect(cache.name).toBe(undefined)
    expect(cache.size).toBe(1)
  })
})
