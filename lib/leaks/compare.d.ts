// Types of leaks.compare.

/** What `leaks.compare(fn, options)` takes. */
export interface CompareOptions {
  /** Rounds of a stage, 8 if not given. A growth is looked at in up to three stages, each with twice the calls. */
  repeat?: number
  /** Calls of a round. If not given, as many as take about 40 ms: at least 24 unless they take longer than 150 ms. */
  calls?: number
  /** Rounds before the first that counts, 2 if not given: more for what fills slowly, such as a large cache. */
  warmup?: number
  /**
   * Bytes a call that are no leak, as a number or as text such as '1kb'; 2 if not given. Whatever it is, a growth of
   * less than 1.5 KiB a round is not told from V8's own, and one of less than 8 KiB only if the rounds grow by the same:
   * give more `calls` to find a smaller leak of a slow function.
   */
  threshold?: number | string
  /** Milliseconds to wait before each reading, 0 if not given: for what ends by itself after some time. */
  settle?: number
  /** Whether to count what is open (timers, sockets, …) and the listeners of `process`; true if not given. */
  handles?: boolean
  /**
   * Whether to look for the functions that made what stays, if something does; true if not given. V8 runs no optimised
   * code meanwhile, by its coverage of calls: what somebody else counts in that way in the same process is lost (not by
   * NODE_V8_COVERAGE, with which this is left out).
   */
  sites?: boolean
  /**
   * Whether to take two heap snapshots, if something stays, to tell the classes and the collections that grow. They take
   * time, and memory by far more than the heap has. 'auto': only if the heap is small. False if not given.
   */
  snapshot?: boolean | 'auto'
  /** Collects all garbage, in the place of V8's own function: nothing need be given, with or without `--expose-gc`. */
  gc?: () => void
}

/**
 * What is counted: bytes of the heap (without compiled code), of other memory that objects hold, of ArrayBuffers; contexts
 * of vm.
 */
export interface PerCall {
  heap: number
  external: number
  arrayBuffers: number
  contexts: number
  /** Of all kinds of handle that grow. */
  handles: number
  /** Of all events of `process` whose listeners grow. */
  listeners: number
}

/** A function whose objects stay. */
export interface CompareSite {
  /** Its name, '(anonymous)' if it has none. */
  function: string
  /** Where it begins, as 'file:line:column'; by the source map, if there is one. */
  place: string
  /** Of all that stays, from 0 to 1. */
  share: number
  bytesPerCall: number
  /** It, and who called it. */
  stack: string[]
}

/** A round as it was. Bytes are those after it, when all garbage was collected. */
export interface CompareRound {
  calls: number
  ms: number
  heap: number
  external: number
  arrayBuffers: number
  heapGrowth: number
}

/** What `leaks.compare` found. */
export interface CompareReport {
  leaks: boolean
  /** Calls of a round of the first stage. */
  calls: number
  /** Growth a call. */
  perCall: PerCall
  /** What leaks: `name` is the kind of handle, or the event. */
  grew: { what: keyof PerCall, name?: string, perCall: number }[]
  rounds: CompareRound[]
  /** Most bytes first. */
  sites: CompareSite[]
  /** By class: how many objects, and bytes, a round added. Empty without `snapshot`. */
  constructors: { name: string, count: number, bytes: number }[]
  /** Collections that a round made grow. Empty without `snapshot`. */
  collections: { name: string, place?: string, description: string, from: number, to: number }[]
  /** What could not be found out, and why. */
  notes: string[]
  elapsedMs: number
  /** All this for people. */
  message: string
}

/** The error with code 'ERR_HEAPWISE_LEAK'. */
export interface LeakError extends Error {
  code: 'ERR_HEAPWISE_LEAK'
  report: CompareReport
}

/**
 * Calls `fn` many times, one call after the other, and collects all garbage in between. Rejects with a `LeakError` if the
 * heap, other memory, handles or listeners grow with the calls; with the error of `fn` if it throws or rejects.
 *
 * What fills up once (a cache, compiled code) is no leak. One comparison runs at a time.
 */
export function compare (fn: () => unknown, options?: CompareOptions): Promise<CompareReport>
