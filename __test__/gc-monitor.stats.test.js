'use strict'

// stats(), snapshot(), reset(), histogram(), collect(), measure(), trim().

const v8 = require('node:v8')

const { Histogram, PauseHistogram, merge } = require('../lib/gc-monitor/histogram')
const { Pauses } = require('../lib/gc-monitor/mutator')
const { SOURCES, churn, closeAll, listen, monitorOf, run, turn, until } = require('./support/gc-monitor')

const KINDS = ['scavenge', 'minor-mark-sweep', 'mark-sweep-compact', 'incremental-marking', 'weak-callbacks']

afterEach(closeAll)

/** Has some collections told; the monitor is stopped then, so that its numbers stand still. */
const settled = async source => {
  const monitor = monitorOf({ source })
  const events = listen(monitor)
  churn()
  await until(() => events.length >= 6)
  monitor.stop()
  return { monitor, events, stats: monitor.stats() }
}

describe.each(SOURCES)('source %s', source => {
  test('stats() by kind is what the events add up to', async () => {
    const { stats, events } = await settled(source)
    expect(Object.keys(stats.byKind)).toEqual(KINDS)
    for (const kind of KINDS) {
      const those = events.filter(event => event.kind === kind)
      const { count, totalMs, p50, p90, p99, max, reclaimed, forced } = stats.byKind[kind]
      expect(count).toBe(those.length)
      expect(totalMs).toBeCloseTo(those.reduce((sum, { duration }) => sum + duration, 0), 3)
      expect(max).toBeCloseTo(Math.max(0, ...those.map(({ duration }) => duration)), 3)
      expect(forced).toBe(those.filter(({ flags }) => flags.includes('forced')).length)
      expect(p50).toBeLessThanOrEqual(p90)
      expect(p90).toBeLessThanOrEqual(p99)
      expect(p99).toBeLessThanOrEqual(max)
      if (source === 'v8') expect(reclaimed).toBe(those.reduce((sum, event) => sum + event.reclaimed, 0))
      else expect(reclaimed).toBe(null)
    }
    expect(stats.collections).toBe(events.length)
  })

  test('shares and rates are of the time since the start', async () => {
    const { stats, events } = await settled(source)
    const busy = events.filter(({ depth }) => depth === 0).reduce((sum, { duration }) => sum + duration, 0)
    expect(stats.gcMs).toBeCloseTo(busy, 3)
    expect(stats.gcTimeRatio).toBeCloseTo(stats.gcMs / stats.elapsedMs, 9)
    expect(stats.gcTimeRatio).toBeGreaterThan(0)
    expect(stats.gcTimeRatio).toBeLessThan(1)
    expect(Math.abs(stats.since + stats.elapsedMs - Date.now())).toBeLessThan(60_000)
    const counts = source === 'v8' || v8.getHeapStatistics().total_allocated_bytes !== undefined
    if (counts) {
      // churn has made 600,000 pairs of an object and an array.
      expect(stats.allocated).toBeGreaterThan(600_000 * 60)
      expect(stats.allocationRate).toBeCloseTo(stats.allocated / stats.elapsedMs * 1000, 3)
    } else {
      expect([stats.allocated, stats.allocationRate]).toEqual([null, null])
    }
    if (source === 'v8') expect(stats.promotionRate).toBeCloseTo(stats.promoted / stats.elapsedMs * 1000, 3)
    else expect([stats.promoted, stats.promotionRate]).toEqual([null, null])
  })

  test('the floor of the live heap is what the last full collection has left', async () => {
    const monitor = monitorOf({ source })
    const events = listen(monitor)
    const kept = Array.from({ length: 100_000 }, (_, i) => ({ i }))
    globalThis.gc()
    await until(() => events.some(({ kind }) => kind === 'mark-sweep-compact'))
    const { liveHeap } = monitor.stats()
    expect(liveHeap).toMatchObject({ verdict: 'not-enough-data' })
    const used = v8.getHeapStatistics().used_heap_size
    expect(liveHeap.floor).toBeGreaterThan(used * 0.5)
    expect(liveHeap.floor).toBeLessThan(used * 1.5)
    expect(kept.length).toBe(100_000)
  })

  test('snapshot() is plain JSON, and has all of it', async () => {
    const { monitor, stats } = await settled(source)
    const snapshot = monitor.snapshot()
    expect(JSON.parse(JSON.stringify(snapshot))).toEqual(snapshot)
    expect(snapshot.stats).toEqual(JSON.parse(JSON.stringify(stats)))
    expect(snapshot).toMatchObject({
      format: 1, pid: process.pid, threadId: 0, node: process.version, source, options: { interval: 1000, source }
    })
    for (const kind of KINDS) expect(snapshot.histograms[kind].count).toBe(stats.byKind[kind].count)
    expect(snapshot.process.rss).toBeGreaterThan(0)
    expect(snapshot.heap.usedHeapSize).toBeGreaterThan(0)
    expect(snapshot.spaces.length).toBe(v8.getHeapSpaceStatistics().length)
  })

  test('reset() begins the sums anew', async () => {
    const monitor = monitorOf({ source })
    const events = listen(monitor)
    churn()
    await until(() => events.length >= 6)
    await turn()
    const before = monitor.stats()
    monitor.reset()
    const after = monitor.stats()
    expect(after.collections).toBeLessThan(before.collections)
    expect(after.since).toBeGreaterThan(before.since)
    expect(after.elapsedMs).toBeLessThan(before.elapsedMs)
    expect(monitor.histogram('mark-sweep-compact').count).toBe(after.byKind['mark-sweep-compact'].count)
    const heard = events.length
    globalThis.gc()
    await until(() => events.length > heard)
    monitor.stop()
    expect(monitor.stats().byKind['mark-sweep-compact'].count).toBeGreaterThanOrEqual(1)
  })

  test('histogram() has every pause', async () => {
    const { monitor, events } = await settled(source)
    const all = monitor.histogram()
    expect(all).toMatchObject({ unit: 'ns', kind: null, count: events.length })
    expect(all.buckets.reduce((sum, [, , count]) => sum + count, 0)).toBe(events.length)
    for (const { duration } of events) {
      const ns = Math.round(duration * 1e6)
      expect(all.buckets.some(([from, to]) => ns >= from && ns < to)).toBe(true)
    }
    expect(all.percentile(100)).toBe(all.max)
    expect(all.percentile(50)).toBeLessThanOrEqual(all.percentile(99))
    expect(all.mean).toBeCloseTo(all.sum / all.count, 3)
    for (const kind of KINDS) {
      expect(monitor.histogram(kind)).toMatchObject({ kind, count: events.filter(event => event.kind === kind).length })
    }
    const empty = monitor.histogram('weak-callbacks')
    if (empty.count === 0) expect([empty.min, empty.max, empty.mean, empty.percentile(50)]).toEqual([0, 0, 0, 0])
  })

  test('collect() collects, without a flag', async () => {
    const { stdout, stderr } = await run(source, `
      const flag = () => require('node:vm').runInNewContext('typeof gc')
      const monitor = new GcMonitor({ source })
      const events = []
      monitor.on('gc', event => events.push([event.kind, event.flags.includes('forced')]))
      let junk = Array.from({ length: 200_000 }, (_, i) => ({ i }))
      junk = undefined
      const before = [typeof gc, flag()]
      const full = monitor.collect()
      const minor = monitor.collect({ type: 'minor' })
      const after = [typeof gc, flag()]
      setImmediate(() => setImmediate(() => setImmediate(() => {
        monitor.stop()
        console.log(JSON.stringify({ before, after, full, minor, events }))
      })))
    `, { args: [] })
    expect(stderr).toBe('')
    const { before, after, full, minor, events } = JSON.parse(stdout)
    expect(before).toEqual(['undefined', 'undefined'])
    expect(after).toEqual(before)
    expect(full).toMatchObject({ type: 'full' })
    expect(full.reclaimed).toBeGreaterThan(200_000 * 16)
    expect(full.reclaimed).toBe(full.used.before - full.used.after)
    expect(full.duration).toBeGreaterThan(0)
    expect(minor.type).toBe('minor')
    expect(events).toContainEqual(['mark-sweep-compact', true])
    expect(events.filter(([kind, forced]) => forced && /^scavenge|^minor/.test(kind)).length).toBe(1)
  })

  describe('measure()', () => {
    const work = () => {
      const kept = Array.from({ length: 100_000 }, (_, i) => ({ i }))
      globalThis.gc()
      return kept
    }

    test('a function', () => {
      const monitor = monitorOf({ source })
      globalThis.gc()
      const { value, duration, allocated, collections, pauses, heapDelta, ...rest } = monitor.measure(work)
      expect(value.length).toBe(100_000)
      expect(duration).toBeGreaterThan(0)
      expect(heapDelta).toBeGreaterThan(100_000 * 16)
      expect(Object.keys(rest).sort()).toEqual(['externalDelta', 'source'])
      expect(rest.source).toBe(source)
      if (source === 'v8') {
        expect(allocated).toBeGreaterThan(100_000 * 16)
        expect(allocated).toBeLessThan(100_000 * 400)
        expect(collections['mark-sweep-compact']).toBe(1)
        expect(collections.total).toBeGreaterThanOrEqual(1)
        expect(pauses.total).toBeGreaterThan(0)
        expect(pauses.max).toBeLessThanOrEqual(pauses.total)
      } else {
        expect([collections, pauses]).toEqual([null, null])
      }
    })

    test('an async function, and several at once', async () => {
      const monitor = monitorOf({ source })
      const both = await Promise.all([1, 2].map(n => monitor.measure(async () => {
        await turn()
        work()
        await turn()
        return n
      })))
      expect(both.map(({ value }) => value)).toEqual([1, 2])
      for (const { collections, pauses } of both) {
        expect(collections['mark-sweep-compact']).toBeGreaterThanOrEqual(1)
        expect(pauses.total).toBeGreaterThan(0)
      }
    })

    test('what allocates nothing', async () => {
      const { collections } = await monitorOf({ source }).measure(async () => {})
      expect(collections.total).toBeLessThanOrEqual(1)
    })

    test('what throws, throws', async () => {
      const monitor = monitorOf({ source })
      const error = new Error('mine')
      const fail = () => { throw error }
      expect(() => monitor.measure(fail)).toThrow(error)
      await expect(monitor.measure(async () => fail())).rejects.toBe(error)
      expect(() => monitor.measure(() => ({ get then () { throw error } }))).toThrow(error)
      expect(monitor.measure(() => 5).value).toBe(5)
    })

    test('in itself, and of a monitor that is stopped', () => {
      const monitor = monitorOf({ source, autostart: false })
      const { value } = monitor.measure(() => monitor.measure(() => 7))
      expect(value.value).toBe(7)
      monitor.close()
      expect(monitor.measure(() => 8).value).toBe(8)
      expect(monitor.running).toBe(false)
    })
  })

  test('trim() says what was given back', async () => {
    const monitor = monitorOf({ source })
    const { before, after, freed } = monitor.trim()
    expect(before).toBeGreaterThan(0)
    expect(freed).toBe(Math.max(0, before - after))
  })
})

