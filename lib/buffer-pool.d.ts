/// <reference lib="esnext.disposable" />
/// <reference types="node" />

import type { PathLike } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import type { Readable } from 'node:stream'

// Without this line everything in a declaration file is exported.
export {}

export declare namespace BufferPool {
  /** What a pool lends: a `Buffer` over an ArrayBuffer of its own, whatever the types of Node call that. */
  type Lent = ReturnType<typeof Buffer.allocUnsafeSlow>

  /** When bytes are zeroed: see the option `zeroing`. */
  type Zeroing = 'none' | 'on-acquire' | 'on-release' | 'both'

  /** Whether what was released is taken from those who kept it: see the option `fence`. */
  type Fence = 'off' | 'sampled' | 'always'

  /** How much is kept to find who forgot to release: see the option `leakDetection`. */
  type LeakDetection = 'off' | 'simple' | 'advanced' | 'paranoid'

  /** What to do when the bound is reached: see the option `onFull`. */
  type OnFull = 'unpooled' | 'throw' | 'wait'

  /** All options of the constructor. Sizes are bytes: integers, or texts such as `'64kb'`, in powers of 1024. */
  interface Options {
    /**
     * What messages, reports and statistics call it. A string that is not empty.
     * @default 'pool-1', 'pool-2' and so on
     */
    name?: string
    /**
     * Bytes of a page, of which a few together are cut into chunks of one size. A power of two from 4096 to 1 MiB.
     * @default 8192
     */
    poolSize?: number
    /**
     * The smallest class holds so many bytes. From 1 to 64 MiB, at most `max`.
     * @default 64, or `max` if that is less
     */
    min?: number | string
    /**
     * The largest size that is pooled; the largest class holds so many bytes. From 1 to 64 MiB.
     * @default 1 MiB; 64 KiB in a secure pool
     */
    max?: number | string
    /**
     * The sizes of chunks, instead of `min` and `max`: 1 to 255 different integers from 16 to 64 MiB. A request gets the
     * smallest that is large enough.
     * @default (4, 5, 6, 7) times each power of two, so that at most a fifth of a chunk is waste from 64 bytes up
     */
    classes?: readonly number[]
    /**
     * When a chunk is zeroed.
     * - `'none'`: never. A Buffer shows what the last one to have the chunk left there.
     * - `'on-acquire'`: when it is acquired, as much of it as was used since.
     * - `'on-release'`: when it is released, while its bytes are still in the processor's cache.
     * - `'both'`: when it is released, and wholly when it is acquired, whoever wrote to it meanwhile.
     * @default 'on-release'
     */
    zeroing?: Zeroing
    /**
     * Whether `release` takes the memory away from the Buffer: it then has length 0 for all who kept it, and so have all
     * views of it. `'sampled'`: one release in 128.
     * @default 'off'
     */
    fence?: Fence
    /**
     * Fill what is released with 0xdb, and look whether all of it is still there when it is acquired. If not, the chunk
     * is dropped and `onMisuse` is told.
     * @default false
     */
    poison?: boolean
    /**
     * How much is kept to find the place that acquired what was lost. Losses are counted in any case.
     * - `'off'`: nothing.
     * - `'simple'`: the line, for one acquisition in 128; after 128 of these in 4096, as long as nothing was ever lost.
     * - `'advanced'`: the stack, for one in 128, and the line that released it.
     * - `'paranoid'`: the same for each, and a new Buffer each time, so that an old one is told from the new.
     * @default 'simple'
     */
    leakDetection?: LeakDetection
    /**
     * Called once for each place whose Buffer was collected without having been released, soon after. What it throws is
     * an uncaught exception.
     * @default none
     */
    onLeak?: (report: LeakReport) => void
    /**
     * Called when bytes were written that must not be, soon after it is found. What it throws is an uncaught exception.
     * @default none
     */
    onMisuse?: (report: MisuseReport) => void
    /**
     * The bound on all chunks together, lent and free. From 1 to `Number.MAX_SAFE_INTEGER`.
     * @default 256 MiB; 4 MiB in a secure pool
     */
    maxBytes?: number | string
    /**
     * The bound on the chunks that are free. What is released beyond it goes back to the depot. 0: nothing is kept.
     * @default maxBytes
     */
    maxFreeBytes?: number | string
    /**
     * What `acquire` does when another chunk would pass `maxBytes`.
     * - `'unpooled'`: it lends memory that is not pooled, and counts it.
     * - `'throw'`: it throws `ERR_HEAPWISE_POOL_FULL`.
     * - `'wait'`: it throws, and `acquireAsync` waits until enough is released, first come first served.
     * @default 'unpooled'; 'throw' in a secure pool
     */
    onFull?: OnFull
    /**
     * How often the pool looks for what it does not need, ms: of the chunks of a class that were free all that time, half
     * go back. An integer from 0 (never) to 2,147,483,647. The timer does not keep the process alive.
     * @default 10,000
     */
    idleMs?: number
    /**
     * For secrets: memory that is locked, left out of core dumps, between guard pages and canaries, and zeroed when it is
     * released, lost, or left behind by a thread or the process that ends. It needs `zeroing` `'on-release'` or `'both'`
     * and `onFull` `'throw'` or `'wait'`.
     * @default false
     */
    secure?: boolean
  }

