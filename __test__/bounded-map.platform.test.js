'use strict'

// A BoundedMap where Node and V8 look at it from outside, and where Map.prototype's own methods are used on it.

const assert = require('node:assert')
const { inspect, isDeepStrictEqual, types } = require('node:util')
const v8 = require('node:v8')
const vm = require('node:vm')
const { MessageChannel, Worker, receiveMessageOnPort } = require('node:worker_threads')

const { BoundedMap, LRUCache } = require('..')
const { mirrored, recency, validateMap } = require('./bounded-map.support')

// Also where Node was started without --expose-gc.
v8.setFlagsFromString('--expose-gc')
const gc = vm.runInNewContext('gc')

const ENTRIES = [['a', 1], ['b', undefined], [{ k: 1 }, [2]]]
const make = options => new BoundedMap(ENTRIES, { max: 10, ...options })

// By hand, because a test file of jest has a Map of its own.
const expectPlainMap = copy => {
  expect(types.isMap(copy)).toBe(true)
  expect(Object.getPrototypeOf(copy).constructor.name).toBe('Map')
  expect([...copy].map(([key, value]) => [key, value])).toEqual(ENTRIES)
}

describe.each([['max', {}], ['ttl', { ttl: 1e8 }]])('with %s', (_name, options) => {
  test('structuredClone gives a plain Map', () => {
    expectPlainMap(structuredClone(make(options)))
  })

  test('v8.serialize does', () => {
    expectPlainMap(v8.deserialize(v8.serialize(make(options))))
  })

  test('postMessage does', () => {
    const { port1, port2 } = new MessageChannel()
    port1.postMessage(make(options))
    expectPlainMap(receiveMessageOnPort(port2).message)
    port1.close()
  })

  test('inspect shows it as any subclass of Map', () => {
    const entries = [['a', 1], ['b', { c: undefined }]]
    const { BoundedMap: Plain } = { BoundedMap: class extends Map {} }
    const plain = new Plain(entries)
    const map = new BoundedMap(entries, { max: 10, ...options })
    expect(inspect(map)).toBe(inspect(plain))
    expect(inspect(map)).toMatch(/^BoundedMap\(2\) .*\{ 'a' => 1, 'b' => \{ c: undefined \} \}$/)
    class Mine extends BoundedMap {}
    expect(inspect(new Mine([], { max: 1 }))).toBe('Mine(0) [Map] {}')
    map.set('self', map)
    expect(inspect(map)).toContain('[Circular *1]')
  })

  test('deep equality', () => {
    expect(isDeepStrictEqual(make(options), make(options))).toBe(true)
    expect(isDeepStrictEqual(make(options), make(options).set('c', 3))).toBe(false)
    assert.deepEqual(make(options), make(options))
    assert.throws(() => assert.deepEqual(make(options), make(options).set('a', 2)))
    expect(make(options)).toEqual(make(options))
    expect(make(options)).not.toEqual(make(options).set('a', 2))
  })

  test('is a Map to all who ask', () => {
    const map = make(options)
    expect(map instanceof Map).toBe(true)
    expect(types.isMap(map)).toBe(true)
    expect(String(map)).toBe('[object Map]')
    expect(Array.isArray(map)).toBe(false)
    expect(JSON.stringify(map)).toBe('{}')
  })

  test('the reading methods of Map work on it', () => {
    const map = make(options)
    expect(Map.prototype.get.call(map, 'a')).toBe(1)
    expect(Map.prototype.get.call(map, 'b')).toBe(undefined)
    expect(Map.prototype.has.call(map, 'b')).toBe(true)
    expect([...Map.prototype.keys.call(map)]).toEqual([...map.keys()])
    expect([...Map.prototype.values.call(map)]).toEqual([...map.values()])
  })
})

test('what V8 clones of a map with a ttl is all that is not purged yet', () => {
  let now = 1000
  const map = new BoundedMap([['a', 1]], { ttl: 100, ttlResolution: 0, perf: { now: () => now } })
  now += 200
  expect([...map]).toEqual([])
  expect(structuredClone(map).size).toBe(1)
  expect(structuredClone(new Map(map)).size).toBe(0)
})

