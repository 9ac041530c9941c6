'use strict'

// What the language asks of get, set, has, delete, clear, size and getOrInsert. Each test runs against Map too.

const { BoundedMap } = require('..')
const { KINDS } = require('./bounded-map.support')

const KEYS = [1, 'a', '', true, null, undefined, NaN, 0, 1n, Symbol('s'), {}, [], () => {}, Infinity]

describe.each(KINDS)('%s: methods', (_name, Kind) => {
  describe('get', () => {
    test.each(KEYS.map(key => [key]))('gives the value of %p', key => {
      const map = new Kind([['other', 1]])
      expect(map.get(key)).toBe(undefined)
      map.set(key, 'value')
      expect(map.get(key)).toBe('value')
      map.delete(key)
      expect(map.get(key)).toBe(undefined)
    })

    test('is undefined after clear, and for a value that is undefined', () => {
      const map = new Kind([['a', 1], ['b', undefined]])
      expect(map.get('b')).toBe(undefined)
      map.clear()
      expect(map.get('a')).toBe(undefined)
    })

    test('0 and -0 are one key', () => {
      const map = new Kind([[-0, 'zero']])
      expect(map.get(0)).toBe('zero')
      expect(map.get(-0)).toBe('zero')
    })

    test('keys that only look alike are different', () => {
      const map = new Kind([[1, 'number'], ['1', 'string'], [{}, 'object']])
      expect(map.get('1')).toBe('string')
      expect(map.get(1)).toBe('number')
      expect(map.get(1n)).toBe(undefined)
      expect(map.get({})).toBe(undefined)
      expect(map.get(true)).toBe(undefined)
    })
  })

  describe('has', () => {
    test.each(KEYS.map(key => [key]))('%p', key => {
      const map = new Kind()
      expect(map.has(key)).toBe(false)
      map.set(key, undefined)
      expect(map.has(key)).toBe(true)
      map.delete(key)
      expect(map.has(key)).toBe(false)
    })

    test('0 and -0 are one key', () => {
      expect(new Kind([[0, 1]]).has(-0)).toBe(true)
      expect(new Kind([[-0, 1]]).has(0)).toBe(true)
    })
  })

  describe('set', () => {
    test('returns the map, for a new key and for a known one', () => {
      const map = new Kind()
      expect(map.set('a', 1)).toBe(map)
      expect(map.set('a', 2)).toBe(map)
      expect(map.set('b', 1).set('c', undefined).set('b', 2)).toBe(map)
      expect([...map]).toEqual([['a', 2], ['b', 2], ['c', undefined]])
    })

    test('appends new keys of every kind, in order', () => {
      const map = new Kind()
      KEYS.forEach((key, i) => map.set(key, i))
      expect([...map]).toEqual(KEYS.map((key, i) => [key, i]))
    })

    test('a known key keeps its place', () => {
      const map = new Kind([['a', 1], ['b', 2], ['c', 3]])
      map.set('a', 4)
      expect([...map]).toEqual([['a', 4], ['b', 2], ['c', 3]])
      map.delete('a')
      map.set('a', 5)
      expect([...map]).toEqual([['b', 2], ['c', 3], ['a', 5]])
    })

    test('stores the key 0 for -0', () => {
      const map = new Kind()
      map.set(-0, 'a')
      expect(Object.is([...map.keys()][0], 0)).toBe(true)
      map.set(0, 'b')
      map.set(-0, 'c')
      expect([...map]).toEqual([[0, 'c']])
      map.forEach((_value, key) => expect(Object.is(key, 0)).toBe(true))
    })

    test('keeps the value -0', () => {
      const map = new Kind()
      map.set('a', -0)
      expect(Object.is(map.get('a'), -0)).toBe(true)
    })

    test('without arguments sets undefined to undefined', () => {
      const map = new Kind()
      map.set()
      expect([...map]).toEqual([[undefined, undefined]])
      expect(map.has()).toBe(true)
      expect(map.get()).toBe(undefined)
      expect(map.delete()).toBe(true)
      expect(map.size).toBe(0)
    })

    test('undefined replaces a value and is replaced by one', () => {
      const map = new Kind([['a', 1]])
      map.set('a', undefined)
      expect([...map]).toEqual([['a', undefined]])
      expect(map.has('a')).toBe(true)
      map.set('a', 2)
      expect([...map]).toEqual([['a', 2]])
    })
  })

  describe('delete', () => {
    test('tells whether there was such a key', () => {
      const map = new Kind([['a', 1], ['b', undefined], [0, 2]])
      expect(map.delete('nowhere')).toBe(false)
      expect(map.delete('a')).toBe(true)
      expect(map.delete('a')).toBe(false)
      expect(map.delete('b')).toBe(true)
      expect(map.delete(-0)).toBe(true)
      expect(map.size).toBe(0)
    })

    test.each(KEYS.map(key => [key]))('%p', key => {
      const map = new Kind([[key, 1]])
      expect(map.delete(key)).toBe(true)
      expect(map.delete(key)).toBe(false)
      expect([...map]).toEqual([])
    })
  })

  describe('clear', () => {
    test('removes everything and returns undefined', () => {
      const map = new Kind(KEYS.map(key => [key, key]))
      expect(map.clear()).toBe(undefined)
      expect(map.size).toBe(0)
      expect([...map]).toEqual([])
      KEYS.forEach(key => expect(map.has(key)).toBe(false))
      expect(map.clear()).toBe(undefined)
    })

    test('the map goes on, and iterators made before see what is added after', () => {
      const map = new Kind([['a', 1], ['b', 2]])
      const iterator = map.keys()
      expect(iterator.next().value).toBe('a')
      map.clear()
      map.set('c', 3)
      expect(iterator.next()).toEqual({ value: 'c', done: false })
      expect(iterator.next()).toEqual({ value: undefined, done: true })
      expect(map.size).toBe(1)
    })
  })

  describe('size', () => {
    test('counts what is there', () => {
      const map = new Kind()
      expect(map.size).toBe(0)
      map.set(0, undefined).set(undefined, undefined).set(false, null)
      expect(map.size).toBe(3)
      map.set(-0, 1)
      expect(map.size).toBe(3)
      map.delete('nowhere')
      expect(map.size).toBe(3)
      map.delete(undefined)
      expect(map.size).toBe(2)
      map.clear()
      expect(map.size).toBe(0)
      expect(new Kind(KEYS.map(key => [key, 1])).size).toBe(KEYS.length)
    })

    test('cannot be written', () => {
      const map = new Kind([['a', 1]])
      expect(() => { map.size = 5 }).toThrow(TypeError)
      expect(map.size).toBe(1)
    })

    test('is read by the getter of Map', () => {
      const { get } = Object.getOwnPropertyDescriptor(Map.prototype, 'size')
      expect(get.call(new Kind([['a', 1]]))).toBe(1)
    })
  })

  test('thousands of keys', () => {
    const map = new Kind()
    for (let i = 0; i < 5000; i++) map.set(`key ${i}`, i)
    for (let i = 0; i < 5000; i += 2) map.delete(`key ${i}`)
    expect(map.size).toBe(2500)
    expect(map.get('key 4999')).toBe(4999)
    expect(map.has('key 4998')).toBe(false)
    expect([...map.values()].every((value, i) => value === 2 * i + 1)).toBe(true)
  })

  test('properties on Object.prototype are not entries', () => {
    const map = new Kind()
    expect(map.has('constructor')).toBe(false)
    expect(map.get('toString')).toBe(undefined)
    expect(map.get('__proto__')).toBe(undefined)
    map.set('__proto__', 1)
    expect([...map]).toEqual([['__proto__', 1]])
  })
})

