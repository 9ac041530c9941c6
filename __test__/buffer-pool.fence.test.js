'use strict'

// `fence`: what was released is gone for those who kept it.

const { markAsUntransferable } = require('node:worker_threads')
const {
  CAN_MOVE, DOUBLE, MEMORIES, closeAll, isAll, isZero, numbers, open, refuses, takeAway, untilCollected, wholeOf
} = require('./support/buffer-pool-tools')

afterEach(closeAll)

// Where V8 cannot move an ArrayBuffer, native memory is given back instead.
const moves = memory => memory === 'js' || CAN_MOVE

/** Every kind of view of it. */
const viewsOf = buf => ({
  subarray: buf.subarray(1, 3),
  bytes: new Uint8Array(buf.buffer),
  words: new Uint16Array(buf.buffer, 0, 2),
  data: new DataView(buf.buffer),
  copy: Buffer.from(buf.buffer, 0, 2)
})

const expectGone = (buf, views = {}) => {
  expect([buf.length, buf.byteLength, buf.byteOffset, buf.buffer.byteLength]).toEqual([0, 0, 0, 0])
  expect([buf[0], 0 in buf, buf.toString(), Object.keys(buf)]).toEqual([undefined, false, '', []])
  for (const view of Object.values(views)) {
    if (view instanceof DataView) {
      // By message, since a realm of jest has a TypeError of its own.
      expect(() => view.getUint8(0)).toThrow(/detached/)
      expect(() => view.setUint8(0, 1)).toThrow(/detached/)
    } else {
      expect([view.length, view[0]]).toEqual([0, undefined])
    }
  }
}

/** Writes to it in every way there is. None of them need work. */
const writeTo = (buf, views = {}) => {
  for (const view of [buf, ...Object.values(views)]) {
    for (const write of [() => { view[0] = 0xff }, () => view.fill(0xff), () => view.set([0xff]),
      () => view.write('x'), () => view.setUint8(0, 0xff), () => view.writeUInt8(0xff, 0), () => view.reverse(),
      () => Buffer.from('xyz').copy(view)]) {
      try { write() } catch { /* refused is fine */ }
    }
  }
}

const movesMarked = () => {
  const marked = new ArrayBuffer(8)
  markAsUntransferable(marked)
  try {
    return marked.transfer().byteLength === 8
  } catch {
    return false
  }
}

