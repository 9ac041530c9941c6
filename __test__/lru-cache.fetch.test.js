'use strict'

const { make, timed, logged, entries } = require('./support/caches')
const { fetching, settled, stateOf } = require('./support/deferred')

const failure = new Error('source is down')

describe('fetch', () => {
  test('without a fetchMethod is get', async () => {
    const cache = make({ max: 2 })
    cache.set('a', 1)
    expect(await cache.fetch('a')).toBe(1)
    expect(await cache.fetch('b')).toBeUndefined()
    expect(cache.fetch('a')).toBeInstanceOf(Promise)
  })

  test('a miss calls fetchMethod with key, stale value and { signal, options, context }', async () => {
    const { cache, calls } = fetching({ ttl: 50 })
    const promise = cache.fetch('a', { context: { user: 1 }, ttl: 5 })
    expect(calls).toHaveLength(1)
    const [call] = calls
    expect(call).toMatchObject({ key: 'a', stale: undefined, context: { user: 1 }, receiver: cache })
    expect(call.signal).toBeInstanceOf(AbortSignal)
    expect(call.signal.aborted).toBe(false)
    expect(Object.keys(call.options)).toEqual([
      'allowStale', 'updateAgeOnGet', 'noDeleteOnStaleGet', 'ttl', 'noDisposeOnSet', 'size', 'sizeCalculation',
      'noUpdateTTL', 'noDeleteOnFetchRejection', 'allowStaleOnFetchRejection', 'allowStaleOnFetchAbort',
      'ignoreFetchAbort', 'status', 'signal'
    ])
    expect(call.options).toMatchObject({ ttl: 5, size: 0, allowStale: false, status: undefined, signal: undefined })
    call.resolve(1)
    expect(await promise).toBe(1)
    expect(cache.get('a')).toBe(1)
    expect(cache.dump()[0][1].ttl).toBe(5)
  })

  test('a fresh hit is returned, moves to the front, and calls nothing', async () => {
    const { cache, calls } = fetching({})
    cache.set('a', 1).set('b', 2)
    expect(await cache.fetch('a')).toBe(1)
    expect([...cache.keys()]).toEqual(['a', 'b'])
    expect(calls).toEqual([])
  })

  test('a hit updates the age with updateAgeOnGet', async () => {
    const clock = { time: 1000, now: () => clock.time }
    const { cache } = fetching({ ttl: 10, ttlResolution: 0, perf: clock })
    cache.set('a', 1)
    clock.time += 6
    await cache.fetch('a')
    expect(cache.getRemainingTTL('a')).toBe(4)
    await cache.fetch('a', { updateAgeOnGet: true })
    expect(cache.getRemainingTTL('a')).toBe(10)
  })

  test('callers of a key that is on its way share one call, with the options of the first', async () => {
    const { cache, calls } = fetching({})
    const promises = [{ ttl: 5 }, { ttl: 7 }, { forceRefresh: true }].map(options => cache.fetch('a', options))
    expect(calls).toHaveLength(1)
    expect(calls[0].options.ttl).toBe(5)
    calls[0].resolve('shared')
    expect(await Promise.all(promises)).toEqual(['shared', 'shared', 'shared'])
  })

  test('a key that is on its way is counted, but not there', async () => {
    const { cache, calls } = fetching({})
    const promise = cache.fetch('a')
    expect(cache.size).toBe(1)
    expect(cache.has('a')).toBe(false)
    expect(cache.get('a')).toBeUndefined()
    expect(cache.peek('a')).toBeUndefined()
    expect(cache.info('a')).toBeUndefined()
    expect(cache.dump()).toEqual([])
    expect(entries(cache)).toEqual([])
    calls[0].resolve(1)
    await promise
    expect(cache.has('a')).toBe(true)
  })

  test.each([
    ['a value', () => 'value', 'value'],
    ['null', () => null, null],
    ['a promise', () => Promise.resolve('value'), 'value'],
    ['a thenable', () => ({ then: resolve => { resolve('value') } }), 'value']
  ])('%s that fetchMethod returns is stored', async (_, fetchMethod, value) => {
    const cache = make({ max: 2, fetchMethod })
    expect(await cache.fetch('a')).toBe(value)
    expect(cache.get('a')).toBe(value)
  })

  test('undefined is returned and not stored, whether it comes at once or later', async () => {
    for (const fetchMethod of [() => undefined, async () => undefined]) {
      const cache = make({ max: 2, fetchMethod })
      expect(await stateOf(cache.fetch('a'))).toEqual(['resolved', undefined])
      expect(cache.size).toBe(0)
    }
  })

  test('undefined in a refresh brings the stale value back', async () => {
    for (const fetchMethod of [() => undefined, async () => undefined]) {
      const cache = make({ max: 2, fetchMethod })
      cache.set('a', 1)
      expect(await stateOf(cache.fetch('a', { forceRefresh: true }))).toEqual(['resolved', undefined])
      expect(cache.get('a')).toBe(1)
    }
  })

  test('a throw is a rejection', async () => {
    const cache = make({ max: 2, fetchMethod: () => { throw failure } })
    await expect(cache.fetch('a')).rejects.toBe(failure)
    expect(cache.size).toBe(0)
  })

  test('fetchMethod may change the options, and the change counts', async () => {
    const { cache, calls } = fetching({ maxSize: 100 })
    const promise = cache.fetch('a')
    calls[0].options.ttl = 1234
    calls[0].options.size = 7
    calls[0].resolve(1)
    await promise
    expect(cache.dump()[0][1]).toMatchObject({ ttl: 1234, size: 7 })
  })

  test('the options given are not changed, also not frozen ones', async () => {
    const { cache, calls } = fetching({})
    const options = Object.freeze({ ttl: 5 })
    const promise = cache.fetch('a', options)
    calls[0].resolve(1)
    expect(await promise).toBe(1)
    const open = { ttl: 5 }
    await cache.fetch('a', open)
    expect(Object.keys(open)).toEqual(['ttl'])
    expect(await cache.fetch('a', 60_000)).toBe(1)
    expect(await cache.fetch('a', null)).toBe(1)
  })
})

