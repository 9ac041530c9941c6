'use strict'

// What a sample holds, and when it is taken.

const v8 = require('node:v8')

const { SOURCES, closeAll, listen, monitorOf, run, until } = require('./support/gc-monitor')

const camel = name => name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase())

afterEach(closeAll)

describe.each(SOURCES)('source %s', source => {
  test('a sample has all that is known', async () => {
    const monitor = monitorOf({ source, interval: 20 })
    const samples = listen(monitor, 'sample')
    await until(() => samples.filter(({ late }) => !late).length >= 3)
    const last = samples.findLast(({ late }) => !late)
    const { time, process: os, heap, spaces, memoryUsage, eventLoop, late, ...rest } = last
    expect(rest).toEqual({})
    expect(late).toBe(false)
    expect(Math.abs(time - Date.now())).toBeLessThan(60_000)
    expect(Object.keys(heap).sort()).toEqual(Object.keys(v8.getHeapStatistics()).map(camel).sort())
    expect(heap.heapSizeLimit).toBe(v8.getHeapStatistics().heap_size_limit)
    expect(spaces.map(({ name }) => name)).toEqual(v8.getHeapSpaceStatistics().map(space => space.space_name))
    for (const space of spaces) expect(Object.keys(space)).toEqual(['name', 'size', 'used', 'available', 'physical'])
    expect(Object.keys(memoryUsage).sort()).toEqual(['arrayBuffers', 'external', 'heapTotal', 'heapUsed', 'rss'])
    expect(os.rss).toBeGreaterThan(0)
    expect(eventLoop.utilization).toBeGreaterThanOrEqual(0)
    expect(eventLoop.utilization).toBeLessThanOrEqual(1)
    expect(Object.keys(eventLoop.delay)).toEqual(['min', 'mean', 'max', 'p50', 'p99'])
    for (const ms of Object.values(eventLoop.delay)) expect(ms).toBeGreaterThanOrEqual(0)
    expect(JSON.parse(JSON.stringify(samples))).toEqual(samples)
  })

  test('samples come at the interval, in order', async () => {
    const monitor = monitorOf({ source, interval: 10 })
    const samples = listen(monitor, 'sample')
    await until(() => samples.length >= 10)
    const times = samples.map(({ time }) => time)
    expect(times).toEqual([...times].sort((a, b) => a - b))
    monitor.off('sample', monitor.listeners('sample')[0])
    const heard = samples.length
    const again = listen(monitor, 'sample')
    await until(() => again.length >= 2)
    expect(samples.length).toBe(heard)
  })

  test('while the loop is blocked a thread goes on; what it saw comes late', async () => {
    const { stdout, stderr } = await run(source, `
      const monitor = new GcMonitor({ source, interval: 20 })
      const samples = []
      monitor.on('sample', sample => samples.push(sample))
      const wait = () => {
        if (samples.length < 3) return setTimeout(wait, 5)
        const from = Date.now()
        while (Date.now() < from + 1000);
        const to = Date.now()
        const end = () => {
          if (samples.at(-1).time < to) return setTimeout(end, 5)
          monitor.close()
          const late = samples.filter(({ late, time }) => late && time >= from && time <= to)
          const after = samples.find(({ late, time }) => !late && time >= to)
          console.log(JSON.stringify({ late, after }))
        }
        end()
      }
      wait()
    `)
    expect(stderr).toBe('')
    const { late, after } = JSON.parse(stdout)
    expect(late.length).toBeGreaterThan(10)
    for (const { process: os, ...rest } of late) {
      expect(os.rss).toBeGreaterThan(0)
      expect(rest).toEqual({
        time: expect.any(Number), heap: null, spaces: null, memoryUsage: null, eventLoop: null, late: true
      })
    }
    expect(after.eventLoop.delay.max).toBeGreaterThan(500)
    expect(after.eventLoop.utilization).toBeGreaterThan(0.5)
  })
})

test('pressure of memory is told when it begins, gets worse, and ends', async () => {
  const real = require('../lib/gc-monitor/process')
  let share = 0.5
  let Monitor
  jest.isolateModules(() => {
    const readSample = () => ({ ...real.readSample(), host: null, cgroup: { limit: 1000, workingSet: share * 1000 } })
    jest.doMock('../lib/gc-monitor/process', () => ({ ...real, readSample }))
    Monitor = require('../lib/gc-monitor').GcMonitor
  })
  jest.dontMock('../lib/gc-monitor/process')
  const monitor = new Monitor({ interval: 10 })
  try {
    const told = listen(monitor, 'pressure')
    for (const [next, count] of [[0.92, 1], [0.97, 2], [0.6, 3]]) {
      share = next
      await until(() => told.length === count)
    }
    expect(told.map(({ level }) => level)).toEqual(['warn', 'critical', 'none'])
    expect(told[0]).toEqual({
      level: 'warn',
      reason: 'the container uses 92 % of its limit',
      cgroup: { limit: 1000, workingSet: 920 },
      host: null
    })
  } finally {
    monitor.close()
  }
})
