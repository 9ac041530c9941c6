'use strict'

// The deliberate differences between heapwise and lru-cache (docs/api/lru-cache.md lists them), as changes to what the
// oracle is asked and to what it answers. Everything else must be equal.
//
//   D6   the oracle is never given a maxEntrySize above its maxSize
//   D7   before an overwrite with the same value and another size, the oracle's value is replaced by PLACEHOLDER, so
//        that it takes the path of an overwrite, which does update the size
//   D12  before a set that needs room, expired entries are moved to the end that lru-cache evicts from
//   flush  lru-cache keeps back the disposeAfter calls of what a set with noDisposeOnSet evicted, until some later
//        operation happens to make them. heapwise makes them at the end of the set, and so the oracle is made to
//   add    a value for a key that is there only because it is being fetched is an 'add' for both. heapwise starts its
//        time to live, lru-cache with noUpdateTTL leaves that of the fetch
//   stale  lru-cache forgets the stale value of a pending fetch that is deleted, cleared away or fails, without a
//        call of dispose; heapwise disposes of it
//   purge  lru-cache's purge timers count from the call and look at a debounced clock; heapwise purges when the entry
//        has expired. So the oracle is purged by hand after each millisecond
//
// D5 (mutation during iteration), D8, D9 are in the drivers. D10: only heapwise gets frozen and odd options. D13: no
// clock reads 0. D14: no `dispose` throws here; see lru-cache.callbacks-reenter.test.js.

const { ANY } = require('./compare')
const { Side, plainZero } = require('./side')

const PLACEHOLDER = Symbol('stands for the old value')
const PENDING = Symbol('stands for a fetch that begins')
const ABSENT = Symbol('a key that is never there')

const isPosInt = n => Number.isInteger(n) && n > 0

const SERVES_STALE = [
  'allowStale', 'noDeleteOnStaleGet', 'allowStaleOnFetchRejection', 'allowStaleOnFetchAbort', 'noDeleteOnFetchRejection'
]

class Differences {
  /**
   * @param {Side} oracle
   * @param {Side} subject
   */
  constructor (oracle, subject) {
    this.oracle = oracle
    this.subject = subject
    // Keys that the oracle evicts in place of 'expire': before and after their dispose event.
    this.victims = new Set()
    this.victimsAfter = new Set()
    this.reset()
    oracle.filter = event => this.rename(event)
  }

  /** Forgets what concerned the last operation. */
  reset () {
    // Key of a D7 overwrite.
    this.overwritten = undefined
    this.anyOverwritten = false
    // Fields of a status that only heapwise fills in for it.
    this.omitted = []
    // Keys that made room as 'expire' (D12).
    this.gaveUp = new Set()
    // The reason that an own deletion stands for.
    this.reason = undefined
    // Whether the oracle's callbacks cannot tell in which order they would have come.
    this.unordered = false
  }

  /** D6: the largest maxEntrySize that lru-cache handles well. */
  static maxEntrySize (maxSize, maxEntrySize) {
    return maxSize ? Math.min(maxEntrySize || maxSize, maxSize) : maxEntrySize
  }

  static oracleOptions (recipe) {
    const options = { ...recipe }
    if (options.maxEntrySize) options.maxEntrySize = Differences.maxEntrySize(options.maxSize, options.maxEntrySize)
    return options
  }

  internals () {
    const { cache } = this.oracle
    return this.oracle.LRUCache.unsafeExposeInternals(cache)
  }

  /** Slots of the oracle, least recently used first. */
  order (inside) {
    const slots = []
    if (this.oracle.cache.size === 0) return slots
    for (let slot = inside.head; ; slot = inside.next[slot]) {
      slots.push(slot)
      if (slot === inside.tail) return slots
    }
  }

  /** The size that a set would charge, or undefined where it throws. */
  chargedSize (key, value, options) {
    if (isPosInt(options?.size)) return options.size
    const { cache } = this.oracle
    if (value === PENDING) return cache.backgroundFetchSize
    const sizer = Side.bare(this.oracle, options?.sizeCalculation ?? cache.sizeCalculation)
    try {
      const size = sizer?.(value, key)
      return isPosInt(size) ? size : undefined
    } catch {
      return undefined
    }
  }

  /** To be called right before the oracle stores `value`. */
  beforeSet (key, value, options) {
    this.flush()
    if (value === undefined) return
    const { cache } = this.oracle
    const inside = this.internals()
    const slot = inside.keyMap.get(key)
    if (options !== undefined && this.isAwaited(key)) options.noUpdateTTL = false
    let size = 0
    if (inside.sizes !== undefined) {
      size = this.chargedSize(key, value, options)
      if (size === undefined || (cache.maxEntrySize && size > cache.maxEntrySize)) return
      if (slot !== undefined && inside.valList[slot] === value) {
        // As the size is looked at, it is reported as well.
        this.omitted = ['entrySize', 'totalCalculatedSize']
        if (inside.sizes[slot] !== size) {
          inside.valList[slot] = PLACEHOLDER
          this.overwritten = key
          this.anyOverwritten = true
        }
      }
    } else if (options?.size || (options?.sizeCalculation ?? cache.sizeCalculation)) {
      // Throws: there is no size to bound.
      return
    }
    this.makeRoom(inside, slot, size)
  }