describe.each(MEMORIES)('%s memory', memory => {
  const make = options => open({ idleMs: 0, ...options }, memory)

  describe('fence always', () => {
    test.each([1, 64, 100, 1000, 65_536, 2 ** 20])('%d bytes: stale views see nothing, and writes go nowhere', size => {
      const pool = make({ fence: 'always', classes: [Math.max(size, 16)] })
      const stale = pool.acquire(size)
      const views = size > 3 ? viewsOf(stale) : {}
      pool.release(stale)
      expectGone(stale, views)
      const next = pool.acquire(size)
      expect(next).not.toBe(stale)
      expect(isZero(wholeOf(next))).toBe(true)
      next.fill(7)
      writeTo(stale, views)
      expect(isAll(next, 7)).toBe(true)
      expectGone(stale, views)
    })

    test('the chunk is used again, or counted as given back', () => {
      const pool = make({ fence: 'always', classes: [1024] })
      for (let i = 0; i < 100; i++) pool.release(pool.acquire(1000))
      expect(numbers(pool, 'acquired', 'released', 'hits', 'misses', 'live', 'free', 'fence')).toEqual(moves(memory)
        ? { acquired: 100, released: 100, hits: 99, misses: 1, live: 0, free: 1, fence: 'always' }
        : { acquired: 100, released: 100, hits: 0, misses: 100, live: 0, free: 0, fence: 'always' })
      expect(pool.stats().dropped.fence).toBe(moves(memory) ? 0 : 100)
    })

    test.each(['none', 'on-acquire', 'on-release', 'both'])('with zeroing %s', zeroing => {
      const pool = make({ fence: 'always', zeroing, classes: [1024] })
      const first = pool.acquire(1000)
      wholeOf(first).fill(0xaa)
      pool.release(first)
      const next = pool.acquire(1000)
      expect(isAll(wholeOf(next), zeroing === 'none' && moves(memory) ? 0xaa : 0)).toBe(true)
      pool.release(next, 500)
      expectGone(next)
      expect(isZero(wholeOf(pool.acquire(1000, { zero: true })))).toBe(true)
    })

    test('with poison: nobody can spoil it any more', () => {
      const reports = []
      const pool = make({ fence: 'always', poison: true, classes: [1024], onMisuse: report => reports.push(report) })
      for (let i = 0; i < 20; i++) {
        const stale = pool.acquire(1000)
        expect(isZero(wholeOf(stale))).toBe(true)
        wholeOf(stale).fill(0xaa)
        pool.release(stale)
        writeTo(stale)
      }
      expect(pool.stats()).toMatchObject({ poisoned: 0, dropped: { poison: 0 } })
      expect(reports).toEqual([])
    })

    test('through a lease, detach, and usedBytes', () => {
      const pool = make({ fence: 'always' })
      const lease = pool.lease(100)
      const { buffer } = lease
      lease.release(50)
      const other = pool.acquire(100)
      other.fill(3)
      const copy = pool.detach(other)
      expectGone(buffer)
      expectGone(other)
      expect(isAll(copy, 3)).toBe(true)
      expect(copy.length).toBe(100)
    })

    test('a second release is refused', () => {
      const pool = make({ fence: 'always' })
      const stale = pool.acquire(100)
      pool.release(stale)
      refuses(pool, () => pool.release(stale), DOUBLE)
      const next = pool.acquire(100)
      refuses(pool, () => pool.release(stale), DOUBLE)
      expect(pool.stats().live).toBe(1)
      pool.release(next)
    })

    test('what a user took away is not missed', () => {
      const pool = make({ fence: 'always' })
      const buf = pool.acquire(100).fill(5)
      const taken = takeAway(buf)
      pool.release(buf)
      expectGone(buf)
      if (taken !== undefined) {
        expect(isAll(new Uint8Array(taken, 0, 100), 5)).toBe(true)
        expect(pool.stats().dropped).toMatchObject({ detached: 1, fence: 0 })
      }
      const next = pool.acquire(100)
      next.fill(9)
      if (taken !== undefined) expect(isAll(new Uint8Array(taken, 0, 100), 5)).toBe(true)
      pool.release(next)
    })

    test('what is trimmed, idle, or closed is gone as well', () => {
      const pool = make({ fence: 'always' })
      const bufs = [1, 2, 3].map(n => pool.acquire(n * 100))
      for (const buf of bufs) pool.release(buf)
      pool.trim()
      for (const buf of bufs) expectGone(buf)
      expect(pool.stats()).toMatchObject({ free: 0, live: 0 })
      const held = pool.acquire(100).fill(1)
      pool.close()
      // What is lent stays what it is.
      expect(isAll(held, 1)).toBe(true)
    })

    test('many at once keep their own bytes', () => {
      const pool = make({ fence: 'always' })
      let held = []
      for (let i = 0; i < 2000; i++) {
        const buf = pool.acquire(1 + i * 7 % 3000)
        wholeOf(buf).fill(i % 251 + 1)
        held.push([buf, i % 251 + 1])
        if (held.length < 40) continue
        for (const [each, byte] of held) {
          expect(isAll(wholeOf(each), byte)).toBe(true)
          pool.release(each)
        }
        held = []
      }
    })
  })

  describe('fence sampled', () => {
    test('is put up for one release in 128', () => {
      const pool = make({ fence: 'sampled', classes: [1024], maxFreeBytes: '64mb' })
      const bufs = Array.from({ length: 640 }, () => pool.acquire(1000))
      let gone = 0
      for (const buf of bufs) {
        pool.release(buf)
        gone += buf.length === 0 ? 1 : 0
      }
      expect(gone).toBe(5)
      expect(pool.stats()).toMatchObject(moves(memory)
        ? { free: 640, dropped: { fence: 0 } } : { free: 635, dropped: { fence: 5 } })
    })

    test('changes nothing for those who use it right', () => {
      const pool = make({ fence: 'sampled', classes: [1024] })
      for (let i = 0; i < 1000; i++) {
        const buf = pool.acquire(1000)
        expect([buf.length, isZero(wholeOf(buf))]).toEqual([1000, true])
        buf.fill(0xaa)
        pool.release(buf)
      }
      const { misses } = pool.stats()
      expect(misses).toBe(moves(memory) ? 1 : 1 + Math.floor(1000 / 128))
    })
  })

  describe('what is not pooled', () => {
    const FULL = { maxBytes: 1024, classes: [1024] }

    test.each([
      ['too large', { fence: 'always', max: 1024 }, 5000], ['no room', { fence: 'always', ...FULL }, 1000],
      ['not zeroed', { fence: 'always', zeroing: 'none', ...FULL }, 5000],
      ['one byte', { fence: 'always', ...FULL }, 1]
    ])('%s: stale views see nothing, and writes go nowhere', (_, options, size) => {
      const pool = make(options)
      pool.acquire(1000)
      const stale = pool.acquire(size)
      expect(pool.stats().unpooled).toEqual({ acquired: 1, released: 0, bytes: size })
      const views = size > 3 ? viewsOf(stale) : {}
      pool.release(stale)
      expectGone(stale, views)
      writeTo(stale, views)
      refuses(pool, () => pool.release(stale), DOUBLE)
      expect(pool.stats().unpooled).toEqual({ acquired: 1, released: 1, bytes: size })
    })

    test('of no bytes, taken away by the user, or not to be moved: nothing happens', () => {
      const pool = make({ fence: 'always', max: 1024 })
      pool.release(pool.acquire(0))
      const taken = pool.acquire(5000)
      takeAway(taken)
      pool.release(taken)
      const fixed = pool.acquire(5000).fill(1)
      markAsUntransferable(fixed.buffer)
      pool.release(fixed)
      // For Node 22 the mark forbids to post the memory, not to move it.
      const length = movesMarked() ? 0 : 5000
      expect([fixed.length, length === 0 || isZero(fixed)]).toEqual([length, true])
      expect(pool.stats().unpooled).toEqual({ acquired: 3, released: 3, bytes: 10_000 })
    })

    test('sampled: each release counts, pooled or not', () => {
      const pool = make({ fence: 'sampled', max: 1024 })
      const gone = Array.from({ length: 640 }, (_, n) => {
        const buf = pool.acquire(n % 2 === 0 ? 1000 : 5000)
        pool.release(buf)
        return buf.length === 0
      })
      expect(gone.filter(Boolean)).toHaveLength(5)
    })

    test('off: it is left as it is', () => {
      const pool = make({ max: 1024 })
      const stale = pool.acquire(5000)
      pool.release(stale)
      expect(stale.length).toBe(5000)
    })

    test('its memory stays as long as a view does that native code may be at work on', async () => {
      const pool = make({ fence: 'always', max: 1024 })
      const size = 2 ** 26
      const bytes = () => process.memoryUsage().arrayBuffers
      const held = new Set()
      const use = () => {
        const buf = pool.acquire(size)
        held.add(buf.subarray(1, 2))
        pool.release(buf)
        return new WeakRef(buf)
      }
      const stale = use()
      await untilCollected(() => stale.deref() === undefined, 'the Buffer')
      const before = bytes()
      expect(Array.from(held, view => view.length)).toEqual([0])
      held.clear()
      await untilCollected(() => bytes() <= before - size, 'the memory')
    })
  })

  test('fence off: the stale Buffer is the next one\'s', () => {
    const pool = make()
    const stale = pool.acquire(100)
    pool.release(stale)
    expect(stale.length).toBe(100)
    expect(pool.acquire(100)).toBe(stale)
  })

  test('trim takes the memory from stale views whatever the fence', () => {
    const pool = make()
    const stale = pool.acquire(100)
    const views = viewsOf(stale)
    pool.release(stale)
    pool.trim()
    expectGone(stale, views)
    const next = Array.from({ length: 50 }, () => pool.acquire(100).fill(7))
    writeTo(stale, views)
    for (const buf of next) expect(isAll(buf, 7)).toBe(true)
  })
})
