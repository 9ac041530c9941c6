'use strict'

// What native code has to tell of pools: chunks whose Buffers were dropped.

const native = require('../native')

// Of the addon, not of this file: a test runner may load this file many times, but the addon once for each thread.
const POOLS = Symbol.for('heapwise.pools')
/** @type {Map<number, (id: number, index: number) => void>} */
const pools = native[POOLS] ??= new Map()

// How many are taken at a time.
const EVENTS = 64

let listening = false

/** Tells each pool what it has lost. */
const dispatch = () => {
  // Of its own: whoever is told may come here again.
  const told = new Float64Array(EVENTS * 3)
  for (;;) {
    const count = native.poolLost(told)
    for (let i = 0; i < count * 3; i += 3) pools.get(told[i])?.(told[i + 1], told[i + 2])
    if (count < EVENTS) return
  }
}

/** To be called before there is a pool. */
const listen = () => {
  if (listening) return
  native.poolListen(dispatch)
  listening = true
}

/** Has `tell`, which must not throw, called with number and class of each chunk that the pool of `handle` loses. */
const follow = (handle, tell) => pools.set(handle, tell)

const forget = handle => pools.delete(handle)

module.exports = { dispatch, follow, forget, listen }
