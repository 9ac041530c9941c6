'use strict'

// OffHeapCache: a bounded cache whose keys and values are in memory of Rust's, where the garbage collector does not
// look, and which all worker threads share.
//
// Everything the store decides is in src/core/offheap. Here keys and options are checked, values become bytes or text
// and come back. A call that writes first runs all code of the user's that there is (getters, toJSON, a codec), then
// checks, then calls native code once: so nothing is half done, and no callback sees anything half done.

const { inspect } = require('node:util')
const { isUint8Array } = require('node:util/types')
const native = require('./native')
const { readEntries, readKeys } = require('./off-heap/batches')
const events = require('./off-heap/events')
const { encodeWith } = require('./off-heap/codecs')
const { ABSENT } = require('./off-heap/kinds')
const { KeyReader, SHORT_KEY, kindOfKey } = require('./off-heap/keys')
const { PLACE, readOptions, ttlOf } = require('./off-heap/options')
const producing = require('./off-heap/produce')
const snapshots = require('./off-heap/snapshots')
const { readStats } = require('./off-heap/stats')
const { openStore } = require('./off-heap/store')
const {
  ValueReader, batchBytes, encode, kindOf, lengthOf, payloadOf, takeBuffer, takeEqual, takeValue
} = require('./off-heap/values')
const {
  closed, invalidNumber, invalidType, invalidUse, notEncodable, targetTooSmall, tooLarge
} = require('./errors')

// Looked up once: a property of the addon at each call costs more than the checks around it.
const {
  offheapGet, offheapSet, offheapHas, offheapDelete, offheapTtl, offheapTouch, offheapIncrement, offheapCompareAndSet,
  offheapGetBytes, offheapGetInto, offheapGetMany, offheapSetMany, offheapDeleteMany, offheapClear, offheapSize,
  offheapBytes, offheapKeys, offheapEvicted, offheapClaim, offheapRelease, offheapForget,
  offheapClose
} = native

// How a look-up is done.
const ALLOW_STALE = 1
const UPDATE_AGE = 2
const PEEK = 4
// The flags above are meant, rather than the options of the store.
const AS_SAID = 8

// How a write is done, and what comes of it.
const IF_ABSENT = 1
const STORED = 0
const TOO_LARGE = 1

const ALL = 2 ** 32 - 1
const DISPOSE = Symbol.dispose ?? Symbol.for('nodejs.dispose')

// Iteration reads values in batches of about so many bytes.
const BATCH_BYTES = 256 * 1024
const FIRST_BATCH = 8
const MOST_IN_BATCH = 512

const shut = ({ handle, pending }) => {
  for (const end of pending.values()) end()
  pending.clear()
  offheapClose(handle)
}

// A store lives until its last handle is closed. That of a cache that was collected is closed here.
const collected = new FinalizationRegistry(shut)

const optionsOf = options => {
  if (typeof options !== 'object') throw invalidType("argument 'options'", 'an object', options)
  return options
}

class OffHeapCache {
  // The hot ones first. A handle has room for 256 operations, which is what native code takes. 0: closed.
  #base
  // The same for a text as a value, or 0 if a codec has to see it.
  #text
  #codec
  #handle
  #config
  #name
  #refuses
  // What getOrSet has begun, by ticket, with what to do if the cache is closed.
  #pending = new Map()

