'use strict'

// Whether a row of readings says that something is kept at each call.
//
// A leak grows for ever, and by as much a call as before. What fills once (a cache, compiled code) grows less and less.
// So a growth must hold over stages of rounds, each stage with twice the calls a round of the one before. Growth comes
// in steps as well: the table of a Map of numbers is enlarged at one call in thousands, by more each time.

/** A round in so many may be an exception. */
const EXCEPTIONS = 8
/** A round counts as growing if it grows by this share of the usual. */
const SHARE = 0.25
/** What a stage adds must be so many times what the rounds differ by. */
const NOISE = 5
/** A growth a call below this share of that of the stage before comes to an end. */
const HOLDS = 1 / 3
/** By steps the growth of a stage is that of one or two of them, more or less. */
const HOLDS_STEPPED = 0.35
/** Rounds that differ by this share of the usual one are even. */
const EVEN = 0.25
/** After so many stages it must be decided. */
const STAGES = 3

const TO_DEVIATION = 1.4826

const median = values => {
  const sorted = Float64Array.from(values).sort()
  const { length } = sorted
  return length % 2 === 1 ? sorted[(length - 1) / 2] : (sorted[length / 2 - 1] + sorted[length / 2]) / 2
}

const differences = levels => levels.slice(1).map((level, i) => level - levels[i])

/** The median of the slopes of all pairs, by Theil and Sen: a few wild rounds do not matter. */
const slope = levels => {
  const slopes = levels.flatMap((level, i) => levels.slice(0, i).map((earlier, j) => (level - earlier) / (i - j)))
  return median(slopes)
}

const sum = (rows, key) => rows.reduce((all, row) => all + row[key], 0)

/** One stage: what it adds, and how. */
const describe = ({ calls, levels }) => {
  const growth = differences(levels)
  const rounds = growth.length
  const usual = slope(levels)
  const middle = median(growth)
  const growing = growth.filter(each => each > 0 && each >= SHARE * usual).length
  return {
    calls,
    rounds,
    allCalls: calls * rounds,
    usual,
    total: levels.at(-1) - levels[0],
    deviation: TO_DEVIATION * median(growth.map(each => Math.abs(each - middle))),
    most: growing >= rounds - Math.floor(rounds / EXCEPTIONS)
  }
}

/** Nearly every round grows, the usual one by `least`. */
const isSteady = ({ most, usual }, least) => most && usual >= least

/** The stage as a whole grows, by `least` a round on average. */
const hasRisen = ({ total, rounds, deviation }, least) => total >= least * rounds && total >= NOISE * deviation

/** Bytes a call of a usual round. */
const rate = ({ usual, calls }) => usual / calls

/** Nearly every round grows by the same. Compiled code does not: so less is enough. */
const isEven = stage => stage.deviation <= EVEN * stage.usual

const isLeak = (seen, suspect, least, step) => {
  const last = seen.at(-1)
  const before = seen.slice(0, -1)
  const holds = before.every((stage, i) => rate(last) >= HOLDS ** (before.length - i) * rate(stage))
  if (holds && isSteady(last, isEven(last) ? suspect(last) : least(last))) return true
  if (seen.length < STAGES || !seen.every(stage => hasRisen(stage, least(stage)))) return false
  if (seen.slice(1).some(({ total }) => total < step)) return false
  return last.total / last.allCalls >= HOLDS_STEPPED * sum(before, 'total') / sum(before, 'allCalls')
}

/**
 * What the stages that were run so far say of one thing that is counted.
 *
 * @param {{ calls: number, levels: number[] }[]} stages
 * @param {object} threshold what is less is nothing
 * @param {number} threshold.perCall of a call
 * @param {number} threshold.suspect of a round, to look further
 * @param {number} threshold.least of a round, to call it a leak
 * @param {number} [threshold.start] so much more, if a round is one call; half of it, if it is two
 * @param {number} [threshold.step] of a stage that grows by steps
 * @param {boolean} [last] there can be no further stage: what nearly always grows is a leak
 * @returns {{ verdict: 'clean' | 'leak' | 'undecided', perCall: number }} `perCall`: the growth
 */
const judge = (stages, threshold, last = false) => {
  const atLeast = perRound => ({ calls }) => Math.max(perRound, threshold.perCall * calls)
  const suspect = atLeast(threshold.suspect)
  const least = stage => atLeast(threshold.least)(stage) + (threshold.start ?? 0) / stage.calls
  const seen = stages.map(describe)
  const now = seen.at(-1)
  const perCall = isSteady(now, suspect(now)) ? rate(now) : now.total / now.allCalls
  if (now.usual < suspect(now) && !hasRisen(now, suspect(now))) return { verdict: 'clean', perCall }
  if (last) return { verdict: isSteady(now, least(now)) ? 'leak' : 'clean', perCall }
  if (stages.length === 1) return { verdict: 'undecided', perCall }
  if (isLeak(seen, suspect, least, threshold.step ?? 0)) return { verdict: 'leak', perCall }
  return { verdict: stages.length < STAGES ? 'undecided' : 'clean', perCall }
}

module.exports = { judge, median, STAGES }
