'use strict'

// A heap snapshot at the limit, if there is room for it. Writing one takes far more memory than the file has: a process
// that is near its end would be killed by what was to explain it.

const fs = require('node:fs')
const { freemem } = require('node:os')
const path = require('node:path')
const v8 = require('node:v8')
const { threadId } = require('node:worker_threads')

const { readSample } = require('./process')

// As they are now, whatever is put in their place.
const { getHeapStatistics } = v8

// Measured: up to 14 times the heap with many small objects, and a file of twice the heap.
const MEMORY_TIMES = 14
const DISK_TIMES = 2
const DISK_MARGIN = 16 * 1024 * 1024

const mb = bytes => `${Math.round(bytes / 1048576)} MB`

/** Memory that the process can still have, of the container or of the machine. */
const availableMemory = () => {
  const { cgroup, host } = readSample()
  return Math.min(cgroup?.headroom ?? Infinity, host?.available ?? freemem())
}

/** Why there can be no snapshot, undefined if there can. */
const reasonAgainst = (dir, used, available) => {
  const memory = used * MEMORY_TIMES
  if (available < memory) {
    return `a snapshot of a heap of ${mb(used)} can take ${mb(memory)} of memory, of which ${mb(available)} are available`
  }
  const { bavail, bsize } = fs.statfsSync(dir)
  const disk = used * DISK_TIMES + DISK_MARGIN
  if (bavail * bsize < disk) {
    return `a snapshot of a heap of ${mb(used)} can take ${mb(disk)} of disk, of which ${mb(bavail * bsize)} are ` +
      `free at ${dir}`
  }
  return undefined
}

let written = 0

const nameOf = () => {
  const time = new Date().toISOString().replace(/[-:]/g, '').replace(/\..*/, '')
  written += 1
  return `heapwise-${time}-${process.pid}-${threadId}-${written}.heapsnapshot`
}

/**
 * Writes a snapshot into a folder: its path, or `{ refused }` with the reason why there is none.
 *
 * @returns {string | { refused: string }}
 */
const writeSnapshot = (dir, available = availableMemory()) => {
  try {
    const refused = reasonAgainst(dir, getHeapStatistics().used_heap_size, available)
    if (refused !== undefined) return { refused }
    return v8.writeHeapSnapshot(path.join(dir, nameOf()))
  } catch (error) {
    return { refused: `${error?.message ?? error}` }
  }
}

module.exports = { writeSnapshot }