  /** Options of what acquires. */
  interface AcquireOptions {
    /**
     * Whether the Buffer has to be all zero. `false` does not undo what `zeroing` has done, or does with `'both'`.
     * @default as `zeroing` says
     */
    zero?: boolean | undefined
  }

  /** Options of `acquireAsync`. */
  interface AcquireAsyncOptions extends AcquireOptions {
    /**
     * Gives up: the promise is rejected with the signal's reason.
     * @default none
     */
    signal?: AbortSignal | undefined
    /**
     * How long to wait, ms: a number from 0 to 2,147,483,647. Then the promise is rejected with `ERR_HEAPWISE_TIMEOUT`.
     * The timer does not keep the process alive.
     * @default for ever
     */
    timeout?: number | undefined
  }

  /** A Buffer for a time, which ends once. */
  interface Lease {
    /**
     * The Buffer.
     * @throws `ERR_HEAPWISE_RELEASED` when the lease is over
     */
    readonly buffer: Lent
    /** How many bytes were asked for. */
    readonly size: number
    /** Whether it is over: by `release`, or since the Buffer was released otherwise. */
    readonly released: boolean
    /**
     * Gives the Buffer back.
     * @param usedBytes as that of `BufferPool.release`
     * @throws `ERR_HEAPWISE_RELEASED` when the lease is over; `ERR_HEAPWISE_CLOSED` if the pool is closed;
     * `ERR_HEAPWISE_INVALID_ARG_TYPE`, `ERR_HEAPWISE_INVALID_ARG_VALUE` for a wrong `usedBytes`
     */
    release (usedBytes?: number): void
    /** Gives the Buffer back if that was not done: for `using lease = pool.lease(size)`. Never throws. */
    [Symbol.dispose] (): void
  }

  /** What `onLeak` and the channel `heapwise:buffer-pool:leak` are told. */
  interface LeakReport {
    /** The pool's name. */
    pool: string
    /** Bytes of the chunk that was lost. */
    size: number
    /** Bytes that were asked for. */
    length: number
    /** How many were lost so far that were acquired at this place, of those whose place was kept. */
    count: number
    /** The line that acquired it, as in a stack trace, outside of heapwise. */
    place: string
    /** The whole stack, with `leakDetection` `'advanced'` or `'paranoid'`. */
    stack: string | undefined
  }

  /** Somebody wrote to a chunk that was released. */
  interface WriteAfterRelease {
    /** The pool's name. */
    pool: string
    /** Which misuse it is. Found by `poison` when the chunk was to be lent again. */
    kind: 'write-after-release'
    /** Bytes of the chunk. */
    size: number
    /** The first byte of the chunk that was written to. */
    offset: number
    /** The line that had released it, if that was kept: see the option `leakDetection`. */
    releasedAt: string | undefined
  }

  /** Native code wrote before or behind a chunk of a secure pool. */
  interface Overrun {
    /** The pool's name. */
    pool: string
    /** Which misuse it is. Found when the chunk was released. */
    kind: 'overrun'
    /** Bytes of the chunk. */
    size: number
    /** The line that had released it before, if that was kept. */
    releasedAt: string | undefined
  }

  /** What `onMisuse` and the channel `heapwise:buffer-pool:misuse` are told. */
  type MisuseReport = WriteAfterRelease | Overrun

