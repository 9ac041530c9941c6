'use strict'

// What a monitor knows as Prometheus reads it: text of the exposition format 0.0.4. Names, labels and buckets are those
// of prom-client's default metrics, so that dashboards made for it show these; what is ours begins with `heapwise_`.

const fs = require('node:fs')
const perfHooks = require('node:perf_hooks')
const v8 = require('node:v8')

const { readSample } = require('./process')

// As they are now, whatever is put in their place.
const { getHeapSpaceStatistics, getHeapStatistics } = v8

const NS_PER_S = 1e9
const US_PER_S = 1e6
const MS_PER_S = 1000

// ---- the format

const escapeHelp = text => text.replace(/\\/g, '\\\\').replace(/\n/g, '\\n')
const escapeLabel = text => escapeHelp(`${text}`).replace(/"/g, '\\"')

const show = value => {
  if (value === Infinity) return '+Inf'
  return value === -Infinity ? '-Inf' : `${value}`
}

const isKnown = value => typeof value === 'number' && !Number.isNaN(value)

const labelsOf = labels => {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

/** Collects families of metrics. What is not known is left out, with its family if nothing else is in it. */
class Text {
  #lines = []

  #family (name, type, help, rows) {
    const known = rows.filter(([, , value]) => isKnown(value))
    if (known.length === 0) return
    this.#lines.push(`# HELP ${name} ${escapeHelp(help)}`, `# TYPE ${name} ${type}`)
    for (const [suffix, labels, value] of known) this.#lines.push(`${name}${suffix}${labelsOf(labels)} ${show(value)}`)
  }

  gauge (name, help, value) {
    this.#family(name, 'gauge', help, [['', {}, value]])
  }

  counter (name, help, value) {
    this.#family(name, 'counter', help, [['', {}, value]])
  }

  /** A value for each of several labels: `[[label, value]]`. */
  gauges (name, help, label, values) {
    this.#family(name, 'gauge', help, values.map(([of, value]) => ['', { [label]: of }, value]))
  }

  /** A constant 1, whose labels are the message. */
  info (name, help, labels) {
    this.#family(name, 'gauge', help, [['', labels, 1]])
  }

  histogram (name, help, rows) {
    this.#family(name, 'histogram', help, rows)
  }

  toString () {
    return this.#lines.length === 0 ? '' : `${this.#lines.join('\n')}\n`
  }
}

// ---- collections

// prom-client has no name for a minor mark-sweep, the young generation's other collector.
/** @type {[string, string[]][]} */
const GC_KINDS = [
  ['major', ['mark-sweep-compact']],
  ['minor', ['scavenge', 'minor-mark-sweep']],
  ['incremental', ['incremental-marking']],
  ['weakcb', ['weak-callbacks']]
]
const GC_BUCKETS = [0.001, 0.01, 0.1, 1, 2, 5]

const readPauses = (monitor, names) => {
  const parts = names.map(name => monitor.histogram(name))
  return {
    buckets: parts.flatMap(part => part.buckets),
    count: parts.reduce((count, part) => count + part.count, 0),
    seconds: parts.reduce((sum, part) => sum + part.sum, 0) / NS_PER_S
  }
}

/** How many are not above `seconds`. A bucket that lies on both sides counts where its middle is. */
const notAbove = (buckets, seconds) => {
  const most = seconds * NS_PER_S
  return buckets.reduce((sum, [from, to, count]) => (from + to - 1) / 2 <= most ? sum + count : sum, 0)
}

const gcRows = (monitor, [kind, names]) => {
  const { buckets, count, seconds } = readPauses(monitor, names)
  const rows = GC_BUCKETS.map(le => ['_bucket', { le, kind }, notAbove(buckets, le)])
  return [...rows, ['_bucket', { le: '+Inf', kind }, count], ['_sum', { kind }, seconds], ['_count', { kind }, count]]
}

const addCollections = (text, monitor) => {
  text.histogram('nodejs_gc_duration_seconds',
    'Garbage collection duration by kind, one of major, minor, incremental or weakcb.',
    GC_KINDS.flatMap(kind => gcRows(monitor, kind)))
}

// ---- the process

const { platform } = process

const readText = file => {
  try {
    return fs.readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

const numberIn = (text, pattern) => {
  const found = pattern.exec(text)?.[1]
  return found === undefined ? NaN : Number(found)
}

/** The data segment, in bytes. */
const readData = () => platform === 'linux' ? 1024 * numberIn(readText('/proc/self/status'), /^VmData:\s*(\d+)/m) : NaN

const readMostDescriptors = () => numberIn(readText('/proc/self/limits'), /^Max open files\s+(\d+)/m)

const readDescriptors = sample => {
  if (sample.descriptors !== null || platform !== 'linux') return sample.descriptors
  try {
    // One of them is that of the folder.
    return fs.readdirSync('/proc/self/fd').length - 1
  } catch {
    return NaN
  }
}

const addProcess = (text, sample) => {
  const { user, system } = sample.cpu
  text.counter('process_cpu_user_seconds_total', 'Total user CPU time spent in seconds.', user / US_PER_S)
  text.counter('process_cpu_system_seconds_total', 'Total system CPU time spent in seconds.', system / US_PER_S)
  text.counter('process_cpu_seconds_total', 'Total user and system CPU time spent in seconds.',
    (user + system) / US_PER_S)
  text.gauge('process_start_time_seconds', 'Start time of the process since unix epoch in seconds.',
    Math.round(Date.now() / MS_PER_S - process.uptime()))
  text.gauge('process_resident_memory_bytes', 'Resident memory size in bytes.', sample.rss)
  text.gauge('process_virtual_memory_bytes', 'Virtual memory size in bytes.', sample.virtual)
  text.gauge('process_heap_bytes', 'Process heap size in bytes.', readData())
  text.gauge('process_open_fds', 'Number of open file descriptors.', readDescriptors(sample))
  text.gauge('process_max_fds', 'Maximum number of open file descriptors.', readMostDescriptors())
}

// ---- the event loop

const DELAY_MS = 10
let delay

/** Measures from the first call on; what it holds is then that since the last call. */
const addEventLoop = text => {
  if (delay === undefined) {
    delay = perfHooks.monitorEventLoopDelay({ resolution: DELAY_MS })
    delay.enable()
    return
  }
  if (delay.count > 0) addDelay(text, delay)
  delay.reset()
}

const addDelay = (text, measured) => {
  const gauge = (part, help, ns) => text.gauge(`nodejs_eventloop_lag_${part}seconds`, help, ns / NS_PER_S)
  gauge('', 'Lag of event loop in seconds.', Math.max(0, measured.mean - DELAY_MS * NS_PER_S / MS_PER_S))
  gauge('min_', 'The minimum recorded event loop delay.', measured.min)
  gauge('max_', 'The maximum recorded event loop delay.', measured.max)
  gauge('mean_', 'The mean of the recorded event loop delays.', measured.mean)
  gauge('stddev_', 'The standard deviation of the recorded event loop delays.', measured.stddev)
  for (const share of [50, 90, 99]) {
    gauge(`p${share}_`, `The ${share}th percentile of the recorded event loop delays.`, measured.percentile(share))
  }
}

// ---- what is active

const countBy = names => {
  const counts = new Map()
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
  return [...counts]
}

/** Names of constructors of what a function of Node that is not public returns, if it is there. */
const classesOf = name => {
  const list = typeof process[name] === 'function' ? process[name]() : []
  return list.map(item => item?.constructor?.name || 'unknown')
}

const addActive = text => {
  const add = (kind, help, names) => {
    text.gauges(`nodejs_active_${kind}`, help, 'type', countBy(names))
    text.gauge(`nodejs_active_${kind}_total`, `Total number of active ${kind}.`, names.length)
  }
  add('resources', 'Number of active resources that are currently keeping the event loop alive, grouped by async ' +
    'resource type.', process.getActiveResourcesInfo())
  add('handles', 'Number of active libuv handles grouped by handle type. Every handle type is C++ class name.',
    classesOf('_getActiveHandles'))
  add('requests', 'Number of active libuv requests grouped by request type. Every request type is C++ class name.',
    classesOf('_getActiveRequests'))
}

// ---- the heap

const addHeap = (text, memory) => {
  text.gauge('nodejs_heap_size_total_bytes', 'Process heap size from Node.js in bytes.', memory.heapTotal)
  text.gauge('nodejs_heap_size_used_bytes', 'Process heap size used from Node.js in bytes.', memory.heapUsed)
  text.gauge('nodejs_external_memory_bytes', 'Node.js external memory size in bytes.', memory.external)
  const spaces = getHeapSpaceStatistics()
  const add = (part, field) => text.gauges(`nodejs_heap_space_size_${part}_bytes`,
    `Process heap space size ${part} from Node.js in bytes.`, 'space',
    spaces.map(space => [space.space_name.replace(/_space$/, ''), space[field]]))
  add('total', 'space_size')
  add('used', 'space_used_size')
  add('available', 'space_available_size')
}

const addVersion = text => {
  const [major, minor, patch] = process.versions.node.split('.')
  text.info('nodejs_version_info', 'Node.js version info.', { version: process.version, major, minor, patch })
}

// ---- what prom-client does not have

const addOurHeap = (text, stats, heap, memory) => {
  text.gauge('heapwise_heap_limit_bytes', 'Size the heap may not pass.', heap.heap_size_limit)
  text.gauge('heapwise_array_buffers_bytes', 'Memory of ArrayBuffers and Buffers, part of external memory.',
    memory.arrayBuffers)
  text.gauge('heapwise_native_contexts', 'Contexts of JavaScript that exist.', heap.number_of_native_contexts)
  text.gauge('heapwise_detached_contexts', 'Contexts that were given up and are still held.',
    heap.number_of_detached_contexts)
  text.gauge('heapwise_live_heap_bytes', 'What was in use after the last full collection.', stats.liveHeap?.floor)
}

const addOurCollections = (text, stats) => {
  if (stats.source !== null) {
    text.info('heapwise_source_info', 'Where collections are recorded: v8 or perf_hooks.', { source: stats.source })
  }
  text.counter('heapwise_gc_seconds_total', 'Time in collections, those inside others counted once.',
    stats.gcMs / MS_PER_S)
  text.gauge('heapwise_gc_time_ratio', 'Share of time in collections, from 0 to 1.', stats.gcTimeRatio)
  text.gauges('heapwise_gc_max_seconds', 'Longest pause by kind.', 'kind',
    Object.entries(stats.byKind).map(([kind, { max }]) => [kind, max / MS_PER_S]))
  text.counter('heapwise_allocated_bytes_total', 'Bytes allocated on the heap.', stats.allocated)
  text.counter('heapwise_promoted_bytes_total', 'Bytes that have moved to the old generation.', stats.promoted)
  text.counter('heapwise_lost_events_total', 'Collections that were counted, but whose event nobody got.', stats.lost)
}

const TRENDS = { liveHeap: 'heap', external: 'external', arrayBuffers: 'arrayBuffers', rss: 'rss' }

const addOurTrends = (text, stats) => {
  const judged = Object.entries(TRENDS).flatMap(([name, what]) => stats[name] ? [[what, stats[name]]] : [])
  const enough = judged.filter(([, trend]) => trend.verdict !== 'not-enough-data')
  text.gauges('heapwise_slope_bytes_per_hour', 'Growth an hour, if there were measurements enough.', 'what',
    enough.map(([what, trend]) => [what, trend.slope]))
  text.gauges('heapwise_growing', '1 if it grows likely or certainly, else 0.', 'what', enough.map(([what, trend]) =>
    [what, Number(trend.verdict === 'growing' && ['likely', 'certain'].includes(trend.confidence))]))
}

const addOurProcess = (text, { malloc, cgroup, swap }) => {
  text.gauge('heapwise_malloc_in_use_bytes', 'Bytes that the C allocator has given out.', malloc?.inUse)
  text.gauge('heapwise_malloc_free_bytes', 'Bytes that were freed and that the C allocator holds.', malloc?.free)
  text.gauge('heapwise_swap_bytes', 'What of the process is in swap.', swap)
  text.gauge('heapwise_cgroup_limit_bytes', 'Memory that the container may use.', cgroup?.limit)
  text.gauge('heapwise_cgroup_current_bytes', 'Memory that the container uses, with file cache.', cgroup?.current)
  text.gauge('heapwise_cgroup_working_set_bytes', 'Memory of the container without file cache that is not in use.',
    cgroup?.workingSet)
  text.counter('heapwise_cgroup_oom_kills_total', 'Processes of the container that were killed for memory.',
    cgroup?.events?.oomKill)
}

/** All of it, for `monitor`. */
const render = monitor => {
  const text = new Text()
  const sample = readSample()
  const memory = process.memoryUsage()
  const stats = monitor.stats()
  addProcess(text, sample)
  addEventLoop(text)
  addActive(text)
  addHeap(text, memory)
  addVersion(text)
  addCollections(text, monitor)
  addOurCollections(text, stats)
  addOurHeap(text, stats, getHeapStatistics(), memory)
  addOurTrends(text, stats)
  addOurProcess(text, sample)
  return text.toString()
}

module.exports = { render }
