/// <reference lib="esnext.disposable" />
/// <reference types="node" />

import type { EventEmitter } from 'node:events'

export { compare } from './leaks/compare.js'
export type { CompareOptions, CompareReport, CompareRound, CompareSite, LeakError, PerCall } from './leaks/compare.js'

/** The parts of a watch. */
export type Part =
  | 'timers' | 'listeners' | 'globals' | 'collections' | 'buffers' | 'stacks' | 'types' | 'pools'

/** What a growth is of: see `Finding`. */
export type Kind =
  | 'timer' | 'listener' | 'global' | 'collection' | 'buffer' | 'allocation' | 'type' | 'pool' | 'cache'

/** Where the numbers of a finding come from. */
export type Source =
  | 'counts' | 'heap snapshot' | 'queryObjects' | 'sampling heap profiler' | 'object statistics'

/**
 * How sure it is: `'suspected'` after a few looks, or if much of what was added goes again; `'likely'` and `'certain'`
 * after more.
 */
export type Confidence = 'suspected' | 'likely' | 'certain'

/** How something has grown. */
export interface Growth {
  /** How many there were at the look that the growth began with. Bytes in findings of memory. */
  from: number
  /** How many there are now. */
  to: number
  /** Looks from the first to the last of it. */
  looks: number
  /** How many more an hour, at that pace. */
  perHour: number
  /** Bytes that the growth holds, where that is known. */
  bytes?: number
}

/** A place in code, and how many of what has grown come from there. */
export interface Place {
  /** 'file:line:column', relative to the working directory if it is in it. Source maps are honoured. */
  place: string
  /** How many. An estimate where a sample is looked at. */
  count: number
}

/** Something that grows. */
export interface Finding {
  /**
   * What it is.
   * - `'timer'`: intervals that are never cleared, or timeouts that pile up; `name` is the function.
   * - `'listener'`: listeners of one event on one emitter or event target; `name` is its class and the event.
   * - `'global'`: a global that was not there when the watch began, or a collection in one; `name` is the global.
   * - `'collection'`: a Map, Set, array or object; `name` is the variable or property that holds it.
   * - `'buffer'`: Buffers, above all views of much larger memory, in a collection.
   * - `'allocation'`: what one function has made and what stays; `name` is the function.
   * - `'type'`: objects of one of V8's types; `name` says which in words.
   * - `'pool'`: Buffers of a BufferPool that are not released; `name` is the pool.
   * - `'cache'`: an LRUCache that nothing but time bounds.
   */
  kind: Kind
  /** All of it in one plain sentence. */
  message: string
  /** What it is called: see `kind`. */
  name?: string
  /** The place in code that makes most of it, as 'file:line:column', where that is known. */
  place?: string
  /** The places that make it, the most first, at most five of them. */
  places?: Place[]
  /** How it has grown. Not there for a global that is new. */
  growth?: Growth
  /** How sure it is. */
  confidence: Confidence
  /** Where the numbers come from. */
  source: Source
  /** Of listeners: the event. */
  event?: string | symbol
  /** Of listeners: the name of the emitter's class. */
  emitter?: string
  /** Of Buffers of a pool: whether they were dropped, or are still held. */
  state?: 'lost' | 'lent'
  /** Of allocations: the function and who called it, as 'name (file:line:column)'. */
  stack?: string[]
  /** Of a type: the types of V8 that it stands for. */
  types?: string[]
  /** Of a type: how many objects there are. */
  count?: number
}

/** Options of the part `timers`. */
export interface TimersOptions {
  /**
   * From so many intervals of one place on it is told. An integer of at least 1.
   * @default 10
   */
  intervals?: number
  /**
   * From so many timeouts of one place on it is told. An integer of at least 1.
   * @default 100
   */
  timeouts?: number
  /**
   * Growth must last for so many looks. An integer of at least 3.
   * @default 4
   */
  looks?: number
}

