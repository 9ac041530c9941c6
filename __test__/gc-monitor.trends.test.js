'use strict'

// Growth is told once, with what there is to say of it; what is no growth is not. How often that errs is measured where
// verdicts are made.

const { Trends } = require('../lib/gc-monitor/trends')
const { SOURCES, closeAll, monitorOf, run } = require('./support/gc-monitor')

const MB = 1 << 20
const MINUTE = 60_000

afterEach(closeAll)

/** Has full collections leave `bytes(n)`, one a minute; returns what is told, with the number of the collection. */
const feed = (bytes, count, trends = new Trends({ window: 120 })) => {
  trends.judging = true
  const told = []
  for (let n = 0; n < count; n++) {
    // The same noise every time.
    const noise = Math.sin(n * n) * MB
    trends.addFulls([{ time: n * MINUTE, used: 100 * MB + bytes(n) + noise, external: 5 * MB }])
    for (const verdict of trends.takeBegun()) told.push({ n, ...verdict })
  }
  return { told, trends }
}

describe('a trend', () => {
  test('growth is told once, with its slope, and when the limit is reached', () => {
    const { told, trends } = feed(n => n * 2 * MB, 200)
    expect(told.length).toBe(1)
    const [{ what, verdict, confidence, slope, timeToLimit, reason, n }] = told
    expect([what, verdict]).toEqual(['heap', 'growing'])
    expect(['likely', 'certain']).toContain(confidence)
    expect(slope / MB).toBeCloseTo(120, -1)
    expect(timeToLimit).toBeGreaterThan(0)
    expect(reason).toMatch(/^the live heap grows from /)
    expect(n).toBeGreaterThanOrEqual(60)
    expect(n).toBeLessThan(100)
    expect(trends.read().liveHeap).toMatchObject({ verdict: 'growing' })
  })

  test.each([
    ['steady', () => 0], ['a cache that fills and levels off', n => 50 * MB * (1 - Math.exp(-n / 20))],
    ['a step', n => n < 70 ? 0 : 40 * MB], ['a sawtooth', n => (n % 30) * MB]
  ])('%s is not told', (_, bytes) => {
    const { told } = feed(bytes, 200)
    expect(told).toEqual([])
  })

  test('growth that ends and begins again is told again', () => {
    const { told } = feed(n => {
      if (n < 150) return n * 2 * MB
      return n < 400 ? 300 * MB : 300 * MB + (n - 400) * 3 * MB
    }, 700)
    expect(told.length).toBe(2)
    expect(told[1].n).toBeGreaterThan(400)
  })

  test('each thing by itself', () => {
    const trends = new Trends({ window: 60 })
    trends.judging = true
    const told = []
    for (let n = 0; n < 150; n++) {
      trends.addFulls([{ time: n * MINUTE, used: 100 * MB + Math.sin(n * n) * MB, external: n * MB }])
      told.push(...trends.takeBegun())
    }
    expect(told.map(({ what }) => what)).toEqual(['external'])
    const { liveHeap, external } = trends.read()
    expect([liveHeap.verdict, external.verdict]).toEqual(['steady', 'growing'])
    expect(external.floor).toBe(149 * MB)
  })

  test('of what is not listened to nothing is told, and the verdict is still known', () => {
    const trends = new Trends({ window: 120 })
    for (let n = 0; n < 100; n++) trends.addFulls([{ time: n * MINUTE, used: (100 + n) * MB, external: 0 }])
    expect(trends.takeBegun()).toEqual([])
    expect(trends.read().liveHeap.verdict).toBe('growing')
    trends.clear()
    expect(trends.read().liveHeap).toMatchObject({ floor: null, verdict: 'not-enough-data' })
  })
})

test('stats() has a verdict on each thing, with the same fields', () => {
  const stats = monitorOf().stats()
  for (const name of ['liveHeap', 'external', 'arrayBuffers', 'rss', 'malloc', 'contexts', 'handles']) {
    expect(Object.keys(stats[name]).sort()).toEqual([
      'cause', 'confidence', 'floor', 'from', 'interval', 'noise', 'p', 'points', 'reason', 'slope', 'span',
      'timeToLimit', 'to', 'verdict'
    ])
  }
})

describe.each(SOURCES)('source %s', source => {
  /** Collects again and again, with `work` between; prints what was told. */
  const watch = work => run(source, `
    const monitor = new GcMonitor({ source, interval: 10 })
    const told = []
    monitor.on('leak', report => told.push(report))
    const kept = []
    let n = 0
    const step = () => {
      ${work}
      gc()
      n += 1
      if (n < 220 && told.length === 0) return setTimeout(step, 30)
      setTimeout(() => console.log(JSON.stringify([told, monitor.stats().liveHeap.verdict])), 50)
    }
    step()
  `)

  test('a leak is told', async () => {
    const { stdout, stderr } = await watch('kept.push(Array.from({ length: 3000 }, (_, i) => ({ i })))')
    expect(stderr).toBe('')
    const [[report], verdict] = JSON.parse(stdout)
    expect(verdict).toBe('growing')
    expect(report).toMatchObject({ what: 'heap', verdict: 'growing', evidence: [] })
    expect(report.message).toMatch(/^the live heap grows from .* MB to /)
    expect(report.slope).toBeGreaterThan(0)
    expect(report.interval[0]).toBeLessThanOrEqual(report.slope)
    expect(report.interval[1]).toBeGreaterThanOrEqual(report.slope)
  })

  test('what is let go is not told', async () => {
    const { stdout, stderr } = await watch(`
      kept[n % 20] = Array.from({ length: 3000 }, (_, i) => ({ i }))
    `)
    expect(stderr).toBe('')
    const [told] = JSON.parse(stdout)
    expect(told).toEqual([])
  })
})
