/// <reference lib="esnext.disposable" />
/// <reference types="node" />

// Without this line everything in a declaration file is exported.
export {}

export declare namespace OffHeapCache {
  /**
   * What a key can be: a string, a safe integer, or bytes. `'1'`, `1` and `Buffer.from('1')` are different keys; a Buffer
   * and a Uint8Array with the same bytes are the same key, and are given back as Buffers. -0 is 0. At most 65,535
   * bytes: a string takes one byte a character, or two a UTF-16 unit if any unit is above U+00FF.
   */
  type Key = string | number | Uint8Array

  /** What to do with an entry that is too large: see the option `onTooLarge`. */
  type OnTooLarge = 'throw' | 'refuse'

  /** What writing returns for an entry that is too large: `false` in a cache with `onTooLarge: 'refuse'`. */
  type Refusal<R extends OnTooLarge> = 'refuse' extends R ? false : never

  /** The built-in codecs: see the option `codec`. */
  type CodecName = 'v8' | 'json' | 'msgpack'

  /** A codec of your own. It sees every value, strings and Buffers too. */
  interface Codec<V = any> {
    /**
     * What messages call it.
     * @default 'custom'
     */
    name?: string
    /** Returns the value as bytes or as a text. What it throws is the `cause` of ERR_HEAPWISE_NOT_ENCODABLE. */
    encode (value: V): string | Uint8Array
    /**
     * Returns the value of what `encode` returned: a string, or a Buffer that is a private copy. What it throws is the
     * `cause` of ERR_HEAPWISE_NOT_DECODABLE.
     */
    decode (stored: Buffer | string): V
  }

  /** All options of the constructor. */
  interface OptionsBase<V = any, R extends OnTooLarge = OnTooLarge> {
    /**
     * The same name in any thread of the process is the same store, with the options of who came first: what is given
     * here must be the same, what is not given is taken over. A string of well-formed Unicode, not empty.
     * @default none: the store is private to this cache
     */
    name?: string
    /**
     * The bound on the memory of all entries, bytes: keys, values, bookkeeping and what allocation rounds up. An integer, or
     * a text such as `'512mb'`, `'1.5gb'`, `'64kb'`, in powers of 1024. From 64 KiB to 4 TiB less 8 KiB.
     * @default 67,108,864 (64 MiB)
     */
    maxBytes?: number | string
    /**
     * The most entries kept. A nonnegative integer.
     * @default 0 (no bound by count)
     */
    maxEntries?: number
    /**
     * The same as `maxEntries`, by the name it has in lru-cache.
     * @default 0 (no bound by count)
     */
    max?: number
    /**
     * How long an entry lives, ms: a nonnegative number, rounded up to an integer. What has expired is not returned, and
     * is removed soon after by a thread that needs no JavaScript to run.
     * @default 0 (for ever)
     */
    ttl?: number
    /**
     * Start an entry's time anew when `get` returns it.
     * @default false
     */
    updateAgeOnGet?: boolean
    /**
     * Let `get` and `peek` return a value that has expired and is still there; `get` removes it.
     * @default false
     */
    allowStale?: boolean
    /**
     * How values are stored that are neither string, number, boolean, bigint, null nor bytes.
     * - `'v8'`: what structured cloning copies: objects and arrays, cyclic too, Map, Set, Date, RegExp, Error, views. Small
     *   plain objects and arrays that JSON keeps as they are go as JSON, which is faster.
     * - `'json'`: a little faster still for plain objects, and with the limits of JSON.
     * - `'msgpack'`: smaller than `'v8'`, and nearly as much: no functions, holes in arrays become `undefined`. Needs the
     *   package `msgpackr`.
     * - an object with `encode` and `decode`, which then sees every value.
     * @default 'v8', or what the store of that name was opened with, unless that is a codec of the user's own
     */
    codec?: CodecName | Codec<V>
    /**
     * Into how many parts the store is divided, each with its own lock, order and share of `maxBytes`. A power of two
     * from 1 to 1024. An entry must fit into one. Fewer if a part would be too small.
     * @default by `maxBytes` and `maxEntries`
     */
    shards?: number
    /**
     * How many keys of evicted entries are kept for `takeEvicted`. A nonnegative integer. When there are more, the
     * oldest are dropped, and counted in `stats().evictedKeysDropped`.
     * @default 0 (none)
     */
    evictedKeys?: number
    /**
     * What `set`, `setMany`, `setIfAbsent` and `compareAndSet` do with an entry that is too large for a shard: throw
     * ERR_HEAPWISE_ENTRY_TOO_LARGE, or return `false`. Not of the store, but of this cache.
     * @default 'throw'
     */
    onTooLarge?: R
  }

