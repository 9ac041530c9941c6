/// <reference lib="esnext.disposable" />
/// <reference types="node" />

import type { EventEmitter } from 'node:events'
import type { Finding as LeakFinding, WatchOptions } from './leaks.js'

// Without this line everything in a declaration file is exported.
export {}

export declare namespace GcMonitor {
  /** Where collections are learnt from: see the option `source`. */
  type Source = 'v8' | 'perf_hooks'

  /**
   * What V8 collects.
   * - `'scavenge'`: the young generation, by copying.
   * - `'minor-mark-sweep'`: the young generation, by marking (only with V8's flag `--minor-ms`).
   * - `'mark-sweep-compact'`: the whole heap. What is left after it is what is live.
   * - `'incremental-marking'`: the first step of marking the whole heap, not a collection by itself.
   * - `'weak-callbacks'`: finalizers that run after a collection.
   */
  type Kind = 'scavenge' | 'minor-mark-sweep' | 'mark-sweep-compact' | 'incremental-marking' | 'weak-callbacks'

  /** What V8 says with a collection. `'forced'`: by `gc()`. `'last-resort'`: memory is about to run out. */
  type Flag =
    | 'construct-retained' | 'forced' | 'sync-phantom' | 'all-available' | 'all-external' | 'schedule-idle' | 'last-resort'

  /** How far a limit or a pressure has gone. */
  type Level = 'warn' | 'critical'

  /** Two numbers of bytes, at the start and at the end. `null`: not known, as with the source `'perf_hooks'`. */
  interface Pair {
    /** Bytes before, or null. */
    before: number | null
    /** Bytes after, or null. */
    after: number | null
  }

  /** All options of the constructor. Sizes are bytes: integers, or texts such as `'64mb'`, in powers of 1024. */
  interface Options {
    /**
     * How often a `'sample'` is taken, and `'leak'` and `'pressure'` are looked at, ms. An integer from 10 to
     * 2,147,483,647. Nothing is taken while nobody listens.
     * @default 1000
     */
    interval?: number
    /**
     * Shares of what the old generation may have at which `'heapLimit'` is told: a number (`warn`), or more. See
     * `HeapLimitOptions`. What full collections leave counts as it is; at other times, with garbage, it counts half-way
     * from there to the limit, as far as V8 lets garbage grow. Looked at every 100 ms, from half of the limit on every
     * 25 ms. To count again it must come down by 0.05.
     * @default no limit is looked after
     */
    heapLimit?: number | HeapLimitOptions
    /**
     * Resident memory of the process at which `'rssLimit'` is told: bytes (of which 0.8 and 0.9 are the levels), or more.
     * @default no limit is looked after
     */
    rssLimit?: number | string | RssLimitOptions
    /**
     * Events that are kept until they can be told, for instance while the loop is blocked; of more the oldest are lost,
     * and counted in `stats().lost`. Sums and histograms lose nothing. An integer from 16 to 1,048,576; 128 bytes each.
     * @default 16,384
     */
    bufferSize?: number
    /**
     * - `'v8'`: V8's own callbacks. Under a microsecond a collection, with sizes of the heap before and after, nothing is
     *   lost. Throws `ERR_HEAPWISE_UNSUPPORTED` where they cannot be had.
     * - `'perf_hooks'`: a `PerformanceObserver`. Events come later, without sizes; what has not been told when the process
     *   ends is lost.
     * - `'auto'`: the first if it can be had and passes a test of itself. With `HEAPWISE_NO_V8=1` in the environment it
     *   is never taken.
     * @default 'auto'
     */
    source?: 'auto' | Source
    /**
     * Measurements that a verdict on growth looks at; what was before is kept coarsely. An integer from 20 to 256.
     * @default 120
     */
    window?: number
    /**
     * Watches what leaks as long as the monitor runs, as `leaks.watch` does with these options: its findings are the
     * `evidence` of `'leak'`. `true`: timers, listeners, globals and pools.
     * @default no watch
     */
    leaks?: boolean | WatchOptions
    /**
     * Whether the constructor starts it.
     * @default true
     */
    autostart?: boolean
  }

