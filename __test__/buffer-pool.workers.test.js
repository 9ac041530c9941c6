'use strict'

// Pools in several threads over one depot: no byte is two threads' at once, what is acquired is zero where that is
// promised, and when the threads have ended the depot has all of it back.

const { runFixture } = require('./support/off-heap-workers')

const seed = Number(process.env.HEAPWISE_SEED ?? Date.now()) >>> 0
process.stdout.write(`buffer-pool.workers: HEAPWISE_SEED=${seed}\n`)

const THREADS = 4

const run = (kind, ...rest) => runFixture('buffer-pool-threads.js', kind, seed, THREADS, ...rest)

describe('bytes belong to one thread at a time, and come back', () => {
  test.each([
    ['plain', 20_000], ['small', 20_000], ['large', 2000], ['fenced', 20_000], ['poisoned', 20_000], ['late', 10_000],
    ['both', 20_000], ['dirty', 20_000], ['bounded', 20_000], ['waiting', 10_000], ['secure', 10_000]
  ])('%s', async (kind, rounds) => {
    const { acquired, torn, dirty, full, lost, before, after } = await run(kind, rounds)
    expect({ torn, dirty }).toEqual({ torn: 0, dirty: 0 })
    expect(acquired).toBeGreaterThan(rounds * THREADS / 4)
    expect(lost).toBeGreaterThan(0)
    expect(full > 0).toBe(kind === 'secure' || kind === 'waiting')
    // Of what a thread had forgotten when it ended, some was collected and not freed yet: it is not used again.
    expect(after.stranded).toBeLessThanOrEqual(Math.max(THREADS, lost / 3))
    expect(after.runs - after.stranded).toBe(before.runs)
  }, 120_000)
})

test('the address space of threads that have ended is used again', async () => {
  const { mapped } = await run('plain', 3000, 12)
  expect(mapped).toHaveLength(12)
  expect(mapped[0]).toBeGreaterThan(0)
  // Some generations need a little more at once than others. If none were used again, it would be twelve times as much.
  expect(mapped.at(-1)).toBeLessThanOrEqual(3 * mapped[0])
}, 120_000)
