'use strict'

// Every collection is told, once, in order, as perf_hooks and v8.GCProfiler tell it on the same run.

const { PerformanceObserver } = require('node:perf_hooks')
const v8 = require('node:v8')

const { SOURCES, churn, closeAll, listen, monitorOf, run, turn, until } = require('./support/gc-monitor')

const KINDS = {
  1: 'scavenge', 2: 'minor-mark-sweep', 4: 'mark-sweep-compact', 8: 'incremental-marking', 16: 'weak-callbacks'
}

/** All entries of every batch. */
const observe = () => {
  const entries = []
  const observer = new PerformanceObserver(list => entries.push(...list.getEntries()))
  observer.observe({ type: 'gc' })
  return {
    entries,
    stop () {
      entries.push(...observer.takeRecords())
      observer.disconnect()
    }
  }
}

afterEach(closeAll)

/** What lies wholly between two moments: a collection at the edge may be told by one and not by the other. */
const between = (events, from, to) =>
  events.filter(({ startTime, duration }) => startTime >= from && startTime + duration <= to)

describe.each(SOURCES)('source %s', source => {
  test('as an observer of perf_hooks: kinds, flags, order and times', async () => {
    const observer = observe()
    const monitor = monitorOf({ source })
    const events = listen(monitor)
    const from = performance.now()
    churn()
    const to = performance.now()
    const mine = () => between(events, from, to)
    const theirs = () => between(observer.entries, from, to)
    await until(() => theirs().length > 0 && mine().length >= theirs().length)
    await turn()
    observer.stop()
    expect(mine().map(({ kind }) => kind)).toEqual(theirs().map(({ detail }) => KINDS[detail.kind]))
    const forced = theirs().map(({ detail }) => (detail.flags & 4) !== 0)
    expect(mine().map(({ flags }) => flags.includes('forced'))).toEqual(forced)
    // The same time span, as far as two clocks agree.
    mine().forEach((event, i) => {
      const entry = theirs()[i]
      expect(event.startTime).toBeLessThanOrEqual(entry.startTime + entry.duration)
      expect(event.startTime + event.duration).toBeGreaterThanOrEqual(entry.startTime)
    })
    const kinds = new Set(mine().map(({ kind }) => kind))
    expect(kinds).toContain('scavenge')
    expect(kinds).toContain('mark-sweep-compact')
  })

  test('sequences have no gap, and counts are those of stats()', async () => {
    const monitor = monitorOf({ source })
    const events = listen(monitor)
    churn()
    await until(() => events.length >= 6)
    monitor.stop()
    const { byKind, collections } = monitor.stats()
    expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, i) => events[0].sequence + i))
    const counts = {}
    for (const { kind } of events) counts[kind] = (counts[kind] ?? 0) + 1
    for (const [kind, { count }] of Object.entries(byKind)) expect([kind, count]).toEqual([kind, counts[kind] ?? 0])
    expect(collections).toBe(events.length)
  })

  test('nothing is lost while the loop is blocked for seconds', async () => {
    const observer = observe()
    const monitor = monitorOf({ source })
    const events = listen(monitor)
    const from = performance.now()
    const kept = []
    while (performance.now() < from + 2500) {
      kept.push(new Array(1000).fill(kept.length))
      if (kept.length > 1000) kept.length = 0
    }
    const to = performance.now()
    expect(events).toEqual([])
    const theirs = () => between(observer.entries, from, to)
    await until(() => theirs().length > 10 && between(events, from, to).length >= theirs().length)
    await turn()
    observer.stop()
    expect(between(events, from, to).map(({ kind }) => kind)).toEqual(theirs().map(({ detail }) => KINDS[detail.kind]))
    expect(monitor.stats().lost).toBe(0)
  })

  test('a forced full collection, field by field', async () => {
    const monitor = monitorOf({ source })
    const events = listen(monitor)
    globalThis.gc()
    await until(() => events.some(event => event.kind === 'mark-sweep-compact'))
    const event = events.find(each => each.kind === 'mark-sweep-compact')
    const { heap_size_limit: limit } = v8.getHeapStatistics()
    expect(event).toMatchObject({
      kind: 'mark-sweep-compact', flags: ['forced'], cause: 'forced', depth: 0, limit, late: source !== 'v8'
    })
    expect(event.startTime).toBeGreaterThan(0)
    expect(event.duration).toBeGreaterThan(0)
    expect(Object.keys(event).filter(key => key !== 'spaces').sort()).toEqual([
      'allocated', 'cause', 'depth', 'duration', 'external', 'flags', 'kind', 'late', 'limit', 'malloced', 'promoted',
      'reclaimed', 'sequence', 'startTime', 'total', 'used'
    ])
    expect(JSON.parse(JSON.stringify(event))).toEqual(event)
  })

  test('a buffer that is full loses the oldest events, no sums, and says how many', async () => {
    const monitor = monitorOf({ source, bufferSize: 16 })
    const observer = observe()
    for (let i = 0; i < 40; i++) globalThis.gc({ type: 'minor' })
    await until(() => observer.entries.length >= 40)
    await turn()
    observer.stop()
    const events = listen(monitor)
    monitor.stop()
    const { collections, byKind, lost } = monitor.stats()
    expect(byKind.scavenge.count + byKind['minor-mark-sweep'].count).toBeGreaterThanOrEqual(40)
    expect(lost).toBeGreaterThanOrEqual(24)
    expect(events.length).toBe(16)
    expect(lost + events.length).toBe(collections)
    expect(events.at(-1).sequence - events[0].sequence).toBe(15)
  })

  test('several monitors, each with every event', async () => {
    const monitors = [1, 2, 3].map(() => monitorOf({ source }))
    const heard = monitors.map(monitor => listen(monitor))
    const from = performance.now()
    churn()
    const to = performance.now()
    // A later one, so that all before it have been told.
    globalThis.gc()
    await until(() => heard.every(events => events.some(({ startTime }) => startTime > to)))
    const [first, second, third] = heard.map(events => between(events, from, to).map(({ kind }) => kind))
    expect(first.length).toBeGreaterThan(5)
    expect(second).toEqual(first)
    expect(third).toEqual(first)
  })
})

