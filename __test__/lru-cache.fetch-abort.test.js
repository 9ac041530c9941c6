'use strict'

const { entries, logged } = require('./support/caches')
const { fetching, settled, stateOf } = require('./support/deferred')

const reason = new Error('took too long')

describe('what aborts a fetch', () => {
  test.each([
    ['deleted', cache => cache.delete('a')],
    ['deleted', cache => cache.clear()],
    ['deleted', cache => cache.set('a', undefined)],
    ['replaced', cache => cache.set('a', 'set')],
    ['evicted', cache => { for (let i = 0; i < 5; i++) cache.set(i, i) }],
    ['evicted', cache => cache.pop()]
  ])('%s: %s', async (message, act) => {
    const { cache, calls } = fetching({})
    const promise = cache.fetch('a')
    act(cache)
    expect(calls[0].signal.aborted).toBe(true)
    expect(calls[0].signal.reason).toEqual(new Error(message))
    expect(await stateOf(promise)).toEqual(['rejected', new Error(message)])
    calls[0].resolve('late')
    await settled()
    expect(cache.peek('a')).toBe(message === 'replaced' ? 'set' : undefined)
  })

  test('the caller\'s signal, with its reason', async () => {
    const { cache, calls } = fetching({})
    const controller = new AbortController()
    const promise = cache.fetch('a', { signal: controller.signal })
    expect(calls[0].signal).not.toBe(controller.signal)
    controller.abort(reason)
    expect(calls[0].signal.reason).toBe(reason)
    expect(await stateOf(promise)).toEqual(['rejected', reason])
    expect(cache.size).toBe(0)
    calls[0].resolve('late')
    await settled()
    expect(cache.size).toBe(0)
  })

  test('a set with noDisposeOnSet does not abort: the set value stays', async () => {
    const { cache, calls } = fetching({})
    const promise = cache.fetch('a')
    cache.set('a', 'set', { noDisposeOnSet: true })
    expect(calls[0].signal.aborted).toBe(false)
    calls[0].resolve('fetched')
    expect(await promise).toBe('fetched')
    expect(cache.get('a')).toBe('set')
  })

  test('an abort after the end does nothing', async () => {
    const { cache, calls } = fetching({})
    const controller = new AbortController()
    const promise = cache.fetch('a', { signal: controller.signal })
    calls[0].resolve(1)
    await promise
    controller.abort(reason)
    cache.delete('a')
    expect(cache.size).toBe(0)
  })

  test('the signal of one who joined a fetch does not abort it', async () => {
    const { cache, calls } = fetching({})
    const controller = new AbortController()
    const promises = [cache.fetch('a'), cache.fetch('a', { signal: controller.signal })]
    controller.abort(reason)
    expect(calls[0].signal.aborted).toBe(false)
    calls[0].resolve(1)
    expect(await Promise.all(promises)).toEqual([1, 1])
  })

  test('an abort drops the stale value as well, and disposes of it', async () => {
    const { callbacks, taken } = logged()
    const { cache } = fetching(callbacks)
    const controller = new AbortController()
    cache.set('a', 'stale')
    taken()
    const promise = cache.fetch('a', { forceRefresh: true, signal: controller.signal })
    controller.abort(reason)
    expect(await stateOf(promise)).toEqual(['rejected', reason])
    expect(cache.size).toBe(0)
    expect(taken()).toEqual([['dispose', 'stale', 'a', 'fetch'], ['disposeAfter', 'stale', 'a', 'fetch']])
  })

  test.each([
    ['delete', cache => cache.delete('a')],
    ['delete', cache => cache.clear()],
    ['evict', cache => cache.pop()],
    ['set', cache => cache.set('a', 'set')]
  ])('the stale value of a fetch that ends by %s is disposed of', (reasonGiven, act) => {
    const { callbacks, taken } = logged()
    const { cache } = fetching(callbacks)
    cache.set('a', 'stale')
    cache.fetch('a', { forceRefresh: true }).catch(() => {})
    taken()
    act(cache)
    expect(taken().filter(([name]) => name !== 'insert')).toEqual([
      ['dispose', 'stale', 'a', reasonGiven], ['disposeAfter', 'stale', 'a', reasonGiven]
    ])
  })
})

