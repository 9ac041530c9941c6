'use strict'

// What the language asks of the constructor Map, of BoundedMap as well. Each test runs against Map too.

const vm = require('node:vm')

const { BoundedMap } = require('..')
const { KINDS } = require('./bounded-map.support')

/** An iterable that gives `results` one by one and counts what is done to it. */
const counted = results => {
  const calls = { next: 0, return: 0 }
  const iterator = {
    next () {
      return results[calls.next++] ?? { value: undefined, done: true }
    },
    return () {
      calls.return++
      return {}
    }
  }
  return { calls, iterable: { [Symbol.iterator]: () => iterator } }
}
const thrower = error => () => { throw error }

describe.each(KINDS)('%s: constructor', (_name, Kind) => {
  const error = new Error('mine')

  test('is a constructor, and nothing else', () => {
    expect(() => Kind()).toThrow(TypeError)
    expect(() => Kind([])).toThrow(TypeError)
    expect(() => Reflect.construct(function () {}, [], Kind)).not.toThrow()
  })

  test.each([[undefined], [null]])('%p is no iterable and gives an empty map', nothing => {
    const map = new Kind(nothing)
    expect(map.size).toBe(0)
    expect(map).toBeInstanceOf(Map)
    expect(Object.getPrototypeOf(map)).toBe(Kind.prototype)
  })

  test.each([[1], [true], [Symbol('s')], [{}], [{ [Symbol.iterator]: undefined }], [{ [Symbol.iterator]: 1 }]])(
    'what cannot be iterated is a TypeError: %p', iterable => {
      expect(() => new Kind(iterable)).toThrow(TypeError)
    })

  test('an iterable without entries gives an empty map', () => {
    expect(new Kind([]).size).toBe(0)
    expect(new Kind('').size).toBe(0)
  })

  test('takes the entries in order', () => {
    const map = new Kind([['attr', 1], ['foo', 2], ['attr', 3]])
    expect(map.size).toBe(2)
    expect([...map]).toEqual([['attr', 3], ['foo', 2]])
  })

  test('takes entries from anything iterable', () => {
    const generated = function * () {
      yield { 0: 'a', 1: 1 }
      yield Object.assign(() => {}, { 0: 'b', 1: 2 })
    }
    expect([...new Kind(generated())]).toEqual([['a', 1], ['b', 2]])
    expect([...new Kind(new Map([['a', 1]]))]).toEqual([['a', 1]])
    expect([...new Kind(new Set([['a', 1]]))]).toEqual([['a', 1]])
    expect([...new Kind(new Kind([['a', 1]]))]).toEqual([['a', 1]])
    expect([...new Kind(new Map([['a', 1]]).entries())]).toEqual([['a', 1]])
    expect([...new Kind([[]])]).toEqual([[undefined, undefined]])
    expect([...new Kind([['a']])]).toEqual([['a', undefined]])
  })

  test('any value is a key', () => {
    const keys = [0, NaN, '', 'a', true, false, null, undefined, 1n, Symbol('s'), Symbol.iterator, {}, [], () => {},
      Infinity, -Infinity, 1.5, new Date(0), /a/, new Map(), new WeakMap()]
    const map = new Kind(keys.map((key, i) => [key, i]))
    expect(map.size).toBe(keys.length)
    keys.forEach((key, i) => expect(map.get(key)).toBe(i))
    expect([...map.keys()].every((key, i) => Object.is(key, keys[i]))).toBe(true)
  })

  test('any value is a value', () => {
    const values = [0, -0, NaN, '', null, undefined, 1n, Symbol('s'), {}, [], () => {}, false]
    const map = new Kind(values.map((value, i) => [i, value]))
    values.forEach((value, i) => expect(Object.is(map.get(i), value)).toBe(true))
    expect([...map.values()].every((value, i) => Object.is(value, values[i]))).toBe(true)
  })

  test('1 and 1n are two keys, and any two NaN are one', () => {
    const map = new Kind([[1, 'number'], [1n, 'bigint'], [NaN, 1], [0 / 0, 2]])
    expect([...map]).toEqual([[1, 'number'], [1n, 'bigint'], [NaN, 2]])
    expect(map.get(BigInt(1))).toBe('bigint')
  })

  test('`set` is looked up once and called for each entry, with the map as receiver and two arguments', () => {
    let lookups = 0
    const calls = []
    class Sub extends Kind {
      get set () {
        lookups++
        return function (...args) {
          calls.push([this, ...args])
          return Reflect.apply(Kind.prototype.set, this, args)
        }
      }
    }
    const map = new Sub([['a', 1], ['b', 2]])
    expect(lookups).toBe(1)
    expect(calls).toHaveLength(2)
    expect(calls[0][0]).toBe(map)
    expect(calls.map(call => call.slice(1))).toEqual([['a', 1], ['b', 2]])
    expect([...map]).toEqual([['a', 1], ['b', 2]])
  })

  test('`set` is looked up, though not called, for an empty iterable; and not at all without an iterable', () => {
    let lookups = 0
    class Sub extends Kind {
      get set () {
        lookups++
        return () => { throw error }
      }
    }
    expect(new Sub().size).toBe(0)
    expect(new Sub(null).size).toBe(0)
    expect(lookups).toBe(0)
    expect(new Sub([]).size).toBe(0)
    expect(lookups).toBe(1)
  })

  test('a getter `set` that throws ends it before the iterable is asked', () => {
    const { calls, iterable } = counted([])
    class Sub extends Kind {
      get set () {
        throw error
      }
    }
    expect(() => new Sub(iterable)).toThrow(error)
    expect(calls.next).toBe(0)
    expect(() => new Sub()).not.toThrow()
  })

  test.each([[undefined], [null], [1], ['set'], [{}], [Symbol('s')]])('a `set` that is %p is a TypeError', set => {
    class Sub extends Kind {}
    Object.defineProperty(Sub.prototype, 'set', { value: set })
    const { calls, iterable } = counted([])
    expect(() => new Sub(iterable)).toThrow(TypeError)
    expect(calls.next).toBe(0)
    expect(() => new Sub()).not.toThrow()
    expect(() => new Sub(null)).not.toThrow()
  })

  test('`next` that throws ends it; the iterator is not closed', () => {
    const { calls, iterable } = counted([])
    iterable[Symbol.iterator]().next = thrower(error)
    expect(() => new Kind(iterable)).toThrow(error)
    expect(calls.return).toBe(0)
  })

  test('`value` that throws ends it; the iterator is not closed', () => {
    const { calls, iterable } = counted([{ get value () { throw error }, done: false }])
    expect(() => new Kind(iterable)).toThrow(error)
    expect(calls.return).toBe(0)
  })

  test('a result that is no object is a TypeError', () => {
    const { iterable } = counted([1])
    expect(() => new Kind(iterable)).toThrow(TypeError)
  })

  test.each([[undefined], [null], [1], ['ab'], [true], [Symbol('s')], [1n], [NaN]])(
    'an entry that is %p is a TypeError and closes the iterator', value => {
      const { calls, iterable } = counted([{ value, done: false }])
      expect(() => new Kind(iterable)).toThrow(TypeError)
      expect(calls).toEqual({ next: 1, return: 1 })
      expect(() => new Kind([value])).toThrow(TypeError)
    })

  test.each([['key', { get 0 () { throw error } }], ['value', { 0: 'a', get 1 () { throw error } }]])(
    'a %s that throws when read closes the iterator', (_part, value) => {
      const { calls, iterable } = counted([{ value, done: false }])
      expect(() => new Kind(iterable)).toThrow(error)
      expect(calls).toEqual({ next: 1, return: 1 })
    })

  test('the key is read before the value', () => {
    const reads = []
    const entry = { get 1 () { return reads.push(1) }, get 0 () { return reads.push(0) } }
    expect([...new Kind([entry])]).toEqual([[1, 2]])
    expect(reads).toEqual([0, 1])
  })

  test('`set` that throws closes the iterator, and its error is the one thrown', () => {
    const { calls, iterable } = counted([{ value: [], done: false }, { value: [], done: false }])
    class Sub extends Kind {
      set () {
        throw error
      }
    }
    expect(() => new Sub(iterable)).toThrow(error)
    expect(calls).toEqual({ next: 1, return: 1 })
    iterable[Symbol.iterator]().return = thrower(new Error('of return'))
    expect(() => new Sub(iterable)).toThrow(error)
  })

  test('what was set before an error stays', () => {
    let seen
    class Sub extends Kind {
      set (key, value) {
        seen = this
        return super.set(key, value)
      }
    }
    expect(() => new Sub([['a', 1], 'b'])).toThrow(TypeError)
    expect([...seen]).toEqual([['a', 1]])
  })

  test('new.target decides the prototype', () => {
    class Other {}
    const map = Reflect.construct(Kind, [], Other)
    expect(Object.getPrototypeOf(map)).toBe(Other.prototype)
    expect(Map.prototype.has.call(map, 1)).toBe(false)
  })

  test('a new.target of another realm without a prototype gives that realm\'s Map.prototype', () => {
    const Foreign = vm.runInNewContext('var F = function () {}; F.prototype = null; F.theirs = Map.prototype; F')
    const map = Reflect.construct(Kind, [], Foreign)
    expect(Object.getPrototypeOf(map)).toBe(Foreign.theirs)
  })

  test('instances have no properties of their own, and can be extended', () => {
    const map = new Kind([['a', 1]])
    expect(Reflect.ownKeys(map)).toEqual([])
    expect(Object.isExtensible(map)).toBe(true)
    map.mine = 1
    expect(map.mine).toBe(1)
    expect(map.has('mine')).toBe(false)
  })

  test('a frozen map is still a map', () => {
    const map = Object.freeze(new Kind([['a', 1]]))
    map.set('b', 2)
    map.delete('a')
    expect([...map]).toEqual([['b', 2]])
  })

  test('Symbol.species is the constructor itself', () => {
    expect(Kind[Symbol.species]).toBe(Kind)
  })

  test('groupBy, where Map has it, gives a Map', () => {
    expect(typeof Kind.groupBy).toBe(typeof Map.groupBy)
    const groups = Kind.groupBy?.([1, 2, 3], n => n % 2) ?? new Map([[1, [1, 3]], [0, [2]]])
    expect(Object.getPrototypeOf(groups)).toBe(Map.prototype)
    expect([...groups]).toEqual([[1, [1, 3]], [0, [2]]])
  })

  test('subclasses have fields, accessors and overrides', () => {
    class Sub extends Kind {
      gets = 0

      get (key) {
        this.gets++
        return super.get(key) ?? 'none'
      }

      get first () {
        return this.keys().next().value
      }
    }
    const map = new Sub([['a', 1]])
    expect(map.get('a')).toBe(1)
    expect(map.get('b')).toBe('none')
    expect(map.gets).toBe(2)
    expect(map.first).toBe('a')
    expect(new map.constructor(map)).toBeInstanceOf(Sub)
    expect([...new map.constructor(map)]).toEqual([['a', 1]])
  })
})

