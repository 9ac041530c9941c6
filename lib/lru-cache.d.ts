/// <reference lib="esnext.disposable" />

// Without this line everything in a declaration file is exported.
export {}

/** A clock: `performance`, `Date`, or a fake one in a test. */
export type Perf = {
  /** The time in milliseconds. Only differences between two readings count. */
  now: () => number
}

/** The arguments of one call of `dispose` or `disposeAfter`. */
export type DisposeTask<K, V> = [value: V, key: K, reason: LRUCache.DisposeReason]

// Options of the constructor that a call may override.
type OfGet = 'allowStale' | 'updateAgeOnGet' | 'noDeleteOnStaleGet'
type OfSet = 'sizeCalculation' | 'ttl' | 'noDisposeOnSet' | 'noUpdateTTL'
type OfFetch =
  'noDeleteOnFetchRejection' | 'allowStaleOnFetchRejection' | 'ignoreFetchAbort' | 'allowStaleOnFetchAbort'

/** The names of `LRUCache`'s types are those that lru-cache gives them, so that `import` is all that changes. */
export declare namespace LRUCache {
  /** A size in the unit of your choice (bytes, characters, rows): a positive integer. */
  type Size = number
  /** A span or a point of time in milliseconds. */
  type Milliseconds = number
  /** A number of entries. */
  type Count = number

  /**
   * Why a value left the cache.
   * - `evict`: room was needed, and it was the least recently used; or `pop()` took it.
   * - `set`: another value was set for its key.
   * - `delete`: `delete()`, `clear()` or `set(key, undefined)` removed it.
   * - `expire`: its time to live was over.
   * - `fetch`: `fetchMethod` failed, was aborted, or returned `undefined`.
   */
  type DisposeReason = 'evict' | 'set' | 'delete' | 'expire' | 'fetch'
  /** Type of the options `dispose` and `disposeAfter`. */
  type Disposer<K, V> = (value: V, key: K, reason: DisposeReason) => void

  /** How a value came in: its key was new (`add`), had this very value (`update`), or had another one (`replace`). */
  type InsertReason = 'add' | 'update' | 'replace'
  /** Type of the option `onInsert`. */
  type Inserter<K, V> = (value: V, key: K, reason: InsertReason) => void

  /** Type of the option `sizeCalculation`: returns the size of an entry, a positive integer. */
  type SizeCalculator<K, V> = (value: V, key: K) => Size

  /** Type of the option `fetchMethod`. To return `undefined` means that there is no such value. */
  type Fetcher<K, V, FC = unknown> = (
    key: K, staleValue: V | undefined, options: FetcherOptions<K, V, FC>
  ) => Promise<V | undefined | void> | V | undefined | void

  /** Type of the option `memoMethod`. */
  type Memoizer<K, V, FC = unknown> = (key: K, staleValue: V | undefined, options: MemoizerOptions<K, V, FC>) => V

  /** The third argument of `fetchMethod`. */
  interface FetcherOptions<K, V, FC = unknown> {
    /** Aborted when the value is not wanted any more: hand it on to what does the work. */
    signal: AbortSignal
    /** The options of this fetch. What `fetchMethod` changes in them takes effect: a `ttl` from a response, say. */
    options: FetcherFetchOptions<K, V, FC>
    /** What the caller of `fetch` gave as `context`. */
    context: FC
  }

  /** The third argument of `memoMethod`. */
  interface MemoizerOptions<K, V, FC = unknown> {
    /** The options of this call. What `memoMethod` changes in them takes effect when the result is set. */
    options: MemoizerMemoOptions<K, V, FC>
    /** What the caller of `memo` gave as `context`. */
    context: FC
  }

