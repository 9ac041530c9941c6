'use strict'

// What a BoundedMap has beyond Map: bounds, what is evicted for them, and who is told.

const { BoundedMap, LRUCache } = require('..')
const { mirrored, recency, validateMap } = require('./bounded-map.support')

/** A map whose dispose calls are written down, and checked for what the map looks like meanwhile. */
const recorded = (entries, options) => {
  const removed = []
  const map = new BoundedMap(undefined, {
    ...options,
    dispose (value, key, reason) {
      expect(this).toBe(map)
      removed.push([key, value, reason])
    }
  })
  for (const [key, value] of entries) map.set(key, value)
  return { map, removed }
}

describe('max', () => {
  test('the least recently used entry leaves; the order stays that of insertion', () => {
    const map = new BoundedMap([['a', 1], ['b', 2], ['c', 3]], { max: 3 })
    expect(map.get('a')).toBe(1)
    map.set('d', 4)
    expect([...map]).toEqual([['a', 1], ['c', 3], ['d', 4]])
    map.set('c', 5)
    map.set('e', 6)
    expect([...map]).toEqual([['c', 5], ['d', 4], ['e', 6]])
    validateMap(map)
  })

  test('an iterable longer than max leaves its end', () => {
    const map = new BoundedMap(Array.from({ length: 100 }, (_, i) => [i, i]), { max: 3 })
    expect([...map.keys()]).toEqual([97, 98, 99])
    validateMap(map)
  })

  test('max 1', () => {
    const map = new BoundedMap([], { max: 1 })
    map.set('a', 1).set('b', 2)
    expect([...map]).toEqual([['b', 2]])
    map.set('b', undefined).set(undefined, undefined)
    expect([...map]).toEqual([[undefined, undefined]])
    validateMap(map)
  })

  test('has, size, forEach and iteration are no use; get, set and getOrInsert are', () => {
    const map = new BoundedMap([['a', 1], ['b', 2], ['c', 3]], { max: 3 })
    map.has('a')
    map.forEach(() => {})
    expect([...map, ...map.keys(), ...map.values()]).toHaveLength(9)
    expect(recency(map)).toEqual(['a', 'b', 'c'])
    map.get('a')
    expect(recency(map)).toEqual(['b', 'c', 'a'])
    map.set('b', 2)
    expect(recency(map)).toEqual(['c', 'a', 'b'])
    map.getOrInsert('c', 0)
    map.getOrInsertComputed('a', () => 0)
    expect(recency(map)).toEqual(['b', 'c', 'a'])
    map.get('nowhere')
    map.delete('nowhere')
    expect(recency(map)).toEqual(['b', 'c', 'a'])
  })

  test('an iterator over a map that evicts goes on, as over one that deletes', () => {
    const map = new BoundedMap([['a', 1], ['b', 2], ['c', 3]], { max: 3 })
    const iterator = map.keys()
    expect(iterator.next().value).toBe('a')
    map.set('d', 4).set('e', 5)
    expect([...iterator]).toEqual(['c', 'd', 'e'])
  })

  test('filling a map while iterating over it', () => {
    const map = new BoundedMap([[0, 0]], { max: 10 })
    const seen = []
    for (const [key] of map) {
      seen.push(key)
      if (key < 50) map.set(key + 1, 0)
    }
    expect(seen).toEqual(Array.from({ length: 51 }, (_, i) => i))
    expect(map.size).toBe(10)
  })
})

