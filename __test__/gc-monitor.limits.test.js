'use strict'

// heapLimit and rssLimit: told once a crossing, early enough to act; a snapshot at the limit where that does no harm.

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')

const { writeSnapshot } = require('../lib/gc-monitor/heap-file')
const { oldLimit } = require('../lib/gc-monitor/heap-limit')
const { HeapLevels, Levels, RssLevels } = require('../lib/gc-monitor/limits')
const { Pressure } = require('../lib/gc-monitor/pressure')
const { SOURCES, closeAll, listen, monitorOf, run, until } = require('./support/gc-monitor')

const folders = []
const folder = () => {
  const made = fs.mkdtempSync(path.join(os.tmpdir(), 'heapwise-limits-'))
  folders.push(made)
  return made
}

afterEach(() => {
  closeAll()
  for (const made of folders.splice(0)) fs.rmSync(made, { recursive: true })
})

// What is told of a snapshot that is not written.
const MEMORY = /^a snapshot of a heap of \d+ MB can take \d+ MB of memory, of which 1 MB are available$/
const DISK = /^a snapshot of a heap of \d+ MB can take \d+ MB of disk, of which 0 MB are free at /

/** Keeps more and more, with turns of the loop between, until `done` is true. */
const GROW = `
  const kept = []
  const grow = done => new Promise(resolve => {
    const step = () => {
      for (let i = 0; i < 2000; i++) kept.push({ i, more: [i, i, i, i, i, i] })
      if (done()) resolve()
      else setTimeout(step, 5)
    }
    step()
  })
`

describe.each(SOURCES)('source %s', source => {
  test('a heap that fills is told at both levels, once each, before its end', async () => {
    const { stdout, stderr } = await run(source, `
      ${GROW}
      // From 80 % on V8 may give up at any time.
      const monitor = new GcMonitor({ source, heapLimit: { warn: 0.4, critical: 0.7 } })
      const told = []
      monitor.on('heapLimit', event => told.push(event))
      grow(() => told.some(({ level }) => level === 'critical')).then(() => {
        const { length } = kept
        console.log(JSON.stringify(told))
        grow(() => kept.length > length + 5000).then(() => {
          console.log(told.length)
          process.exit()
        })
      })
    `, { args: ['--expose-gc', '--max-old-space-size=64'] })
    expect(stderr).toBe('')
    const [events, count] = stdout.trim().split('\n').map(line => JSON.parse(line))
    expect(events.map(({ level }) => level)).toEqual(['warn', 'critical'])
    expect(count).toBe(2)
    for (const { used, limit, ratio, reserved } of events) {
      expect(limit).toBe(64 << 20)
      expect(ratio).toBe(used / limit)
      expect(ratio).toBeLessThan(1)
      expect(reserved).toBe(false)
    }
    expect(events[0].ratio).toBeGreaterThanOrEqual(0.4)
    expect(events[0].ratio).toBeLessThan(0.7)
    expect(events[1].ratio).toBeGreaterThanOrEqual(0.7)
  })

  test('a heap that is emptied is told again when it fills again', async () => {
    const { stdout, stderr } = await run(source, `
      ${GROW}
      const monitor = new GcMonitor({ source, heapLimit: { warn: 0.5 } })
      let warned = 0
      monitor.on('heapLimit', ({ level }) => { if (level === 'warn') warned += 1 })
      const calm = () => new Promise(resolve => {
        gc()
        setTimeout(resolve, 300)
      })
      ;(async () => {
        for (let round = 1; round <= 3; round++) {
          await grow(() => warned === round)
          await calm()
          kept.length = 0
          await calm()
        }
        console.log(warned)
      })()
    `, { args: ['--expose-gc', '--max-old-space-size=64'] })
    expect([stdout, stderr]).toEqual(['3\n', ''])
  })

  test('garbage is no reason', async () => {
    const { stdout, stderr } = await run(source, `
      const monitor = new GcMonitor({ source, heapLimit: 0.8 })
      const told = []
      monitor.on('heapLimit', event => told.push(event))
      let rounds = 0
      const step = () => {
        let junk = []
        for (let i = 0; i < 100_000; i++) junk.push({ i })
        junk = undefined
        if (++rounds < 100) setTimeout(step, 2)
        else console.log(JSON.stringify(told))
      }
      step()
    `, { args: ['--expose-gc', '--max-old-space-size=64'] })
    expect([stdout, stderr]).toEqual(['[]\n', ''])
  })

  test('resident memory', async () => {
    const limit = process.memoryUsage.rss() + (64 << 20)
    const monitor = monitorOf({ source, rssLimit: { bytes: limit, warn: 0.999, critical: 1 } })
    const told = listen(monitor, 'rssLimit')
    const kept = [Buffer.alloc(160 << 20, 1)]
    await until(() => told.length === 2)
    expect(told.map(({ level }) => level)).toEqual(['warn', 'critical'])
    for (const { rss, ratio } of told) {
      expect(rss).toBeGreaterThan(limit * 0.999)
      expect(ratio).toBe(rss / limit)
    }
    expect(kept.length).toBe(1)
  })

  test('a peak of resident memory while the loop is blocked is told afterwards', async () => {
    const { stdout, stderr } = await run(source, `
      const rss = process.memoryUsage.rss()
      const monitor = new GcMonitor({ source, rssLimit: { bytes: rss + (200 << 20), warn: 0.5 } })
      const told = []
      monitor.on('rssLimit', event => told.push(event))
      let big = new ArrayBuffer(300 << 20)
      new Uint8Array(big).fill(1)
      const end = performance.now() + 500
      while (performance.now() < end);
      structuredClone(big, { transfer: [big] })
      big = undefined
      gc()
      gc()
      const low = process.memoryUsage.rss() < rss + (100 << 20)
      setTimeout(() => console.log(JSON.stringify([low, told.map(({ level }) => level)])), 300)
    `)
    expect(stderr).toBe('')
    expect(JSON.parse(stdout)).toEqual([true, ['warn', 'critical']])
  })

  test('a snapshot is written at the limit, as often as it may be', async () => {
    const dir = folder()
    const { stdout, stderr } = await run(source, `
      ${GROW}
      const snapshot = { dir: ${JSON.stringify(dir)} }
      const monitor = new GcMonitor({ source, heapLimit: { warn: 0.3, critical: 0.6, snapshot } })
      const told = []
      monitor.on('heapLimit', event => told.push(event))
      grow(() => told.length > 1).then(() => {
        console.log(JSON.stringify(told))
        process.exit()
      })
    `, { args: ['--expose-gc', '--max-old-space-size=64'] })
    expect(stderr).toBe('')
    const [warn, critical] = JSON.parse(stdout)
    expect(fs.readdirSync(dir)).toEqual([path.basename(warn.snapshot)])
    expect(path.dirname(warn.snapshot)).toBe(dir)
    expect(path.basename(warn.snapshot)).toMatch(/^heapwise-\d{8}T\d{6}-\d+-0-1\.heapsnapshot$/)
    expect(JSON.parse(fs.readFileSync(warn.snapshot, 'utf8')).snapshot.node_count).toBeGreaterThan(1000)
    expect(critical.snapshot).toBe(undefined)
  })
})

