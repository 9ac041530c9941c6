'use strict'

// One clock: that of `performance.now()`, in ms. What a test puts in the place of timers and clocks is not asked.

const { performance } = require('node:perf_hooks')
const timers = require('node:timers')

const { hrtime } = process
const bigint = hrtime.bigint.bind(hrtime)
const now = performance.now.bind(performance)
const setInterval = timers.setInterval
const clearInterval = timers.clearInterval
const setImmediate = timers.setImmediate
const wall = Date.now.bind(Date)

/** How far the monotonic clock of native code is ahead, in ms: the closest of a few readings. */
const readOffset = () => {
  let [best, least] = [0, Infinity]
  for (let i = 0; i < 5; i++) {
    const before = now()
    const there = Number(bigint()) / 1e6
    const after = now()
    if (after - before < least) [best, least] = [there - (before + after) / 2, after - before]
  }
  return best
}

const offset = readOffset()

/** A time of native code (ns of the monotonic clock) on the clock of `performance.now()` (ms). */
const fromNative = ns => ns / 1e6 - offset

/** A time of `performance.now()` as ms since 1970. */
const toEpoch = ms => performance.timeOrigin + ms

/** Calls `task` every `ms`, and keeps nothing alive for it. */
const every = (ms, task) => {
  const timer = setInterval(task, ms)
  timer.unref()
  return timer
}

module.exports = { now, fromNative, toEpoch, every, setImmediate, stopTimer: clearInterval, wall }