describe('maxSize', () => {
  const sized = options => ({ maxSize: 10, sizeCalculation: value => value, ...options })

  test('entries leave until the new one fits', () => {
    const { map, removed } = recorded([['a', 3], ['b', 3], ['c', 3]], sized())
    expect(map.calculatedSize).toBe(9)
    map.get('a')
    map.set('d', 5)
    expect([...map.keys()]).toEqual(['a', 'd'])
    expect(removed).toEqual([['b', 3, 'evict'], ['c', 3, 'evict']])
    expect(map.calculatedSize).toBe(8)
    validateMap(map)
  })

  test('a known entry that grows makes others leave, and keeps its place', () => {
    const { map, removed } = recorded([['a', 3], ['b', 3], ['c', 3]], sized())
    map.set('a', 6)
    expect([...map]).toEqual([['a', 6], ['c', 3]])
    expect(removed).toEqual([['a', 3, 'set'], ['b', 3, 'evict']])
    validateMap(map)
  })

  test.each([['maxSize', {}, 11], ['maxEntrySize', { maxEntrySize: 4 }, 5]])(
    'what is bigger than %s is not stored, and what it was to replace is gone', (_name, options, size) => {
      const { map, removed } = recorded([['a', 1], ['b', 2]], sized(options))
      expect(map.set('b', size)).toBe(map)
      expect([...map]).toEqual([['a', 1]])
      expect(map.has('b')).toBe(false)
      expect(removed).toEqual([['b', 2, 'set']])
      map.set('c', size)
      expect(map.getOrInsert('d', size)).toBe(size)
      expect(map.size).toBe(1)
      validateMap(map)
    })

  test('maxEntrySize beside max', () => {
    const map = new BoundedMap([['a', 5], ['b', 6]], { max: 9, maxEntrySize: 5, sizeCalculation: value => value })
    expect([...map.keys()]).toEqual(['a'])
    validateMap(map)
  })

  test('sizeCalculation gets value and key as they were set, undefined and 0 too', () => {
    const calls = []
    const map = new BoundedMap([[-0, undefined], ['a', 1]], {
      maxSize: 10,
      sizeCalculation: (...args) => calls.push(args)
    })
    expect(calls).toEqual([[undefined, 0], [1, 'a']])
    expect(Object.is(calls[0][1], 0)).toBe(true)
    expect(map.get(0)).toBe(undefined)
    expect(map.size).toBe(2)
  })

  test.each([[0], [-1], [1.5], [NaN], ['1'], [undefined]])('a size of %p is refused, and nothing changes', size => {
    const map = new BoundedMap([['a', 1]], sized({ sizeCalculation: value => value === 'bad' ? size : 1 }))
    const code = typeof size === 'number' ? 'ERR_HEAPWISE_INVALID_ARG_VALUE' : 'ERR_HEAPWISE_INVALID_ARG_TYPE'
    expect(() => map.set('a', 'bad')).toThrow(expect.objectContaining({ code }))
    expect(() => map.set('b', 'bad')).toThrow(expect.objectContaining({ code }))
    expect([...map]).toEqual([['a', 1]])
    validateMap(map)
  })
})

describe('dispose', () => {
  test('gets value, key and reason, with the map as receiver', () => {
    const { map, removed } = recorded([['a', 1], ['b', undefined], [-0, 3]], { max: 3 })
    map.set('c', 4)
    map.set('b', 5)
    map.delete(0)
    map.delete(0)
    map.clear()
    expect(removed).toEqual([
      ['a', 1, 'evict'], ['b', undefined, 'set'], [0, 3, 'delete'], ['c', 4, 'delete'], ['b', 5, 'delete']
    ])
    expect(Object.is(removed[2][0], 0)).toBe(true)
    validateMap(map)
  })

  test('is not called when the same value is set again', () => {
    const { map, removed } = recorded([['a', undefined], ['b', NaN]], { max: 3 })
    map.set('a', undefined)
    expect(removed).toEqual([])
  })

  test('is called by what a native iterator cannot see: the entry is there until it returns', () => {
    const seen = []
    const map = new BoundedMap([['a', 1], ['b', 2]], {
      max: 2,
      dispose: (value, key) => seen.push([key, map.has(key), map.get(key), mirrored(map).length])
    })
    map.set('c', 3)
    map.set('b', 4)
    map.delete('b')
    expect(seen).toEqual([['a', true, 1, 2], ['b', true, 2, 2], ['b', true, 4, 2]])
    expect([...map]).toEqual([['c', 3]])
  })
})