  /** The option `heapLimit`. */
  interface HeapLimitOptions {
    /**
     * A share above 0, to 1, of what the old generation may have. V8 itself may give up from 0.8 on, when collections
     * take most of the time.
     * @default 0.8; none if `critical` is less
     */
    warn?: number
    /**
     * A share above `warn`, to 1.
     * @default 0.9; none if `warn` is more
     */
    critical?: number
    /**
     * By how much the limit is raised, once, when it is reached: time to finish what is under way, and to go. What V8 has
     * already beyond its limit by then is added. Needs the source `'v8'`, else `ERR_HEAPWISE_UNSUPPORTED`; a thread has
     * one, else `ERR_HEAPWISE_INVALID_USE`.
     * @default nothing
     */
    reserve?: number | string
    /**
     * A heap snapshot when a level is reached.
     * @default none
     */
    snapshot?: SnapshotOptions
  }

  /** The option `heapLimit.snapshot`. */
  interface SnapshotOptions {
    /** The folder that it is written into, as `heapwise-<time>-<pid>-<thread>-<n>.heapsnapshot`. */
    dir: string
    /**
     * So many are written, until the monitor is started anew. From 1 to 1000.
     * @default 1
     */
    max?: number
    /**
     * The level at which it is written.
     * @default 'warn'
     */
    at?: Level
  }

  /** The option `rssLimit`. */
  interface RssLimitOptions {
    /** Bytes that `warn` and `critical` are shares of. */
    bytes?: number | string
    /**
     * Instead of `bytes`: a share of what the container may have, or else the machine.
     * @default 1
     */
    share?: number
    /**
     * A share above 0, to 1.
     * @default 0.8; none if `critical` is less
     */
    warn?: number
    /**
     * A share above `warn`, to 1.
     * @default 0.9; none if `warn` is more
     */
    critical?: number
  }

  /** What the monitor tells, by the name of the event. */
  interface Events {
    /** A collection. Told within 100 ms, later if the loop is blocked. */
    gc: [event: GcEvent]
    /** The process and the heap, at the `interval`. */
    sample: [sample: Sample]
    /** Something began to grow, once a growth, and again only after that has ended. */
    leak: [report: LeakReport]
    /** Memory outside of the process became short, or is no longer. */
    pressure: [pressure: Pressure]
    /** A level of `heapLimit` was reached, once a crossing. */
    heapLimit: [limit: HeapLimit]
    /** A level of `rssLimit` was reached, once a crossing. */
    rssLimit: [limit: RssLimit]
  }

  /** A collection. */
  interface GcEvent {
    /** What was collected. */
    kind: Kind
    /** What V8 says with it. */
    flags: Flag[]
    /** Why there was one, in plain words, as far as V8 tells: `'young generation full'`, `'forced'`, `'external memory'`. */
    cause: string
    /** When it began, ms on the clock of `performance.now()`. */
    startTime: number
    /** How long JavaScript stood still for it, ms. */
    duration: number
    /** The number of it, in order. A gap means that events were lost. */
    sequence: number
    /** In how many others it took place, as weak callbacks do: 0 usually. */
    depth: number
    /** Bytes of the heap in use. */
    used: Pair
    /** Bytes that V8 has from the system for the heap. */
    total: Pair
    /** Bytes outside of the heap that its objects hold. */
    external: Pair
    /** Bytes that V8 has for itself, after it; null if not known. */
    malloced: number | null
    /** `heap_size_limit`, bytes. */
    limit: number
    /** Bytes of the heap that were freed; null if not known. */
    reclaimed: number | null
    /** Bytes that went to the old generation; null if not known. */
    promoted: number | null
    /** Bytes that were allocated on the heap since the previous one; null if not known. */
    allocated: number | null
    /** It was told by `perf_hooks`, which says nothing of the heap. */
    late: boolean
    /** Of full collections with the source `'v8'`: the spaces of the heap after it, bytes. */
    spaces?: { name: string, used: number, size: number }[]
  }

