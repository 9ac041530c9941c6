'use strict'

const { LRUCache } = require('../..')
const { validate } = require('./validate')

// What the tests of single behaviours share: caches that are validated after each test, clocks, recorded callbacks.

const made = []

afterEach(() => {
  for (const cache of made.splice(0)) validate(cache)
})

/** A cache that is checked for contradictions when the test ends. */
const make = options => {
  const cache = new LRUCache(options)
  made.push(cache)
  return cache
}

/** A clock that moves by hand. With ttlResolution 0 the cache reads it each time. */
const handClock = (start = 1000) => {
  const clock = { time: start, now: () => clock.time, pass: ms => { clock.time += ms } }
  return clock
}

/** A cache on a clock that moves by hand: `[cache, pass]`. */
const timed = options => {
  const clock = handClock()
  return [make({ max: 10, ttlResolution: 0, perf: clock, ...options }), clock.pass, clock]
}

/** Options whose callbacks write into `log` what they were called with. */
const logged = () => {
  const log = []
  const note = name => (value, key, reason) => { log.push([name, value, key, reason]) }
  return {
    log,
    taken: () => log.splice(0),
    callbacks: { dispose: note('dispose'), disposeAfter: note('disposeAfter'), onInsert: note('insert') }
  }
}

/** The entries, most recently used first. */
const entries = cache => [...cache.entries()]

/** What `fn` throws. */
const thrown = fn => {
  try {
    fn()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}

module.exports = { LRUCache, make, handClock, timed, logged, entries, thrown }
