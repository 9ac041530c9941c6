'use strict'

const { setImmediate: turn } = require('node:timers/promises')
const { gc } = require('./gc')

// CPU time of the whole process: what another process takes of a shared machine does not count, and what the collector
// and the compiler do on their own threads does. `wall` is for systems whose CPU clock is coarse.
const clocks = {
  cpu: () => {
    const { user, system } = process.cpuUsage()
    return (user + system) * 1e3
  },
  wall: () => Number(process.hrtime.bigint())
}

// Measures the entrants in turns. An entrant is { name, run(operations) }; the result is a map of its name to its
// nanoseconds per operation, one figure a round.
//   together   all run the same number of operations in a slice, so that they see the same requests; otherwise each
//              runs as many as fill a slice
//   leastOps   … but not fewer than these
//   collect    'full' or 'minor': the collection before each slice, so that nobody pays for another's garbage
//   maxMs      after this time no further round is begun
async function interleave (entrants, { rounds, sliceMs, clock, together, leastOps, collect, maxMs = Infinity }) {
  const now = clocks[clock]
  const operations = warm(entrants, { sliceMs, now, together, leastOps })
  const samples = new Map(entrants.map(({ name }) => [name, []]))
  const started = performance.now()
  for (let round = 0; round < rounds; round++) {
    gc()
    for (const place of order(entrants.length, round)) {
      const { name, run } = entrants[place]
      const ops = operations[place]
      if (collect === 'full') gc()
      else gc({ type: 'minor' })
      // Timers and finalizers that are due run here, outside of any slice.
      await turn()
      // Brings the entrant's data and code back into the processor's caches, which the others have used meanwhile.
      if (ops >= 8) run(ops >> 3)
      const start = now()
      run(ops)
      samples.get(name).push((now() - start) / ops)
    }
    if (performance.now() - started > maxMs) break
  }
  return samples
}

// Runs everybody until V8 has optimized what there is to optimize, and finds how many operations make a slice.
function warm (entrants, { sliceMs, now, together, leastOps = 1 }) {
  const slice = sliceMs * 1e6
  const operations = entrants.map(() => 1)
  const cost = entrants.map(() => 0)
  const grow = (places) => {
    for (const place of places) {
      const start = now()
      entrants[place].run(operations[place])
      cost[place] = Math.max(1, now() - start)
    }
  }
  const all = entrants.map((_, place) => place)
  if (together) {
    const total = () => cost.reduce((sum, ns) => sum + ns, 0) / entrants.length
    for (grow(all); total() < slice / 2; grow(all)) operations.fill(operations[0] * 2)
    // Four runs more of full length: the last doubling may have met code that was not optimized yet.
    for (let i = 0; i < 4; i++) grow(all)
    operations.fill(Math.max(leastOps, 1, Math.round(operations[0] * slice / total())))
    return operations
  }
  return all.map((place) => {
    for (grow([place]); cost[place] < slice / 2; grow([place])) operations[place] *= 2
    if (operations[place] > 1) for (let i = 0; i < 4; i++) grow([place])
    return Math.max(1, Math.round(operations[place] * slice / cost[place]))
  })
}

// A balanced order (Williams' square): each entrant comes in each place, and after each other entrant, equally often.
function order (length, round) {
  const places = []
  for (let i = 0; i < length; i++) {
    const step = i % 2 === 0 ? i / 2 : length - (i + 1) / 2
    places.push((step + (round >> 1)) % length)
  }
  return round % 2 === 0 ? places : places.reverse()
}

module.exports = { clocks, interleave, order }