describe('resize', () => {
  test('evicts down to the new bounds and returns the map', () => {
    const { map, removed } = recorded([[1, 1], [2, 2], [3, 3], [4, 4]], { max: 4 })
    map.get(1)
    expect(map.resize(2)).toBe(map)
    expect([...map.keys()]).toEqual([1, 4])
    expect(removed.map(([key]) => key)).toEqual([2, 3])
    expect(map.max).toBe(2)
    expect(map.resize().max).toBe(2)
    map.resize(3).set(5, 5)
    expect(map.size).toBe(3)
    validateMap(map)
  })

  test('of maxSize', () => {
    const map = new BoundedMap([['a', 4], ['b', 5]], { maxSize: 10, sizeCalculation: value => value })
    expect(map.resize(0, 5).maxSize).toBe(5)
    expect([...map]).toEqual([['b', 5]])
    map.set('c', 6)
    expect([...map]).toEqual([['b', 5]])
    validateMap(map)
  })

  test.each([[-1], [1.5], ['1'], [null], [2 ** 23], [0]])('refuses %p', max => {
    const map = new BoundedMap([['a', 1]], { max: 2 })
    const error = expect.objectContaining({ code: expect.stringMatching('ERR_HEAPWISE_INVALID') })
    expect(() => map.resize(max)).toThrow(error)
    expect(map.max).toBe(2)
    expect(map.size).toBe(1)
  })
})

describe('reading the bounds', () => {
  test('max, maxSize, calculatedSize and ttl', () => {
    const values = map => [map.max, map.maxSize, map.calculatedSize, map.ttl]
    expect(values(new BoundedMap([['a', 1]], { max: 2 }))).toEqual([2, 0, 0, 0])
    expect(values(new BoundedMap([['a', 1]], { maxSize: 9, sizeCalculation: () => 4, ttl: 50 }))).toEqual([0, 9, 4, 50])
    expect(() => { new BoundedMap([], { max: 1 }).max = 2 }).toThrow(TypeError)
  })

  test('stats', () => {
    const map = new BoundedMap([['a', 1], ['b', 2]], { max: 2 })
    map.get('a')
    map.get('nowhere')
    map.set('c', 3)
    expect(map.stats()).toEqual({
      ...new LRUCache({ max: 2 }).stats(), hits: 1, misses: 1, hitRatio: 0.5, sets: 3, size: 2,
      removed: { evict: 1, set: 0, delete: 0, expire: 0, fetch: 0 }
    })
    map.resetStats()
    expect(map.stats()).toMatchObject({ hits: 0, misses: 0, sets: 0, size: 2 })
  })

  test('Symbol.dispose empties the map and disposes of each value', () => {
    const { map, removed } = recorded([['a', 1], ['b', 2]], { max: 2, ttl: 1000 })
    map[Symbol.dispose ?? Symbol.for('nodejs.dispose')]()
    expect(map.size).toBe(0)
    expect(removed).toEqual([['a', 1, 'delete'], ['b', 2, 'delete']])
  })
})

