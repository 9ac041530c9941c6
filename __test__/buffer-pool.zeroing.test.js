'use strict'

// The bytes themselves, after every policy: through the Buffer, through its ArrayBuffer and through copies of it,
// before and after the chunk changed hands.

const v8 = require('node:v8')
const { MessageChannel, receiveMessageOnPort } = require('node:worker_threads')
const {
  MEMORIES, closeAll, isAll, isZero, open, takeAway, untilCollected, wholeOf
} = require('./support/buffer-pool-tools')

afterEach(closeAll)

const MINE = 0xaa
const POISON = 0xdb
const ZEROING = ['none', 'on-acquire', 'on-release', 'both']
// About the ends of classes, and where zeroing goes another way.
const SIZES = [1, 15, 16, 17, 64, 65, 100, 1000, 2047, 2048, 2049, 4096, 8191, 10_000, 65_536, 2 ** 20]

/** A Buffer that has been written to as far as its chunk goes. */
const tenant = (pool, size, options) => {
  const buf = pool.acquire(size, options)
  wholeOf(buf).fill(MINE)
  return buf
}

/** What one sees of it: the Buffer, and all that is behind it. */
const both = buf => [buf, wholeOf(buf)]

const byPosting = value => {
  const { port1, port2 } = new MessageChannel()
  try {
    port1.postMessage(value)
    return receiveMessageOnPort(port2).message
  } finally {
    port1.close()
  }
}

