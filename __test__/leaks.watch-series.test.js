'use strict'

// What grows and what does not, by numbers alone: rates of false alarms and of leaks that are found, over many random
// series.

const { Series } = require('../lib/leaks/watch-series')
const { Sampler } = require('../lib/leaks/watch-sampler')
const settings = require('./support/settings')

settings.announce('leaks.watch-series')

const HOUR = 3_600_000
const RUNS = 200
const LEAST = { minimum: 10, looks: 4 }

/** mulberry32: the same numbers for the same seed. */
const randomOf = seed => () => {
  seed = seed + 0x6d2b79f5 | 0
  let t = Math.imul(seed ^ seed >>> 15, 1 | seed)
  t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t
  return ((t ^ t >>> 14) >>> 0) / 2 ** 32
}

const poisson = (random, mean) => {
  if (mean > 15) {
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
    return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal))
  }
  const least = Math.exp(-mean)
  let n = 0
  for (let p = random(); p > least; p *= random()) n += 1
  return n
}

/** The share of so many series that are told at any of their looks. */
const shareTold = (make, looks, least = LEAST) => {
  let told = 0
  for (let run = 0; run < RUNS; run += 1) {
    const next = make(randomOf(settings.seed + run * 7919))
    const series = new Series()
    for (let look = 0; look < looks; look += 1) {
      series.add(look * 30_000, next(look))
      if (series.growth(least) !== undefined) {
        told += 1
        break
      }
    }
  }
  return told / RUNS
}

/** As many come as go, at random: the number of those that are there at a time. */
const traffic = (mean, stay) => random => {
  let now = poisson(random, mean)
  return () => {
    now = now - poisson(random, now * (1 - stay)) + poisson(random, mean * (1 - stay))
    now = Math.max(0, now)
    return now
  }
}

describe('what is no leak is not told', () => {
  test.each([
    ['500 that come and go within a look', random => () => poisson(random, 500)],
    ['20 that come and go within a look', random => () => poisson(random, 20)],
    ['500 that stay for ten looks', traffic(500, 0.9)],
    ['60 that stay for five looks', traffic(60, 0.8)],
    ['a number that stays', () => () => 1000],
    ['a step', random => { const at = Math.floor(random() * 100); return look => look < at ? 50 : 150 }],
    ['a burst', random => { const at = Math.floor(random() * 100); return look => look === at ? 5000 : 10 }],
    ['what fills up', random => look => Math.round(2000 * (1 - Math.exp(-look / 3))) + poisson(random, 10)]
  ])('%s, in 200 looks', (_, make) => {
    expect(shareTold(make, 200)).toBeLessThanOrEqual(0.04)
  })
})

describe('a leak is told', () => {
  test.each([
    ['one at each look', () => look => look],
    ['one at every third look', () => look => Math.floor(look / 3)],
    ['of five a look, at random', random => { let n = 0; return () => (n += poisson(random, 5)) }],
    ['of fifty a look over a thousand that stay', () => look => 1000 + 50 * look],
    ['of twenty a look over 500 that come and go', random => look => poisson(random, 500) + 20 * look],
    ['that begins after a quiet hour', () => look => 50 + Math.max(0, look - 120) * 5]
  ])('%s, in 200 looks', (_, make) => {
    expect(shareTold(make, 200)).toBeGreaterThanOrEqual(0.98)
  })

  test('as soon as there are looks enough, and not before', () => {
    for (const looks of [3, 4, 10]) {
      const series = new Series()
      const told = []
      for (let look = 0; look < 20; look += 1) {
        series.add(look, 100 * look)
        if (series.growth({ minimum: 10, looks }) !== undefined) told.push(look + 1)
      }
      expect(told).toEqual(Array.from({ length: 21 - looks }, (_, i) => looks + i))
    }
  })

  test.each([100, 1000, 10_000, 100_000])('within a few looks, if it begins after %d', quiet => {
    const series = new Series()
    for (let look = 0; look < quiet; look += 1) series.add(look, 20 + look % 3)
    let looks = 0
    for (; looks < 50 && series.growth(LEAST) === undefined; looks += 1) {
      series.add(quiet + looks, 20 + 10 * (looks + 1))
    }
    expect(looks).toBeLessThan(12)
  })

  test('if it is slow and begins late: in days, not in months', () => {
    const series = new Series()
    const quiet = 30 * 2880
    for (let look = 0; look < quiet; look += 1) series.add(look, 5)
    let looks = 0
    // One an hour.
    for (; looks < 10 * 2880 && series.growth(LEAST) === undefined; looks += 1) {
      series.add(quiet + looks, 5 + Math.floor(looks / 120))
    }
    expect(looks).toBeLessThan(2 * 2880)
  })

  test('not any more when it has ended', () => {
    const series = new Series()
    const told = []
    for (let look = 0; look < 300; look += 1) {
      series.add(look, Math.min(100, look) * 10)
      told.push(series.growth(LEAST) !== undefined)
    }
    expect(told.slice(3, 100)).toEqual(new Array(97).fill(true))
    expect(told.slice(250)).toEqual(new Array(50).fill(false))
  })
})

test('what is told: numbers, looks and growth per hour, however long it lasts', () => {
  const series = new Series()
  for (let look = 0; look < 10_000; look += 1) series.add(look * 30_000, look, look + 7)
  const { from, to, looks, perHour } = series.growth(LEAST)
  expect([from, to, looks]).toEqual([7, 10_006, 10_000])
  expect(perHour).toBe(HOUR / 30_000)
  expect(series.looks).toBe(10_000)
})

describe('a sample', () => {
  test.each([1, 10, 255, 256, 1000, 30_000, 1_000_000])('stands for all calls: %d', calls => {
    const sampler = new Sampler(256)
    let looked = 0
    let sum = 0
    for (let i = 0; i < calls; i += 1) {
      const weight = sampler.weigh()
      if (weight > 0) looked += 1
      sum += weight
    }
    expect(Math.abs(sum - calls)).toBeLessThanOrEqual(calls < 256 ? 0 : calls * 0.05)
    expect(looked).toBeLessThanOrEqual(Math.min(calls, 256 * Math.ceil(Math.log2(calls / 256 + 2) + 1)))
  })

  test('stands for all calls, whenever one looks', () => {
    const sampler = new Sampler(256)
    let sum = 0
    let calls = 0
    for (let turn = 0; turn < 2000; turn += 1) {
      const busy = turn % 20 === 0 ? 50_000 : 300
      for (let i = 0; i < busy; i += 1) sum += sampler.weigh()
      calls += busy
      sampler.turn()
    }
    // All but those since the last that was taken.
    expect(sum).toBeLessThanOrEqual(calls + 1)
    expect(sum).toBeGreaterThan(calls - 1000)
  })

  test('a quieter time is looked at more closely', () => {
    const sampler = new Sampler(256)
    for (let i = 0; i < 1_000_000; i += 1) sampler.weigh()
    let looks = 0
    for (; looks < 30; looks += 1) {
      sampler.turn()
      let looked = 0
      for (let i = 0; i < 60; i += 1) if (sampler.weigh() > 0) looked += 1
      if (looked === 60) break
    }
    expect(looks).toBeLessThan(20)
  })
})