describe('fetch of a stale value', () => {
  const stale = options => {
    const clock = { time: 1000, now: () => clock.time }
    const made = fetching({ ttl: 10, ttlResolution: 0, perf: clock, ...options })
    made.cache.set('old', 0).set('a', 'stale').set('b', 'other')
    clock.time += 11
    made.cache.set('b', 'other')
    return made
  }

  test('hands it to fetchMethod, and waits', async () => {
    const { cache, calls } = stale({})
    const promise = cache.fetch('a')
    expect(calls[0].stale).toBe('stale')
    expect(await stateOf(promise)).toEqual(['pending'])
    calls[0].resolve('new')
    expect(await promise).toBe('new')
  })

  test('does not move the entry before the new value is there', async () => {
    const { cache, calls } = stale({ allowStale: true })
    const promise = cache.fetch('a')
    expect(cache.dump().map(([key]) => key)).toEqual(['old', 'a', 'b'])
    calls[0].resolve('new')
    await promise
    await settled()
    expect(cache.dump().map(([key]) => key)).toEqual(['old', 'b', 'a'])
  })

  test('with allowStale returns it at once, and refreshes behind', async () => {
    const { cache, calls } = stale({ allowStale: true })
    expect(await cache.fetch('a')).toBe('stale')
    expect(await cache.fetch('a')).toBe('stale')
    expect(calls).toHaveLength(1)
    calls[0].resolve('new')
    await settled()
    expect(cache.get('a')).toBe('new')
  })

  test('with allowStale a rejection behind is swallowed', async () => {
    const { cache, calls } = stale({ allowStale: true })
    expect(await cache.fetch('a')).toBe('stale')
    calls[0].reject(failure)
    await settled()
    expect(cache.peek('a')).toBeUndefined()
  })

  test('get and peek give it while it is refreshed, where stale is allowed or it is fresh', async () => {
    const { cache, calls } = stale({})
    const promises = [cache.fetch('a'), cache.fetch('b', { forceRefresh: true })]
    expect([cache.get('a'), cache.peek('a'), cache.has('a')]).toEqual([undefined, undefined, false])
    expect([cache.get('a', { allowStale: true }), cache.peek('a', { allowStale: true })]).toEqual(['stale', 'stale'])
    expect([cache.get('b'), cache.peek('b'), cache.has('b')]).toEqual(['other', 'other', true])
    expect(cache.info('b').value).toBe('other')
    for (const call of calls) call.resolve('new')
    expect(await Promise.all(promises)).toEqual(['new', 'new'])
  })

  test('forEach, find and dump see it while it is refreshed', async () => {
    const { cache, calls } = stale({})
    const promise = cache.fetch('b', { forceRefresh: true })
    const seen = []
    cache.forEach((value, key) => seen.push([key, value]))
    expect(seen).toEqual([['b', 'other']])
    expect(cache.find(value => value === 'other')).toBe('other')
    expect(cache.dump().map(([key, entry]) => [key, entry.value])).toContainEqual(['b', 'other'])
    calls[0].resolve('new')
    await promise
  })
})

