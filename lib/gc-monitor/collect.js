'use strict'

// A collection on demand, whether Node was started with --expose-gc or not.

const v8 = require('node:v8')
const vm = require('node:vm')

const { unsupported } = require('../errors')
const { now } = require('./clock')

// As they are now, whatever is put in their place.
const { getHeapStatistics } = v8

let collector

const lookForIt = () => vm.runInNewContext("typeof gc === 'function' ? gc : undefined")

/**
 * V8's own function, of a context that was made while the flag was on. The flag is put back if it was off.
 *
 * @param {string} who wants it
 */
const findCollector = who => {
  collector ??= lookForIt()
  if (collector !== undefined) return collector
  v8.setFlagsFromString('--expose-gc')
  try {
    collector = lookForIt()
  } finally {
    v8.setFlagsFromString('--no-expose-gc')
  }
  if (collector === undefined) throw unsupported(who, 'this V8 gives no function that collects')
  return collector
}

/** @param {'full' | 'minor'} type */
const collect = type => {
  const gc = findCollector('collect()')
  const before = getHeapStatistics().used_heap_size
  const start = now()
  if (type === 'full') gc()
  else gc({ type: 'minor' })
  const duration = now() - start
  const after = getHeapStatistics().used_heap_size
  return { type, duration, reclaimed: Math.max(0, before - after), used: { before, after } }
}

module.exports = { collect, findCollector }
