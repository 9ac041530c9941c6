'use strict'

// Whether V8's callbacks are to be had.

const CALLBACKS = 1
const STATISTICS = 2

/** Why V8's callbacks cannot be had here, undefined if they can. */
const reasonAgainst = native => {
  if (process.env.HEAPWISE_NO_V8 === '1') return 'HEAPWISE_NO_V8=1 is set'
  // It exports the symbols, takes the callbacks, and never calls one.
  if (process.versions.bun !== undefined) return 'Bun has no callbacks for collections'
  if (typeof native?.gcSupport !== 'function') return 'the native addon has no recorder'
  const bits = native.gcSupport()
  if ((bits & CALLBACKS) === 0) return "this build of Node does not export V8's callbacks for collections"
  if ((bits & STATISTICS) === 0) return "V8's heap statistics are not where they are expected"
  return undefined
}

module.exports = { reasonAgainst }
