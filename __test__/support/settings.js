'use strict'

// How long the random tests run, and from which seed. HEAPWISE_RUNS is the number of runs of the largest property (the
// others take a share of it; a soak sets it high), HEAPWISE_SEED repeats a run.

const DEFAULT_RUNS = 1000

const runs = Number(process.env.HEAPWISE_RUNS ?? DEFAULT_RUNS)
const seed = Number(process.env.HEAPWISE_SEED ?? (Date.now() ^ (process.pid << 16)) | 0)

// Far above what the runs of one property take. It is there to end the search for a smaller counterexample, which can
// take hours for a long one.
const limit = 60_000 + 100 * runs

/** Parameters for fc.assert. `share`: how many runs, as a part of HEAPWISE_RUNS. */
const parameters = (share = 1) => ({
  seed,
  numRuns: Math.max(1, Math.round(runs * share)),
  skipAllAfterTimeLimit: limit
})

/** What jest should allow for one property. */
const timeout = 2 * limit

/** Says the seed when a file starts, so that a run that hangs or dies can be repeated as well. */
const announce = name => process.stdout.write(`${name}: HEAPWISE_SEED=${seed} HEAPWISE_RUNS=${runs}\n`)

module.exports = { parameters, timeout, announce, seed, runs }
