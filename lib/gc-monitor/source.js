'use strict'

// Which source a monitor has: V8's callbacks where they can be had and prove themselves, else `perf_hooks`.

const v8 = require('node:v8')
const { threadId } = require('node:worker_threads')

const { unsupported } = require('../errors')
const { PerfHooksSource } = require('./source-perf-hooks')
const { V8Source } = require('./source-v8')
const { reasonAgainst } = require('./support')

// As it is now, whatever is put in its place.
const { getHeapStatistics } = v8

/** What the recorder reads must be what JavaScript is told. */
const disagreement = ({ used, limit }) => {
  const { used_heap_size: usedHere, heap_size_limit: limitHere } = getHeapStatistics()
  if (limit !== limitHere) return `the recorder reads a heap limit of ${limit} bytes, V8 says ${limitHere}`
  // A collection can come between the two readings, a change of scale cannot.
  if (!(used > usedHere / 4 && used < usedHere * 4)) return `the recorder reads ${used} bytes in use, V8 says ${usedHere}`
  return undefined
}

/** `{ source }` over V8's callbacks, or `{ reason }` why not. */
const tryV8 = (native, capacity, wide) => {
  const against = reasonAgainst(native)
  if (against !== undefined) return { reason: against }
  const handle = native.gcOpen(capacity, threadId, wide)
  if (!(handle > 0)) return { reason: 'no collection was seen when one was made to try it' }
  const source = new V8Source({ native, handle, capacity })
  const reason = disagreement(source.heap())
  if (reason === undefined) return { source }
  source.close()
  return { reason }
}

/**
 * Opens a source: `{ source, reason }`, with the reason why it is this one.
 *
 * @param {'auto' | 'v8' | 'perf_hooks'} wanted
 * @param {{ capacity: number, wide?: boolean, load?: () => any }} options `capacity`: events that are kept until they
 *   are fetched. `wide`: all threads of the process are to record meanwhile. `load`: gives the native addon.
 */
const openSource = (wanted, { capacity, wide = false, load = () => require('../native.js') }) => {

  if (wanted === 'perf_hooks') return { source: new PerfHooksSource({ capacity }), reason: "option 'source' says so" }
  const { source, reason } = tryV8(load(), capacity, wide ? 1 : 0)
  if (source !== undefined) return { source, reason: "V8's callbacks were seen to work" }
  if (wanted === 'v8') throw unsupported("source 'v8'", reason)
  return { source: new PerfHooksSource({ capacity }), reason }
}

module.exports = { openSource }
