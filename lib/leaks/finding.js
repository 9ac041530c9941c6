'use strict'

// What is told of a leak, in one sentence and in fields.

const NUMBERS = new Intl.NumberFormat('en-US')

/** @param {number} n */
const number = n => NUMBERS.format(Math.round(n))

/** '1 interval', '412 intervals'. */
const count = (n, one, many = `${one}s`) => `${number(n)} ${Math.round(n) === 1 ? one : many}`

/** 'they grew from 12 to 412 in 6 looks' */
const growthText = ({ from, to, looks }, unit = '') =>
  `grew from ${number(from)} to ${number(to)}${unit && ` ${unit}`} in ${looks} looks`

const UNITS = ['bytes', 'KB', 'MB', 'GB', 'TB']

/** '1.5 MB', in powers of 1024. */
const bytesText = bytes => {
  let unit = 0
  while (bytes >= 1024 && unit < UNITS.length - 1) {
    bytes /= 1024
    unit += 1
  }
  return `${unit === 0 || bytes >= 100 ? Math.round(bytes) : bytes.toFixed(1)} ${UNITS[unit]}`
}

/** '250 ms', '30 s', '5 min', '24 h' */
const timeText = ms => {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 120_000) return `${Math.round(ms / 1000)} s`
  return ms < 7_200_000 ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / 3_600_000)} h`
}

const LONG = 6
const LONGER = 4

/**
 * How sure it is. `kept`: the share of what was added that is still there, 1 if nothing ever went.
 *
 * @returns {'suspected' | 'likely' | 'certain'}
 */
const confidenceOf = ({ looks }, kept) => {
  if (looks >= LONG && kept >= 0.9) return 'certain'
  return looks >= LONGER && kept >= 0.5 ? 'likely' : 'suspected'
}

/** Places with how many at each, the most first, from pairs of place and count. */
const rank = counts => {
  const sum = new Map()
  for (const [place, n] of counts) sum.set(place, (sum.get(place) ?? 0) + n)
  return [...sum].map(([place, n]) => ({ place, count: Math.round(n) })).sort((a, b) => b.count - a.count)
}

const shown = key => {
  const text = typeof key === 'symbol' ? key.toString() : `'${String(key)}'`
  return text.length > 100 ? `${text.slice(0, 100)}…` : text
}

/** The name of an object's class; whatever it is, nothing is thrown. */
const classOf = object => {
  try {
    const { constructor } = Object.getPrototypeOf(object)
    return typeof constructor?.name === 'string' && constructor.name !== '' ? constructor.name : 'Object'
  } catch {
    return 'Object'
  }
}

module.exports = { bytesText, classOf, confidenceOf, count, growthText, number, rank, shown, timeText }