test('a worker gets a plain Map, and has BoundedMaps of its own', async () => {
  const worker = new Worker(`
    const { parentPort, workerData } = require('node:worker_threads')
    const { BoundedMap } = require(workerData.heapwise)
    const map = new BoundedMap(workerData.map, { max: 2, ttl: 1e6 })
    map.get('a')
    map.set('c', 3)
    parentPort.postMessage({ plain: workerData.map.constructor === Map, map })
  `, { eval: true, workerData: { map: new BoundedMap([['a', 1], ['b', 2]], { max: 5 }), heapwise: require.resolve('..') } })
  const message = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
  expect(message.plain).toBe(true)
  expect([...message.map]).toEqual([['a', 1], ['c', 3]])
  await worker.terminate()
})

test('it is collected when dropped, ttl or not, full of values that refer to it', async () => {
  const refs = [{ max: 10 }, { max: 10, ttl: 1e6 }, { max: 10, dispose () {} }].map(options => {
    const map = new BoundedMap([], options)
    map.set('self', map)
    return new WeakRef(map)
  })
  for (let i = 0; i < 20 && refs.some(ref => ref.deref() !== undefined); i++) {
    await new Promise(resolve => setImmediate(resolve))
    gc()
  }
  expect(refs.map(ref => ref.deref())).toEqual([undefined, undefined, undefined])
})

test('it lets go of keys and values', async () => {
  const map = new BoundedMap([], { max: 2 })
  const refs = []
  const add = n => {
    const key = { n }
    const value = { key }
    refs.push(new WeakRef(key), new WeakRef(value))
    map.set(key, value)
  }
  add(0)
  add(1)
  add(2)
  map.delete([...map.keys()][0])
  add(3)
  map.clear()
  for (let i = 0; i < 20 && refs.some(ref => ref.deref() !== undefined); i++) {
    await new Promise(resolve => setImmediate(resolve))
    gc()
  }
  expect(refs.filter(ref => ref.deref() !== undefined)).toEqual([])
  expect(map.size).toBe(0)
})

describe('a set that V8 refuses, as it does beyond 2^24 entries', () => {
  const refuse = run => {
    const { set } = Map.prototype
    const spy = jest.spyOn(Map.prototype, 'set').mockImplementation(function (key, value) {
      if (this instanceof BoundedMap) throw new RangeError('Map maximum size exceeded')
      return Reflect.apply(set, this, [key, value])
    })
    try {
      run()
    } finally {
      spy.mockRestore()
    }
  }

  test.each([['max', {}], ['dispose', { dispose () {} }], ['sizes', { maxSize: 9, sizeCalculation: () => 1 }]])(
    'with %s, leaves map and cache equal', (_name, options) => {
      const map = new BoundedMap([['a', 1]], { max: 10, ...options })
      refuse(() => {
        expect(() => map.set('b', 2)).toThrow(RangeError)
        expect(() => map.getOrInsert('b', 2)).toThrow(RangeError)
      })
      expect([...map]).toEqual([['a', 1]])
      expect(map.get('b')).toBe(undefined)
      validateMap(map)
    })
})