test('a reserve is given when the heap is full, so that there is time to act', async () => {
  const { stdout, stderr, signal } = await run('v8', `
    const monitor = new GcMonitor({ source, heapLimit: { reserve: '64mb' } })
    const told = []
    monitor.on('heapLimit', event => told.push(event))
    const kept = []
    const limit = monitor.stats().limit
    while (monitor.stats().limit === limit) for (let i = 0; i < 1000; i++) kept.push({ i, more: [i, i, i, i] })
    setTimeout(() => {
      console.log(JSON.stringify([told.map(({ level, reserved }) => [level, reserved]), monitor.stats().limit - limit]))
      process.exit()
    }, 300)
  `, { args: ['--expose-gc', '--max-old-space-size=64'] })
  expect([stderr, signal]).toEqual(['', null])
  const [told, more] = JSON.parse(stdout)
  expect(told).toEqual([['warn', true], ['critical', true]])
  // What V8 has already taken beyond its limit is added.
  expect(more).toBeGreaterThanOrEqual(64 << 20)
  expect(more).toBeLessThan(128 << 20)
})

describe('a snapshot is refused', () => {
  test('when there is too little memory', () => {
    const dir = folder()
    expect(writeSnapshot(dir, 1 << 20)).toEqual({ refused: expect.stringMatching(MEMORY) })
    expect(fs.readdirSync(dir)).toEqual([])
  })

  test('when there is too little disk', () => {
    const dir = folder()
    const statfs = jest.spyOn(fs, 'statfsSync').mockReturnValue({ bavail: 100, bsize: 4096 })
    try {
      expect(writeSnapshot(dir, Infinity)).toEqual({ refused: expect.stringMatching(DISK) })
    } finally {
      statfs.mockRestore()
    }
    expect(fs.readdirSync(dir)).toEqual([])
  })

  test('when there is no such folder', () => {
    expect(writeSnapshot(path.join(folder(), 'none'), Infinity)).toEqual({ refused: expect.stringContaining('ENOENT') })
  })
})

