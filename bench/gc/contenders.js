'use strict'

const v8 = require('node:v8')
const { PerformanceObserver } = require('node:perf_hooks')

/** What a contender needs is not there. */
class Missing extends Error {}

const heapwise = '../..'

function need (name) {
  try {
    return require(name)
  } catch (error) {
    throw new Missing(`missing: ${error.message.split('\n')[0]}`)
  }
}

function ours (part) {
  const found = need(heapwise)[part]
  if (found === undefined) throw new Missing(`missing: this build of heapwise has no ${part}`)
  return found
}

// What happens goes to functions that do next to nothing.
function monitor (names, options = {}) {
  const GcMonitor = ours('GcMonitor')
  const one = new GcMonitor(options)
  let told = 0
  for (const name of names) one.on(name, () => { told++ })
  return {
    stop: () => one.stop(),
    tell () {
      const { collections, source } = one.stats()
      one.close()
      return { seen: collections, told, source }
    }
  }
}

const everyEvent = ['gc', 'sample', 'leak', 'pressure', 'heapLimit']

function observe (more = () => {}) {
  let seen = 0
  const observer = new PerformanceObserver((list) => {
    seen += list.getEntries().length
    more()
  })
  observer.observe({ type: 'gc' })
  return { stop: () => observer.disconnect(), tell: () => ({ seen }) }
}

function profile () {
  const profiler = new v8.GCProfiler()
  profiler.start()
  let statistics
  return {
    end () { ({ statistics } = profiler.stop()) },
    tell: () => ({ seen: statistics.length })
  }
}

function gcStats () {
  let seen = 0
  need('@sematext/gc-stats')().on('stats', () => { seen++ })
  return { tell: () => ({ seen }) }
}

function promClient () {
  const { Registry, collectDefaultMetrics } = need('prom-client')
  const register = new Registry()
  collectDefaultMetrics({ register })
  return {
    async tell () {
      const { values } = await register.getSingleMetric('nodejs_gc_duration_seconds').get()
      const counts = values.filter(({ metricName }) => metricName.endsWith('_count'))
      return { seen: counts.reduce((sum, { value }) => sum + value, 0) }
    }
  }
}

// A watch looks every 30 s, so seldom within a run: what a look costs is told apart.
function watch (parts) {
  const one = ours('leaks').watch(Object.fromEntries(parts.map((part) => [part, true])))
  return {
    async look () {
      const before = process.cpuUsage()
      await one.look()
      const { user, system } = process.cpuUsage(before)
      const [failed] = Object.entries(one.report().failures)
      if (failed) throw new Error(`${failed[0]}: ${failed[1].message}`)
      return { look: (user + system) * 1e3 }
    },
    stop: () => one.stop(),
    tell: () => ({})
  }
}

const parts = ['timers', 'listeners', 'globals', 'collections', 'buffers', 'stacks', 'pools']

function everything () {
  const [events, leaks] = [monitor(everyEvent, { heapLimit: 0.9 }), watch(parts)]
  return {
    look: leaks.look,
    stop () {
      events.stop()
      leaks.stop()
    },
    tell: events.tell
  }
}

const nothing = () => ({ tell: () => ({}) })

// Each begins by `start` and ends by `stop`, and may `look` in between; then it tells what it has seen. If what it does
// in the end is for what was before, and not only for ending, it is done by `end`, which comes first and is measured.
//   ours    heapwise's
//   rows    where it takes part; in shuffled only who leaves nothing behind when it has ended
//   lasting it cannot be ended
const contenders = [
  { name: 'nothing', rows: ['shuffled', 'turned on', 'http'], start: nothing },
  // What two runs of the same differ by.
  { name: 'nothing again', rows: ['shuffled', 'turned on', 'http'], start: nothing },
  {
    name: 'GcMonitor',
    words: ['heapwise', 'gcmonitor'],
    ours: true,
    rows: ['pause', 'shuffled', 'turned on', 'http'],
    start: () => monitor([])
  },
  {
    name: 'GcMonitor gc',
    words: ['heapwise', 'gcmonitor'],
    ours: true,
    rows: ['shuffled', 'turned on'],
    start: () => monitor(['gc'])
  },
  {
    name: 'GcMonitor all',
    words: ['heapwise', 'gcmonitor'],
    ours: true,
    rows: ['turned on'],
    start: () => monitor(everyEvent, { heapLimit: 0.9 })
  },
  {
    name: 'PerformanceObserver',
    words: ['node', 'performanceobserver'],
    rows: ['pause', 'shuffled', 'turned on', 'http'],
    start: () => observe()
  },
  {
    name: 'PerformanceObserver heap',
    words: ['node', 'performanceobserver'],
    rows: ['shuffled', 'turned on'],
    start: () => observe(() => {
      v8.getHeapStatistics()
      v8.getHeapSpaceStatistics()
    })
  },
  // It goes on recording when it has been stopped, until it is collected.
  { name: 'GCProfiler', words: ['node', 'gcprofiler'], rows: ['pause', 'turned on'], start: profile },
  { name: '@sematext/gc-stats', words: ['gc-stats'], lasting: true, rows: ['pause', 'turned on'], start: gcStats },
  { name: 'prom-client', words: ['prom-client'], lasting: true, rows: ['turned on', 'http'], start: promClient },
  {
    name: 'watch', words: ['heapwise', 'watch'], ours: true, rows: ['http'], start: () => watch(['timers', 'listeners'])
  },
  { name: 'everything', words: ['heapwise', 'everything'], ours: true, rows: ['http'], start: everything }
]

/** Begins what a contender does. */
function start (wanted) {
  const { lasting = false, start: begin } = contenders.find((contender) => contender.name === wanted)
  return { lasting, look: () => ({}), end () {}, stop () {}, ...begin() }
}

/** What `measure` returns, or what is missing for it. */
async function unlessMissing (measure) {
  try {
    return await measure()
  } catch (error) {
    if (error instanceof Missing) return { failure: error.message }
    throw error
  }
}

module.exports = { Missing, contenders, start, unlessMissing }
