// Types of heapwise, written by hand. Each member says what it does, its units, its default and what it throws.

export { BoundedMap } from './lib/bounded-map.js'
export { BufferPool, compact, retainedBytes } from './lib/buffer-pool.js'
export { GcMonitor } from './lib/gc-monitor.js'
export * as leaks from './lib/leaks.js'
export { LRUCache } from './lib/lru-cache.js'
export type { DisposeTask, Perf } from './lib/lru-cache.js'
export { OffHeapCache } from './lib/off-heap-cache.js'

/** What every error that heapwise throws on purpose carries as `code`. docs/errors.md explains each. */
export type HeapwiseErrorCode =
  | 'ERR_HEAPWISE_CLOSED'
  | 'ERR_HEAPWISE_CODEC_MISSING'
  | 'ERR_HEAPWISE_DOUBLE_RELEASE'
  | 'ERR_HEAPWISE_ENTRY_TOO_LARGE'
  | 'ERR_HEAPWISE_FETCH_UNDEFINED'
  | 'ERR_HEAPWISE_FOREIGN_BUFFER'
  | 'ERR_HEAPWISE_INTERNAL'
  | 'ERR_HEAPWISE_INVALID_ARG_TYPE'
  | 'ERR_HEAPWISE_INVALID_ARG_VALUE'
  | 'ERR_HEAPWISE_INVALID_KEY'
  | 'ERR_HEAPWISE_INVALID_USE'
  | 'ERR_HEAPWISE_LEAK'
  | 'ERR_HEAPWISE_NATIVE_MISSING'
  | 'ERR_HEAPWISE_NOT_DECODABLE'
  | 'ERR_HEAPWISE_NOT_ENCODABLE'
  | 'ERR_HEAPWISE_OUT_OF_MEMORY'
  | 'ERR_HEAPWISE_POOL_FULL'
  | 'ERR_HEAPWISE_REFUSED'
  | 'ERR_HEAPWISE_RELEASED'
  | 'ERR_HEAPWISE_SNAPSHOT_DAMAGED'
  | 'ERR_HEAPWISE_SNAPSHOT_IO'
  | 'ERR_HEAPWISE_SNAPSHOT_VERSION'
  | 'ERR_HEAPWISE_STORE_MISMATCH'
  | 'ERR_HEAPWISE_TARGET_TOO_SMALL'
  | 'ERR_HEAPWISE_TIMEOUT'
  | 'ERR_HEAPWISE_UNKNOWN_OPTION'
  | 'ERR_HEAPWISE_UNSUPPORTED'

/** An error thrown by heapwise: a `TypeError`, `RangeError` or `Error` with a `code`. */
export interface HeapwiseError extends Error {
  /** Which error it is: compare this, not the message. */
  code: HeapwiseErrorCode
}
