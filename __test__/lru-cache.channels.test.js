'use strict'

const { channel, tracingChannel } = require('node:diagnostics_channel')
const { make, timed } = require('./support/caches')
const { fetching, settled } = require('./support/deferred')

describe('the channel heapwise:lru-cache:metrics', () => {
  const metrics = channel('heapwise:lru-cache:metrics')
  let messages
  const listen = message => { messages.push(message) }
  const taken = () => messages.splice(0)

  beforeEach(() => {
    messages = []
    metrics.subscribe(listen)
  })

  afterEach(() => { metrics.unsubscribe(listen) })

  test('gets the status of each set, get, has, peek and memo, though none was given', () => {
    const cache = make({ max: 2, memoMethod: () => 'made' })
    cache.set('a', 1)
    cache.get('a')
    cache.has('a')
    cache.peek('b')
    cache.memo('c')
    expect(taken()).toEqual([
      { op: 'set', key: 'a', value: 1, set: 'add', cache },
      { op: 'get', key: 'a', value: 1, get: 'hit', cache },
      { op: 'has', key: 'a', has: 'hit', cache },
      { op: 'peek', key: 'b', peek: 'miss', cache },
      { op: 'memo', key: 'c', value: 'made', memo: 'miss', cache }
    ])
  })

  test('gets the status that was given', () => {
    const cache = make({ max: 2 })
    const status = {}
    cache.set('a', 1, { status })
    expect(taken()[0]).toBe(status)
  })

  test('gets deletions with their reason', () => {
    const [cache, pass] = timed({ ttl: 5, maxSize: 10, sizeCalculation: value => value })
    cache.set('a', 1).set('b', 1)
    taken()
    cache.delete('a')
    expect(taken()).toEqual([{ op: 'delete', delete: 'delete', key: 'a', cache }])
    pass(6)
    cache.get('b')
    expect(taken().map(({ op, delete: reason }) => [op, reason])).toEqual([['delete', 'expire'], ['get', undefined]])
    cache.set('c', 11)
    expect(taken().map(({ op, delete: reason }) => [op, reason])).toEqual([['delete', 'set'], ['set', undefined]])
    cache.set('d', undefined)
    expect(taken().map(({ op, delete: reason }) => [op, reason])).toEqual([['delete', 'delete'], ['set', undefined]])
  })

  test('gets nothing of evictions, clear, pop, info, dump, find and iteration', () => {
    const cache = make({ max: 2 })
    cache.set('a', 1).set('b', 2)
    taken()
    cache.set('c', 3)
    expect(taken().map(({ op }) => op)).toEqual(['set'])
    cache.pop()
    cache.info('c')
    cache.dump()
    cache.find(() => true)
    cache.forEach(() => {})
    expect([...cache]).toHaveLength(1)
    cache.clear()
    expect(taken()).toEqual([])
  })

  test('is told by every cache', () => {
    const [first, second] = [make({ max: 1 }), make({ max: 1 })]
    first.set('a', 1)
    second.set('a', 1)
    expect(taken().map(message => message.cache)).toEqual([first, second])
  })

  test('changes nothing about what the operations give', () => {
    const cache = make({ max: 2 })
    expect(cache.set('a', 1)).toBe(cache)
    expect([cache.get('a'), cache.get('b'), cache.has('a'), cache.peek('a'), cache.delete('a'), cache.delete('a')])
      .toEqual([1, undefined, true, 1, true, false])
  })

  test('options of the caller are left alone', () => {
    const cache = make({ max: 2 })
    const options = Object.freeze({})
    cache.set('a', 1, options)
    cache.get('a', options)
    cache.set('b', 1, 5)
    expect(taken()).toHaveLength(3)
  })
})

describe('the tracing channel heapwise:lru-cache', () => {
  const tracing = tracingChannel('heapwise:lru-cache')
  let events
  const subscriber = Object.fromEntries(['start', 'end', 'asyncStart', 'asyncEnd', 'error'].map(name =>
    [name, message => { events.push([name, message]) }]))

  beforeEach(() => {
    events = []
    tracing.subscribe(subscriber)
  })

  afterEach(() => { tracing.unsubscribe(subscriber) })

  test.each(['fetch', 'forceFetch'])('follows %s from its start to its end', async name => {
    const { cache, calls } = fetching({})
    const promise = cache[name]('a', { context: 'given' })
    expect(events.map(([event]) => event)).toEqual(['start', 'end'])
    calls[0].resolve(1)
    expect(await promise).toBe(1)
    await settled()
    expect(events.map(([event]) => event)).toEqual(['start', 'end', 'asyncStart', 'asyncEnd'])
    const [[, status]] = events
    expect(events.every(([, message]) => message === status)).toBe(true)
    expect(status).toMatchObject({
      op: 'fetch', key: 'a', cache, fetch: 'miss', fetchResolved: true, trace: true, context: 'given', result: 1
    })
  })

  test('tells an error', async () => {
    const { cache, calls } = fetching({})
    const failure = new Error('down')
    const promise = cache.fetch('a')
    calls[0].reject(failure)
    await expect(promise).rejects.toBe(failure)
    await settled()
    expect(events.map(([event]) => event)).toEqual(['start', 'end', 'error', 'asyncStart', 'asyncEnd'])
    expect(events[2][1]).toMatchObject({ error: failure, fetchRejected: true })
  })

  test('uses the status of the caller', async () => {
    const cache = make({ max: 1 })
    const status = {}
    await cache.fetch('a', { status })
    expect(events[0][1]).toBe(status)
    expect(status.trace).toBe(true)
  })
})

test('without subscribers no status is made, and none is traced', async () => {
  const { cache, calls } = fetching({})
  const promise = cache.fetch('a')
  expect(calls[0].options.status).toBeUndefined()
  calls[0].resolve(1)
  await promise
})
