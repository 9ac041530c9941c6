'use strict'

const { make, timed, logged } = require('./support/caches')

describe('dispose and disposeAfter', () => {
  test.each([
    ['evict', cache => cache.set('b', 2)],
    ['evict', cache => cache.pop()],
    ['set', cache => cache.set('a', 2)],
    ['delete', cache => cache.delete('a')],
    ['delete', cache => cache.set('a', undefined)],
    ['delete', cache => cache.clear()],
    ['delete', cache => cache.load([])]
  ])('are told the reason %s', (reason, act) => {
    const { callbacks, log } = logged()
    const cache = make({ max: 1, ...callbacks })
    cache.set('a', 1)
    act(cache)
    const told = log.filter(([name]) => name !== 'insert')
    expect(told).toEqual([['dispose', 1, 'a', reason], ['disposeAfter', 1, 'a', reason]])
  })

  test.each([
    ['get', cache => cache.get('a')],
    ['get with allowStale', cache => cache.get('a', { allowStale: true })],
    ['purgeStale', cache => cache.purgeStale()],
    ['find', cache => cache.find(() => { cache.ttl = 0; return true }, {})]
  ])('are told the reason expire by %s', (name, act) => {
    const { callbacks, taken } = logged()
    const [cache, pass] = timed({ ttl: 5, ...callbacks })
    cache.set('a', 1)
    pass(6)
    if (name === 'find') cache.allowStale = true
    taken()
    act(cache)
    expect(taken()).toEqual([['dispose', 1, 'a', 'expire'], ['disposeAfter', 1, 'a', 'expire']])
  })

  test('are told the reason fetch when a fetch takes a stale value with it', async () => {
    const { callbacks, taken } = logged()
    const cache = make({ max: 3, fetchMethod: async () => { throw new Error('down') }, ...callbacks })
    cache.set('a', 1)
    taken()
    await expect(cache.fetch('a', { forceRefresh: true })).rejects.toThrow('down')
    expect(taken()).toEqual([['dispose', 1, 'a', 'fetch'], ['disposeAfter', 1, 'a', 'fetch']])
  })

  test('dispose is called while the entry is there, disposeAfter when it is not', () => {
    const seen = []
    const look = name => (value, key, reason) => {
      seen.push([name, reason, cache.has(key), cache.peek(key), cache.size])
    }
    const cache = make({ max: 2, dispose: look('dispose'), disposeAfter: look('disposeAfter') })
    cache.set('a', 1).set('b', 2)
    cache.delete('a')
    expect(seen.splice(0)).toEqual([['dispose', 'delete', true, 1, 2], ['disposeAfter', 'delete', false, undefined, 1]])
    cache.set('b', 3)
    expect(seen.splice(0)).toEqual([['dispose', 'set', true, 2, 1], ['disposeAfter', 'set', true, 3, 1]])
    cache.set('c', 4).set('d', 5)
    expect(seen.splice(0)).toEqual([['dispose', 'evict', true, 3, 2], ['disposeAfter', 'evict', false, undefined, 2]])
  })

  test('are called on the cache', () => {
    const receivers = []
    const note = function () { receivers.push(this) }
    const cache = make({ max: 2, dispose: note, disposeAfter: note, onInsert: note })
    cache.set('a', 1).delete('a')
    expect(receivers).toEqual([cache, cache, cache])
  })

  test('noDisposeOnSet: an overwrite is not told, everything else is', () => {
    const { callbacks, taken } = logged()
    const cache = make({ max: 1, noDisposeOnSet: true, ...callbacks })
    cache.set('a', 1).set('a', 2)
    expect(taken()).toEqual([['insert', 1, 'a', 'add'], ['insert', 2, 'a', 'replace']])
    cache.set('b', 3)
    expect(taken()).toEqual([
      ['dispose', 2, 'a', 'evict'], ['insert', 3, 'b', 'add'], ['disposeAfter', 2, 'a', 'evict']
    ])
    cache.delete('b')
    expect(taken()).toEqual([['dispose', 3, 'b', 'delete'], ['disposeAfter', 3, 'b', 'delete']])
  })

  test('noDisposeOnSet of one call counts for that call', () => {
    const { callbacks, taken } = logged()
    const cache = make({ max: 1, ...callbacks })
    cache.set('a', 1).set('a', 2, { noDisposeOnSet: true })
    expect(taken().some(([name]) => name.startsWith('dispose'))).toBe(false)
    cache.noDisposeOnSet = true
    cache.set('a', 3, { noDisposeOnSet: false })
    expect(taken()).toEqual([
      ['dispose', 2, 'a', 'set'], ['insert', 3, 'a', 'replace'], ['disposeAfter', 2, 'a', 'set']
    ])
  })

  test('the same value again is not disposed of', () => {
    const { callbacks, taken } = logged()
    const value = {}
    const cache = make({ max: 1, ...callbacks })
    cache.set('a', value).set('a', value)
    expect(taken().map(([name]) => name)).toEqual(['insert', 'insert'])
  })

  test('disposeAfter may set the key again', () => {
    const cache = make({
      max: 2,
      disposeAfter: (value, key, reason) => { if (reason === 'delete' && value < 3) cache.set(key, value + 1) }
    })
    cache.set('a', 1)
    cache.delete('a')
    expect(cache.get('a')).toBe(2)
    cache.delete('a')
    expect(cache.get('a')).toBe(3)
    cache.delete('a')
    expect(cache.has('a')).toBe(false)
  })

  test('each value that leaves is disposed of once', () => {
    const left = new Map()
    const count = value => { left.set(value, (left.get(value) ?? 0) + 1) }
    const cache = make({ max: 50, dispose: count })
    for (let value = 0; value < 5000; value++) cache.set(value * 7 % 120, value)
    const inside = [...cache.values()]
    expect(left.size + inside.length).toBe(5000)
    expect([...left.values()].every(times => times === 1)).toBe(true)
    expect(inside.some(value => left.has(value))).toBe(false)
  })
})
