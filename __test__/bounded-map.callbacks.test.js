'use strict'

// Callbacks that throw or re-enter: the map and the cache inside stay equal, whatever they do.

const { subscribe, unsubscribe } = require('node:diagnostics_channel')

const { BoundedMap } = require('..')
const { mirrored, validateMap } = require('./bounded-map.support')

const error = new Error('mine')

/** A map full with a, b and c whose dispose does `action(map, key)` at its first call. */
const acting = (action, options) => {
  const reasons = []
  let acted = false
  const map = new BoundedMap([['a', 1], ['b', 2], ['c', 3]], {
    max: 3,
    ...options,
    dispose (value, key, reason) {
      reasons.push([key, value, reason])
      if (acted) return
      acted = true
      action(map, key)
    }
  })
  return { map, reasons }
}

// What may be done to the map of `acting`, each of which calls dispose.
const TRIGGERS = [
  ['eviction', map => map.set('d', 4)],
  ['overwriting', map => map.set('b', 5)],
  ['delete', map => map.delete('b')],
  ['clear', map => map.clear()],
  ['resize', map => map.resize(1)],
  ['getOrInsert', map => map.getOrInsert('d', 4)],
  ['getOrInsertComputed', map => map.getOrInsertComputed('d', () => 4)],
  ['Symbol.dispose', map => map[Symbol.dispose ?? Symbol.for('nodejs.dispose')]()]
]

// What a dispose may do meanwhile.
const ACTIONS = [
  ['get', (map, key) => map.get(key)],
  ['set of the same key', (map, key) => map.set(key, 'again')],
  ['set of the key that is being set', map => map.set('d', 'again')],
  ['set of a known key', map => map.set('c', 'again')],
  ['set of a new key', map => map.set('e', 'new')],
  ['set of many new keys', map => { for (let i = 0; i < 9; i++) map.set(i, 'new') }],
  ['set of undefined', map => map.set('e', undefined)],
  ['delete of the same key', (map, key) => map.delete(key)],
  ['delete of the key that is being set', map => map.delete('d')],
  ['delete of another', map => map.delete('c')],
  ['clear', map => map.clear()],
  ['clear and set', map => {
    map.clear()
    map.set('e', 'new')
  }],
  ['resize down', map => map.resize(1)],
  ['resize up', map => map.resize(9)],
  ['iteration', map => [...map, ...map.keys()]],
  ['deleting all it iterates over', map => { for (const [key] of map) map.delete(key) }],
  ['forEach', map => map.forEach((value, key) => map.set(key, value))],
  ['a throw', () => { throw error }],
  ['set and a throw', map => {
    map.set('e', 'new')
    throw error
  }],
  ['clear and a throw', map => {
    map.clear()
    throw error
  }]
]

const KINDS = [
  ['max', {}],
  ['max and ttl', { ttl: 1e8 }],
  ['max and sizes', { maxSize: 3, sizeCalculation: () => 1 }]
]

describe.each(KINDS)('dispose of a map with %s', (_name, options) => {
  describe.each(TRIGGERS)('in %s', (_trigger, trigger) => {
    test.each(ACTIONS)('%s', (name, action) => {
      const { map, reasons } = acting(action, options)
      const run = () => trigger(map)
      if (name.endsWith('throw')) expect(run).toThrow(error)
      else run()
      validateMap(map)
      expect(reasons.length).toBeGreaterThan(0)
      // Nothing is disposed of that is still there.
      const left = mirrored(map).map(([key, value]) => `${String(key)} ${String(value)}`)
      const gone = reasons.map(([key, value]) => `${String(key)} ${String(value)}`)
      if (!name.includes('forEach')) expect(left.filter(entry => gone.includes(entry))).toEqual([])
      map.set('after', 1)
      expect(map.get('after')).toBe(1)
      expect([...map].length).toBe(map.size)
      validateMap(map)
    })
  })
})

