'use strict'

const { LRUCache: Original } = require('lru-cache')
const internals = require('../lib/cache/internals')
const { LRUCache, make, timed, entries, handClock, logged, thrown } = require('./support/caches')
const { fetching, settled, stateOf } = require('./support/deferred')

// Where LRUCache does on purpose what lru-cache 11.5.3 does not, each by the name that docs/api/lru-cache.md gives it.
// Beside it, where that can be shown, what lru-cache does.

describe('D1: there is no limit at 2^23 entries', () => {
  const usual = internals.mapEntries

  afterEach(() => { internals.mapEntries = usual })

  test('keys go to further Maps when one is full', () => {
    expect(usual).toBeLessThan(2 ** 23)
    internals.mapEntries = 64
    const cache = make({ max: 1000 })
    const model = new Original({ max: 1000 })
    for (let i = 0; i < 20_000; i++) {
      const key = i * 7919 % 3001
      if (i % 5 === 0) expect(cache.delete(key)).toBe(model.delete(key))
      else if (i % 3 === 0) expect(cache.get(key)).toBe(model.get(key))
      else {
        cache.set(key, i)
        model.set(key, i)
      }
    }
    expect(internals.view(cache).older.length).toBeGreaterThan(5)
    expect(entries(cache)).toEqual([...model.entries()])
    expect(cache.size).toBe(model.size)
    while (cache.size > 10) expect(cache.pop()).toBe(model.pop())
    expect(entries(cache)).toEqual([...model.entries()])
  })
})

test('D2: making a cache does not allocate for its max', () => {
  const before = process.memoryUsage()
  const caches = Array.from({ length: 100 }, () => new LRUCache({ max: 10_000_000, ttl: 1000 }))
  const after = process.memoryUsage()
  const grown = after.heapUsed - before.heapUsed + after.arrayBuffers - before.arrayBuffers
  expect(caches).toHaveLength(100)
  expect(grown).toBeLessThan(10 * 1024 * 1024)
})

test('D3: dump does not move what it has collected', () => {
  const cache = make({ max: 1000 })
  for (let i = 0; i < 1000; i++) cache.set(i, i)
  const moves = ['unshift', 'splice', 'reverse'].map(name => jest.spyOn(Array.prototype, name))
  const dumped = cache.dump()
  const calls = moves.reduce((sum, spy) => sum + spy.mock.calls.length, 0)
  for (const spy of moves) spy.mockRestore()
  expect(calls).toBe(0)
  expect(dumped.map(([key]) => key)).toEqual(Array.from({ length: 1000 }, (_, i) => i))
})

test('D4: the deletion of the only entry does not touch the whole cache', () => {
  const cache = make({ max: 100_000 })
  for (let i = 0; i < 100_000; i++) cache.set(i, i)
  for (let i = 1; i < 100_000; i++) cache.delete(i)
  const { vals, m } = internals.view(cache)
  const fills = [Array.prototype, Object.getPrototypeOf(Uint32Array.prototype)].map(owner => jest.spyOn(owner, 'fill'))
  expect(cache.delete(0)).toBe(true)
  cache.set('a', 1)
  const calls = fills.reduce((sum, spy) => sum + spy.mock.calls.length, 0)
  for (const spy of fills) spy.mockRestore()
  expect(calls).toBe(0)
  // The same arrays serve on.
  expect(internals.view(cache).vals).toBe(vals)
  expect(internals.view(cache).m).toBe(m)
  expect(entries(cache)).toEqual([['a', 1]])
})

test('D5: an iteration that reads what it visits ends', () => {
  const walk = cache => {
    for (let i = 0; i < 5; i++) cache.set(i, i)
    const visited = []
    for (const key of cache.keys()) {
      if (visited.length === 50) break
      visited.push(key)
      cache.get(key)
    }
    return visited
  }
  expect(walk(make({ max: 5 })).sort()).toEqual([0, 1, 2, 3, 4])
  expect(walk(new Original({ max: 5 }))).toHaveLength(50)
})