  /**
   * Tells what an operation did. Pass an object as the option `status`, and the fields that apply are written into it.
   * Subscribers of the channels `heapwise:lru-cache:metrics` and `heapwise:lru-cache` (tracing) get one too.
   */
  interface Status<K, V, FC = unknown> {
    /** The operation. */
    op?: 'get' | 'set' | 'memo' | 'fetch' | 'delete' | 'has' | 'peek'
    /** The key that was asked for or written. */
    key?: K
    /** The value that was set or returned. */
    value?: V
    /** The value that was overwritten, where `set` is `replace`. */
    oldValue?: V
    /** The cache that did it. */
    cache?: LRUCache<K & {}, V & {}, FC>
    /** What `set` did. `miss`: the entry was too large and is not stored. `deleted`: the value was `undefined`. */
    set?: 'add' | 'update' | 'replace' | 'miss' | 'deleted'
    /** Why an entry was deleted (only seen on the metrics channel). */
    delete?: DisposeReason
    /** What `peek` found. `stale`: an expired value that it was not allowed to return. */
    peek?: 'hit' | 'miss' | 'stale'
    /** What `has` found. Not set while a value is on its way for the first time. */
    has?: 'hit' | 'stale' | 'miss'
    /** What `get` found. `fetching` and `stale-fetching`: a fetch is on its way for that key. */
    get?: 'stale' | 'hit' | 'miss' | 'fetching' | 'stale-fetching'
    /** Whether `memo` found the value (`hit`) or called `memoMethod` (`miss`). */
    memo?: 'hit' | 'miss'
    /**
     * What `fetch` found. `get`: there is no `fetchMethod`. `inflight`: another fetch for the key is on its way.
     * `refresh`: a fresh value that is fetched anew because of `forceRefresh`.
     */
    fetch?: 'get' | 'inflight' | 'miss' | 'hit' | 'stale' | 'refresh'
    /** Set if `forceRefresh` was asked for. */
    forceRefresh?: boolean
    /** The `context` given to `fetch` or `memo`. */
    context?: unknown
    /** The entry's time to live, ms. */
    ttl?: Milliseconds
    /** When the entry's time started, by the cache's clock. */
    start?: Milliseconds
    /** The cache's clock when it looked. */
    now?: Milliseconds
    /** What was left of the entry's time, ms; negative if it had expired. */
    remainingTTL?: Milliseconds
    /** The entry's size. */
    entrySize?: Size
    /** The size of all entries afterwards. */
    totalCalculatedSize?: Size
    /** The entry was not stored because it is larger than `maxEntrySize` or `maxSize`. */
    maxEntrySizeExceeded?: true
    /** `fetchMethod` was called. */
    fetchDispatched?: true
    /** What `fetchMethod` returned was stored. */
    fetchUpdated?: true
    /** `fetchMethod` returned, or its promise was fulfilled. */
    fetchResolved?: true
    /** `fetchMethod` threw, or its promise was rejected. */
    fetchRejected?: true
    /** The fetch was aborted. */
    fetchAborted?: true
    /** The fetch was aborted, and went on because of `ignoreFetchAbort`. */
    fetchAbortIgnored?: true
    /** Why the fetch failed: what `fetchMethod` threw, or the reason of the abort. */
    fetchError?: Error
    /** An expired value was returned, or one that is being refreshed. */
    returnedStale?: true
    /** The operation was traced on the tracing channel. */
    trace?: boolean
  }

  /** Options of `fetch` as `fetchMethod` sees them. */
  interface FetcherFetchOptions<K, V, FC = unknown> extends Pick<OptionsBase<K, V, FC>, OfGet | OfSet | OfFetch> {
    /** Filled in with what the fetch did. It changes until the fetch has settled. */
    status?: Status<K, V, FC>
    /** The size of the entry; `sizeCalculation` is then not called. */
    size?: Size
  }

  /** Options of `fetch` and `forceFetch`. Where several calls wait for the same fetch, those of the first count. */
  interface FetchOptions<K, V, FC = unknown> extends FetcherFetchOptions<K, V, FC> {
    /** Fetch even if there is a fresh value. Default `false`. */
    forceRefresh?: boolean
    /** Handed to `fetchMethod`. Required or forbidden where the cache's type parameter `FC` says so. */
    context?: FC
    /** Aborts the fetch. */
    signal?: AbortSignal
    /** Filled in with what the fetch did. It changes until the fetch has settled. */
    status?: Status<K, V, FC>
  }

