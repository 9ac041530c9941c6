'use strict'

const { answer } = require('../common/child')
const { compile } = require('../common/loops')
const { contenders } = require('./contenders')

// Filled with more entries than one Map of V8 survives under churn, and churned twice over, with integer keys. A
// contender that throws says where.
async function huge ({ contender: wanted, entries }) {
  const contender = contenders.find(({ name }) => name === wanted)
  const cache = contender.create(await contender.load(), entries)
  const value = { n: 0 }
  const fill = compile('cache, value, progress, until', `
    for (; progress.done < until; progress.done++) cache.set(progress.done, value)`, 'huge')
  const progress = { done: 0 }
  const total = 3 * entries
  const start = process.cpuUsage()
  try {
    fill(cache, value, progress, total)
  } catch (error) {
    return { threw: `${error} at insert ${progress.done + 1}` }
  }
  const { user, system } = process.cpuUsage(start)
  const right = cache.size === entries && cache.get(total - 1) === value && cache.get(total - entries - 1) === undefined
  if (!right) throw new Error(`wrong content after ${total} inserts: ${cache.size} entries`)
  return { set: (user + system) * 1e3 / total, rss: process.memoryUsage().rss }
}

answer(huge)