/** Options of the part `listeners`. */
export interface ListenersOptions {
  /**
   * From so many listeners of one event on one emitter on it is told. An integer of at least 8.
   * @default 16
   */
  minimum?: number
  /**
   * Growth must last for so many looks. An integer of at least 3.
   * @default 4
   */
  looks?: number
}

/** Options of the part `globals`. */
export interface GlobalsOptions {
  /**
   * From so many entries of a collection on it is told. An integer of at least 1.
   * @default 100
   */
  minimum?: number
  /**
   * Growth must last for so many looks. An integer of at least 3.
   * @default 4
   */
  looks?: number
  /**
   * Globals that are not looked at, 'name' or 'name.property'.
   * @default []
   */
  ignore?: readonly string[]
}

/** Options of the part `pools`. */
export interface PoolsOptions {
  /**
   * From so many Buffers of a pool on it is told. An integer of at least 1.
   * @default 10
   */
  buffers?: number
  /**
   * From so many entries of a cache on it is told. An integer of at least 1.
   * @default 1000
   */
  entries?: number
  /**
   * Growth must last for so many looks. An integer of at least 3.
   * @default 4
   */
  looks?: number
}

/** Options of the part `collections`. */
export interface CollectionsOptions {
  /**
   * A collection must have grown by so many entries. An integer from 1 to 2^31.
   * @default 100
   */
  minimum?: number
  /**
   * And by such a share of what it was. From 0 to 1000.
   * @default 0.1
   */
  share?: number
  /**
   * Growth must last for so many looks. An integer from 3 to 1000.
   * @default 3
   */
  looks?: number
  /**
   * No snapshot is taken of a larger heap: bytes, or text such as `'512mb'`.
   * @default '256mb'
   */
  maxHeap?: number | string
}

/** Options of the part `buffers`. */
export interface BuffersOptions {
  /**
   * The memory of a collection of Buffers must have grown by so many bytes, as a number or as text such as `'1mb'`.
   * @default '1mb'
   */
  minimum?: number | string
  /**
   * And by such a share of what it was. From 0 to 1000.
   * @default 0.1
   */
  share?: number
  /**
   * Growth must last for so many looks. An integer from 3 to 1000.
   * @default 3
   */
  looks?: number
  /**
   * Views that keep so many times their own bytes alive are called views of larger memory. From 1 to 1,000,000.
   * @default 4
   */
  ratio?: number
  /**
   * No snapshot is taken of a larger heap: bytes, or text such as `'512mb'`.
   * @default '256mb'
   */
  maxHeap?: number | string
}

/** Options of the part `stacks`. */
export interface StacksOptions {
  /**
   * V8 notes an allocation about every so many bytes. Less tells more, and costs more. An integer of at least 64.
   * @default 524288
   */
  samplingInterval?: number
  /**
   * From so many bytes of one place on it is told. An integer of at least 1.
   * @default 2097152
   */
  bytes?: number
  /**
   * Growth must last for so many looks. An integer of at least 3.
   * @default 4
   */
  looks?: number
}

/** Options of the part `types`. */
export interface TypesOptions {
  /**
   * From so many bytes of one type on it is told. An integer of at least 1.
   * @default 1048576
   */
  bytes?: number
  /**
   * Growth must last for so many looks. An integer of at least 3.
   * @default 4
   */
  looks?: number
  /**
   * Whether to do nothing, instead of throwing, where V8 does not count by type.
   * @default false
   */
  auto?: boolean
}

