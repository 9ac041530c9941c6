'use strict'

const { make } = require('./support/caches')
const { fetching, stateOf } = require('./support/deferred')

describe('forceFetch', () => {
  test('is fetch where there is a value', async () => {
    const { cache, calls } = fetching({})
    const promise = cache.forceFetch('a', { context: 'given' })
    expect(calls[0].context).toBe('given')
    calls[0].resolve(1)
    expect(await promise).toBe(1)
    expect(await cache.forceFetch('a')).toBe(1)
    expect(calls).toHaveLength(1)
  })

  test.each([
    ['fetchMethod gives undefined', { fetchMethod: () => undefined }],
    ['fetchMethod gives undefined later', { fetchMethod: async () => undefined }],
    ['there is no fetchMethod and no value', {}],
    ['a rejection is answered by a stale value that is not there', {
      fetchMethod: async () => { throw new Error('down') }, allowStaleOnFetchRejection: true
    }]
  ])('rejects where %s', async (_, options) => {
    const cache = make({ max: 2, ...options })
    await expect(cache.forceFetch('a')).rejects.toThrow('fetch() returned undefined')
    expect(cache.size).toBe(0)
  })

  test('takes null for a value', async () => {
    expect(await make({ max: 2, fetchMethod: () => null }).forceFetch('a')).toBeNull()
  })

  test('rejects with what fetch rejects with', async () => {
    const { cache, calls } = fetching({})
    const failure = new Error('down')
    const promise = cache.forceFetch('a')
    calls[0].reject(failure)
    expect(await stateOf(promise)).toEqual(['rejected', failure])
  })

  test('returns a promise, and never throws itself', () => {
    const cache = make({ max: 2, fetchMethod: () => { throw new Error('thrown') } })
    const promise = cache.forceFetch('a', null)
    expect(promise).toBeInstanceOf(Promise)
    return expect(promise).rejects.toThrow('thrown')
  })
})