describe('what a throw leaves behind', () => {
  const throwing = acting.bind(null, () => { throw error })

  test('set is done: the new entry is there, the old one gone', () => {
    const { map } = throwing()
    expect(() => map.set('d', 4)).toThrow(error)
    expect([...map]).toEqual([['b', 2], ['c', 3], ['d', 4]])
  })

  test('overwriting is done', () => {
    const { map } = throwing()
    expect(() => map.set('b', 4)).toThrow(error)
    expect([...map]).toEqual([['a', 1], ['b', 4], ['c', 3]])
  })

  test('delete is done', () => {
    const { map } = throwing()
    expect(() => map.delete('b')).toThrow(error)
    expect([...map]).toEqual([['a', 1], ['c', 3]])
  })

  test('clear is done', () => {
    const { map, reasons } = throwing()
    expect(() => map.clear()).toThrow(error)
    expect([...map]).toEqual([])
    expect(reasons).toHaveLength(3)
  })

  test('a constructor that throws has closed the iterator', () => {
    let closed = false
    const entries = function * () {
      try {
        for (let i = 0; ; i++) yield [i, i]
      } finally {
        closed = true
      }
    }
    expect(() => new BoundedMap(entries(), { max: 2, dispose () { throw error } })).toThrow(error)
    expect(closed).toBe(true)
  })
})

test('the last word is that of the set inside: the key it sets again stays', () => {
  const { map } = acting(inside => inside.set('a', 'again'))
  map.set('d', 4)
  expect(map.get('a')).toBe('again')
  validateMap(map)
})

describe('sizeCalculation', () => {
  const inside = action => {
    const map = new BoundedMap([['a', 1], ['b', 2]], {
      max: 3,
      maxSize: 9,
      sizeCalculation: (value, key) => {
        if (value === 'act') action(map, key)
        return 1
      }
    })
    return map
  }

  test('that throws changes nothing', () => {
    const map = inside(() => { throw error })
    for (const key of ['a', 'new']) expect(() => map.set(key, 'act')).toThrow(error)
    expect(() => map.getOrInsert('new', 'act')).toThrow(error)
    expect([...map]).toEqual([['a', 1], ['b', 2]])
    validateMap(map)
  })

  test.each(ACTIONS.filter(([name]) => !name.endsWith('throw')))('that does a %s', (_name, action) => {
    for (const key of ['a', 'd']) {
      const map = inside(action)
      map.set(key, 'act')
      expect(map.get(key)).toBe('act')
      validateMap(map)
    }
  })
})

test('getOrInsertComputed whose callback fills the map', () => {
  const map = new BoundedMap([['a', 1]], { max: 2 })
  expect(map.getOrInsertComputed('b', () => {
    for (let i = 0; i < 5; i++) map.set(i, i)
    return 'b'
  })).toBe('b')
  expect([...map]).toEqual([[4, 4], ['b', 'b']])
  validateMap(map)
})

test('a subscriber of the metrics channel sees the map, and may use it', () => {
  const CHANNEL = 'heapwise:lru-cache:metrics'
  const map = new BoundedMap([['a', 1], ['b', 2]], { max: 2 })
  const watched = new BoundedMap([['a', 1], ['b', 2]], { max: 2, dispose () {} })
  const seen = []
  const listener = message => {
    unsubscribe(CHANNEL, listener)
    seen.push([message.op, message.key, message.cache])
    message.cache.get('nowhere')
    message.cache.set('inside', 1)
    subscribe(CHANNEL, listener)
  }
  subscribe(CHANNEL, listener)
  try {
    map.set('c', 3)
    watched.set('c', 3)
  } finally {
    unsubscribe(CHANNEL, listener)
  }
  expect(seen.map(([op, key]) => [op, key])).toEqual([['set', 'c'], ['set', 'c']])
  expect(seen.map(([, , cache]) => cache === map ? 'map' : cache === watched ? 'watched' : 'other'))
    .toEqual(['map', 'watched'])
  for (const each of [map, watched]) {
    expect(Object.fromEntries(each)).toEqual({ c: 3, inside: 1 })
    validateMap(each)
  }
})
