'use strict'

// Which chunk a request gets: the smallest that is large enough, of classes that leave at most a fifth of it unused.

const { BufferPool, MEMORIES, closeAll, isAll, open, wholeOf } = require('./support/buffer-pool-tools')
const { seed } = require('./support/settings')

beforeAll(() => process.stdout.write(`buffer-pool.classes: HEAPWISE_SEED=${seed}\n`))
afterEach(closeAll)

const MIB = 2 ** 20

const sizesOf = pool => pool.stats().classes.map(({ size }) => size)

// A small generator, so that a run can be repeated.
const randomOf = first => {
  let state = first >>> 0
  return below => {
    state = Math.imul(state ^ state >>> 15, state | 1)
    state ^= state + Math.imul(state ^ state >>> 7, state | 61)
    return ((state ^ state >>> 14) >>> 0) % below
  }
}

describe.each(MEMORIES)('%s memory', memory => {
  const make = options => open({ idleMs: 0, ...options }, memory)

  const expectFits = (pool, sizes, size) => {
    const buf = pool.acquire(size)
    const chunk = sizes.find(each => each >= size)
    expect([size, buf.length, buf.byteOffset, buf.buffer.byteLength]).toEqual([size, size, 0, chunk])
    buf[0] = 1
    buf[size - 1] = 2
    pool.release(buf)
    return chunk
  }

  test('every size from 1 to 4096 has its length, and at most a fifth of its chunk is waste', () => {
    const pool = make()
    const sizes = sizesOf(pool)
    for (let size = 1; size <= 4096; size++) {
      const chunk = expectFits(pool, sizes, size)
      if (size >= 64) expect([size, (chunk - size) / chunk <= 0.2]).toEqual([size, true])
    }
  })

  test('and those about every class up to 1 MiB, and some between', () => {
    const pool = make()
    const sizes = sizesOf(pool)
    for (const [i, size] of sizes.entries()) {
      for (const each of [size - 1, size, size + 1, size + (sizes[i + 1] - size >> 1)]) {
        if (!(each <= MIB)) continue
        const chunk = expectFits(pool, sizes, each)
        if (each >= 64) expect([each, (chunk - each) / chunk <= 0.2]).toEqual([each, true])
      }
    }
    for (let size = 4097; size <= MIB; size = Math.ceil(size * 1.013)) expectFits(pool, sizes, size)
  })

  test('all of a chunk is there, and nobody else\'s', () => {
    const pool = make({ maxBytes: '64mb' })
    const bufs = sizesOf(pool).map(size => pool.acquire(size))
    bufs.forEach((buf, i) => wholeOf(buf).fill(i + 1))
    bufs.forEach((buf, i) => expect([buf.length, isAll(wholeOf(buf), i + 1)]).toEqual([buf.length, true]))
  })

  test.each([
    ['one', [64]], ['the smallest', [16]], ['one that is no multiple of 16', [100]],
    ['one byte apart', [1000, 1001, 1002]], ['in any order', [4096, 16, 300, 100, 65536]],
    ['powers of two', [64, 128, 256, 512, 1024]], ['far apart', [16, 1_000_000]],
    ['as many as there can be', Array.from({ length: 255 }, (_, i) => 16 + i * i)],
    ['as dense as there can be', Array.from({ length: 255 }, (_, i) => 16 + i)]
  ])('classes of the user\'s: %s', (_, classes) => {
    const given = Object.freeze([...classes])
    const pool = make({ classes: given })
    const sizes = [...classes].sort((a, b) => a - b)
    expect(sizesOf(pool)).toEqual(sizes)
    for (const size of sizes) {
      for (const each of [1, size - 1, size, size + 1]) if (each <= sizes.at(-1)) expectFits(pool, sizes, each)
    }
    pool.acquire(sizes.at(-1) + 1)
    expect(pool.stats().unpooled.acquired).toBe(1)
  })

  test('random classes and random sizes', () => {
    const random = randomOf(seed)
    for (let run = 0; run < 100; run++) {
      const most = 2 ** (5 + random(12))
      const drawn = Array.from({ length: 1 + random(30) }, () => 16 + random(most))
      const sizes = [...new Set(drawn)].sort((a, b) => a - b)
      const pool = make({ classes: sizes, zeroing: 'none' })
      for (let i = 0; i < 60; i++) expectFits(pool, sizes, 1 + random(sizes.at(-1)))
      pool.close()
    }
  })

  test('random bounds of the ladder', () => {
    const random = randomOf(seed + 1)
    for (let run = 0; run < 100; run++) {
      const min = 1 + random(2 ** random(16))
      const max = min + random(2 ** random(18))
      const pool = make({ min, max, zeroing: 'none' })
      const sizes = sizesOf(pool)
      expect([min, max, sizes[0] >= min, sizes.at(-1) >= max]).toEqual([min, max, true, true])
      for (let i = 1; i < sizes.length; i++) expect(sizes[i - 1]).toBeLessThan(sizes[i])
      // No class that nothing can be asked of.
      if (sizes.length > 1) expect(sizes.at(-2)).toBeLessThan(max)
      for (const size of [min, max]) expectFits(pool, sizes, size)
      for (let i = 0; i < 30; i++) expectFits(pool, sizes, 1 + random(max))
      pool.close()
    }
  })

  test('the largest there can be', () => {
    const pool = make({ max: '64mb', maxBytes: '128mb', zeroing: 'none' })
    const buf = pool.acquire(64 * MIB)
    expect([buf.length, buf.buffer.byteLength]).toEqual([64 * MIB, 64 * MIB])
    buf[64 * MIB - 1] = 7
    pool.release(buf)
    expect(pool.stats()).toMatchObject({ hits: 0, misses: 1, free: 1 })
    pool.trim()
  })

  test('a page size does not matter to what is lent', () => {
    for (const poolSize of [4096, 65536, MIB]) {
      const pool = make({ poolSize })
      const bufs = Array.from({ length: 300 }, (_, i) => pool.acquire(1 + i * i % 9000))
      bufs.forEach((buf, i) => wholeOf(buf).fill(i % 255 + 1))
      bufs.forEach((buf, i) => expect(isAll(wholeOf(buf), i % 255 + 1)).toBe(true))
    }
  })
})

test('the four classes of a doubling', () => {
  const pool = new BufferPool({ min: 64, max: 1024 })
  expect(sizesOf(pool)).toEqual([64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640, 768, 896, 1024])
  pool.close()
})