describe('allowStaleOnFetchAbort', () => {
  const aborted = async (options, stale) => {
    const { cache, calls } = fetching({ allowStaleOnFetchAbort: true, ...options })
    if (stale !== undefined) cache.set('a', stale)
    const controller = new AbortController()
    const promise = cache.fetch('a', { forceRefresh: true, signal: controller.signal })
    controller.abort(reason)
    return { cache, call: calls[0], calls, state: await stateOf(promise) }
  }

  test('resolves to the stale value at once', async () => {
    const { cache, state } = await aborted({}, 'stale')
    expect(state).toEqual(['resolved', 'stale'])
    expect(cache.get('a')).toBe('stale')
  })

  test('without a stale value resolves to undefined, and nothing stays', async () => {
    const { cache, state } = await aborted({})
    expect(state).toEqual(['resolved', undefined])
    expect(cache.size).toBe(0)
  })

  test('a value that comes late is stored, as nothing else came', async () => {
    const { cache, call } = await aborted({}, 'stale')
    call.resolve('late')
    await settled()
    expect(cache.get('a')).toBe('late')
  })

  test('undefined that comes late brings the stale value back', async () => {
    const { cache, call } = await aborted({}, 'stale')
    call.resolve(undefined)
    await settled()
    expect(entries(cache)).toEqual([['a', 'stale']])
  })

  test('a late rejection ends the fetch: the stale value is back, and is fetched again', async () => {
    const { cache, call, calls } = await aborted({}, 'stale')
    call.reject(reason)
    await settled()
    expect(entries(cache)).toEqual([['a', 'stale']])
    const again = cache.fetch('a', { forceRefresh: true })
    expect(calls).toHaveLength(2)
    calls[1].resolve('new')
    expect(await again).toBe('new')
  })

  test('a late value without a valid size leaves the stale value, and no rejection unhandled', async () => {
    const { cache, call } = await aborted({ maxSize: 10, sizeCalculation: value => value }, 5)
    call.resolve('no size')
    await settled()
    expect([cache.size, cache.calculatedSize]).toEqual([1, 5])
    expect(cache.get('a')).toBe(5)
  })
})

describe('ignoreFetchAbort', () => {
  test('an abort settles nothing, and the result is stored', async () => {
    const { cache, calls } = fetching({ ignoreFetchAbort: true })
    const controller = new AbortController()
    const promise = cache.fetch('a', { signal: controller.signal })
    controller.abort(reason)
    expect(await stateOf(promise)).toEqual(['pending'])
    calls[0].resolve('value')
    expect(await promise).toBe('value')
    expect(cache.get('a')).toBe('value')
  })

  test('but not over what came meanwhile', async () => {
    const { cache, calls } = fetching({ ignoreFetchAbort: true })
    const promise = cache.fetch('a')
    cache.set('a', 'set')
    calls[0].resolve('value')
    expect(await promise).toBe('value')
    expect(cache.get('a')).toBe('set')
  })

  test('a rejection after an abort is a rejection', async () => {
    const { cache, calls } = fetching({ ignoreFetchAbort: true })
    const controller = new AbortController()
    const promise = cache.fetch('a', { signal: controller.signal })
    controller.abort(reason)
    calls[0].reject(new Error('down'))
    await expect(promise).rejects.toThrow('down')
    expect(cache.size).toBe(0)
  })

  test('with allowStaleOnFetchAbort: the stale value now, the new one when it comes', async () => {
    const { cache, calls } = fetching({ ignoreFetchAbort: true, allowStaleOnFetchAbort: true })
    const controller = new AbortController()
    cache.set('a', 'stale')
    const promise = cache.fetch('a', { forceRefresh: true, signal: controller.signal })
    controller.abort(reason)
    expect(await promise).toBe('stale')
    calls[0].resolve('late')
    await settled()
    expect(cache.get('a')).toBe('late')
  })

  test('with both a late value is stored even if the entry was deleted, but not over another', async () => {
    const { cache, calls } = fetching({ ignoreFetchAbort: true, allowStaleOnFetchAbort: true })
    for (const [key, meanwhile] of [['a', undefined], ['b', 'set']]) {
      cache.set(key, 'stale')
      const promise = cache.fetch(key, { forceRefresh: true })
      cache.delete(key)
      expect(await promise).toBe('stale')
      if (meanwhile !== undefined) cache.set(key, meanwhile)
    }
    for (const call of calls) call.resolve('late')
    await settled()
    expect([cache.get('a'), cache.get('b')]).toEqual(['late', 'set'])
  })
})

