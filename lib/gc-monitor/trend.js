'use strict'

// Whether measurements of memory grow: the verdict of native code in words, a series that keeps what the verdict needs,
// and an episode, which tells when growth begins and ends.

const native = require('../native')
const { invalidNumber } = require('../errors')

const { trendAssess } = native

const VERDICTS = ['not-enough-data', 'steady', 'warming-up', 'growing', 'shrinking']
const CONFIDENCES = ['none', 'suspected', 'likely', 'certain']
const CAUSES = [
  'plain', 'few-points', 'short-time', 'small', 'drift', 'passed', 'seen-before', 'may-be-wave', 'settling',
  'limit-near'
]

/** What can be measured, in words, and growth of it that never matters. Handles and contexts are counted. */
const SUBJECTS = {
  heap: { name: 'the live heap', floor: 512 * 1024 },
  external: { name: 'external memory', floor: 512 * 1024 },
  arrayBuffers: { name: 'memory of ArrayBuffers', floor: 512 * 1024 },
  rss: { name: 'resident memory', floor: 4 * 1024 * 1024 },
  malloc: { name: 'memory from the C allocator', floor: 1024 * 1024 },
  contexts: { name: 'the number of contexts', floor: 4, counted: true },
  handles: { name: 'the number of handles', floor: 8, counted: true }
}
const OTHER = { name: 'the value', floor: 512 * 1024 }

const DAY = 24 * 3600 * 1000
/** Fewer measurements than these raise no alarm, unless the limit is near. */
const ENOUGH = 60
/** Numbers that native code answers. */
const ANSWER = 15

// ---- words

const UNITS = ['B', 'KB', 'MB', 'GB', 'TB']

const three = value => {
  const size = Math.abs(value)
  return value.toFixed(size >= 99.95 || size === 0 ? 0 : size >= 9.995 ? 1 : 2)
}

const bytes = value => {
  let unit = 0
  while (Math.abs(value) >= 1000 && unit < UNITS.length - 1) {
    value /= 1024
    unit++
  }
  return `${unit === 0 ? Math.round(value) : three(value)} ${UNITS[unit]}`
}

const duration = ms => {
  if (ms < 1000) return `${Math.round(ms)} ms`
  const seconds = ms / 1000
  if (seconds < 120) return `${Math.round(seconds)} s`
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`
  return seconds < 48 * 3600 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400)} days`
}

const amount = subject => subject.counted ? value => three(value) : bytes

const seen = ({ points, span }) => `${points} measurements in ${duration(span)}`

const moved = (v, subject) => {
  const show = amount(subject)
  // What falls by so much falls by a positive amount.
  const pace = v.slope < 0 ? [-v.slope, -v.interval[1], -v.interval[0]] : [v.slope, ...v.interval]
  const [slope, low, high] = pace.map(show)
  return `from ${show(v.from)} to ${show(v.to)}, ${slope} an hour (${low} to ${high}), over ${seen(v)}`
}

const REASONS_OF_GROWTH = {
  'may-be-wave': 'so slowly that a daily wave would look the same: no whole day has been seen yet',
  'seen-before': 'it has been as high before and came down again',
  settling: 'it rose faster before and may be settling',
  'limit-near': 'the limit is near'
}

const growing = (v, subject) => {
  const why = REASONS_OF_GROWTH[v.cause]
  const limit = v.timeToLimit === null ? '' : `; at this pace it reaches the limit in ${duration(v.timeToLimit)}`
  return `${subject.name} grows ${moved(v, subject)}${limit}${why === undefined ? '' : `; ${why}`}`
}

const STEADY = {
  small: 'it rises by less than matters',
  drift: 'it is higher than at the start, by a step or by noise rather than by growth that goes on',
  passed: 'it was higher before the end'
}

const steady = (v, subject) => {
  const show = amount(subject)
  const why = STEADY[v.cause]
  return `${subject.name} does not grow: ${show(v.from)} to ${show(v.to)} over ${seen(v)}` + (why ? `; ${why}` : '')
}

const unknown = (v, subject) => v.cause === 'few-points'
  ? `not enough data on ${subject.name} yet: ${v.points} of at least 8 measurements`
  : `not enough data on ${subject.name} yet: ${seen(v)} is too short a time`

const SENTENCES = {
  'not-enough-data': unknown,
  steady,
  'warming-up': (v, subject) => `${subject.name} rose ${moved(v, subject)}, and levels off`,
  growing,
  shrinking: (v, subject) => `${subject.name} falls ${moved(v, subject)}`
}

