'use strict'

const { once } = require('node:events')
const path = require('node:path')
const { Worker } = require('node:worker_threads')
const { answer } = require('../common/child')
const { contenders } = require('./contenders')
const { keyOf, kinds } = require('./workload')

// 1, 2 and 4 worker threads on one store, in turns: operations a second of each. The main thread does nothing then.
// With a contender that cannot be shared each has a cache of its own: it shows how far the machine itself scales.
async function workers (task) {
  const contender = contenders.find(({ name }) => name === task.contender)
  const kind = kinds[task.values]
  const { entries, counts, turns } = task
  const most = Math.max(...counts)
  const gate = new Int32Array(new SharedArrayBuffer(4 * counts.length * turns))
  let cache
  if (contender.shares) {
    cache = contender.make(entries, kind, task)
    for (let n = 0; n < entries; n++) {
      cache.set(keyOf(n), kind.valueOf(n))
      if (cache.settled && n % 1000 === 999) await cache.settled()
    }
    if (cache.settled) await cache.settled()
  }
  const threads = []
  for (let index = 0; index < most; index++) {
    const thread = new Worker(path.join(__dirname, 'thread.js'), { workerData: { task, index, gate } })
    await once(thread, 'message')
    threads.push(thread)
  }
  const samples = Object.fromEntries(counts.map((count) => [count, []]))
  for (let turn = 0; turn < turns; turn++) {
    // There and back: what drifts while they take turns meets all alike.
    for (const count of turn % 2 === 0 ? counts : [...counts].reverse()) {
      const round = turn * counts.length + counts.indexOf(count)
      const running = threads.slice(0, count)
      const answers = running.map((thread) => once(thread, 'message'))
      for (const thread of running) thread.postMessage({ runners: count, round })
      samples[count].push((await Promise.all(answers)).map(([rate]) => rate))
    }
  }
  const gone = threads.map((thread) => once(thread, 'exit'))
  for (const thread of threads) thread.postMessage({ runners: 0 })
  await Promise.all(gone)
  const left = cache?.size
  if (cache && left !== entries) throw new Error(`${left} entries instead of ${entries} at the end`)
  await cache?.close?.()
  return samples
}

answer(workers)