  /** The process and the heap at a moment. */
  interface Sample {
    /** When, ms since 1970. */
    time: number
    /** What the system says of the process, its container and its machine. */
    process: ProcessSample
    /** `v8.getHeapStatistics()` in camel case; null if it is `late`. */
    heap: Record<string, number> | null
    /** The spaces of the heap, bytes; null if it is `late`. */
    spaces: { name: string, size: number, used: number, available: number, physical: number }[] | null
    /** `process.memoryUsage()`; null if it is `late`. */
    memoryUsage: NodeJS.MemoryUsage | null
    /** The event loop since the sample before; null if it is `late`. */
    eventLoop: EventLoop | null
    /** A thread took it while the loop was blocked: there is no part that JavaScript could have read. */
    late: boolean
  }

  /** The event loop. */
  interface EventLoop {
    /** The share of time in which it was not idle, 0 to 1. */
    utilization: number
    /** How late a timer of 10 ms was, ms. */
    delay: { min: number, mean: number, max: number, p50: number, p99: number }
  }

  /** The process. Bytes, if nothing else is said; null where the system does not tell. */
  interface ProcessSample {
    /** ms since 1970. */
    time: number
    /** Nanoseconds on the clock of `process.hrtime`. */
    hrtime: number
    /** What of the process is in memory. */
    rss: number | null
    /** The part of it that is no file's: heaps and stacks. */
    anon: number | null
    /** The part of it that is mapped files'. */
    file: number | null
    /** The part of it that is shared memory. */
    shmem: number | null
    /** What of the process is in swap. */
    swap: number | null
    /** The most that `rss` has ever been. */
    peakRss: number | null
    /** Address space. */
    virtual: number | null
    /** How many threads. */
    threads: number | null
    /** How many file descriptors are open. */
    descriptors: number | null
    /** Page faults since the start; the major ones waited for a disk. */
    faults: { minor: number | null, major: number | null }
    /** CPU time of all threads since the start, microseconds. */
    cpu: { user: number | null, system: number | null }
    /** The C allocator, which has the memory of large Buffers and of addons. */
    malloc: Malloc | null
    /** The container. */
    cgroup: Cgroup | null
    /** The machine. */
    host: Host | null
  }

  /** The C allocator, bytes. */
  interface Malloc {
    /** Allocated and not freed. */
    inUse: number | null
    /** Freed and held for later: what `trim()` gives back. */
    free: number | null
    /** The part of `inUse` that has mappings of its own. */
    mapped: number | null
    /** What it has from the system for all but those. */
    arenas: number | null
    /** Which one it is: `'glibc'`, `'jemalloc'`. */
    allocator: string
  }

  /** The container: its memory cgroup, bytes. */
  interface Cgroup {
    /** 1 or 2. */
    version: number
    /** The lowest limit; null if there is none but the machine's. */
    limit: number | null
    /** Above it the kernel slows the process down. */
    high: number | null
    /** What still fits. */
    headroom: number | null
    /** In use, with file cache. */
    current: number | null
    /** In use, without file cache that was not used lately. */
    workingSet: number | null
    /** The most that `current` has ever been. */
    peak: number | null
    /** In swap. */
    swap: number | null
    /** How often each has happened. */
    events: {
      low: number | null, high: number | null, max: number | null, oom: number | null, oomKill: number | null
    } | null
    /** How much of the time was spent waiting for memory. */
    pressure: PressureStalls | null
  }

  /** The machine, bytes. */
  interface Host {
    /** Its memory. */
    total: number | null
    /** What of it can be had without swapping. */
    available: number | null
    /** How much of the time was spent waiting for memory. */
    pressure: PressureStalls | null
  }

  /** How much of the time some, and all, waited for memory (pressure stall information). */
  interface PressureStalls {
    /** Some waited. */
    some: Stalls | null
    /** All waited. */
    full: Stalls | null
  }

  /** Time spent waiting. */
  interface Stalls {
    /** Per cent of the last 10 seconds. */
    avg10: number | null
    /** Per cent of the last minute. */
    avg60: number | null
    /** Per cent of the last five minutes. */
    avg300: number | null
    /** Microseconds, ever. */
    total: number | null
  }

