'use strict'

// A number at each look, and whether it grows.
//
// A leak rises for as long as one looks. What comes and goes also rises, at times; what fills up rises and stops. So
// all of these must hold: nearly no fall between any two looks, more than chance would add, and a second half that
// rises as well.

// All of it, in so many points: when there are more, every other one is dropped.
const MOST = 32
// And the last points, one of so many looks each, so that growth is seen as soon that begins after a month.
const STRIDES = [144, 12, 1]
const LAST = 16

const FALLS = 0.1
const SECOND_HALF = 0.4
// What becomes more once, and once again, does so at one or two looks of many.
const STEPS = 3
const STEPS_SHARE = 0.2
// Of what comes and goes at random, a count of n varies by sqrt(n); the difference of two by sqrt(2n).
const CHANCE = 7

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
  return down <= FALLS * (up + down)
}

class Series {
  #all = []
  #stride = 1
  #windows = STRIDES.map(stride => ({ stride, points: [] }))
  #last = undefined
  #looks = 0

  /**
   * @param {number} time in ms
   * @param {number} value what is judged
   * @param {number} shown what is told
   */
  add (time, value, shown = value) {
    const look = this.#looks
    const point = this.#last = { look, time, value, shown }
    this.#looks += 1
    for (const { stride, points } of this.#windows) {
      if (look % stride !== 0) continue
      points.push(point)
      if (points.length > LAST) points.shift()
    }
    if (look % this.#stride !== 0) return
    this.#all.push(point)
    if (this.#all.length < MOST) return
    this.#stride *= 2
    this.#all = this.#all.filter(each => each.look % this.#stride === 0)
  }

  /** Ends with the newest. */
  #upToNow (points) {
    return points.at(-1) === this.#last ? points : [...points, this.#last]
  }

  get last () { return this.#last }
  get looks () { return this.#looks }

  /**
   * The growth, if there is one that has lasted for `looks` looks.
   *
   * @param {{ minimum: number, looks: number }} least
   */
  growth ({ minimum, looks }) {
    for (const kept of [this.#all, ...this.#windows.map(({ points }) => points)]) {
      const points = this.#upToNow(kept)
      if (points.length < 2) continue
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
