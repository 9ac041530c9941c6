'use strict'

// Workers that are terminated at random points, with Buffers live, free and forgotten, waiters, traces and fences,
// and with jobs under way. All they had is given back. HEAPWISE_TERMINATIONS says how many; a soak takes more.

const { runFixture } = require('./support/off-heap-workers')

const terminations = Number(process.env.HEAPWISE_TERMINATIONS ?? 64)
const seed = Number(process.env.HEAPWISE_SEED ?? Date.now()) >>> 0
process.stdout.write(`buffer-pool.terminate: HEAPWISE_SEED=${seed} HEAPWISE_TERMINATIONS=${terminations}\n`)

test.each(['keeps', 'moves', 'forgets'])('workers give everything back: one that %s', async kind => {
  const count = Math.ceil(terminations / 3)
  const seen = await runFixture('buffer-pool-terminations.js', kind, count, seed)
  expect(seen.terminations).toBeGreaterThanOrEqual(count)
  // They had something.
  expect(seen.bytes).toBeGreaterThan(100_000)
  // What a worker had in hand at that moment may look as if somebody else had it: such memory is not used again. Of
  // what a worker has that is one chunk in hundreds, now and then.
  expect(seen.stranded).toBeLessThanOrEqual(seen.terminations / 2)
  // If what a worker had were kept, it would be far more.
  expect(seen.grown).toBeLessThan(32 * 2 ** 20)
}, 60_000 + terminations * 1000)
