'use strict'

// What is counted before and after a round: bytes, and things that stay open.

const v8 = require('node:v8')

// Of each of them so many rows at most; what is beyond is not told apart.
const MOST_NAMES = 64

/** Bytes of the heap, of other memory that objects hold, and of ArrayBuffers; contexts. */
const MEMORY = ['heap', 'external', 'arrayBuffers', 'contexts']

/** Compiled code comes and goes as V8 thinks fit, 200 KB at a time, and no program keeps it. */
const isCode = name => name === 'code_space' || name === 'code_large_object_space'

const heapBytes = () => {
  let bytes = 0
  for (const { space_name: name, space_used_size: used } of v8.getHeapSpaceStatistics()) {
    if (!isCode(name)) bytes += used
  }
  return bytes
}

const bytesOf = (row, heap) => {
  const { number_of_native_contexts: contexts } = v8.getHeapStatistics()
  const { external, arrayBuffers } = process.memoryUsage()
  row[0] = heap
  row[1] = Math.max(0, external - arrayBuffers)
  row[2] = arrayBuffers
  row[3] = contexts
}

const usedBytes = () => {
  const { used_heap_size: heap, external_memory: external } = v8.getHeapStatistics()
  return heap + external
}

/** The names that were ever seen, each with its column. */
class Columns {
  names = []
  #index = new Map()

  /** @param {string} name */
  of (name) {
    const known = this.#index.get(name)
    if (known !== undefined || this.names.length === MOST_NAMES) return known
    this.names.push(name)
    this.#index.set(name, this.names.length - 1)
    return this.names.length - 1
  }
}

const add = (columns, row, name, count) => {
  const column = columns.of(name)
  if (column !== undefined) row[column] += count
}

/** Timers that are unref'd are not told by Node; what they hold is found in the heap all the same. */
const countHandles = (columns, row) => {
  for (const name of process.getActiveResourcesInfo()) add(columns, row, name, 1)
}

const countListeners = (columns, row) => {
  for (const event of process.eventNames()) {
    const name = typeof event === 'string' ? `'${event}'` : String(event)
    add(columns, row, `process.on(${name})`, process.listenerCount(event))
  }
}

/**
 * Readings of a run, in memory that is there before the first: what is measured does not grow by being measured.
 */
class Readings {
  #rows
  #memory
  #handles
  #listeners
  #count = 0
  handles = new Columns()
  listeners = new Columns()

  /** @param {number} most */
  constructor (most) {
    this.#rows = most
    this.#memory = new Float64Array(most * MEMORY.length)
    this.#handles = new Float64Array(most * MOST_NAMES)
    this.#listeners = new Float64Array(most * MOST_NAMES)
  }

  get count () {
    return this.#count
  }

  #row (all, width, index) {
    return all.subarray(index * width, (index + 1) * width)
  }

  /** Once everything that goes has gone: see `settle`. `heap`: its bytes. */
  take (heap) {
    const index = this.#count
    if (index === this.#rows) throw new RangeError('no room for a reading')
    countHandles(this.handles, this.#row(this.#handles, MOST_NAMES, index))
    countListeners(this.listeners, this.#row(this.#listeners, MOST_NAMES, index))
    bytesOf(this.#row(this.#memory, MEMORY.length, index), heap)
    this.#count += 1
    return index
  }

  /** What was read of memory, from reading `from` to `to`, both included. */
  memory (name, from, to) {
    const column = MEMORY.indexOf(name)
    return this.#series(this.#memory, MEMORY.length, column, from, to)
  }

  handle (column, from, to) {
    return this.#series(this.#handles, MOST_NAMES, column, from, to)
  }

  listener (column, from, to) {
    return this.#series(this.#listeners, MOST_NAMES, column, from, to)
  }

  #series (all, width, column, from, to) {
    return Array.from({ length: to - from + 1 }, (_, i) => all[(from + i) * width + column])
  }
}

/** How much there is of what a function that leaks without measure would exhaust first. */
const openHandles = () => process.getActiveResourcesInfo().length

const openListeners = () => {
  let count = 0
  for (const event of process.eventNames()) count += process.listenerCount(event)
  return count
}

module.exports = { Readings, heapBytes, usedBytes, openHandles, openListeners, MEMORY }
