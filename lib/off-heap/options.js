'use strict'

// What OffHeapCache takes, checked once, before a store is opened.

const { checkNames } = require('../cache/options')
const { NAMES: CODECS, readCodec } = require('./codecs')
const { coded, invalidNumber, invalidType, invalidUse, outOfRange, unknownOption } = require('../errors')
const { readSize } = require('../size')

const KNOWN = [
  'name', 'maxBytes', 'maxEntries', 'max', 'ttl', 'updateAgeOnGet', 'allowStale', 'codec', 'shards', 'evictedKeys',
  'onTooLarge'
]
const known = new Set(KNOWN)

// What an LRUCache can do and this cannot: said rather than ignored, with what to use.
const ELSEWHERE = {
  maxEntrySize: "an entry is bounded by what a shard holds, see 'shards'",
  sizeCalculation: 'sizes are those of the bytes that are stored',
  dispose: "see the option 'evictedKeys' and the method takeEvicted()",
  disposeAfter: "see the option 'evictedKeys' and the method takeEvicted()",
  onInsert: 'nothing is called for an entry',
  fetchMethod: 'see the method getOrSet()',
  memoMethod: 'see the method getOrSet()',
  updateAgeOnHas: "see 'updateAgeOnGet' and the method touch()",
  noDeleteOnStaleGet: "see 'allowStale'",
  noUpdateTTL: 'each set() starts the time of its entry',
  perf: 'time is that of the operating system'
}

// What one shard needs. A bound that is raised would be none.
const LEAST_BYTES = 64 * 1024
// What 1024 shards can have.
const MOST_BYTES = 1024 * (2 ** 32 - 8)

const MOST_SHARDS = 1024
// A ttl above is as good as none.
const LONGEST_TTL = Number.MAX_SAFE_INTEGER

const readCount = (name, takes, value) => {
  if (!Number.isSafeInteger(value) || value < 0) throw invalidNumber(`option '${name}'`, takes, value)
  return value
}

const readShards = value => {
  if (!(Number.isInteger(value) && value >= 1 && value <= MOST_SHARDS && (value & value - 1) === 0)) {
    throw invalidNumber("option 'shards'", `a power of two from 1 to ${MOST_SHARDS}`, value)
  }
  return value
}

const readFlag = (name, value) => {
  if (typeof value !== 'boolean') throw invalidType(`option '${name}'`, 'a boolean', value)
  return value ? 1 : 0
}

/** A time to live in whole milliseconds; 0 is for ever. */
const readTtl = value => {
  if (typeof value !== 'number' || !(value >= 0)) {
    throw invalidNumber("option 'ttl'", 'a nonnegative number of milliseconds (0: for ever)', value)
  }
  return value > LONGEST_TTL ? 0 : Math.ceil(value)
}

/** The ttl in the last argument of a call, which is `{ ttl }` or a ttl; undefined if there is none. */
const ttlOf = options => {
  if (options === undefined || options === null) return undefined
  if (typeof options !== 'object' && typeof options !== 'number') {
    throw invalidType("argument 'options'", 'an object, or a ttl in milliseconds', options)
  }
  const ttl = typeof options === 'number' ? options : options.ttl
  return ttl === undefined ? undefined : readTtl(ttl)
}

const readName = value => {
  if (typeof value !== 'string') throw invalidType("option 'name'", 'a string', value)
  // Rust's strings have no lone surrogates: two names with different ones would become the same.
  if (value === '' || !/** @type {any} */ (value).isWellFormed()) {
    throw outOfRange("option 'name'", 'a string of well-formed Unicode that is not empty', value)
  }
  return value
}

const readOnTooLarge = value => {
  if (value === 'throw' || value === 'refuse') return value
  throw (typeof value === 'string' ? outOfRange : invalidType)("option 'onTooLarge'", "'throw' or 'refuse'", value)
}

const readMaxEntries = (maxEntries, max) => {
  if (maxEntries !== undefined && max !== undefined && maxEntries !== max) {
    throw invalidUse(`the options 'maxEntries' and 'max' are the same thing, got ${maxEntries} and ${max}`)
  }
  const name = maxEntries === undefined ? 'max' : 'maxEntries'
  return readCount(name, 'a nonnegative integer (0: no bound by count)', name === 'max' ? max : maxEntries)
}

const checkElsewhere = options => {
  if (options.maxSize !== undefined) throw unknownOption('maxSize', 'maxBytes')
  for (const name of Object.keys(ELSEWHERE)) {
    if (!options[name]) continue
    throw coded(TypeError, 'ERR_HEAPWISE_UNKNOWN_OPTION', `an OffHeapCache has no option '${name}': ${ELSEWHERE[name]}`)
  }
}

const given = (value, read) => value === undefined ? NaN : read(value)

// Where in a configuration what is. The first eight are the options that a store is opened with.
const PLACE = Object.freeze({
  maxBytes: 0,
  maxEntries: 1,
  ttl: 2,
  updateAgeOnGet: 3,
  allowStale: 4,
  shards: 5,
  evictedKeys: 6,
  codec: 7,
  maxEntryBytes: 8,
  reason: 9
})
const SHARED = Object.keys(PLACE).slice(0, 8)

/**
 * Checks the options of `new OffHeapCache(options)`. What is not given is NaN in `config`.
 *
 * @param {any} options
 */
const readOptions = (options = {}) => {
  if (options === null || typeof options !== 'object') throw invalidType('options', 'an object', options)
  checkElsewhere(options)
  checkNames(options, KNOWN, known)
  const { name, maxBytes, maxEntries, max, ttl, updateAgeOnGet, allowStale, shards, evictedKeys } = options
  const { codec, onTooLarge = 'throw' } = options
  const config = new Float64Array(SHARED.length + 2)
  config[PLACE.maxBytes] = given(maxBytes, value => readSize('maxBytes', value, LEAST_BYTES, MOST_BYTES))
  config[PLACE.maxEntries] = given(maxEntries === undefined ? max : maxEntries, () => readMaxEntries(maxEntries, max))
  config[PLACE.ttl] = given(ttl, readTtl)
  config[PLACE.updateAgeOnGet] = given(updateAgeOnGet, value => readFlag('updateAgeOnGet', value))
  config[PLACE.allowStale] = given(allowStale, value => readFlag('allowStale', value))
  config[PLACE.shards] = given(shards, readShards)
  config[PLACE.evictedKeys] = given(evictedKeys, value =>
    readCount('evictedKeys', 'a nonnegative integer (0: none are kept)', value))
  const read = codec === undefined ? undefined : readCodec(codec)
  config[PLACE.codec] = read === undefined ? NaN : read.number
  return {
    name: name === undefined ? undefined : readName(name),
    codec: read,
    refuses: readOnTooLarge(onTooLarge) === 'refuse',
    config
  }
}

const shown = (place, value) => {
  if (place === PLACE.codec) return `'${CODECS[value]}'`
  return place === PLACE.updateAgeOnGet || place === PLACE.allowStale ? String(value === 1) : String(value)
}

/** Tells how the options that were asked for differ from those that a store has. */
const differences = (wanted, actual) => SHARED.flatMap((name, place) =>
  Number.isNaN(wanted[place]) || wanted[place] === actual[place]
    ? []
    : [`'${name}' is ${shown(place, actual[place])}, not ${shown(place, wanted[place])}`])

module.exports = { readOptions, ttlOf, differences, PLACE }
