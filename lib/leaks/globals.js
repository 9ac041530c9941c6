'use strict'

// Globals that were not there when the watch began, and collections among the globals that only grow: arrays, Maps,
// Sets and objects, globals themselves or one step within one.
//
// No getter is called, and no Proxy is looked into. Where a global comes from is not known.

const { types } = require('node:util')
const { readPart } = require('./options')
const { bytesText, classOf, confidenceOf, count, growthText } = require('./finding')
const { Series } = require('./watch-series')

const { getOwnPropertyDescriptor } = Object
const mapSize = getOwnPropertyDescriptor(Map.prototype, 'size').get
const setSize = getOwnPropertyDescriptor(Set.prototype, 'size').get

const NAME = 'globals'

const DEFAULTS = { minimum: 100, looks: 4, ignore: /** @type {string[]} */ ([]) }
const LEAST = { minimum: 1, looks: 3 }

/** @param {Record<string, unknown>} options */
const check = options => readPart(NAME, options, DEFAULTS, LEAST)

// Objects with more properties are not looked into.
const MOST_WITHIN = 200
const MOST_COLLECTIONS = 4096
// To count the properties of an object takes time in proportion to them. On average it may take such a share of the
// time between two looks, and so many ms if that is not known.
const SHARE = 0.001
const MS_A_LOOK = 30
// A new global is told when it has been there for so many looks.
const STAYS = 2

const nameOf = key => typeof key === 'symbol' ? `[${key.toString()}]` : key

/** Whether it has a prototype as `{}` has, of this realm or of another. */
const isPlain = value => {
  const prototype = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

const isBytes = value => ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)

/** What may be looked at. */
const isObject = value => typeof value === 'object' && value !== null && !types.isProxy(value) && !isBytes(value)

const isList = value => Array.isArray(value) || types.isMap(value) || types.isSet(value)

const isCollection = value => isObject(value) && (isList(value) || isPlain(value))

/** How many entries a collection has. */
const sizeOf = value => {
  if (Array.isArray(value)) return value.length
  if (types.isMap(value)) return Reflect.apply(mapSize, value, [])
  return types.isSet(value) ? Reflect.apply(setSize, value, []) : Object.keys(value).length
}

const kindOf = value => {
  if (Array.isArray(value)) return 'an array'
  if (types.isMap(value)) return 'a Map'
  return types.isSet(value) ? 'a Set' : 'an object'
}

/** What a value is and how large, in words. */
const describe = value => {
  if (value === null || value === undefined) return `${value}`
  if (typeof value === 'string') return `a string of ${count(value.length, 'character')}`
  if (typeof value === 'function') return 'a function'
  if (typeof value !== 'object') return `a ${typeof value}`
  if (types.isProxy(value)) return 'a Proxy'
  if (isBytes(value)) return `a ${classOf(value)} of ${bytesText(value.byteLength)}`
  return isCollection(value) ? `${kindOf(value)} of ${count(sizeOf(value), 'entry', 'entries')}` : `a ${classOf(value)}`
}

/** Own data properties: [name, value]. */
function * valuesOf (object) {
  for (const key of Reflect.ownKeys(object)) {
    const descriptor = getOwnPropertyDescriptor(object, key)
    if (descriptor !== undefined && 'value' in descriptor) yield [key, descriptor.value]
  }
}

/** A global, or a property of one, with a collection in it. Perhaps with another one each time. */
class Collection {
  #rest = 0
  series = new Series()

  /** Counts the entries. Not at each look if that takes longer than `most` ms. */
  look (value, time, now, most) {
    if (this.#rest > 0) {
      this.#rest -= 1
      return
    }
    const start = now()
    this.series.add(time, sizeOf(value))
    this.#rest = Math.floor((now() - start) / most)
  }
}

class Globals {
  #options
  #now
  #ignored
  #atStart = new Set(Reflect.ownKeys(globalThis))
  // How many looks each has been there for, by name.
  #fresh = new Map()
  #collections = new Map()
  #most
  costMs = 0

  constructor (options, interval, now) {
    this.#options = options
    this.#most = interval > 0 ? interval * SHARE : MS_A_LOOK
    this.#ignored = new Set(options.ignore)
    this.#now = now
  }

  /** @param {number} time */
  look (time) {
    const start = this.#now()
    const found = []
    const seen = new Set()
    for (const [key, value] of valuesOf(globalThis)) {
      const name = nameOf(key)
      if (this.#ignored.has(name) || value === globalThis) continue
      const grows = this.#lookWithin(name, value, time, seen, found)
      if (typeof key === 'string' && !this.#atStart.has(key) && !grows) this.#lookAtFresh(name, value, found)
    }
    for (const name of this.#collections.keys()) if (!seen.has(name)) this.#collections.delete(name)
    this.costMs += this.#now() - start
    return found
  }

  #lookAtFresh (name, value, found) {
    const looks = (this.#fresh.get(name) ?? 0) + 1
    this.#fresh.set(name, looks)
    if (looks < STAYS) return
    found.push({
      kind: 'global',
      message: `the global '${name}', ${describe(value)}, was not there when the watch began`,
      name,
      confidence: 'suspected',
      source: 'counts'
    })
  }

  /** The value of a global, and what is one step within it. Whether the global itself grows. */
  #lookWithin (name, value, time, seen, found) {
    if (!isObject(value)) return false
    const grows = this.#lookAt(name, value, time, seen, found)
    if (isList(value) || this.#collections.get(name)?.series.last.value > MOST_WITHIN) return grows
    let left = MOST_WITHIN
    for (const [key, inner] of valuesOf(value)) {
      const full = `${name}.${nameOf(key)}`
      if (!this.#ignored.has(full) && inner !== globalThis) this.#lookAt(full, inner, time, seen, found)
      left -= 1
      if (left === 0) break
    }
    return grows
  }

  #lookAt (name, value, time, seen, found) {
    if (!isCollection(value) || seen.size >= MOST_COLLECTIONS) return false
    seen.add(name)
    let collection = this.#collections.get(name)
    if (collection === undefined) this.#collections.set(name, collection = new Collection())
    collection.look(value, time, this.#now, this.#most)
    const growth = collection.series.growth(this.#options)
    if (growth === undefined) return false
    found.push({
      kind: 'global',
      message: `the global '${name}', ${kindOf(value)}, only grows: it ${growthText(growth, 'entries')}`,
      name,
      growth,
      confidence: confidenceOf(growth, 1),
      source: 'counts'
    })
    return true
  }

  stop () {
    this.#collections.clear()
    this.#fresh.clear()
  }
}

/** @param {{ options: Record<string, unknown>, interval: number, now: () => number }} context */
const start = ({ options, interval, now }) => new Globals(check(options), interval, now)

module.exports = { name: NAME, check, start }
