'use strict'

// What BufferPool takes, checked once, before anything is built.

const { checkNames } = require('../cache/options')
const { invalidNumber, invalidType, invalidUse, outOfRange } = require('../errors')
const { readSize } = require('../size')
const { QUANTUM, ladder } = require('./classes')

const KNOWN = [
  'name', 'poolSize', 'min', 'max', 'classes', 'zeroing', 'fence', 'poison', 'leakDetection', 'onLeak', 'onMisuse',
  'maxBytes', 'maxFreeBytes', 'onFull', 'idleMs', 'secure'
]
const known = new Set(KNOWN)

const KIB = 1024
const MIB = 1024 * KIB

const LEAST_PAGE = 4 * KIB
const MOST_PAGE = MIB
/** The largest chunk. */
const MOST_CHUNK = 64 * MIB
const MOST_CLASSES = 255
const MOST_BYTES = Number.MAX_SAFE_INTEGER
// What setInterval takes.
const LONGEST_IDLE = 2 ** 31 - 1

// Of the smallest class, unless 'max' is less.
const USUAL_LEAST = 64

const ZEROING = ['none', 'on-acquire', 'on-release', 'both']
const FENCE = ['off', 'sampled', 'always']
const LEAK_DETECTION = ['off', 'simple', 'advanced', 'paranoid']
const ON_FULL = ['unpooled', 'throw', 'wait']

let unnamed = 0

const oneOf = (name, names, value) => {
  if (names.includes(value)) return value
  const takes = names.map(each => `'${each}'`).join(', ').replace(/, ([^,]*)$/, ' or $1')
  throw (typeof value === 'string' ? outOfRange : invalidType)(`option '${name}'`, takes, value)
}

const flag = (name, value) => {
  if (typeof value !== 'boolean') throw invalidType(`option '${name}'`, 'a boolean', value)
  return value
}

const callback = (name, value) => {
  if (value !== undefined && typeof value !== 'function') throw invalidType(`option '${name}'`, 'a function', value)
  return value
}

const readName = value => {
  if (typeof value !== 'string') throw invalidType("option 'name'", 'a string', value)
  if (value === '') throw outOfRange("option 'name'", 'a string that is not empty', value)
  return value
}

const readPage = value => {
  const fine = Number.isInteger(value) && value >= LEAST_PAGE && value <= MOST_PAGE && (value & value - 1) === 0
  if (!fine) throw invalidNumber("option 'poolSize'", `a power of two from ${LEAST_PAGE} to ${MOST_PAGE}`, value)
  return value
}

const readIdle = value => {
  if (!Number.isInteger(value) || value < 0 || value > LONGEST_IDLE) {
    throw invalidNumber("option 'idleMs'", `an integer of milliseconds from 0 (never) to ${LONGEST_IDLE}`, value)
  }
  return value
}

const readClasses = value => {
  const takes = `an array of 1 to ${MOST_CLASSES} integers from ${QUANTUM} to ${MOST_CHUNK}, none of them twice`
  if (!Array.isArray(value)) throw invalidType("option 'classes'", takes, value)
  const sizes = [...value]
  const fine = sizes.every(size => Number.isInteger(size) && size >= QUANTUM && size <= MOST_CHUNK)
  if (!fine || sizes.length === 0 || sizes.length > MOST_CLASSES || new Set(sizes).size !== sizes.length) {
    throw outOfRange("option 'classes'", takes, value)
  }
  return sizes.sort((a, b) => a - b)
}

const readLadder = ({ min, max }, most) => {
  const given = min === undefined ? undefined : readSize('min', min, 1, MOST_CHUNK)
  const last = max === undefined ? Math.max(most, given ?? 0) : readSize('max', max, 1, MOST_CHUNK)
  const least = given ?? Math.min(USUAL_LEAST, last)
  if (least > last) throw invalidUse(`option 'min' must be at most 'max', got ${least} and ${last}`)
  return { max: last, sizes: ladder(least, last) }
}

const readSizes = (options, most) => {
  const { classes, min, max } = options
  if (classes === undefined) return readLadder(options, most)
  if (min !== undefined || max !== undefined) {
    throw invalidUse("the option 'classes' says all sizes, so 'min' and 'max' must not be given with it")
  }
  const sizes = readClasses(classes)
  return { max: sizes[sizes.length - 1], sizes }
}

const checkSecure = ({ zeroing, onFull }) => {
  if (zeroing === 'none' || zeroing === 'on-acquire') {
    throw invalidUse(`a secure pool zeroes what is released: option 'zeroing' must be 'on-release' or 'both', got '${zeroing}'`)
  }
  if (onFull === 'unpooled') {
    throw invalidUse("a secure pool gives no memory that is not secure: option 'onFull' must be 'throw' or 'wait', " +
      "got 'unpooled'")
  }
}


/**
 * Checks the options of `new BufferPool(options)`.
 *
 * @param {any} options
 */
const readOptions = (options = {}) => {
  if (options === null || typeof options !== 'object') throw invalidType("argument 'options'", 'an object', options)
  checkNames(options, KNOWN, known)
  const { name, poolSize = 8 * KIB, poison = false, secure = false, idleMs = 10_000, onLeak, onMisuse } = options
  const isSecure = flag('secure', secure)
  const { zeroing = 'on-release', fence = 'off', leakDetection = 'simple' } = options
  const { maxBytes = isSecure ? 4 * MIB : 256 * MIB, maxFreeBytes, onFull = isSecure ? 'throw' : 'unpooled' } = options
  const read = {
    name: name === undefined ? '' : readName(name),
    poolSize: readPage(poolSize),
    ...readSizes(options, isSecure ? 64 * KIB : MIB),
    zeroing: oneOf('zeroing', ZEROING, zeroing),
    fence: oneOf('fence', FENCE, fence),
    poison: flag('poison', poison),
    leakDetection: oneOf('leakDetection', LEAK_DETECTION, leakDetection),
    onLeak: callback('onLeak', onLeak),
    onMisuse: callback('onMisuse', onMisuse),
    maxBytes: readSize('maxBytes', maxBytes, 1, MOST_BYTES),
    maxFreeBytes: Infinity,
    onFull: oneOf('onFull', ON_FULL, onFull),
    idleMs: readIdle(idleMs),
    secure: isSecure
  }
  read.maxFreeBytes = maxFreeBytes === undefined ? read.maxBytes : readSize('maxFreeBytes', maxFreeBytes, 0, MOST_BYTES)
  if (isSecure) checkSecure(read)
  if (name === undefined) read.name = `pool-${++unnamed}`
  return read
}

module.exports = { MOST_CHUNK, readOptions }
