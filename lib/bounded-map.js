'use strict'

// BoundedMap: a Map with a bound, for code that expects a real Map.
//
// Two structures hold the same keys. The map itself, as V8 keeps it, is what everything reads that knows nothing of us:
// native iterators, `size`, structuredClone, inspect, Map.prototype.forEach.call. An LRUCache beside it answers `get`
// and decides what is removed. Whatever it removes, by eviction or expiry, it removes from both in one step; what is
// set is set in both here.

const internals = require('./cache/internals')
const { checkNames } = require('./cache/options')
const { coded, invalidType, invalidUse, outOfRange } = require('./errors')
const { LRUCache } = require('./lru-cache')

const NAMES = [
  'max', 'maxSize', 'maxEntrySize', 'sizeCalculation', 'ttl', 'ttlResolution', 'updateAgeOnGet', 'dispose', 'perf'
]
const names = new Set(NAMES)

// What an LRUCache can do and a Map cannot, said rather than ignored.
const ELSEWHERE = [
  'allowStale', 'noDeleteOnStaleGet', 'updateAgeOnHas', 'noUpdateTTL', 'noDisposeOnSet', 'disposeAfter', 'onInsert',
  'fetchMethod', 'memoMethod'
]

// How many entries a Map of V8 holds while others come and go.
const LIMIT = internals.mapEntries

const DISPOSE = Symbol.dispose ?? Symbol.for('nodejs.dispose')

// In an LRUCache, undefined is the absence of a value.
const UNDEFINED = Symbol('undefined')

const wrap = value => value === undefined ? UNDEFINED : value
const unwrap = held => held === UNDEFINED ? undefined : held
// A Map has no key -0.
const plainKey = key => key === 0 ? 0 : key

const MapIteratorPrototype = Object.getPrototypeOf(new Map().entries())
const { next } = MapIteratorPrototype

// Constructs nothing: it hands back what it is given, which so becomes the `this` of a class on top of it.
const Given = /** @type {any} */ (function (object) {
  return object
})

// A map with a ttl steps over expired entries. Its iterators are V8's own, with a `next` between them and their
// prototype. An own `next` would not do: it makes V8 give up its fast iteration of all Maps in the process.
class FreshIterator extends Given {
  #cache
  #only

  /**
   * @param {MapIterator} entries
   * @param {LRUCache} cache
   * @param {number | undefined} only 0 for keys, 1 for values, undefined for both
   */
  constructor (entries, cache, only) {
    super(entries)
    this.#cache = cache
    this.#only = only
    Object.setPrototypeOf(this, freshIteratorPrototype)
  }

  static next (iterator) {
    const cache = iterator.#cache
    for (;;) {
      const result = next.call(iterator)
      if (result.done) return result
      if (!cache.has(result.value[0])) continue
      if (iterator.#only !== undefined) result.value = result.value[iterator.#only]
      return result
    }
  }
}

const freshIteratorPrototype = Object.create(MapIteratorPrototype, {
  next: {
    ...Object.getOwnPropertyDescriptor(MapIteratorPrototype, 'next'),
    value: { next () { return FreshIterator.next(this) } }.next
  }
})

const checkLimit = max => {
  if (max > LIMIT) throw outOfRange("option 'max'", `at most ${LIMIT}, which is what a Map can hold`, max)
}

const checkFunction = (name, value) => {
  if (value !== undefined && typeof value !== 'function') throw invalidType(`option '${name}'`, 'a function', value)
}

const readOptions = options => {
  if (options === null || typeof options !== 'object') throw invalidType('options', 'an object', options)
  checkNames(options, NAMES, names)
  for (const name of ELSEWHERE) {
    if (!options[name]) continue
    throw coded(TypeError, 'ERR_HEAPWISE_UNKNOWN_OPTION', `a BoundedMap has no option '${name}': only an LRUCache has`)
  }
  const { max = 0, maxSize = 0, maxEntrySize, ttl, ttlResolution, updateAgeOnGet, perf } = options
  const { sizeCalculation, dispose } = options
  checkLimit(max)
  checkFunction('sizeCalculation', sizeCalculation)
  checkFunction('dispose', dispose)
  if ((maxSize || maxEntrySize) && sizeCalculation === undefined) {
    throw invalidUse("a BoundedMap bounded by size needs the option 'sizeCalculation': `set` of a Map takes no size")
  }
  return { max, maxSize, maxEntrySize, sizeCalculation, ttl, ttlResolution, updateAgeOnGet, dispose, perf }
}

class BoundedMap extends Map {
  #cache
  #expires
  // Whether no code of the user's runs while something is set.
  #plain
  // Set while the cache may be ahead of the map.
  #busy = false
  #options

