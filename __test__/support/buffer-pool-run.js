'use strict'

// Runs operations on a BufferPool and on the model of it, and compares what they answer, the bytes and the numbers.

const { isDeepStrictEqual } = require('node:util')
const { Model } = require('./buffer-pool-model')
const {
  BufferPool, collect, isAll, rejectionOf, takeAway, thrownBy, untilCollected, withMemory
} = require('./buffer-pool-tools')

// For a report; `expect` alone would take most of the time.
const same = (actual, expected) => {
  if (!isDeepStrictEqual(actual, expected)) expect(actual).toStrictEqual(expected)
}

const sameBytes = (what, view, expected) => {
  const bytes = Buffer.from(view.buffer, view.byteOffset, view.byteLength)
  if (bytes.equals(expected)) return
  const at = expected.findIndex((byte, i) => byte !== bytes[i])
  throw new Error(`${what}: byte ${at} of ${bytes.length} is ${bytes[at]} and should be ${expected[at]}`)
}

const settle = async () => {
  for (let turn = 0; turn < 8; turn++) await undefined
}

const DISPOSE = Symbol.dispose ?? Symbol.for('nodejs.dispose')

/** What is lent, to whoever runs the operations. */
class Tenancy {
  constructor (buffer, chunk, size, lease) {
    Object.assign(this, { buffer, chunk, size, lease })
    /** So many bytes from the start have been written to; more than `size` if also those behind it. */
    this.wrote = 0
    this.gone = false
  }
}

class Run {
  operations = 0
  live = []
  /** Buffers that have been released, with their chunks. */
  stale = []
  /** Memory that was taken away, with the bytes that it must have. */
  taken = []
  /** Of each class, how many were dropped and not noticed so far. */
  pending
  waiters = []
  #tag = 0

  constructor (options, memory) {
    this.pool = withMemory(memory, () => new BufferPool(options))
    const sizes = this.pool.stats().classes.map(({ size }) => size)
    this.model = new Model({
      max: sizes.at(-1), zeroing: 'on-release', fence: 'off', poison: false, secure: false, onFull: 'unpooled',
      maxFreeBytes: options.maxBytes, ...options, sizes, memory
    })
    this.pending = sizes.map(() => 0)
  }

  // ---- what one can do

  /** A Buffer from the pool, or the code of an error, is what the model says. */
  lend (action, expected, size, zero, lease = undefined) {
    let buffer
    try {
      buffer = action()
    } catch (error) {
      same(error.code, expected)
      return undefined
    }
    if (typeof expected === 'string' && expected !== 'unpooled') same('a Buffer', expected)
    const tenancy = this.admit(buffer, expected, size, zero)
    tenancy.lease = lease?.()
    return tenancy
  }

  admit (buffer, expected, size, zero) {
    const chunk = expected === 'unpooled' ? undefined : expected
    same([Buffer.isBuffer(buffer), buffer.length, buffer.byteOffset], [true, size, 0])
    if (chunk === undefined) {
      if (zero ?? this.model.zeroing !== 'none') same(isAll(buffer, 0), true)
    } else {
      this.identify(buffer, chunk)
      sameBytes('a Buffer that is lent', Buffer.from(buffer.buffer), chunk.bytes)
    }
    const tenancy = new Tenancy(buffer, chunk, size)
    this.live.push(tenancy)
    return tenancy
  }

  /** It is the chunk that the model means, or one whose memory has moved. */
  identify (buffer, chunk) {
    same(buffer.buffer.byteLength, chunk.kind.size)
    if (chunk.memory !== undefined && chunk.memory.deref() !== buffer.buffer) throw new Error('another chunk was lent')
    chunk.memory = new WeakRef(buffer.buffer)
  }

  write (tenancy, how) {
    const { buffer, chunk, size } = tenancy
    const byte = this.#tag = this.#tag % 250 + 1
    const end = [0, size, size, size >> 1, Infinity][how % 5]
    if (end === Infinity && chunk !== undefined) {
      Buffer.from(buffer.buffer).fill(byte)
      chunk.bytes.fill(byte)
    } else {
      buffer.fill(byte, 0, Math.min(end, size))
      chunk?.bytes.fill(byte, 0, Math.min(end, size))
    }
    tenancy.wrote = Math.max(tenancy.wrote, end)
    tenancy.byte = byte
  }

  pick (list, at) {
    return list.length === 0 ? undefined : list[at % list.length]
  }

