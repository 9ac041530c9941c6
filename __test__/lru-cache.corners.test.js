'use strict'

// What a reviewer with bad intentions found: callbacks, subscribers, getters and numbers that nobody should write, and
// that must neither hang nor damage a cache.

const { subscribe, unsubscribe } = require('node:diagnostics_channel')
const { setFlagsFromString } = require('node:v8')
const { runInNewContext } = require('node:vm')

const { LRUCache } = require('..')
const { validate } = require('../lib/cache/validate.js')

const sound = (cache, entries) => {
  expect([...cache]).toEqual(entries)
  validate(cache)
}

describe('a dispose that sets its own key', () => {
  test('to the same value, whenever it is evicted, does not stop the eviction', () => {
    let calls = 0
    const cache = new LRUCache({
      max: 1,
      dispose (value, key, reason) {
        calls++
        if (reason === 'evict') cache.set(key, value)
      }
    })
    cache.set('a', 1).set('b', 2)
    sound(cache, [['b', 2]])
    expect(calls).toBe(1)
  })

  test('to the same value, whenever it is overwritten, does not stop that', () => {
    const cache = new LRUCache({ max: 2, dispose (value, key) { cache.set(key, value) } })
    cache.set('a', 1).set('a', 2)
    sound(cache, [['a', 2]])
  })

  test('to the same value, does not stop resize', () => {
    const cache = new LRUCache({ max: 2, dispose (value, key) { cache.set(key, value) } })
    cache.set('a', 1).set('b', 2).resize(1)
    sound(cache, [['b', 2]])
  })

  test('to ever new values is not asked for ever', () => {
    let calls = 0
    const cache = new LRUCache({
      max: 2,
      dispose (value, key, reason) {
        calls++
        if (reason === 'evict') cache.set(key, {})
      }
    })
    cache.set('a', 1).set('b', 1).set('c', 1)
    expect(cache.get('c')).toBe(1)
    expect(cache.size).toBe(2)
    expect(calls).toBeGreaterThan(2)
    validate(cache)
  })
})

describe('resize inside a dispose', () => {
  const make = () => new LRUCache({ maxSize: 10, dispose () { this.resize(0, 3) } })

  test('while an entry is added that then is too large', () => {
    const cache = make()
    cache.set('a', 1, { size: 5 }).set('b', 2, { size: 5 }).set('c', 3, { size: 9 })
    expect(cache.maxSize).toBe(3)
    sound(cache, [])
  })

  test('while an entry is overwritten that then is too large', () => {
    const cache = make()
    cache.set('a', 1, { size: 5 }).set('a', 3, { size: 9 })
    sound(cache, [])
  })
})

test('a cache whose bound by count was taken away takes entries', () => {
  const cache = new LRUCache({ max: 10 })
  cache.ttl = 1000
  cache.resize(0)
  cache.ttl = 0
  cache.set('a', 1).set('b', 2)
  sound(cache, [['b', 2], ['a', 1]])
})

describe.each([
  ['without callbacks', {}],
  ['with a dispose', { dispose () {} }]
])('a subscriber to the metrics that deletes what has expired (%s)', (_, options) => {
  test('finds it gone', () => {
    let now = 1
    const cache = new LRUCache({ max: 2, ttl: 10, ttlResolution: 0, perf: { now: () => now }, ...options })
    const found = []
    const listener = message => {
      if (message.cache === cache && message.delete === 'expire') found.push(cache.delete(message.key))
    }
    cache.set('a', 1).set('b', 2)
    now = 100
    subscribe('heapwise:lru-cache:metrics', listener)
    try {
      cache.set('c', 3)
    } finally {
      unsubscribe('heapwise:lru-cache:metrics', listener)
    }
    expect(found).toEqual([false])
    expect(cache.peek('c')).toBe(3)
    validate(cache)
  })
})

describe('what throws before anything has changed', () => {
  test.each([
    ['a getter of `start`', { get start () { throw new Error('no start') } }, /no start/],
    ['a BigInt as ttl', { ttl: 5n }, TypeError],
    ['a BigInt as start', { start: 5n }, TypeError]
  ])('%s', (_, options, error) => {
    const after = []
    const cache = new LRUCache({ max: 1, ttl: 60_000, disposeAfter: value => after.push(value) })
    cache.set('a', 1)
    expect(() => cache.set('b', 2, options)).toThrow(error)
    sound(cache, [['a', 1]])
    expect(after).toEqual([])
  })
})

test('clear leaves an entry that a dispose has set, also in a slot that was in use', () => {
  const cache = new LRUCache({
    max: 5,
    dispose (value, key) {
      if (key !== 'a') return
      cache.delete('b')
      cache.set('new', 1)
    }
  })
  cache.set('a', 1).set('b', 2).set('c', 3)
  cache.clear()
  sound(cache, [['new', 1]])
})

test('load loads, and then throws what a dispose of the old entries threw', () => {
  const cache = new LRUCache({ max: 5, dispose () { throw new Error('dispose') } })
  cache.set('a', 1)
  expect(() => cache.load([['x', { value: 1 }], ['y', { value: 2 }]])).toThrow('dispose')
  sound(cache, [['y', 2], ['x', 1]])
})

test('an entry that is overwritten is not evicted for its own sake, whatever callbacks read', () => {
  const reasons = []
  const cache = new LRUCache({
    maxSize: 10,
    dispose (value, key, reason) {
      reasons.push(`${key}: ${reason}`)
      cache.get('b')
      cache.get('c')
    }
  })
  cache.set('b', 1, { size: 3 }).set('c', 2, { size: 3 }).set('a', 3, { size: 3 })
  cache.set('a', 4, { size: 7 })
  sound(cache, [['c', 2], ['a', 4]])
  expect(reasons).toEqual(['a: set', 'b: evict'])
})

test('a signal that outlives a cache does not keep it', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc')
  const { signal } = new AbortController()
  const refs = await (async () => {
    const caches = Array.from({ length: 10 }, () => new LRUCache({ max: 3, fetchMethod: key => ({ key }) }))
    for (const cache of caches) await cache.fetch('a', { signal })
    return caches.map(cache => new WeakRef(cache))
  })()
  const alive = () => refs.filter(ref => ref.deref() !== undefined).length
  for (let i = 0; i < 100 && alive() > 0; i++) {
    await new Promise(resolve => setTimeout(resolve, 10))
    collect()
  }
  expect(alive()).toBe(0)
})

test('what is no list of entries is refused with a code', () => {
  const code = 'ERR_HEAPWISE_INVALID_ARG_TYPE'
  expect(() => LRUCache.from('ab', { max: 1 })).toThrow(expect.objectContaining({ code }))
})