  /** Chunks that the pool has let go, by reason. */
  interface Drops {
    /** Released beyond `maxFreeBytes`. */
    full: number
    /** Not needed for as long as `idleMs` says. */
    idle: number
    /** By `trim`. */
    trim: number
    /** Free, and given up for another class since `maxBytes` was reached. */
    cap: number
    /** Released after the user had transferred or detached the ArrayBuffer. */
    detached: number
    /** Released in a pool with `fence`, and could not be moved: on Node 20 always. */
    fence: number
    /** Written to where it must not be: after its release, or beside it. */
    poison: number
    /** By `close`. */
    closed: number
  }

  /** Bytes of a pool. */
  interface ByteStats {
    /** The option `maxBytes`. */
    max: number
    /** Of the chunks that are lent, at their classes' sizes. */
    live: number
    /** Of the chunks that are free. */
    free: number
    /** Of the chunks that were lost, ever. Their memory has come back. */
    lost: number
    /** Address space that the pool has from the depot. */
    mapped: number
    /** Memory of the operating system that is in use for it, in whole pages. */
    committed: number
  }

  /** What was lent without the pool: nothing or too much was asked for, or the bound was reached. */
  interface UnpooledStats {
    /** Buffers lent. */
    acquired: number
    /** Buffers released. */
    released: number
    /** Bytes lent, ever. */
    bytes: number
  }

  /** What the operating system granted to a secure pool. */
  interface SecureStats {
    /** Bytes of memory that are locked: 0 if the system refuses. */
    locked: number
    /** Whether every chunk lies between guard pages. */
    guarded: boolean
    /** Whether the memory is left out of core dumps. */
    dumpExcluded: boolean
  }

  /** What one class did and holds. */
  interface ClassStats {
    /** Bytes of its chunks. */
    size: number
    /** Buffers lent, ever. */
    acquired: number
    /** Buffers released, ever. */
    released: number
    /** Of those lent, how many were there already. */
    hits: number
    /** Of those lent, for how many a new chunk was taken. */
    misses: number
    /** Buffers that are lent now. */
    live: number
    /** The most that were lent at the same time. */
    peak: number
    /** Chunks that are free now. */
    free: number
    /** Buffers that were collected without having been released. */
    lost: number
    /** Chunks that the pool has let go, by reason. */
    dropped: Drops
    /** The share of the bytes lent that nobody asked for, from 0 to 1. */
    waste: number
  }

  /** A place that lost Buffers. */
  interface LeakyPlace {
    /** The line that acquired them, as in a stack trace. */
    place: string
    /** How many, of those whose place was kept. */
    count: number
  }

  /** What a pool did and holds. The sums are those over all classes. */
  interface Stats extends Omit<ClassStats, 'size' | 'peak' | 'waste'> {
    /** The pool's name. */
    name: string
    /** Whether `close()` was called. */
    closed: boolean
    /** Where the memory is: Rust's, or ArrayBuffers of JavaScript where native ones are refused. */
    memory: 'native' | 'js'
    /** The option `zeroing`. */
    zeroing: Zeroing
    /** The option `fence`. */
    fence: Fence
    /** Chunks whose memory is set aside, since somebody else has it: their ArrayBuffers were transferred. */
    pinned: number
    /** Bytes of all of it. */
    bytes: ByteStats
    /** What the operating system granted; `null` if the pool is not secure. */
    secure: SecureStats | null
    /** The same for each class, the smallest first. */
    classes: ClassStats[]
    /** How many wait in `acquireAsync`. */
    waiting: number
    /** Chunks that were written to where they must not be. */
    poisoned: number
    /** What was lent without the pool. */
    unpooled: UnpooledStats
    /** Places that lost Buffers. */
    leaks: LeakyPlace[]
  }

  /** Who gives a chunk back, and when: see the option `recycle` of `readStream`. */
  type Recycle = boolean | 'always'

