'use strict'

const { BoundedMap } = require('..')
const internals = require('../lib/cache/internals')
const { validate } = require('../lib/cache/validate')

const fixed = options => class extends BoundedMap {
  constructor (iterable) {
    super(iterable, options)
  }
}

/** What must behave as a Map: Map itself, which proves the tests, and BoundedMaps whose bounds are never reached. */
const KINDS = [
  ['Map', Map],
  ['BoundedMap', fixed({ max: 2 ** 20 })],
  ['BoundedMap with a ttl', fixed({ max: 2 ** 20, ttl: 1e8 })],
  ['BoundedMap with sizes', fixed({ maxSize: 2 ** 20, sizeCalculation: () => 1 })],
  ['BoundedMap with a dispose', fixed({ max: 2 ** 20, dispose () {} })]
]

/** The entries as V8 keeps them, expired ones too. */
const mirrored = map => [...Map.prototype.entries.call(map)]

/** Throws unless the cache inside is consistent, and the map holds exactly what the cache holds. */
const validateMap = map => {
  const cache = internals.cacheOf(map)
  validate(cache)
  const entries = mirrored(map)
  if (entries.length !== cache.size) throw new Error(`the map has ${entries.length} entries, the cache ${cache.size}`)
  for (const [key, value] of entries) {
    const held = internals.held(cache, key)
    const same = value === undefined ? typeof held === 'symbol' : Object.is(held, value)
    if (!same) throw new Error(`the map and the cache differ at ${String(key)}`)
  }
}

/** The keys from the least to the most recently used. */
const recency = map => {
  const { keys, oldestFirst } = internals.view(internals.cacheOf(map))
  return [...oldestFirst()].map(slot => keys[slot])
}

module.exports = { KINDS, mirrored, recency, validateMap }
