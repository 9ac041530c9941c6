'use strict'

// What a function costs in memory and collections. It has a source of its own: measurements can nest, overlap, and take
// place while the monitor is stopped.

const v8 = require('node:v8')

const { now, setImmediate } = require('./clock')
const { openSource } = require('./source')

// As they are now, whatever is put in their place.
const { getHeapStatistics } = v8

// Sums are what is wanted: there is hardly an event to keep.
const CAPACITY = 64

const ofHeap = () => {
  const { used_heap_size: used, external_memory: external } = getHeapStatistics()
  return { used, external }
}

class Measurement {
  #source
  #before
  #start
  #duration = 0
  #after
  #tally
  #settled = false

  constructor (wanted) {
    this.#source = openSource(wanted, { capacity: CAPACITY }).source
    this.#before = ofHeap()
    this.#start = now()
  }

  cancel () {
    this.#source.close()
  }

  /** The function is over. */
  stop () {
    this.#duration = now() - this.#start
    this.#tally = this.#source.tally()
    this.#after = ofHeap()
  }

  /** Entries of `perf_hooks` come two turns of the loop later. */
  async settle () {
    for (let turn = 0; turn < 3 && !this.#source.prompt; turn++) {
      await new Promise(resolve => setImmediate(resolve))
    }
    this.#settled = true
  }

  result (value) {
    const source = this.#source
    const { allocated } = this.#tally
    if (!source.prompt) source.drain()
    const tally = source.prompt ? this.#tally : source.tally()
    source.close()
    return {
      value,
      duration: this.#duration,
      allocated,
      ...(source.prompt || this.#settled ? seen(tally) : UNSEEN),
      heapDelta: this.#after.used - this.#before.used,
      externalDelta: this.#after.external - this.#before.external,
      source: source.name
    }
  }
}

const seen = ({ byKind, collections, busy }) => ({
  collections: {
    total: collections,
    ...Object.fromEntries(Object.entries(byKind).map(([kind, { count }]) => [kind, count]))
  },
  pauses: { total: busy, max: Math.max(...Object.values(byKind).map(({ max }) => max)) }
})

// A source that tells late has nothing to say of a function that is not async.
const UNSEEN = Object.freeze({ collections: null, pauses: null })

/**
 * @param {Function} fn
 * @param {'auto' | 'v8' | 'perf_hooks'} source
 */
const measure = (fn, source) => {
  const measurement = new Measurement(source)
  try {
    const value = fn()
    if (typeof value?.then === 'function') return finishLater(measurement, value)
    measurement.stop()
    return measurement.result(value)
  } catch (error) {
    measurement.cancel()
    throw error
  }
}

const finishLater = async (measurement, promise) => {
  try {
    const value = await promise
    measurement.stop()
    await measurement.settle()
    return measurement.result(value)
  } catch (error) {
    measurement.cancel()
    throw error
  }
}

module.exports = { measure }
