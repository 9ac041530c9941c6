'use strict'

const { make, timed } = require('./support/caches')

const filled = count => {
  const cache = make({ max: Math.max(count, 1) })
  for (let i = 0; i < count; i++) cache.set(i, `v${i}`)
  return cache
}

const WAYS = ['keys', 'values', 'entries', 'rkeys', 'rvalues', 'rentries']

describe('iteration', () => {
  test('goes from the most to the least recently used, and back', () => {
    const cache = filled(3)
    cache.get(0)
    expect([...cache.keys()]).toEqual([0, 2, 1])
    expect([...cache.values()]).toEqual(['v0', 'v2', 'v1'])
    expect([...cache.entries()]).toEqual([[0, 'v0'], [2, 'v2'], [1, 'v1']])
    expect([...cache]).toEqual([[0, 'v0'], [2, 'v2'], [1, 'v1']])
    expect([...cache.rkeys()]).toEqual([1, 2, 0])
    expect([...cache.rvalues()]).toEqual(['v1', 'v2', 'v0'])
    expect([...cache.rentries()]).toEqual([[1, 'v1'], [2, 'v2'], [0, 'v0']])
  })

  test.each(WAYS)('%s gives an iterable iterator that can be left', way => {
    const iterator = filled(3)[way]()
    expect(iterator[Symbol.iterator]()).toBe(iterator)
    expect(iterator.next().done).toBe(false)
    expect(iterator.return('left')).toEqual({ done: true, value: 'left' })
    expect(iterator.next()).toEqual({ done: true, value: undefined })
  })

  test.each([0, 1, 31, 32, 33, 64, 65, 1000])('visits each of %i entries once', count => {
    const cache = filled(count)
    const expected = Array.from({ length: count }, (_, i) => i)
    expect([...cache.rkeys()]).toEqual(expected)
    expect([...cache.keys()]).toEqual(expected.reverse())
  })

  test('leaves the order alone', () => {
    const cache = filled(3)
    for (const way of WAYS) for (const item of cache[way]()) expect(item).toBeDefined()
    expect([...cache.keys()]).toEqual([2, 1, 0])
  })

  test('passes over what has expired, unless the cache allows stale values', () => {
    const [cache, pass] = timed({ ttl: 5 })
    cache.set('a', 1).set('b', 2, { ttl: 50 }).set('c', 3)
    pass(6)
    expect([...cache.keys()]).toEqual(['b'])
    expect([...cache.rvalues()]).toEqual([2])
    expect(cache.size).toBe(3)
    cache.allowStale = true
    expect([...cache.keys()]).toEqual(['c', 'b', 'a'])
  })

  test('passes over a pending fetch, also one with a stale value', async () => {
    let resolve
    const cache = make({ max: 5, fetchMethod: () => new Promise(done => { resolve = done }) })
    cache.set('a', 1).set('b', 2)
    const refreshed = cache.fetch('a', { forceRefresh: true })
    expect([...cache.keys()]).toEqual(['b'])
    expect([...cache.values()]).toEqual([2])
    expect([...cache.entries()]).toEqual([['b', 2]])
    resolve(3)
    await refreshed
    expect([...cache.entries()]).toEqual([['a', 3], ['b', 2]])
  })
})

// Where lru-cache's iteration skips, repeats or never ends (D5).
describe.each([3, 100])('changes to a cache of %i entries during its iteration', count => {
  const all = Array.from({ length: count }, (_, i) => i)
  const sorted = list => [...list].sort((a, b) => a - b)

  const visitedBy = (cache, way, change) => {
    const visited = []
    for (const item of cache[way]()) {
      const key = Array.isArray(item) ? item[0] : typeof item === 'string' ? Number(item.slice(1)) : item
      visited.push(key)
      if (visited.length > 10 * count) throw new Error('does not end')
      change(key, visited.length)
    }
    return visited
  }

  test.each(WAYS)('%s: entries that are read are visited once each', way => {
    const cache = filled(count)
    expect(sorted(visitedBy(cache, way, key => { cache.get(key) }))).toEqual(all)
    const other = filled(count)
    expect(sorted(visitedBy(other, way, () => { other.get(0) }))).toEqual(all)
  })

  test.each(WAYS)('%s: entries that are written are visited once each', way => {
    const cache = filled(count)
    expect(sorted(visitedBy(cache, way, key => { cache.set(count - 1 - key, `v${count - 1 - key}`) }))).toEqual(all)
  })

  test.each(WAYS)('%s: each may be deleted as it is visited', way => {
    const cache = filled(count)
    expect(sorted(visitedBy(cache, way, key => { cache.delete(key) }))).toEqual(all)
    expect(cache.size).toBe(0)
  })

  test.each(WAYS)('%s: what is deleted before its turn is not visited', way => {
    const cache = filled(count)
    const forwards = way.startsWith('r')
    const [first, second] = forwards ? [0, 1] : [count - 1, count - 2]
    const visited = visitedBy(cache, way, key => { if (key === first) cache.delete(second) })
    expect(sorted(visited)).toEqual(all.filter(key => key !== second))
  })

  test.each(WAYS)('%s: ends after a clear', way => {
    const cache = filled(count)
    expect(visitedBy(cache, way, () => { cache.clear() })).toHaveLength(1)
  })

  test.each(WAYS)('%s: what is added may be visited, and what was there still is', way => {
    const cache = make({ max: 20 * count })
    for (const key of all) cache.set(key, `v${key}`)
    const visited = visitedBy(cache, way, key => { if (key < count) cache.set(count + key, `v${count + key}`) })
    expect(sorted(visited.filter(key => key < count))).toEqual(all)
    expect(new Set(visited).size).toBe(visited.length)
  })

  test.each(WAYS)('%s: what is evicted by additions is not visited', way => {
    const cache = filled(count)
    let next = count
    const visited = visitedBy(cache, way, () => { if (next < count + 2) cache.set(next, `v${next++}`) })
    expect(new Set(visited).size).toBe(visited.length)
    for (const key of cache.keys()) if (key < count) expect(visited).toContain(key)
  })

  test('a value that is overwritten before its turn is the new one', () => {
    const cache = filled(count)
    const values = []
    for (const value of cache.rvalues()) {
      values.push(value)
      if (values.length === 1) cache.set(1, 'new')
    }
    expect(values).toContain('new')
    expect(values).not.toContain('v1')
  })
})