/** What `leaks.watch` takes. A part is on if it is `true` or an object of its own options; at least one must be. */
export interface WatchOptions {
  /**
   * `setInterval`s that are never cleared, and `setTimeout`s that pile up, with the place that makes them. Both
   * functions are replaced, on the global object and in node:timers, while the watch runs. Those of node:timers/promises
   * are not seen.
   * @default false
   */
  timers?: boolean | TimersOptions
  /**
   * Emitters and event targets whose listeners only become more, with the places that add them. `on` and its like of
   * `EventEmitter.prototype`, and `addEventListener` of `EventTarget.prototype`, are replaced while the watch runs.
   * @default false
   */
  listeners?: boolean | ListenersOptions
  /**
   * Globals that were not there when the watch began, and collections in globals that only grow.
   * @default false
   */
  globals?: boolean | GlobalsOptions
  /**
   * Maps, Sets, arrays and objects that only grow, wherever they are. Takes a heap snapshot at each look, which stops
   * the thread: see docs/leaks.md for what that costs.
   * @default false
   */
  collections?: boolean | CollectionsOptions
  /**
   * Buffers that pile up in collections, above all small views of much larger memory. Takes a heap snapshot at each
   * look, the same as `collections`.
   * @default false
   */
  buffers?: boolean | BuffersOptions
  /**
   * Functions whose objects stay, from V8's sampling heap profiler. Each look is a full collection.
   * @default false
   */
  stacks?: boolean | StacksOptions
  /**
   * V8's types of which more and more is alive. Needs `node --track-gc-object-stats`; without it, and without `auto`,
   * ERR_HEAPWISE_UNSUPPORTED is thrown.
   * @default false
   */
  types?: boolean | TypesOptions
  /**
   * Buffers of a BufferPool that are never released, and LRUCaches that nothing but time bounds.
   * @default false
   */
  pools?: boolean | PoolsOptions
  /**
   * Milliseconds between two looks, an integer from 0 to 2^31 - 1. 0: it looks only when `look()` is called.
   * @default 30000
   */
  interval?: number
  /** Called with each finding when it is told, before the listeners of 'leak' are. */
  onLeak?: (this: LeakWatch, finding: Finding) => void
}

/** What a watch has found, and what it has cost. */
export interface WatchReport {
  /** All that was found, with their last numbers, the oldest first. */
  findings: Finding[]
  /** How many looks there were. */
  looks: number
  /** When the watch began, as `Date.now()` says it. */
  since: number
  /** Milliseconds that each part has taken: its looks, and the places of calls that were sampled. */
  cost: { [part in Part]?: number }
  /** Errors of parts whose last look failed: a heap too large for a snapshot, say. The others go on. */
  failures: { [part in Part]?: Error }
  /** Why parts have nothing to look at, in plain words: V8 does not run with the flag that `types` needs, say. */
  notes: { [part in Part]?: string }
}

/** The events of a watch, with what their listeners get. */
export interface WatchEvents {
  /** Something grows. Told once, and again when the growth has doubled. */
  leak: [finding: Finding]
}

/**
 * A watch that runs. It ends with `stop()`; it does not keep the process alive. A listener that throws stops neither
 * the others nor the watch: its error is uncaught.
 */
export declare class LeakWatch extends EventEmitter<WatchEvents> {
  /** The same as `leaks.watch(options)`. */
  constructor (options: WatchOptions)
  /**
   * Looks now; after the look that is under way, if there is one. Resolves to what this look has told.
   * Rejects with ERR_HEAPWISE_INVALID_USE once the watch has been stopped.
   */
  look (): Promise<Finding[]>
  /** What has been found so far, also when the watch has been stopped. */
  report (): WatchReport
  /** Ends the watch, and puts back what it has replaced. Nothing is told any more. */
  stop (): void
  /** The same as `stop()`. */
  [Symbol.dispose] (): void
}

/**
 * Begins to watch this thread. Several watches may run at once.
 *
 * Throws an error with a code: ERR_HEAPWISE_INVALID_ARG_TYPE, ERR_HEAPWISE_INVALID_ARG_VALUE or
 * ERR_HEAPWISE_UNKNOWN_OPTION for an option that cannot be taken, ERR_HEAPWISE_INVALID_USE if no part is on,
 * ERR_HEAPWISE_UNSUPPORTED if a part cannot be had here. Then nothing has begun.
 */
export declare function watch (options: WatchOptions): LeakWatch