  /** Options of the constructor: {@link OptionsBase}. */
  type Options<V = any, R extends OnTooLarge = OnTooLarge> = OptionsBase<V, R>

  /** Options of `peek`. */
  interface PeekOptions {
    /**
     * Return a value that has expired and is still there.
     * @default the store's
     */
    allowStale?: boolean | undefined
  }

  /** Options of `get`. */
  interface GetOptions extends PeekOptions {
    /**
     * Start the entry's time anew.
     * @default the store's
     */
    updateAgeOnGet?: boolean | undefined
  }

  /** Options of what writes. */
  interface WriteOptions {
    /**
     * How long the entry lives, ms: a nonnegative number, rounded up to an integer; 0 or Infinity is for ever.
     * @default the store's
     */
    ttl?: number | undefined
  }

  /** Options of `getOrSet`. */
  interface GetOrSetOptions extends WriteOptions {
    /**
     * Gives up: the promise is rejected with the signal's reason, and if this call's producer was running, its result is
     * not stored, and somebody else's is called.
     * @default none
     */
    signal?: AbortSignal | undefined
  }

  /** How much was saved or loaded. */
  interface SnapshotSize {
    /** Entries so far, or all. */
    entries: number
    /** Bytes of the file so far, or all. */
    bytes: number
  }

  /** Options of `save`. */
  interface SaveOptions {
    /**
     * Called now and then while it is under way. What it throws rejects the promise, after the work has ended.
     * @default none
     */
    onProgress?: ((size: SnapshotSize) => void) | undefined
  }

  /** Options of `OffHeapCache.load`: those of the constructor and of `save`. */
  interface LoadOptions<V = any, R extends OnTooLarge = OnTooLarge> extends OptionsBase<V, R>, SaveOptions {}

  /** A key that was evicted. */
  interface Evicted<K extends Key = Key> {
    /** The key; one of bytes is a Buffer. */
    key: K
    /** Why: room was needed (`size`, which is also `maxEntries`), or its time was over (`expired`). */
    reason: 'size' | 'expired'
  }

  /** What one shard did and holds. The numbers are those since the store was opened, by all threads. */
  interface ShardStats {
    /** Values that were found, by `get`, `getMany`, `getBuffer`, `getInto` and `getOrSet`. */
    hits: number
    /** Values that were not found by them. */
    misses: number
    /** Entries written. */
    sets: number
    /** Entries removed by `delete`, `deleteMany` and `set(key, undefined)`. */
    deletes: number
    /** Entries removed because there were too many (`size`) or their time was over (`expired`). */
    evictions: { size: number, expired: number }
    /** Writes refused because the entry was too large. */
    refused: number
    /** Entries there now. Those that have expired count until they are removed. */
    entries: number
    /** Bytes allocated for them: what `maxBytes` bounds. */
    bytes: number
    /** Bytes of memory that the operating system has given for them. */
    committedBytes: number
    /** The bound on `bytes`. */
    maxBytes: number
    /** Keys that the queue of evicted keys had no room for. */
    evictedKeysDropped: number
  }

  /** What a store did and holds. */
  interface Stats extends ShardStats {
    /** The same for each shard. `evictedKeysDropped` is of the store only, and 0 there. */
    shards: ShardStats[]
  }
}

/**
 * A cache bounded in bytes, whose keys and values are outside the heap of V8: the garbage collector does not look at
 * them, and all threads of the process can share them. What is least recently used goes first, exactly so in each shard.
 *
 * Values are copies: what `get` returns is new each time, and changing it changes nothing in the cache. Strings, numbers,
 * booleans, bigints, null, Buffers, typed arrays, DataViews and ArrayBuffers come back as what they were; everything else
 * goes through the option `codec`. `undefined` is the absence of a value.
 *
 * Every method throws `ERR_HEAPWISE_CLOSED` after `close()`. Every method that takes a key throws
 * `ERR_HEAPWISE_INVALID_KEY` for what is none: a `TypeError`, or a `RangeError` if it is too long.
 */