  /** What a series does. */
  type Verdict = 'not-enough-data' | 'steady' | 'warming-up' | 'growing' | 'shrinking'

  /** How sure it is that something grows. */
  type Confidence = 'none' | 'suspected' | 'likely' | 'certain'

  /** Whether something grows. Bytes, and bytes an hour; of handles and contexts, how many. */
  interface Trend {
    /** What it does. */
    verdict: Verdict
    /** How sure that is. */
    confidence: Confidence
    /** By how much it grows an hour (Theil-Sen). */
    slope: number
    /** Between which two the slope is, with 95 % confidence. */
    interval: [number, number]
    /** How likely so much of a trend is by chance (Mann-Kendall). */
    p: number
    /** Measurements. */
    points: number
    /** The time that they span, ms. */
    span: number
    /** At the start, on the fitted line. */
    from: number
    /** At the end, on the fitted line. */
    to: number
    /** The standard deviation of what the line leaves over. */
    noise: number
    /** How long until the limit is reached at this pace, ms; null if it is not, or there is none. */
    timeToLimit: number | null
    /** Why it is this verdict, in a word. */
    cause: string
    /** The verdict in a sentence. */
    reason: string
  }

  /** A trend with the newest measurement. */
  interface SeriesTrend extends Trend {
    /** The newest measurement; null if there is none. */
    floor: number | null
  }

  /**
   * What grows: `'heap'`: what full collections leave. `'external'`, `'arrayBuffers'`: the same of memory outside of the
   * heap. `'rss'`: resident memory without the heap. `'malloc'`: what the C allocator has given and not got back.
   */
  type Subject = 'heap' | 'external' | 'arrayBuffers' | 'rss' | 'malloc' | 'contexts' | 'handles'

  /** Something grows. */
  interface LeakReport extends Trend {
    /** What grows. */
    what: Subject
    /** The report in a sentence. */
    message: string
    /** What watches of this thread (the option `leaks`, or `leaks.watch`) have found so far. */
    evidence: LeakFinding[]
  }

  /** Memory around the process is short, or is no longer. */
  interface Pressure {
    /** How short; `'none'`: it is over. */
    level: 'none' | Level
    /** Why, in a sentence. */
    reason: string
    /** The container. */
    cgroup: Cgroup | null
    /** The machine. */
    host: Host | null
  }

  /** The heap has reached a level. */
  interface HeapLimit {
    /** Which one. */
    level: Level
    /** Bytes in use by the old generation. */
    used: number
    /** Bytes that a full collection has left, if there was one since limits were last looked at. */
    floor: number | null
    /**
     * Bytes that the old generation may have, without a reserve: `heap_size_limit` counts 48 to 192 MB of the young
     * generation as well.
     */
    limit: number
    /** `used / limit`. */
    ratio: number
    /** The reserve has been taken: the limit that is in force is higher. */
    reserved: boolean
    /** Where a heap snapshot was written, or why none was. */
    snapshot?: string | { refused: string }
  }

  /** Resident memory has reached a level. */
  interface RssLimit {
    /** Which one. */
    level: Level
    /** Resident memory, bytes; the most since it was last looked at. */
    rss: number
    /** What the levels are shares of, bytes. */
    limit: number
    /** `rss / limit`. */
    ratio: number
  }

  /** Pauses of one kind. */
  interface KindStats {
    /** How many. */
    count: number
    /** All together, ms. */
    totalMs: number
    /** Half of them were not longer, ms; within 1.6 %. */
    p50: number
    /** 90 % were not longer, ms. */
    p90: number
    /** 99 % were not longer, ms. */
    p99: number
    /** The longest, ms. */
    max: number
    /** Bytes that they freed; null if not known. */
    reclaimed: number | null
    /** How many somebody asked for. */
    forced: number
  }