describe('levels', () => {
  const feed = (levels, values, of) => values.map(value => levels.update(of(value)))

  test('each crossing once, both at once if need be, again after it has come down', () => {
    const levels = new RssLevels({ warn: 0.8, critical: 0.9 })
    const told = feed(levels, [0.5, 0.8, 0.85, 0.79, 0.81, 0.95, 0.86, 0.91, 0.84, 0.91, 0.74, 0.95, 0.1],
      share => ({ rss: share * 1000, limit: 1000 }))
    const both = ['warn', 'critical']
    expect(told).toEqual([[], ['warn'], [], [], [], ['critical'], [], [], [], ['critical'], [], both, []])
    expect(levels.level).toBe('none')
  })

  test('only one level', () => {
    for (const level of ['warn', 'critical']) {
      const levels = new Levels({ [level]: 0.5 })
      expect(levels.update(at => at <= 0.6, () => false)).toEqual([level])
      expect(levels.level).toBe(level)
    }
  })

  test('of the heap, what a full collection has left counts as it is, garbage less', () => {
    const levels = new HeapLevels({ warn: 0.8, critical: 0.9 })
    const told = feed(levels, [
      [85, null], [89, 60], [80, 80], [85, 70], [91, 74], [96, null], [86, 82], [60, null]
    ], ([used, floor]) => ({ used, floor, limit: 100 }))
    expect(told).toEqual([[], [], ['warn'], [], ['warn'], ['critical'], [], []])
  })
})

describe('pressure', () => {
  const stalls = avg10 => ({ some: null, full: { avg10 } })

  test('of the container: its share, with hysteresis', () => {
    const pressure = new Pressure()
    const told = [0.5, 0.91, 0.89, 0.96, 0.9, 0.84, 0.8, 0.7].map(share =>
      pressure.check({ cgroup: { limit: 100, workingSet: share * 100 } })[0]?.level)
    expect(told).toEqual([undefined, 'warn', undefined, 'critical', undefined, 'warn', 'none', undefined])
  })

  test('of the container: what the kernel tells', () => {
    const pressure = new Pressure()
    const check = events => pressure.check({ cgroup: { limit: null, events } })
    expect(check({ high: 5, max: 5, oom: 5 })).toEqual([])
    const met = { level: 'warn', reason: 'the container has met its limit' }
    expect(check({ high: 5, max: 6, oom: 5 })).toMatchObject([met])
    expect(check({ high: 5, max: 7, oom: 5 })).toEqual([])
    expect(check({ high: 5, max: 7, oom: 6 })).toMatchObject([{ level: 'critical' }])
  })

  test('stalls of the container and of the machine, and what the machine has left', () => {
    for (const sample of [
      { cgroup: { pressure: stalls(6) } }, { host: { pressure: stalls(6) } }, { host: { total: 100, available: 4 } },
      { cgroup: { pressure: { some: { avg10: 30 }, full: null } } }
    ]) {
      const pressure = new Pressure()
      expect(pressure.check(sample)).toMatchObject([{ level: 'warn', reason: expect.any(String) }])
      expect(pressure.check(sample)).toEqual([])
      const over = { level: 'none', reason: 'there is enough memory', cgroup: null, host: null }
      expect(pressure.check({})).toEqual([over])
    }
    expect(new Pressure().check({ host: { pressure: stalls(25) } })).toMatchObject([{ level: 'critical' }])
  })

  test('nothing known is no pressure', () => {
    expect(new Pressure().check({ cgroup: null, host: { total: 5, available: null, pressure: null } })).toEqual([])
  })
})

describe('what the old generation may have', () => {
  const MB = 1 << 20

  test.each([
    [112, ['--max-old-space-size=64'], 64], [112, ['--max_old_space_size', '64'], 64],
    [106, ['--max-old-space-size=100', '--max-semi-space-size=2'], 100],
    [4108, ['--max-semi-space-size=4'], 4096], [106, ['--max-old-space-size=70', '--max-old-space-size=100'], 100],
    // More than there is: no such flag is in force.
    [112, ['--max-old-space-size=640', '--max-semi-space-size=16'], 64]
  ])('%s MB with %j', (limit, given, old) => {
    expect(oldLimit(limit * MB, { limits: {}, given })).toBe(old * MB)
  })

  test('in a worker', () => {
    const limits = { maxYoungGenerationSizeMb: 48, maxOldGenerationSizeMb: 50 }
    expect(oldLimit(98 * MB, { limits, given: [] })).toBe(50 * MB)
  })

  test.each([
    ['none'], ['--max-old-space-size=64'], ['--max-old-space-size=2000']
  ])('as this Node has it, with %s', async flag => {
    const args = flag === 'none' ? [] : [flag]
    const { stdout } = await run('v8', `
      const v8 = require('node:v8')
      const { oldLimit } = require('./lib/gc-monitor/heap-limit')
      const { Worker } = require('node:worker_threads')
      const script = "require('worker_threads').parentPort.postMessage(require('worker_threads').resourceLimits)"
      new Worker(script, { eval: true, argv: [] }).on('message', limits => {
        console.log(JSON.stringify([oldLimit(v8.getHeapStatistics().heap_size_limit), limits.maxOldGenerationSizeMb]))
      })
    `, { args })
    const [bytes, mb] = JSON.parse(stdout)
    expect(bytes / MB).toBeCloseTo(args.length === 0 ? mb : Number(args[0].split('=')[1]), 0)
  })
})
