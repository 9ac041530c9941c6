'use strict'

// `poison`: a write to what was released is found when the chunk is to be lent again, and told.

const { channel, subscribe, unsubscribe } = require('node:diagnostics_channel')
const { MEMORIES, closeAll, isAll, isZero, open, until, wholeOf } = require('./support/buffer-pool-tools')

const TOPIC = 'heapwise:buffer-pool:misuse'
const POISON = 0xdb

const published = []
const listener = message => published.push(message)
beforeEach(() => { published.length = 0 })
afterEach(() => {
  unsubscribe(TOPIC, listener)
  closeAll()
})

const turn = () => new Promise(resolve => setImmediate(resolve))

describe.each(MEMORIES)('%s memory', memory => {
  const make = options => {
    const reports = []
    const onMisuse = report => reports.push(report)
    const pool = open({ poison: true, idleMs: 0, classes: [1024], onMisuse, ...options }, memory)
    return { pool, reports }
  }

  describe.each(['none', 'on-acquire', 'on-release', 'both'])('zeroing %s', zeroing => {
    test.each([
      [0, buf => { buf[0] = 0 }], [0, buf => { buf.fill(1) }], [999, buf => { buf[999] = 1 }],
      [500, buf => { buf.writeUInt16LE(1, 500) }],
      [1023, buf => { wholeOf(buf)[1023] = 0 }], [1000, buf => { wholeOf(buf)[1000] = 0xda }],
      [7, buf => { new DataView(buf.buffer).setUint8(7, 0) }], [3, buf => { buf.subarray(3, 4)[0] = 0 }]
    ])('a write at %d', async (offset, write) => {
      subscribe(TOPIC, listener)
      const { pool, reports } = make({ name: 'mine', zeroing })
      const stale = pool.acquire(1000)
      pool.release(stale)
      write(stale)
      expect(pool.stats()).toMatchObject({ poisoned: 0, free: 1 })
      const next = pool.acquire(1000)
      // In its place comes a new one.
      expect(next.buffer).not.toBe(stale.buffer)
      expect(isZero(wholeOf(next))).toBe(true)
      expect(pool.stats()).toMatchObject({
        poisoned: 1, misses: 2, hits: 0, live: 1, free: 0, dropped: { poison: 1 }, bytes: { live: 1024, free: 0 }
      })
      expect(reports).toEqual([])
      await turn()
      const report = { pool: 'mine', kind: 'write-after-release', size: 1024, offset, releasedAt: undefined }
      expect(reports).toEqual([report])
      expect(published).toEqual([report])
      // Whoever has the stale one has nothing of the pool any more.
      expect(stale.length).toBe(0)
      stale[0] = 1
      expect(isZero(wholeOf(next))).toBe(true)
    })

    test('without a write nothing is told', async () => {
      subscribe(TOPIC, listener)
      const { pool, reports } = make({ zeroing })
      for (let i = 0; i < 300; i++) {
        const buf = pool.acquire(1 + i % 1024)
        wholeOf(buf).fill(i)
        pool.release(buf, i % 3 === 0 ? buf.length : undefined)
      }
      await turn()
      expect([reports, published]).toEqual([[], []])
      expect(pool.stats()).toMatchObject({ poisoned: 0, misses: 1, hits: 299, dropped: { poison: 0 } })
    })

    test('what is used by right is not looked at', async () => {
      const { pool, reports } = make({ zeroing })
      const buf = pool.acquire(1000).fill(POISON)
      pool.release(buf)
      // The same byte is no write that can be seen.
      buf.fill(POISON)
      expect(pool.acquire(1000)).toBe(buf)
      buf.fill(0)
      pool.release(buf)
      pool.release(pool.acquire(10))
      await turn()
      expect(reports).toEqual([])
    })
  })

  test('every spoilt chunk is told', async () => {
    const { pool, reports } = make()
    const bufs = Array.from({ length: 10 }, () => pool.acquire(1000))
    for (const buf of bufs) pool.release(buf)
    bufs.forEach((buf, i) => { if (i % 2) buf[i] = 0 })
    // The last released is the first to be looked at.
    const next = Array.from({ length: 10 }, () => pool.acquire(1000))
    expect(pool.stats()).toMatchObject({ poisoned: 5, misses: 15, hits: 5, live: 10, free: 0, dropped: { poison: 5 } })
    await turn()
    expect(reports.map(({ offset }) => offset).sort()).toEqual([1, 3, 5, 7, 9])
    for (const buf of next) expect(isZero(wholeOf(buf))).toBe(true)
  })

  test('the room of a spoilt chunk can be used, by the one who found it', async () => {
    const { pool } = make({ maxBytes: 1024, onFull: 'throw' })
    for (let i = 1; i < 20; i++) {
      const stale = pool.acquire(1000)
      pool.release(stale)
      stale[i] = 1
      const next = pool.acquire(1000)
      expect(pool.stats()).toMatchObject({ poisoned: i, live: 1, bytes: { live: 1024 } })
      pool.release(next)
      pool.trim()
    }
  })

  test('what is dropped while it is free is not looked at', async () => {
    const { pool, reports } = make()
    const stale = pool.acquire(1000)
    pool.release(stale)
    stale[0] = 0
    pool.trim()
    pool.acquire(1000)
    await turn()
    expect(reports).toEqual([])
    expect(pool.stats()).toMatchObject({ poisoned: 0, dropped: { trim: 1, poison: 0 } })
  })

  test('a chunk that is taken away while it is free is no write', async () => {
    const { pool, reports } = make()
    const stale = pool.acquire(1000)
    pool.release(stale)
    try { structuredClone(stale.buffer, { transfer: [stale.buffer] }) } catch { stale.buffer.transfer() }
    const taken = stale.length === 0
    const next = pool.acquire(1000)
    expect(isZero(wholeOf(next))).toBe(true)
    await turn()
    expect(reports).toEqual([])
    expect(pool.stats().dropped).toMatchObject({ detached: taken ? 1 : 0, poison: 0 })
  })

  test.each(['advanced', 'paranoid'])('says who released it, with leakDetection %s', async leakDetection => {
    const { pool, reports } = make({ leakDetection })
    let line
    const spoil = () => {
      const stale = pool.acquire(1000)
      line = Number(/:(\d+):\d+\)?$/.exec(new Error().stack.split('\n')[1])[1]) + 1
      pool.release(stale)
      stale[12] = 1
    }
    for (let i = 0; i < 2000 && !reports.some(({ releasedAt }) => releasedAt !== undefined); i++) {
      spoil()
      pool.release(pool.acquire(1000))
      await undefined
      await undefined
    }
    await until(() => reports.some(({ releasedAt }) => releasedAt !== undefined), 'a report with a place')
    const { releasedAt } = reports.find(report => report.releasedAt !== undefined)
    expect(releasedAt).toMatch(new RegExp(`buffer-pool\\.poison\\.test\\.js:${line}:\\d+`))
  })

  test('nobody need listen', async () => {
    const pool = open({ poison: true, classes: [1024] }, memory)
    const stale = pool.acquire(10)
    pool.release(stale)
    stale[0] = 1
    expect(isZero(wholeOf(pool.acquire(10)))).toBe(true)
    await turn()
    expect(pool.stats().poisoned).toBe(1)
    expect(channel(TOPIC).hasSubscribers).toBe(false)
  })

  test('a report from within a lease, alloc and from', async () => {
    const { pool, reports } = make()
    const actions = [() => pool.lease(10).buffer, () => pool.alloc(10), () => pool.from('0123456789')]
    for (const [i, action] of actions.entries()) {
      const stale = pool.acquire(10)
      pool.release(stale)
      stale[i] = 1
      const buf = action()
      expect(buf.buffer).not.toBe(stale.buffer)
      pool.release(buf)
    }
    await turn()
    expect(reports.map(({ offset }) => offset)).toEqual([0, 1, 2])
  })

  test('without poison the next one sees the write, and nothing is told', async () => {
    const { pool, reports } = make({ poison: false })
    const stale = pool.acquire(1000)
    pool.release(stale)
    stale[5] = 9
    const next = pool.acquire(1000)
    expect([next[5], isAll(next.subarray(6), 0)]).toEqual([9, true])
    await turn()
    expect(reports).toEqual([])
  })
})
