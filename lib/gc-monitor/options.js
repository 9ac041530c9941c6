'use strict'

// What GcMonitor takes, checked once, before anything starts.

const { checkNames } = require('../cache/options')
const { invalidNumber, invalidType, invalidUse, outOfRange } = require('../errors')
const { readSize } = require('../size')

const KNOWN = [
  'interval', 'heapLimit', 'rssLimit', 'bufferSize', 'source', 'window', 'leaks', 'autostart'
]
const HEAP_KNOWN = ['warn', 'critical', 'reserve', 'snapshot']
const RSS_KNOWN = ['bytes', 'share', 'warn', 'critical']
const SNAPSHOT_KNOWN = ['dir', 'max', 'at']
const STREAM_KNOWN = ['bufferSize']
const COLLECT_KNOWN = ['type']

const SOURCES = ['auto', 'v8', 'perf_hooks']
const LEVELS = ['warn', 'critical']

const INTERVAL = 1000
const BUFFER = 16_384
const WINDOW = 120
const WARN = 0.8
const CRITICAL = 0.9
const MOST_TIMER = 2 ** 31 - 1

const isObject = value => typeof value === 'object' && value !== null

const readObject = (name, value, known) => {
  if (!isObject(value)) throw invalidType(name, 'an object', value)
  checkNames(value, known, new Set(known))
  return value
}

const readInteger = (name, value, least, most) => {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw invalidNumber(`option '${name}'`, `an integer from ${least} to ${most}`, value)
  }
  return value
}

const oneOf = (name, value, choices) => {
  if (typeof value !== 'string') throw invalidType(`option '${name}'`, `one of '${choices.join("', '")}'`, value)
  if (!choices.includes(value)) throw outOfRange(`option '${name}'`, `one of '${choices.join("', '")}'`, value)
  return value
}

const readBoolean = (name, value) => {
  if (typeof value !== 'boolean') throw invalidType(`option '${name}'`, 'a boolean', value)
  return value
}

const readShare = (name, value) => {
  if (typeof value !== 'number' || !(value > 0 && value <= 1)) {
    throw invalidNumber(`option '${name}'`, 'a number above 0, to 1', value)
  }
  return value
}

/**
 * Both levels. If one is given that the default of the other does not go with, the other is left out.
 *
 * @param {string} name
 * @param {{ warn?: unknown, critical?: unknown }} given
 */
const readLevels = (name, { warn, critical }) => {
  const levels = {
    warn: warn === undefined ? WARN : readShare(`${name}.warn`, warn),
    critical: critical === undefined ? CRITICAL : readShare(`${name}.critical`, critical)
  }
  if (levels.warn < levels.critical) return levels
  if (critical === undefined) return { warn: levels.warn, critical: undefined }
  if (warn === undefined) return { warn: undefined, critical: levels.critical }
  throw invalidUse(`option '${name}.warn' (${warn}) must be less than '${name}.critical' (${critical})`)
}

const readSnapshot = value => {
  const { dir, max = 1, at = 'warn' } = readObject("option 'heapLimit.snapshot'", value, SNAPSHOT_KNOWN)
  if (typeof dir !== 'string' || dir === '' || dir.includes('\0')) {
    throw invalidType("option 'heapLimit.snapshot.dir'", 'the path of a folder', dir)
  }
  return {
    dir,
    max: readInteger('heapLimit.snapshot.max', max, 1, 1000),
    at: oneOf('heapLimit.snapshot.at', at, LEVELS)
  }
}

const readHeapLimit = value => {
  if (value === undefined) return undefined
  if (typeof value === 'number') {
    return { ...readLevels('heapLimit', { warn: readShare('heapLimit', value) }), reserve: 0, snapshot: undefined }
  }
  const given = readObject("option 'heapLimit'", value, HEAP_KNOWN)
  const levels = readLevels('heapLimit', given)
  const snapshot = given.snapshot === undefined ? undefined : readSnapshot(given.snapshot)
  if (snapshot !== undefined && levels[snapshot.at] === undefined) {
    throw invalidUse(`option 'heapLimit.snapshot.at' is '${snapshot.at}', and there is no such level`)
  }
  const reserve = given.reserve === undefined
    ? 0 : readSize('heapLimit.reserve', given.reserve, 1, Number.MAX_SAFE_INTEGER)
  return { ...levels, reserve, snapshot }
}

const readRssLimit = value => {
  if (value === undefined) return undefined
  if (!isObject(value)) {
    return { ...readLevels('rssLimit', {}), bytes: readSize('rssLimit', value, 1, Number.MAX_SAFE_INTEGER) }
  }
  const given = readObject("option 'rssLimit'", value, RSS_KNOWN)
  if (given.bytes !== undefined && given.share !== undefined) {
    throw invalidUse("options 'rssLimit.bytes' and 'rssLimit.share' exclude each other")
  }
  const bytes = given.bytes === undefined
    ? undefined : readSize('rssLimit.bytes', given.bytes, 1, Number.MAX_SAFE_INTEGER)
  // Of what the container may have, or else the machine.
  const share = bytes === undefined ? readShare('rssLimit.share', given.share ?? 1) : undefined
  return { ...readLevels('rssLimit', given), bytes, share }
}

const readLeaks = value => {
  if (value === undefined || value === false) return undefined
  if (value === true) return {}
  if (!isObject(value)) throw invalidType("option 'leaks'", 'an object with the options of leaks.watch', value)
  return value
}

/** Checks the options of `new GcMonitor(options)`; returns them completed. */
const readOptions = options => {
  if (options === undefined) options = {}
  if (!isObject(options)) throw invalidType('options', 'an object', options)
  checkNames(options, KNOWN, new Set(KNOWN))
  const {
    interval = INTERVAL, bufferSize = BUFFER, source = 'auto', window = WINDOW, autostart = true
  } = options
  return {
    interval: readInteger('interval', interval, 10, MOST_TIMER),
    heapLimit: readHeapLimit(options.heapLimit),
    rssLimit: readRssLimit(options.rssLimit),
    bufferSize: readInteger('bufferSize', bufferSize, 16, 1_048_576),
    source: oneOf('source', source, SOURCES),
    window: readInteger('window', window, 20, 256),
    leaks: readLeaks(options.leaks),
    autostart: readBoolean('autostart', autostart)
  }
}

/** How many events an iterator keeps. */
const readStreamOptions = (options, bufferSize) => {
  if (options === undefined) return bufferSize
  const { bufferSize: given = bufferSize } = readObject("argument 'options'", options, STREAM_KNOWN)
  return readInteger('bufferSize', given, 1, 1_048_576)
}

/** @returns {any} */
const readCollectOptions = options => {
  if (options === undefined) return 'full'
  return oneOf('type', readObject("argument 'options'", options, COLLECT_KNOWN).type ?? 'full', ['full', 'minor'])
}

module.exports = { readOptions, readStreamOptions, readCollectOptions }