  // As Map has it, the constructor's length is 0.
  constructor (iterable = undefined, options = undefined) {
    super()
    this.#options = readOptions(options === undefined ? BoundedMap.#optionsFor(iterable) : options)
    const { dispose, sizeCalculation, ...bounds } = this.#options
    this.#cache = new LRUCache({
      ...bounds,
      ttlAutopurge: true,
      dispose: dispose && ((held, key, reason) => dispose.call(this, unwrap(held), plainKey(key), reason)),
      sizeCalculation: sizeCalculation && ((held, key) => sizeCalculation(unwrap(held), plainKey(key)))
    })
    internals.attach(this.#cache, this)
    this.#expires = this.#cache.ttl !== 0
    this.#plain = dispose === undefined && sizeCalculation === undefined
    if (iterable !== undefined && iterable !== null) addAll(this, iterable)
  }

  // Without options: those of the map that is copied. Not its `dispose`, which would be called twice for each value.
  static #optionsFor (source) {
    if (typeof source !== 'object' || source === null) return {}
    if (#cache in source) return { ...source.#options, dispose: undefined, max: source.max, maxSize: source.maxSize }
    if (source[Symbol.iterator] !== undefined) return {}
    throw invalidUse('the options of a BoundedMap are its second argument: new BoundedMap(iterable, options)')
  }

