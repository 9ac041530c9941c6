'use strict'

// What the operating system says of the process, its container and its machine: now, and by a thread of Rust's at an
// interval, whatever JavaScript does meanwhile. What cannot be known is null, never 0.
//
// A sample takes about 30 µs on Linux. Elsewhere little is known but what Node itself can tell.

const os = require('node:os')

const native = require('../native')
const { invalidNumber, refused, unsupported } = require('../errors')

const { processDrain, processPeak, processSample, processStart, processStop, processTrim } = native

// The order in which native code writes a sample: Column in src/core/process/mod.rs says what each of them is.
const COLUMNS = [
  'at', 'time', 'rss', 'anon', 'file', 'shmem', 'swap', 'peakRss', 'virtual', 'threads', 'minorFaults', 'majorFaults',
  'cpuUser', 'cpuSystem', 'descriptors', 'allocator', 'mallocInUse', 'mallocFree', 'mallocMapped', 'mallocArenas',
  'cgroupVersion', 'cgroupLimit', 'cgroupHigh', 'cgroupCurrent', 'cgroupWorkingSet', 'cgroupPeak', 'cgroupSwap',
  'cgroupHeadroom', 'eventsLow', 'eventsHigh', 'eventsMax', 'eventsOom', 'eventsOomKill', 'cgroupPressure',
  'cgroupPressure+1', 'cgroupPressure+2', 'cgroupPressure+3', 'cgroupPressure+4', 'cgroupPressure+5',
  'cgroupPressure+6', 'cgroupPressure+7', 'hostTotal', 'hostAvailable', 'hostPressure', 'hostPressure+1',
  'hostPressure+2', 'hostPressure+3', 'hostPressure+4', 'hostPressure+5', 'hostPressure+6', 'hostPressure+7'
]
const WIDTH = COLUMNS.length
const AT = Object.freeze(Object.fromEntries(COLUMNS.map((name, index) => [name, index])))

// By the number that native code gives. The numbers of the second are the last 32 bits of what they should be.
const ALLOCATORS = [null, 'glibc', 'glibc before 2.33', 'jemalloc']

const LEAST_INTERVAL = 10
const MOST_INTERVAL = 2 ** 31 - 1
/** Samples that are fetched at a time. */
const BATCH = 32

const { memoryUsage: { rss: nodeRss }, cpuUsage } = process
const { totalmem } = os

/** A function that reads one number of a row. */
const reader = (row, start) => column => {
  const value = row[start + column]
  return Number.isNaN(value) ? null : value
}

const stalls = (read, first) => {
  const avg10 = read(first)
  return avg10 === null ? null : { avg10, avg60: read(first + 1), avg300: read(first + 2), total: read(first + 3) }
}

const pressure = (read, first) => {
  const some = stalls(read, first)
  const full = stalls(read, first + 4)
  return some === null && full === null ? null : { some, full }
}

const malloc = read => {
  const allocator = ALLOCATORS[read(AT.allocator) ?? 0] ?? null
  return allocator === null ? null : {
    inUse: read(AT.mallocInUse),
    free: read(AT.mallocFree),
    mapped: read(AT.mallocMapped),
    arenas: read(AT.mallocArenas),
    allocator
  }
}

const events = read => {
  const counts = {
    low: read(AT.eventsLow),
    high: read(AT.eventsHigh),
    max: read(AT.eventsMax),
    oom: read(AT.eventsOom),
    oomKill: read(AT.eventsOomKill)
  }
  return Object.values(counts).every(count => count === null) ? null : counts
}

const cgroup = read => {
  const version = read(AT.cgroupVersion)
  return !version ? null : {
    version,
    limit: read(AT.cgroupLimit),
    high: read(AT.cgroupHigh),
    headroom: read(AT.cgroupHeadroom),
    current: read(AT.cgroupCurrent),
    workingSet: read(AT.cgroupWorkingSet),
    peak: read(AT.cgroupPeak),
    swap: read(AT.cgroupSwap),
    events: events(read),
    pressure: pressure(read, AT.cgroupPressure)
  }
}

const host = read => {
  const total = read(AT.hostTotal)
  const available = read(AT.hostAvailable)
  return total === null && available === null
    ? null
    : { total, available, pressure: pressure(read, AT.hostPressure) }
}

/**
 * A sample. Bytes, if nothing else is said.
 *
 * @typedef {object} ProcessSample
 * @property {number} time milliseconds since 1970
 * @property {number} hrtime when it was begun, nanoseconds on the clock of `process.hrtime`
 * @property {number | null} rss what of the process is in memory: `anon`, `file` and `shmem` together
 * @property {number | null} anon no file's: heaps and stacks
 * @property {number | null} file mapped files': the program and its libraries
 * @property {number | null} shmem shared memory
 * @property {number | null} swap what of the process is in swap
 * @property {number | null} peakRss the most that `rss` has ever been
 * @property {number | null} virtual address space
 * @property {number | null} threads how many threads
 * @property {number | null} descriptors how many are open, where the kernel has the number at hand (Linux 6.2)
 * @property {{ minor: number | null, major: number | null }} faults page faults since the start; the major ones
 *   waited for a disk
 * @property {{ user: number | null, system: number | null }} cpu microseconds since the start, of all threads
 * @property {Malloc | null} malloc of the C allocator, which has all memory of Buffers above Node's pool, and of addons
 * @property {Cgroup | null} cgroup the container's
 * @property {Host | null} host the machine's
 */