// ---- the verdict

/**
 * @typedef {'not-enough-data' | 'steady' | 'warming-up' | 'growing' | 'shrinking'} Word
 * @typedef {'none' | 'suspected' | 'likely' | 'certain'} Confidence
 * @typedef {{ what: string, verdict: Word, confidence: Confidence, leak: boolean, slope: number,
 *   interval: [number, number], p: number, points: number, span: number, from: number, to: number, noise: number,
 *   timeToLimit: number | null, cause: string, reason: string }} Verdict
 */

const answer = new Float64Array(ANSWER)

/** @returns {Verdict} */
const read = (what, subject) => {
  const [verdict, confidence, cause, leak, slope, low, high, p, , points, span, from, to, noise, timeToLimit] = answer
  const result = /** @type {Verdict} */ ({
    what,
    verdict: VERDICTS[verdict],
    confidence: CONFIDENCES[confidence],
    leak: leak === 1,
    slope,
    interval: [low, high],
    p,
    points,
    span,
    from,
    to,
    noise,
    timeToLimit: Number.isNaN(timeToLimit) ? null : timeToLimit,
    cause: CAUSES[cause],
    reason: ''
  })
  result.reason = SENTENCES[result.verdict](result, subject)
  return result
}

/**
 * Judges measurements: `times` in ms, `values` in bytes (or counts), the first `count` of them, the first `earlier` of
 * which were before those to be judged. `limit` is what the value must not reach. No alarm is raised (`leak`) with
 * less than `enough` measurements. `season` is the period of waves that slow growth might be, in ms, or 0.
 *
 * @typedef {{ what?: string, limit?: number, enough?: number, season?: number, floor?: number,
 *   leastSpan?: number }} Options
 * @param {{ times: Float64Array, values: Float64Array, count?: number, earlier?: number }} points
 * @param {Options} options
 * @returns {Verdict}
 */
const assess = ({ times, values, count = Math.min(times.length, values.length), earlier = 0 }, options = {}) => {
  const { what = 'heap', limit = NaN, enough = ENOUGH, season = DAY, leastSpan = 2000 } = options
  const subject = Object.hasOwn(SUBJECTS, what) ? SUBJECTS[what] : OTHER
  const { floor = subject.floor } = options
  trendAssess(times, values, count, Float64Array.of(limit, floor, leastSpan, enough, season, earlier), answer)
  return read(what, subject)
}

// ---- the series

const PAST = 128

/** Keeps of each two neighbours the lower one. Returns how many are left. */
const halve = (times, values, count) => {
  let kept = 0
  for (let i = 0; i < count; i += 2) {
    const low = i + 1 < count && values[i + 1] < values[i] ? i + 1 : i
    times[kept] = times[low]
    values[kept] = values[low]
    kept++
  }
  return kept
}

/** The middle of the first five. */
const middle = values => values.slice(0, 5).sort()[2]

/**
 * What was before the window: of each group of points the lowest and the highest, in order of time, so that what has
 * come and gone is known. Groups double when there is no more room. They lie at the end of the arrays.
 */
class Past {
  #times
  #values
  count = 0
  // Points that make two of the past, and how many of a group there are already.
  #group = 2
  #filled = 0

  constructor (times, values) {
    this.#times = times
    this.#values = values
  }

  clear () {
    this.count = this.#filled = 0
    this.#group = 2
  }

  add (time, value) {
    if (this.#filled === 0) {
      if (this.count === PAST) this.#coarsen()
      for (const array of [this.#times, this.#values]) array.copyWithin(0, 2, PAST)
      this.count += 2
      this.#put(PAST - 2, time, value)
      this.#put(PAST - 1, time, value)
    } else {
      this.#extend(time, value)
    }
    this.#filled = (this.#filled + 1) % this.#group
  }

  #put (at, time, value) {
    this.#times[at] = time
    this.#values[at] = value
  }

  /** The last two are the lowest and the highest of a group, in either order. A new one is the latest. */
  #extend (time, value) {
    const [first, second] = this.#values.subarray(PAST - 2, PAST)
    if (value >= Math.min(first, second) && value <= Math.max(first, second)) return
    // The other end of the range stays, and comes first.
    const stays = (value > first) === (first < second) || first === second ? PAST - 2 : PAST - 1
    this.#put(PAST - 2, this.#times[stays], this.#values[stays])
    this.#put(PAST - 1, time, value)
  }