describe.each(MEMORIES)('%s memory', memory => {
  const make = options => open({ idleMs: 0, ...options }, memory)

  describe.each(ZEROING)('zeroing %s', zeroing => {
    const late = zeroing === 'on-acquire'
    const never = zeroing === 'none'

    test.each(SIZES)('%d bytes: what is new is zero, what is old is as promised', size => {
      const pool = make({ zeroing })
      const buf = pool.acquire(size)
      for (const view of both(buf)) expect(isZero(view)).toBe(true)
      const whole = wholeOf(buf).fill(MINE)
      pool.release(buf)
      // While it is free.
      expect(isAll(whole, never || late ? MINE : 0)).toBe(true)
      const next = pool.acquire(size)
      expect(pool.stats()).toMatchObject({ hits: 1, misses: 1 })
      for (const view of both(next)) expect(isAll(view, never ? MINE : 0)).toBe(true)
    })

    const lengths = [[1000, 900], [900, 1000], [1, 1024], [1024, 1], [2100, 2500]]
    test.each(lengths)('%d bytes, then %d of the same chunk', (one, other) => {
      const pool = make({ zeroing, classes: [1024, 4096] })
      pool.release(tenant(pool, one))
      const next = pool.acquire(other)
      expect(pool.stats().hits).toBe(1)
      for (const view of both(next)) expect(isAll(view, never ? MINE : 0)).toBe(true)
    })

    test.each(SIZES)('%d bytes, zero: true', size => {
      const pool = make({ zeroing })
      for (let turn = 0; turn < 3; turn++) {
        const buf = pool.acquire(size, { zero: true })
        for (const view of both(buf)) expect(isZero(view)).toBe(true)
        wholeOf(buf).fill(MINE)
        pool.release(buf)
      }
      expect(pool.stats()).toMatchObject({ hits: 2, misses: 1 })
    })

    test.each(SIZES)('%d bytes, zero: false undoes nothing', size => {
      const pool = make({ zeroing })
      pool.release(tenant(pool, size))
      const next = pool.acquire(size, { zero: false })
      for (const view of both(next)) expect(isAll(view, never || late ? MINE : 0)).toBe(true)
      pool.release(next)
      // What was not zeroed then is later.
      for (const view of both(pool.acquire(size))) expect(isAll(view, never ? MINE : 0)).toBe(true)
    })

    test.each(SIZES)('%d bytes, of which fewer were used', size => {
      const pool = make({ zeroing })
      for (const used of [0, 1, size >> 1, size - 1, size]) {
        const buf = pool.acquire(size, { zero: true })
        buf.fill(MINE, 0, used)
        pool.release(buf, used)
        const next = pool.acquire(size)
        expect(isAll(next.subarray(0, used), never ? MINE : 0)).toBe(true)
        expect(isZero(wholeOf(next).subarray(used))).toBe(true)
        pool.release(next, never ? size : 0)
        // And with the word for it.
        const last = pool.acquire(size, { zero: true })
        expect(isZero(wholeOf(last))).toBe(true)
        pool.release(last, 0)
      }
    })

    test('what earlier ones used is not forgotten for what a later one did not', () => {
      const pool = make({ zeroing, classes: [4096] })
      pool.release(tenant(pool, 4000))
      for (const [used, zero] of [[10, false], [0, false], [5, undefined], [0, undefined]]) {
        const buf = pool.acquire(4000, { zero })
        buf.fill(MINE, 0, used)
        pool.release(buf, used)
      }
      const buf = pool.acquire(4000, { zero: true })
      expect(isZero(wholeOf(buf))).toBe(true)
      buf.fill(MINE, 0, 3000)
      pool.release(buf, 3000)
      const again = pool.acquire(100, { zero: true })
      expect(isZero(wholeOf(again))).toBe(true)
    })

    test('a smaller Buffer used less of a chunk that was dirty behind it', () => {
      const pool = make({ zeroing, classes: [4096] })
      pool.release(tenant(pool, 4096))
      const small = pool.acquire(10, { zero: false })
      small.fill(MINE)
      pool.release(small, 10)
      for (const view of both(pool.acquire(4096, { zero: true }))) expect(isZero(view)).toBe(true)
    })

    test('what is written while it is free', () => {
      const pool = make({ zeroing })
      const stale = tenant(pool, 1000)
      pool.release(stale)
      wholeOf(stale).fill(0x11)
      const next = pool.acquire(1000)
      // Only zeroing when it is acquired can take that away.
      expect(isAll(wholeOf(next), late || zeroing === 'both' ? 0 : 0x11)).toBe(true)
      // And this is as good.
      pool.release(next)
      wholeOf(next).fill(0x11)
      if (late || never) expect(isZero(wholeOf(pool.acquire(1000, { zero: true })))).toBe(true)
    })

    test('plain memory, beyond max', () => {
      const pool = make({ zeroing, max: 1000 })
      for (const size of [1001, 5000, 100_000]) {
        const buf = pool.acquire(size)
        if (!never) expect(isZero(buf)).toBe(true)
        buf.fill(MINE)
        pool.release(buf)
        expect(isAll(buf, zeroing === 'on-release' || zeroing === 'both' ? 0 : MINE)).toBe(true)
        const clean = pool.acquire(size, { zero: true })
        expect(isZero(clean)).toBe(true)
        pool.release(clean)
      }
    })

    test('Buffers of many sizes, in any order', () => {
      const pool = make({ zeroing })
      let state = 1
      const random = below => (state = state * 48271 % 0x7fffffff) % below
      const held = []
      for (let i = 0; i < 3000; i++) {
        if (held.length > 20) {
          const [buf] = held.splice(random(held.length), 1)
          pool.release(buf)
        }
        const zero = random(3) === 0 ? true : undefined
        const buf = pool.acquire(1 + random(5000), { zero })
        if (!never || zero) expect(isZero(wholeOf(buf))).toBe(true)
        held.push(buf)
        wholeOf(buf).fill(MINE)
      }
    })

    describe('with poison', () => {
      test.each(SIZES)('%d bytes: poison while it is free, then as promised', size => {
        const pool = make({ zeroing, poison: true })
        const first = tenant(pool, size)
        pool.release(first)
        expect(isAll(wholeOf(first), POISON)).toBe(true)
        for (const zero of [undefined, true, false, undefined]) {
          const buf = pool.acquire(size, { zero })
          const clean = zero === true || zeroing === 'both' || (zero === undefined && !never)
          for (const view of both(buf)) expect(isAll(view, clean ? 0 : POISON)).toBe(true)
          buf.fill(MINE, 0, size >> 1)
          pool.release(buf, size >> 1)
          expect(isAll(wholeOf(buf), POISON)).toBe(true)
        }
        expect(pool.stats()).toMatchObject({ hits: 4, misses: 1, poisoned: 0, dropped: { poison: 0 } })
      })
    })
  })

  describe('what the methods make, in chunks that were used', () => {
    test.each(ZEROING)('zeroing %s', zeroing => {
      const pool = make({ zeroing, classes: [1024] })
      const dirty = () => pool.release(tenant(pool, 1024))
      dirty()
      expect(pool.alloc(1000).equals(Buffer.alloc(1000))).toBe(true)
      dirty()
      expect(pool.from('abc').toString()).toBe('abc')
      dirty()
      const parts = [Buffer.from('ab')]
      expect(pool.concat(parts, 900).equals(Buffer.concat(parts, 900))).toBe(true)
      dirty()
      expect(isAll(pool.allocUnsafe(1000), zeroing === 'none' ? MINE : 0)).toBe(true)
      dirty()
      expect(isAll(pool.lease(1000).buffer, zeroing === 'none' ? MINE : 0)).toBe(true)
      dirty()
      expect(isZero(pool.lease(1000, { zero: true }).buffer)).toBe(true)
      dirty()
      expect(isAll(pool.reader(1000), zeroing === 'none' ? MINE : 0)).toBe(true)
    })

    test.each(ZEROING)('acquireAsync, zeroing %s', async zeroing => {
      for (const onFull of ['wait', 'unpooled']) {
        const pool = make({ zeroing, onFull })
        pool.release(tenant(pool, 1000))
        const buf = await pool.acquireAsync(1000)
        expect(isAll(wholeOf(buf), zeroing === 'none' ? MINE : 0)).toBe(true)
        wholeOf(buf).fill(MINE)
        pool.release(buf)
        expect(isZero(wholeOf(await pool.acquireAsync(1000, { zero: true })))).toBe(true)
      }
    })

    test.each(ZEROING)('what somebody waited for, zeroing %s', async zeroing => {
      const pool = make({ zeroing, onFull: 'wait', classes: [1024], maxBytes: 1024 })
      for (const zero of [undefined, true]) {
        const before = tenant(pool, 1000)
        const waiting = pool.acquireAsync(1000, { zero })
        pool.release(before)
        const buf = await waiting
        expect(isAll(wholeOf(buf), zeroing === 'none' && !zero ? MINE : 0)).toBe(true)
        pool.release(buf)
      }
    })
  })

  describe('nobody else is seen', () => {
    // Neighbours in the same slab, all with something of their own.
    const crowd = pool => Array.from({ length: 60 }, (_, i) => {
      const buf = pool.acquire([5, 60, 500, 3000][i % 4])
      wholeOf(buf).fill(i + 1)
      return buf
    })

    test.each([
      ['through buf.buffer', buf => buf.buffer],
      ['in a structured clone', buf => structuredClone(buf).buffer],
      ['in a clone of the ArrayBuffer', buf => structuredClone(buf.buffer)],
      ['in what is posted', buf => byPosting(buf).buffer],
      ['in what is serialized', buf => Uint8Array.from(v8.deserialize(v8.serialize(buf))).buffer],
      ['in a slice of the ArrayBuffer', buf => buf.buffer.slice()]
    ])('%s', (_, see) => {
      const pool = make()
      const bufs = crowd(pool)
      bufs.forEach((buf, i) => {
        const seen = new Uint8Array(see(buf))
        expect(seen.length).toBeGreaterThanOrEqual(buf.length)
        expect(seen.length).toBeLessThanOrEqual(buf.buffer.byteLength)
        expect(isAll(seen, i + 1)).toBe(true)
      })
      expect(new Set(bufs.map(({ buffer }) => buffer)).size).toBe(bufs.length)
      // And what one writes as far as one can is nobody else's.
      bufs.forEach((buf, i) => { if (i % 2) wholeOf(buf).fill(0xff) })
      bufs.forEach((buf, i) => expect(isAll(wholeOf(buf), i % 2 ? 0xff : i + 1)).toBe(true))
    })

    test('a copy of a small Buffer has nothing of who had its chunk before', () => {
      for (const zeroing of ['on-acquire', 'on-release', 'both']) {
        const pool = make({ zeroing, classes: [4096] })
        pool.release(tenant(pool, 4096))
        const buf = pool.from('hello')
        for (const copy of [structuredClone(buf), byPosting(buf)]) {
          const all = Buffer.from(copy.buffer)
          expect(all.toString('latin1').replaceAll('\0', '')).toBe('hello')
        }
      }
    })
  })

  describe('whatever the policy, what a pool takes anew is zero', () => {
    const COUNT = 200

    const dirtyMany = pool => {
      const bufs = Array.from({ length: COUNT }, (_, i) => tenant(pool, 1 + i * 37))
      for (const buf of bufs) pool.release(buf)
    }
    const expectZeros = pool => {
      for (let i = 0; i < 2 * COUNT; i++) expect(isZero(wholeOf(pool.acquire(1 + i * 19)))).toBe(true)
    }

    test('after trim', () => {
      const pool = make({ zeroing: 'none' })
      for (let turn = 0; turn < 3; turn++) {
        dirtyMany(pool)
        pool.trim()
        expectZeros(pool)
      }
    })

    test('after the loss of Buffers', async () => {
      const pool = make({ zeroing: 'none' })
      for (let turn = 1; turn <= 2; turn++) {
        for (let i = 0; i < COUNT; i++) tenant(pool, 1 + i * 37)
        await untilCollected(() => pool.stats().live === 0, 'all Buffers are lost')
        expect(pool.stats()).toMatchObject({ lost: turn * COUNT + (turn - 1) * 2 * COUNT, live: 0, free: 0 })
        expectZeros(pool)
        await untilCollected(() => pool.stats().live === 0, 'all Buffers are lost')
      }
    })

    test('beyond maxFreeBytes', () => {
      const pool = make({ zeroing: 'none', maxFreeBytes: 0 })
      dirtyMany(pool)
      expect(pool.stats().dropped.full).toBe(COUNT)
      expectZeros(pool)
    })

    test('after another class needed the room', () => {
      const pool = make({ zeroing: 'none', classes: [1024, 2048], maxBytes: 8192, onFull: 'throw' })
      for (let turn = 0; turn < 5; turn++) {
        for (const size of [1024, 2048]) {
          const bufs = Array.from({ length: 8192 / size }, () => pool.acquire(size))
          for (const buf of bufs) {
            expect(isZero(wholeOf(buf))).toBe(true)
            wholeOf(buf).fill(MINE)
          }
          for (const buf of bufs) pool.release(buf)
        }
      }
      expect(pool.stats().dropped.cap).toBeGreaterThan(30)
    })

    test('from a pool that did not zero, and is closed or still there', () => {
      for (const close of [true, false]) {
        const first = make({ zeroing: 'none' })
        dirtyMany(first)
        if (close) first.close()
        else first.trim()
        expectZeros(make({ zeroing: 'none' }))
      }
    })

    test('from a pool that was forgotten, with its Buffers', async () => {
      const dead = new FinalizationRegistry(() => { gone += 1 })
      let gone = 0
      const forget = () => {
        const pool = make({ zeroing: 'none' })
        for (let i = 0; i < COUNT; i++) dead.register(tenant(pool, 1 + i * 37))
      }
      forget()
      closeAll()
      await untilCollected(() => gone === COUNT, 'its Buffers are collected')
      expectZeros(make({ zeroing: 'none' }))
    })

    test('after the ArrayBuffer was taken away', () => {
      const pool = make({ zeroing: 'none' })
      for (let i = 0; i < COUNT; i++) {
        const buf = tenant(pool, 1000)
        const taken = takeAway(buf)
        pool.release(buf)
        // Node 20 leaves it where it is.
        if (taken === undefined) pool.trim()
        expect(isZero(wholeOf(pool.acquire(1000)))).toBe(true)
      }
    })
  })
})
