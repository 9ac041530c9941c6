'use strict'

// What pools take, as the operating system sees it, in processes of their own.

const { runFixture } = require('./support/off-heap-workers')

const run = task => runFixture('buffer-pool-memory.js', task)

const MB = 2 ** 20
const AMOUNT = 64 * MB
// For all else that is not in V8's heap: stacks, malloc's, the collector's own.
const SOME = 24 * MB

describe('memory is given back', () => {
  test('by trim(), each time', async () => {
    const { grown, free, committed, trimmed, after } = await run('trim')
    expect(grown.live).toBeGreaterThan(AMOUNT)
    expect(grown.free).toBeGreaterThan(AMOUNT)
    expect(free).toBeGreaterThanOrEqual(AMOUNT)
    expect(committed).toBeGreaterThanOrEqual(free)
    expect(trimmed).toBeGreaterThanOrEqual(AMOUNT)
    expect(grown.trimmed).toBeLessThan(SOME)
    expect(grown.again).toBeLessThan(SOME)
    expect(after).toMatchObject({ live: 0, free: 0, committed: 0, mapped: 0 })
  }, 120_000)

  test('by trim(), but for what is live', async () => {
    const { bytes, left, whole } = await run('trimWhatIsFree')
    expect(bytes).toBeGreaterThan(AMOUNT / 10)
    expect(left).toBeLessThan(bytes + SOME)
    expect(whole).toBe(true)
  }, 120_000)

  test('by idling', async () => {
    const { filled, left, idle, free, committed } = await run('idle')
    expect(filled).toBeGreaterThan(AMOUNT)
    expect(left).toBeLessThan(SOME)
    expect(idle).toBeGreaterThan(0)
    expect({ free, committed }).toEqual({ free: 0, committed: 0 })
  }, 120_000)

  test('by close()', async () => {
    const { filled, left } = await run('closed')
    expect(filled).toBeGreaterThan(AMOUNT)
    expect(left).toBeLessThan(SOME)
  }, 120_000)

  test('by the garbage collector, if nobody has the pool', async () => {
    const { filled, left, timers, stranded } = await run('dropped')
    expect(filled).toBeGreaterThan(AMOUNT)
    expect(left).toBeLessThan(SOME)
    expect({ timers, stranded }).toEqual({ timers: 0, stranded: 0 })
  }, 120_000)

  test('not as long as somebody has a Buffer of a pool that is gone', async () => {
    const { whole, held } = await run('outlived')
    expect(whole).toBe(true)
    expect(held).toBeGreaterThan(4)
  }, 120_000)

  test('of a thousand pools', async () => {
    const { left, timers, mapped, stranded } = await run('thousand')
    expect(left).toBeLessThan(SOME)
    expect({ timers, stranded }).toEqual({ timers: 0, stranded: 0 })
    // If no address space were used again, it would be more than 1,000 MB.
    expect(mapped).toBeLessThan(700 * MB)
  }, 240_000)

  test('of a thousand secure pools', async () => {
    expect((await run('thousandSecure')).left).toBeLessThan(SOME)
  }, 240_000)

  test('of Buffers that nobody releases', async () => {
    const { half, all, left, acquired, lost, live, committed } = await run('forgotten')
    // 32 MB are the pool's bound.
    expect(half).toBeLessThan(32 * MB + SOME)
    expect(all).toBeLessThan(32 * MB + SOME)
    expect(left).toBeLessThan(SOME)
    expect({ acquired, lost, live, committed }).toEqual({ acquired: 65_536, lost: 65_536, live: 0, committed: 0 })
  }, 240_000)
})

test('a pool that is in use keeps what it uses', async () => {
  const { acquired, misses, after } = await run('busy')
  expect(acquired).toBeGreaterThan(30 * misses)
  // What a look finds unused by chance goes; most of it stays.
  expect(after).toBeLessThan(10 * misses)
}, 120_000)

test('10 GB through 16 KiB make fewer than ten collections', async () => {
  const { collections, bytes, misses } = await run('tenGigabytes')
  expect(bytes).toBe(10 * 2 ** 30)
  expect(misses).toBe(8)
  expect(collections).toBeLessThan(10)
}, 120_000)
