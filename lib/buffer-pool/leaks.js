'use strict'

// Who forgot to release: the place that acquired is kept for some of the chunks that are lent, and told if the chunk is
// lost. Counting the lost ones needs none of this.

const path = require('node:path')
const { channel } = require('node:diagnostics_channel')

const leaked = channel('heapwise:buffer-pool:leak')
const misused = channel('heapwise:buffer-pool:misuse')

const HERE = path.join(__dirname, '..') + path.sep

// One acquisition in so many is looked at, as in Netty. Finding the place takes some microseconds.
const OFTEN = 128
// As long as nothing was ever lost, from the 128th look on.
const SELDOM = 4096
const PATIENCE = 128
const NEVER = 2 ** 30

const FRAMES = { off: 0, simple: 1, advanced: 16, paranoid: 16 }
// The ways through this package: most of them, all of them. Each frame takes half a microsecond.
const MOST_OWN = 6
const ALL_OWN = 16

const isOurs = site => site.getFileName()?.startsWith(HERE)

const firstOutside = sites => sites.findIndex(site => !isOurs(site))

/** So many frames of who has called `entry`. */
const sitesBelow = (entry, frames) => {
  const holder = { stack: /** @type {any} */ ([]) }
  Error.stackTraceLimit = frames
  Error.captureStackTrace(holder, entry)
  return holder.stack
}

const restore = before => {
  try {
    Object.assign(Error, before)
  } catch {
    // It could not be changed either.
  }
}

/** So many frames outside of this package, the nearest first. Quicker if they are those of who called `entry`. */
const stackOf = (frames, entry) => {
  let before
  // Somebody may have made Error what it must not be, or frozen it.
  try {
    const { stackTraceLimit, prepareStackTrace } = Error
    before = { stackTraceLimit, prepareStackTrace }
    // To have the frames rather than a text of them, which takes longer.
    Error.prepareStackTrace = (_, sites) => sites
    let sites = sitesBelow(entry, frames)
    let outside = firstOutside(sites)
    for (const own of [MOST_OWN, ALL_OWN]) {
      if (outside >= 0) break
      sites = sitesBelow(stackOf, frames + own)
      outside = firstOutside(sites)
    }
    // As text at once: a frame keeps its function and receiver alive, the Buffer perhaps among what these hold.
    return outside < 0 ? [] : sites.slice(outside, outside + frames).map(site => `at ${site}`)
  } catch {
    return []
  } finally {
    restore(before)
  }
}

const { queueMicrotask: soon } = globalThis

const later = (report, listener, topic) => {
  if (listener === undefined && !topic.hasSubscribers) return
  soon(() => {
    topic.publish(report)
    listener?.(report)
  })
}

class Leaks {
  #name
  #entry
  #frames
  #level
  #onLeak
  #onMisuse
  /** Of chunks that are lent, by number. */
  #traces = new Map()
  /** How many were lost that were acquired there, by place. */
  #places = new Map()
  #looks = 0
  // Nothing was ever lost.
  #clean = true
  #random = 0x2545f491

  /** @param {any} options @param {Function} entry is what most acquisitions go through. */
  constructor ({ name, leakDetection, onLeak, onMisuse }, entry) {
    this.#name = name
    this.#entry = entry
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
    const mean = this.#level === 'simple' && this.#clean && this.#looks >= PATIENCE ? SELDOM : OFTEN
    return 1 + (this.#random >>> 0) % (2 * mean - 1)
  }

  /** Keeps the place that acquires now. */
  trace (slot, length) {
    this.#looks += 1
    if (slot.id < 0) return
    slot.traced = true
    this.#traces.set(slot.id, { stack: stackOf(this.#frames, this.#entry), size: slot.kind.size, length })
  }

  /** The frames of who calls now, to be given to `blame` later. */
  here () {
    return this.#level === 'off' ? undefined : stackOf(this.#frames, this.#entry)
  }

  /** If the place that acquired is kept, it is the one that waited for it. */
  blame (slot, stack) {
    const trace = this.#traces.get(slot.id)
    if (trace !== undefined) trace.stack = stack
  }

  /** The chunk is released. */
  untrace (slot) {
    slot.traced = false
    this.#traces.delete(slot.id)
    if (this.#level === 'simple') return
    slot.freed = { turn: slot.turns, place: stackOf(this.#frames, this.#entry)[0] }
  }

  /** A chunk is lost. The first time at each place it is told. */
  lose (id) {
    this.#clean = false
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