  /** Options of `fetch` where `FC` is neither `unknown`, `undefined` nor `void`. */
  interface FetchOptionsWithContext<K, V, FC> extends FetchOptions<K, V, FC> {
    /** Handed to `fetchMethod`. */
    context: FC
  }

  /** Options of `fetch` where `FC` is `undefined` or `void`. */
  interface FetchOptionsNoContext<K, V, FC extends undefined | void = undefined> extends FetchOptions<K, V, FC> {
    /** There is none. */
    context?: FC
  }

  /** Options of `memo` as `memoMethod` sees them. */
  interface MemoizerMemoOptions<K, V, FC = unknown> extends Pick<OptionsBase<K, V, FC>, OfGet | OfSet> {
    /** Filled in with what the call did. */
    status?: Status<K, V, FC>
    /** The size of the entry; `sizeCalculation` is then not called. */
    size?: Size
    /** When the entry's time starts, by the cache's clock. Default: now. */
    start?: Milliseconds
  }

  /** Options of `memo`. */
  interface MemoOptions<K, V, FC = unknown> extends Pick<OptionsBase<K, V, FC>, OfGet | OfSet | OfFetch> {
    /** Call `memoMethod` even if there is a fresh value. Default `false`. */
    forceRefresh?: boolean
    /** Handed to `memoMethod`. Required or forbidden where the cache's type parameter `FC` says so. */
    context?: FC
    /** Filled in with what the call did. */
    status?: Status<K, V, FC>
  }

  /** Options of `memo` where `FC` is neither `unknown`, `undefined` nor `void`. */
  interface MemoOptionsWithContext<K, V, FC> extends MemoOptions<K, V, FC> {
    /** Handed to `memoMethod`. */
    context: FC
  }

  /** Options of `memo` where `FC` is `undefined` or `void`. */
  interface MemoOptionsNoContext<K, V, FC extends undefined | void = undefined> extends MemoOptions<K, V, FC> {
    /** There is none. */
    context?: FC
  }

  /** Options of `has`. */
  interface HasOptions<K, V, FC = unknown> extends Pick<OptionsBase<K, V, FC>, 'updateAgeOnHas'> {
    /** Filled in with what was found. */
    status?: Status<K, V, FC>
  }

  /** Options of `get` and `find`. */
  interface GetOptions<K, V, FC = unknown> extends Pick<OptionsBase<K, V, FC>, OfGet> {
    /** Filled in with what was found. */
    status?: Status<K, V, FC>
  }

  /** Options of `peek`. */
  interface PeekOptions<K, V, FC = unknown> extends Pick<OptionsBase<K, V, FC>, 'allowStale'> {
    /** Filled in with what was found. */
    status?: Status<K, V, FC>
  }

  /** Options of `set`. */
  interface SetOptions<K, V, FC = unknown> extends Pick<OptionsBase<K, V, FC>, OfSet> {
    /** The size of the entry; `sizeCalculation` is then not called. */
    size?: Size
    /** When the entry's time starts, by the cache's clock (`performance.now()` as a rule). Default: now. */
    start?: Milliseconds
    /** Filled in with what was done. */
    status?: Status<K, V, FC>
  }

