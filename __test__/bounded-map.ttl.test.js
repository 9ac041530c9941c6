'use strict'

// Time to live: what has expired is not there any more, except that memory and `size` count it until the timer runs.

const { setTimeout: sleep } = require('node:timers/promises')
const { inspect, types } = require('node:util')

const { BoundedMap } = require('..')
const { mirrored, validateMap } = require('./bounded-map.support')

/** A clock that moves when told, and no timer of the real world with it. */
const clock = () => {
  let now = 1000
  return { now: () => now, tick: ms => { now += ms } }
}

/** A map whose timer does not come, so that what is expired stays in it. */
const unpurged = (entries, options) => {
  const perf = clock()
  const map = new BoundedMap(entries, { ttl: 100, ttlResolution: 0, perf, ...options })
  return { map, tick: perf.tick }
}

describe('an expired entry that is not purged yet', () => {
  const half = options => {
    const made = unpurged([['a', 1], ['b', 2], ['c', 3]], options)
    made.tick(60)
    made.map.set('b', 4)
    made.tick(60)
    return made
  }

  test('a live entry lives exactly as long as its ttl', () => {
    const { map, tick } = unpurged([['a', 1]])
    tick(100)
    expect(map.has('a')).toBe(true)
    expect([...map]).toEqual([['a', 1]])
    tick(1)
    expect(map.has('a')).toBe(false)
    expect([...map]).toEqual([])
    expect(map.get('a')).toBe(undefined)
    validateMap(map)
  })

  test('has and get do not find it', () => {
    const { map } = half()
    expect(['a', 'b', 'c'].map(key => map.has(key))).toEqual([false, true, false])
    expect(['a', 'b', 'c'].map(key => map.get(key))).toEqual([undefined, 4, undefined])
    expect(map.size).toBe(1)
    validateMap(map)
  })

  test('no kind of iteration gives it', () => {
    const { map } = half()
    expect([...map]).toEqual([['b', 4]])
    expect([...map.entries()]).toEqual([['b', 4]])
    expect([...map.keys()]).toEqual(['b'])
    expect([...map.values()]).toEqual([4])
    const calls = []
    map.forEach(function (...args) { calls.push([this, ...args]) }, 'this')
    expect(calls).toEqual([['this', 4, 'b', map]])
    expect(calls[0][3]).toBe(map)
    expect([...new Map(map)]).toEqual([['b', 4]])
    expect(Object.fromEntries(map)).toEqual({ b: 4 })
    expect([...new BoundedMap(map)]).toEqual([['b', 4]])
  })

  test('delete does not find it, and removes it all the same', () => {
    const removed = []
    const { map } = half({ dispose: (value, key) => removed.push(key) })
    removed.length = 0
    expect(map.delete('a')).toBe(false)
    expect(map.delete('b')).toBe(true)
    expect(removed).toEqual(['a', 'b'])
    expect(mirrored(map)).toEqual([['c', 3]])
    validateMap(map)
  })

  test.each([['without callbacks', {}], ['with callbacks', { dispose () {} }]])(
    'when it is set again it is a new entry, at the end, %s', (_name, options) => {
      const { map } = half(options)
      const iterator = map.keys()
      expect(iterator.next().value).toBe('b')
      map.set('a', 5)
      map.set('b', 6)
      expect([...map]).toEqual([['b', 6], ['a', 5]])
      expect([...iterator]).toEqual(['a'])
      validateMap(map)
    })

  test('getOrInsert inserts', () => {
    const { map } = half()
    expect(map.getOrInsert('a', 5)).toBe(5)
    expect(map.getOrInsertComputed('c', () => 6)).toBe(6)
    expect(map.getOrInsert('b', 7)).toBe(4)
    expect([...map]).toEqual([['b', 4], ['a', 5], ['c', 6]])
    validateMap(map)
  })

  test('size counts it', () => {
    const { map } = half()
    expect(map.size).toBe(3)
  })

  test('an entry that expires while an iterator is held is stepped over', () => {
    const { map, tick } = unpurged([['a', 1], ['b', 2]])
    tick(50)
    map.set('c', 3)
    const iterator = map.values()
    expect(iterator.next().value).toBe(1)
    tick(60)
    expect(iterator.next().value).toBe(3)
    expect(iterator.next()).toEqual({ value: undefined, done: true })
  })

  test('it goes before a live one when room is needed', () => {
    const removed = []
    const { map, tick } = unpurged([], { max: 2, dispose: (value, key, reason) => removed.push([key, reason]) })
    map.set('a', 1)
    tick(60)
    map.set('b', 2)
    map.get('a')
    tick(60)
    map.set('c', 3)
    expect(removed).toEqual([['a', 'expire']])
    expect([...map.keys()]).toEqual(['b', 'c'])
    validateMap(map)
  })
})

