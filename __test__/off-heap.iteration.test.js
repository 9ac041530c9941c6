'use strict'

// keys(), values(), entries(), forEach(): each entry once, whatever is done to the cache meanwhile.

const { KEYS, closeAll, open, shapeOf, thrownBy } = require('./support/off-heap')

afterEach(closeAll)

const METHODS = ['keys', 'values', 'entries', Symbol.iterator]

const filled = (count, options) => {
  const cache = open({ shards: 4, ...options })
  for (let i = 0; i < count; i++) cache.set(`key ${i}`, i % 2 === 0 ? i : { i })
  return cache
}
const keyOf = (method, item) => method === 'keys' ? item : method === 'values' ? `key ${item.i ?? item}` : item[0]

describe.each(METHODS.map(method => [String(method), method]))('%s', (_name, method) => {
  test.each([0, 1, 2, 7, 8, 9, 23, 24, 25, 1000, 5000])('%d entries, each once', count => {
    const items = [...filled(count)[method]()]
    expect(items.length).toBe(count)
    expect(new Set(items.map(item => keyOf(method, item))).size).toBe(count)
  })

  test('is a real iterator', () => {
    const cache = filled(30)
    const iterator = cache[method]()
    expect(iterator[Symbol.iterator]()).toBe(iterator)
    expect(Object.prototype.toString.call(iterator)).toBe(Object.prototype.toString.call((function * () {})()))
    expect(iterator.next()).toEqual({ done: false, value: expect.anything() })
    expect([...iterator].length).toBe(29)
    expect([iterator.next(), iterator.next()]).toEqual([{ done: true }, { done: true }].map(end =>
      ({ ...end, value: undefined })))
    const left = cache[method]()
    left.next()
    expect(left.return('x')).toEqual({ done: true, value: 'x' })
    expect(left.next()).toEqual({ done: true, value: undefined })
    const broken = cache[method]()
    broken.next()
    expect(() => broken.throw(new Error('mine'))).toThrow('mine')
    expect(broken.next()).toEqual({ done: true, value: undefined })
  })

  test('changes neither recency nor statistics', () => {
    const cache = open({ shards: 1, max: 3 }).set('a', 1).set('b', 2).set('c', 3)
    const before = cache.stats()
    for (const item of cache[method]()) expect(item).toBeDefined()
    expect(cache.stats()).toEqual(before)
    cache.set('d', 4)
    expect(cache.has('a')).toBe(false)
  })

  test('several at once go their own ways', () => {
    const cache = filled(100)
    const iterators = [cache[method](), cache[method](), cache[method]()]
    const seen = iterators.map(() => new Set())
    for (let i = 0; i < 100; i++) {
      iterators.forEach((iterator, at) => seen[at].add(keyOf(method, iterator.next().value)))
    }
    expect(seen.map(({ size }) => size)).toEqual([100, 100, 100])
    expect(iterators.every(iterator => iterator.next().done)).toBe(true)
  })

  test('while others are read, written and deleted', () => {
    const cache = filled(2000)
    const seen = []
    let step = 0
    for (const item of cache[method]()) {
      seen.push(keyOf(method, item))
      cache.get(`key ${step * 7 % 2000}`)
      cache.set(`new ${step}`, { i: 'new' })
      cache.set(`key ${step}`, step % 2 === 0 ? step : { i: step })
      cache.getMany(['key 1', 'key 2'])
      if (step % 3 === 0) cache.delete(`key ${(step + 1000) % 2000}`)
      step++
    }
    const old = seen.filter(key => key.startsWith('key') && key !== 'key new')
    expect(new Set(old).size).toBe(old.length)
    // Every entry was there all the time or was deleted at some time.
    expect(old.length).toBeGreaterThan(1000)
  })

  test('what is deleted before its shard comes is not seen', () => {
    const cache = filled(500, { shards: 64, maxBytes: '64mb' })
    const seen = new Set()
    for (const item of cache[method]()) {
      const key = keyOf(method, item)
      if (seen.size === 0) {
        for (let i = 0; i < 500; i++) if (`key ${i}` !== key) cache.delete(`key ${i}`)
      }
      seen.add(key)
    }
    expect(seen.size).toBeLessThan(100)
  })

  test('cleared meanwhile it ends soon', () => {
    const cache = filled(5000)
    let after = 0
    for (const item of cache[method]()) {
      expect(item).toBeDefined()
      if (after++ === 0) cache.clear()
    }
    // The keys of a shard, or the values of a batch, have been read already.
    expect(after).toBeLessThan(2000)
  })

  test('closed meanwhile it throws, then it is done', () => {
    for (const before of [0, 1, 10, 30]) {
      const cache = filled(30)
      const iterator = cache[method]()
      for (let i = 0; i < before; i++) iterator.next()
      cache.close()
      expect(thrownBy(() => iterator.next())).toMatchObject({ name: 'Error', code: 'ERR_HEAPWISE_CLOSED' })
      expect(iterator.next()).toEqual({ done: true, value: undefined })
      expect(thrownBy(() => cache[method]()).code).toBe('ERR_HEAPWISE_CLOSED')
    }
    const cache = filled(3)
    const ended = cache[method]()
    expect([...ended].length).toBe(3)
    cache.close()
    expect(ended.next().done).toBe(true)
  })
})

