'use strict'

const { PerformanceObserver } = require('node:perf_hooks')
const { setImmediate: turn, setTimeout: delay } = require('node:timers/promises')
const { answer } = require('../common/child')
const { gc } = require('../common/gc')
const { compile } = require('../common/loops')
const { contenders } = require('./contenders')

// The collector's work while a full cache churns, of one contender in this process: each set makes a new key and a new
// value and evicts an entry, as in a server. Every collection is counted: an observer is handed them in batches.
async function churn ({ contender: wanted, entries, quick }) {
  const contender = contenders.find(({ name }) => name === wanted)
  const cache = contender.create(await contender.load(), entries)
  const bounded = contender.name === 'Map' ? '; if (cache.size > max) cache.delete(oldest.next().value)' : ''
  const run = compile('cache, from, to, max, oldest', `
    for (let i = from; i < to; i++) {
      const key = 'session:' + i
      cache.set(key, { id: i, name: key, roles: [] })${bounded}
    }`, 'churn')
  const oldest = contender.name === 'Map' ? cache.keys() : undefined
  const step = 10000
  let at = 0
  const go = async (until) => {
    for (; at < until; at += step) {
      run(cache, at, Math.min(at + step, until), entries, oldest)
      await turn()
    }
  }
  await go(entries)
  gc()
  const pauses = []
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) pauses.push(entry.duration)
  })
  await turn()
  observer.observe({ entryTypes: ['gc'] })
  const sets = quick ? 4 * entries : Math.max(4 * entries, 1e6)
  const start = process.cpuUsage()
  await go(entries + sets)
  const { user, system } = process.cpuUsage(start)
  await delay(20)
  observer.disconnect()
  return {
    longest: Math.max(0, ...pauses) * 1e6,
    total: pauses.reduce((sum, ms) => sum + ms, 0) * 1e6,
    collections: pauses.length,
    set: (user + system) * 1e3 / sets
  }
}

answer(churn)
