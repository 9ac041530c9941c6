'use strict'

/* eslint max-lines: off -- one class, because its hot methods read private fields: see docs/architecture.md */

// LRUCache: a drop-in for the npm package lru-cache, over a Map that stays in V8 and a policy that lives in Rust.
//
// Each entry has a slot, a small integer: `#map` finds it, `#keys` and `#vals` hold what is in it, `#m`, the ledger,
// is the access log whose order is the LRU order (src/core/cache/recency.rs). A hit writes two numbers into the ledger
// and crosses no boundary; Rust is asked when a segment of the log is full, and when a victim must be looked for in
// the next.
//
// Two rules keep it sound whatever user callbacks do. The state is whole before a callback and after it. And a slot
// whose `dispose` is running is *parked*: if it is removed or overwritten meanwhile, the parking is lifted, and the
// operation that called `dispose` sees that the slot is no longer its own.

const { inspect } = require('node:util')
const native = require('./native')
const internals = require('./cache/internals')
const { readOptions, checkMax, checkMaxSize, checkBounded, isPosInt, warnUnbounded } = require('./cache/options')
const { coded, invalidNumber, invalidType, invalidUse } = require('./errors')
const { Expiry } = require('./cache/expiry')
const { PendingFetch, startFetch } = require('./cache/fetch')
const { Walk } = require('./cache/walk')
const { metrics, tracing, isTraced } = require('./cache/channels')
const registry = require('./leaks/pools-registry')

const HEADER = 12
// In the ledger, the top bit marks a slot without an entry; the rest links the free ones.
const VACANT = 0x80000000
const NO_SLOT = 0x7fffffff
const EMPTY = new Uint32Array(0)
const mapDelete = Map.prototype.delete
const NO_OPTIONS = Object.freeze({})
// How often in one operation a `dispose` may undo what it was called for, before it is not asked any more.
const PATIENCE = 100

const checkFunction = (name, value) => {
  if (typeof value !== 'function') throw invalidType(name, 'a function', value)
}

// Whatever is no object has no options in it: callers exist that pass a number, a boolean or null.
const asOptions = options => typeof options === 'object' && options !== null ? options : NO_OPTIONS

class LRUCache {
  // The hot ones first.
  #map = new Map()
  #special = false
  #m = EMPTY
  #head = 0
  #headEnd = 0
  #vals = []
  #hits = 0
  #misses = 0
  #older = null
  // No callbacks and no sizes: entries come and go without a word. Plain: and no time to live either.
  #silent = true
  #plain = true
  #size = 0
  #max
  #sets = 0
  #evicted = 0
  #replaced = 0
  #dropped = { delete: 0, expire: 0, fetch: 0 }
  #keys = []
  #tail = 0
  #tailEnd = 0
  #cap = 0
  #used = 0
  #free = NO_SLOT
  #mapEntries = internals.mapEntries
  #maxSize
  #total = 0
  #sizes = null
  #sized = false
  #expiry = null
  #dispose
  #disposeAfter
  #onInsert
  // Whether somebody must be told of what leaves: a dispose, a disposeAfter, or a pending fetch.
  #hooked = false
  #disposed = []
  // Slots whose dispose is running, innermost last; -1 once the slot was removed or overwritten.
  #parked = []
  #thrown = null
  #fetchMethod
  #memoMethod
  #host = null
  // The BoundedMap that this cache decides for, and that has the same keys.
  #mirror = null
  #perf

  constructor (options) {
    const o = readOptions(options)
    this.ttl = o.ttl
    this.ttlResolution = o.ttlResolution
    this.ttlAutopurge = !!options.ttlAutopurge
    this.updateAgeOnGet = !!options.updateAgeOnGet
    this.updateAgeOnHas = !!options.updateAgeOnHas
    this.allowStale = !!options.allowStale
    this.noDisposeOnSet = !!options.noDisposeOnSet
    this.noUpdateTTL = !!options.noUpdateTTL
    this.maxEntrySize = o.maxEntrySize
    this.sizeCalculation = o.sizeCalculation
    this.noDeleteOnFetchRejection = !!options.noDeleteOnFetchRejection
    this.noDeleteOnStaleGet = !!options.noDeleteOnStaleGet
    this.allowStaleOnFetchAbort = !!options.allowStaleOnFetchAbort
    this.allowStaleOnFetchRejection = !!options.allowStaleOnFetchRejection
    this.ignoreFetchAbort = !!options.ignoreFetchAbort
    this.backgroundFetchSize = o.backgroundFetchSize
    this[Symbol.toStringTag] = 'LRUCache'
    this.#max = o.max
    this.#maxSize = o.maxSize
    this.#dispose = o.dispose
    this.#disposeAfter = o.disposeAfter
    this.#onInsert = o.onInsert
    this.#fetchMethod = o.fetchMethod
    this.#memoMethod = o.memoMethod
    this.#perf = o.perf
    this.#sized = o.maxEntrySize !== 0
    this.#special = o.fetchMethod !== undefined
    this.#hooked = o.dispose !== undefined || o.disposeAfter !== undefined || this.#special
    this.#plain = this.#silent = !(this.#sized || this.#hooked || o.onInsert)
    if (this.ttl) this.#trackTtl()
    if (!this.ttlAutopurge && !o.max && !o.maxSize) {
      warnUnbounded(LRUCache)
      registry.caches.add(this)
    }
  }