// `Map.prototype.set.call(map, …)` changes what V8 keeps behind the back of the cache. It notices by the size.
describe('Map.prototype around it', () => {
  const { set, delete: remove, clear } = Map.prototype
  const around = (options, ...more) => {
    const map = new BoundedMap([['a', 1], ['b', 2]], { max: 3, ...options })
    for (const [key, value] of more) set.call(map, key, value)
    return map
  }

  test('what was added is found, and the bound holds again, at the next get that finds nothing', () => {
    const map = around({}, ['c', 3], ['d', 4])
    expect(map.size).toBe(4)
    expect(map.has('d')).toBe(true)
    expect(map.get('c')).toBe(3)
    expect([...map.keys()]).toEqual(['b', 'c', 'd'])
    expect(recency(map)).toEqual(['b', 'd', 'c'])
    validateMap(map)
  })

  test.each([
    ['set', map => map.set('e', 5), ['c', 'd', 'e']],
    ['getOrInsert', map => expect(map.getOrInsert('d', 5)).toBe(4), ['b', 'c', 'd']],
    ['getOrInsertComputed', map => expect(map.getOrInsertComputed('d', () => 5)).toBe(4), ['b', 'c', 'd']],
    ['delete', map => expect(map.delete('d')).toBe(true), ['b', 'c']],
    ['delete of nothing', map => expect(map.delete('nowhere')).toBe(false), ['b', 'c', 'd']],
    ['clear', map => map.clear(), []]
  ])('or at the next %s', (_name, act, keys) => {
    for (const options of [{}, { dispose () {} }, { ttl: 1e6 }]) {
      const map = around(options, ['c', 3], ['d', 4])
      act(map)
      expect([...map.keys()]).toEqual(keys)
      validateMap(map)
    }
  })

  test('or, in a map with a ttl, at the next has', () => {
    const map = around({ ttl: 1e6 }, ['c', 3])
    expect(map.has('c')).toBe(true)
    expect([...map.keys()]).toEqual(['a', 'b', 'c'])
    validateMap(map)
  })

  test('what was deleted is gone then, and a changed value is followed', () => {
    const removed = []
    const map = around({ dispose: (value, key, reason) => removed.push([key, value, reason]) }, ['b', 3])
    remove.call(map, 'a')
    map.set('c', 4)
    expect([...map]).toEqual([['b', 3], ['c', 4]])
    expect(map.get('a')).toBe(undefined)
    expect(map.get('b')).toBe(3)
    expect(removed).toEqual([['a', 1, 'delete'], ['b', 2, 'set']])
    validateMap(map)
  })

  test('cleared', () => {
    const map = around({})
    clear.call(map)
    expect(map.has('a')).toBe(false)
    map.set('c', 3)
    expect([...map]).toEqual([['c', 3]])
    validateMap(map)
  })

  test('undefined, as key and value', () => {
    const map = around({}, [undefined, undefined], ['b', undefined])
    expect(map.get('nowhere')).toBe(undefined)
    expect(map.get('b')).toBe(undefined)
    expect(map.has(undefined)).toBe(true)
    validateMap(map)
  })

  test('what is too big, or has no size, does not stay', () => {
    const error = new Error('mine')
    const map = new BoundedMap([['a', 1]], {
      maxSize: 5,
      sizeCalculation: value => {
        if (value === 'bad') throw error
        return value
      }
    })
    set.call(map, 'b', 9)
    set.call(map, 'c', 'bad')
    set.call(map, 'd', 2)
    expect(() => map.get('nowhere')).toThrow(error)
    expect([...map]).toEqual([['a', 1], ['d', 2]])
    expect(map.calculatedSize).toBe(3)
    validateMap(map)
  })

  test('callbacks that use the map while it is put in order', () => {
    const seen = []
    const dispose = (value, key) => {
      if (seen.push(key) === 2) map.set('new', value)
      map.get('nowhere')
    }
    const map = around({ dispose }, ['c', 3], ['d', 4], ['e', 5], ['f', 6])
    map.get('nowhere')
    expect(seen).toEqual(['a', 'b', 'c', 'd'])
    expect([...map.keys()]).toEqual(['e', 'f', 'new'])
    validateMap(map)
  })
})

test('a subclass may be what libraries clone by `new map.constructor()`', () => {
  class Sessions extends BoundedMap {
    constructor (entries) {
      super(entries, { max: 2 })
    }
  }
  const map = new Sessions([['a', 1], ['b', 2], ['c', 3]])
  const clone = new map.constructor()
  map.forEach((value, key) => clone.set(key, value))
  expect(clone).toBeInstanceOf(Sessions)
  expect([...clone]).toEqual([['b', 2], ['c', 3]])
  expect(clone.max).toBe(2)
})

test('an LRUCache is made from one, and one from an LRUCache', () => {
  const cache = LRUCache.from(new BoundedMap([['a', 1], ['b', 2]], { max: 2 }), { max: 5 })
  expect([...cache.rkeys()]).toEqual(['a', 'b'])
  expect([...new BoundedMap(cache.rentries(), { max: 5 })]).toEqual([['a', 1], ['b', 2]])
  expect(mirrored(new BoundedMap(cache, { max: 1 }))).toEqual([['a', 1]])
})