export declare class OffHeapCache<
  K extends OffHeapCache.Key = OffHeapCache.Key, V = any, R extends OffHeapCache.OnTooLarge = 'throw'
> {
  #private

  /**
   * Opens a store, or finds the one of that name. A store lives until the last of its caches is closed or collected.
   * @throws `ERR_HEAPWISE_INVALID_ARG_TYPE`, `ERR_HEAPWISE_INVALID_ARG_VALUE` for an option of the wrong type or range;
   * `ERR_HEAPWISE_INVALID_USE` if `max` and `maxEntries` differ; `ERR_HEAPWISE_UNKNOWN_OPTION` for a likely
   * misspelling, and for what only an `LRUCache` can do; `ERR_HEAPWISE_STORE_MISMATCH` if the store of that name has
   * other options; `ERR_HEAPWISE_CODEC_MISSING` for `'msgpack'` without the package `msgpackr`;
   * `ERR_HEAPWISE_OUT_OF_MEMORY` if the operating system refuses so much address space.
   */
  constructor (options?: OffHeapCache.Options<V, R>)

  /**
   * Opens a store and fills it with what `save` wrote. What lived longer than its ttl meanwhile is left out. If it
   * fails, the cache is closed again, and a store of that name that was open already is as it was.
   * @throws by rejection, beyond what the constructor throws: `ERR_HEAPWISE_SNAPSHOT_IO` if the file cannot be read,
   * `ERR_HEAPWISE_SNAPSHOT_DAMAGED` if it is cut, altered or something else, `ERR_HEAPWISE_SNAPSHOT_VERSION` if a later
   * heapwise wrote it, `ERR_HEAPWISE_ENTRY_TOO_LARGE` if an entry does not fit. Each has a `path`.
   */
  static load<K extends OffHeapCache.Key = OffHeapCache.Key, V = any, R extends OffHeapCache.OnTooLarge = 'throw'> (
    file: string | URL, options?: OffHeapCache.LoadOptions<V, R>
  ): Promise<OffHeapCache<K, V, R>>

  /** The store's name; `undefined` if it is private. */
  get name (): string | undefined
  /** The bound in bytes. */
  get maxBytes (): number
  /** The bound by count; 0 if there is none. */
  get maxEntries (): number
  /** The same as `maxEntries`, by the name it has in lru-cache. */
  get max (): number
  /** How long an entry lives that is not told, ms; 0 is for ever. */
  get ttl (): number
  /** How many shards there are. */
  get shards (): number
  /** Whether `close()` was called. */
  get closed (): boolean
  /** How many entries there are. Those that have expired count until they are removed. */
  get size (): number
  /** Bytes allocated for all entries: what `maxBytes` bounds. */
  get bytes (): number

  /**
   * Returns the value of the key, which becomes the most recently used; `undefined` if there is none or it has expired.
   * @throws `ERR_HEAPWISE_NOT_DECODABLE` if the codec cannot decode it
   */
  get (key: K, options?: OffHeapCache.GetOptions | null): V | undefined
  /**
   * Returns the value of the key, and changes neither its recency nor the statistics.
   * @throws `ERR_HEAPWISE_NOT_DECODABLE` if the codec cannot decode it
   */
  peek (key: K, options?: OffHeapCache.PeekOptions | null): V | undefined
  /** Whether there is a value that has not expired. Changes neither recency nor statistics. */
  has (key: K): boolean
  /** What is left of the key's time, ms: 0 if there is none or it has expired, Infinity if it does not expire. */
  getRemainingTTL (key: K): number
  /**
   * Returns the bytes of a value as a Buffer of its own: those of a Buffer, typed array, DataView or ArrayBuffer, or a
   * string's UTF-8. `undefined` if there is none.
   * @throws `ERR_HEAPWISE_INVALID_USE` if the value is something else
   */
  getBuffer (key: K): Buffer | undefined
  /**
   * Copies the bytes of a value into `target`: those that `getBuffer` returns. Allocates nothing.
   * @param offset where in `target` to begin, an index; 0 by default
   * @returns how many bytes were copied; -1 if there is no value
   * @throws `ERR_HEAPWISE_INVALID_USE` if the value is something else; `ERR_HEAPWISE_TARGET_TOO_SMALL`, a `RangeError`
   * whose `needed` says how many bytes there are, and then `target` is unchanged; `ERR_HEAPWISE_INVALID_ARG_TYPE`,
   * `ERR_HEAPWISE_INVALID_ARG_VALUE` for a wrong `target` or `offset`
   */
  getInto (key: K, target: Uint8Array, offset?: number): number
  /**
   * Returns the values of many keys, in the order of the keys; `undefined` for each that is not there.
   * @throws `ERR_HEAPWISE_NOT_DECODABLE` if the codec cannot decode one; `ERR_HEAPWISE_INVALID_ARG_TYPE` for no iterable
   */
  getMany (keys: Iterable<K>): (V | undefined)[]

  /**
   * Stores a copy of the value. `undefined` deletes the key.
   * @param options a ttl in ms, or an object with one
   * @returns the cache; `false` if the entry is too large and the option `onTooLarge` is `'refuse'`
   * @throws `ERR_HEAPWISE_NOT_ENCODABLE` if the codec cannot encode the value; `ERR_HEAPWISE_ENTRY_TOO_LARGE`;
   * `ERR_HEAPWISE_INVALID_ARG_TYPE`, `ERR_HEAPWISE_INVALID_ARG_VALUE` for a wrong ttl. Then nothing has changed.
   */
  set (
    key: K, value: V | undefined, options?: OffHeapCache.WriteOptions | number | null
  ): this | OffHeapCache.Refusal<R>
  /**
   * Stores many entries. All values are encoded before the first is stored, and nothing is stored if one cannot be, or is
   * too large.
   * @param options a ttl in ms, or an object with one
   * @returns the cache; `false` if an entry is too large and the option `onTooLarge` is `'refuse'`
   * @throws as `set`, and `ERR_HEAPWISE_NOT_ENCODABLE` for `undefined`. Then nothing has changed.
   */
  setMany (
    entries: Iterable<readonly [K, V]>, options?: OffHeapCache.WriteOptions | number | null
  ): this | OffHeapCache.Refusal<R>
  /**
   * Stores the value if the key has none, in one step for all threads.
   * @param options a ttl in ms, or an object with one
   * @returns whether it was stored
   * @throws as `set`, and `ERR_HEAPWISE_NOT_ENCODABLE` for `undefined`
   */
  setIfAbsent (key: K, value: V, options?: OffHeapCache.WriteOptions | number | null): boolean
  /**
   * Stores the value if the key has the one that is expected, in one step for all threads. Values are equal if they are
   * of the same kind and have the same bytes: 0 and -0 differ, NaN equals NaN. Those that the codec encodes are also
   * equal if `util.isDeepStrictEqual` says so of what it decodes.
   * @param expected `undefined`: the key has no value
   * @param options a ttl in ms, or an object with one
   * @returns whether it was stored
   * @throws as `set`, and `ERR_HEAPWISE_NOT_ENCODABLE` for `undefined` as the value
   */
  compareAndSet (
    key: K, expected: V | undefined, value: V, options?: OffHeapCache.WriteOptions | number | null
  ): boolean
  /**
   * Adds to the number of the key, in one step for all threads. No value counts as 0. An entry that is there keeps its
   * time to live. Numbers are stored as such whatever the codec.
   * @param by a finite number; 1 by default
   * @param options the ttl of a new entry in ms, or an object with one
   * @returns the sum
   * @throws `ERR_HEAPWISE_INVALID_USE` if the value is no number; `ERR_HEAPWISE_ENTRY_TOO_LARGE`, whatever `onTooLarge`
   * says; `ERR_HEAPWISE_INVALID_ARG_TYPE`, `ERR_HEAPWISE_INVALID_ARG_VALUE` for a wrong `by` or ttl
   */
  increment (key: K, by?: number, options?: OffHeapCache.WriteOptions | number | null): number
  /**
   * Makes the key the most recently used, and starts its time anew.
   * @param options a ttl in ms, or an object with one; by default the entry keeps the one it has
   * @returns whether there is a value
   * @throws `ERR_HEAPWISE_INVALID_ARG_TYPE`, `ERR_HEAPWISE_INVALID_ARG_VALUE` for a wrong ttl
   */
  touch (key: K, options?: OffHeapCache.WriteOptions | number | null): boolean
  /** Removes the key. Returns whether there was a value that had not expired. */
  delete (key: K): boolean
  /**
   * Removes many keys. Returns how many had a value.
   * @throws `ERR_HEAPWISE_INVALID_ARG_TYPE` for no iterable
   */
  deleteMany (keys: Iterable<K>): number
  /** Removes all entries. */
  clear (): void

  /**
   * Returns the value of the key. If there is none, calls `producer`, stores what it returns or resolves to, and returns
   * that. Of all who ask for a key at the same time, in all threads, one calls its producer; the others wait, without
   * blocking their thread, and get copies of its value. If it fails, or its thread ends, or it returns `undefined`, the
   * next calls its own. Who called the producer gets the very value it returned, even if it is too large to be stored.
   *
   * A producer must not wait for its own key: a call in its synchronous part is rejected, a later one waits for ever.
   * @throws by rejection: what the producer throws; the reason of the signal; `ERR_HEAPWISE_CLOSED` if the cache is closed
   * while this waits; `ERR_HEAPWISE_NOT_ENCODABLE`, `ERR_HEAPWISE_NOT_DECODABLE`; `ERR_HEAPWISE_INVALID_USE` if a
   * producer asks for its own key; `ERR_HEAPWISE_INVALID_ARG_TYPE`, `ERR_HEAPWISE_INVALID_ARG_VALUE`
   */
  getOrSet<P extends V | undefined | void = V> (
    key: K, producer: (key: K) => P | PromiseLike<P>, options?: OffHeapCache.GetOrSetOptions | number | null
  ): Promise<V | P>

  /**
   * Iterates over the keys, shard by shard, in no order that means anything: each shard's as they are when its turn
   * comes. The cache may be read and written meanwhile. `next()` throws `ERR_HEAPWISE_CLOSED` once it is closed.
   */
  keys (): Generator<K, void, undefined>
  /** Iterates over the values, as `entries` does. */
  values (): Generator<V, void, undefined>
  /**
   * Iterates over keys and values. The keys are those that `keys` gives; values are read some at a time, and keys that are
   * gone by then are left out. Changes neither recency nor statistics.
   * @throws `ERR_HEAPWISE_NOT_DECODABLE` from `next()` if the codec cannot decode a value
   */
  entries (): Generator<[K, V], void, undefined>
  /** The same as `entries`. */
  [Symbol.iterator] (): Generator<[K, V], void, undefined>
  /**
   * Calls a function for each entry, as `entries` gives them.
   * @param thisArg `this` of the calls; `undefined` by default
   * @throws `ERR_HEAPWISE_INVALID_ARG_TYPE` if `callback` is no function
   */
  forEach (callback: (value: V, key: K, cache: this) => void, thisArg?: unknown): void

  /**
   * Removes keys from the queue of evicted keys and returns them, the oldest first. The queue is one for all threads. A
   * key that was evicted several times is in it once, for the last time. Empty without the option `evictedKeys`.
   * @param max at most so many, a nonnegative integer; all by default
   * @throws `ERR_HEAPWISE_INVALID_ARG_TYPE`, `ERR_HEAPWISE_INVALID_ARG_VALUE` for another `max`
   */
  takeEvicted (max?: number): OffHeapCache.Evicted<K>[]
  /** What the store did and holds. Always counted. */
  stats (): OffHeapCache.Stats

  /**
   * Writes all entries to a file, from a thread of its own: to a temporary file first, which is then renamed. Entries
   * that are written meanwhile are in it or not.
   * @returns how much was written
   * @throws by rejection: `ERR_HEAPWISE_SNAPSHOT_IO`, with the `path`, if the file cannot be written;
   * `ERR_HEAPWISE_INVALID_ARG_TYPE`, `ERR_HEAPWISE_INVALID_ARG_VALUE` for a wrong `file` or option
   */
  save (file: string | URL, options?: OffHeapCache.SaveOptions | null): Promise<OffHeapCache.SnapshotSize>

  /**
   * Gives the store up; it is freed with the last of its caches. Does nothing the second time. What waits in `getOrSet` is
   * rejected. A `save` under way is finished.
   */
  close (): void
  /** The same as `close`: for `using cache = new OffHeapCache()`. */
  [Symbol.dispose] (): void
  /** `'OffHeapCache'`, for `Object.prototype.toString`. */
  get [Symbol.toStringTag] (): string
}