test('D6: an entry larger than maxSize is not stored, also where maxEntrySize would allow it', () => {
  const { callbacks, taken } = logged()
  const cache = make({ maxSize: 100, maxEntrySize: 200, ...callbacks })
  cache.set('a', 1, { size: 50 })
  taken()
  const status = {}
  cache.set('b', 2, { size: 150, status })
  expect(status).toMatchObject({ set: 'miss', maxEntrySizeExceeded: true })
  expect([entries(cache), cache.calculatedSize]).toEqual([[['a', 1]], 50])
  cache.set('a', 2, { size: 150 })
  expect(taken()).toEqual([['dispose', 1, 'a', 'set'], ['disposeAfter', 1, 'a', 'set']])
  expect([cache.size, cache.calculatedSize]).toEqual([0, 0])
  const original = new Original({ maxSize: 100, maxEntrySize: 200 })
  original.set('a', 1, { size: 50 })
  original.set('b', 2, { size: 150 })
  expect(original.calculatedSize).toBeLessThan(0)
})

test('D7: the same value with another size has that size', () => {
  const sizes = cache => {
    cache.set('a', 1, { size: 4 }).set('b', 1, { size: 4 })
    cache.set('a', 1, { size: 9 })
    return [cache.calculatedSize, [...cache.keys()]]
  }
  expect(sizes(make({ maxSize: 10 }))).toEqual([9, ['a']])
  expect(sizes(new Original({ maxSize: 10 }))).toEqual([8, ['a', 'b']])
})

test('D8: a fetchMethod that returns undefined at once settles the fetch', async () => {
  const cache = make({ max: 2, fetchMethod: () => undefined })
  expect(await stateOf(cache.fetch('a'))).toEqual(['resolved', undefined])
  expect(cache.size).toBe(0)
  const original = new Original({ max: 2, fetchMethod: () => undefined })
  expect(await stateOf(original.fetch('a'))).toEqual(['pending'])
  expect(original.size).toBe(1)
})

test('D9: a signal that has aborted before aborts the fetch', async () => {
  const signal = AbortSignal.abort(new Error('too late'))
  const { cache, calls } = fetching({})
  expect(await stateOf(cache.fetch('a', { signal }))).toEqual(['rejected', signal.reason])
  expect(calls[0].signal.aborted).toBe(true)
  expect(cache.size).toBe(0)
  const original = new Original({ max: 2, fetchMethod: () => new Promise(() => {}) })
  expect(await stateOf(original.fetch('a', { signal }))).toEqual(['pending'])
})

describe('D10 and D11: options are never changed, and what is no object is no options', () => {
  const CALLS = [
    ['set', ['a', 1]], ['get', ['a']], ['has', ['a']], ['peek', ['a']], ['memo', ['a']], ['fetch', ['a']],
    ['forceFetch', ['a']], ['find', [() => true]]
  ]

  const cacheWithAll = () => make({ max: 2, memoMethod: () => 1, fetchMethod: () => 1 }).set('a', 1)

  test.each(CALLS)('%s', async (name, args) => {
    for (const options of [1000, 'text', true, null, Symbol('x'), Object.freeze({}), Object.freeze({ ttl: 5 })]) {
      const cache = cacheWithAll()
      const result = await cache[name](...args, options)
      expect(result === cache ? 1 : Number(result)).toBe(1)
    }
    const open = {}
    await cacheWithAll()[name](...args, open)
    expect(Reflect.ownKeys(open)).toEqual([])
  })

  test('lru-cache refuses the number that Keyv gives to set', () => {
    expect(() => new Original({ max: 2 }).set('a', 1, 1000)).toThrow(TypeError)
  })

  test('Keyv works, with a time to live', () => {
    // What Keyv 5 does with a Map-like store: it wraps the value with its own expiry, and passes the ttl on.
    const store = make({ max: 2 })
    expect(store.set('keyv:a', '{"value":1,"expires":5000}', 60_000)).toBe(store)
    expect(store.get('keyv:a')).toBe('{"value":1,"expires":5000}')
    expect(store.getRemainingTTL('keyv:a')).toBe(Infinity)
  })
})