  /** All options of the constructor. At least one of `max`, `maxSize` and `ttl` is required: see {@link Options}. */
  interface OptionsBase<K, V, FC = unknown> {
    /**
     * The most entries kept; the least recently used go first. A nonnegative integer. Nothing is reserved for it.
     * @default 0 (no bound by count)
     */
    max?: Count
    /**
     * The largest total size kept; the least recently used go first. A positive integer, in the unit of
     * `sizeCalculation` or of the option `size` of `set`, one of which every entry then needs.
     * @default 0 (no bound by size)
     */
    maxSize?: Size
    /**
     * The largest size of one entry, a positive integer. A larger one is not stored; its key is deleted if there.
     * @default maxSize
     */
    maxEntrySize?: Size
    /** Returns the size of an entry, a positive integer. Needs `maxSize` or `maxEntrySize`. */
    sizeCalculation?: SizeCalculator<K, V>
    /**
     * How long an entry lives, ms. A positive integer here; in the options of a call any number: 0 for ever. An expired
     * entry is removed when it is asked for, when room is needed, by `purgeStale()`, or with `ttlAutopurge`.
     * @default 0 (for ever)
     */
    ttl?: Milliseconds
    /**
     * For how long a reading of the clock is used again, ms. 0: read it each time.
     * @default 1
     */
    ttlResolution?: Milliseconds
    /**
     * Remove entries when they expire, by one timer for the whole cache, which does not keep the process alive.
     * @default false
     */
    ttlAutopurge?: boolean
    /**
     * Start an entry's time anew when `get` returns it.
     * @default false
     */
    updateAgeOnGet?: boolean
    /**
     * Start an entry's time anew when `has` finds it.
     * @default false
     */
    updateAgeOnHas?: boolean
    /**
     * Return expired values that are still there: `get` once, before it deletes them; `fetch` while it fetches anew.
     * Iteration shows them too.
     * @default false
     */
    allowStale?: boolean
    /**
     * Keep an expired entry that `get` comes upon.
     * @default false
     */
    noDeleteOnStaleGet?: boolean
    /**
     * Leave an entry's time as it is when it is overwritten.
     * @default false
     */
    noUpdateTTL?: boolean
    /**
     * Do not call `dispose` and `disposeAfter` for a value that is overwritten.
     * @default false
     */
    noDisposeOnSet?: boolean
    /**
     * Called for each value that leaves the cache, before it has left. If it throws, the operation is finished all the
     * same, and then throws that error.
     */
    dispose?: Disposer<K, V>
    /** As `dispose`, but called at the end of the operation. Here a value may be put back. */
    disposeAfter?: Disposer<K, V>
    /** Called for each value that comes in, when it is in. */
    onInsert?: Inserter<K, V>
    /** Gets the value of a key for `fetch`. Without it, `fetch` only looks into the cache. */
    fetchMethod?: Fetcher<K, V, FC>
    /** Computes the value of a key for `memo`. */
    memoMethod?: Memoizer<K, V, FC>
    /**
     * When `fetchMethod` fails, put the expired value back, though `fetch` rejects.
     * @default false
     */
    noDeleteOnFetchRejection?: boolean
    /**
     * When `fetchMethod` fails, put the expired value back and return it; without one, `undefined`.
     * @default false
     */
    allowStaleOnFetchRejection?: boolean
    /**
     * When a fetch is aborted, return the expired value at once; without one, `undefined`.
     * @default false
     */
    allowStaleOnFetchAbort?: boolean
    /**
     * When a fetch is aborted, go on, and store what it brings. With `allowStaleOnFetchAbort` and a `signal` from
     * `AbortSignal.timeout()`: an old value on time, and the new one next time.
     * @default false
     */
    ignoreFetchAbort?: boolean
    /**
     * The size counted for a key whose first value is on its way. A positive integer.
     * @default 1
     */
    backgroundFetchSize?: number
    /**
     * The clock that expiry goes by.
     * @default globalThis.performance, as it is when the cache is made
     */
    perf?: Perf
  }

  /** Options of a cache bounded by count. */
  interface OptionsMaxLimit<K, V, FC = unknown> extends OptionsBase<K, V, FC> {
    /** The most entries kept. */
    max: Count
  }

  /** Options of a cache bounded by time. */
  interface OptionsTTLLimit<K, V, FC = unknown> extends OptionsBase<K, V, FC> {
    /** How long an entry lives, ms. */
    ttl: Milliseconds
    /** Whether entries are removed when they expire. Asked for, because with `false` nothing bounds the cache. */
    ttlAutopurge: boolean
  }

  /** Options of a cache bounded by size. */
  interface OptionsSizeLimit<K, V, FC = unknown> extends OptionsBase<K, V, FC> {
    /** The largest total size kept. */
    maxSize: Size
  }

  /** Options of the constructor: {@link OptionsBase} with a bound. */
  type Options<K, V, FC = unknown> = OptionsMaxLimit<K, V, FC> | OptionsSizeLimit<K, V, FC> | OptionsTTLLimit<K, V, FC>