describe('time', () => {
  test('overwriting starts anew, reading does not', () => {
    const { map, tick } = unpurged([['a', 1], ['b', 1]])
    tick(60)
    map.set('a', 2)
    map.get('b')
    map.has('b')
    tick(60)
    expect([...map]).toEqual([['a', 2]])
  })

  test('with updateAgeOnGet, get does and has does not', () => {
    const { map, tick } = unpurged([['a', 1], ['b', 1]], { updateAgeOnGet: true })
    tick(60)
    map.get('a')
    map.has('b')
    tick(60)
    expect([...map]).toEqual([['a', 1]])
  })

  test('undefined, as key and as value, lives and expires', () => {
    const { map, tick } = unpurged([[undefined, undefined]])
    expect(map.has(undefined)).toBe(true)
    expect([...map]).toEqual([[undefined, undefined]])
    tick(101)
    expect(map.has(undefined)).toBe(false)
    expect([...map]).toEqual([])
    map.set(undefined, 1)
    expect(mirrored(map)).toEqual([[undefined, 1]])
    validateMap(map)
  })
})

describe('purging', () => {
  beforeEach(() => { jest.useFakeTimers() })
  afterEach(() => { jest.useRealTimers() })

  test('one timer removes what has expired, and tells why', () => {
    const removed = []
    const map = new BoundedMap([['a', 1], ['b', undefined]], {
      ttl: 100,
      dispose: (value, key, reason) => removed.push([key, value, reason])
    })
    jest.advanceTimersByTime(50)
    map.set('c', 3)
    jest.advanceTimersByTime(60)
    expect(map.size).toBe(1)
    expect(mirrored(map)).toEqual([['c', 3]])
    expect(removed).toEqual([['a', 1, 'expire'], ['b', undefined, 'expire']])
    expect(map.stats().removed.expire).toBe(2)
    validateMap(map)
    jest.advanceTimersByTime(60)
    expect(map.size).toBe(0)
    validateMap(map)
  })

  test('under a held iterator', () => {
    const map = new BoundedMap([['a', 1], ['b', 2]], { ttl: 100 })
    const iterator = map.entries()
    jest.advanceTimersByTime(200)
    map.set('c', 3)
    expect([...iterator]).toEqual([['c', 3]])
  })

  test('nothing waits after Symbol.dispose, nor after the last entry is gone', () => {
    const map = new BoundedMap([['a', 1]], { ttl: 100 })
    expect(jest.getTimerCount()).toBeGreaterThan(0)
    jest.advanceTimersByTime(200)
    expect(jest.getTimerCount()).toBe(0)
    map.set('b', 1)
    jest.advanceTimersByTime(5)
    map[Symbol.dispose ?? Symbol.for('nodejs.dispose')]()
    expect(jest.getTimerCount()).toBe(0)
    map.set('c', 1)
    jest.advanceTimersByTime(200)
    expect(map.size).toBe(0)
  })
})

test('purging by the real clock', async () => {
  const map = new BoundedMap(Array.from({ length: 1000 }, (_, i) => [i, i]), { ttl: 5 })
  while (map.size > 0) await sleep(5)
  expect(mirrored(map)).toEqual([])
  validateMap(map)
})

test('making iterators of a map with a ttl leaves those of Map as they are', () => {
  const map = new BoundedMap([['a', 1]], { ttl: 100 })
  const prototype = Object.getPrototypeOf(map.keys())
  const MapIteratorPrototype = Object.getPrototypeOf(new Map().keys())
  expect(Object.getPrototypeOf(prototype)).toBe(MapIteratorPrototype)
  expect(Object.getPrototypeOf(map.values())).toBe(prototype)
  expect(Reflect.ownKeys(prototype)).toEqual(['next'])
  expect(new Map([['b', 2]]).keys().next().value).toBe('b')
  expect(types.isMapIterator(map.keys())).toBe(true)
  expect(inspect(map.entries())).toBe("[Map Entries] { [ 'a', 1 ] }")
  expect(() => prototype.next.call(new Map().keys())).toThrow(TypeError)
})