describe('D12: what has expired makes room before what is fresh', () => {
  const crowded = options => {
    const { callbacks, taken } = logged()
    const [cache, pass] = timed({ max: 3, ...callbacks, ...options })
    cache.set('fresh', 1, { ttl: 100 }).set('first', 2, { ttl: 5 }).set('second', 3, { ttl: 6 })
    cache.get('first')
    taken()
    return { cache, pass, taken }
  }

  test('what expired first goes first, for the reason expire', () => {
    const { cache, pass, taken } = crowded()
    pass(10)
    cache.set('new', 4)
    expect(taken()).toEqual([
      ['dispose', 2, 'first', 'expire'], ['insert', 4, 'new', 'add'], ['disposeAfter', 2, 'first', 'expire']
    ])
    cache.set('newer', 5)
    expect(taken().filter(([name]) => name === 'dispose')).toEqual([['dispose', 3, 'second', 'expire']])
    cache.set('newest', 6)
    expect(taken().filter(([name]) => name === 'dispose')).toEqual([['dispose', 1, 'fresh', 'evict']])
  })

  test('only as many go as room is needed for', () => {
    const [cache, pass] = timed({ max: 10, maxSize: 10, ttl: 5, sizeCalculation: value => value })
    for (let i = 0; i < 5; i++) cache.set(i, 2)
    pass(6)
    cache.set('a', 3)
    expect(cache.size).toBe(4)
    expect(cache.calculatedSize).toBe(9)
  })

  test('where nothing has expired, the least recently used goes', () => {
    const { cache, pass, taken } = crowded()
    pass(5)
    cache.set('new', 4)
    expect(taken().filter(([name]) => name === 'dispose')).toEqual([['dispose', 1, 'fresh', 'evict']])
  })

  test.each([
    'allowStale', 'noDeleteOnStaleGet', 'allowStaleOnFetchRejection', 'allowStaleOnFetchAbort',
    'noDeleteOnFetchRejection'
  ])('not with %s, which may still serve it', name => {
    const { cache, pass, taken } = crowded({ [name]: true })
    pass(10)
    cache.set('new', 4)
    expect(taken().filter(([event]) => event === 'dispose')).toEqual([['dispose', 1, 'fresh', 'evict']])
  })

  test('not what is being fetched', () => {
    const [cache, pass] = timed({ max: 2, ttl: 5, fetchMethod: () => new Promise(() => {}) })
    cache.set('fresh', 1, { ttl: 100 }).set('pending', 2)
    pass(6)
    cache.fetch('pending').catch(() => {})
    cache.set('new', 3)
    expect([...cache.keys()]).toEqual(['new'])
    expect(cache.info('pending').value).toBe(2)
  })

  test('not what the set itself overwrites', () => {
    const [cache, pass] = timed({ max: 5, maxSize: 10, ttl: 5, sizeCalculation: value => value })
    cache.set('own', 5).set('fresh', 5, { ttl: 100 })
    pass(6)
    cache.set('own', 6)
    expect(entries(cache)).toEqual([['own', 6]])
  })

  test('lru-cache evicts the fresh one', () => {
    const clock = handClock()
    const original = new Original({ max: 2, ttlResolution: 0, perf: clock })
    original.set('fresh', 1, { ttl: 100 }).set('expired', 2, { ttl: 5 })
    clock.pass(10)
    original.set('new', 3)
    expect(original.has('fresh')).toBe(false)
  })
})

test('D13: an entry that is set when the clock reads 0 expires', () => {
  const staleAfter = Class => {
    const clock = handClock(0)
    const cache = new Class({ max: 2, ttl: 5, ttlResolution: 0, perf: clock })
    cache.set('a', 1)
    clock.pass(6)
    return !cache.has('a')
  }
  expect(staleAfter(LRUCache)).toBe(true)
  expect(staleAfter(Original)).toBe(false)
})

test('D14: a dispose that throws does not lose the set', () => {
  const failure = new Error('dispose failed')
  const dispose = () => { throw failure }
  const cache = make({ max: 2, dispose })
  cache.set('a', 1)
  expect(thrown(() => cache.set('a', 2))).toBe(failure)
  expect(entries(cache)).toEqual([['a', 2]])
  cache.set('b', 3)
  expect(thrown(() => cache.set('c', 4))).toBe(failure)
  expect(entries(cache)).toEqual([['c', 4], ['b', 3]])
  expect(thrown(() => cache.delete('b'))).toBe(failure)
  expect(thrown(() => cache.clear())).toBe(failure)
  expect(cache.size).toBe(0)
  const original = new Original({ max: 2, dispose })
  original.set('a', 1)
  expect(thrown(() => original.set('a', 2))).toBe(failure)
  expect(original.get('a')).toBe(1)
})