  static from (entries, options) {
    if (typeof entries !== 'object' || typeof entries?.[Symbol.iterator] !== 'function') {
      throw invalidType('entries', 'an iterable of [key, value]', entries)
    }
    const cache = new this(options)
    // A cache gives its most recent entry first; the copy shall have the same order.
    for (const [key, value] of #map in entries ? entries.rentries() : entries) cache.set(key, value)
    return cache
  }

  get max () { return this.#max }
  get maxSize () { return this.#maxSize }
  get calculatedSize () { return this.#total }
  get size () { return this.#size }
  get fetchMethod () { return this.#fetchMethod }
  get memoMethod () { return this.#memoMethod }
  get dispose () { return this.#dispose }
  get onInsert () { return this.#onInsert }
  get disposeAfter () { return this.#disposeAfter }
  get perf () { return this.#perf }

  // ---- reading

  get (key, options) {
    if (options !== undefined || metrics.hasSubscribers) return this.#getReported(key, asOptions(options))
    let slot = this.#map.get(key)
    if (slot === undefined && (this.#older === null || (slot = this.#findOlder(key)) === undefined)) {
      this.#misses++
      return undefined
    }
    if (this.#special) return this.#getSpecial(key, slot, NO_OPTIONS, undefined)
    const m = this.#m
    const at = this.#head
    m[at] = slot
    m[slot] = at
    if ((this.#head = at + 1) === this.#headEnd) this.#turn()
    this.#hits++
    return this.#vals[slot]
  }

  #getReported (key, o) {
    const { status = metrics.hasSubscribers ? {} : undefined } = o
    if (!status) return this.#get(key, o, undefined)
    status.op = 'get'
    status.key = key
    status.cache = this.#mirror ?? this
    const value = this.#get(key, o, status)
    if (value !== undefined) status.value = value
    if (metrics.hasSubscribers) metrics.publish(status)
    return value
  }

  #get (key, o, status) {
    const slot = this.#find(key)
    if (slot !== undefined) return this.#getSpecial(key, slot, o, status)
    this.#misses++
    if (status) status.get = 'miss'
    return undefined
  }

  // A hit that has more to look at than the value: a time to live, a pending fetch, options, a status.
  #getSpecial (key, slot, o, status) {
    const held = this.#vals[slot]
    const pending = this.#isPending(held)
    const value = pending ? held.stale : held
    if (status) this.#reportTtl(status, slot)
    if (!this.#isStale(slot)) {
      if (status) status.get = pending ? 'fetching' : 'hit'
      // Unless the clock has removed it.
      if (this.#isTaken(slot)) this.#touch(slot)
      if (this.#expiry !== null && (o.updateAgeOnGet === undefined ? this.updateAgeOnGet : o.updateAgeOnGet)) {
        this.#expiry.refresh(slot)
      }
      if (value === undefined) this.#misses++
      else this.#hits++
      return value
    }
    const { allowStale = this.allowStale, noDeleteOnStaleGet = this.noDeleteOnStaleGet } = o
    if (status) status.get = pending ? 'stale-fetching' : 'stale'
    if (allowStale && value !== undefined) {
      this.#hits++
      if (status) status.returnedStale = true
    } else {
      this.#misses++
    }
    if (!pending && !noDeleteOnStaleGet) this.#delete(key, 'expire')
    return allowStale ? value : undefined
  }

  peek (key, options) {
    const o = asOptions(options)
    const { status = metrics.hasSubscribers || isTraced() ? {} : undefined, allowStale = this.allowStale } = o
    if (status) {
      status.op = 'peek'
      status.key = key
      status.cache = this.#mirror ?? this
    }
    const slot = this.#find(key)
    let value
    if (slot === undefined || (!allowStale && this.#isStale(slot))) {
      if (status) status.peek = slot === undefined ? 'miss' : 'stale'
    } else {
      value = this.#valueAt(slot)
      if (status) {
        status.peek = value === undefined ? 'miss' : 'hit'
        if (value !== undefined) status.value = value
      }
    }
    if (metrics.hasSubscribers) metrics.publish(status)
    return value
  }

  has (key, options) {
    const o = asOptions(options)
    const { status = metrics.hasSubscribers ? {} : undefined, updateAgeOnHas = this.updateAgeOnHas } = o
    if (status) {
      status.op = 'has'
      status.key = key
      status.cache = this.#mirror ?? this
    }
    const slot = this.#find(key)
    let found = false
    if (slot === undefined) {
      if (status) status.has = 'miss'
    } else if (this.#valueAt(slot) !== undefined) {
      found = !this.#isStale(slot)
      if (found && updateAgeOnHas) this.#expiry?.refresh(slot)
      if (status) {
        status.has = found ? 'hit' : 'stale'
        this.#reportTtl(status, slot)
      }
    }
    if (metrics.hasSubscribers) metrics.publish(status)
    return found
  }

  getRemainingTTL (key) {
    const slot = this.#find(key)
    if (slot === undefined) return 0
    return this.#expiry === null ? Infinity : this.#expiry.remaining(slot, this.ttlResolution)
  }

  info (key) {
    const slot = this.#find(key)
    const value = slot === undefined ? undefined : this.#valueAt(slot)
    if (value === undefined) return undefined
    const entry = { value }
    const expiry = this.#expiry
    if (expiry !== null && expiry.hasTtl(slot)) {
      entry.ttl = expiry.ttl(slot) - (this.#perf.now() - expiry.starts[slot])
      entry.start = Date.now()
    }
    if (this.#sized) entry.size = this.#sizes[slot]
    return entry
  }

  // ---- writing

  set (key, value, options) {
    if (options !== undefined || !this.#plain || value === undefined || this.ttl !== 0 ||
        this.sizeCalculation !== undefined || metrics.hasSubscribers) {
      return this.#setReported(key, value, asOptions(options))
    }
    let slot = this.#map.get(key)
    this.#sets++
    if (slot === undefined && (this.#older === null || (slot = this.#findOlder(key)) === undefined)) {
      // As #recycle and #fill do: written out, because V8 would not inline them all.
      if (this.#size === this.#max) {
        const m = this.#m
        const at = this.#tail
        if (at < this.#tailEnd && m[slot = m[at]] === at) this.#tail = at + 1
        else slot = this.#victim()
        if (!this.#map.delete(this.#keys[slot])) this.#unmapOlder(this.#keys[slot])
        if (this.#mirror !== null) mapDelete.call(this.#mirror, this.#keys[slot])
        this.#evicted++
      } else {
        slot = this.#take()
        this.#size++
      }
      if (this.#size > this.#mapEntries) this.#spread()
      this.#map.set(key, slot)
      this.#keys[slot] = key
    } else {
      this.#replaced++
    }
    this.#vals[slot] = value
    const m = this.#m
    const at = this.#head
    m[at] = slot
    m[slot] = at
    if ((this.#head = at + 1) === this.#headEnd) this.#turn()
    return this
  }

  #setReported (key, value, o) {
    const { status = metrics.hasSubscribers ? {} : undefined } = o
    if (!status) {
      this.#put(key, value, o, undefined)
      return this
    }
    status.op = 'set'
    status.key = key
    if (value !== undefined) status.value = value
    status.cache = this.#mirror ?? this
    this.#put(key, value, o, status)
    if (metrics.hasSubscribers) metrics.publish(status)
    return this
  }

  /** @param {InstanceType<typeof PendingFetch>} [resolving] the fetch whose value this is */
  #put (key, value, o, status, resolving) {
    if (value === undefined) {
      if (status) status.set = 'deleted'
      this.delete(key)
      return
    }
    const { ttl = this.ttl, noDisposeOnSet = this.noDisposeOnSet, noUpdateTTL = this.noUpdateTTL, start } = o
    // What is no number throws here, where nothing has changed yet.
    const life = +ttl
    const from = start === undefined ? start : +start
    const pending = this.#isPending(value)
    if (status && !pending) status.value = value
    const size = this.#sizeOf(key, value, o, pending)
    if (this.#sized && (size > (this.maxEntrySize || Infinity) || size > (this.#maxSize || Infinity))) {
      this.#refuse(key, status)
      return
    }
    if (ttl !== 0 && this.#expiry === null) this.#trackTtl()
    const now = this.#expiry === null ? 0 : this.#perf.now()
    let slot
    let held
    let before
    let patience = PATIENCE
    // A callback may change the very entry that is being written: then look again.
    for (;;) {
      held = before = undefined
      slot = this.#find(key)
      if (slot === undefined && this.#isCrowded(size)) {
        if (this.#silent && !metrics.hasSubscribers) {
          slot = this.#recycle(now)
          this.#fill(slot, key, value, 0)
          break
        }
        while (this.#size > 0 && this.#isCrowded(size)) if (!this.#evictOne(now, -1, patience < 0)) patience--
        slot = this.#find(key)
      }
      // A callback may have lowered the bound.
      if (this.#maxSize !== 0 && size > this.#maxSize) {
        this.#refuse(key, status)
        return
      }
      if (slot === undefined) {
        slot = this.#take()
        this.#fill(slot, key, value, size)
        break
      }
      held = this.#vals[slot]
      before = this.#isPending(held) ? held.stale : held
      if (this.#replace(slot, value, size, now, noDisposeOnSet, resolving, patience-- < 0)) break
    }
    const kind = before === undefined ? 'add' : before === value ? 'update' : 'replace'
    if (this.#expiry !== null) {
      if (!noUpdateTTL || before === undefined) this.#expiry.set(slot, life, from === undefined ? now : from)
      else this.#expiry.keep(slot)
    }
    if (!pending) {
      this.#sets++
      if (kind !== 'add') this.#replaced++
    }
    if (status) {
      if (!pending) status.set = kind
      if (before !== undefined && held !== value) status.oldValue = before
      if (this.#sized) {
        status.entrySize = size
        status.totalCalculatedSize = this.#total
      }
      if (this.#expiry !== null) this.#reportTtl(status, slot)
    }
    if (!pending && this.#onInsert !== undefined) this.#inserted(value, key, kind)
    if (!this.#silent) this.#settle()
  }

  // The value is too large: what its key had is gone as well.
  #refuse (key, status) {
    this.#delete(key, 'set')
    if (!status) return
    status.set = 'miss'
    status.maxEntrySizeExceeded = true
  }

  // Makes a free slot the key's.
  #fill (slot, key, value, size) {
    this.#size++
    if (this.#size > this.#mapEntries) this.#spread()
    this.#map.set(key, slot)
    this.#keys[slot] = key
    this.#vals[slot] = value
    if (this.#sized) {
      this.#sizes[slot] = size
      this.#total += size
    }
    this.#touch(slot)
  }

  // Puts `value` in place of what the slot holds. False if callbacks changed the slot meanwhile.
  #replace (slot, value, size, now, noDisposeOnSet, resolving, forced) {
    const held = this.#vals[slot]
    const key = this.#keys[slot]
    this.#touch(slot)
    // Parked already: this is its own dispose, setting it anew. The value it was called for is dealt with.
    const disposing = this.#lift(slot)
    if (this.#hooked || metrics.hasSubscribers) {
      this.#parked.push(slot)
      if (held !== value && !noDisposeOnSet && !disposing && !forced) {
        this.#offer(slot, held, 'set', 'replaced', value, resolving)
      }
      // Set to the same value in its own dispose: nothing has changed.
      if (this.#parked.at(-1) === -1 && this.#find(key) === slot && this.#vals[slot] === held) {
        this.#parked[this.#parked.length - 1] = slot
      }
      let patience = PATIENCE
      while (this.#parked.at(-1) === slot && this.#isCrowdedWith(slot, size)) {
        // A callback may have lowered the bound until nothing helps.
        if (size > this.#maxSize) {
          this.#parked.pop()
          this.#vacate(slot)
          this.#replaced++
          return false
        }
        if (!this.#evictOne(now, slot, forced || patience < 0)) patience--
      }
      if (this.#parked.pop() === -1) return false
    } else {
      while (this.#isCrowdedWith(slot, size)) this.#evictOne(now, slot, false)
    }
    if (this.#sized) {
      this.#total += size - this.#sizes[slot]
      this.#sizes[slot] = size
    }
    this.#vals[slot] = value
    return true
  }

  #sizeOf (key, value, { size, sizeCalculation = this.sizeCalculation }, pending) {
    if (!this.#sized) {
      if (!size && !sizeCalculation) return 0
      throw invalidUse("'size' and 'sizeCalculation' need a cache with 'maxSize' or 'maxEntrySize'")
    }
    if (isPosInt(size)) return size
    if (pending) {
      // A stale value that waits for its successor keeps its own size.
      return isPosInt(this.backgroundFetchSize) ? this.backgroundFetchSize : 1
    }
    if (!sizeCalculation) {
      const takes = "a positive integer, because this cache is bounded by size and has no 'sizeCalculation'"
      throw invalidNumber("option 'size'", takes, size)
    }
    checkFunction("option 'sizeCalculation'", sizeCalculation)
    const result = sizeCalculation(value, key)
    if (!isPosInt(result)) throw invalidNumber("what 'sizeCalculation' returns", 'a positive integer', result)
    return result
  }

  #isBeyond () {
    return (this.#max !== 0 && this.#size > this.#max) || (this.#maxSize !== 0 && this.#total > this.#maxSize)
  }

  #isCrowded (size) {
    return (this.#max !== 0 && this.#size >= this.#max) || (this.#maxSize !== 0 && this.#total + size > this.#maxSize)
  }

  // Whether `size` is too much in place of what the slot holds. Then there are others: alone it would fit.
  #isCrowdedWith (slot, size) {
    return this.#maxSize !== 0 && this.#total - this.#sizes[slot] + size > this.#maxSize
  }

  // Gives up one entry, not the one in the slot `except`. False if its dispose changed that; `forced`: it is not asked.
  #evictOne (now, except, forced) {
    const expired = this.#expiry === null ? -1 : this.#expiredVictim(now, except)
    if (expired !== -1) {
      const key = this.#keys[expired]
      const gone = this.#discard(expired, 'expire', forced)
      // Afterwards: whoever listens may change the cache.
      if (metrics.hasSubscribers) this.#publishDelete(key, 'expire')
      return gone
    }
    let slot = this.#victim()
    // Callbacks have used all others since.
    if (slot === except && this.#size > 1) {
      this.#touch(slot)
      slot = this.#victim()
    }
    return this.#discard(slot, 'evict', forced)
  }

  // As evictOne, where nobody needs to be told; the slot is not freed but given to the next entry.
  #recycle (now) {
    let slot = this.#expiry === null ? -1 : this.#expiredVictim(now, -1)
    if (slot === -1) {
      slot = this.#victim()
      this.#evicted++
    } else {
      this.#dropped.expire++
    }
    this.#unmap(this.#keys[slot])
    this.#size--
    return slot
  }

  // An entry that nobody can be given any more goes before the least recently used one.
  #expiredVictim (now, except) {
    const expiry = this.#expiry
    if (expiry.isQuiet(now) || this.allowStale || this.noDeleteOnStaleGet || this.allowStaleOnFetchRejection ||
        this.allowStaleOnFetchAbort || this.noDeleteOnFetchRejection) return -1
    if (expiry.wheel === null) expiry.startWheel(this.#slots(false))
    for (;;) {
      const slot = expiry.due(now)
      if (slot === -1) return -1
      if (this.#m[slot] >= VACANT) continue
      // What is being fetched or overwritten is watched again afterwards.
      if (slot === except || this.#isPending(this.#vals[slot])) continue
      return slot
    }
  }

  delete (key) {
    return this.#delete(key, 'delete')
  }

  #delete (key, reason) {
    if (metrics.hasSubscribers) this.#publishDelete(key, reason)
    const slot = this.#find(key)
    if (slot !== undefined) this.#discard(slot, reason)
    this.#settle()
    return slot !== undefined
  }

  #publishDelete (key, reason) {
    metrics.publish({ op: 'delete', delete: reason, key, cache: this.#mirror ?? this })
  }

  clear () {
    if (this.#dispose === undefined && this.#disposeAfter === undefined && this.#fetchMethod === undefined) {
      this.#dropped.delete += this.#size
      this.#reset()
      return
    }
    // Its key too: a callback may have given the slot to another entry, which stays.
    const slots = this.#slots(false)
    const keys = Array.from(slots, slot => this.#keys[slot])
    for (let i = 0; i < slots.length; i++) {
      const slot = slots[i]
      if (this.#isTaken(slot) && Object.is(this.#keys[slot], keys[i])) this.#discard(slot, 'delete')
    }
    if (this.#size === 0) this.#reset()
    this.#settle()
  }

  pop () {
    let value
    while (value === undefined && this.#size > 0) {
      const slot = this.#victim()
      value = this.#valueAt(slot)
      this.#discard(slot, 'evict')
    }
    this.#settle()
    return value
  }

  purgeStale () {
    if (this.#expiry === null) return false
    let purged = false
    let thrown = null
    for (const slot of this.#slots(false)) {
      if (!this.#isTaken(slot) || !this.#isStale(slot)) continue
      purged = true
      try {
        this.#delete(this.#keys[slot], 'expire')
      } catch (error) {
        thrown ??= { error }
      }
    }
    if (thrown !== null) throw thrown.error
    return purged
  }

  resize (max, maxSize = this.#maxSize) {
    checkMax(max)
    checkMaxSize(maxSize)
    checkBounded(max, maxSize, this.ttl)
    if (maxSize !== 0 && this.#maxSize === 0) {
      throw invalidUse("a cache made without 'maxSize' does not know the sizes of its entries, and cannot be given one")
    }
    if (this.maxEntrySize === this.#maxSize) this.maxEntrySize = maxSize || this.maxEntrySize
    this.#max = max
    this.#maxSize = maxSize
    // The short way of `set` takes size === max for full.
    if (max === 0) this.#plain = false
    const now = this.#expiry === null ? 0 : this.#perf.now()
    // The bounds may be changed again by a callback.
    let patience = PATIENCE
    while (this.#size > 0 && this.#isBeyond()) if (!this.#evictOne(now, -1, patience < 0)) patience--
    this.#settle()
    return this
  }

  // ---- all entries

  * entries () {
    const walk = this.#walk(true)
    for (let slot; (slot = walk.next()) !== -1;) {
      if (this.#isListed(slot)) yield [this.#keys[slot], this.#vals[slot]]
    }
  }

  * rentries () {
    const walk = this.#walk(false)
    for (let slot; (slot = walk.next()) !== -1;) {
      if (this.#isListed(slot)) yield [this.#keys[slot], this.#vals[slot]]
    }
  }

  * keys () {
    const walk = this.#walk(true)
    for (let slot; (slot = walk.next()) !== -1;) {
      if (this.#isListed(slot)) yield this.#keys[slot]
    }
  }

  * rkeys () {
    const walk = this.#walk(false)
    for (let slot; (slot = walk.next()) !== -1;) {
      if (this.#isListed(slot)) yield this.#keys[slot]
    }
  }

  * values () {
    const walk = this.#walk(true)
    for (let slot; (slot = walk.next()) !== -1;) {
      if (this.#isShown(slot)) yield this.#vals[slot]
    }
  }

  * rvalues () {
    const walk = this.#walk(false)
    for (let slot; (slot = walk.next()) !== -1;) {
      if (this.#isShown(slot)) yield this.#vals[slot]
    }
  }

  [Symbol.iterator] () {
    return this.entries()
  }

  // Iteration shows what is there: nothing pending, nothing stale unless stale values are allowed. As in lru-cache, an
  // entry whose key is undefined is passed over where its key would be shown, but not by values().
  #isListed (slot) {
    return this.#isShown(slot) && this.#keys[slot] !== undefined
  }

  #isShown (slot) {
    return this.#isTaken(slot) && (this.allowStale || !this.#isStale(slot)) && !this.#isPending(this.#vals[slot])
  }

  #walk (newestFirst) {
    return new Walk(limit => this.#slots(newestFirst, limit))
  }

  // Calls `fn(value, key)` for each entry until it answers true; returns whether it did.
  #visit (newestFirst, fn) {
    const walk = this.#walk(newestFirst)
    for (let slot; (slot = walk.next()) !== -1;) {
      if (!this.#isTaken(slot) || !(this.allowStale || !this.#isStale(slot))) continue
      const value = this.#valueAt(slot)
      if (value !== undefined && fn(value, this.#keys[slot])) return true
    }
    return false
  }

  find (fn, options) {
    checkFunction('fn', fn)
    let found
    const is = (value, key) => {
      found = key
      return fn(value, key, this)
    }
    if (!this.#visit(true, is)) return undefined
    const o = asOptions(options)
    return this.#get(found, o, o.status)
  }

  forEach (fn, thisArg = this) {
    checkFunction('fn', fn)
    this.#visit(true, (value, key) => { fn.call(thisArg, value, key, this) })
  }

  rforEach (fn, thisArg = this) {
    checkFunction('fn', fn)
    this.#visit(false, (value, key) => { fn.call(thisArg, value, key, this) })
  }

  dump () {
    const dumped = []
    const expiry = this.#expiry
    const now = this.#perf.now()
    for (const slot of this.#slots(false)) {
      const key = this.#keys[slot]
      const value = this.#valueAt(slot)
      if (value === undefined || key === undefined) continue
      const entry = { value }
      if (expiry !== null) {
        entry.ttl = expiry.ttl(slot)
        // In wall-clock terms, so that it means something in another process.
        entry.start = Math.floor(Date.now() - (now - (expiry.hasTtl(slot) ? expiry.starts[slot] : 0)))
      }
      if (this.#sized) entry.size = this.#sizes[slot]
      dumped.push([key, entry])
    }
    return dumped
  }

  load (entries) {
    let thrown = null
    try {
      this.clear()
    } catch (error) {
      // All is gone nevertheless, so what is to come instead shall come.
      thrown = { error }
    }
    try {
      for (const [key, entry] of entries) {
        const o = entry.start ? { ...entry, start: this.#perf.now() - (Date.now() - entry.start) } : entry
        this.#put(key, entry.value, o, entry.status)
      }
    } catch (error) {
      thrown ??= { error }
    }
    if (thrown !== null) throw thrown.error
  }

  // ---- fetch and memo

  fetch (key, options) {
    return this.#traced(options, (o, status) => this.#fetch(key, o, status))
  }

  forceFetch (key, options) {
    return this.#traced(options, async (o, status) => {
      const value = await this.#fetch(key, o, status)
      if (value === undefined) throw coded(Error, 'ERR_HEAPWISE_FETCH_UNDEFINED', 'fetch() returned undefined')
      return value
    })
  }

  #traced (options, run) {
    const o = asOptions(options)
    const traced = isTraced()
    const { status = metrics.hasSubscribers || traced ? {} : undefined } = o
    if (status && o.context) status.context = o.context
    const promise = run(o, status)
    if (status && traced) {
      status.trace = true
      tracing.tracePromise(() => promise, status).catch(() => {})
    }
    return promise
  }

  async #fetch (key, o, status) {
    const {
      allowStale = this.allowStale, updateAgeOnGet = this.updateAgeOnGet, noDeleteOnStaleGet = this.noDeleteOnStaleGet,
      ttl = this.ttl, noDisposeOnSet = this.noDisposeOnSet, size = 0, sizeCalculation = this.sizeCalculation,
      noUpdateTTL = this.noUpdateTTL, noDeleteOnFetchRejection = this.noDeleteOnFetchRejection,
      allowStaleOnFetchRejection = this.allowStaleOnFetchRejection, ignoreFetchAbort = this.ignoreFetchAbort,
      allowStaleOnFetchAbort = this.allowStaleOnFetchAbort, context, forceRefresh = false, signal
    } = o
    if (status) {
      status.op = 'fetch'
      status.key = key
      if (forceRefresh) status.forceRefresh = true
      status.cache = this.#mirror ?? this
    }
    if (this.#fetchMethod === undefined) {
      if (status) status.fetch = 'get'
      return this.#get(key, { allowStale, updateAgeOnGet, noDeleteOnStaleGet }, status)
    }
    const slot = this.#find(key)
    const held = slot === undefined ? undefined : this.#vals[slot]
    if (held instanceof PendingFetch) {
      const stale = allowStale && held.stale !== undefined
      if (status) {
        status.fetch = 'inflight'
        if (stale) status.returnedStale = true
      }
      if (stale) this.#hits++
      else this.#misses++
      return stale ? held.stale : held.take()
    }
    const stale = slot !== undefined && this.#isStale(slot)
    if (slot !== undefined && !stale && !forceRefresh) {
      if (status) status.fetch = 'hit'
      this.#hits++
      if (this.#isTaken(slot)) this.#touch(slot)
      if (updateAgeOnGet) this.#expiry?.refresh(slot)
      if (status) this.#reportTtl(status, slot)
      return held
    }
    // In the order that fetchMethod is shown them.
    const options = {
      allowStale, updateAgeOnGet, noDeleteOnStaleGet, ttl, noDisposeOnSet, size, sizeCalculation, noUpdateTTL,
      noDeleteOnFetchRejection, allowStaleOnFetchRejection, allowStaleOnFetchAbort, ignoreFetchAbort, status, signal
    }
    const served = held !== undefined && allowStale
    if (status) status.fetch = slot === undefined ? 'miss' : stale ? 'stale' : 'refresh'
    if (served) this.#hits++
    else this.#misses++
    const pending = startFetch(this.#host ??= this.#makeHost(), key, held, options, context)
    if (!served) return pending.take()
    if (status && stale) status.returnedStale = true
    return held
  }

  #makeHost () {
    const at = key => {
      const slot = this.#find(key)
      return slot === undefined ? undefined : this.#vals[slot]
    }
    return {
      call: (key, stale, context) => this.#fetchMethod(key, stale, context),
      holds: (key, pending) => at(key) === pending,
      has: key => this.#find(key) !== undefined,
      remove: key => { this.#delete(key, 'fetch') },
      store: (key, value, options, pending) => { this.#put(key, value, options, options.status, pending) },
      begin: (key, pending, options) => {
        const slot = this.#find(key)
        if (slot === undefined) {
          // fetchMethod may have removed what was there.
          pending.stale = undefined
          this.#put(key, pending, { ...options, status: undefined }, undefined)
          return
        }
        // In place, and without being used: it is the value that is used, once it is here.
        const held = this.#vals[slot]
        this.#vals[slot] = pending
        if (this.#lift(slot)) {
          // Its dispose is running: the value is as good as gone.
          pending.stale = undefined
        } else if (held instanceof PendingFetch) {
          pending.stale = held.stale
          held.abort('replaced')
        } else {
          pending.stale = held
        }
      },
      restore: (key, pending) => {
        const slot = this.#find(key)
        this.#vals[slot] = pending.stale
        this.#expiry?.keep(slot)
      }
    }
  }

  memo (key, options) {
    const o = asOptions(options)
    const { status = metrics.hasSubscribers ? {} : undefined } = o
    if (status) {
      status.op = 'memo'
      status.key = key
      if (o.context) status.context = o.context
      status.cache = this.#mirror ?? this
    }
    const value = this.#memo(key, o, status)
    if (status) status.value = value
    if (metrics.hasSubscribers) metrics.publish(status)
    return value
  }

  #memo (key, o, status) {
    const memoMethod = this.#memoMethod
    if (memoMethod === undefined) throw invalidUse('memo() needs the option memoMethod')
    const { context, status: _, forceRefresh, ...options } = o
    if (status && forceRefresh) status.forceRefresh = true
    const present = this.#get(key, options, undefined)
    const refresh = forceRefresh || present === undefined
    if (status) status.memo = refresh ? 'miss' : 'hit'
    if (!refresh) return present
    const value = memoMethod(key, present, { options, context })
    if (status) status.value = value
    this.#put(key, value, options, undefined)
    return value
  }

  // ---- beyond lru-cache

  stats () {
    const lookups = this.#hits + this.#misses
    return {
      hits: this.#hits,
      misses: this.#misses,
      hitRatio: lookups === 0 ? 0 : this.#hits / lookups,
      sets: this.#sets,
      removed: { evict: this.#evicted, set: this.#replaced, ...this.#dropped },
      size: this.#size,
      calculatedSize: this.#total,
      max: this.#max,
      maxSize: this.#maxSize
    }
  }

  resetStats () {
    this.#hits = this.#misses = this.#sets = this.#evicted = this.#replaced = 0
    this.#dropped = { delete: 0, expire: 0, fetch: 0 }
  }

  [Symbol.dispose ?? Symbol.for('nodejs.dispose')] () {
    this.clear()
    this.#expiry?.stop()
  }

  [inspect.custom] (depth, options, show = inspect) {
    const name = `${this.constructor?.name || 'LRUCache'}(${this.#size})`
    if (depth < 0) return options.stylize(`[${name}]`, 'special')
    const { max, maxSize, ttl } = this
    const bounds = { ...(max && { max }), ...(maxSize && { maxSize }), ...(ttl && { ttl }) }
    const limit = options.maxArrayLength ?? Infinity
    const shown = new Map()
    for (const [key, value] of this.entries()) {
      if (shown.size >= limit) break
      shown.set(key, value)
    }
    const more = this.#size - shown.size
    const entries = show(shown, options).replace(/^Map\(\d+\) /, '')
    return `${name} ${show(bounds, options)} ${more > 0 ? entries.replace(/ ?}$/, `, ... ${more} more }`) : entries}`
  }

  // ---- slots

  #find (key) {
    const slot = this.#map.get(key)
    return slot === undefined && this.#older !== null ? this.#findOlder(key) : slot
  }

  #findOlder (key) {
    for (const map of this.#older) {
      const slot = map.get(key)
      if (slot !== undefined) return slot
    }
    return undefined
  }

  #unmap (key) {
    if (!this.#map.delete(key)) this.#unmapOlder(key)
    if (this.#mirror !== null) mapDelete.call(this.#mirror, key)
  }

  #unmapOlder (key) {
    for (const map of this.#older ?? []) if (map.delete(key)) return
  }

  // One V8 Map cannot hold more: new keys go to another, the emptiest there is.
  #spread () {
    if (this.#map.size < this.#mapEntries) return
    const older = this.#older ?? (this.#older = [])
    older.push(this.#map)
    older.sort((a, b) => b.size - a.size)
    this.#map = older[older.length - 1].size <= this.#mapEntries / 2 ? older.pop() : new Map()
  }

  #isPending (held) {
    return this.#fetchMethod !== undefined && held instanceof PendingFetch
  }

  #valueAt (slot) {
    const held = this.#vals[slot]
    return this.#isPending(held) ? held.stale : held
  }

  #touch (slot) {
    const m = this.#m
    const at = this.#head
    m[at] = slot
    m[slot] = at
    if ((this.#head = at + 1) === this.#headEnd) this.#turn()
  }

  // The log's present segment is full.
  #turn () {
    native.ledgerTurn(this.#m, this.#head, this.#tail)
    this.#reload()
  }

  #reload () {
    const m = this.#m
    const header = m.length - HEADER
    this.#head = m[header]
    this.#headEnd = m[header + 1]
    this.#tail = m[header + 2]
    this.#tailEnd = m[header + 3]
  }

  // The least recently used slot: the oldest log entry that is still its slot's last. Only called when there is one.
  #victim () {
    const m = this.#m
    for (;;) {
      let at = this.#tail
      const end = this.#tailEnd === this.#headEnd ? this.#head : this.#tailEnd
      while (at < end) {
        const slot = m[at]
        if (m[slot] === at) {
          // Whoever asks removes it or uses it anew, so this entry is done with. But while its dispose runs it is still
          // there, and if more room is needed then, it must be found again: it is the one to go first.
          this.#tail = this.#hooked ? at : at + 1
          return slot
        }
        at++
      }
      native.ledgerNextTail(m, this.#head)
      this.#reload()
    }
  }

  // A vacant slot.
  #take () {
    const slot = this.#free
    if (slot !== NO_SLOT) {
      this.#free = this.#m[slot] & NO_SLOT
      return slot
    }
    if (this.#used === this.#cap) this.#grow()
    return this.#used++
  }

  #grow () {
    const now = this.#expiry === null ? 0 : this.#perf.now()
    const from = this.#cap
    const wish = from === 0 ? 16 : from < 1024 ? from * 4 : from * 2
    // Straight to the bound where it is near: V8 would round a small step up.
    const cap = this.#max > from && this.#max <= wish * 1.5 ? this.#max : wish
    const m = new Uint32Array(native.ledgerLength(cap))
    if (from === 0) native.ledgerCreate(m, cap)
    else native.ledgerGrow(this.#m, this.#head, m, cap)
    this.#m = m
    this.#keys = lengthen(this.#keys, cap)
    this.#vals = lengthen(this.#vals, cap)
    if (this.#sized) {
      const sizes = new Float64Array(cap)
      if (this.#sizes !== null) sizes.set(this.#sizes)
      this.#sizes = sizes
    }
    this.#cap = cap
    this.#reload()
    this.#expiry?.grow(cap, now)
  }

  #vacate (slot) {
    this.#unmap(this.#keys[slot])
    this.#keys[slot] = undefined
    this.#vals[slot] = undefined
    if (this.#sized) {
      this.#total -= this.#sizes[slot]
      this.#sizes[slot] = 0
    }
    this.#m[slot] = VACANT | this.#free
    this.#free = slot
    this.#size--
  }

  #reset () {
    this.#map = new Map()
    this.#older = null
    this.#m = EMPTY
    this.#head = this.#headEnd = this.#tail = this.#tailEnd = 0
    this.#keys = []
    this.#vals = []
    this.#sizes = null
    this.#cap = this.#used = this.#size = this.#total = 0
    this.#free = NO_SLOT
    this.#expiry?.clear()
  }

  // The slots in use, in order, as they are now.
  #slots (newestFirst, limit = Infinity) {
    if (this.#size === 0) return EMPTY
    const out = new Uint32Array(Math.min(this.#size, limit))
    const count = newestFirst
      ? native.ledgerNewestFirst(this.#m, this.#head, out)
      : native.ledgerOldestFirst(this.#m, this.#head, out)
    return count === out.length ? out : out.subarray(0, count)
  }

  // ---- time

  #trackTtl () {
    this.#special = true
    this.#plain = false
    const expiry = this.#expiry = new Expiry(this.#cap, this.#perf)
    if (!this.ttlAutopurge) return
    const self = new WeakRef(this)
    const purge = slot => {
      const cache = self.deref()
      if (cache !== undefined) cache.#expire(slot)
    }
    expiry.autopurge(purge, this.#slots(false))
  }

  #expire (slot) {
    if (this.#isTaken(slot)) this.#delete(this.#keys[slot], 'expire')
  }

  #isStale (slot) {
    return this.#expiry !== null && this.#expiry.isStale(slot, this.ttlResolution)
  }

  #reportTtl (status, slot) {
    const expiry = this.#expiry
    if (expiry === null || !expiry.hasTtl(slot)) return
    status.ttl = expiry.ttl(slot)
    status.start = expiry.starts[slot]
    status.now = expiry.now(this.ttlResolution)
    status.remainingTTL = status.ttl - (status.now - status.start)
  }

  // ---- callbacks

  // Removes the slot's entry, having told whom it concerns. False if that changed it: it may be there still.
  #discard (slot, reason, forced = false) {
    if (!this.#lift(slot) && this.#hooked) {
      const held = this.#vals[slot]
      const key = this.#keys[slot]
      this.#parked.push(slot)
      if (!forced) this.#offer(slot, held, reason, reason === 'evict' ? 'evicted' : 'deleted')
      else if (this.#isPending(held)) held.abort('evicted')
      if (this.#parked.pop() === -1 &&
          (reason !== 'evict' || this.#find(key) !== slot || this.#vals[slot] !== held)) return false
    }
    this.#vacate(slot)
    if (reason === 'evict') this.#evicted++
    else if (reason === 'set') this.#replaced++
    else this.#dropped[reason]++
    return true
  }

  // Whether a slot that was noted down before some callback holds an entry. It may not even be there any more: the
  // cache may have been cleared meanwhile, and begun again with fewer.
  #isTaken (slot) {
    return slot < this.#used && this.#m[slot] < VACANT
  }

  // Ends the parking of a slot, if it is parked: whoever parked it will see that it is no longer theirs.
  #lift (slot) {
    if (this.#parked.length === 0) return false
    const at = this.#parked.lastIndexOf(slot)
    if (at === -1) return false
    this.#parked[at] = -1
    return true
  }

  // Tells a fetch that it is not wanted any more, and the user that a value leaves.
  #offer (slot, held, reason, message, next, resolving) {
    const pending = this.#isPending(held)
    const value = pending ? held.stale : held
    if (pending && held !== resolving) held.abort(message)
    if (value === undefined || (pending && value === next)) return
    const key = this.#keys[slot]
    if (this.#dispose !== undefined) {
      const before = this.#thrown
      this.#thrown = null
      try {
        // `this` in it is the cache, as in lru-cache.
        this.#dispose(value, key, reason)
      } catch (error) {
        this.#thrown = { error }
      }
      if (before !== null) this.#thrown = before
    }
    if (this.#disposeAfter !== undefined) this.#disposed.push([value, key, reason])
  }

  // A callback that throws does not undo what it was called for: the operation is finished, and then the first error
  // thrown. What was thrown before is set aside while a callback runs, or an operation in it would throw it.
  #inserted (value, key, kind) {
    const before = this.#thrown
    this.#thrown = null
    try {
      this.#onInsert(value, key, kind)
    } catch (error) {
      this.#thrown = { error }
    }
    if (before !== null) this.#thrown = before
  }

  // The end of an operation: the cache is consistent, so disposeAfter may do what it likes.
  #settle () {
    let thrown = this.#thrown
    this.#thrown = null
    while (this.#disposed.length > 0) {
      const [value, key, reason] = this.#disposed.shift()
      try {
        this.#disposeAfter(value, key, reason)
      } catch (error) {
        thrown ??= { error }
      }
    }
    if (thrown !== null) throw thrown.error
  }

  static {
    // For BoundedMap: what this cache removes, it removes from `map` in the same step.
    internals.attach = (cache, map) => { cache.#mirror = map }
    // What is held for a key, expired or not; nothing is counted, moved or removed.
    internals.held = (cache, key) => {
      const slot = cache.#find(key)
      return slot === undefined ? undefined : cache.#vals[slot]
    }
    internals.view = cache => ({
      map: cache.#map, older: cache.#older ?? [], m: cache.#m, keys: cache.#keys, vals: cache.#vals, cap: cache.#cap,
      used: cache.#used, free: cache.#free, size: cache.#size, max: cache.#max, maxSize: cache.#maxSize,
      total: cache.#total,
      sizes: cache.#sizes, sized: cache.#sized, expiry: cache.#expiry, parked: cache.#parked, thrown: cache.#thrown,
      disposed: cache.#disposed, oldestFirst: () => cache.#slots(false), newestFirst: () => cache.#slots(true)
    })
  }
}

// Options come last and may be left out: lru-cache's functions do not count them in their length.
for (const name of ['get', 'set', 'has', 'peek', 'find', 'fetch', 'forceFetch', 'memo']) {
  const method = LRUCache.prototype[name]
  Object.defineProperty(method, 'length', { value: method.length - 1 })
}

// A longer array becomes a dictionary to V8 when its length is set.
const LONGEST_SET = 2 ** 25

const lengthen = (list, length) => {
  // Filled with undefined at first, so that V8 never has to change the kind of its elements.
  if (list.length === 0) return new Array(length).fill(undefined)
  if (length <= LONGEST_SET) list.length = length
  else while (list.length < length) list.push(undefined)
  return list
}

module.exports = { LRUCache }