// Map has these two from Node 26 on. There the tests run against Map too.
describe.each(KINDS.filter(([, Kind]) => 'getOrInsert' in Kind.prototype))('%s: getOrInsert', (_name, Kind) => {
  test.each(KEYS.map(key => [key]))('%p', key => {
    const map = new Kind([['other', 1]])
    expect(map.getOrInsert(key, 'a')).toBe('a')
    expect(map.getOrInsert(key, 'b')).toBe('a')
    expect([...map]).toEqual([['other', 1], [key, 'a']])
    expect(map.getOrInsertComputed(key, () => 'c')).toBe('a')
    map.delete(key)
    expect(map.getOrInsertComputed(key, () => 'd')).toBe('d')
    expect([...map]).toEqual([['other', 1], [key, 'd']])
  })

  test('a value that is undefined is there', () => {
    const map = new Kind([['a', undefined]])
    expect(map.getOrInsert('a', 1)).toBe(undefined)
    expect(map.getOrInsertComputed('a', () => 1)).toBe(undefined)
    expect([...map]).toEqual([['a', undefined]])
  })

  test('0 is the key for -0', () => {
    const map = new Kind()
    map.getOrInsert(-0, 'a')
    expect(Object.is([...map.keys()][0], 0)).toBe(true)
    map.clear()
    expect(map.getOrInsertComputed(-0, key => Object.is(key, 0))).toBe(true)
    expect(Object.is([...map.keys()][0], 0)).toBe(true)
  })

  test('the callback gets the key alone, no receiver, and is not called for a known key', () => {
    const map = new Kind()
    let seen
    const callback = function (...args) {
      seen = [this, ...args]
      return 1
    }
    map.getOrInsertComputed('a', callback)
    expect(seen).toEqual([undefined, 'a'])
    seen = undefined
    map.getOrInsertComputed('a', callback)
    expect(seen).toBe(undefined)
  })

  test.each([[undefined], [null], [1], ['a'], [{}], [Symbol('s')]])('%p is no callback', callback => {
    const map = new Kind([['a', 1]])
    expect(() => map.getOrInsertComputed('a', callback)).toThrow(TypeError)
    expect(() => map.getOrInsertComputed('b', callback)).toThrow(TypeError)
    expect(map.size).toBe(1)
  })

  test('a callback that throws sets nothing', () => {
    const map = new Kind()
    const error = new Error('mine')
    expect(() => map.getOrInsertComputed('a', () => { throw error })).toThrow(error)
    expect(map.size).toBe(0)
  })

  test('what the callback returns replaces what it set itself', () => {
    const map = new Kind()
    expect(map.getOrInsertComputed('a', key => {
      map.set(key, 'inside')
      map.set('b', 1)
      return 'returned'
    })).toBe('returned')
    expect([...map]).toEqual([['a', 'returned'], ['b', 1]])
  })

  test('set is not looked up', () => {
    class Sub extends Kind {
      set () {
        throw new Error('called')
      }
    }
    const map = new Sub()
    expect(map.getOrInsert('a', 1)).toBe(1)
    expect(map.getOrInsertComputed('b', () => 2)).toBe(2)
    expect([...map]).toEqual([['a', 1], ['b', 2]])
  })
})

test('getOrInsert is there on every Node, and bounded', () => {
  const map = new BoundedMap([['a', 1], ['b', 2]], { max: 2 })
  expect(map.getOrInsert('a', 0)).toBe(1)
  expect(map.getOrInsert('c', 3)).toBe(3)
  expect([...map]).toEqual([['a', 1], ['c', 3]])
  expect(map.getOrInsertComputed('d', key => key + key)).toBe('dd')
  expect([...map]).toEqual([['c', 3], ['d', 'dd']])
  expect(map.stats()).toMatchObject({ hits: 1, misses: 2, sets: 4, removed: { evict: 2 } })
})