describe('a rejected fetch', () => {
  const refresh = async (options, fetchOptions) => {
    const { callbacks, taken } = logged()
    const { cache, calls } = fetching({ ...options, ...callbacks })
    cache.set('a', 'stale')
    taken()
    const promise = cache.fetch('a', { forceRefresh: true, ...fetchOptions })
    calls[0].reject(failure)
    return { cache, state: await stateOf(promise), taken }
  }

  test('rejects and deletes the entry, by default with its stale value', async () => {
    const { cache, state, taken } = await refresh({})
    expect(state).toEqual(['rejected', failure])
    expect(cache.size).toBe(0)
    expect(taken()).toEqual([['dispose', 'stale', 'a', 'fetch'], ['disposeAfter', 'stale', 'a', 'fetch']])
  })

  test('noDeleteOnFetchRejection keeps the stale value, and rejects', async () => {
    const { cache, state, taken } = await refresh({ noDeleteOnFetchRejection: true })
    expect(state).toEqual(['rejected', failure])
    expect(cache.get('a')).toBe('stale')
    expect(taken()).toEqual([])
  })

  test('allowStaleOnFetchRejection keeps the stale value, and resolves to it', async () => {
    for (const way of [[{ allowStaleOnFetchRejection: true }], [{}, { allowStaleOnFetchRejection: true }]]) {
      const { cache, state } = await refresh(...way)
      expect(state).toEqual(['resolved', 'stale'])
      expect(cache.get('a')).toBe('stale')
    }
  })

  test('without a stale value: rejects, or resolves to undefined; nothing stays', async () => {
    for (const [options, outcome] of [
      [{}, ['rejected', failure]],
      [{ noDeleteOnFetchRejection: true }, ['rejected', failure]],
      [{ allowStaleOnFetchRejection: true }, ['resolved', undefined]]
    ]) {
      const { cache, calls } = fetching(options)
      const promise = cache.fetch('a')
      calls[0].reject(failure)
      expect(await stateOf(promise)).toEqual(outcome)
      expect(cache.size).toBe(0)
    }
  })

  test('is tried again by the next fetch', async () => {
    const { cache, calls } = fetching({})
    const first = cache.fetch('a')
    calls[0].reject(failure)
    await expect(first).rejects.toBe(failure)
    const second = cache.fetch('a')
    calls[1].resolve('value')
    expect(await second).toBe('value')
  })
})

describe('a fetch for which there is no room', () => {
  test('counts backgroundFetchSize while it is on its way, then its size', async () => {
    const { cache, calls } = fetching({ maxSize: 10, backgroundFetchSize: 3, sizeCalculation: value => value })
    const promise = cache.fetch('a')
    expect(cache.calculatedSize).toBe(3)
    calls[0].resolve(7)
    await promise
    expect(cache.calculatedSize).toBe(7)
  })

  test('over a stale value keeps its size', async () => {
    const { cache, calls } = fetching({ maxSize: 10, backgroundFetchSize: 3, sizeCalculation: value => value })
    cache.set('a', 5)
    const promise = cache.fetch('a', { forceRefresh: true })
    expect(cache.calculatedSize).toBe(5)
    calls[0].resolve(1)
    await promise
    expect(cache.calculatedSize).toBe(1)
  })

  test('evicts what it must when it arrives', async () => {
    const { cache, calls } = fetching({ maxSize: 10, sizeCalculation: value => value })
    cache.set('b', 4).set('c', 4)
    const promise = cache.fetch('a')
    calls[0].resolve(5)
    await promise
    expect(entries(cache)).toEqual([['a', 5], ['c', 4]])
  })

  test('too large a value is returned and not stored', async () => {
    const { cache, calls } = fetching({ maxSize: 10, sizeCalculation: value => value })
    const promise = cache.fetch('a')
    calls[0].resolve(11)
    expect(await promise).toBe(11)
    expect([cache.size, cache.calculatedSize]).toEqual([0, 0])
  })

  test('a value without a valid size rejects, and nothing stays on its way', async () => {
    const { cache, calls } = fetching({ maxSize: 10, sizeCalculation: value => value })
    const promise = cache.fetch('a')
    calls[0].resolve('no size')
    const [state, error] = await stateOf(promise)
    expect(state).toBe('rejected')
    expect(error.code).toBe('ERR_HEAPWISE_INVALID_ARG_TYPE')
    expect([cache.size, cache.calculatedSize]).toEqual([0, 0])
    const again = cache.fetch('a')
    calls[1].resolve(3)
    expect(await again).toBe(3)
  })

  test('an expired entry goes before a fresh one also for a fetch', () => {
    const [cache, pass] = timed({ max: 2, ttl: 10, fetchMethod: () => new Promise(() => {}) })
    cache.set('expired', 1, { ttl: 5 })
    cache.set('fresh', 2)
    cache.get('expired')
    pass(6)
    cache.fetch('a')
    expect(cache.peek('fresh')).toBe(2)
    expect(cache.size).toBe(2)
  })
})
