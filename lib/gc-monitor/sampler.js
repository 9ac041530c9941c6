'use strict'

// What a 'sample' holds, taken on the thread of JavaScript.

const perfHooks = require('node:perf_hooks')
const v8 = require('node:v8')

const { now, wall } = require('./clock')
const { readSample, start: startSampling } = require('./process')

// As they are now, whatever is put in their place.
const { getHeapSpaceStatistics, getHeapStatistics } = v8

const { memoryUsage } = process

const DELAY_MS = 10
const NS_PER_MS = 1e6

const camelCase = name => name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase())

/** `v8.getHeapStatistics()`, with names as JavaScript writes them. */
const readHeap = () => {
  const heap = {}
  for (const [name, value] of Object.entries(getHeapStatistics())) heap[camelCase(name)] = value
  return heap
}

const readSpaces = () => getHeapSpaceStatistics().map(space => ({
  name: space.space_name,
  size: space.space_size,
  used: space.space_used_size,
  available: space.space_available_size,
  physical: space.physical_space_size
}))

const eventLoopUtilization = perfHooks.performance.eventLoopUtilization.bind(perfHooks.performance)

/** What only a thread of its own could see. */
const late = sample => ({
  time: Math.round(sample.time),
  process: sample,
  heap: null,
  spaces: null,
  memoryUsage: null,
  eventLoop: null,
  late: true
})

/**
 * Samples at an interval. Event-loop delay is measured by a timer of Node's own, and the process by a thread in Rust;
 * neither keeps anything alive.
 */
class Sampler {
  #interval
  #delay
  #before
  #sampling
  #taken = 0

  constructor ({ interval }) {
    this.#interval = interval
  }

  start () {
    if (this.#delay !== undefined) return
    try {
      this.#sampling = startSampling(this.#interval)
    } catch {
      // Without a thread nothing is seen while the loop is blocked; the rest goes on.
    }
    this.#delay = perfHooks.monitorEventLoopDelay({ resolution: DELAY_MS })
    this.#delay.enable()
    this.#before = eventLoopUtilization()
    this.#taken = now()
  }

  stop () {
    this.#delay?.disable()
    this.#sampling?.stop()
    this.#delay = undefined
    this.#sampling = undefined
  }

  /** Since the last sample, whose own timer is `lag` ms late. */
  #eventLoop (lag) {
    const present = eventLoopUtilization()
    const { utilization } = eventLoopUtilization(present, this.#before)
    this.#before = present
    const delay = this.#delay
    // What it counts is the time between two turns of its timer, but the first, which can be the one that was blocked.
    const ms = ns => delay.count === 0 ? lag : Math.max(0, ns / NS_PER_MS - DELAY_MS)
    const read = {
      min: Math.min(lag, ms(delay.min)),
      mean: ms(delay.mean),
      max: Math.max(lag, ms(delay.max)),
      p50: ms(delay.percentile(50)),
      p99: ms(delay.percentile(99))
    }
    delay.reset()
    return { utilization, delay: read }
  }

  /** What the thread has seen while the loop was blocked; nothing if it was not. */
  #missed (lag) {
    const seen = this.#sampling?.drain() ?? []
    const newest = wall() - this.#interval / 2
    return lag > this.#interval / 2 ? seen.filter(({ time }) => time < newest) : []
  }

  /** What there was since the last time, oldest first; the last is of now. */
  take () {
    if (this.#delay === undefined) return []
    const lag = Math.max(0, now() - this.#taken - this.#interval)
    this.#taken = now()
    return [...this.#missed(lag).map(late), {
      time: wall(),
      process: readSample(),
      heap: readHeap(),
      spaces: readSpaces(),
      memoryUsage: { ...memoryUsage() },
      eventLoop: this.#eventLoop(lag),
      late: false
    }]
  }
}

module.exports = { Sampler, readHeap, readSpaces }
