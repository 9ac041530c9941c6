'use strict'

const { parentPort, workerData } = require('node:worker_threads')
const { generator } = require('../common/random')
const { contenders } = require('./contenders')
const { keyOf, kinds } = require('./workload')

const { task, index, gate } = workerData
const contender = contenders.find(({ name }) => name === task.contender)
const kind = kinds[task.values]
const batch = 1000

// A ring of requests of this worker's own. Its keys and values are made beforehand: what is measured is the store.
const length = Math.min(task.entries, 2 ** 17)
const random = generator(index + 1)
const warmKeys = Array.from({ length }, () => keyOf(Math.floor(random() * task.entries)))
// Makes them flat, and hashed.
new Set(warmKeys).clear()
const values = Array.from({ length: 1024 }, (_, i) => kind.valueOf(index * 1024 + i))
const sets = Uint8Array.from({ length }, () => random() < task.setShare ? 1 : 0)

// Operations until the time is over, by this thread's own clock.
async function run (cache, ms) {
  let ops = 0
  let at = 0
  let missed = 0
  const start = performance.now()
  let elapsed
  do {
    for (let i = 0; i < batch; i++) {
      if (sets[at] === 1) cache.set(warmKeys[at], values[at & 1023])
      else if (cache.get(warmKeys[at]) === undefined) missed++
      if (++at === length) at = 0
    }
    ops += batch
    if (cache.settled) await cache.settled()
    elapsed = performance.now() - start
  } while (elapsed < ms)
  if (missed > 0) throw new Error(`${missed} of ${ops} entries are missing`)
  return ops * 1e3 / elapsed
}

async function main () {
  const cache = contender.make(task.entries, kind, task)
  if (!contender.shares) for (let n = 0; n < task.entries; n++) cache.set(keyOf(n), kind.valueOf(n))
  await run(cache, task.ms / 2)
  parentPort.on('message', async ({ runners, round }) => {
    if (runners === 0) {
      await cache.close?.()
      parentPort.close()
      return
    }
    // All begin together: the last to come opens the gate.
    if (Atomics.add(gate, round, 1) + 1 === runners) Atomics.notify(gate, round)
    for (let here; (here = Atomics.load(gate, round)) < runners;) Atomics.wait(gate, round, here)
    parentPort.postMessage(await run(cache, task.ms))
  })
  parentPort.postMessage('ready')
}

main()