  get max () { return this.#cache.max }
  get maxSize () { return this.#cache.maxSize }
  get calculatedSize () { return this.#cache.calculatedSize }
  get ttl () { return this.#cache.ttl }

  get (key) {
    const held = this.#cache.get(key)
    if (held === undefined) return super.size === this.#cache.size ? undefined : this.#getAfterAll(key)
    return held === UNDEFINED ? undefined : held
  }

  #getAfterAll (key) {
    this.#reconcile()
    return unwrap(this.#cache.get(key))
  }

  has (key) {
    if (!this.#expires) return super.has(key)
    if (super.size !== this.#cache.size) this.#reconcile()
    return this.#cache.has(key)
  }

  set (key, value) {
    this.#put(key, value)
    return this
  }

  #put (key, value) {
    const cache = this.#cache
    if (this.#plain) {
      // What has expired is gone: the key starts anew, at the end.
      if (this.#expires && super.has(key) && !cache.has(key)) super.delete(key)
      super.set(key, value)
      cache.set(key, value === undefined ? UNDEFINED : value)
    } else {
      this.#putWatched(key, value)
    }
    if (super.size !== cache.size) this.#reconcile()
  }

  // Callbacks may set and delete anything, this key as well. So the map takes what the cache holds in the end.
  #putWatched (key, value) {
    const cache = this.#cache
    const busy = this.#busy
    const expired = this.#expires && super.has(key) && !cache.has(key)
    this.#busy = true
    try {
      cache.set(key, wrap(value))
    } finally {
      this.#busy = busy
      const held = internals.held(cache, key)
      if (expired) super.delete(key)
      if (held !== undefined) this.#mirror(key, held)
    }
  }

  #mirror (key, held) {
    try {
      super.set(key, unwrap(held))
    } catch (error) {
      // More than a Map can hold.
      this.#cache.delete(key)
      throw error
    }
  }

  getOrInsert (key, value) {
    const held = this.#lookup(key)
    if (held !== undefined) return unwrap(held)
    this.#put(key, value)
    return value
  }

  getOrInsertComputed (key, callback) {
    if (typeof callback !== 'function') throw invalidType("argument 'callback'", 'a function', callback)
    const held = this.#lookup(key)
    if (held !== undefined) return unwrap(held)
    const value = callback(plainKey(key))
    this.#put(key, value)
    return value
  }

  #lookup (key) {
    if (super.size !== this.#cache.size) this.#reconcile()
    return this.#cache.get(key)
  }

  delete (key) {
    if (super.size !== this.#cache.size) this.#reconcile()
    const present = !this.#expires || this.#cache.has(key)
    return this.#cache.delete(key) && present
  }

  clear () {
    try {
      this.#cache.clear()
    } finally {
      // Unless a callback has set something meanwhile.
      if (this.#cache.size === 0) super.clear()
    }
  }

  entries () {
    return this.#expires ? this.#fresh() : super.entries()
  }

  keys () {
    return this.#expires ? this.#fresh(0) : super.keys()
  }

  values () {
    return this.#expires ? this.#fresh(1) : super.values()
  }

  /** @returns {any} */
  #fresh (only = undefined) {
    return new FreshIterator(super.entries(), this.#cache, only)
  }

  forEach (callback, thisArg = undefined) {
    if (!this.#expires || typeof callback !== 'function') return super.forEach(callback, thisArg)
    const cache = this.#cache
    super.forEach((value, key) => {
      if (cache.has(key)) Reflect.apply(callback, thisArg, [value, key, this])
    })
  }

  // ---- beyond Map

  resize (max = this.max, maxSize = this.maxSize) {
    checkLimit(max)
    this.#cache.resize(max, maxSize)
    return this
  }

  stats () {
    return this.#cache.stats()
  }

  resetStats () {
    this.#cache.resetStats()
  }

  [DISPOSE] () {
    this.clear()
    this.#cache[DISPOSE]()
  }

  // Somebody has used Map.prototype's own methods on this map. What they added is taken in, what they changed or
  // deleted is followed, and the bounds hold again.
  #reconcile () {
    if (this.#busy) return
    this.#busy = true
    const cache = this.#cache
    let thrown = null
    const attempt = action => {
      try {
        action()
      } catch (error) {
        thrown ??= { error }
      }
    }
    const { map, older } = internals.view(cache)
    for (const keys of [map, ...older]) {
      for (const key of keys.keys()) {
        if (!super.has(key)) attempt(() => cache.delete(key))
      }
    }
    super.forEach((value, key) => {
      const held = internals.held(cache, key)
      if (held !== undefined && Object.is(unwrap(held), value)) return
      attempt(() => cache.set(key, wrap(value)))
      const taken = internals.held(cache, key)
      // Too big, refused, or changed by a callback.
      if (taken === undefined) super.delete(key)
      else super.set(key, unwrap(taken))
    })
    this.#busy = false
    if (thrown !== null) throw thrown.error
  }

  static {
    internals.cacheOf = map => map.#cache
  }
}

const { entries } = Object.getOwnPropertyDescriptors(BoundedMap.prototype)
Object.defineProperty(BoundedMap.prototype, Symbol.iterator, entries)

// As the language specifies it for Map, `set` being looked up once, and the iterator closed if an entry is refused.
const addAll = (map, iterable) => {
  const { set } = map
  if (typeof set !== 'function') throw new TypeError(`the method 'set' of a map must be a function, got ${String(set)}`)
  for (const entry of iterable) {
    if ((typeof entry !== 'object' && typeof entry !== 'function') || entry === null) {
      throw new TypeError(`Iterator value ${String(entry)} is not an entry object`)
    }
    Reflect.apply(set, map, [entry[0], entry[1]])
  }
}

module.exports = { BoundedMap }
