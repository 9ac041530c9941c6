'use strict'

// Random operations on pools of random options do what a simple model does: no byte of one Buffer is another's, what
// should be zero is zero, the bounds hold, the numbers are right, and in the end all memory has come back.
//
// HEAPWISE_POOL_OPERATIONS says about how many operations in all; HEAPWISE_SEED repeats a run.

const fc = require('fast-check')
const native = require('../lib/native')
const { MEMORIES, collect, untilCollected } = require('./support/buffer-pool-tools')
const { OPERATIONS, runAll } = require('./support/buffer-pool-run')
const { seed } = require('./support/settings')

const operations = Number(process.env.HEAPWISE_POOL_OPERATIONS ?? 20_000)
const LONGEST = 400
// Less than the mean length of the lists, so that there are rather more operations than fewer.
const MEAN = 150
// Ends the search for a smaller counterexample as well.
const limit = 60_000 + operations * 2

const WEIGHTS = {
  acquire: 30, lease: 4, from: 3, alloc: 3, release: 30, detach: 2, 'release what is not lent': 3,
  'acquire what is wrong': 1, 'take away what is lent': 1, 'take away what is free': 1, 'write to what is free': 2,
  drop: 3, trim: 1, wait: 5, abort: 2, 'look at everything': 1
}
// A collection of garbage takes as long as thousands of the others.
const COLLECT = 0.1

const command = fc.oneof(
  ...Object.entries({ ...WEIGHTS, collect: COLLECT }).map(([name, weight]) => ({
    weight: weight * 10,
    arbitrary: fc.tuple(fc.constant(name), fc.nat(10_000), fc.nat(1_000_000), fc.nat(100))
  })))

const common = {
  fence: fc.constantFrom('off', 'off', 'sampled', 'always'),
  poison: fc.constantFrom(false, false, true),
  leakDetection: fc.constantFrom('off', 'simple', 'advanced', 'paranoid'),
  maxFreeBytes: fc.constantFrom(undefined, undefined, 0, 5000, 50_000),
  poolSize: fc.constantFrom(4096, 8192, 65536)
}
const usual = fc.record({
  ...common,
  classes: fc.constantFrom([64], [64, 128, 1024], [16, 48, 256, 2048, 4096], [100, 1000, 10_000], [1024, 1040, 16384]),
  zeroing: fc.constantFrom('none', 'on-acquire', 'on-release', 'both'),
  maxBytes: fc.constantFrom(3000, 20_000, 100_000, 2 ** 28),
  onFull: fc.constantFrom('unpooled', 'throw', 'wait')
})
const secure = fc.record({
  ...common,
  classes: fc.constantFrom([64, 1024], [100, 4096]),
  zeroing: fc.constantFrom('on-release', 'both'),
  maxBytes: fc.constantFrom(3000, 20_000),
  onFull: fc.constantFrom('throw', 'wait'),
  secure: fc.constant(true)
})

const complete = ({ maxFreeBytes, ...rest }) => ({
  ...rest, idleMs: 0, ...(maxFreeBytes === undefined ? {} : { maxFreeBytes })
})

/** What the depot has lent: bytes, runs, and runs that it will never lend again. */
const depot = () => {
  const numbers = new Float64Array(6)
  native.depotStats(numbers)
  const [, , bytes, runs, stranded] = numbers
  return { bytes, runs, stranded }
}

describe.each(MEMORIES)('%s memory', memory => {
  const either = fc.oneof({ weight: 9, arbitrary: usual }, { weight: 1, arbitrary: secure })
  const options = (memory === 'js' ? usual : either).map(complete)
  const share = operations / MEMORIES.length

  test('does what the model does', async () => {
    process.stdout.write(`buffer-pool.model: HEAPWISE_SEED=${seed} HEAPWISE_POOL_OPERATIONS=${operations}\n`)
    collect()
    const before = depot()
    let done = 0
    const list = fc.array(command, { maxLength: LONGEST, size: 'max' })
    await fc.assert(fc.asyncProperty(options, list, async (given, each) => {
      done += await runAll(given, memory, each)
    }), { seed, numRuns: Math.ceil(share / MEAN), skipAllAfterTimeLimit: limit })
    process.stdout.write(`buffer-pool.model: ${done} operations over ${memory} memory\n`)
    expect(done).toBeGreaterThan(share / 3)
    await untilCollected(() => {
      const { bytes, runs } = depot()
      return bytes <= before.bytes && runs <= before.runs
    }, 'all memory has come back')
    expect(depot().stranded).toBe(before.stranded)
  }, 2 * limit)
})

test('every operation is among the random ones', () => {
  expect(Object.keys({ ...WEIGHTS, collect: COLLECT }).sort()).toEqual(Object.keys(OPERATIONS).sort())
})
