'use strict'

const { monitorEventLoopDelay } = require('node:perf_hooks')
const { setImmediate: turn } = require('node:timers/promises')
const v8 = require('node:v8')
const { answer } = require('../common/child')
const { gc } = require('../common/gc')
const { generator } = require('../common/random')
const { contenders } = require('./contenders')
const { check, keyOf, kinds, payload } = require('./workload')

// Milliseconds of work between two turns of the event loop, and between two ticks of the timer that measures delays.
const workMs = 1
const tickMs = 1

// One contender in this process, filled and then churned: each step of the churn stores under a new key, which evicts,
// and gets one of the keys stored last. Keys and values are made on the way, so that the heap holds what the contender
// keeps and nothing else.
async function heap (task) {
  const contender = contenders.find(({ name }) => name === task.contender)
  const { entries, quick } = task
  const kind = kinds[task.values]
  const { valueOf } = kind

  // Code, feedback, V8's young generation and the threads of a library are no part of an entry.
  const scratchEntries = Math.min(entries, 20000)
  const scratch = contender.make(scratchEntries, kind, { ...task, name: 'scratch' })
  await phase(scratch, filler(scratch, valueOf), scratchEntries)
  await phase(scratch, churner(scratch, scratchEntries, valueOf), scratchEntries)
  await scratch.close?.()
  if (!quick) growYoung(valueOf)

  const before = await settled()
  const cache = contender.make(entries, kind, { ...task, name: 'main' })
  const fill = await phase(cache, filler(cache, valueOf), entries)
  const full = await settled()
  const held = payload(kind, entries)
  const bytes = typeof cache.bytes === 'number' ? cache.bytes : undefined
  const sets = quick ? entries : Math.max(entries, 1e6)
  const churn = await phase(cache, churner(cache, entries, valueOf), sets)
  const churned = await settled()
  await verify(cache, contender, kind, entries, sets)
  const result = {
    'rss full': full.rss,
    'rss churned': churned.rss,
    'rss peak': Math.max(full.rss, churned.rss, fill.rssPeak, churn.rssPeak),
    'heap full': full.heap,
    'heap churned': churned.heap,
    'heap peak': Math.max(fill.heapPeak, churn.heapPeak),
    'overhead rss': (full.rss - before.rss - held) / entries
  }
  if (bytes !== undefined) result['overhead bytes'] = (bytes - held) / entries
  for (const [name, { heapPeak, rssPeak, ...figures }] of Object.entries({ fill, churn })) {
    for (const [what, figure] of Object.entries(figures)) result[`${name} ${what}`] = figure
  }
  await cache.close?.()
  return result
}

// V8 makes its young generation larger when much survives in it, once and for all: some 30 MB that belong to no entry.
function growYoung (valueOf) {
  const young = new Array(2 ** 17)
  for (let i = 0; i < 2 ** 21; i++) young[i & (young.length - 1)] = valueOf(i)
}

// A step of the work: operations `from` to `to`.
function filler (cache, valueOf) {
  return (from, to) => {
    for (let n = from; n < to; n++) cache.set(keyOf(n), valueOf(n))
  }
}

function churner (cache, entries, valueOf) {
  const random = generator(1)
  const { insert } = cache
  return (from, to) => {
    for (let n = entries + from; n < entries + to; n++) {
      if (insert) cache.insert(keyOf(n), valueOf(n), n)
      else cache.set(keyOf(n), valueOf(n))
      cache.get(keyOf(n - Math.floor(random() * entries)))
    }
  }
}

// Does all operations, with a turn of the event loop after each millisecond of work, and measures meanwhile.
async function phase (cache, work, operations) {
  const pauses = new v8.GCProfiler()
  const delays = monitorEventLoopDelay({ resolution: tickMs })
  let heapPeak = 0
  let rssPeak = 0
  let turns = 0
  let at = 0
  pauses.start()
  delays.enable()
  await turn()
  const cpu = process.cpuUsage()
  const start = performance.now()
  while (at < operations) {
    for (const until = performance.now() + workMs; at < operations && performance.now() < until;) {
      const to = Math.min(operations, at + 50)
      work(at, to)
      at = to
    }
    heapPeak = Math.max(heapPeak, v8.getHeapStatistics().used_heap_size)
    // The system is asked less often: that takes longer. The highest since the start would be that of the warm-up.
    if (turns++ % 16 === 0) rssPeak = Math.max(rssPeak, process.memoryUsage.rss())
    if (cache.settled) await cache.settled()
    await turn()
  }
  const elapsed = performance.now() - start
  const { user, system } = process.cpuUsage(cpu)
  // A delay is known when the timer ticks again.
  await new Promise((resolve) => setTimeout(resolve, 5 * tickMs))
  delays.disable()
  const costs = pauses.stop().statistics.map(({ cost }) => cost * 1e3)
  return {
    'gc total': costs.reduce((sum, ns) => sum + ns, 0),
    'gc count': costs.length,
    'gc longest': costs.reduce((most, ns) => Math.max(most, ns), 0),
    'loop delay': Math.max(0, delays.max - tickMs * 1e6),
    wall: elapsed * 1e6 / operations,
    cpu: (user + system) * 1e3 / operations,
    heapPeak,
    rssPeak
  }
}

async function settled () {
  for (let i = 0; i < 4; i++) {
    gc()
    await turn()
  }
  const { heapUsed, rss } = process.memoryUsage()
  return { heap: heapUsed, rss }
}

// That it was a cache of so many entries all the time: the last ones are there, as many as it should hold, and no more.
async function verify (cache, contender, kind, entries, sets) {
  if (contender.floor) return
  // Two puts of lmdb's queue can be of one key: its size is exact once filled, and not after a churn.
  if (cache.size !== entries) throw new Error(`${cache.size} entries instead of ${entries} after the churn`)
  const newest = entries + sets - 1
  for (let n = newest; n > newest - Math.min(entries, 100) / 2; n--) check(kind, n, cache.get(keyOf(n)))
}

answer(heap)
