'use strict'

const FakeTimers = require('@sinonjs/fake-timers')

// Both caches of a differential run live in one fake time: timers, Date and the `perf` clocks made here move together.

/** A fake time of whole milliseconds, and clocks for the `perf` option. */
const installClock = (now = 1_000_000) => {
  const fake = FakeTimers.withGlobal(globalThis).install({
    now,
    toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance']
  })
  return {
    now: () => fake.now,
    tick: ms => fake.tick(ms),
    timers: () => fake.countTimers(),
    uninstall: () => fake.uninstall(),
    /** A clock that reads 0 + `first` at this moment, so that it differs from the time of day. */
    perfFrom: first => {
      const origin = fake.now - first
      return { now: () => fake.now - origin }
    },
    /** A clock that reads the time of day. */
    wall: { now: () => fake.now }
  }
}

module.exports = { installClock }
