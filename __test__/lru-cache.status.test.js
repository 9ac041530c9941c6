'use strict'

const { make, timed, handClock } = require('./support/caches')
const { fetching, settled } = require('./support/deferred')

describe('the status of', () => {
  test('set', () => {
    const cache = make({ max: 2 })
    const set = (value, options) => {
      const status = {}
      cache.set('a', value, { status, ...options })
      return status
    }
    expect(set(1)).toEqual({ op: 'set', key: 'a', value: 1, cache, set: 'add' })
    expect(set(1)).toEqual({ op: 'set', key: 'a', value: 1, cache, set: 'update' })
    expect(set(2)).toEqual({ op: 'set', key: 'a', value: 2, cache, set: 'replace', oldValue: 1 })
    expect(set(undefined)).toEqual({ op: 'set', key: 'a', cache, set: 'deleted' })
  })

  test('set with a time to live', () => {
    const [cache] = timed({ ttl: 5 })
    const status = {}
    cache.set('a', 1, { status })
    expect(status).toEqual({
      op: 'set', key: 'a', value: 1, cache, set: 'add', ttl: 5, start: 1000, now: 1000, remainingTTL: 5
    })
  })

  test('set with a size', () => {
    const cache = make({ maxSize: 10, maxEntrySize: 5, sizeCalculation: value => value })
    cache.set('a', 2)
    const status = {}
    cache.set('b', 3, { status })
    expect(status).toEqual({ op: 'set', key: 'b', value: 3, cache, set: 'add', entrySize: 3, totalCalculatedSize: 5 })
    const large = {}
    cache.set('b', 6, { status: large })
    expect(large).toEqual({ op: 'set', key: 'b', value: 6, cache, set: 'miss', maxEntrySizeExceeded: true })
  })

  test('get', () => {
    const [cache, pass] = timed({ ttl: 5 })
    cache.set('a', 1)
    const get = options => {
      const status = {}
      cache.get('a', { status, ...options })
      return status
    }
    pass(2)
    expect(get()).toEqual({
      op: 'get', key: 'a', cache, value: 1, get: 'hit', ttl: 5, start: 1000, now: 1002, remainingTTL: 3
    })
    pass(4)
    expect(get({ noDeleteOnStaleGet: true })).toEqual({
      op: 'get', key: 'a', cache, get: 'stale', ttl: 5, start: 1000, now: 1006, remainingTTL: -1
    })
    expect(get({ allowStale: true })).toEqual({
      op: 'get', key: 'a', cache, value: 1, get: 'stale', returnedStale: true, ttl: 5, start: 1000, now: 1006,
      remainingTTL: -1
    })
    expect(get()).toEqual({ op: 'get', key: 'a', cache, get: 'miss' })
  })

  test('get while the key is fetched', async () => {
    const clock = handClock()
    const { cache, calls } = fetching({ ttl: 5, ttlResolution: 0, perf: clock })
    cache.set('a', 'old')
    const promises = [cache.fetch('a', { forceRefresh: true }), cache.fetch('b')]
    const get = (key, options) => {
      const status = {}
      cache.get(key, { status, ...options })
      return status
    }
    expect(get('a')).toMatchObject({ get: 'fetching', value: 'old' })
    expect(get('b')).toMatchObject({ get: 'fetching' })
    clock.pass(6)
    expect(get('a')).toMatchObject({ get: 'stale-fetching' })
    expect(get('a')).not.toHaveProperty('value')
    expect(get('a', { allowStale: true })).toMatchObject({ get: 'stale-fetching', value: 'old', returnedStale: true })
    for (const call of calls) call.resolve('new')
    await Promise.all(promises)
  })

  test('has', () => {
    const [cache, pass] = timed({ ttl: 5 })
    cache.set('a', 1)
    const has = key => {
      const status = {}
      cache.has(key, { status })
      return status
    }
    const times = { ttl: 5, start: 1000 }
    expect(has('a')).toEqual({ op: 'has', key: 'a', cache, has: 'hit', ...times, now: 1000, remainingTTL: 5 })
    pass(6)
    expect(has('a')).toEqual({ op: 'has', key: 'a', cache, has: 'stale', ...times, now: 1006, remainingTTL: -1 })
    expect(has('b')).toEqual({ op: 'has', key: 'b', cache, has: 'miss' })
  })

  test('has for a key that is fetched for the first time says nothing', () => {
    const { cache } = fetching({})
    cache.fetch('a').catch(() => {})
    const status = {}
    cache.has('a', { status })
    expect(status).toEqual({ op: 'has', key: 'a', cache })
  })

  test('peek', () => {
    const [cache, pass] = timed({ ttl: 5 })
    cache.set('a', 1)
    const peek = (key, options) => {
      const status = {}
      cache.peek(key, { status, ...options })
      return status
    }
    expect(peek('a')).toEqual({ op: 'peek', key: 'a', cache, peek: 'hit', value: 1 })
    pass(6)
    expect(peek('a')).toEqual({ op: 'peek', key: 'a', cache, peek: 'stale' })
    expect(peek('a', { allowStale: true })).toEqual({ op: 'peek', key: 'a', cache, peek: 'hit', value: 1 })
    expect(peek('b')).toEqual({ op: 'peek', key: 'b', cache, peek: 'miss' })
  })

  test('memo', () => {
    const cache = make({ max: 2, memoMethod: key => `${key}!` })
    const memo = options => {
      const status = {}
      cache.memo('a', { status, ...options })
      return status
    }
    expect(memo({ context: 'given' }))
      .toEqual({ op: 'memo', key: 'a', cache, memo: 'miss', value: 'a!', context: 'given' })
    expect(memo()).toEqual({ op: 'memo', key: 'a', cache, memo: 'hit', value: 'a!' })
    expect(memo({ forceRefresh: true }))
      .toEqual({ op: 'memo', key: 'a', cache, memo: 'miss', value: 'a!', forceRefresh: true })
  })
})