describe('options', () => {
  const thrown = fn => {
    try {
      fn()
    } catch (error) {
      return error
    }
    return undefined
  }
  const code = fn => thrown(fn)?.code

  test('without any bound: the error of LRUCache', () => {
    const expected = thrown(() => new LRUCache({}))
    for (const args of [[], [[]], [null], [[], {}], [undefined, { max: 0 }]]) {
      const error = thrown(() => new BoundedMap(...args))
      expect(error).toBeInstanceOf(TypeError)
      expect(error).toMatchObject({ code: expected.code, message: expected.message })
    }
  })

  test.each([[{ max: -1 }], [{ max: 1.5 }], [{ max: NaN }], [{ max: Infinity }], [{ max: 2 ** 23 }],
    [{ max: 1, ttl: -1 }], [{ maxSize: -1, sizeCalculation: () => 1 }],
    [{ max: 1, maxEntrySize: -1, sizeCalculation: () => 1 }]])(
    '%p is out of range', options => {
      const error = thrown(() => new BoundedMap([], options))
      expect(error).toBeInstanceOf(RangeError)
      expect(error.code).toBe('ERR_HEAPWISE_INVALID_ARG_VALUE')
      expect(error.message).toContain(Object.keys(options).find(name => options[name] !== 1))
    })

  test.each([[{ max: '1' }], [{ max: 1, ttl: '1' }], [{ max: 1, dispose: 1 }], [{ max: 1, dispose: null }],
    [{ maxSize: 1, sizeCalculation: 1 }], [{ max: 1, sizeCalculation: null }],
    [{ max: 1, perf: {} }], [1], ['a'], [null], [true]])(
    '%p has the wrong type', options => {
      const error = thrown(() => new BoundedMap([], options))
      expect(error).toBeInstanceOf(TypeError)
      expect(error.code).toBe('ERR_HEAPWISE_INVALID_ARG_TYPE')
    })

  test('what contradicts itself', () => {
    expect(code(() => new BoundedMap([], { maxSize: 1 }))).toBe('ERR_HEAPWISE_INVALID_USE')
    expect(code(() => new BoundedMap([], { max: 1, maxEntrySize: 1 }))).toBe('ERR_HEAPWISE_INVALID_USE')
    expect(code(() => new BoundedMap([], { max: 1, sizeCalculation: () => 1 }))).toBe('ERR_HEAPWISE_INVALID_USE')
    expect(code(() => new BoundedMap({ max: 1 }))).toBe('ERR_HEAPWISE_INVALID_USE')
    expect(thrown(() => new BoundedMap({ max: 1 })).message).toContain('second argument')
  })

  test('a misspelt option is named, and so is one that only LRUCache has', () => {
    const unknown = 'ERR_HEAPWISE_UNKNOWN_OPTION'
    expect(thrown(() => new BoundedMap([], { maxsize: 1 }))).toMatchObject({ code: unknown, message: /'maxSize'/ })
    expect(thrown(() => new BoundedMap([], { maxAge: 1 }))).toMatchObject({ code: unknown, message: /'ttl'/ })
    for (const name of ['allowStale', 'fetchMethod', 'onInsert', 'disposeAfter']) {
      expect(thrown(() => new BoundedMap([], { max: 1, [name]: () => {} }))).toMatchObject({ code: unknown })
      expect(() => new BoundedMap([], { max: 1, [name]: undefined })).not.toThrow()
    }
    expect(() => new BoundedMap([], { max: 1, whatever: 1 })).not.toThrow()
  })

  test('are not changed, and may be frozen', () => {
    const options = Object.freeze({ max: 1, ttl: 100 })
    const map = new BoundedMap([['a', 1], ['b', 2]], options)
    map.resize(2)
    expect(options).toEqual({ max: 1, ttl: 100 })
  })

  test('a copy without options has the bounds of its source, not its dispose', () => {
    const { map, removed } = recorded([['a', 1], ['b', 2]], {
      max: 5, maxSize: 10, maxEntrySize: 6, sizeCalculation: () => 2, ttl: 1000
    })
    map.resize(3, 8)
    const copy = new BoundedMap(map)
    expect([...copy]).toEqual([...map])
    expect([copy.max, copy.maxSize, copy.ttl, copy.calculatedSize]).toEqual([3, 8, 1000, 4])
    copy.set('c', 3).set('d', 4)
    expect([...copy.keys()]).toEqual(['b', 'c', 'd'])
    copy.clear()
    expect(map.size).toBe(2)
    expect(removed).toEqual([])
    expect(new BoundedMap(map, { max: 1 }).ttl).toBe(0)
  })
})