describe('source v8', () => {
  test('sizes of a collection belong together', async () => {
    const monitor = monitorOf({ source: 'v8' })
    const events = listen(monitor)
    churn()
    await until(() => events.length >= 6)
    for (const { used, total, external, reclaimed, limit, malloced, promoted, allocated } of events) {
      expect(used.before).toBeGreaterThan(0)
      expect(used.after).toBeLessThanOrEqual(total.after)
      expect(reclaimed).toBe(Math.max(0, used.before - used.after))
      for (const bytes of [external.before, external.after, malloced, promoted, allocated]) {
        expect(bytes).toBeGreaterThanOrEqual(0)
      }
      expect(limit).toBe(v8.getHeapStatistics().heap_size_limit)
    }
    // What was allocated between two collections is what the second has found more than the first had left.
    events.slice(1).forEach((event, i) => {
      const more = event.used.before - events[i].used.after
      if (event.depth === 0 && events[i].depth === 0) expect(event.allocated).toBeGreaterThanOrEqual(more)
    })
  })

  test('full collections have their spaces, in the names of this Node', async () => {
    const monitor = monitorOf({ source: 'v8' })
    const events = listen(monitor)
    globalThis.gc()
    const full = await until(() => events.find(({ kind }) => kind === 'mark-sweep-compact'))
    expect(full.spaces.map(({ name }) => name)).toEqual(v8.getHeapSpaceStatistics().map(space => space.space_name))
    const used = full.spaces.reduce((sum, space) => sum + space.used, 0)
    expect(Math.abs(used - full.used.after) / full.used.after).toBeLessThan(0.1)
    expect(events.filter(({ kind, spaces }) => kind === 'scavenge' && spaces !== undefined)).toEqual([])
  })

  test('an external allocation shows in external', async () => {
    const monitor = monitorOf({ source: 'v8' })
    const events = listen(monitor)
    const kept = Buffer.alloc(64 << 20, 1)
    globalThis.gc()
    const full = await until(() => events.findLast(({ kind }) => kind === 'mark-sweep-compact'))
    expect(full.external.after).toBeGreaterThanOrEqual(kept.length)
  })

})

test('as v8.GCProfiler: kinds in order, heaps before and after', async () => {
  const { stdout, stderr } = await run('v8', `
    const v8 = require('node:v8')
    const monitor = new GcMonitor({ source })
    gc()
    const profiler = new v8.GCProfiler()
    profiler.start()
    const from = performance.now()
    churn()
    gc()
    const to = performance.now()
    const { statistics } = profiler.stop()
    const events = []
    monitor.on('gc', event => events.push(event))
    monitor.stop()
    const mine = events.filter(event => event.startTime >= from && event.startTime + event.duration <= to && event.depth === 0)
    const NAMES = {
      Scavenge: 'scavenge', MarkSweepCompact: 'mark-sweep-compact', IncrementalMarking: 'incremental-marking',
      ProcessWeakCallbacks: 'weak-callbacks', MinorMarkSweep: 'minor-mark-sweep'
    }
    console.log(JSON.stringify({
      mine: mine.map(({ kind, used, total, external }) => [kind, used.before, used.after, total.after, external.after]),
      theirs: statistics.map(({ gcType, beforeGC: before, afterGC: after }) => [NAMES[gcType],
        before.heapStatistics.usedHeapSize, after.heapStatistics.usedHeapSize, after.heapStatistics.totalHeapSize,
        after.heapStatistics.externalMemory])
    }))
  `)
  expect(stderr).toBe('')
  const { mine, theirs } = JSON.parse(stdout)
  expect(mine.length).toBeGreaterThan(5)
  expect(mine.map(([kind]) => kind)).toEqual(theirs.map(([kind]) => kind))
  // Both read the same numbers, one after the other: meanwhile V8's own threads may have swept another page.
  mine.forEach(([, ...sizes], i) => sizes.forEach((bytes, j) => {
    expect(Math.abs(bytes - theirs[i][j + 1]) / bytes).toBeLessThan(0.25)
  }))
})
