'use strict'

const { LRUCache, make, timed } = require('./support/caches')

const recorded = options => {
  const calls = []
  const cache = make({ max: 3, onInsert: (...args) => { calls.push(args) }, ...options })
  return [cache, () => calls.splice(0)]
}

describe('onInsert', () => {
  test('is told add, replace and update', () => {
    const [cache, taken] = recorded()
    cache.set('a', 1)
    expect(taken()).toEqual([[1, 'a', 'add']])
    cache.set('a', 2)
    expect(taken()).toEqual([[2, 'a', 'replace']])
    cache.set('a', 2)
    expect(taken()).toEqual([[2, 'a', 'update']])
    cache.delete('a')
    cache.set('a', 2)
    expect(taken()).toEqual([[2, 'a', 'add']])
  })

  test('an expired entry that is still there is replaced, one that was deleted is added', () => {
    const calls = []
    const [cache, pass] = timed({ ttl: 5, onInsert: (...args) => { calls.push(args) } })
    cache.set('a', 1)
    pass(6)
    cache.set('a', 2)
    pass(6)
    cache.get('a')
    cache.set('a', 3)
    expect(calls).toEqual([[1, 'a', 'add'], [2, 'a', 'replace'], [3, 'a', 'add']])
  })

  test('is not told of deletions, and not of what is too large', () => {
    const [cache, taken] = recorded({ maxSize: 5, sizeCalculation: value => value })
    cache.set('a', undefined)
    cache.set('a', 6)
    expect(taken()).toEqual([])
  })

  test('sees the value in the cache', () => {
    const seen = []
    const cache = make({ max: 1, onInsert: (_, key) => { seen.push([...cache.entries(), cache.get(key)]) } })
    cache.set('a', 1).set('b', 2)
    expect(seen).toEqual([[['a', 1], 1], [['b', 2], 2]])
  })

  test('is told of what load and memo store', () => {
    const [cache, taken] = recorded({ memoMethod: key => `${key}!` })
    cache.load([['a', { value: 1 }]])
    cache.memo('b')
    expect(taken()).toEqual([[1, 'a', 'add'], ['b!', 'b', 'add']])
  })

  test('is told add when the fetch of a missing key arrives, and nothing when it begins', async () => {
    const [cache, taken] = recorded({ fetchMethod: async key => `${key}!` })
    const fetched = cache.fetch('a')
    expect(taken()).toEqual([])
    await fetched
    expect(taken()).toEqual([['a!', 'a', 'add']])
  })

  test('is told replace or update when a refresh arrives', async () => {
    let next = 2
    const [cache, taken] = recorded({ fetchMethod: async () => next })
    cache.set('a', 1)
    taken()
    await cache.fetch('a', { forceRefresh: true })
    await cache.fetch('a', { forceRefresh: true })
    next = 3
    await cache.fetch('a', { forceRefresh: true })
    expect(taken()).toEqual([[2, 'a', 'replace'], [2, 'a', 'update'], [3, 'a', 'replace']])
  })

  test('of one cache is not that of another', () => {
    const first = jest.fn()
    const second = jest.fn()
    make({ max: 1, onInsert: first }).set('a', 1)
    new LRUCache({ max: 1, onInsert: second }).set('b', 1)
    expect([first.mock.calls, second.mock.calls]).toEqual([[[1, 'a', 'add']], [[1, 'b', 'add']]])
  })
})
