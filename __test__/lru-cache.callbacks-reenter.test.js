'use strict'

const fc = require('fast-check')
const { LRUCache, make, timed, entries, thrown, handClock } = require('./support/caches')
const { settled, stateOf } = require('./support/deferred')
const { reentryScenario, fetchReentryScenario, runReentry, runFetchReentry } = require('./support/reentry')
const { validate } = require('./support/validate')
const { parameters, timeout, announce } = require('./support/settings')

const failure = new Error('callback failed')
const fail = () => { throw failure }

beforeAll(() => announce('lru-cache.callbacks-reenter'))

describe('whatever callbacks do', () => {
  test('the cache is consistent, inside them and afterwards, and no value is lost', () => {
    fc.assert(fc.property(reentryScenario, data => { runReentry(data) }), parameters(3))
  }, timeout)

  test('so it is with fetch: each settles, and no key stays on its way', () =>
    fc.assert(fc.asyncProperty(fetchReentryScenario, data => runFetchReentry(data)), parameters(1)), timeout)
})

describe('a callback that throws does not undo what it was called for', () => {
  test.each(['dispose', 'disposeAfter', 'onInsert'])('%s during set', name => {
    const cache = make({ max: 2, [name]: (value, key, reason) => { if (reason !== 'add') fail() } })
    cache.set('a', 1)
    expect(thrown(() => cache.set('a', 2))).toBe(failure)
    expect(entries(cache)).toEqual([['a', 2]])
  })

  test.each(['dispose', 'disposeAfter', 'onInsert'])('%s during an eviction', name => {
    const cache = make({ max: 1, ttl: 100, [name]: (value, key) => { if (key !== 'a' || name !== 'onInsert') fail() } })
    cache.set('a', 1)
    expect(thrown(() => cache.set('b', 2))).toBe(failure)
    expect(entries(cache)).toEqual([['b', 2]])
    expect(cache.getRemainingTTL('b')).toBeGreaterThan(0)
    expect(cache.getRemainingTTL('b')).toBeLessThan(Infinity)
  })

  test.each(['dispose', 'disposeAfter'])('%s during delete, pop, clear, get and purgeStale', name => {
    const told = []
    const [cache, pass] = timed({
      ttl: 5, [name]: (value, key, reason) => { told.push([key, reason]); fail() }
    })
    cache.set('a', 1).set('b', 1).set('c', 1).set('d', 1).set('e', 1)
    expect(thrown(() => cache.delete('a'))).toBe(failure)
    expect(thrown(() => cache.pop())).toBe(failure)
    pass(6)
    expect(thrown(() => cache.get('c'))).toBe(failure)
    expect(thrown(() => cache.purgeStale())).toBe(failure)
    expect(cache.size).toBe(0)
    cache.set('f', 1).set('g', 1)
    expect(thrown(() => cache.clear())).toBe(failure)
    expect(cache.size).toBe(0)
    expect(told).toEqual([
      ['a', 'delete'], ['b', 'evict'], ['c', 'expire'], ['d', 'expire'], ['e', 'expire'], ['f', 'delete'],
      ['g', 'delete']
    ])
  })

  test('of several errors the first is thrown', () => {
    const cache = make({
      max: 1,
      dispose: () => { throw new Error('first') },
      onInsert: (value, key) => { if (key === 'b') throw new Error('second') },
      disposeAfter: () => { throw new Error('third') }
    })
    cache.set('a', 1)
    expect(() => cache.set('b', 2)).toThrow('first')
    expect(entries(cache)).toEqual([['b', 2]])
  })

  test('an error does not come up in a later operation', () => {
    const cache = make({ max: 2, dispose: fail, disposeAfter: fail })
    cache.set('a', 1)
    expect(thrown(() => cache.delete('a'))).toBe(failure)
    expect(cache.set('b', 1).get('b')).toBe(1)
    expect(cache.size).toBe(1)
  })

  test('sizeCalculation and memoMethod are asked before anything changes', () => {
    const cache = make({
      maxSize: 10, sizeCalculation: value => value === 'bad' ? fail() : 5, memoMethod: fail
    })
    cache.set('a', 1).set('b', 1)
    expect(thrown(() => cache.set('c', 'bad'))).toBe(failure)
    expect(thrown(() => cache.memo('c'))).toBe(failure)
    expect(entries(cache)).toEqual([['b', 1], ['a', 1]])
    expect(cache.calculatedSize).toBe(10)
  })

  test('during resize every entry too many goes', () => {
    const cache = make({ max: 5, dispose: fail })
    for (let i = 0; i < 5; i++) cache.set(i, i)
    expect(thrown(() => cache.resize(2))).toBe(failure)
    expect([...cache.keys()]).toEqual([4, 3])
  })

  test('during fetch: the promise rejects, and the value is there', async () => {
    const cache = make({ max: 1, fetchMethod: async key => `${key}!`, dispose: fail })
    cache.set('a', 1)
    expect((await stateOf(cache.fetch('b')))[0]).not.toBe('pending')
    expect(cache.size).toBe(entries(cache).length)
    validate(cache)
  })
})