test('keys of every kind, with their values', () => {
  const cache = open({ maxBytes: '64mb', shards: 8 })
  KEYS.forEach(([, key], i) => cache.set(key, i))
  const expected = KEYS.map(([, key], i) => [shapeOf(typeof key === 'object' ? Buffer.from(key) : key), i])
  expect([...cache].map(([key, i]) => [shapeOf(key), i]).sort()).toEqual(expected.sort())
  for (const key of cache.keys()) expect(cache.get(key)).toBe(cache.peek(key))
})

test('entries that are gone when their batch is read are left out', () => {
  const cache = filled(1000, { shards: 1 })
  const seen = []
  for (const [key, value] of cache) {
    seen.push(key)
    expect(value).toBeDefined()
    if (seen.length === 1) for (let i = 500; i < 1000; i++) cache.delete(`key ${i}`)
  }
  // Some of the first batch may have been read already.
  expect(seen.filter(key => Number(key.slice(4)) >= 500).length).toBeLessThan(10)
  expect(seen.filter(key => Number(key.slice(4)) < 500).length).toBe(500)
})

test('values are those that are there when their batch is read', () => {
  const cache = filled(1000, { shards: 1 })
  let updated = 0
  for (const [, value] of cache) {
    if (value === 'updated') updated++
    else if (updated === 0) for (const key of [...cache.keys()]) cache.set(key, 'updated')
  }
  expect(updated).toBeGreaterThan(900)
})

test('large values are read a few at a time', () => {
  const cache = open({ shards: 1, maxBytes: '256mb' })
  const value = Buffer.alloc(1e6, 1)
  for (let i = 0; i < 60; i++) cache.set(i, value)
  let count = 0
  for (const each of cache.values()) {
    count += each.length
    // Later batches find nothing.
    if (count === 30e6) cache.clear()
  }
  expect(count).toBeLessThan(30e6 + 10e6)
})

test('forEach', () => {
  const cache = filled(100)
  const seen = new Map()
  const self = {}
  expect(cache.forEach(function (value, key, given) {
    expect([this === self, given === cache]).toEqual([true, true])
    seen.set(key, value)
  }, self)).toBe(undefined)
  expect(seen).toEqual(new Map(cache))
  cache.forEach(function () { expect(this).toBe(undefined) })
  expect(() => cache.forEach(() => { throw new Error('mine') })).toThrow('mine')
  for (const callback of [undefined, null, {}, 'x']) {
    expect(thrownBy(() => cache.forEach(callback)).code).toBe('ERR_HEAPWISE_INVALID_ARG_TYPE')
  }
  expect(thrownBy(() => cache.forEach(() => cache.close())).code).toBe('ERR_HEAPWISE_CLOSED')
})

test('a Map, an array or another cache can be made of it', () => {
  const cache = filled(50)
  const map = new Map(cache)
  expect(map.size).toBe(50)
  const copy = open()
  copy.setMany(cache)
  expect(new Map(copy)).toEqual(map)
  expect(copy.getMany(cache.keys())).toEqual([...cache.values()])
  expect(cache.deleteMany(cache.keys())).toBe(50)
})