describe('a signal that has aborted before', () => {
  const dead = AbortSignal.abort(reason)

  test('rejects with its reason; fetchMethod is called, with an aborted signal', async () => {
    const { cache, calls } = fetching({})
    const promise = cache.fetch('a', { signal: dead })
    expect(calls).toHaveLength(1)
    expect(calls[0].signal.aborted).toBe(true)
    expect(calls[0].signal.reason).toBe(reason)
    expect(await stateOf(promise)).toEqual(['rejected', reason])
    expect(cache.size).toBe(0)
  })

  test('does not matter to a hit, nor to one who joins', async () => {
    const { cache, calls } = fetching({})
    cache.set('b', 1)
    expect(await cache.fetch('b', { signal: dead })).toBe(1)
    const promises = [cache.fetch('a'), cache.fetch('a', { signal: dead })]
    calls[0].resolve(2)
    expect(await Promise.all(promises)).toEqual([2, 2])
  })

  test('with allowStaleOnFetchAbort resolves to the stale value', async () => {
    const { cache, calls } = fetching({ allowStaleOnFetchAbort: true })
    cache.set('a', 'stale')
    expect(await stateOf(cache.fetch('a', { forceRefresh: true, signal: dead }))).toEqual(['resolved', 'stale'])
    calls[0].resolve('late')
    await settled()
    expect(cache.get('a')).toBe('late')
  })

  test('with ignoreFetchAbort is ignored', async () => {
    const { cache, calls } = fetching({ ignoreFetchAbort: true })
    const promise = cache.fetch('a', { signal: dead })
    calls[0].resolve(1)
    expect(await promise).toBe(1)
    expect(cache.get('a')).toBe(1)
  })

  test.each([
    ['value', () => 'value'], ['undefined', () => undefined], ['throw', () => { throw new Error('thrown') }],
    ['rejection', () => Promise.reject(new Error('rejected'))], ['nothing ever', () => new Promise(() => {})]
  ])('whatever fetchMethod does (%s), fetch settles and no key stays on its way', async (_, fetchMethod) => {
    for (const flags of [{}, { allowStaleOnFetchAbort: true }, { allowStaleOnFetchRejection: true }]) {
      const { cache } = fetching({ ...flags, fetchMethod })
      expect((await stateOf(cache.fetch('a', { signal: dead })))[0]).not.toBe('pending')
      expect(cache.size).toBe(entries(cache).length)
    }
  })
})

test('no rejection is left unhandled', () => {
  const { spawnSync } = require('node:child_process')
  const script = `
    const { LRUCache } = require(${JSON.stringify(require.resolve('..'))})
    const all = []
    for (const flags of [{}, { allowStale: true }, { allowStaleOnFetchAbort: true }, { ignoreFetchAbort: true },
      { ignoreFetchAbort: true, allowStaleOnFetchAbort: true }, { allowStaleOnFetchRejection: true }]) {
      for (const end of ['resolve', 'reject', 'refuse']) {
        const settle = []
        const cache = new LRUCache({
          max: 5, maxSize: 50, sizeCalculation: value => value, ...flags,
          fetchMethod: () => new Promise((resolve, reject) => {
            settle.push(() => end === 'resolve' ? resolve(2) : end === 'reject' ? reject(new Error('down')) : resolve('x'))
          })
        })
        cache.set('a', 1).set('b', 1).set('c', 1)
        const controller = new AbortController()
        for (const key of ['a', 'b', 'c', 'd', 'e']) {
          cache.fetch(key, { forceRefresh: true, signal: controller.signal }).catch(() => {})
          cache.fetch(key).catch(() => {})
        }
        cache.delete('a')
        cache.set('b', 3)
        settle.pop()()
        controller.abort()
        for (const one of settle) one()
        cache.pop()
      }
    }
    setTimeout(() => process.stdout.write('end'), 20)
  `
  const { status, stdout, stderr } = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8', timeout: 30_000 })
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: 'end', stderr: '' })
})