  /** The numbers since the start, or the last `reset()`. */
  interface Stats {
    /** Where they come from; null if the monitor was never started. */
    source: Source | null
    /** Whether it records. */
    running: boolean
    /** Since when, ms since 1970. */
    since: number
    /** For how long, ms. */
    elapsedMs: number
    /** Events of all kinds. */
    collections: number
    /** Time in collections, ms; what is inside of another is not counted twice. */
    gcMs: number
    /** The share of time in collections, 0 to 1. */
    gcTimeRatio: number
    /** Pauses by kind. */
    byKind: Record<Kind, KindStats>
    /** Bytes allocated on the heap; null if not known (`perf_hooks` before Node 25). */
    allocated: number | null
    /** The same a second. */
    allocationRate: number | null
    /** Bytes that went to the old generation; null if not known. */
    promoted: number | null
    /** The same a second. */
    promotionRate: number | null
    /** `heap_size_limit`, bytes; null if the monitor was never started. */
    limit: number | null
    /** When the last collection ended, ms since 1970; null if there was none. */
    lastEnd: number | null
    /** Events that nobody could be told, since `bufferSize` was too small. */
    lost: number
    /**
     * By the width of a window in ms: the least share of any such window that collections left to the program. Over the
     * last 4096 pauses that were fetched.
     */
    minimumMutatorUtilization: { 50: number, 100: number, 1000: number } | null
    /** What full collections leave of the heap, bytes. */
    liveHeap: SeriesTrend
    /** What full collections leave outside of the heap, bytes. */
    external: SeriesTrend
    /** ArrayBuffers, soon after full collections, bytes. */
    arrayBuffers: SeriesTrend
    /** Resident memory without the heap, bytes. Only while somebody listens to samples, leaks or pressure. */
    rss: SeriesTrend
    /** What the C allocator has given and not got back, bytes. As `rss`. */
    malloc: SeriesTrend
    /** Contexts, as of `node:vm`, at full collections. */
    contexts: SeriesTrend
    /** Active handles and requests. As `rss`. */
    handles: SeriesTrend
  }

  /** Pauses, in ns. */
  interface Histogram {
    /** The unit of all values. */
    readonly unit: 'ns'
    /** Which pauses; null: all. */
    readonly kind: Kind | null
    /** How many. */
    readonly count: number
    /** The shortest, at the precision of its bucket; 0 if there is none. */
    readonly min: number
    /** The longest. */
    readonly max: number
    /** The mean. */
    readonly mean: number
    /** All together. */
    readonly sum: number
    /** Buckets that are not empty: `[from, to, count]`, `to` is not in it. A bucket is at most 1.6 % wide. */
    readonly buckets: [from: number, to: number, count: number][]
    /**
     * The value that `p` per cent of all pauses are not above.
     *
     * @param p Above 0, to 100.
     * @throws `ERR_HEAPWISE_INVALID_ARG_TYPE`, `ERR_HEAPWISE_INVALID_ARG_VALUE`
     */
    percentile (p: number): number
  }

  /** A thread that records. */
  interface Thread {
    /** `threadId` of `node:worker_threads`; 0 is the main thread. */
    threadId: number
    /** It has not ended. */
    alive: boolean
    /** It is the main thread. */
    main: boolean
    /** It is the thread that asks. */
    current: boolean
    /** Events of all kinds since it records. */
    collections: number
    /** Time in collections, ms. */
    gcMs: number
    /** The longest pause, ms. */
    maxMs: number
    /** Bytes of its heap in use after the last collection. */
    used: number
    /** Bytes that V8 had from the system for it then. */
    total: number
    /** Bytes outside of the heap then. */
    external: number
    /** Its `heap_size_limit`, bytes. */
    limit: number
    /** Since when it records, ms since 1970. */
    since: number | null
    /** When its last collection ended, ms since 1970; null if there was none. */
    lastEnd: number | null
    /** Full collections. */
    fullCollections: number
    /** Time that the thread has been on a CPU, ms. null where the system does not say (other than Linux), or with `perf_hooks`. */
    cpuMs: number | null
  }

  /** All threads that record. */
  interface Threads {
    /** Those that have not ended. */
    threads: Thread[]
    /** The sum of those that have. */
    ended: { threads: number, collections: number, gcMs: number, maxMs: number, fullCollections: number }
  }