  /** Whether the key is there only because it is being fetched. */
  isAwaited (key) {
    const inside = this.internals()
    const held = inside.valList[inside.keyMap.get(key)]
    return inside.isBackgroundFetch(held) && held.__staleWhileFetching === undefined
  }

  /** D12. Which of several that expired in the same millisecond goes first is not promised: the subject decides. */
  makeRoom (inside, own, size) {
    const { cache } = this.oracle
    const now = cache.perf.now()
    if (inside.ttls === undefined || SERVES_STALE.some(name => this.subject.cache[name])) return
    const order = this.order(inside)
    let expired = order.filter(slot => slot !== own && inside.ttls[slot] && inside.starts[slot] &&
      now - inside.starts[slot] > inside.ttls[slot] && !inside.isBackgroundFetch(inside.valList[slot]))
    if (expired.length === 0) return
    let total = inside.sizes === undefined ? 0 : cache.calculatedSize - (own === undefined ? 0 : inside.sizes[own])
    const victims = []
    const giveUp = () => {
      const slot = this.choose(inside, expired)
      expired = expired.filter(other => other !== slot)
      victims.push(slot)
      total -= inside.sizes?.[slot] ?? 0
    }
    if (own === undefined && cache.max !== 0 && cache.size === cache.max) giveUp()
    if (cache.maxSize !== 0) while (expired.length > 0 && total > cache.maxSize - size) giveUp()
    if (victims.length === 0) return
    for (const slot of [...victims, ...order.filter(other => !victims.includes(other))]) inside.moveToTail(slot)
    for (const slot of victims) {
      this.victims.add(plainZero(inside.keyList[slot]))
      this.gaveUp.add(plainZero(inside.keyList[slot]))
    }
  }

  choose (inside, expired) {
    const deadline = slot => Math.floor(inside.starts[slot] + inside.ttls[slot])
    const first = Math.min(...expired.map(deadline))
    const candidates = expired.filter(slot => deadline(slot) === first)
    if (candidates.length === 1) return candidates[0]
    const named = this.subject.events.filter(event => event.args[2] === 'expire').map(event => event.args[1])
    const rank = slot => {
      const index = named.findIndex(key => Object.is(key, plainZero(inside.keyList[slot])))
      return index === -1 ? Infinity : index
    }
    const gone = candidates.filter(slot => this.subject.cache.info(inside.keyList[slot]) === undefined)
    if (gone.length === 0) return candidates[0]
    // Without callbacks nothing tells the order. With the largest last, every one of them was needed if any order is
    // right.
    const sizes = inside.sizes ?? []
    return gone.sort((a, b) => rank(a) === rank(b) ? sizes[a] - sizes[b] : rank(a) - rank(b))[0]
  }

  /** Filter of the oracle's events. */
  rename (event) {
    const { name, args } = event
    if (args[0] === PLACEHOLDER) return undefined
    // What was removed by `remove` though it held nothing.
    if (this.reason === 'fetch' && args[0] === undefined && name !== 'metrics') return undefined
    if (name === 'metrics') {
      if (args[1].key === ABSENT) return undefined
      if (this.reason !== undefined && args[1].delete === 'delete') args[1].delete = this.reason
      this.repairStatus(args[1])
    }
    if (name === 'insert' && this.anyOverwritten && Object.is(args[1], plainZero(this.overwritten))) {
      args[2] = 'update'
      this.anyOverwritten = false
    }
    if (args[2] === 'evict') {
      const key = args[1]
      const renamed = name === 'dispose' ? this.victims : this.victimsAfter
      if (renamed.delete(key)) {
        args[2] = 'expire'
        if (name === 'dispose') this.victimsAfter.add(key)
      } else if (name === 'disposeAfter' && this.victims.delete(key)) {
        // No `dispose` was given.
        args[2] = 'expire'
      }
    }
    if (this.reason !== undefined && args[2] === 'delete') args[2] = this.reason
    return event
  }

  /** A pending fetch is removed, and with it the stale value that it holds: heapwise disposes of that. */
  dropStale (key, stale) {
    const { cache } = this.oracle
    for (const name of ['dispose', 'disposeAfter']) {
      if (cache[name] !== undefined) this.oracle.record(name, stale, plainZero(key), ANY, 'on the cache', ANY)
    }
    this.unordered = true
  }

  /** D7: what the oracle noted of PLACEHOLDER. */
  repairStatus (status) {
    if (status.oldValue !== PLACEHOLDER) return
    delete status.oldValue
    status.set = 'update'
  }

  /** To be called after each set of the oracle. */
  flush () {
    if (this.oracle.cache.disposeAfter !== undefined) this.oracle.cache.delete(ABSENT)
  }

  /** What heapwise's purge timer does in this millisecond. */
  purge () {
    const inside = this.internals()
    if (inside.autopurgeTimers === undefined) return
    const now = this.oracle.cache.perf.now()
    for (const slot of this.order(inside)) {
      if (inside.ttls[slot] && inside.starts[slot] && now - inside.starts[slot] > inside.ttls[slot] &&
        !inside.isBackgroundFetch(inside.valList[slot])) {
        this.remove(inside.keyList[slot], 'expire')
      }
    }
  }

  /** Deletes a key of the oracle for another reason. */
  remove (key, reason) {
    this.reason = reason
    this.oracle.cache.delete(key)
    this.reason = undefined
  }
}

module.exports = { Differences, PENDING }
