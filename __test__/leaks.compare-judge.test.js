'use strict'

// What the judge says of rows of readings that are made up.

const fc = require('fast-check')

const { judge } = require('../lib/leaks/compare-judge')

const KIB = 1024
const BYTES = { perCall: 2, suspect: 1.5 * KIB, least: 8 * KIB, start: 128 * KIB, step: 300 * KIB }
const COUNTS = { perCall: 0, suspect: 1, least: 1 }
const ROUNDS = 8

const settings = { seed: Number(process.env.HEAPWISE_SEED ?? Date.now() % 2 ** 31), numRuns: 300 }

/** The stages of a run: `levelAt(calls so far, round)`, each with twice the calls of the one before. */
function stagesOf (levelAt, calls, count = 3) {
  const stages = []
  let done = 2 * calls
  let round = 0
  let level = levelAt(done, round)
  for (let stage = 0; stage < count; stage++) {
    const levels = [level]
    for (let i = 0; i < ROUNDS; i++) {
      done += calls * 2 ** stage
      round += 1
      level = levelAt(done, round)
      levels.push(level)
    }
    stages.push({ calls: calls * 2 ** stage, levels })
  }
  return stages
}

/** As leaks.compare goes on: a further stage only while it is undecided. */
function verdictOf (stages, threshold = BYTES) {
  for (let count = 1; count < stages.length; count++) {
    const { verdict } = judge(stages.slice(0, count), threshold)
    if (verdict !== 'undecided') return verdict
  }
  return judge(stages, threshold).verdict
}

const BASE = 8e6

test('a steady growth is a leak, and its size is told', () => {
  const stages = stagesOf(calls => BASE + 100 * calls, 1000)
  expect(judge(stages.slice(0, 1), BYTES)).toEqual({ verdict: 'undecided', perCall: 100 })
  expect(judge(stages.slice(0, 2), BYTES)).toEqual({ verdict: 'leak', perCall: 100 })
})

test('nothing, or less than is asked, is none', () => {
  expect(verdictOf(stagesOf(() => BASE, 1000))).toBe('clean')
  expect(verdictOf(stagesOf(calls => BASE - 100 * calls, 1000))).toBe('clean')
  expect(verdictOf(stagesOf(calls => BASE + 100 * calls, 1000), { ...BYTES, perCall: 101 })).toBe('clean')
  expect(verdictOf(stagesOf(calls => BASE + 100 * calls, 1000), { ...BYTES, perCall: 99 })).toBe('leak')
})

test('less is enough if the rounds grow by the same', () => {
  const even = stagesOf(calls => BASE + 100 * calls, 20)
  expect(verdictOf(even)).toBe('leak')
  // By as much, but not evenly, as V8 does.
  const wild = stagesOf((calls, round) => BASE + 100 * calls + (round % 2) * 1800, 20)
  expect(verdictOf(wild)).toBe('clean')
  expect(verdictOf(stagesOf(calls => BASE + 10 * calls, 20))).toBe('clean')
})

test('a growth by steps that double is a leak', () => {
  fc.assert(fc.property(fc.double({ min: 1, max: 2, noNaN: true }), fc.constantFrom(1.5, 2), (first, factor) => {
    // The room of a table after so many entries.
    const room = calls => {
      let size = first * 1000
      while (size < calls) size *= factor
      return 16 * size
    }
    expect(verdictOf(stagesOf(calls => BASE + room(calls), 20_000))).toBe('leak')
  }), settings)
})

test('what fills and levels off is none', () => {
  // The second stage goes from 10 to 26 rounds of the first. What fills for longer cannot be told from a leak.
  fc.assert(fc.property(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 4000 }), (rounds, bytes) => {
    const full = rounds * 100
    expect(verdictOf(stagesOf(calls => BASE + bytes * Math.min(calls, full), 100))).toBe('clean')
  }), settings)
})

test('what grows with the logarithm of the calls, as compiled code does, is none', () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 20_000 }), fc.integer({ min: 1000, max: 40_000 }), (calls, bytes) => {
    expect(verdictOf(stagesOf(done => BASE + bytes * Math.log(done), calls))).toBe('clean')
  }), settings)
})

test('what comes and goes at random is none', () => {
  const level = fc.integer({ min: 0, max: 1_000_000 })
  let wrong = 0
  fc.assert(fc.property(fc.array(level, { minLength: 25, maxLength: 25 }), fc.integer({ min: 1, max: 5000 }),
    (levels, calls) => {
      if (verdictOf(stagesOf((_, round) => BASE + levels[round], calls)) !== 'clean') wrong += 1
    }), { ...settings, numRuns: 5000 })
  // One in 500.
  expect(wrong).toBeLessThanOrEqual(10)
})

test('a leak under noise is found', () => {
  const noise = fc.integer({ min: -20_000, max: 20_000 })
  let missed = 0
  fc.assert(fc.property(fc.array(noise, { minLength: 25, maxLength: 25 }), noises => {
    const stages = stagesOf((calls, round) => BASE + 100 * calls + noises[round], 1000)
    if (verdictOf(stages) !== 'leak') missed += 1
  }), { ...settings, numRuns: 1000 })
  expect(missed).toBeLessThanOrEqual(10)
})

test('single jumps, up or down, neither make a leak nor hide one', () => {
  const jump = fc.record({ at: fc.integer({ min: 1, max: 24 }), by: fc.integer({ min: -300_000, max: 300_000 }) })
  fc.assert(fc.property(jump, ({ at, by }) => {
    const step = round => round >= at ? by : 0
    expect(verdictOf(stagesOf((_, round) => BASE + step(round), 100))).toBe('clean')
    expect(verdictOf(stagesOf((calls, round) => BASE + 200 * calls + step(round), 1000))).toBe('leak')
  }), settings)
})

test('when there can be no further stage, what nearly always grows is a leak', () => {
  const growing = stagesOf(calls => BASE + 1e6 * calls, 1, 1)
  expect(judge(growing, BYTES).verdict).toBe('undecided')
  expect(judge(growing, BYTES, true)).toEqual({ verdict: 'leak', perCall: 1e6 })
  const short = [{ calls: 1, levels: growing[0].levels.slice(0, 5) }]
  expect(judge(short, BYTES, true).verdict).toBe('leak')
  expect(judge(stagesOf((_, round) => BASE + (round > 4 ? 1e6 : 0), 1, 1), BYTES, true).verdict).toBe('clean')
})

test('counts: one more a call is a leak, one more for ever is none', () => {
  expect(verdictOf(stagesOf(calls => calls, 20), COUNTS)).toBe('leak')
  expect(verdictOf(stagesOf(calls => calls, 1), COUNTS)).toBe('leak')
  expect(verdictOf(stagesOf(() => 7, 20), COUNTS)).toBe('clean')
  expect(verdictOf(stagesOf((_, round) => round > 3 ? 8 : 7, 20), COUNTS)).toBe('clean')
  expect(verdictOf(stagesOf(calls => Math.min(calls, 100), 20), COUNTS)).toBe('clean')
})
