'use strict'

// Whether a row of readings says that something is kept at each call.
//
// A leak grows for ever, and by as much a call as before. What fills once (a cache, compiled code) grows less and less. So
// a growth must hold over stages of rounds, each stage with twice the calls a round of the one before. Growth comes
// in steps as well: the table of a Map of numbers is enlarged at one call in thousands, by more each time.

/** A round in so many may be an exception. */
const EXCEPTIONS = 8
/** A round counts as growing if it grows by this share of the usual. */
const SHARE = 0.25
/** What a stage adds must be so many times what the rounds differ by. */
const NOISE = 5
/** A growth a call below this share of what it was comes to an end. */
const HOLDS = 0.5
/** By steps the growth of a stage is that of one or two of them, more or less. */
const HOLDS_STEPPED = 0.35
/** Growth by steps is believed from so many smallest amounts on: compiled code comes in small steps. */
const STEPS = 8

const TO_DEVIATION = 1.4826

const median = values => {
  const sorted = Float64Array.from(values).sort()
  const { length } = sorted
  return length % 2 === 1 ? sorted[(length - 1) / 2] : (sorted[length / 2 - 1] + sorted[length / 2]) / 2
}

const differences = levels => levels.slice(1).map((level, i) => level - levels[i])

/**
 * One stage: what it adds, and how.
 *
 * @param {{ calls: number, levels: number[] }} stage
 * @param {number} least what a round must add
 */
const describe = ({ calls, levels }, least) => {
  const growth = differences(levels)
  const usual = median(growth)
  const total = levels.at(-1) - levels[0]
  const deviation = TO_DEVIATION * median(growth.map(each => Math.abs(each - usual)))
  const growing = growth.filter(each => each > 0 && each >= SHARE * usual).length
  const steady = usual >= least && growing >= growth.length - Math.floor(growth.length / EXCEPTIONS)
  const risen = total >= least * growth.length && total >= NOISE * deviation
  const perCall = (steady ? usual : total / growth.length) / calls
  return { steady, risen: risen || steady, total, perCall, rounds: growth.length, calls: growth.length * calls }
}

const sum = (rows, key) => rows.reduce((all, row) => all + row[key], 0)

/** Bytes a call over several stages. */
const rateOf = seen => sum(seen, 'total') / sum(seen, 'calls')

/**
 * What the stages that were run so far say of one thing that is counted.
 *
 * @param {{ calls: number, levels: number[] }[]} stages
 * @param {{ perCall: number, perRound: number }} threshold what is less is nothing
 * @returns {{ verdict: 'clean' | 'leak' | 'undecided', perCall: number }}
 */
const judge = (stages, { perCall: callThreshold, perRound }) => {
  const least = ({ calls }) => Math.max(perRound, callThreshold * calls)
  const seen = stages.map(stage => describe(stage, least(stage)))
  const last = seen.at(-1)
  const answer = verdict => ({ verdict, perCall: last.perCall })
  if (!last.risen) return answer('clean')
  if (stages.length === 1) return answer('undecided')
  const before = seen.slice(0, -1)
  const steady = last.steady && last.perCall >= HOLDS * before.at(-1).perCall
  if (stages.length === 2) return answer(steady ? 'leak' : 'undecided')
  const stepped = seen.every(({ total }) => total >= STEPS * perRound * last.rounds)
  const holds = last.perCall >= HOLDS_STEPPED * rateOf(before)
  return answer(steady || (stepped && holds) ? 'leak' : 'clean')
}

module.exports = { judge, median, differences }
