import { readFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { connect } from 'node:net'
import type { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { BufferPool, compact, retainedBytes } from 'heapwise'
import { expectTrue, expectType, type Equal } from './expect.js'

const pool = new BufferPool()

// every option
const options: BufferPool.Options = {
  name: 'frames',
  poolSize: 8192,
  min: 64,
  max: '1mb',
  classes: [1024, 4096] as const,
  zeroing: 'on-release',
  fence: 'sampled',
  poison: true,
  leakDetection: 'advanced',
  onLeak: ({ pool: name, size, length, count, place, stack }) => {
    expectType<string>()(name + place)
    expectType<number>()(size + length + count)
    expectType<string | undefined>()(stack)
  },
  onMisuse: report => {
    expectType<BufferPool.MisuseReport>()(report)
    // Only a write has a place in the chunk.
    if (report.kind === 'write-after-release') expectType<number>()(report.offset)
    else expectType<'overrun'>()(report.kind)
    // @ts-expect-error an overrun has no offset
    expectType<number>()(report.offset)
  },
  maxBytes: '64mb',
  maxFreeBytes: 0,
  onFull: 'wait',
  idleMs: 0,
  secure: true
}
expectType<BufferPool>()(new BufferPool(options))
// @ts-expect-error a misspelt option
new BufferPool({ maxbytes: 5 })
// @ts-expect-error no such policy
new BufferPool({ zeroing: 'always' })
// @ts-expect-error no such policy
new BufferPool({ fence: true })
// @ts-expect-error no such level
new BufferPool({ leakDetection: 'none' })
// @ts-expect-error no such policy
new BufferPool({ onFull: 'block' })
// @ts-expect-error a size is a number or a text
new BufferPool({ max: true })
// @ts-expect-error sizes of classes are numbers
new BufferPool({ classes: ['4kb'] })
// @ts-expect-error ms, as a number
new BufferPool({ idleMs: '10s' })
// @ts-expect-error what it is told is a report
new BufferPool({ onLeak: (report: string) => report })
expectTrue<[
  Equal<BufferPool.Zeroing, 'none' | 'on-acquire' | 'on-release' | 'both'>,
  Equal<BufferPool.Fence, 'off' | 'sampled' | 'always'>,
  Equal<BufferPool.LeakDetection, 'off' | 'simple' | 'advanced' | 'paranoid'>,
  Equal<BufferPool.OnFull, 'unpooled' | 'throw' | 'wait'>
]>()

// lending
const buf = pool.acquire(1000)
expectType<BufferPool.Lent>()(buf)
// What Node's own functions return: over an ArrayBuffer, never over a SharedArrayBuffer.
expectType<ReturnType<typeof Buffer.allocUnsafe>>()(buf)
expectType<ArrayBuffer>()(buf.buffer)
const asBuffer: Buffer = buf
expectType<BufferPool.Lent>()(pool.acquire(1000, { zero: true }))
pool.acquire(1000, null)
pool.acquire(1000, { zero: undefined })
// @ts-expect-error a size is a number
pool.acquire('1kb')
// @ts-expect-error there is no size by default
pool.acquire()
// @ts-expect-error no such option
pool.acquire(1000, { zeroed: true })
// @ts-expect-error acquire does not wait
pool.acquire(1000, { timeout: 5 })
expectType<Promise<BufferPool.Lent>>()(pool.acquireAsync(1000))
pool.acquireAsync(1000, { zero: false, signal: new AbortController().signal, timeout: 5 })
// @ts-expect-error a signal, not its controller
pool.acquireAsync(1000, { signal: new AbortController() })
expectType<void>()(pool.release(buf))
pool.release(buf, 5)
// @ts-expect-error an ArrayBuffer is not what was lent
pool.release(buf.buffer)
// @ts-expect-error the promise is not what was lent
pool.release(pool.acquireAsync(5))
// @ts-expect-error a lease releases itself
pool.release(pool.lease(5))

// leases
const lease = pool.lease(1500, { zero: true })
expectType<BufferPool.Lease>()(lease)
expectType<BufferPool.Lent>()(lease.buffer)
expectType<number>()(lease.size)
expectType<boolean>()(lease.released)
expectType<void>()(lease.release())
lease.release(5)
// @ts-expect-error read-only
lease.buffer = buf
// @ts-expect-error read-only
lease.released = true
{
  using scoped = pool.lease(5)
  scoped.buffer.fill(1)
  using shortLived = new BufferPool()
  shortLived.trim()
}

// as Buffer has them
expectType<BufferPool.Lent>()(pool.alloc(5))
pool.alloc(5, 'ab', 'latin1')
pool.alloc(5, 1)
pool.alloc(5, new Uint8Array(2))
expectType<BufferPool.Lent>()(pool.allocUnsafe(5))
expectType<BufferPool.Lent>()(pool.from('text'))
pool.from('0a', 'hex')
pool.from(new ArrayBuffer(5), 1, 2)
pool.from(new SharedArrayBuffer(5))
pool.from([1, 2, 3])
pool.from(new Uint8Array(5))
pool.from(new Float64Array(5))
pool.from(new DataView(new ArrayBuffer(5)))
pool.alloc(5, true)
expectType<BufferPool.Lent>()(pool.concat([buf, new Uint8Array(5)]))
pool.concat([], 5)
// @ts-expect-error no such encoding
pool.from('text', 'utf9')
// @ts-expect-error an array of Buffers
pool.concat(buf)
// @ts-expect-error a Buffer and a string
pool.concat([buf, 'text'])

// keeping
expectType<BufferPool.Lent>()(pool.detach(buf))
expectType<Buffer>()(compact(buf.subarray(1)))
expectType<Buffer>()(compact(new DataView(buf.buffer)))
expectType<number>()(retainedBytes(buf))
retainedBytes(new ArrayBuffer(5))
// @ts-expect-error a text keeps nothing
retainedBytes('text')
// @ts-expect-error an ArrayBuffer is no view
compact(new ArrayBuffer(5))

// what wants a Buffer to read into
expectType<(size?: number) => BufferPool.Lent>()(pool.reader)
connect({ port: 1, onread: { buffer: pool.reader, callback: (bytes, read) => bytes === read.length } })
expectType<BufferPool.ReadStream>()(pool.readStream('file'))
pool.readStream(new URL('file:///file'), { chunkSize: 5, start: 1, end: 2, autoClose: false, recycle: false })
export const ofHandle = async (): Promise<Readable> => pool.readStream(null, { fd: await open('file'), recycle: 'always' })
export const copy = async (target: Writable): Promise<void> => pipeline(pool.readStream('file'), target)
// @ts-expect-error an offset is a number
pool.readStream('file', { start: '1' })
// @ts-expect-error no such policy
pool.readStream('file', { recycle: 'never' })
// @ts-expect-error no such option
pool.readStream('file', { highWaterMark: 5 })

// about the pool
expectType<string>()(pool.name)
expectType<boolean>()(pool.closed)
expectType<number>()(pool.trim())
expectType<void>()(pool.close())
const stats = pool.stats()
expectType<BufferPool.Stats>()(stats)
expectType<'native' | 'js'>()(stats.memory)
expectType<number>()(stats.live + stats.pinned + stats.waiting + stats.bytes.committed + stats.unpooled.acquired)
expectType<number>()(stats.dropped.detached + stats.dropped.closed)
expectType<BufferPool.SecureStats | null>()(stats.secure)
expectType<BufferPool.LeakyPlace[]>()(stats.leaks)
expectType<number | undefined>()(stats.classes[0]?.waste)
// @ts-expect-error a pool that is not secure says nothing of it
stats.secure.locked
// @ts-expect-error the share of each class, not of all
stats.waste
// @ts-expect-error classes have no classes
stats.classes[0]?.classes
// @ts-expect-error read-only
pool.name = 'another'
// @ts-expect-error read-only
pool.closed = true

class Frames extends BufferPool {
  frame (text: string): BufferPool.Lent { return this.from(text) }
}
expectType<BufferPool.Lent>()(new Frames({ name: 'frames' }).frame('a'))

// What is lent goes where Node takes a Buffer.
const file: Buffer = readFileSync('file')
file.copy(buf)
export { asBuffer, options }
