'use strict'

// What leaks.watch takes, and what each of its parts takes, checked once.

const { checkNames } = require('../cache/options')
const { invalidNumber, invalidType, invalidUse } = require('../errors')

const PARTS = ['timers', 'listeners', 'globals', 'collections', 'buffers', 'stacks', 'types', 'pools']
const KNOWN = [
  'timers', 'listeners', 'globals', 'collections', 'buffers', 'stacks', 'types', 'pools', 'interval', 'onLeak'
]
const known = new Set(KNOWN)

const DEFAULT_INTERVAL = 30_000
// setInterval takes no more.
const MOST_INTERVAL = 2 ** 31 - 1

const isObject = value => typeof value === 'object' && value !== null

/** An integer from `least` to `most`. */
const integer = (name, value, least, most = Number.MAX_SAFE_INTEGER) => {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value
  const takes = most === Number.MAX_SAFE_INTEGER
    ? `an integer of at least ${least}`
    : `an integer from ${least} to ${most}`
  throw invalidNumber(`option '${name}'`, takes, value)
}

const flag = (name, value) => {
  if (typeof value !== 'boolean') throw invalidType(`option '${name}'`, 'a boolean', value)
  return value
}

/**
 * The options of a part, completed: numbers of at least `least[name]`, booleans and lists of texts, as the default is.
 *
 * @param {string} part
 * @param {Record<string, unknown>} options
 * @param {Record<string, number | boolean | string[]>} defaults
 * @param {Record<string, number>} [least]
 * @returns {any}
 */
const readPart = (part, options, defaults, least = {}) => {
  const names = Object.keys(defaults)
  checkNames(options, names, new Set(names))
  const read = {}
  for (const name of names) {
    const usual = defaults[name]
    const value = options[name] ?? usual
    const full = `${part}.${name}`
    if (typeof usual === 'number') {
      read[name] = integer(full, value, least[name] ?? 1)
    } else if (typeof usual === 'boolean') {
      read[name] = flag(full, value)
    } else {
      if (!Array.isArray(value) || value.some(each => typeof each !== 'string')) {
        throw invalidType(`option '${full}'`, 'an array of strings', value)
      }
      read[name] = [...value]
    }
  }
  return read
}

const partOptions = (name, value) => {
  if (value === undefined || value === false) return undefined
  if (value === true) return {}
  if (!isObject(value)) throw invalidType(`option '${name}'`, 'a boolean or an object of options', value)
  return value
}

/** Checks the options of `leaks.watch`; returns them completed, `parts` as [name, options of the part]. */
const readOptions = options => {
  if (!isObject(options)) throw invalidType('options', 'an object', options)
  checkNames(options, KNOWN, known)
  const { interval = DEFAULT_INTERVAL, onLeak } = options
  integer('interval', interval, 0, MOST_INTERVAL)
  if (onLeak !== undefined && typeof onLeak !== 'function') throw invalidType("option 'onLeak'", 'a function', onLeak)
  const parts = PARTS.map(name => ({ name, options: partOptions(name, options[name]) }))
    .filter(part => part.options !== undefined)
  if (parts.length === 0) {
    const names = PARTS.map(name => `'${name}'`).join(', ')
    throw invalidUse(`there is nothing to watch: at least one of the options ${names} must be true`)
  }
  return { interval, onLeak, parts }
}

module.exports = { readOptions, readPart }