/**
 * @typedef {object} Malloc
 * @property {number | null} inUse allocated and not freed
 * @property {number | null} free freed and held for later. After `trim()` it is still held as address space, though it
 *   takes no memory any more: `anon` says what does
 * @property {number | null} mapped the part of `inUse` that has mappings of its own
 * @property {number | null} arenas what it has from the system for all but those
 * @property {string} allocator 'glibc', 'glibc before 2.33' (which counts modulo 4 GB), 'jemalloc'
 */

/**
 * @typedef {object} Cgroup
 * @property {number} version 1 or 2
 * @property {number | null} limit the lowest of its limits and those around it; null: none but the machine's
 * @property {number | null} high above it the kernel slows the process down (version 2)
 * @property {number | null} headroom what still fits, in the fullest of the cgroups that have a limit
 * @property {number | null} current with file cache
 * @property {number | null} workingSet without file cache that was not used lately
 * @property {number | null} peak the most that `current` has ever been
 * @property {number | null} swap
 * @property {{ low: number | null, high: number | null, max: number | null, oom: number | null,
 *   oomKill: number | null } | null} events how often each has happened
 * @property {Pressure | null} pressure
 */

/**
 * @typedef {object} Host
 * @property {number | null} total
 * @property {number | null} available without swapping
 * @property {Pressure | null} pressure
 */

/**
 * How much of the time some, and all, waited for memory.
 *
 * @typedef {{ some: Stalls | null, full: Stalls | null }} Pressure
 * @typedef {object} Stalls
 * @property {number | null} avg10 per cent of the last 10 seconds
 * @property {number | null} avg60
 * @property {number | null} avg300
 * @property {number | null} total microseconds, ever
 */

/** @returns {ProcessSample} the sample at `start` of `row` */
const toSample = (row, start) => {
  const read = reader(row, start)
  return {
    time: row[start + AT.time],
    hrtime: row[start + AT.at],
    rss: read(AT.rss),
    anon: read(AT.anon),
    file: read(AT.file),
    shmem: read(AT.shmem),
    swap: read(AT.swap),
    peakRss: read(AT.peakRss),
    virtual: read(AT.virtual),
    threads: read(AT.threads),
    descriptors: read(AT.descriptors),
    faults: { minor: read(AT.minorFaults), major: read(AT.majorFaults) },
    cpu: { user: read(AT.cpuUser), system: read(AT.cpuSystem) },
    malloc: malloc(read),
    cgroup: cgroup(read),
    host: host(read)
  }
}

const single = new Float64Array(WIDTH)

/** The process as it is now. */
const readSample = () => {
  processSample(single)
  const sample = toSample(single, 0)
  // Systems of which native code knows nothing. Its thread cannot ask Node.
  sample.rss ??= nodeRss()
  sample.host ??= { total: totalmem(), available: null, pressure: null }
  if (sample.cpu.user === null) sample.cpu = cpuUsage()
  return sample
}

/** One who has the process sampled, until it stops. */
class Sampling {
  #user
  #rows = new Float64Array(BATCH * WIDTH)

  constructor (intervalMs) {
    this.#user = processStart(intervalMs)
    if (this.#user === 0) throw refused('the operating system gives no thread to sample the process with')
  }

  /**
   * What has been sampled since the last call, oldest first. The last 2,048 are kept; of those before, the highest RSS
   * is still known to `peak()`.
   *
   * @returns {ProcessSample[]}
   */
  drain () {
    const samples = []
    for (let count = BATCH; count === BATCH && this.#user !== 0;) {
      count = processDrain(this.#user, this.#rows)
      for (let row = 0; row < count; row++) samples.push(toSample(this.#rows, row * WIDTH))
    }
    return samples
  }

  /** The highest RSS that has been sampled since the last call, drained or not; null if there was no sample. */
  peak () {
    const peak = this.#user === 0 ? NaN : processPeak(this.#user)
    return Number.isNaN(peak) ? null : peak
  }

  /** Ends it. What was not drained is gone. */
  stop () {
    if (this.#user !== 0) processStop(this.#user)
    this.#user = 0
  }

  [Symbol.dispose] () {
    this.stop()
  }
}

/**
 * Has a thread sample the process every so many milliseconds. There is one thread for the process, which works at the
 * smallest interval that is asked for, and everybody gets as many samples as asked for. It does not keep the process
 * alive. At short intervals `malloc`, `cgroup` and `host` may be those of some samples ago.
 */
const start = intervalMs => {
  if (!(typeof intervalMs === 'number' && intervalMs >= LEAST_INTERVAL && intervalMs <= MOST_INTERVAL)) {
    throw invalidNumber("argument 'intervalMs'", `a number from ${LEAST_INTERVAL} to ${MOST_INTERVAL}`, intervalMs)
  }
  return new Sampling(intervalMs)
}

/**
 * Has the C allocator give back to the system what was freed and is held, which takes tens of milliseconds if there is
 * much. Answers RSS before and after in bytes, and the difference; 0 if it has grown meanwhile.
 */
const trim = () => {
  const before = readSample().rss
  if (!processTrim()) throw unsupported('trim', 'the C allocator of this process has no function for it')
  const after = readSample().rss
  return { before, after, freed: Math.max(0, before - after) }
}

module.exports = { readSample, start, trim }
