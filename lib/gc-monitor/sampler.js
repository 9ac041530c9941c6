'use strict'

// What a 'sample' holds, taken on the thread of JavaScript.

const perfHooks = require('node:perf_hooks')
const v8 = require('node:v8')

const { wall } = require('./clock')
const { readSample } = require('./process-now')

const DELAY_MS = 10
const NS_PER_MS = 1e6

const camelCase = name => name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase())

/** `v8.getHeapStatistics()`, with names as JavaScript writes them. */
const readHeap = () => {
  const heap = {}
  for (const [name, value] of Object.entries(v8.getHeapStatistics())) heap[camelCase(name)] = value
  return heap
}

const readSpaces = () => v8.getHeapSpaceStatistics().map(space => ({
  name: space.space_name,
  size: space.space_size,
  used: space.space_used_size,
  available: space.space_available_size,
  physical: space.physical_space_size
}))

const eventLoopUtilization = perfHooks.performance.eventLoopUtilization.bind(perfHooks.performance)

/** Event-loop delay is measured from start to stop; a timer of Node's own does it, which keeps nothing alive. */
class Sampler {
  #delay
  #before

  start () {
    if (this.#delay !== undefined) return
    this.#delay = perfHooks.monitorEventLoopDelay({ resolution: DELAY_MS })
    this.#delay.enable()
    this.#before = eventLoopUtilization()
  }

  stop () {
    this.#delay?.disable()
    this.#delay = undefined
  }

  /** Since the last sample. */
  #eventLoop () {
    if (this.#delay === undefined) return null
    const present = eventLoopUtilization()
    const { utilization } = eventLoopUtilization(present, this.#before)
    this.#before = present
    const delay = this.#delay
    // What it counts is the time between two turns of its timer.
    const ms = ns => delay.count === 0 ? 0 : Math.max(0, ns / NS_PER_MS - DELAY_MS)
    const read = {
      min: ms(delay.min),
      mean: ms(delay.mean),
      max: ms(delay.max),
      p50: ms(delay.percentile(50)),
      p99: ms(delay.percentile(99))
    }
    delay.reset()
    return { utilization, delay: read }
  }

  /** What the thread of the sampler has seen while the loop was blocked, and what is now. */
  take () {
    return [{
      time: wall(),
      process: readSample(),
      heap: readHeap(),
      spaces: readSpaces(),
      memoryUsage: { ...process.memoryUsage() },
      eventLoop: this.#eventLoop(),
      late: false
    }]
  }
}

module.exports = { Sampler, readHeap, readSpaces }