  /** Options of `readStream`. */
  interface ReadStreamOptions {
    /**
     * The most bytes of a chunk, an integer from 1 to the pool's `max`.
     * @default 65,536, or the pool's `max` if that is less
     */
    chunkSize?: number | undefined
    /**
     * The first byte, an offset in the file.
     * @default 0; of a file that is open, where it stands
     */
    start?: number | undefined
    /**
     * The last byte, an offset in the file: it is read too, as by `fs.createReadStream`.
     * @default Infinity (to the end)
     */
    end?: number | undefined
    /**
     * A file that is open: a descriptor or a FileHandle. `path` is then not looked at.
     * @default none
     */
    fd?: number | FileHandle | undefined
    /**
     * Whether the file is closed when the stream ends or is destroyed.
     * @default true
     */
    autoClose?: boolean | undefined
    /**
     * Destroys the stream.
     * @default none
     */
    signal?: AbortSignal | undefined
    /**
     * Who gives a chunk back.
     * - `true`: the stream, where nobody can have kept the chunk: it goes by `pipe` or `pipeline` to a file, a socket, a
     *   response, or a stream of `zlib` or `crypto`, or is made text. All others get memory of their own, which is not the
     *   pool's.
     * - `'always'`: the stream, as soon as the consumer has had its turn: its listeners have returned, its writes are done,
     *   or it asks for the next chunk. Whoever keeps a chunk sees other bytes in it later.
     * - `false`: the consumer, who releases each.
     * @default true
     */
    recycle?: Recycle | undefined
  }

  /** What `readStream` returns. */
  interface ReadStream extends Readable {
    /** The path that was given. */
    readonly path: PathLike | null | undefined
    /** Bytes read so far. */
    readonly bytesRead: number
  }
}

/**
 * Lends Buffers of exactly the length that is asked for, and uses their memory again when they are released. Each has an
 * ArrayBuffer of its own, so none shows another's bytes.
 *
 * Every method but `close` throws `ERR_HEAPWISE_CLOSED` after `close()`; `stats` then answers the last numbers.
 */
export declare class BufferPool {
  #private

  /**
   * @throws `ERR_HEAPWISE_INVALID_ARG_TYPE`, `ERR_HEAPWISE_INVALID_ARG_VALUE` for an option of the wrong type or range;
   * `ERR_HEAPWISE_INVALID_USE` for options that contradict each other; `ERR_HEAPWISE_UNKNOWN_OPTION` for a likely
   * misspelling; `ERR_HEAPWISE_OUT_OF_MEMORY` if the operating system gives nothing
   */
  constructor (options?: BufferPool.Options)

  /** The pool's name. */
  get name (): string
  /** Whether `close()` was called. */
  get closed (): boolean

  /**
   * Lends a Buffer of `size` bytes: `length` is `size`. What is in it, the option `zeroing` says.
   *
   * It is yours until you `release` it. If it is collected before, its memory comes back, and it is counted as lost.
   * @param size bytes, an integer of 0 or more. What is larger than `max` is lent unpooled if `onFull` is `'unpooled'`.
   * @throws `ERR_HEAPWISE_POOL_FULL` if the bound is reached and `onFull` is not `'unpooled'`; `ERR_HEAPWISE_INVALID_ARG_TYPE`,
   * `ERR_HEAPWISE_INVALID_ARG_VALUE` for a wrong size or option; `ERR_HEAPWISE_OUT_OF_MEMORY`
   */
  acquire (size: number, options?: BufferPool.AcquireOptions | null): BufferPool.Lent
  /**
   * The same, by a promise. In a pool with `onFull: 'wait'` it waits until enough has been released, first come first
   * served: nobody passes those who wait. Waiting does not keep the process alive.
   * @throws by rejection, beyond what `acquire` throws: the reason of the signal; `ERR_HEAPWISE_TIMEOUT`;
   * `ERR_HEAPWISE_CLOSED` if the pool is closed while this waits; `ERR_HEAPWISE_POOL_FULL` if `maxBytes` is too small for
   * one chunk of this size
   */
  acquireAsync (size: number, options?: BufferPool.AcquireAsyncOptions | null): Promise<BufferPool.Lent>
  /**
   * Gives a Buffer back. It must be the very Buffer, not a view of it, and nobody may use it any more: a read or write of
   * it that is still under way would meet whoever gets the memory next.
   * @param usedBytes how many bytes from its start were written to since it was acquired: only these are zeroed. An
   * integer from 0 to its length, which is the default.
   * @throws `ERR_HEAPWISE_DOUBLE_RELEASE` if it was released already; `ERR_HEAPWISE_FOREIGN_BUFFER` if this pool did not
   * lend it; `ERR_HEAPWISE_INVALID_ARG_TYPE`, `ERR_HEAPWISE_INVALID_ARG_VALUE` for a wrong `usedBytes`. Then nothing has
   * changed.
   */
  release (buf: Uint8Array, usedBytes?: number): void
  /**
   * Lends a Buffer within an object that gives it back at the end of a block: `using lease = pool.lease(1500)`.
   * @throws as `acquire`
   */
  lease (size: number, options?: BufferPool.AcquireOptions | null): BufferPool.Lease