// Found by the differential tests, besides D1 to D14.
describe('and in a few corners', () => {
  test('an aborted fetch whose fetchMethod rejects later is over', async () => {
    const ask = async Class => {
      const asked = []
      const cache = new Class({
        max: 2,
        allowStaleOnFetchAbort: true,
        fetchMethod: (key, stale, { signal }) => {
          asked.push(key)
          return new Promise((_, reject) => { signal.addEventListener('abort', () => reject(signal.reason)) })
        }
      })
      cache.set('a', 'stale')
      for (let i = 0; i < 2; i++) {
        const controller = new AbortController()
        const promise = cache.fetch('a', { forceRefresh: true, signal: controller.signal })
        controller.abort(new Error('too long'))
        expect(await promise).toBe('stale')
        await settled()
      }
      return asked.length
    }
    expect(await ask(LRUCache)).toBe(2)
    expect(await ask(Original)).toBe(1)
  })

  test('a fetched value whose size is refused leaves no key on its way', async () => {
    const ask = async Class => {
      const cache = new Class({ maxSize: 9, fetchMethod: async () => 'value' })
      await expect(cache.fetch('a')).rejects.toThrow()
      return cache.size
    }
    expect(await ask(LRUCache)).toBe(0)
    expect(await ask(Original)).toBe(1)
  })

  test('the stale value of a fetch that is deleted or fails is disposed of', async () => {
    const disposed = async Class => {
      const values = []
      const dispose = value => { values.push(value) }
      const cache = new Class({ max: 2, dispose, fetchMethod: () => new Promise(() => {}) })
      cache.set('a', 'stale')
      cache.fetch('a', { forceRefresh: true }).catch(() => {})
      cache.delete('a')
      await settled()
      return values
    }
    expect(await disposed(LRUCache)).toEqual(['stale'])
    expect(await disposed(Original)).toEqual([])
  })

  test('disposeAfter is called for what a set with noDisposeOnSet evicts, at the end of that set', () => {
    const after = Class => {
      const values = []
      const cache = new Class({ max: 1, noDisposeOnSet: true, disposeAfter: value => { values.push(value) } })
      cache.set('a', 1).set('b', 2)
      return values
    }
    expect(after(LRUCache)).toEqual([1])
    expect(after(Original)).toEqual([])
  })

  test('noUpdateTTL does not make a fetched value older than it is', async () => {
    const remaining = async Class => {
      const clock = handClock()
      let resolve
      const cache = new Class({
        max: 2, ttl: 10, noUpdateTTL: true, ttlResolution: 0, perf: clock,
        fetchMethod: () => new Promise(done => { resolve = done })
      })
      const promise = cache.fetch('a')
      clock.pass(8)
      resolve(1)
      await promise
      return cache.getRemainingTTL('a')
    }
    expect(await remaining(LRUCache)).toBe(10)
    expect(await remaining(Original)).toBe(2)
  })

  test('pop returns a falsy stale value', () => {
    const popped = Class => {
      const cache = new Class({ max: 3, fetchMethod: () => new Promise(() => {}) })
      cache.set('a', 0).set('b', 1)
      cache.fetch('a', { forceRefresh: true }).catch(() => {})
      return cache.pop()
    }
    expect(popped(LRUCache)).toBe(0)
    expect(popped(Original)).toBe(1)
  })

  test('ttlAutopurge purges by when the entry expires, not by when it was set', () => {
    jest.useFakeTimers({ now: 1_000_000 })
    try {
      const left = Class => {
        const cache = new Class({ max: 3, ttl: 10, ttlAutopurge: true, ttlResolution: 0, perf: Date })
        cache.set('a', 1, { start: Date.now() - 8 })
        jest.advanceTimersByTime(3)
        return cache.size
      }
      expect(left(LRUCache)).toBe(0)
      expect(left(Original)).toBe(1)
    } finally {
      jest.useRealTimers()
    }
  })
})
