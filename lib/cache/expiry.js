'use strict'

// When entries expire. JavaScript keeps, for each slot, when its time started and how long it lasts: a hit must be able
// to tell at once. What is due next is found by a hierarchical timing wheel in Rust, and only where somebody needs to
// know: for `ttlAutopurge`, and when room is needed and an expired entry should go before a fresh one.

const native = require('../native')

const NONE = 0xffffffff
// Slots wait here until Rust links them, many a crossing.
const QUEUE = 256
// How many entries one turn of the purge timer removes before it lets others run.
const BATCH = 4096
const LONGEST_TIMER = 2 ** 31 - 1

class Expiry {
  /**
   * @param {number} cap slots
   * @param {{ now(): number }} perf
   */
  constructor (cap, perf) {
    this.perf = perf
    this.cap = cap
    // Start of each slot's time, NaN where it has none. The last element is the wheel's wake-up time.
    this.starts = new Float64Array(cap + 1).fill(NaN)
    // One ttl for all while they are the same (mask 0), else one each (mask -1).
    this.ttls = new Float64Array(1)
    this.mask = 0
    this.uniform = false
    // next[cap], prev[cap], …: see src/core/cache/expiry.rs. A slot is linked while its prev is not 0.
    this.wheel = null
    this.queue = null
    this.queued = 0
    // How far the wheel has been turned, at most.
    this.passed = -Infinity
    // The clock as read last, kept for ttlResolution ms; 0 when it must be read.
    this.cached = 0
    this.debounce = null
    this.debounceMs = 0
    this.timer = null
    this.armedAt = Infinity
    this.purge = undefined
  }

  /** The clock, read at most once in `resolution` ms. */
  now (resolution) {
    return this.cached || this.readClock(resolution)
  }

  readClock (resolution) {
    const now = this.perf.now()
    if (resolution > 0) {
      this.cached = now
      if (this.debounce !== null && this.debounceMs === resolution && this.debounce.refresh !== undefined) {
        this.debounce.refresh()
      } else {
        this.debounceMs = resolution
        this.debounce = setTimeout(() => { this.cached = 0 }, resolution)
        this.debounce.unref?.()
      }
    }
    return now
  }

  /** Whether the slot's time is over. An entry that is exactly as old as its ttl is fresh. */
  isStale (slot, resolution) {
    const start = this.starts[slot]
    // NaN: no ttl; and no need to read the clock.
    // eslint-disable-next-line no-self-compare
    return start === start && this.now(resolution) - start > this.ttls[slot & this.mask]
  }

  hasTtl (slot) {
    return !Number.isNaN(this.starts[slot])
  }

  ttl (slot) {
    return this.hasTtl(slot) ? this.ttls[slot & this.mask] : 0
  }

  remaining (slot, resolution) {
    return this.hasTtl(slot) ? this.ttls[slot & this.mask] - (this.now(resolution) - this.starts[slot]) : Infinity
  }

  /** Sets the slot's time: `ttl` ms from `start`; none for 0, null and NaN. */
  set (slot, ttl, start) {
    const { starts, ttls, mask } = this
    if (!ttl) {
      starts[slot] = NaN
      return
    }
    const before = starts[slot] + ttls[slot & mask]
    if (ttls[slot & mask] !== ttl) this.setTtl(slot, ttl)
    starts[slot] = start
    this.moved(slot, before, start + ttl)
  }

  setTtl (slot, ttl) {
    if (this.mask === 0 && this.uniform) {
      this.ttls = new Float64Array(this.cap).fill(this.ttls[0])
      this.mask = -1
    }
    this.uniform = true
    this.ttls[slot & this.mask] = ttl
  }

  /** Starts the slot's time anew. */
  refresh (slot) {
    const start = this.starts[slot]
    if (start === undefined || Number.isNaN(start)) return
    const ttl = this.ttls[slot & this.mask]
    this.starts[slot] = this.perf.now()
    this.moved(slot, start + ttl, this.starts[slot] + ttl)
  }

  // A linked slot whose deadline moves away need not be told: it is looked at when its old time comes, and linked anew.
  // But where that has been, its place among the overdue ones is by the old time.
  moved (slot, before, deadline) {
    if (this.wheel === null) return
    if (this.wheel[this.cap + slot] === 0 || !(deadline >= before) || before < this.passed) this.enqueue(slot, deadline)
  }

