'use strict'

// While some monitor of the process wants to know of all threads, each that has loaded heapwise records.

const v8 = require('node:v8')
const { isMainThread, threadId } = require('node:worker_threads')

const { fromNative, toEpoch } = require('./clock')
const { reasonAgainst } = require('./support')

// As they are now, whatever is put in their place.
const { getHeapStatistics } = v8

const ROW = 13
const NS_PER_MS = 1e6

/** Has this thread record while somebody wants it. Does nothing where V8's callbacks cannot be had. */
const follow = native => {
  if (typeof native?.gcListen !== 'function' || reasonAgainst(native) !== undefined) return
  const update = () => {
    if (native.gcWatched() > 0) native.gcAttach(threadId)
    else native.gcDetach()
  }
  native.gcListen(update)
  if (native.gcWatched() > 0) update()
}

const timeOf = ns => ns === 0 ? null : toEpoch(fromNative(ns))

const rowOf = row => ({
  threadId: row[0],
  alive: true,
  main: row[0] === 0,
  current: row[0] === threadId,
  collections: row[2],
  gcMs: row[3] / NS_PER_MS,
  maxMs: row[4] / NS_PER_MS,
  used: row[5],
  total: row[6],
  external: row[7],
  limit: row[8],
  since: timeOf(row[9]),
  lastEnd: timeOf(row[10]),
  fullCollections: row[11],
  cpuMs: Number.isNaN(row[12]) ? null : row[12] / NS_PER_MS
})

/** All threads that record, and the sum of those that have ended. */
const listThreads = native => {
  let room = new Float64Array(ROW * 64)
  let count = native.gcThreads(room)
  while (count * ROW > room.length) {
    room = new Float64Array(count * ROW * 2)
    count = native.gcThreads(room)
  }
  const rows = Array.from({ length: count }, (_, i) => room.subarray(i * ROW, (i + 1) * ROW))
  const over = rows.find(row => row[0] === -1)
  return {
    threads: rows.filter(row => row[0] !== -1).map(rowOf),
    ended: {
      threads: over?.[1] ?? 0,
      collections: over?.[2] ?? 0,
      gcMs: (over?.[3] ?? 0) / NS_PER_MS,
      maxMs: (over?.[4] ?? 0) / NS_PER_MS,
      fullCollections: over?.[11] ?? 0
    }
  }
}

const ownHeap = () => {
  const heap = getHeapStatistics()
  return {
    used: heap.used_heap_size,
    total: heap.total_heap_size,
    external: heap.external_memory,
    limit: heap.heap_size_limit
  }
}

/** The same of this thread alone, from what a monitor has itself. */
const ownThread = tally => ({
  threads: [{
    threadId,
    alive: true,
    main: isMainThread,
    current: true,
    collections: tally.collections,
    gcMs: tally.busy,
    maxMs: Math.max(...Object.values(tally.byKind).map(({ max }) => max)),
    ...ownHeap(),
    since: toEpoch(tally.since),
    lastEnd: tally.lastEnd === null ? null : toEpoch(tally.lastEnd),
    fullCollections: tally.byKind['mark-sweep-compact'].count,
    cpuMs: null
  }],
  ended: { threads: 0, collections: 0, gcMs: 0, maxMs: 0, fullCollections: 0 }
})

module.exports = { follow, listThreads, ownThread }