  /** Of each two groups the lowest and the highest. */
  #coarsen () {
    const [times, values] = [this.#times.slice(0, PAST), this.#values.slice(0, PAST)]
    this.count = PAST / 2
    for (let i = 0; i < PAST; i += 4) {
      const four = [i, i + 1, i + 2, i + 3].sort((a, b) => values[a] - values[b])
      const [first, second] = [four[0], four[3]].sort((a, b) => a - b)
      this.#put(PAST / 2 + i / 2, times[first], values[first])
      this.#put(PAST / 2 + i / 2 + 1, times[second], values[second])
    }
    this.#group *= 2
  }
}

/**
 * Measurements of one thing: the last `window` of them, and a coarse past of all that was before. Where they come
 * faster than one in `spacing` ms, the lowest of neighbours is kept: a floor is what counts. A young series keeps all,
 * so that a fast leak is seen early.
 */
class Series {
  #options
  #window
  #spacing
  // The past, then the window, in one pair of arrays, as native code takes them.
  #times
  #values
  #past
  #count = 0
  // Points within so many ms of the first of them are one.
  #gap = 0
  #open = -Infinity

  /** @param {Options & { window?: number, spacing?: number }} options */
  constructor (options = {}) {
    const { window = 120, spacing = 5000, ...rest } = options
    if (!Number.isInteger(window) || window < 20 || window > 256) {
      throw invalidNumber("option 'window'", 'an integer from 20 to 256', window)
    }
    this.#options = rest
    this.#window = window
    this.#spacing = spacing
    this.#times = new Float64Array(PAST + window)
    this.#values = new Float64Array(PAST + window)
    this.#past = new Past(this.#times, this.#values)
  }

  clear () {
    this.#past.clear()
    this.#count = this.#gap = 0
    this.#open = -Infinity
  }

  /** Measurements that a verdict looks at. */
  get points () {
    return this.#count
  }

  /** The last value, or null. */
  get last () {
    return this.#count === 0 ? null : this.#values[PAST + this.#count - 1]
  }

  /** Takes a measurement. Returns whether it made a point of its own, rather than being part of the last one. */
  push (time, value) {
    if (!Number.isFinite(time) || !Number.isFinite(value)) return false
    const end = PAST + this.#count
    if (this.#count > 0 && time < this.#open + this.#gap) {
      if (value < this.#values[end - 1]) this.#values[end - 1] = value
      return false
    }
    if (this.#count === this.#window) this.#makeRoom()
    this.#times[PAST + this.#count] = this.#open = time
    this.#values[PAST + this.#count] = value
    this.#count++
    return true
  }

  #makeRoom () {
    const [times, values] = [this.#times.subarray(PAST), this.#values.subarray(PAST)]
    const mean = (times[this.#window - 1] - times[0]) / (this.#window - 1)
    if (mean < this.#spacing) {
      this.#count = halve(times, values, this.#window)
      this.#gap = Math.min(2 * mean, this.#spacing)
      return
    }
    // Without spikes: a value that was seen once has not been reached.
    this.#past.add(times[0], middle(values))
    times.copyWithin(0, 1)
    values.copyWithin(0, 1)
    this.#count--
  }

  /** Judges what is in the window. Options override those of the series. */
  assess (options = {}) {
    const { count } = this.#past
    const [start, end] = [PAST - count, PAST + this.#count]
    const [times, values] = [this.#times.subarray(start, end), this.#values.subarray(start, end)]
    return assess({ times, values, earlier: count }, { ...this.#options, ...options })
  }
}

// ---- the episode

/** Verdicts in a row that say the same, before it is believed. */
const PATIENCE = 12

/** Growth from its beginning to its end. Give it each new verdict of a series, one a measurement. */
class Episode {
  #patience
  #same = 0
  active = false

  constructor ({ patience = PATIENCE } = {}) {
    this.#patience = patience
  }

  /**
   * @param {Verdict} verdict
   * @returns {'started' | 'ended' | null}
   */
  update (verdict) {
    if (verdict.verdict === 'not-enough-data') return null
    const turns = this.active ? verdict.verdict !== 'growing' : verdict.leak
    this.#same = turns ? this.#same + 1 : 0
    const urgent = !this.active && verdict.leak && verdict.cause === 'limit-near'
    if (this.#same < this.#patience && !urgent) return null
    this.#same = 0
    this.active = !this.active
    return this.active ? 'started' : 'ended'
  }

  /** Forgets that growth has begun. */
  clear () {
    this.#same = 0
    this.active = false
  }
}

module.exports = { Episode, Series, assess }