  /** An entry as `dump()` and `info()` give it and `load()` takes it. */
  interface Entry<V> {
    /** The value. */
    value: V
    /** From `dump()`: its time to live, ms, 0 for ever. From `info()`: what is left of it, negative if it expired. */
    ttl?: Milliseconds
    /** Its size, where sizes are used. */
    size?: Size
    /** From `dump()`: when its time started, by `Date.now()`. From `info()`: now, by `Date.now()`. */
    start?: Milliseconds
  }

  /** What `stats()` returns: counts since the cache was made or since `resetStats()`, and its present state. */
  interface Stats {
    /** How often `get`, `fetch`, `memo` and `find` found a value they could return. `has` and `peek` do not count. */
    hits: number
    /** How often they did not. */
    misses: number
    /** Share of the hits, from 0 to 1; 0 before the first lookup. */
    hitRatio: number
    /** How many values were stored. */
    sets: number
    /** How many values left, by reason. `set` counts every overwrite, also one with the same value. */
    removed: Record<DisposeReason, number>
    /** Entries now. */
    size: Count
    /** Size of all entries now; 0 where sizes are not used. */
    calculatedSize: Size
    /** The bound by count; 0 if there is none. */
    max: Count
    /** The bound by size; 0 if there is none. */
    maxSize: Size
  }
}

type FetchArgument<K, V, FC> = unknown extends FC ? LRUCache.FetchOptions<K, V, FC>
  : FC extends undefined | void ? LRUCache.FetchOptionsNoContext<K, V, FC>
    : LRUCache.FetchOptionsWithContext<K, V, FC>

type MemoArgument<K, V, FC> = unknown extends FC ? LRUCache.MemoOptions<K, V, FC>
  : FC extends undefined | void ? LRUCache.MemoOptionsNoContext<K, V, FC>
    : LRUCache.MemoOptionsWithContext<K, V, FC>

// Where FC asks for a context, a call without options is an error: then no key fits.
type KeyAlone<K, FC> = unknown extends FC ? K : FC extends undefined | void ? K : never

type OptionalFetchArgument<K, V, FC> = unknown extends FC ? LRUCache.FetchOptions<K, V, FC>
  : FC extends undefined | void ? LRUCache.FetchOptionsNoContext<K, V, FC> : never

type OptionalMemoArgument<K, V, FC> = unknown extends FC ? LRUCache.MemoOptions<K, V, FC>
  : FC extends undefined | void ? LRUCache.MemoOptionsNoContext<K, V, FC> : never

/**
 * A cache that keeps the most recently used entries: a drop-in for `LRUCache` of lru-cache.
 *
 * `FC` is the type of the `context` of `fetch` and `memo`: required if it is given, forbidden if it is `undefined` or
 * `void`, optional if it is `unknown`. Options that are not read-only here may be changed; later calls go by them.
 */
export declare class LRUCache<K extends {}, V extends {}, FC = unknown> {
  #private

  /**
   * Makes an empty cache. Another cache given as options lends its options, not its entries.
   * @throws `ERR_HEAPWISE_INVALID_ARG_TYPE`, `ERR_HEAPWISE_INVALID_ARG_VALUE` for an option of the wrong type or range;
   * `ERR_HEAPWISE_INVALID_USE` without a bound; `ERR_HEAPWISE_UNKNOWN_OPTION` for a likely misspelling.
   */
  constructor (options: LRUCache.Options<K, V, FC> | LRUCache<K, V, FC>)

  /**
   * Makes a cache and sets the entries in it, in their order: the last is the most recently used. From another heapwise
   * `LRUCache` the order of use is taken over.
   * @throws as the constructor and `set` do; `ERR_HEAPWISE_INVALID_ARG_TYPE` if `entries` is not iterable.
   */
  static from<K extends {}, V extends {}, FC = unknown> (
    entries: Iterable<readonly [K, V]>, options: LRUCache.Options<K, V, FC> | LRUCache<K, V, FC>
  ): LRUCache<K, V, FC>

