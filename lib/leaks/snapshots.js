'use strict'

// Heap snapshots, taken and analysed.
//
// To take one stops this thread and costs memory, by far more than the snapshot's file: about 550 bytes an object. So
// it is refused where that may not be had. The analysis is Rust's, on a thread of its own. The file is gone when it is
// done, and so is the memory, which malloc would hold for long.

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const v8 = require('node:v8')
const { performance } = require('node:perf_hooks')
const native = require('../native')
const { coded, refused } = require('../errors')
const { bytesText } = require('./finding')

const { clearInterval, setInterval } = globalThis
const { writeHeapSnapshot } = v8
const LONG = 2 ** 30

const OWN = path.join(__dirname, '..') + path.sep

// Of the memory of a heap of small objects, which are the costliest; and of its file.
const MEMORY_FACTOR = 14
const FILE_FACTOR = 3
const LEAST_ROOM = 32 * 1024 * 1024

/** What the system would still give, in bytes. */
const availableMemory = () => {
  const { availableMemory: available } = /** @type {any} */ (process)
  return typeof available === 'function' ? available.call(process) : os.freemem()
}

const freeDisk = folder => {
  const { bavail, bsize } = fs.statfsSync(folder)
  return Number(bavail) * Number(bsize)
}

/** Throws if a snapshot of this heap would do harm. */
const checkRoom = (folder, maxHeap) => {
  const { used_heap_size: used } = v8.getHeapStatistics()
  if (used > maxHeap) {
    throw refused(`no heap snapshot is taken: the heap uses ${bytesText(used)}, more than 'maxHeap' of ` +
      bytesText(maxHeap))
  }
  const memory = used * MEMORY_FACTOR
  const available = availableMemory()
  if (memory > available) {
    throw refused(`no heap snapshot is taken: it may need ${bytesText(memory)} of memory, and ${bytesText(available)} ` +
      'are available')
  }
  const file = used * FILE_FACTOR + LEAST_ROOM
  const free = freeDisk(folder)
  if (file > free) {
    throw refused(`no heap snapshot is taken: it may need ${bytesText(file)} in ${folder}, and ${bytesText(free)} are free`)
  }
}

// ---- folders that must go

// As names of an object: whatever users do with Sets.
const folders = Object.create(null)

const isEmpty = () => Object.keys(folders).length === 0

const remove = folder => {
  delete folders[folder]
  if (isEmpty()) process.removeListener('exit', removeAll)
  try {
    fs.rmSync(folder, { recursive: true, force: true })
  } catch {
    // Somebody holds it. The system's own cleaning will get it.
  }
}

function removeAll () {
  for (const folder in folders) remove(folder)
}

/** A folder that nobody else may look into: a snapshot holds every string of the process. */
const makeFolder = dir => {
  const folder = fs.mkdtempSync(path.join(dir, 'heapwise-'))
  if (isEmpty()) process.on('exit', removeAll)
  folders[folder] = true
  return folder
}

/**
 * A new file in a folder that nobody else may look into. Where the system has it, it is one without a name, which is
 * gone with whoever has it open, whatever becomes of the process or the worker.
 */
const makeFile = dir => {
  const folder = makeFolder(dir)
  const named = path.join(folder, 'look.heapsnapshot')
  if (process.platform !== 'linux') return { file: named, done: () => remove(folder) }
  let fd
  try {
    fd = fs.openSync(named, 'wx+', 0o600)
  } catch (error) {
    remove(folder)
    throw error
  }
  const file = `/proc/self/fd/${fd}`
  if (!fs.existsSync(file)) {
    fs.closeSync(fd)
    return { file: named, done: () => remove(folder) }
  }
  remove(folder)
  return { file, done: () => fs.closeSync(fd) }
}

// ---- analysis

/**
 * @typedef {object} AnalysisOptions
 * @property {number} [watch] what was seen before; 0: nothing
 * @property {number} [floor] collections with fewer entries are not followed
 * @property {number} [entries] how many entries a collection must have gained
 * @property {number} [share] and how many for each it had
 * @property {number} [rises] in how many snapshots it must have been larger than before
 * @property {number} [viewBytes] how many bytes the memory of its views must have gained
 * @property {number} [most] how many are told
 * @property {boolean} [classes] whether the classes are told too
 * @property {boolean} [trim] whether malloc is to give back what it holds
 * @property {boolean} [alive] whether the process waits for it
 */

/** @returns {Promise<any>} */
const run = (files, options) => new Promise((resolve, reject) => {
  const {
    watch = 0, floor = 32, entries = 100, share = 0.1, rises = 2, viewBytes = 2 ** 20, most = 50, classes = false,
    trim = false, alive = true
  } = /** @type {AnalysisOptions} */ (options)
  const numbers = Float64Array.of(floor, entries, share, rises, viewBytes, most, Number(classes), Number(trim))
  const stay = alive ? setInterval(() => {}, LONG) : undefined
  const done = () => {
    const text = native.heapResult(ticket)
    if (text === null) return
    clearInterval(stay)
    const result = JSON.parse(text)
    if (result.error === undefined) resolve(result)
    else reject(coded(Error, 'ERR_HEAPWISE_SNAPSHOT_DAMAGED', `cannot analyse a heap snapshot: ${result.error}`))
  }
  const ticket = native.heapAnalyse(watch, files.join('\0'), numbers, OWN, done)
})

/**
 * What the snapshots in `files`, in the order in which they were taken, say of growth. Of one process: objects are told
 * apart by their ids.
 *
 * @param {string[]} files
 * @param {AnalysisOptions} [options]
 */
const analyse = (files, options = {}) =>
  run(files.map(file => path.resolve(file)), { rises: Math.max(files.length - 1, 1), classes: true, ...options })

/**
 * Takes a snapshot and analyses it.
 *
 * @param {AnalysisOptions & { maxHeap: number, dir?: string }} options
 */
const lookNow = async options => {
  const { maxHeap, dir = os.tmpdir() } = options
  checkRoom(dir, maxHeap)
  const { file, done } = makeFile(dir)
  try {
    const start = performance.now()
    writeHeapSnapshot(file)
    const pauseMs = performance.now() - start
    const result = await run([file], { ...options, trim: true })
    return { ...result, pauseMs }
  } finally {
    done()
  }
}

module.exports = { analyse, checkRoom, lookNow, openWatch: native.heapWatchOpen, closeWatch: native.heapWatchClose }
