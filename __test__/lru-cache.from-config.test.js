'use strict'

const { LRUCache: Original } = require('lru-cache')
const { LRUCache, make, entries } = require('./support/caches')

describe('a cache made from another', () => {
  const everything = {
    max: 3, maxSize: 10, maxEntrySize: 4, sizeCalculation: () => 1, ttl: 5, ttlResolution: 7, ttlAutopurge: true,
    updateAgeOnGet: true, updateAgeOnHas: true, allowStale: true, noDeleteOnStaleGet: true, noUpdateTTL: true,
    noDisposeOnSet: true, dispose: () => {}, disposeAfter: () => {}, onInsert: () => {}, fetchMethod: () => 1,
    memoMethod: () => 1, noDeleteOnFetchRejection: true, allowStaleOnFetchRejection: true,
    allowStaleOnFetchAbort: true, ignoreFetchAbort: true, backgroundFetchSize: 2, perf: { now: () => 1 }
  }

  test('has its configuration', () => {
    const copy = make(make(everything))
    for (const [name, value] of Object.entries(everything)) expect([name, copy[name]]).toEqual([name, value])
  })

  test('and not its content', () => {
    const cache = make({ max: 3 })
    cache.set('a', 1)
    const copy = make(cache)
    expect(entries(copy)).toEqual([])
    copy.set('b', 2)
    expect(entries(cache)).toEqual([['a', 1]])
  })

  test('has what was assigned meanwhile', () => {
    const cache = make({ max: 3 })
    cache.ttl = 50
    cache.allowStale = true
    expect(make(cache)).toMatchObject({ ttl: 50, allowStale: true, max: 3 })
  })

  test('can be made from a subclass, into a subclass', () => {
    class Sessions extends LRUCache {}
    const cache = new Sessions({ max: 3 })
    expect(make(cache).max).toBe(3)
    const copy = new Sessions(cache)
    expect(copy).toBeInstanceOf(Sessions)
    expect(copy.max).toBe(3)
  })

  test('can be made from one of lru-cache', () => {
    const copy = make(new Original({ ...everything }))
    for (const [name, value] of Object.entries(everything)) expect([name, copy[name]]).toEqual([name, value])
  })

  test('takes the content over by dump and load, from lru-cache as well', () => {
    const original = new Original({ max: 3 })
    original.set('a', 1).set('b', 2)
    original.get('a')
    const copy = make(original)
    copy.load(original.dump())
    expect(entries(copy)).toEqual([['a', 1], ['b', 2]])
    const back = new Original(copy)
    back.load(copy.dump())
    expect([...back.entries()]).toEqual([['a', 1], ['b', 2]])
  })
})
