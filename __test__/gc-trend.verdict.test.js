'use strict'

const fc = require('fast-check')

const { Episode, Series, assess } = require('../lib/gc-monitor/trend')

const MB = 1024 * 1024
const MINUTE = 60_000

/** `count` measurements, one a minute, of what `shape` says, in MB, with noise that is always the same. */
const measure = (count, shape) => ({
  times: Float64Array.from({ length: count }, (_, i) => i * MINUTE),
  values: Float64Array.from({ length: count }, (_, i) => (shape(i) + 0.3 * Math.sin(i * i)) * MB)
})

const CAUSES = {
  'not-enough-data': ['few-points', 'short-time'],
  steady: ['plain', 'small', 'drift', 'passed'],
  'warming-up': ['plain'],
  growing: ['plain', 'seen-before', 'may-be-wave', 'settling', 'limit-near'],
  shrinking: ['plain']
}

describe('assess', () => {
  test('a leak', () => {
    const verdict = assess(measure(60, i => 50 + i / 2))
    expect(verdict).toEqual({
      what: 'heap',
      verdict: 'growing',
      confidence: 'certain',
      leak: true,
      slope: expect.closeTo(30 * MB, -6),
      interval: [expect.any(Number), expect.any(Number)],
      p: expect.any(Number),
      points: 60,
      span: 59 * MINUTE,
      from: expect.closeTo(50 * MB, -6),
      to: expect.closeTo(79.5 * MB, -6),
      noise: expect.any(Number),
      timeToLimit: null,
      cause: 'plain',
      reason: expect.stringMatching(/^the live heap grows from 49\.9 MB to 79\.\d MB, 30\.\d MB an hour \(/)
    })
    expect(verdict.reason).toMatch(/ an hour \(29\.\d MB to 30\.\d MB\), over 60 measurements in 59 min$/)
    expect(verdict.p).toBeLessThan(1e-12)
    expect(verdict.interval[0]).toBeLessThan(verdict.slope)
    expect(verdict.interval[1]).toBeGreaterThan(verdict.slope)
  })

  test('the time to the limit', () => {
    const verdict = assess(measure(60, i => 50 + i / 2), { limit: 379.5 * MB })
    expect(verdict.timeToLimit / (600 * MINUTE)).toBeCloseTo(1, 1)
    expect(verdict.reason).toMatch(/; at this pace it reaches the limit in 10 h$/)
    const near = assess(measure(30, i => 50 + i / 2), { limit: 66 * MB })
    expect(near).toMatchObject({ leak: true, cause: 'limit-near' })
    expect(near.reason).toMatch(/reaches the limit in \d+ s; the limit is near$|in \d+ min; the limit is near$/)
  })

  test('what is no leak', () => {
    const judge = (count, shape, options) => assess(measure(count, shape), options)
    expect(judge(5, i => 50 + i)).toMatchObject({ verdict: 'not-enough-data', confidence: 'none', cause: 'few-points' })
    expect(judge(5, i => 50 + i).reason).toBe('not enough data on the live heap yet: 5 of at least 8 measurements')
    expect(judge(30, i => 50 + i, { leastSpan: 30 * MINUTE }).reason)
      .toBe('not enough data on the live heap yet: 30 measurements in 29 min is too short a time')
    expect(judge(60, () => 50)).toMatchObject({ verdict: 'steady', leak: false })
    expect(judge(60, () => 50).reason).toMatch(/^the live heap does not grow: 49\.\d MB to 50\.\d MB over 60 meas/)
    expect(judge(60, i => 50 + Math.min(i, 30))).toMatchObject({ verdict: 'warming-up', leak: false })
    expect(judge(60, i => 50 + Math.min(i, 30)).reason).toMatch(/^the live heap rose from .*, and levels off$/)
    expect(judge(60, i => 150 - i)).toMatchObject({ verdict: 'shrinking', leak: false })
    expect(judge(60, i => 150 - i).reason)
      .toMatch(/^the live heap falls from 150 MB to 91\.\d MB, 59\.9 MB an hour \(59\.\d MB to 60\.\d MB\)/)
    expect(judge(60, i => 50 + (i > 40 ? 20 : 0))).toMatchObject({ verdict: 'steady', leak: false })
  })

  test('handles are counted', () => {
    const { times } = measure(60, i => i)
    const values = Float64Array.from(times, (_, i) => 100 + i)
    const verdict = assess({ times, values }, { what: 'handles' })
    expect(verdict).toMatchObject({ what: 'handles', verdict: 'growing', leak: true })
    expect(verdict.reason)
      .toMatch(/^the number of handles grows from 100 to 159, 60\.0 an hour \(60\.0 to 60\.0\)/)
    // As bytes it is nothing.
    expect(assess({ times, values }, { what: 'heap' })).toMatchObject({ verdict: 'steady', cause: 'small' })
  })

  test('only the first ones are looked at, and those before are told apart', () => {
    const points = measure(60, i => 50 + i)
    expect(assess({ ...points, count: 10 }).points).toBe(10)
    expect(assess({ ...points, earlier: 50 }).points).toBe(10)
    expect(assess({ ...points, count: 10, earlier: 20 })).toMatchObject({ points: 0, cause: 'few-points' })
    expect(() => assess({ ...points, count: 61 })).toThrow(expect.objectContaining({ code: 'ERR_HEAPWISE_INTERNAL' }))
  })

  test('any numbers get a verdict', () => {
    const number = fc.oneof(fc.double(), fc.double({ min: 0, max: 1e9 }), fc.constantFrom(NaN, Infinity, -Infinity, 0))
    fc.assert(fc.property(fc.array(fc.tuple(number, number), { maxLength: 80 }), number, (points, limit) => {
      const [times, values] = [0, 1].map(at => Float64Array.from(points, point => point[at]))
      const verdict = assess({ times, values }, { limit })
      expect(CAUSES[verdict.verdict]).toContain(verdict.cause)
      expect(verdict.confidence === 'none').toBe(['steady', 'not-enough-data'].includes(verdict.verdict))
      expect(verdict.reason).not.toMatch(/NaN|undefined|Infinity/)
      expect(verdict.timeToLimit === null || verdict.timeToLimit >= 0).toBe(true)
    }), { numRuns: 300 })
  })
})

describe('Series', () => {
  const fill = (series, count, value, gap = MINUTE, from = 0) => {
    for (let i = from; i < from + count; i++) series.push(i * gap, value(i))
  }

  test('is empty at first', () => {
    const series = new Series()
    expect(series).toMatchObject({ points: 0, last: null })
    expect(series.assess()).toMatchObject({ verdict: 'not-enough-data', points: 0 })
  })

  test('takes numbers only', () => {
    const series = new Series()
    expect([NaN, Infinity, -Infinity].map(value => series.push(0, value))).toEqual([false, false, false])
    expect(series.push(NaN, 1)).toBe(false)
    expect(series.points).toBe(0)
    expect(series.push(0, 1)).toBe(true)
    expect(series).toMatchObject({ points: 1, last: 1 })
  })

  test('slides', () => {
    const series = new Series({ window: 60 })
    fill(series, 500, i => (i < 440 ? 50 : 50 + i - 440) * MB)
    const verdict = series.assess()
    expect(verdict).toMatchObject({ verdict: 'growing', points: 60, span: 59 * MINUTE })
    expect(verdict.from / MB).toBeCloseTo(50, 0)
  })

  test('is judged as assess() does it', () => {
    const points = measure(60, i => 50 + i)
    const series = new Series({ what: 'external', limit: 500 * MB })
    points.times.forEach((time, i) => series.push(time, points.values[i]))
    expect(series.assess()).toEqual(assess(points, { what: 'external', limit: 500 * MB }))
    expect(series.assess({ limit: 200 * MB }).timeToLimit).toBeLessThan(series.assess().timeToLimit)
  })

  test('what comes too fast is thinned to its floor, once there is much', () => {
    const series = new Series({ window: 100, spacing: 5000 })
    // The true floor is 50 MB; every other collection sees more.
    const value = i => (i % 2 === 0 ? 50 : 80) * MB
    fill(series, 100, value, 100)
    expect(series.points).toBe(100)
    fill(series, 100_000, value, 100, 100)
    expect(series.points).toBeGreaterThanOrEqual(50)
    const verdict = series.assess()
    expect(verdict).toMatchObject({ verdict: 'steady', from: 50 * MB, to: 50 * MB })
    // One in 5 s.
    expect(verdict.span / (verdict.points - 1)).toBeGreaterThan(4000)
    expect(verdict.span / (verdict.points - 1)).toBeLessThan(6000)
  })

  test('what belongs to the last point is no new one', () => {
    const series = new Series({ window: 20, spacing: 1000 })
    const made = []
    for (let i = 0; i < 4000; i++) made.push(series.push(i * 10, MB))
    expect(made.slice(0, 20)).toEqual(new Array(20).fill(true))
    expect(made.slice(-1000).filter(Boolean).length).toBeGreaterThan(8)
    expect(made.slice(-1000).filter(Boolean).length).toBeLessThan(12)
    series.push(40_000, 5 * MB)
    series.push(40_001, 3 * MB)
    series.push(40_002, 4 * MB)
    expect(series.last).toBeLessThanOrEqual(3 * MB)
  })

  test('a past is remembered, however long', () => {
    // Waves of 250 minutes: the window sees rises only, the past says that they come and go.
    const wave = i => (100 + 30 * Math.sin(i / 250 * 2 * Math.PI)) * MB
    const series = new Series({ window: 60, season: 0 })
    const blind = new Series({ window: 60, season: 0 })
    const seen = []
    for (let i = 0; i < 20_000; i++) {
      series.push(i * MINUTE, wave(i))
      if (i % 250 !== 40) continue
      blind.clear()
      for (let j = i - 59; j <= i; j++) blind.push(j * MINUTE, wave(j))
      seen.push([series.assess(), blind.assess()])
    }
    expect(seen.length).toBe(80)
    for (const [verdict, without] of seen.slice(2)) {
      expect(without).toMatchObject({ verdict: 'growing', leak: true })
      expect(verdict).toMatchObject({ verdict: 'growing', confidence: 'suspected', leak: false, cause: 'seen-before' })
      expect(verdict.reason).toMatch(/; it has been as high before and came down again$/)
    }
  })

  test('clear() forgets the past as well', () => {
    const series = new Series({ window: 30 })
    fill(series, 200, i => (i % 100 + 50) * MB)
    series.clear()
    expect(series).toMatchObject({ points: 0, last: null })
    fill(series, 30, i => (50 + i) * MB)
    expect(series.assess({ enough: 30 })).toMatchObject({ leak: true, cause: 'plain' })
  })

  test.each([19, 257, 1.5, '100', null])('window %p is refused', window => {
    expect(() => new Series({ window })).toThrow(expect.objectContaining({
      code: expect.stringMatching(/^ERR_HEAPWISE_INVALID_ARG_/), message: expect.stringContaining("'window'")
    }))
  })
})

describe('Episode', () => {
  const leak = { verdict: 'growing', leak: true, cause: 'plain' }
  const growing = { verdict: 'growing', leak: false, cause: 'seen-before' }
  const steady = { verdict: 'steady', leak: false, cause: 'plain' }
  const unknown = { verdict: 'not-enough-data', leak: false, cause: 'few-points' }
  const feed = (episode, ...verdicts) => verdicts.flat().map(verdict => episode.update(verdict))
  const times = (count, verdict) => new Array(count).fill(verdict)

  test('starts once a growth, and ends', () => {
    const episode = new Episode({ patience: 3 })
    expect(feed(episode, leak, leak)).toEqual([null, null])
    expect(feed(episode, leak)).toEqual(['started'])
    expect(feed(episode, times(50, leak)).every(turn => turn === null)).toBe(true)
    expect(episode.active).toBe(true)
    expect(feed(episode, steady, steady, steady)).toEqual([null, null, 'ended'])
    expect(episode.active).toBe(false)
    expect(feed(episode, leak, leak, leak)).toEqual([null, null, 'started'])
  })

  test('one verdict that says otherwise begins anew', () => {
    const episode = new Episode({ patience: 3 })
    expect(feed(episode, leak, leak, steady, leak, leak, growing, leak, leak)).toEqual(times(8, null))
    expect(feed(episode, leak, steady, steady, growing, steady, steady)).toEqual(['started', ...times(5, null)])
  })

  test('growth that may be something else does not end it', () => {
    const episode = new Episode({ patience: 2 })
    feed(episode, leak, leak)
    expect(feed(episode, times(20, growing))).toEqual(times(20, null))
    expect(episode.active).toBe(true)
  })

  test('no data, no turn', () => {
    const episode = new Episode({ patience: 2 })
    expect(feed(episode, leak, unknown, leak)).toEqual([null, null, 'started'])
    expect(feed(episode, times(20, unknown))).toEqual(times(20, null))
  })

  test('with the limit near there is no patience', () => {
    const episode = new Episode()
    expect(episode.update({ ...leak, cause: 'limit-near' })).toBe('started')
    expect(episode.update({ ...leak, cause: 'limit-near' })).toBe(null)
  })

  test('takes 12 by default, and can be cleared', () => {
    const episode = new Episode()
    feed(episode, times(11, leak))
    episode.clear()
    expect(feed(episode, times(12, leak))).toEqual([...times(11, null), 'started'])
    episode.clear()
    expect(episode.active).toBe(false)
  })
})
