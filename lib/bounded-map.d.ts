/// <reference lib="esnext.disposable" />

import type { LRUCache, Perf } from './lru-cache.js'

// Without this line everything in a declaration file is exported.
export {}

export declare namespace BoundedMap {
  /** Why a value left the map: see `LRUCache.DisposeReason`. */
  type DisposeReason = Exclude<LRUCache.DisposeReason, 'fetch'>

  /** All options of the constructor. At least one of `max`, `maxSize` and `ttl` is required: see {@link Options}. */
  interface OptionsBase<K, V> {
    /**
     * The most entries kept; the least recently used go first. A nonnegative integer, at most 8,388,607, which is what
     * a `Map` can hold while entries come and go. Nothing is reserved for it.
     * @default 0 (no bound by count)
     */
    max?: number
    /**
     * The largest total size kept; the least recently used go first. A positive integer. Needs `sizeCalculation`.
     * @default 0 (no bound by size)
     */
    maxSize?: number
    /**
     * The largest size of one entry, a positive integer. A larger one is not stored; its key is deleted if there.
     * @default maxSize
     */
    maxEntrySize?: number
    /** Returns the size of an entry, a positive integer, in a unit of your choice. */
    sizeCalculation?: (value: V, key: K) => number
    /**
     * How long an entry lives, ms. A positive integer. What has expired is not there for any method, and is removed soon
     * after, by one timer for the whole map, which does not keep the process alive.
     * @default 0 (for ever)
     */
    ttl?: number
    /**
     * For how long a reading of the clock is used again, ms. 0: read it each time.
     * @default 1
     */
    ttlResolution?: number
    /**
     * Start an entry's time anew when `get` returns it.
     * @default false
     */
    updateAgeOnGet?: boolean
    /** Called for each value that leaves the map, before it has left. */
    dispose?: (value: V, key: K, reason: DisposeReason) => void
    /**
     * The clock that expiry goes by.
     * @default globalThis.performance, as it is when the map is made
     */
    perf?: Perf
  }

  /** Options of a map bounded by count. */
  interface OptionsMaxLimit<K, V> extends OptionsBase<K, V> {
    /** The most entries kept. */
    max: number
  }

  /** Options of a map bounded by size. */
  interface OptionsSizeLimit<K, V> extends OptionsBase<K, V> {
    /** The largest total size kept. */
    maxSize: number
    /** Returns the size of an entry, a positive integer. */
    sizeCalculation: (value: V, key: K) => number
  }

  /** Options of a map bounded by time. */
  interface OptionsTTLLimit<K, V> extends OptionsBase<K, V> {
    /** How long an entry lives, ms. */
    ttl: number
  }

  /** Options of the constructor: {@link OptionsBase} with a bound. */
  type Options<K, V> = OptionsMaxLimit<K, V> | OptionsSizeLimit<K, V> | OptionsTTLLimit<K, V>
}

/**
 * A `Map` with a bound: it behaves as a `Map` does, and removes what was used least recently when it is full. Using is
 * `get` and `set`; the order of iteration is that of insertion, as in any `Map`.
 */
export declare class BoundedMap<K, V> extends Map<K, V> {
  #private

  /**
   * Makes a map and sets the entries of `iterable` in it.
   * @throws `ERR_HEAPWISE_INVALID_ARG_TYPE`, `ERR_HEAPWISE_INVALID_ARG_VALUE` for an option of the wrong type or range;
   * `ERR_HEAPWISE_INVALID_USE` without a bound; `ERR_HEAPWISE_UNKNOWN_OPTION` for a likely misspelling, and for what
   * only an `LRUCache` can do.
   */
  constructor (iterable: Iterable<readonly [K, V]> | null | undefined, options: BoundedMap.Options<K, V>)
  /** Copies a map, with its bounds. Its `dispose` is not taken over. */
  constructor (map: BoundedMap<K, V>)

  /** The bound by count; 0 if there is none. {@link resize} changes it. */
  get max (): number
  /** The bound by size; 0 if there is none. {@link resize} changes it. */
  get maxSize (): number
  /** The size of all entries; 0 where sizes are not used. */
  get calculatedSize (): number
  /** How long an entry lives, ms; 0 is for ever. */
  get ttl (): number

  /** Returns the value of the key. If it is not there, sets it to `value` first. */
  getOrInsert (key: K, value: V): V
  /**
   * Returns the value of the key. If it is not there, sets it to what `callback` returns first.
   * @throws `ERR_HEAPWISE_INVALID_ARG_TYPE` if `callback` is no function.
   */
  getOrInsertComputed (key: K, callback: (key: K) => V): V

  /** What the map did so far. Always counted; a call copies a few numbers. */
  stats (): LRUCache.Stats
  /** Starts the counts of `stats()` anew. */
  resetStats (): void
  /**
   * Changes the bounds; 0 is none. What no longer fits is evicted at once.
   * @param max default: as it is
   * @param maxSize default: as it is
   * @throws `ERR_HEAPWISE_INVALID_ARG_TYPE`, `ERR_HEAPWISE_INVALID_ARG_VALUE` for what is no bound;
   * `ERR_HEAPWISE_INVALID_USE` if nothing would bound the map, or if `maxSize` is given to one made without.
   */
  resize (max?: number, maxSize?: number): this
  /** Clears the map and stops its timer: for `using map = new BoundedMap(…)`. */
  [Symbol.dispose] (): void
}
