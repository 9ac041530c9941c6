'use strict'

// What the tests of GcMonitor share.

const { GcMonitor } = require('../../lib/gc-monitor')
const { runProcess } = require('./off-heap-workers')

/** Both sources: what holds for one must hold for the other. */
const SOURCES = ['v8', 'perf_hooks']

const DEADLINE = 30_000

const turn = () => new Promise(resolve => setImmediate(resolve))

/** Waits until `condition` gives something, and returns that. */
const until = async (condition, what = 'what was expected') => {
  const deadline = Date.now() + DEADLINE
  for (;;) {
    const found = await condition()
    if (found) return found
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

/** Has the heap collected, each round at least once in part and once in full; and as often as V8 likes to. */
const churn = (rounds = 3) => {
  let kept = []
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < 200_000; i++) {
      kept.push({ i, more: [i, i, i, i] })
      if (kept.length > 50_000) kept = []
    }
    globalThis.gc({ type: 'minor' })
    globalThis.gc()
  }
  return kept
}

const made = new Set()

/** A monitor that the test does not have to close. */
const monitorOf = options => {
  const monitor = new GcMonitor(options)
  made.add(monitor)
  return monitor
}

const closeAll = () => {
  for (const monitor of made) monitor.close()
  made.clear()
}

/** Everything that the monitor tells under this name. */
const listen = (monitor, name = 'gc') => {
  const heard = []
  monitor.on(name, event => heard.push(event))
  return heard
}

/** Runs a script in a process of its own, with GcMonitor and the source at hand. */
const run = (source, body, options = {}) => runProcess(`
  const { GcMonitor } = require('./lib/gc-monitor')
  const source = ${JSON.stringify(source)}
  const churn = ${churn}
  ${body}
`, { args: ['--expose-gc'], ...options })

module.exports = { GcMonitor, SOURCES, DEADLINE, churn, closeAll, listen, monitorOf, run, turn, until }
