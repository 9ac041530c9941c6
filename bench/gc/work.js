'use strict'

const { setImmediate: turn, setTimeout: pass } = require('node:timers/promises')
const { PerformanceObserver } = require('node:perf_hooks')
const { quantile, summary } = require('../common/stats')

// Steps between two turns of the event loop: a millisecond or two.
const chunk = 4096

// CPU time of the process, in ns. With --single-threaded-gc that is the time of this thread, and of whatever threads a
// contender has. That of the thread alone (`process.threadCpuUsage`, Node 22.19) goes in steps of milliseconds on
// Linux.
function cpu () {
  const { user, system } = process.cpuUsage()
  return (user + system) * 1e3
}

// A program that makes many objects and keeps few: records with texts and lists, some of which go to JSON and back.
// One in 32 is kept for a while, so that each collection has something to copy; if it were more, V8 would put all of
// them among the old ones at once.
const kept = new Array(1024)

function work (steps) {
  for (let i = 0; i < steps; i++) {
    const record = { id: i, name: 'record ' + i, cells: new Array(60).fill(i), total: { net: i, tax: i * 0.19 } }
    if ((i & 31) === 0) kept[i >> 5 & 1023] = (i & 63) === 0 ? JSON.parse(JSON.stringify(record)) : record
  }
}

// So many steps, with turns of the event loop in between, as a server has them.
async function run (steps) {
  for (let left = steps; left > 0; left -= chunk) {
    work(Math.min(left, chunk))
    await turn()
  }
}

// Lets what a contender does now and then come to its turn. It takes no CPU time by itself.
const settle = () => pass(120)

// Runs until V8 has optimized what there is; returns how many steps take `ms` of this thread.
async function warm (ms) {
  let steps = chunk
  for (;;) {
    const start = cpu()
    await run(steps)
    const took = (cpu() - start) / 1e6
    if (took >= ms / 2) {
      await run(steps)
      const again = cpu()
      await run(steps)
      return Math.max(chunk, Math.round(steps * ms / ((cpu() - again) / 1e6) / chunk) * chunk)
    }
    steps *= 2
  }
}

// The collections that so many steps cause.
async function collectionsOf (steps, slices) {
  let seen = 0
  const observer = new PerformanceObserver((list) => { seen += list.getEntries().length })
  observer.observe({ type: 'gc' })
  for (let i = 0; i < slices; i++) await run(steps)
  await turn()
  observer.disconnect()
  return seen / slices
}

// What the quickest tenth of the slices took at most: nothing else had the processor then.
const quickest = (samples) => quantile(Float64Array.from(samples).sort(), 0.1)

// The median of the slices, and that.
const times = (samples) => ({ median: summary(samples).median, best: quickest(samples) })

module.exports = { collectionsOf, cpu, quickest, run, settle, times, turn, warm }
