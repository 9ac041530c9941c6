'use strict'

const { make, thrown } = require('./support/caches')

describe('memo', () => {
  test('gets, or else asks memoMethod once and stores what it gives', () => {
    const memoMethod = jest.fn(key => `${key}!`)
    const cache = make({ max: 2, memoMethod })
    expect(cache.memo('a')).toBe('a!')
    expect(cache.memo('a')).toBe('a!')
    expect(memoMethod).toHaveBeenCalledTimes(1)
    expect(cache.get('a')).toBe('a!')
  })

  test('hands over key, stale value, options and context', () => {
    const memoMethod = jest.fn(() => 'new')
    const cache = make({ max: 2, memoMethod })
    cache.memo('a', { ttl: 5, context: { user: 1 } })
    expect(memoMethod).toHaveBeenCalledWith('a', undefined, { options: { ttl: 5 }, context: { user: 1 } })
    cache.memo('a', { forceRefresh: true })
    expect(memoMethod).toHaveBeenLastCalledWith('a', 'new', { options: {}, context: undefined })
  })

  test('stores with the options, which memoMethod may change', () => {
    const cache = make({
      max: 2,
      maxSize: 10,
      memoMethod: (key, stale, { options }) => {
        Object.assign(options, { size: 4, ttl: 1234 })
        return 1
      }
    })
    const given = Object.freeze({ ttl: 5 })
    cache.memo('a', given)
    expect(cache.dump()[0][1]).toMatchObject({ ttl: 1234, size: 4 })
    expect(given).toEqual({ ttl: 5 })
  })

  test('replaces what has expired, and hands it over where stale values are allowed', () => {
    const clock = { time: 1000, now: () => clock.time }
    const seen = []
    const cache = make({
      max: 2, ttl: 5, ttlResolution: 0, perf: clock, memoMethod: (_, stale) => { seen.push(stale); return 'new' }
    })
    cache.set('a', 'old')
    clock.time += 6
    expect(cache.memo('a', { allowStale: true })).toBe('old')
    expect(seen).toEqual([])
    cache.set('a', 'old')
    clock.time += 6
    expect(cache.memo('a')).toBe('new')
    expect(seen).toEqual([undefined])
  })

  test('null is a value, undefined is none and is not stored', () => {
    const memoMethod = jest.fn(key => key === 'null' ? null : undefined)
    const cache = make({ max: 2, memoMethod })
    for (let i = 0; i < 2; i++) {
      expect(cache.memo('null')).toBeNull()
      expect(cache.memo('undefined')).toBeUndefined()
    }
    expect(memoMethod).toHaveBeenCalledTimes(3)
    expect([...cache.keys()]).toEqual(['null'])
  })

  test('without memoMethod throws', () => {
    expect(thrown(() => make({ max: 2 }).memo('a')).message).toMatch(/memoMethod/)
  })

  test('an error of memoMethod is passed on, and nothing is stored', () => {
    const failure = new Error('no value')
    const cache = make({ max: 2, memoMethod: () => { throw failure } })
    expect(thrown(() => cache.memo('a'))).toBe(failure)
    expect(cache.size).toBe(0)
  })

  test.each([5, true, null, 'text'])('%p as options is none', options => {
    expect(make({ max: 2, memoMethod: () => 1 }).memo('a', options)).toBe(1)
  })
})
