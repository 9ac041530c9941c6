'use strict'

// Sizes in bytes, as numbers or as text.

const { invalidType, outOfRange } = require('./errors')

const UNITS = { '': 0, b: 0, k: 1, kb: 1, kib: 1, m: 2, mb: 2, mib: 2, g: 3, gb: 3, gib: 3, t: 4, tb: 4, tib: 4 }
const SIZE = /^\s*(\d+(?:\.\d+)?)\s*([kmgt]?i?b?)\s*$/i

const parseSize = text => {
  const [, digits, unit] = SIZE.exec(text) ?? []
  const power = digits === undefined ? undefined : UNITS[unit.toLowerCase()]
  return power === undefined ? NaN : Math.floor(Number(digits) * 1024 ** power)
}

/**
 * The number of bytes that option `name` says: an integer, or text such as '512mb', whose units are powers of 1024.
 *
 * @param {string} name
 * @param {unknown} value
 * @param {number} least
 * @param {number} most
 */
const readSize = (name, value, least, most) => {
  const takes = `an integer of bytes from ${least} to ${most}, or text such as '512mb' or '2gb'`
  if (typeof value !== 'number' && typeof value !== 'string') throw invalidType(`option '${name}'`, takes, value)
  const bytes = typeof value === 'string' ? parseSize(value) : value
  if (!Number.isSafeInteger(bytes) || bytes < least || bytes > most) throw outOfRange(`option '${name}'`, takes, value)
  return bytes
}

module.exports = { readSize }