describe('source v8', () => {
  test('bytes allocated by a function, as exactly as V8 knows', () => {
    const monitor = monitorOf({ source: 'v8' })
    const make = n => monitor.measure(() => Array.from({ length: n }, () => new Float64Array(0)).length).allocated
    make(1000)
    const [one, ten] = [make(10_000), make(100_000)]
    expect(ten / one).toBeGreaterThan(8)
    expect(ten / one).toBeLessThan(12)
  })
})

describe('a histogram', () => {
  const VALUES = [0, 1, 63, 64, 65, 127, 128, 1000, 1e6, 1e9 + 7, 2 ** 40, 2 ** 53 - 1]

  test('each value is in its bucket, which is at most 1/64 as wide as it', () => {
    for (const value of VALUES) {
      const histogram = new Histogram()
      histogram.record(value)
      const [[from, to, count]] = histogram.buckets()
      expect(count).toBe(1)
      expect(value).toBeGreaterThanOrEqual(from)
      expect(value).toBeLessThan(to)
      expect(to - from).toBeLessThanOrEqual(Math.max(1, value / 64))
    }
  })

  test('buckets lie next to each other', () => {
    const histogram = new Histogram()
    for (let value = 0; value < 5000; value++) histogram.record(value)
    const buckets = histogram.buckets()
    buckets.slice(1).forEach(([from], i) => expect(from).toBe(buckets[i][1]))
    for (const [from, to, count] of buckets.slice(0, -1)) expect(count).toBe(to - from)
  })

  test('percentiles are within a bucket of the exact ones', () => {
    const values = Array.from({ length: 10_000 }, (_, i) => Math.round(1.001 ** i * 1000)).sort((a, b) => a - b)
    const histogram = new Histogram()
    for (const value of values) histogram.record(value)
    const { sum, max, min } = histogram
    const view = new PauseHistogram({ kind: null, buckets: histogram.buckets(), sum, max, min })
    for (const p of [0.01, 1, 10, 50, 90, 99, 99.9, 100]) {
      const exact = values[Math.max(0, Math.ceil(values.length * p / 100) - 1)]
      expect(Math.abs(view.percentile(p) - exact) / exact).toBeLessThan(1 / 64)
    }
    expect([view.count, view.min, view.max, view.sum]).toEqual([values.length, values[0], values.at(-1), sum])
  })

  test('several are added up', () => {
    expect(merge([[[0, 1, 2], [5, 6, 1]], [], [[5, 6, 3], [7, 8, 1]]])).toEqual([[0, 1, 2], [5, 6, 4], [7, 8, 1]])
  })

  test('as the recorder in Rust cuts it', async () => {
    const { monitor, events } = await settled('v8')
    const own = new Histogram()
    for (const { duration } of events) own.record(duration * 1e6)
    expect(monitor.histogram().buckets).toEqual(own.buckets())
  })
})

