'use strict'

// All that a monitor knows, as plain data.

const { threadId } = require('node:worker_threads')

const { version } = require('../../package.json')
const { wall } = require('./clock')
const { KINDS } = require('./kinds')
const { readSample } = require('./process')
const { readHeap, readSpaces } = require('./sampler')

const FORMAT = 1

/** As JSON has it: what is no number is null, what is undefined is not there. */
const plain = value => JSON.parse(JSON.stringify(value))

const readHistograms = monitor => Object.fromEntries(KINDS.map(({ name }) => [name, monitor.histogram(name)]))

const readSnapshot = (monitor, options) => plain({
  format: FORMAT,
  heapwise: version,
  time: wall(),
  pid: process.pid,
  threadId,
  node: process.version,
  v8: process.versions.v8,
  platform: process.platform,
  arch: process.arch,
  source: monitor.source,
  sourceReason: monitor.sourceReason,
  options,
  stats: monitor.stats(),
  histograms: readHistograms(monitor),
  heap: readHeap(),
  spaces: readSpaces(),
  memoryUsage: process.memoryUsage(),
  process: readSample(),
  workers: monitor.workers()
})

module.exports = { readSnapshot }