  /** What a collection on demand did. */
  interface Collected {
    /** Which one it was. */
    type: 'full' | 'minor'
    /** How long it took, ms. */
    duration: number
    /** Bytes of the heap that it freed. */
    reclaimed: number
    /** Bytes of the heap in use. */
    used: { before: number, after: number }
  }

  /** What a function cost. */
  interface Measured<T> {
    /** What it returned, or came to. */
    value: T
    /** How long it took, ms. */
    duration: number
    /** Bytes allocated on the heap meanwhile; null if not known (`perf_hooks` before Node 25). */
    allocated: number | null
    /** Collections meanwhile, `total` and by kind; null if not known (a function that is not async, with `perf_hooks`). */
    collections: ({ total: number } & Record<Kind, number>) | null
    /** Time in collections, and the longest, ms; null if not known. */
    pauses: { total: number, max: number } | null
    /** By how many bytes the heap in use has grown: what it keeps, and garbage. */
    heapDelta: number
    /** By how many bytes the memory outside of the heap has grown. */
    externalDelta: number
    /** Where the numbers come from. */
    source: Source
  }

  /** Events for `for await`. */
  interface EventStream extends AsyncIterableIterator<GcEvent> {
    /** Events that were dropped because they were not fetched in time. */
    readonly dropped: number
    /** The next event; waits for it. */
    next (): Promise<IteratorResult<GcEvent, undefined>>
    /** Ends it. */
    return (value?: unknown): Promise<IteratorResult<GcEvent, any>>
    /** Ends it, and rejects. */
    throw (error?: unknown): Promise<IteratorResult<GcEvent, any>>
    /** Itself. */
    [Symbol.asyncIterator] (): EventStream
  }

  /** Everything a monitor knows, as JSON has it. */
  interface Snapshot {
    /** The version of this format. */
    format: 1
    /** The version of heapwise. */
    heapwise: string
    /** When, ms since 1970. */
    time: number
    /** The process. */
    pid: number
    /** The thread. */
    threadId: number
    /** `process.version`. */
    node: string
    /** `process.versions.v8`. */
    v8: string
    /** `process.platform`. */
    platform: string
    /** `process.arch`. */
    arch: string
    /** The source, and why it is this one. */
    source: Source | null
    /** See `source`. */
    sourceReason: string | null
    /** The options, completed. */
    options: Record<string, unknown>
    /** See `stats()`. */
    stats: Stats
    /** See `histogram()`; without `percentile`. */
    histograms: Record<Kind, Omit<Histogram, 'percentile'>>
    /** `v8.getHeapStatistics()` in camel case. */
    heap: Record<string, number>
    /** The spaces of the heap, bytes. */
    spaces: { name: string, size: number, used: number, available: number, physical: number }[]
    /** `process.memoryUsage()`. */
    memoryUsage: NodeJS.MemoryUsage
    /** What the system says. */
    process: ProcessSample
    /** See `workers()`. */
    workers: Threads
  }
}

/**
 * Records every collection of this thread, samples the process, and says whether something grows.
 *
 * Nothing of it keeps the process alive. A listener that throws keeps no other from being called, and its error is an
 * uncaught exception. When the process ends, what was recorded is told first, as by a listener of `'exit'`.
 *
 *     const monitor = new GcMonitor({ heapLimit: 0.8 })
 *     monitor.on('gc', ({ kind, duration }) => console.log(kind, duration))
 *     monitor.on('leak', ({ message }) => console.warn(message))
 */
export declare class GcMonitor extends EventEmitter<GcMonitor.Events> {
  /**
   * Starts to record, unless `autostart` is false.
   *
   * @throws `ERR_HEAPWISE_INVALID_ARG_TYPE`, `ERR_HEAPWISE_INVALID_ARG_VALUE`, `ERR_HEAPWISE_INVALID_USE`,
   *   `ERR_HEAPWISE_UNKNOWN_OPTION`; `ERR_HEAPWISE_UNSUPPORTED` for what this Node cannot do. Nothing is started then.
   */
  constructor (options?: GcMonitor.Options)

