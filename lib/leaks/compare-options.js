'use strict'

// What leaks.compare takes, checked once, before anything runs.

const { checkNames } = require('../cache/options')
const { invalidNumber, invalidType, outOfRange } = require('../errors')
const { readSize } = require('../size')

const KNOWN = ['repeat', 'calls', 'warmup', 'threshold', 'settle', 'handles', 'sites', 'snapshot', 'gc']
const known = new Set(KNOWN)

const LEAST_ROUNDS = 4
const MOST_ROUNDS = 1000
const MOST_CALLS = 10_000_000
const MOST_BYTES = 2 ** 40
// What setTimeout takes.
const LONGEST = 2 ** 31 - 1

const USUAL = { repeat: 8, warmup: 2, threshold: 2, settle: 0 }

const integer = (name, value, least, most) => {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw invalidNumber(`option '${name}'`, `an integer from ${least} to ${most}`, value)
  }
  return value
}

const flag = (name, value) => {
  if (typeof value !== 'boolean') throw invalidType(`option '${name}'`, 'a boolean', value)
  return value
}

const readSnapshot = value => {
  if (value === 'auto' || typeof value === 'boolean') return value
  throw (typeof value === 'string' ? outOfRange : invalidType)("option 'snapshot'", "a boolean or 'auto'", value)
}

const readCollector = value => {
  if (value !== undefined && typeof value !== 'function') throw invalidType("option 'gc'", 'a function', value)
  return value
}

/**
 * Checks the options of `leaks.compare(fn, options)`; returns them completed.
 *
 * @param {any} [options]
 */
const readCompareOptions = (options = {}) => {
  if (options === null || typeof options !== 'object') throw invalidType('options', 'an object', options)
  checkNames(options, KNOWN, known)
  const {
    repeat = USUAL.repeat, calls, warmup = USUAL.warmup, threshold = USUAL.threshold, settle = USUAL.settle,
    handles = true, sites = true, snapshot = false, gc
  } = options
  return {
    repeat: integer('repeat', repeat, LEAST_ROUNDS, MOST_ROUNDS),
    calls: calls === undefined ? undefined : integer('calls', calls, 1, MOST_CALLS),
    warmup: integer('warmup', warmup, 0, MOST_ROUNDS),
    threshold: readSize('threshold', threshold, 0, MOST_BYTES),
    settle: integer('settle', settle, 0, LONGEST),
    handles: flag('handles', handles),
    sites: flag('sites', sites),
    snapshot: readSnapshot(snapshot),
    gc: readCollector(gc)
  }
}

module.exports = { readCompareOptions }
