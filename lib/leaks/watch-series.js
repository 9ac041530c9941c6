'use strict'

// A number at each look, and whether it grows.
//
// A leak rises for as long as one looks. What comes and goes also rises, at times; what fills up rises and stops. So
// all of these must hold: nearly no fall between any two looks, more than chance would add, and a second half that
// rises as well.

// When there are more, every other one is dropped: slow growth shows as well as quick growth, in bounded memory.
const MOST = 32
// Growth that began late is seen in so many last points.
const RECENT = 12

const FALLS = 0.1
const RISES = 0.5
const SECOND_HALF = 0.4
// What becomes more once, and once again, does so at one or two looks of many.
const STEPS = 3
const STEPS_SHARE = 0.2
// Of what comes and goes at random, a count of n varies by sqrt(n); the difference of two by sqrt(2n).
const CHANCE = 6

const countPairs = points => {
  let up = 0
  let down = 0
  for (let i = 1; i < points.length; i += 1) {
    for (let j = 0; j < i; j += 1) {
      if (points[i].value > points[j].value) up += 1
      if (points[i].value < points[j].value) down += 1
    }
  }
  return { up, down }
}

/** Between the two in the middle, if there are two. */
const middleOf = points => {
  const middle = (points.length - 1) / 2
  return (points[Math.floor(middle)].value + points[Math.ceil(middle)].value) / 2
}

const countSteps = points => {
  let steps = 0
  for (let i = 1; i < points.length; i += 1) if (points[i].value > points[i - 1].value) steps += 1
  return steps
}

const rises = (points, minimum, looks) => {
  const first = points[0].value
  const last = points.at(-1)
  const rise = last.value - first
  if (last.shown < minimum || rise < Math.max(minimum / 2, CHANCE * Math.sqrt(first), 1)) return false
  if (last.value - middleOf(points) < SECOND_HALF * rise) return false
  if (countSteps(points) < Math.max(Math.min(STEPS, looks - 1), STEPS_SHARE * (points.length - 1))) return false
  const { up, down } = countPairs(points)
  const pairs = points.length * (points.length - 1) / 2
  return down <= FALLS * (up + down) && up >= RISES * pairs
}

class Series {
  #points = []
  #stride = 1
  #looks = 0

  /**
   * @param {number} time in ms
   * @param {number} value what is judged
   * @param {number} shown what is told
   */
  add (time, value, shown = value) {
    const point = { look: this.#looks, time, value, shown }
    const points = this.#points
    // Between two points that are kept, the last is the newest.
    if (points.length > 1 && points.at(-1).look % this.#stride !== 0) points.pop()
    points.push(point)
    this.#looks += 1
    if (points.length < MOST) return
    this.#stride *= 2
    this.#points = points.filter(({ look }) => look % this.#stride === 0)
    if (this.#points.at(-1) !== point) this.#points.push(point)
  }

  get last () { return this.#points.at(-1) }
  get looks () { return this.#looks }

  /**
   * The growth, if there is one that has lasted for `looks` looks.
   *
   * @param {{ minimum: number, looks: number }} least
   */
  growth ({ minimum, looks }) {
    const all = this.#points
    for (const points of all.length > RECENT ? [all, all.slice(-RECENT)] : [all]) {
      if (points.length < 2) return undefined
      const first = points[0]
      const last = points.at(-1)
      const span = last.look - first.look + 1
      if (span < looks || !rises(points, minimum, looks)) continue
      const hours = (last.time - first.time) / 3_600_000
      const perHour = hours > 0 ? Math.round((last.shown - first.shown) / hours) : 0
      return { from: first.shown, to: last.shown, looks: span, perHour }
    }
    return undefined
  }
}

module.exports = { Series }
