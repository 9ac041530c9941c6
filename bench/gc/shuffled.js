'use strict'

const { answer } = require('../common/child')
const { gc } = require('../common/gc')
const { generator, shuffle } = require('../common/random')
const { start, unlessMissing } = require('./contenders')
const { collectionsOf, cpu, run, settle, turn, warm } = require('./work')

// All contenders that leave nothing behind, in one process: each round runs the same slice of a program with each of
// them, in another order each time. CPU time of each slice, in ns.
answer(async ({ contenders, rounds, sliceMs, seed }) => {
  const steps = await warm(sliceMs)
  const random = generator(seed)
  const failures = {}
  const samples = Object.fromEntries(contenders.map((name) => [name, []]))
  const seen = Object.fromEntries(contenders.map((name) => [name, 0]))
  // In the first round, code that starts and ends something runs for the first time.
  for (let round = -1; round < rounds; round++) {
    for (const name of shuffle([...contenders], random)) {
      if (failures[name]) continue
      const took = await unlessMissing(() => slice(name, steps))
      if (took.failure) {
        failures[name] = took.failure
        delete samples[name]
      } else if (round >= 0) {
        samples[name].push(took.cpu)
        seen[name] += took.seen ?? 0
      }
    }
  }
  const collections = await collectionsOf(steps, 3)
  return { samples, seen, failures, collections }
})

async function slice (name, steps) {
  gc()
  await turn()
  const contender = start(name)
  const began = cpu()
  await run(steps)
  await settle()
  contender.end()
  const took = cpu() - began
  contender.stop()
  return { cpu: took, ...await contender.tell() }
}