  remove (tenancy) {
    const at = this.live.indexOf(tenancy)
    this.live[at] = this.live.at(-1)
    this.live.pop()
  }

  check (tenancy) {
    const { buffer, chunk, gone, size, byte } = tenancy
    if (gone) return same(buffer.length, 0)
    if (chunk !== undefined) return sameBytes('a Buffer that is held', Buffer.from(buffer.buffer), chunk.bytes)
    if (tenancy.wrote >= size && size > 0) same(isAll(buffer, byte), true)
  }

  letGo (tenancy, action, used) {
    const { buffer, chunk, size, gone } = tenancy
    this.check(tenancy)
    const answer = action()
    this.remove(tenancy)
    if (chunk === undefined) {
      same(buffer.length, this.model.releaseUnpooled(size))
    } else {
      this.model.release(chunk, used, gone)
      this.stale.push({ buffer, chunk })
      if (this.stale.length > 30) this.stale.shift()
    }
    return answer
  }

  /** How many bytes may be said to have been used. */
  usedOf ({ wrote, size, gone }, how) {
    if (gone) return how % 2 === 0 ? undefined : 0
    if (how % 2 === 0 || wrote > size) return undefined
    return wrote + (how >> 1) % (size - wrote + 1)
  }

  // ---- what is noticed later

  async noticeServed () {
    if (this.waiters.length === 0) return
    await settle()
    for (const { waiter, result, size, zero } of this.waiters) {
      if (waiter.chunk !== undefined) {
        same(result.code, undefined)
        this.write(this.admit(result.buffer, waiter.chunk, size, zero), 1)
      } else if (result.buffer !== undefined) {
        throw new Error('somebody was served out of turn')
      }
    }
    this.waiters = this.waiters.filter(({ waiter, result }) => waiter.chunk === undefined && result.code === undefined)
    this.model.served = []
  }

  noticeLosses () {
    const { classes } = this.pool.stats()
    const counts = classes.map(({ lost }, i) => lost - this.model.kinds[i].lost)
    counts.forEach((count, i) => {
      if (count < 0 || count > this.pending[i]) throw new Error(`${count} were lost of ${this.pending[i]} that can be`)
      this.pending[i] -= count
    })
    this.model.lose(counts)
  }

  get pendingTotal () { return this.pending.reduce((sum, count) => sum + count, 0) }

  async collect () {
    // Who is served in between takes what the model cannot know.
    if (this.model.waiting.length > 0 || this.pendingTotal === 0) return
    await untilCollected(() => {
      this.noticeLosses()
      return this.pendingTotal === 0
    }, 'what was dropped is noticed')
  }

  compare () {
    const expected = this.model.stats()
    const actual = this.pool.stats()
    for (const name of Object.keys(expected)) {
      if (name !== 'classes') same([name, actual[name]], [name, expected[name]])
    }
    actual.classes.forEach((each, i) => {
      const { waste, ...rest } = each
      same(rest, expected.classes[i])
      const { asked, acquired, size } = this.model.kinds[i]
      if (Math.abs(waste - (acquired === 0 ? 0 : 1 - asked / (acquired * size))) > 1e-9) same(waste, 'the waste')
    })
    const { live, free, lost, max, mapped, committed } = actual.bytes
    same({ live, free, lost, max }, {
      live: this.model.liveBytes, free: this.model.freeBytes, lost: this.model.lostBytes, max: this.model.maxBytes
    })
    if (live + free > max || free > this.model.maxFreeBytes) same({ live, free }, 'within the bounds')
    // Taken away and not released: the bytes are elsewhere, and are counted all the same.
    if (this.model.closed || (mapped >= live + free && committed <= mapped)) return
    same({ mapped, committed }, { live, free })
  }

  checkAll () {
    for (const tenancy of this.live) this.check(tenancy)
    for (const { memory, bytes } of this.taken) sameBytes('memory that was taken away', new Uint8Array(memory), bytes)
  }

  // ---- the end

  async end () {
    const { pool, model } = this
    this.checkAll()
    this.compare()
    const rejected = model.close()
    pool.close()
    this.compare()
    await settle()
    for (const { waiter, result } of this.waiters) {
      if (rejected.includes(waiter)) same(result.code, 'ERR_HEAPWISE_CLOSED')
    }
    this.checkAll()
    for (const { buffer } of this.live) same(thrownBy(() => pool.release(buffer)).code, 'ERR_HEAPWISE_CLOSED')
    same(thrownBy(() => pool.acquire(1)).code, 'ERR_HEAPWISE_CLOSED')
    this.compare()
    this.live = []
    this.stale = []
    this.taken = []
  }
}