describe('minimum mutator utilisation', () => {
  const of = pauses => {
    const recorded = new Pauses()
    for (const [start, length] of pauses) recorded.add(start, start + length)
    return recorded.utilisation()
  }

  test.each([
    ['nothing', [], { 50: 1, 100: 1, 1000: 1 }],
    ['one pause', [[1000, 10]], { 50: 0.8, 100: 0.9, 1000: 0.99 }],
    ['a pause that is longer than a window', [[1000, 80]], { 50: 0, 100: 0.2, 1000: 0.92 }],
    ['two pauses that share a window', [[1000, 10], [1030, 10]], { 50: 0.6, 100: 0.8, 1000: 0.98 }],
    ['two pauses of which a window has parts', [[1000, 40], [1060, 40]], { 50: 0.2, 100: 0.2, 1000: 0.92 }],
    ['pauses far apart', [[0, 5], [10_000, 20], [20_000, 1]], { 50: 0.6, 100: 0.8, 1000: 0.98 }]
  ])('%s', (_, pauses, expected) => {
    const shares = of(pauses)
    for (const [width, share] of Object.entries(expected)) expect(shares[width]).toBeCloseTo(share, 9)
  })

  test('as the worst of all windows that are tried one by one', () => {
    let seed = Number(process.env.HEAPWISE_SEED ?? Date.now() % 2 ** 31)
    const first = seed
    const random = () => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31
      return seed / 2 ** 31
    }
    for (let round = 0; round < 30; round++) {
      const pauses = []
      for (let at = 0; pauses.length < 20;) {
        const length = Math.ceil(random() * 30)
        pauses.push([at, length])
        at += length + Math.ceil(random() * 100)
      }
      const shares = of(pauses)
      for (const width of [50, 100]) {
        let worst = 0
        for (let from = -width; from < pauses.at(-1)[0] + 50; from++) {
          const paused = pauses.reduce((sum, [start, length]) =>
            sum + Math.max(0, Math.min(from + width, start + length) - Math.max(from, start)), 0)
          worst = Math.max(worst, paused)
        }
        expect({ first, share: shares[width] }).toEqual({ first, share: expect.closeTo(1 - worst / width, 9) })
      }
    }
  })
})