  /** The option `ttl`, ms. */
  ttl: LRUCache.Milliseconds
  /** The option `ttlResolution`, ms. */
  ttlResolution: LRUCache.Milliseconds
  /** The option `ttlAutopurge`. Read when the cache gets its first `ttl`; a change after that has no effect. */
  ttlAutopurge: boolean
  /** The option `updateAgeOnGet`. */
  updateAgeOnGet: boolean
  /** The option `updateAgeOnHas`. */
  updateAgeOnHas: boolean
  /** The option `allowStale`. */
  allowStale: boolean
  /** The option `noDisposeOnSet`. */
  noDisposeOnSet: boolean
  /** The option `noUpdateTTL`. */
  noUpdateTTL: boolean
  /** The option `maxEntrySize`. */
  maxEntrySize: LRUCache.Size
  /** The option `sizeCalculation`. */
  sizeCalculation?: LRUCache.SizeCalculator<K, V>
  /** The option `noDeleteOnFetchRejection`. */
  noDeleteOnFetchRejection: boolean
  /** The option `noDeleteOnStaleGet`. */
  noDeleteOnStaleGet: boolean
  /** The option `allowStaleOnFetchAbort`. */
  allowStaleOnFetchAbort: boolean
  /** The option `allowStaleOnFetchRejection`. */
  allowStaleOnFetchRejection: boolean
  /** The option `ignoreFetchAbort`. */
  ignoreFetchAbort: boolean
  /** The option `backgroundFetchSize`. */
  backgroundFetchSize: number
  /** The clock. */
  get perf (): Perf
  /** The option `max`; 0 if there is none. {@link resize} changes it. */
  get max (): LRUCache.Count
  /** The option `maxSize`; 0 if there is none. {@link resize} changes it. */
  get maxSize (): LRUCache.Count
  /** The size of all entries; 0 where sizes are not used. */
  get calculatedSize (): LRUCache.Size
  /** The number of entries, with those that have expired and those that are being fetched. */
  get size (): LRUCache.Count
  /** The option `fetchMethod`. */
  get fetchMethod (): LRUCache.Fetcher<K, V, FC> | undefined
  /** The option `memoMethod`. */
  get memoMethod (): LRUCache.Memoizer<K, V, FC> | undefined
  /** The option `dispose`. */
  get dispose (): LRUCache.Disposer<K, V> | undefined
  /** The option `onInsert`. */
  get onInsert (): LRUCache.Inserter<K, V> | undefined
  /** The option `disposeAfter`. */
  get disposeAfter (): LRUCache.Disposer<K, V> | undefined
  /** `'LRUCache'`: what `Object.prototype.toString` calls it. */
  [Symbol.toStringTag]: string

  /** Returns the value of the key and makes it the most recently used. An expired entry is deleted. */
  get (key: K, options?: LRUCache.GetOptions<K, V, FC>): V | undefined
  /** As `get`, but leaves everything as it is. */
  peek (key: K, options?: LRUCache.PeekOptions<K, V, FC>): V | undefined
  /** Whether there is a fresh value for the key. Does not count as use. */
  has (key: K, options?: LRUCache.HasOptions<K, V, FC>): boolean
  /**
   * Stores the value and makes it the most recently used. `undefined` deletes the key.
   * @throws `ERR_HEAPWISE_INVALID_ARG_TYPE` or `ERR_HEAPWISE_INVALID_ARG_VALUE` if the cache needs a size and gets none
   * that is a positive integer; `ERR_HEAPWISE_INVALID_USE` if it gets one without a bound by size; what callbacks threw.
   */
  set (key: K, value: V | undefined, options?: LRUCache.SetOptions<K, V, FC>): this
  /** Deletes the key, aborting its fetch if there is one. Returns whether it was there. */
  delete (key: K): boolean
  /** Deletes all entries and aborts all fetches. */
  clear (): void
  /** Removes the least recently used entry and returns its value, even if it has expired. */
  pop (): V | undefined
  /** Removes all expired entries. Returns whether there were any. */
  purgeStale (): boolean
  /** What is left of the key's time, ms: negative if it expired, `Infinity` if it has no end, 0 without an entry. */
  getRemainingTTL (key: K): number
  /** Value, remaining time and size of a key, also of an expired one. */
  info (key: K): LRUCache.Entry<V> | undefined