  /**
   * As `Buffer.alloc`: filled, with zeros by default. To be released.
   * @param encoding of a string; `'utf8'` by default
   * @throws as `acquire`; `ERR_HEAPWISE_INVALID_ARG_TYPE`, `ERR_HEAPWISE_INVALID_ARG_VALUE` for another `fill` or `encoding`
   */
  alloc (size: number, fill?: string | Uint8Array | number | boolean, encoding?: BufferEncoding): BufferPool.Lent
  /**
   * As `Buffer.allocUnsafe`: the same as `acquire(size)`. To be released.
   * @throws as `acquire`
   */
  allocUnsafe (size: number): BufferPool.Lent
  /**
   * As `Buffer.from`, always a copy. To be released.
   * @param encoding of a string; `'utf8'` by default
   * @throws as `acquire`; `ERR_HEAPWISE_INVALID_ARG_TYPE`, `ERR_HEAPWISE_INVALID_ARG_VALUE` for another value or encoding
   */
  from (value: string, encoding?: BufferEncoding): BufferPool.Lent
  from (value: ArrayBufferLike, byteOffset?: number, length?: number): BufferPool.Lent
  from (value: ArrayBufferView | readonly number[]): BufferPool.Lent
  /**
   * As `Buffer.concat`: one after the other, cut or filled with zeros to `totalLength`. To be released.
   * @param totalLength bytes; by default the sum of the parts
   * @throws as `acquire`; `ERR_HEAPWISE_INVALID_ARG_TYPE` for another list
   */
  concat (list: readonly Uint8Array[], totalLength?: number): BufferPool.Lent
  /**
   * Releases a Buffer and returns a copy of it that the pool has nothing to do with: to be kept, or transferred.
   * @throws as `release`; `ERR_HEAPWISE_INVALID_USE` in a secure pool
   */
  detach (buf: Uint8Array): BufferPool.Lent

  /**
   * A function that acquires, for what asks for a Buffer to read into: `net.connect({ onread: { buffer: pool.reader,
   * callback } })`. Without a size, or asked for 0, it takes 65,536 bytes, or `max` if that is less.
   */
  get reader (): (size?: number) => BufferPool.Lent
  /**
   * Reads a file, as `fs.createReadStream` does, into Buffers of the pool, and gives them back: see the option `recycle`.
   * @throws `ERR_HEAPWISE_INVALID_ARG_TYPE`, `ERR_HEAPWISE_INVALID_ARG_VALUE` for a wrong path or option;
   * `ERR_HEAPWISE_INVALID_USE` if `start` is above `end`; `ERR_HEAPWISE_UNKNOWN_OPTION` for a likely misspelling. What
   * happens later, an `'error'` tells.
   */
  readStream (path: PathLike | null | undefined, options?: BufferPool.ReadStreamOptions | null): BufferPool.ReadStream

  /**
   * Gives all chunks that are free back to the depot, and their memory to the operating system. Returns their bytes.
   */
  trim (): number
  /** What the pool did and holds. Always counted. After `close()`, the last numbers. */
  stats (): BufferPool.Stats
  /**
   * Gives the pool up. What is lent stays what it is, and its memory comes back when it is collected; `release` refuses it.
   * Those who wait are rejected. Does nothing the second time.
   */
  close (): void
  /** The same as `close`: for `using pool = new BufferPool()`. */
  [Symbol.dispose] (): void
}

/**
 * Returns the bytes of a view in memory of their own; the Buffer itself if it keeps nothing else alive. For a small slice
 * that is to be kept: it would keep all of what it was sliced from.
 * @throws `ERR_HEAPWISE_INVALID_ARG_TYPE` for what is no view
 */
export declare function compact (view: ArrayBufferView): Buffer

/**
 * How many bytes stay in memory as long as a view does: those of its whole ArrayBuffer.
 * @throws `ERR_HEAPWISE_INVALID_ARG_TYPE` for what is neither a view nor an ArrayBuffer
 */
export declare function retainedBytes (view: ArrayBufferView | ArrayBufferLike): number
