'use strict'

// Who forgot to release: the place that acquired is kept for some of the chunks that are lent, and told if the chunk is
// lost. Counting the lost ones needs none of this.

const path = require('node:path')
const { channel } = require('node:diagnostics_channel')

const leaked = channel('heapwise:buffer-pool:leak')
const misused = channel('heapwise:buffer-pool:misuse')

const HERE = path.join(__dirname, '..') + path.sep

// One acquisition in so many is looked at, as in Netty. Finding the place takes about 3 microseconds.
const OFTEN = 128
// While nothing is lost, so many, from the 128th look on.
const SELDOM = 1024
const PATIENCE = 128
const NEVER = 2 ** 30

const FRAMES = { off: 0, simple: 8, advanced: 24, paranoid: 24 }

/** The frames of the caller's, outside of this package: one a line, the nearest first. */
const stackOf = frames => {
  const limit = Error.stackTraceLimit
  const holder = { stack: '' }
  try {
    Error.stackTraceLimit = frames
    Error.captureStackTrace(holder, stackOf)
    // At once: what is not text yet keeps the functions and receivers alive, the Buffer perhaps among them.
    const lines = String(holder.stack).split('\n').filter(line => /^\s+at /.test(line))
    const outside = lines.findIndex(line => !line.includes(HERE))
    return outside < 0 ? [] : lines.slice(outside).map(line => line.trim())
  } catch {
    // Somebody's Error.prepareStackTrace.
    return []
  } finally {
    Error.stackTraceLimit = limit
  }
}

const later = (report, listener, topic) => {
  if (listener === undefined && !topic.hasSubscribers) return
  queueMicrotask(() => {
    topic.publish(report)
    listener?.(report)
  })
}

class Leaks {
  #name
  #frames
  #level
  #onLeak
  #onMisuse
  /** Of chunks that are lent, by number. */
  #traces = new Map()
  /** How many were lost that were acquired there, by place. */
  #places = new Map()
  #quiet = 0
  #random = 0x2545f491

  constructor ({ name, leakDetection, onLeak, onMisuse }) {
    this.#name = name
    this.#level = leakDetection
    this.#frames = FRAMES[leakDetection]
    this.#onLeak = onLeak
    this.#onMisuse = onMisuse
  }

  /** After how many acquisitions the next is to be looked at. Random, so that no pattern of calls hides a place. */
  interval () {
    if (this.#level === 'off') return NEVER
    if (this.#level === 'paranoid') return 1
    this.#random ^= this.#random << 13
    this.#random ^= this.#random >>> 17
    this.#random ^= this.#random << 5
    const mean = this.#level === 'simple' && this.#quiet >= PATIENCE ? SELDOM : OFTEN
    return 1 + (this.#random >>> 0) % (2 * mean - 1)
  }

  /** Keeps the place that acquires now. */
  trace (slot, length) {
    this.#quiet += 1
    if (slot.id < 0) return
    slot.traced = true
    this.#traces.set(slot.id, { stack: stackOf(this.#frames), size: slot.kind.size, length })
  }

  /** The chunk is released. */
  untrace (slot) {
    slot.traced = false
    this.#traces.delete(slot.id)
    if (this.#level !== 'simple') slot.freedAt = stackOf(this.#frames)[0]
  }

  /** Where a chunk was acquired, if that is kept. */
  placeOf (slot) {
    return this.#traces.get(slot.id)?.stack[0]
  }

  /** A chunk is lost. The first time at each place it is told. */
  lose (id) {
    this.#quiet = 0
    const trace = this.#traces.get(id)
    if (trace === undefined) return
    this.#traces.delete(id)
    const { stack, size, length } = trace
    const place = stack[0] ?? 'an unknown place'
    const count = (this.#places.get(place) ?? 0) + 1
    this.#places.set(place, count)
    if (count > 1) return
    const full = this.#level === 'simple' ? undefined : stack.join('\n')
    later({ pool: this.#name, size, length, count, place, stack: full }, this.#onLeak, leaked)
  }

  /** Something was done with a chunk that must not be. */
  misuse (report) {
    later({ pool: this.#name, ...report }, this.#onMisuse, misused)
  }

  get places () {
    return [...this.#places].map(([place, count]) => ({ place, count }))
  }

  clear () {
    this.#traces.clear()
  }
}

module.exports = { Leaks }