describe('a callback may', () => {
  test('set the key that is being set', () => {
    const cache = make({ max: 3, onInsert: (value, key) => { if (value < 5) cache.set(key, value + 1) } })
    cache.set('a', 1)
    expect(entries(cache)).toEqual([['a', 5]])
  })

  test('set the key that is being disposed of', () => {
    const disposed = []
    const cache = make({
      max: 3,
      dispose: (value, key, reason) => {
        disposed.push(value)
        if (reason === 'delete' && value === 1) cache.set(key, 2)
      }
    })
    cache.set('a', 1)
    cache.delete('a')
    const left = [...cache.values()]
    expect([...disposed, ...left].sort()).toEqual([1, 2])
  })

  test('delete the key that is being overwritten', () => {
    const disposed = []
    const cache = make({
      max: 3, dispose: (value, key) => { disposed.push(value); cache.delete(key) }
    })
    cache.set('a', 1)
    cache.set('a', 2)
    expect(disposed).toEqual([1])
    expect(entries(cache)).toEqual([['a', 2]])
  })

  test('delete the key that is being deleted, and the one that is being evicted', () => {
    const disposed = []
    const cache = make({
      max: 2, dispose: (value, key) => { disposed.push(key); cache.delete(key) }
    })
    cache.set('a', 1).set('b', 2).set('c', 3)
    cache.delete('b')
    expect(disposed).toEqual(['a', 'b'])
    expect(entries(cache)).toEqual([['c', 3]])
  })

  test('clear the cache while it is being filled', () => {
    for (const name of ['dispose', 'disposeAfter', 'onInsert']) {
      let calls = 0
      const cache = make({ max: 2, [name]: () => { if (++calls === 3) cache.clear() } })
      for (let i = 0; i < 10; i++) cache.set(i, i)
      expect(cache.size).toBe(entries(cache).length)
      expect(cache.size).toBeLessThanOrEqual(2)
    }
  })

  test('fill a cache that is being cleared', () => {
    const cache = make({
      max: 3, dispose: (value, key, reason) => { if (reason === 'delete' && value < 10) cache.set(key, value + 10) }
    })
    cache.set('a', 1).set('b', 2)
    cache.clear()
    expect(cache.size).toBe(entries(cache).length)
    for (const value of cache.values()) expect(value).toBeGreaterThan(10)
  })

  test('resize the cache while it makes room', () => {
    const cache = make({ max: 4, dispose: () => { cache.resize(2) } })
    for (let i = 0; i < 10; i++) cache.set(i, i)
    expect([...cache.keys()]).toEqual([9, 8])
    const growing = make({ max: 2, dispose: () => { growing.resize(growing.max + 1) } })
    for (let i = 0; i < 10; i++) growing.set(i, i)
    expect(growing.size).toBeLessThanOrEqual(growing.max)
    const widened = make({ max: 5, dispose: () => { widened.resize(5) } })
    for (let i = 0; i < 5; i++) widened.set(i, i)
    widened.resize(1)
    expect([widened.max, widened.size]).toEqual([5, 4])
  })

  test('change the cache in sizeCalculation', () => {
    const cache = make({
      maxSize: 10,
      sizeCalculation: (value, key) => {
        if (key === 'clears') cache.clear()
        if (key === 'adds') cache.set('other', 1, { size: 8 })
        if (key === 'own') cache.set('own', 'inner', { size: 1 })
        return 5
      }
    })
    cache.set('a', 1).set('clears', 1)
    expect([...cache.keys()]).toEqual(['clears'])
    cache.set('adds', 1)
    expect([...cache.keys()]).toEqual(['adds'])
    expect(cache.calculatedSize).toBe(5)
    cache.set('own', 'outer')
    expect(cache.get('own')).toBe('outer')
    expect(cache.calculatedSize).toBe(10)
  })

  test('change the cache in memoMethod', () => {
    const cache = make({
      max: 2,
      memoMethod: (key, stale, { options }) => {
        if (key === 'recursive') return cache.memo('inner', options)
        cache.clear()
        cache.set(key, 'meanwhile')
        return 'memo'
      }
    })
    cache.set('a', 1)
    expect(cache.memo('recursive')).toBe('memo')
    expect(entries(cache)).toEqual([['recursive', 'memo'], ['inner', 'memo']])
  })

  test('change the cache in fetchMethod', async () => {
    const cache = make({
      max: 3,
      fetchMethod: async (key, stale, { options }) => {
        if (key === 'deletes') cache.delete('deletes')
        if (key === 'sets') cache.set('sets', 'meanwhile')
        if (key === 'clears') cache.clear()
        if (key === 'fetches') return cache.fetch('other', options)
        if (key === 'itself') return cache.size
        return `${key}!`
      }
    })
    for (const key of ['deletes', 'sets', 'clears', 'fetches', 'itself']) {
      expect((await stateOf(cache.fetch(key)))[0]).toBe('resolved')
      validate(cache)
      expect(cache.size).toBe(entries(cache).length)
    }
  })

  test('change the cache when a signal aborts', async () => {
    const cache = make({
      max: 2,
      fetchMethod: (key, stale, { signal }) => new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          cache.set(`${key} aborted`, 1)
          cache.delete('other')
          reject(signal.reason)
        })
      })
    })
    const states = ['a', 'b', 'c'].map(key => stateOf(cache.fetch(key)))
    cache.set('other', 1)
    cache.clear()
    await settled()
    for (const [state] of await Promise.all(states)) expect(state).toBe('rejected')
    validate(cache)
    expect(cache.size).toBe(entries(cache).length)
  })

  test('change the cache from what fetch disposes of', async () => {
    const cache = make({
      max: 2, fetchMethod: async key => `${key}!`, dispose: (value, key) => { if (key !== 'x') cache.set('x', value) }
    })
    for (const key of ['a', 'b', 'c', 'a', 'b']) expect(await cache.fetch(key)).toBe(`${key}!`)
    validate(cache)
    expect(cache.size).toBeLessThanOrEqual(2)
  })

  test('change the cache while what has expired is purged', () => {
    const [cache, pass] = timed({
      ttl: 5, max: 5, dispose: (value, key, reason) => { if (reason === 'expire') cache.set(`${key}'`, value + 1) }
    })
    for (let i = 0; i < 5; i++) cache.set(i, i)
    pass(6)
    cache.purgeStale()
    expect(cache.purgeStale()).toBe(false)
    expect(cache.size).toBe(entries(cache).length)
  })

  test('be a method of the cache itself, in a subclass', () => {
    class Chained extends LRUCache {
      constructor (options) {
        super({ ...options, dispose: (value, key) => { this.behind?.set(key, value) } })
        this.behind = options.behind
      }
    }
    const behind = make({ max: 100 })
    const cache = new Chained({ max: 2, behind })
    for (let i = 0; i < 5; i++) cache.set(i, i)
    expect(entries(cache)).toEqual([[4, 4], [3, 3]])
    expect([...behind.rkeys()]).toEqual([0, 1, 2])
  })

  test('read the clock of the cache, and move it', () => {
    const clock = handClock()
    const cache = make({
      max: 2, ttl: 5, ttlResolution: 0, perf: clock, dispose: () => { clock.pass(10) }
    })
    for (let i = 0; i < 6; i++) cache.set(i, i)
    expect(cache.size).toBe(2)
    expect(cache.dump().map(([key]) => key)).toContain(5)
  })
})