describe('the status of fetch', () => {
  test('without a fetchMethod', async () => {
    const cache = make({ max: 2 })
    const status = {}
    await cache.fetch('a', { status })
    expect(status).toEqual({ op: 'fetch', key: 'a', cache, fetch: 'get', get: 'miss' })
  })

  test('for a miss, from beginning to end', async () => {
    const { cache, calls } = fetching({})
    const status = {}
    const promise = cache.fetch('a', { status, context: 'given' })
    expect(status).toEqual({ op: 'fetch', key: 'a', cache, fetch: 'miss', fetchDispatched: true, context: 'given' })
    calls[0].resolve(1)
    await promise
    expect(status).toEqual({
      op: 'fetch', key: 'a', cache, fetch: 'miss', fetchDispatched: true, fetchResolved: true, fetchUpdated: true,
      set: 'add', value: 1, context: 'given'
    })
  })

  test('for a hit, one who joins, a refresh and a stale value', async () => {
    const clock = handClock()
    const { cache, calls } = fetching({ ttl: 5, ttlResolution: 0, perf: clock })
    cache.set('a', 1)
    const fetch = options => {
      const status = {}
      const promise = cache.fetch('a', { status, ...options })
      return { status, promise }
    }
    expect(fetch().status).toMatchObject({ op: 'fetch', fetch: 'hit', ttl: 5, remainingTTL: 5 })
    const refresh = fetch({ forceRefresh: true })
    expect(refresh.status).toMatchObject({ fetch: 'refresh', forceRefresh: true, fetchDispatched: true })
    expect(fetch().status).toEqual({ op: 'fetch', key: 'a', cache, fetch: 'inflight' })
    expect(fetch({ allowStale: true }).status).toMatchObject({ fetch: 'inflight', returnedStale: true })
    calls[0].resolve(2)
    await refresh.promise
    expect(refresh.status).toMatchObject({ set: 'replace', oldValue: 1, value: 2, fetchUpdated: true })
    clock.pass(6)
    const stale = fetch({ allowStale: true })
    expect(stale.status).toMatchObject({ fetch: 'stale', returnedStale: true, fetchDispatched: true })
    calls[1].resolve(3)
    await settled()
    expect(stale.status).toMatchObject({ fetchResolved: true, fetchUpdated: true })
  })

  test('for a rejection', async () => {
    const { cache, calls } = fetching({ allowStaleOnFetchRejection: true })
    const failure = new Error('down')
    cache.set('a', 1)
    const status = {}
    const promise = cache.fetch('a', { status, forceRefresh: true })
    calls[0].reject(failure)
    await promise
    expect(status).toEqual({
      op: 'fetch', key: 'a', cache, fetch: 'refresh', forceRefresh: true, fetchDispatched: true, fetchRejected: true,
      fetchError: failure, returnedStale: true
    })
  })

  test('for an abort, and one that is ignored', async () => {
    const reason = new Error('took too long')
    for (const ignoreFetchAbort of [false, true]) {
      const { cache, calls } = fetching({ ignoreFetchAbort })
      const controller = new AbortController()
      const status = {}
      const promise = cache.fetch('a', { status, signal: controller.signal }).catch(() => {})
      controller.abort(reason)
      calls[0].resolve(1)
      await promise
      expect(status).toMatchObject({ fetchAborted: true, fetchError: reason })
      expect(status.fetchAbortIgnored).toBe(ignoreFetchAbort ? true : undefined)
      expect(status.fetchUpdated).toBe(ignoreFetchAbort ? true : undefined)
    }
  })
})

test('a status that was used before is filled in anew, and keeps what it had besides', () => {
  const cache = make({ max: 2 })
  const status = { mine: true }
  cache.set('a', 1, { status })
  cache.get('a', { status })
  expect(status).toEqual({ mine: true, op: 'get', key: 'a', value: 1, cache, set: 'add', get: 'hit' })
})

test('a status that is not given is not made', () => {
  const cache = make({ max: 2 })
  const options = {}
  cache.set('a', 1, options)
  cache.get('a', options)
  cache.has('a', options)
  cache.peek('a', options)
  expect(options).toEqual({})
})
