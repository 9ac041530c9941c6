'use strict'

// What the language asks of iterators, of forEach, and of both while the map changes. Each test runs against Map too.

const { inspect, types } = require('node:util')

const { KINDS } = require('./bounded-map.support')

const MapIteratorPrototype = Object.getPrototypeOf(new Map().entries())
const METHODS = [
  ['entries', (key, value) => [key, value]], ['keys', key => key], ['values', (_key, value) => value],
  [Symbol.iterator, (key, value) => [key, value]]
].map(([name, pick]) => [String(name), name, pick])

describe.each(KINDS)('%s: iteration', (_name, Kind) => {
  describe.each(METHODS)('%s', (_text, name, pick) => {
    test('gives each entry once, in order of insertion, then is done for good', () => {
      const map = new Kind([['foo', 1], [undefined, {}], [2, undefined]])
      const iterator = map[name]()
      for (const [key, value] of Map.prototype.entries.call(map)) {
        const result = iterator.next()
        expect(result).toEqual({ value: pick(key, value), done: false })
        expect(Object.getOwnPropertyNames(result)).toEqual(['value', 'done'])
      }
      expect(iterator.next()).toEqual({ value: undefined, done: true })
      map.set('later', 1)
      expect(iterator.next()).toEqual({ value: undefined, done: true })
    })

    test('of an empty map', () => {
      expect(new Kind()[name]().next()).toEqual({ value: undefined, done: true })
    })

    test('gives a new iterator each time', () => {
      const map = new Kind([['a', 1], ['b', 2]])
      const first = map[name]()
      first.next()
      expect(map[name]()).not.toBe(first)
      expect(map[name]().next().value).toEqual(pick('a', 1))
    })

    test('entries are new arrays', () => {
      const map = new Kind([['a', 1]])
      const { value } = map[name]().next()
      if (Array.isArray(value)) value[1] = 'changed'
      expect(map.get('a')).toBe(1)
      expect(map[name]().next().value).toEqual(pick('a', 1))
    })

    test('the iterator is a Map iterator', () => {
      const iterator = new Kind([['a', 1]])[name]()
      expect(MapIteratorPrototype.isPrototypeOf(iterator)).toBe(true) // eslint-disable-line no-prototype-builtins
      expect(iterator[Symbol.toStringTag]).toBe('Map Iterator')
      expect(Object.prototype.toString.call(iterator)).toBe('[object Map Iterator]')
      expect(iterator[Symbol.iterator]()).toBe(iterator)
      expect(Reflect.ownKeys(iterator)).toEqual([])
      expect(types.isMapIterator(iterator)).toBe(true)
      expect(inspect(iterator)).toMatch(/^\[Map (Entries|Iterator)\] \{/)
      expect(iterator.return).toBe(undefined)
      expect(iterator.throw).toBe(undefined)
    })

    test('next is a method of the prototype, like any', () => {
      const iterator = new Kind()[name]()
      const { value: next, ...attributes } = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(iterator), 'next')
      expect(attributes).toEqual({ writable: true, enumerable: false, configurable: true })
      expect(next.name).toBe('next')
      expect(next.length).toBe(0)
      expect(() => Reflect.construct(Object, [], next)).toThrow(TypeError)
    })

    test.each([[undefined], [null], [1], ['a'], [{}], [[]], [new Map()], [new Set().values()], [[][Symbol.iterator]()],
      [MapIteratorPrototype]])('next is not for %p', receiver => {
      const { next } = new Kind([['a', 1]])[name]()
      expect(() => next.call(receiver)).toThrow(TypeError)
    })

    test('entries added, deleted and changed meanwhile', () => {
      const map = new Kind([['a', 1], ['b', 2], ['c', 3]])
      const iterator = map[name]()
      expect(iterator.next().value).toEqual(pick('a', 1))
      map.delete('b')
      map.set('c', 4)
      map.set('d', 5)
      map.set('a', 6)
      expect(iterator.next().value).toEqual(pick('c', 4))
      map.delete('c')
      map.delete('a')
      map.set('a', 7)
      expect(iterator.next().value).toEqual(pick('d', 5))
      expect(iterator.next().value).toEqual(pick('a', 7))
      map.set('e', 8)
      expect(iterator.next().value).toEqual(pick('e', 8))
      expect(iterator.next().done).toBe(true)
    })

    test('entries added before the first step', () => {
      const map = new Kind()
      const iterator = map[name]()
      map.set('a', 1)
      expect(iterator.next()).toEqual({ value: pick('a', 1), done: false })
    })

    test('two iterators do not mind each other, nor deletions behind them', () => {
      const map = new Kind(Array.from({ length: 50 }, (_, i) => [i, i]))
      const one = map[name]()
      const two = map[name]()
      for (let i = 0; i < 50; i++) {
        expect(one.next().value).toEqual(pick(i, i))
        if (i % 2 === 1) expect(two.next().value).toEqual(pick(i - 1, i - 1))
        if (i % 2 === 1) map.delete(i)
      }
      expect(two.next().done).toBe(true)
    })

    test('deleting and adding the present key for ever is up to the caller', () => {
      const map = new Kind([['a', 0]])
      const seen = []
      for (const item of map[name]()) {
        map.delete('a')
        map.set('a', 0)
        if (seen.push(item) === 100) break
      }
      expect(seen).toEqual(new Array(100).fill(pick('a', 0)))
    })
  })

  describe('forEach', () => {
    test('calls back with value, key and the map, in order, and returns undefined', () => {
      const map = new Kind([['foo', 'valFoo'], ['bar', 2], [undefined, undefined]])
      const calls = []
      expect(map.forEach((...args) => { calls.push(args) })).toBe(undefined)
      expect(calls.map(([value, key]) => [key, value])).toEqual([...map])
      expect(calls.every(args => args.length === 3 && args[2] === map)).toBe(true)
    })

    test('thisArg is the receiver, as it is', () => {
      const map = new Kind([['a', 1]])
      const seen = []
      const callback = function () { seen.push(this) }
      const thisArg = {}
      map.forEach(callback, thisArg)
      map.forEach(callback)
      map.forEach(callback, null)
      map.forEach(callback, 1)
      expect(seen).toEqual([thisArg, undefined, null, 1])
      expect(seen[0]).toBe(thisArg)
    })

    test('a sloppy function gets the global object', () => {
      const sloppy = new Function('seen', 'return function () { seen.push(this) }') // eslint-disable-line no-new-func
      const seen = []
      new Kind([['a', 1]]).forEach(sloppy(seen))
      expect(seen[0]).toBe(new Function('return this')()) // eslint-disable-line no-new-func
    })

    test.each([[undefined], [null], [1], ['a'], [{}], [[]], [Symbol('s')]])('%p is no callback', callback => {
      expect(() => new Kind([['a', 1]]).forEach(callback)).toThrow(TypeError)
      expect(() => new Kind().forEach(callback)).toThrow(TypeError)
    })

    test('an error of the callback ends it', () => {
      const map = new Kind([['a', 1], ['b', 2]])
      let calls = 0
      const error = new Error('mine')
      expect(() => map.forEach(() => {
        calls++
        throw error
      })).toThrow(error)
      expect(calls).toBe(1)
    })

    test('entries added meanwhile are visited, deleted ones are not', () => {
      const map = new Kind([['a', 1], ['b', 2], ['c', 3]])
      const seen = []
      map.forEach((value, key) => {
        seen.push(key)
        if (key === 'a') {
          map.delete('b')
          map.set('d', 4)
        }
        if (key === 'd') map.set('e', 5)
      })
      expect(seen).toEqual(['a', 'c', 'd', 'e'])
    })

    test('entries deleted and added again are visited again', () => {
      const map = new Kind([['a', 1], ['b', 2]])
      const seen = []
      map.forEach((value, key) => {
        seen.push([key, value])
        if (seen.length === 1) {
          map.delete('a')
          map.set('a', 3)
        }
      })
      expect(seen).toEqual([['a', 1], ['b', 2], ['a', 3]])
    })

    test('clear in the middle', () => {
      const map = new Kind([['a', 1], ['b', 2]])
      const seen = []
      map.forEach((value, key) => {
        seen.push(key)
        if (key === 'a') {
          map.clear()
          map.set('c', 3)
        }
      })
      expect(seen).toEqual(['a', 'c'])
    })

    test('of Map, called on it', () => {
      const seen = []
      Map.prototype.forEach.call(new Kind([['a', 1]]), (value, key) => seen.push([key, value]))
      expect(seen).toEqual([['a', 1]])
    })
  })

  test('spread, Array.from, Object.fromEntries, destructuring, Set, Map', () => {
    const map = new Kind([['a', 1], ['b', 2]])
    const entries = [['a', 1], ['b', 2]]
    expect([...map]).toEqual(entries)
    expect(Array.from(map)).toEqual(entries)
    expect(Array.from(map.keys())).toEqual(['a', 'b'])
    expect([...map.values()]).toEqual([1, 2])
    expect(Object.fromEntries(map)).toEqual({ a: 1, b: 2 })
    const [[first]] = map
    expect(first).toBe('a')
    expect([...new Set(map.keys())]).toEqual(['a', 'b'])
    expect([...new Map(map)]).toEqual(entries)
    expect([...new Kind(map)]).toEqual(entries)
    expect(Object.getPrototypeOf(new Map(map))).toBe(Map.prototype)
  })

  test('breaking out of a loop leaves an iterator that goes on', () => {
    const map = new Kind([['a', 1], ['b', 2], ['c', 3]])
    const iterator = map.keys()
    for (const key of iterator) if (key === 'a') break
    expect([...iterator]).toEqual(['b', 'c'])
  })

  test('iterator helpers, where there are any', () => {
    const map = new Kind([['a', 1], ['b', 2]])
    const { map: helper } = map.values()
    expect(typeof helper).toBe(typeof new Map().values().map)
    expect(helper === undefined ? [2, 4] : [...map.values().map(value => 2 * value)]).toEqual([2, 4])
  })

  test('a random walk of changes under a held iterator is that of Map', () => {
    const map = new Kind()
    const model = new Map()
    let mine = map.entries()
    let theirs = model.entries()
    let random = 1
    for (let i = 0; i < 5000; i++) {
      random = (Math.imul(random, 48271) >>> 0) % 2147483647
      const key = random % 40
      const action = (random >>> 8) % 8
      if (action < 3) expect(map.set(key, i).size).toBe(model.set(key, i).size)
      else if (action < 5) expect(map.delete(key)).toBe(model.delete(key))
      else if (action < 7) expect(mine.next()).toEqual(theirs.next())
      else if (random % 97 === 0) expect(map.clear()).toBe(model.clear())
      else if (random % 7 === 0) [mine, theirs] = [map.entries(), model.entries()]
    }
    expect([...map]).toEqual([...model])
  })
})