  /** Whether it records. */
  get running (): boolean

  /** Whether `close()` has been called. */
  get closed (): boolean

  /** Where collections are learnt from; null before it has been started. */
  get source (): GcMonitor.Source | null

  /** Why from there, in words; null before it has been started. */
  get sourceReason (): string | null

  /**
   * Starts to record, anew: sums begin at 0. Does nothing if it records.
   *
   * @throws `ERR_HEAPWISE_CLOSED`; what the constructor throws
   */
  start (): this

  /**
   * Tells what has been recorded, and stops. What it knows can still be asked. In a listener: the rest is not told.
   */
  stop (): this

  /** Stops it for good, and ends its iterators. */
  close (): void

  /** The numbers since the start, or the last `reset()`. Of a monitor that has been stopped, until then. */
  stats (): GcMonitor.Stats

  /** Everything it knows, as plain data: what `JSON.parse(JSON.stringify(snapshot))` gives is the same. */
  snapshot (): GcMonitor.Snapshot

  /** Begins sums, histograms and trends anew. Events that were recorded before are still told. */
  reset (): void

  /**
   * Pauses of one kind, or of all.
   *
   * @throws `ERR_HEAPWISE_INVALID_ARG_TYPE`, `ERR_HEAPWISE_INVALID_ARG_VALUE`
   */
  histogram (kind?: GcMonitor.Kind): GcMonitor.Histogram

  /**
   * Every thread of the process that has loaded heapwise, as long as a monitor with the source `'v8'` runs in any of
   * them. With `'perf_hooks'`: this thread alone.
   */
  workers (): GcMonitor.Threads

  /**
   * Events from now on, until `close()` or `return()`. Waiting for one does not keep the process alive: where nothing
   * else does, a `for await` at the top level of a module is never settled, and Node ends with its exit code 13.
   *
   * @param options `bufferSize`: events that are kept until they are fetched, from 1 to 1,048,576; of more the oldest
   *   are dropped, and counted. By default that of the monitor.
   * @throws `ERR_HEAPWISE_INVALID_ARG_TYPE`, `ERR_HEAPWISE_INVALID_ARG_VALUE`, `ERR_HEAPWISE_UNKNOWN_OPTION`
   */
  events (options?: { bufferSize?: number }): GcMonitor.EventStream

  /**
   * Collects now, though Node was started without `--expose-gc`.
   *
   * @param options `type`: the whole heap, or the young generation. By default `'full'`.
   * @throws `ERR_HEAPWISE_INVALID_ARG_TYPE`, `ERR_HEAPWISE_INVALID_ARG_VALUE`, `ERR_HEAPWISE_UNKNOWN_OPTION`;
   *   `ERR_HEAPWISE_UNSUPPORTED`
   */
  collect (options?: { type?: 'full' | 'minor' }): GcMonitor.Collected

  /**
   * Calls the function, and says what it cost. If it is async, what others did meanwhile is counted as well.
   * Measurements can nest, and do not need the monitor to run.
   *
   * @throws What the function throws, or rejects with; `ERR_HEAPWISE_INVALID_ARG_TYPE`
   */
  measure<T> (fn: () => PromiseLike<T>): Promise<GcMonitor.Measured<T>>
  /** The same of a function that is not async. */
  measure<T> (fn: () => T): GcMonitor.Measured<T>

  /**
   * Has the C allocator give back what was freed and is held, which can take tens of milliseconds. Resident memory before
   * and after, and the difference, bytes.
   *
   * @throws `ERR_HEAPWISE_UNSUPPORTED` if the allocator has no function for it
   */
  trim (): { before: number, after: number, freed: number }

  /** The numbers as text for Prometheus, with the names that prom-client gives its default metrics, and more. */
  prometheus (): string

  /** The same as `close()`. */
  [Symbol.dispose] (): void

  /** The same as `events()`. */
  [Symbol.asyncIterator] (): GcMonitor.EventStream
}