// ---- operations, each with some numbers to choose by

const sizeOf = (run, a, b) => {
  const { kinds, max } = run.model
  const { size } = kinds[a % kinds.length]
  // About the ends of classes, anywhere, nothing, and too much.
  return [size, size - 1, size + 1, 1 + b % max, 1 + b % size, b % 64, max, max + 1 + b % 5000, 0][b % 9]
}
const zeroOf = c => [undefined, undefined, true, false][c % 4]

const OPERATIONS = {
  acquire (run, a, b, c) {
    const [size, zero] = [sizeOf(run, a, b), zeroOf(c)]
    const tenancy = run.lend(() => run.pool.acquire(size, zero === undefined && c % 3 ? undefined : { zero }),
      run.model.acquire(size, zero), size, zero)
    if (tenancy !== undefined) run.write(tenancy, c)
  },

  lease (run, a, b, c) {
    const [size, zero] = [sizeOf(run, a, b), zeroOf(c)]
    let lease
    const tenancy = run.lend(() => {
      lease = run.pool.lease(size, { zero })
      return lease.buffer
    }, run.model.acquire(size, zero), size, zero, () => lease)
    if (tenancy !== undefined) run.write(tenancy, c)
  },

  from (run, a, b) {
    const source = Buffer.alloc(sizeOf(run, a, b) % 3000, b % 255 + 1)
    const size = source.length
    const expected = run.model.acquire(size, undefined)
    let buffer
    try {
      const parts = [source.subarray(0, size >> 1), source.subarray(size >> 1)]
      buffer = b % 2 ? run.pool.from(source) : run.pool.concat(parts)
    } catch (error) {
      return same(error.code, expected)
    }
    if (!buffer.equals(source)) throw new Error('the copy is another')
    if (expected !== 'unpooled') source.copy(expected.bytes)
    const tenancy = run.admit(buffer, expected, size, expected === 'unpooled' ? false : undefined)
    Object.assign(tenancy, { wrote: size, byte: b % 255 + 1 })
  },

  alloc (run, a, b) {
    const size = sizeOf(run, a, b)
    const byte = b % 3
    const expected = run.model.acquire(size, true)
    // It is zero already, unless somebody wrote to it while it was free.
    if (typeof expected === 'object' && byte > 0) expected.bytes.fill(byte, 0, size)
    const tenancy = run.lend(() => run.pool.alloc(size, byte), expected, size, byte === 0)
    if (tenancy !== undefined) Object.assign(tenancy, { wrote: byte === 0 && tenancy.chunk ? 0 : size, byte })
  },

  release (run, a, b) {
    const tenancy = run.pick(run.live, a)
    if (tenancy === undefined) return
    const used = run.usedOf(tenancy, b)
    const { buffer, lease } = tenancy
    const byHand = lease === undefined || b % 5 === 0
    const release = byHand ? () => run.pool.release(buffer, used) : () => lease.release(used)
    same(run.letGo(tenancy, release, used), undefined)
    if (lease !== undefined) {
      same(lease.released, true)
      same(thrownBy(() => lease.release()).code, 'ERR_HEAPWISE_RELEASED')
      lease[DISPOSE]()
    }
  },

  detach (run, a) {
    const tenancy = run.pick(run.live, a)
    if (tenancy === undefined) return
    const { buffer } = tenancy
    if (run.model.secure) return same(thrownBy(() => run.pool.detach(buffer)).code, 'ERR_HEAPWISE_INVALID_USE')
    const expected = Buffer.from(buffer)
    const copy = run.letGo(tenancy, () => run.pool.detach(buffer))
    if (!copy.equals(expected)) throw new Error('the copy is another')
  },

  'release what is not lent' (run, a, b) {
    const stale = run.pick(run.stale, a)
    const held = run.pick(run.live, b)
    const wrong = [undefined, 5, Buffer.alloc(3)]
    if (held !== undefined) wrong.push(held.buffer.buffer, new Proxy(held.buffer, {}), Object.create(held.buffer))
    if (held !== undefined && !held.gone) wrong.push(held.buffer.subarray())
    same(thrownBy(() => run.pool.release(wrong[b % wrong.length])).code, 'ERR_HEAPWISE_FOREIGN_BUFFER')
    if (held !== undefined) {
      const { code } = thrownBy(() => run.pool.release(held.buffer, held.buffer.length + 1 + a))
      same(code, 'ERR_HEAPWISE_INVALID_ARG_VALUE')
    }
    // The same Buffer may be somebody else's by now.
    if (stale === undefined || run.live.some(({ buffer }) => buffer === stale.buffer)) return
    same(thrownBy(() => run.pool.release(stale.buffer)).code, 'ERR_HEAPWISE_DOUBLE_RELEASE')
  },

  'acquire what is wrong' (run, a) {
    const wrong = [-1, 0.5, NaN, '1', null, undefined, {}, Infinity, 2 ** 53]
    const { code } = thrownBy(() => run.pool.acquire(wrong[a % wrong.length]))
    expect(code).toMatch(/^ERR_HEAPWISE_INVALID_ARG_(TYPE|VALUE)$/)
  },

  'take away what is lent' (run, a) {
    const tenancy = run.pick(run.live.filter(({ chunk, gone }) => chunk !== undefined && !gone), a)
    if (tenancy === undefined) return
    const memory = takeAway(tenancy.buffer)
    if (memory === undefined) return
    tenancy.gone = true
    tenancy.wrote = Infinity
    run.taken.push({ tenancy, memory, bytes: Buffer.from(tenancy.chunk.bytes) })
    if (run.taken.length <= 10) return
    // While the Buffer is lent, its chunk would be lost with that memory.
    const old = run.taken.findIndex(each => !run.live.includes(each.tenancy))
    if (old >= 0) run.taken.splice(old, 1)
  },

  'take away what is free' (run, a) {
    const stale = run.pick(run.stale.filter(({ buffer, chunk }) => buffer.length > 0 && run.model.isFree(chunk)), a)
    if (stale === undefined) return
    const { chunk } = stale
    const memory = takeAway(stale.buffer)
    if (memory === undefined) return
    // It must not be collected before the pool looks at it.
    chunk.gone = memory
  },

  'write to what is free' (run, a, b) {
    const stale = run.pick(run.stale.filter(({ buffer, chunk }) => buffer.length > 0 && run.model.isFree(chunk)), a)
    if (stale === undefined) return
    const whole = Buffer.from(stale.buffer.buffer)
    const at = b % whole.length
    whole[at] = stale.chunk.bytes[at] = a % 256
  },

  drop (run, a) {
    const tenancy = run.pick(run.live, a)
    if (tenancy === undefined) return
    run.remove(tenancy)
    const { chunk } = tenancy
    if (chunk === undefined) return
    run.pending[run.model.kinds.indexOf(chunk.kind)] += 1
    // Nothing here may keep it. What was taken away lives on with whoever took it.
    run.taken = run.taken.filter(each => each.tenancy !== tenancy)
    run.stale = run.stale.filter(each => each.chunk !== chunk)
  },

  collect: run => run.collect(),

  trim (run) {
    same(run.pool.trim(), run.model.trim())
  },

  async wait (run, a, b, c) {
    const [size, zero] = [sizeOf(run, a, b), zeroOf(c)]
    const controller = new AbortController()
    const expected = run.model.acquireLater(size, zero)
    const promise = run.pool.acquireAsync(size, { zero, signal: controller.signal })
    if (expected !== 'waits') {
      const refused = typeof expected === 'string' && expected !== 'unpooled'
      if (refused) return same((await rejectionOf(promise)).code, expected)
      return run.write(run.admit(await promise, expected, size, zero), c)
    }
    const result = { buffer: undefined, code: undefined }
    promise.then(buffer => { result.buffer = buffer }, error => { result.code = error.code ?? error.name })
    run.waiters.push({ waiter: run.model.waiting.at(-1), result, size, zero, controller })
  },

  async abort (run, a) {
    const waiting = run.pick(run.waiters, a)
    if (waiting === undefined || !run.model.giveUp(waiting.waiter)) return
    waiting.controller.abort(Object.assign(new Error('given up'), { code: 'given up' }))
    await settle()
    same(waiting.result.code, 'given up')
  },

  'look at everything': run => run.checkAll()
}

/** Does the operations `[name, a, b, c]`; returns how many. */
const runAll = async (options, memory, list) => {
  const run = new Run(options, memory)
  try {
    for (const [name, a, b, c] of list) {
      await OPERATIONS[name](run, a, b, c)
      await run.noticeServed()
      run.compare()
    }
    await run.end()
  } finally {
    run.pool.close()
  }
  return list.length
}

module.exports = { OPERATIONS, collect, runAll }