describe('BoundedMap: properties', () => {
  const own = name => Object.getOwnPropertyDescriptor(BoundedMap.prototype, name)

  test('name, length and prototype are as Map\'s', () => {
    const of = Class => ['name', 'length', 'prototype'].map(name => Object.getOwnPropertyDescriptor(Class, name))
    const [name, length, prototype] = of(BoundedMap)
    const [name0, length0, prototype0] = of(Map)
    expect(name).toEqual({ ...name0, value: 'BoundedMap' })
    expect(length).toEqual(length0)
    expect(prototype.value).toBe(BoundedMap.prototype)
    expect({ ...prototype, value: 0 }).toEqual({ ...prototype0, value: 0 })
    expect(Object.getPrototypeOf(BoundedMap)).toBe(Map)
    expect(Object.getPrototypeOf(BoundedMap.prototype)).toBe(Map.prototype)
    const constructor = Object.getOwnPropertyDescriptor(Map.prototype, 'constructor')
    expect(own('constructor')).toEqual({ ...constructor, value: BoundedMap })
  })

  const isMethod = name => typeof Object.getOwnPropertyDescriptor(Map.prototype, name).value === 'function'
  const methods = Reflect.ownKeys(Map.prototype).filter(name => name !== 'constructor' && isMethod(name))

  test('there are methods to compare', () => {
    expect(methods).toEqual(expect.arrayContaining(
      ['clear', 'delete', 'entries', 'forEach', 'get', 'has', 'keys', 'set', 'values', Symbol.iterator]))
  })

  test.each(methods.map(name => [String(name), name]))('%s is like Map\'s: attributes, name, length, no constructor',
    (_text, name) => {
      const { value: method, ...attributes } = own(name)
      const { value: model, ...expected } = Object.getOwnPropertyDescriptor(Map.prototype, name)
      expect(attributes).toEqual(expected)
      for (const part of ['name', 'length']) {
        expect(Object.getOwnPropertyDescriptor(method, part)).toEqual(Object.getOwnPropertyDescriptor(model, part))
      }
      expect(Object.hasOwn(method, 'prototype')).toBe(false)
      expect(() => Reflect.construct(Object, [], method)).toThrow(TypeError)
      expect(() => new method()).toThrow(TypeError)
    })

  test.each(methods.map(name => [String(name), name]))('%s is for BoundedMaps only', (_text, name) => {
    const method = BoundedMap.prototype[name]
    const receivers = [undefined, null, 1, 'a', true, Symbol('s'), {}, [], new Set(), new WeakMap(), new Map(),
      BoundedMap, BoundedMap.prototype, Map.prototype, Object.create(new BoundedMap([], { max: 1 }))]
    for (const receiver of receivers) {
      expect(() => method.call(receiver, () => {}, () => {})).toThrow(TypeError)
    }
  })

  test('Symbol.iterator is entries, one function', () => {
    expect(BoundedMap.prototype[Symbol.iterator]).toBe(BoundedMap.prototype.entries)
  })

  test('size, Symbol.toStringTag and Symbol.species are inherited', () => {
    expect(own('size')).toBeUndefined()
    expect(own(Symbol.toStringTag)).toBeUndefined()
    expect(Object.hasOwn(BoundedMap, Symbol.species)).toBe(false)
    expect(Object.prototype.toString.call(new BoundedMap([], { max: 1 }))).toBe('[object Map]')
    expect(() => BoundedMap.prototype.size).toThrow(TypeError)
  })

  test('nothing of it is enumerable', () => {
    expect(Object.keys(BoundedMap)).toEqual([])
    expect(Object.keys(BoundedMap.prototype)).toEqual([])
    const names = []
    for (const name in new BoundedMap([['a', 1]], { max: 1 })) names.push(name)
    expect(names).toEqual([])
  })
})