  /** Yields `[key, value]`, most recently used first. What expired is left out unless `allowStale` is set. */
  entries (): Generator<[K, V], void, unknown>
  /** Yields `[key, value]`, least recently used first. */
  rentries (): Generator<[K, V], void, unknown>
  /** Yields the keys, most recently used first. */
  keys (): Generator<K, void, unknown>
  /** Yields the keys, least recently used first. */
  rkeys (): Generator<K, void, unknown>
  /** Yields the values, most recently used first. */
  values (): Generator<V, void, unknown>
  /** Yields the values, least recently used first. */
  rvalues (): Generator<V, void, unknown>
  /** As `entries()`. */
  [Symbol.iterator] (): Generator<[K, V], void, unknown>
  /**
   * Returns the value of the first entry, most recently used first, for which `fn` returns true. Counts as a `get`.
   * @throws `ERR_HEAPWISE_INVALID_ARG_TYPE` if `fn` is no function.
   */
  find (
    fn: (value: V, key: K, cache: LRUCache<K, V, FC>) => boolean, options?: LRUCache.GetOptions<K, V, FC>
  ): V | undefined
  /**
   * Calls `fn` for each entry, most recently used first, with `thisArg` (the cache, if absent) as `this`.
   * @throws `ERR_HEAPWISE_INVALID_ARG_TYPE` if `fn` is no function.
   */
  forEach (fn: (value: V, key: K, cache: LRUCache<K, V, FC>) => unknown, thisArg?: unknown): void
  /** As `forEach`, least recently used first. */
  rforEach (fn: (value: V, key: K, cache: LRUCache<K, V, FC>) => unknown, thisArg?: unknown): void

  /** All entries, least recently used first, in a form that can be stored. Also those that have expired. */
  dump (): [K, LRUCache.Entry<V>][]
  /** Clears the cache and sets what `dump()` returned, in any process, at any time. */
  load (entries: [K, LRUCache.Entry<V>][]): void

  /**
   * Resolves to the value of the key, which `fetchMethod` gets if there is no fresh one. Calls for the same key wait
   * for the same fetch. Deleting, evicting or overwriting the key meanwhile aborts it.
   * @throws (rejects) what `fetchMethod` threw, or the reason of the abort.
   */
  fetch (key: K, options: FetchArgument<K, V, FC>): Promise<undefined | V>
  fetch (key: KeyAlone<K, FC>, options?: OptionalFetchArgument<K, V, FC>): Promise<undefined | V>
  /**
   * As `fetch`, for callers who do not want `undefined`.
   * @throws (rejects) as `fetch` does; `ERR_HEAPWISE_FETCH_UNDEFINED` if there is no value.
   */
  forceFetch (key: K, options: FetchArgument<K, V, FC>): Promise<V>
  forceFetch (key: KeyAlone<K, FC>, options?: OptionalFetchArgument<K, V, FC>): Promise<V>
  /**
   * Returns the value of the key, which `memoMethod` computes if there is no fresh one.
   * @throws `ERR_HEAPWISE_INVALID_USE` without `memoMethod`; what `memoMethod` threw; as `set` does.
   */
  memo (key: K, options: MemoArgument<K, V, FC>): V
  memo (key: KeyAlone<K, FC>, options?: OptionalMemoArgument<K, V, FC>): V

  /** What the cache did so far. Always counted; a call copies a few numbers. */
  stats (): LRUCache.Stats
  /** Starts the counts of `stats()` anew. */
  resetStats (): void
  /**
   * Changes the bounds; 0 is none. What no longer fits is evicted at once.
   * @param maxSize default: as it is
   * @throws `ERR_HEAPWISE_INVALID_ARG_TYPE`, `ERR_HEAPWISE_INVALID_ARG_VALUE` for what is no bound;
   * `ERR_HEAPWISE_INVALID_USE` if nothing would bound the cache, or if `maxSize` is given to one made without.
   */
  resize (max: LRUCache.Count, maxSize?: LRUCache.Size): this
  /** Clears the cache and stops its timer: for `using cache = new LRUCache(…)`. */
  [Symbol.dispose] (): void
}
