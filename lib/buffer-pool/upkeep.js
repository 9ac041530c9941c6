'use strict'

// What has to be done for a pool from time to time, and when it is gone.

const events = require('./events')

// The same whatever fake timers are put in place later.
const { setInterval, clearInterval } = globalThis

/** Frees what native code has of a pool, and its timer. */
const letGo = ({ memory, timer }) => {
  clearInterval(timer.id)
  timer.id = undefined
  events.forget(memory.handle)
  memory.close()
}

const abandoned = new FinalizationRegistry(letGo)

/** Has `look` called until it answers false. The pool is collected all the same. */
const every = (ms, pool, timer, look) => {
  const held = new WeakRef(pool)
  timer.id ??= setInterval(() => {
    const alive = held.deref()
    if (alive === undefined || !look(alive)) {
      clearInterval(timer.id)
      timer.id = undefined
    }
  }, ms)
  // In a browser's world it is a number.
  timer.id.unref?.()
}

module.exports = { abandoned, every, letGo }
