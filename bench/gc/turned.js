'use strict'

const { answer } = require('../common/child')
const { gc } = require('../common/gc')
const { start, unlessMissing } = require('./contenders')
const { collectionsOf, cpu, run, settle, times, warm } = require('./work')

// One contender in a process of its own: slices of a program without it, then as many with it. CPU time of a slice
// before and after, in ns; what the contender does when it ends is shared among the slices.
answer(({ contender: name, slices, sliceMs }) => unlessMissing(async () => {
  const steps = await warm(sliceMs)
  const before = await measure(steps, slices)
  const contender = start(name)
  // V8 has to learn some of it anew.
  await run(steps)
  const after = await measure(steps, slices)
  const began = cpu()
  contender.end()
  const end = (cpu() - began) / slices
  contender.stop()
  const told = await contender.tell()
  const collections = await collectionsOf(steps, 3)
  const share = told.seen === undefined ? undefined : told.seen / ((slices + 1) * collections)
  for (const each of ['median', 'best']) after[each] += end
  return { before, after, collections, seen: share, source: told.source }
}))

async function measure (steps, slices) {
  const samples = []
  gc()
  await settle()
  for (let i = 0; i < slices; i++) {
    const began = cpu()
    await run(steps)
    samples.push(cpu() - began)
  }
  await settle()
  return times(samples)
}