  constructor (options = undefined) {
    const read = readOptions(options)
    const { handle, codec, config } = openStore(read)
    this.#handle = handle
    this.#base = handle * 256
    this.#text = codec.custom ? 0 : this.#base
    this.#codec = codec
    this.#config = config
    this.#name = read.name
    this.#refuses = read.refuses
    collected.register(this, { handle, pending: this.#pending }, this)
  }

  static async load (file, options = undefined) {
    const onProgress = snapshots.readProgress(options)
    const name = snapshots.readFile(file)
    const cache = new this(options)
    try {
      await snapshots.load(cache, cache.#handle, name, onProgress)
    } catch (error) {
      cache.close()
      throw error
    }
    return cache
  }

  get name () { return this.#name }
  get maxBytes () { return this.#config[PLACE.maxBytes] }
  get maxEntries () { return this.#config[PLACE.maxEntries] }
  get max () { return this.#config[PLACE.maxEntries] }
  get ttl () { return this.#config[PLACE.ttl] }
  get shards () { return this.#config[PLACE.shards] }
  get closed () { return this.#base === 0 }
  get size () { return offheapSize(this.#open()) }
  get bytes () { return offheapBytes(this.#open()) }

  // ---- reading

  get (key, options = undefined) {
    if (typeof key === 'string' && options === undefined && key.length <= SHORT_KEY) {
      const base = this.#base
      if (base === 0) throw closed()
      const found = offheapGet(base, key)
      return typeof found === 'number' ? takeValue(this.#codec, found) : found
    }
    return this.#find(key, options === undefined || options === null ? undefined : this.#getFlags(optionsOf(options)))
  }

  peek (key, options = undefined) {
    const stale = options === undefined || options === null ? undefined : optionsOf(options).allowStale
    return this.#find(key, PEEK | AS_SAID | this.#staleFlag(stale))
  }

  #find (key, flags) {
    const kind = kindOfKey(key)
    const found = offheapGet(this.#live() + kind, key, flags)
    return typeof found === 'number' ? takeValue(this.#codec, found) : found
  }

  #staleFlag (allowStale) {
    return allowStale ?? this.#config[PLACE.allowStale] === 1 ? ALLOW_STALE : 0
  }

  #getFlags ({ allowStale, updateAgeOnGet }) {
    const renews = updateAgeOnGet ?? this.#config[PLACE.updateAgeOnGet] === 1
    return AS_SAID | this.#staleFlag(allowStale) | (renews ? UPDATE_AGE : 0)
  }

  has (key) {
    const kind = kindOfKey(key)
    return offheapHas(this.#live() + kind, key)
  }

  getRemainingTTL (key) {
    const kind = kindOfKey(key)
    return offheapTtl(this.#live() + kind, key)
  }

  getBuffer (key) {
    const kind = kindOfKey(key)
    const found = offheapGetBytes(this.#live() + kind, key)
    if (found === undefined) return undefined
    if (found < 0) throw invalidUse('getBuffer() is for keys whose value is bytes or a string')
    return takeBuffer(lengthOf(found))
  }

  getInto (key, target, offset = 0) {
    if (!isUint8Array(target)) throw invalidType("argument 'target'", 'a Uint8Array', target)
    if (!Number.isInteger(offset) || offset < 0 || offset > target.length) {
      throw invalidNumber("argument 'offset'", `an integer from 0 to ${target.length}, the length of 'target'`, offset)
    }
    const kind = kindOfKey(key)
    const written = offheapGetInto(this.#live() + kind, key, target, offset)
    if (written >= -1) return written
    if (written === -2) throw invalidUse('getInto() is for keys whose value is bytes or a string')
    throw targetTooSmall(target.length - offset, -written - 3)
  }

  getMany (keys) {
    const list = readKeys(keys)
    return this.#unpack(offheapGetMany(this.#open(), list))
  }

  // Native code's array is of the main realm, so a new one is made.
  #unpack (found) {
    const values = []
    let reader
    for (let i = 0; i < found.length; i++) {
      const each = found[i]
      if (typeof each !== 'number') values.push(each)
      else values.push((reader ??= new ValueReader(this.#codec, batchBytes(this.#codec))).next(each))
    }
    return values
  }

  // ---- writing

  set (key, value, options = undefined) {
    if (typeof value === 'string' && typeof key === 'string' && options === undefined && key.length <= SHORT_KEY) {
      const op = this.#text
      if (op !== 0) return offheapSet(op, key, value) === STORED ? this : this.#refuse(key)
    }
    if (value === undefined) {
      this.delete(key)
      return this
    }
    return this.#write(key, value, ttlOf(options), 0) === STORED ? this : this.#refuse(key)
  }

  #write (key, value, ttl, mode) {
    const codec = this.#codec
    let kind = codec.custom ? -1 : kindOf(value)
    let payload
    if (kind < 0) {
      payload = encodeWith(codec, value)
      kind = codec.kindOf(payload)
    } else {
      payload = payloadOf(value, kind)
    }
    const keyKind = kindOfKey(key)
    return offheapSet(this.#live() + keyKind + kind, key, payload, ttl, mode)
  }

  #refuse (key) {
    if (this.#refuses) return false
    throw tooLarge(key, this.#config[PLACE.maxEntryBytes])
  }

  setIfAbsent (key, value, options = undefined) {
    this.#checkDefined(value)
    const result = this.#write(key, value, ttlOf(options), IF_ABSENT)
    return result === TOO_LARGE ? this.#refuse(key) : result === STORED
  }

  compareAndSet (key, expected, value, options = undefined) {
    this.#checkDefined(value)
    const ttl = ttlOf(options)
    const codec = this.#codec
    let before = expected === undefined ? { kind: ABSENT, payload: undefined } : encode(codec, expected)
    const { kind, payload } = encode(codec, value)
    const keyKind = kindOfKey(key)
    for (;;) {
      const op = this.#live() + keyKind
      const result = offheapCompareAndSet(op + kind, key, payload, before.kind, before.payload, ttl)
      if (result === STORED) return true
      if (result === TOO_LARGE) return this.#refuse(key)
      // Equal values may have been encoded to other bytes. Then those that are stored are what is expected.
      const stored = takeEqual(codec, offheapGet(op, key, PEEK | AS_SAID), expected, before)
      if (stored === undefined) return false
      before = stored
    }
  }

  #checkDefined (value) {
    if (value === undefined) throw notEncodable(value, new TypeError('undefined is the absence of a value'))
  }

  increment (key, by = 1, options = undefined) {
    if (!Number.isFinite(by)) throw invalidNumber("argument 'by'", 'a finite number', by)
    const ttl = ttlOf(options)
    const kind = kindOfKey(key)
    const sum = offheapIncrement(this.#live() + kind, key, by, ttl)
    if (sum === undefined) throw invalidUse('increment() is for keys whose value is a number')
    if (sum === null) throw tooLarge(key, this.#config[PLACE.maxEntryBytes])
    return sum
  }

  setMany (entries, options = undefined) {
    const ttl = ttlOf(options)
    const { keys, payloads, kinds } = readEntries(this.#codec, entries)
    const at = offheapSetMany(this.#open(), keys, payloads, kinds, ttl)
    return at < 0 ? this : this.#refuse(keys[at])
  }

  touch (key, options = undefined) {
    const ttl = ttlOf(options)
    const kind = kindOfKey(key)
    return offheapTouch(this.#live() + kind, key, ttl)
  }

  delete (key) {
    const kind = kindOfKey(key)
    return offheapDelete(this.#live() + kind, key)
  }

  deleteMany (keys) {
    const list = readKeys(keys)
    return offheapDeleteMany(this.#open(), list)
  }

  clear () {
    offheapClear(this.#open())
  }

  // ---- one producer for a key

  async getOrSet (key, producer, options = undefined) {
    if (typeof producer !== 'function') throw invalidType("argument 'producer'", 'a function', producer)
    const { ttl, signal } = producing.readOptions(options)
    const kind = kindOfKey(key)
    const flags = this.#getFlags({ allowStale: false, updateAgeOnGet: undefined })
    // The caller may write into a Buffer again while this waits.
    const own = typeof key === 'object' ? Buffer.from(key) : key
    for (;;) {
      if (signal?.aborted) throw signal.reason
      const found = offheapGet(this.#live() + kind, own, flags)
      if (found !== undefined) return typeof found === 'number' ? takeValue(this.#codec, found) : found
      events.listen()
      const ticket = offheapClaim(this.#live() + kind, own)
      if (ticket > 0) return this.#produce(ticket, key, own, producer, ttl, signal)
      if (ticket < 0) await this.#wait(-ticket, own, signal)
    }
  }

  #wait (ticket, key, signal) {
    if (producing.isRunning(this.#store, key)) {
      offheapForget(this.#handle, ticket)
      throw invalidUse('getOrSet() for a key, called by the producer of that same key, would wait for itself')
    }
    return producing.waitFor(this, this.#handle, ticket, signal, this.#pending)
  }

  async #produce (ticket, key, own, producer, ttl, signal) {
    const handle = this.#handle
    this.#pending.set(ticket, () => offheapRelease(handle, ticket))
    try {
      const value = await producing.produce(this.#store, key, own, producer, signal)
      // Too large to be stored, or closed meanwhile: who has asked gets it all the same.
      if (value !== undefined && this.#base !== 0) this.#write(own, value, ttl, 0)
      return value
    } finally {
      if (this.#pending.delete(ticket)) offheapRelease(handle, ticket)
    }
  }

  // What is the same for all handles of a store.
  get #store () { return this.#name ?? this.#handle }

  // ---- all entries

  keys () {
    this.#live()
    return this.#keys()
  }

  values () {
    this.#live()
    return this.#values()
  }

  entries () {
    this.#live()
    return this.#entries()
  }

  * #keys () {
    for (let shard = 0; shard < this.shards; shard++) {
      const reader = this.#keysOf(shard)
      while (!reader.done) {
        yield reader.key()
        this.#live()
      }
    }
  }

  * #values () {
    for (const entry of this.#entries()) yield entry[1]
  }

  * #entries () {
    let most = FIRST_BATCH
    for (let shard = 0; shard < this.shards; shard++) {
      const reader = this.#keysOf(shard)
      while (!reader.done) {
        const keys = []
        while (keys.length < most && !reader.done) keys.push(reader.key())
        const found = offheapGetMany(this.#open(), keys, PEEK | AS_SAID)
        most = nextBatch(most, found)
        const values = this.#unpack(found)
        for (let i = 0; i < keys.length; i++) {
          // It is gone meanwhile.
          if (found[i] === undefined) continue
          yield [keys[i], values[i]]
          this.#live()
        }
      }
    }
  }

  #keysOf (shard) {
    const found = offheapKeys(this.#open(), shard)
    return new KeyReader(takeBuffer(lengthOf(found)))
  }

  forEach (callback, thisArg = undefined) {
    if (typeof callback !== 'function') throw invalidType("argument 'callback'", 'a function', callback)
    for (const [key, value] of this.entries()) Reflect.apply(callback, thisArg, [value, key, this])
  }

  // ---- about the store

  takeEvicted (max = ALL) {
    if (!Number.isSafeInteger(max) || max < 0) throw invalidNumber("argument 'max'", 'a nonnegative integer', max)
    const found = offheapEvicted(this.#open(), Math.min(max, ALL))
    const reader = new KeyReader(takeBuffer(lengthOf(found)))
    const evicted = []
    while (!reader.done) {
      const reason = reader.byte() === 0 ? 'size' : 'expired'
      evicted.push({ key: reader.key(), reason })
    }
    return evicted
  }

  stats () {
    return readStats(this.#open(), this.shards)
  }

  async save (file, options = undefined) {
    const onProgress = snapshots.readProgress(options)
    const name = snapshots.readFile(file)
    return snapshots.save(this, this.#open(), name, onProgress)
  }

  close () {
    if (this.#base === 0) return
    this.#base = this.#text = 0
    collected.unregister(this)
    shut({ handle: this.#handle, pending: this.#pending })
  }

  // The number that operations are added to. No code of the user's may run between this and the call.
  #live () {
    const base = this.#base
    if (base === 0) throw closed()
    return base
  }

  #open () {
    if (this.#base === 0) throw closed()
    return this.#handle
  }

  get [Symbol.toStringTag] () { return 'OffHeapCache' }

  [inspect.custom] (_depth, options) {
    const title = this.#name === undefined ? 'OffHeapCache' : `OffHeapCache ${inspect(this.#name)}`
    if (this.closed) return `${title} (closed)`
    const { size, bytes, maxBytes } = this
    return `${title} ${inspect({ size, bytes, maxBytes }, options)}`
  }
}

// How many values are read next, going by what the last ones took.
const nextBatch = (count, found) => {
  let bytes = 0
  for (const each of found) bytes += typeof each === 'number' ? each / 64 : typeof each === 'string' ? each.length : 0
  if (bytes > BATCH_BYTES) return Math.max(1, Math.floor(count * BATCH_BYTES / bytes))
  return Math.min(count * 2, MOST_IN_BATCH)
}

const { entries, close } = Object.getOwnPropertyDescriptors(OffHeapCache.prototype)
Object.defineProperty(OffHeapCache.prototype, Symbol.iterator, entries)
Object.defineProperty(OffHeapCache.prototype, DISPOSE, close)

module.exports = { OffHeapCache }