  enqueue (slot, deadline) {
    if (this.queued === QUEUE) this.flush(this.perf.now())
    this.queue[this.queued++] = slot
    // At its deadline an entry is still fresh.
    if (deadline + 1 < this.armedAt && this.purge !== undefined) this.arm(deadline + 1)
  }

  flush (now) {
    const count = this.queued
    this.queued = 0
    if (now > this.passed) this.passed = now
    if (count > 0) native.wheelSchedule(this.wheel, this.starts, this.ttls, this.queue, count, now)
  }

  /** Makes the wheel and links the slots that are `taken`. */
  startWheel (taken) {
    const now = this.perf.now()
    this.wheel = new Uint32Array(native.wheelLength(this.cap))
    this.queue = new Uint32Array(QUEUE)
    native.wheelCreate(this.wheel, this.cap, now)
    this.starts[this.cap] = Infinity
    for (const slot of taken) {
      if (this.hasTtl(slot)) this.enqueue(slot, Infinity)
    }
    this.flush(now)
  }

  /** Whether `due` surely has nothing. */
  isQuiet (now) {
    return this.queued === 0 && now < this.starts[this.cap]
  }

  /** A slot that has expired, or -1. It may have been vacated since. The caller removes it or calls `keep`. */
  due (now) {
    if (this.queued > 0) this.flush(now)
    if (this.isQuiet(now)) return -1
    if (now > this.passed) this.passed = now
    const slot = native.wheelDue(this.wheel, this.starts, this.ttls, now)
    return slot === NONE ? -1 : slot
  }

  /** `due` gave this slot but it stays: watch it again. */
  keep (slot) {
    if (this.wheel !== null && this.wheel[this.cap + slot] === 0) this.enqueue(slot, Infinity)
  }

  /**
   * Purges from now on, by one unref'd timer. `purge(slot)` removes the entry of an expired slot.
   *
   * @param {(slot: number) => void} purge
   */
  autopurge (purge, taken) {
    this.purge = purge
    this.startWheel(taken)
    this.arm(this.starts[this.cap])
  }

  /** Wakes the purge timer at `at`, when something may have expired. */
  arm (at) {
    if (this.timer !== null) clearTimeout(this.timer)
    this.timer = null
    this.armedAt = at
    if (at === Infinity) return
    const delay = Math.max(1, at - this.perf.now())
    // Held weakly: a cache that is dropped is not kept until its last entry would have expired.
    const self = new WeakRef(this)
    this.timer = setTimeout(() => self.deref()?.turn(), Math.min(delay, LONGEST_TIMER))
    this.timer.unref?.()
  }

  turn () {
    this.timer = null
    this.armedAt = Infinity
    try {
      const now = this.perf.now()
      for (let left = BATCH; left > 0; left--) {
        const slot = this.due(now)
        if (slot === -1) break
        this.purge(slot)
      }
    } finally {
      this.flush(this.perf.now())
      const wake = this.starts[this.cap]
      if (wake < this.armedAt) this.arm(wake)
    }
  }

  /** Room for more slots. `now` is the clock's time: this is no moment to call it, for it may be the user's. */
  grow (cap, now) {
    const starts = new Float64Array(cap + 1).fill(NaN)
    starts.set(this.starts.subarray(0, this.cap))
    if (this.mask !== 0) {
      const ttls = new Float64Array(cap)
      ttls.set(this.ttls)
      this.ttls = ttls
    }
    if (this.wheel !== null) {
      const wheel = new Uint32Array(native.wheelLength(cap))
      native.wheelGrow(this.wheel, wheel, cap, starts, this.ttls, now)
      if (now > this.passed) this.passed = now
      this.wheel = wheel
    }
    this.starts = starts
    this.cap = cap
  }

  /** Forgets all slots. What the clock read last still counts, and what was read of the options at first. */
  clear () {
    this.stop()
    this.cap = 0
    this.starts = new Float64Array(1).fill(NaN)
    this.ttls = new Float64Array(1)
    this.mask = 0
    this.uniform = false
    this.queued = 0
    this.wheel = null
    if (this.purge !== undefined) this.startWheel([])
  }

  /** Stops the timer for good. */
  stop () {
    if (this.timer !== null) clearTimeout(this.timer)
    this.timer = null
    this.armedAt = Infinity
  }
}

module.exports = { Expiry }
