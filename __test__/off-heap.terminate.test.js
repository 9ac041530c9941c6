'use strict'

// Workers that are terminated at random points in the midst of sets, gets, batches, iterations, getOrSet and save. What
// they leave must be sound, and must be freed. HEAPWISE_TERMINATIONS says how many; `npm run test:soak` takes more.

const { runFixture } = require('./support/off-heap-workers')

const terminations = Number(process.env.HEAPWISE_TERMINATIONS ?? 64)
const seed = Number(process.env.HEAPWISE_SEED ?? Date.now()) >>> 0
process.stdout.write(`off-heap.terminate: HEAPWISE_SEED=${seed} HEAPWISE_TERMINATIONS=${terminations}\n`)

test('workers that are terminated in the midst of it leave a sound store, which is freed', async () => {
  const seen = await runFixture('off-heap-terminations.js', terminations, seed)
  expect(seen.terminations).toBeGreaterThanOrEqual(terminations)
  expect(seen.freed).toBe(seen.terminations)
  expect(seen.count).toBeGreaterThan(0)
  expect(seen.entries).toBeGreaterThan(0)
  // If the store of each round, or what a worker had, were kept, it would be far more.
  expect(seen.grown).toBeLessThan(64 * 2 ** 20)
}, 60_000 + terminations * 1000)
