'use strict'

const { setImmediate: turn, setTimeout: pass } = require('node:timers/promises')
const { PerformanceObserver } = require('node:perf_hooks')
const { answer } = require('../common/child')
const { gc } = require('../common/gc')
const { summary } = require('../common/stats')
const { Missing, start, unlessMissing } = require('./contenders')
const { run, warm } = require('./work')

// What a contender does within the pause, per collection, in ns.
//
// V8 calls those who want to know of a collection in the order in which they came, at its beginning and at its end, and
// both Node and GcMonitor note the time of each call. So whoever lies between these two marks is measured by their
// distance, less what it is with nobody in between. Node notes the time at once; GcMonitor last at the beginning and
// first at the end. So what GcMonitor does at the beginning shows when it comes second, and what it does at the end
// when it comes first; of Node's it is the other way round. The difference between the two clocks cancels out.
const kinds = { young: { number: 1, name: 'scavenge' }, full: { number: 4, name: 'mark-sweep-compact' } }

answer(({ contender, ms, fulls }) => unlessMissing(() => measure(contender, ms, fulls)))

async function measure (contender, ms, fulls) {
  open([]).close()
  await pass(20)
  const steps = await warm(ms)
  const work = async () => {
    await run(steps)
    for (let i = 0; i < fulls; i++) {
      gc()
      if (i % 8 === 0) await turn()
    }
  }
  const outer = await record(['node', 'ours'], work)
  if (contender === 'GcMonitor' || contender === 'PerformanceObserver') {
    const inner = await record(['ours', 'node'], work)
    const own = contender === 'GcMonitor'
    return costs((kind) => own ? outer[kind].begin - inner[kind].end : outer[kind].end - inner[kind].begin, outer)
  }
  let other
  const between = await record(['node', () => { other = start(contender) }, 'ours'], work)
  other.end()
  other.stop()
  return costs((kind) => between[kind].begin + between[kind].end - outer[kind].begin - outer[kind].end, outer)
}

function costs (cost, { young, full }) {
  return { young: cost('young'), full: cost('full'), collections: young.count, 'full collections': full.count }
}

// A GcMonitor whose events go to a list.
function open (events) {
  const { GcMonitor } = require('../..')
  if (GcMonitor === undefined) throw new Missing('missing: heapwise has no GcMonitor in this build')
  const monitor = new GcMonitor({ bufferSize: 2 ** 18 })
  monitor.on('gc', (event) => events.push(event))
  const { source, sourceReason } = monitor
  if (source === 'v8') return monitor
  monitor.close()
  throw new Missing(`cannot be told without V8's callbacks: ${sourceReason}`)
}

// The medians of the distances between the two marks, from Node's to ours, of each kind of collection.
async function record (order, work) {
  const entries = []
  const events = []
  const observer = new PerformanceObserver((list) => entries.push(...list.getEntries()))
  let monitor
  for (const who of order) {
    if (who === 'node') observer.observe({ type: 'gc' })
    else if (who === 'ours') monitor = open(events)
    else who()
  }
  // A young generation that has not grown yet.
  gc()
  await work()
  await turn()
  await turn()
  monitor.close()
  observer.disconnect()
  // A monitor that ends tells V8 a little later.
  await pass(20)
  return Object.fromEntries(Object.entries(kinds).map(([kind, { number, name }]) => {
    const theirs = entries.filter(({ detail }) => detail.kind === number)
    return [kind, distances(match(theirs, events.filter((event) => event.kind === name)))]
  }))
}

function distances (pairs) {
  const end = ({ startTime, duration }) => startTime + duration
  const begins = pairs.map(([entry, event]) => (event.startTime - entry.startTime) * 1e6)
  const ends = pairs.map(([entry, event]) => (end(event) - end(entry)) * 1e6)
  return { begin: summary(begins).median, end: summary(ends).median, count: pairs.length }
}

// Those that are of the same collection: they begin at nearly the same time.
function match (entries, events) {
  const pairs = []
  let at = 0
  for (const event of events) {
    while (at < entries.length && entries[at].startTime < event.startTime - 0.5) at++
    const entry = entries[at]
    if (entry === undefined || Math.abs(entry.startTime - event.startTime) >= 0.5) continue
    pairs.push([entry, event])
    at++
  }
  if (pairs.length === 0 || pairs.length < 0.9 * events.length) {
    throw new Error(`of ${events.length} collections ${pairs.length} were seen by both`)
  }
  return pairs
}
