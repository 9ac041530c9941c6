'use strict'

// leaks.compare: what keeps something at each call is found, what does not is not. In processes of their own, which are
// not started with --expose-gc.

const path = require('node:path')
const { execFile } = require('node:child_process')
const { promisify } = require('node:util')

const leaks = require('../lib/leaks')
const { clean, leaky } = require('./fixtures/leaks-compare')

const FIXTURE = path.join(__dirname, 'fixtures', 'leaks-compare.js')
const MINUTES = 60_000

async function compared (names, options = {}, { env = {}, flags = [] } = {}) {
  const { NODE_OPTIONS, ...rest } = process.env
  const { stdout } = await promisify(execFile)(
    process.execPath, [...flags, FIXTURE, JSON.stringify(names), JSON.stringify(options)],
    { env: { ...rest, ...env }, maxBuffer: 2 ** 26 }
  )
  return JSON.parse(stdout)
}

const named = (sort, functions) => Object.keys(functions).map(name => [sort, name])

describe('a function that leaks', () => {
  let all
  beforeAll(async () => { all = await compared(named('leaky', leaky)) }, 10 * MINUTES)

  // What grows, and by how much a call at least and at most; of handles and listeners the names.
  const EXPECTED = {
    objects: { heap: [90, 300] },
    smallNumbers: { heap: [3, 30] },
    afterAwait: { heap: [60, 300] },
    listeners: { listeners: [0.8, 1.2], name: "process.on('leaks-compare')" },
    intervals: { handles: [0.8, 1.2], name: 'Timeout' },
    unrefIntervals: { heap: [100, 600] },
    buffers: { heap: [50, 400], arrayBuffers: [80, 150] },
    slices: { arrayBuffers: [8_000, 12_000] },
    large: { heap: [700_000, 900_000] },
    contexts: { contexts: [0.8, 1.2] },
    slow: { heap: [500, 2000] },
    sessions: { heap: [100, 600] }
  }

  test.each(Object.entries(EXPECTED))('%s', (fn, { name, ...expected }) => {
    const { code, text, report } = all.outcomes[`leaky ${fn}`]
    expect({ code, leaks: report?.leaks }).toEqual({ code: 'ERR_HEAPWISE_LEAK', leaks: true })
    for (const [what, [least, most]] of Object.entries(expected)) {
      const row = report.grew.find(each => each.what === what)
      expect(row).toBeDefined()
      expect(row.name).toBe(name)
      expect(row.perCall).toBeGreaterThanOrEqual(least)
      expect(row.perCall).toBeLessThanOrEqual(most)
      expect(report.perCall[what]).toBe(row.perCall)
    }
    expect(text).toBe(report.message)
    expect(text).toMatch(/^the function keeps something at each call \([\d,]+ calls in \d+ rounds\):\n {2}\S/)
  })

  test('everything expected is tried', () => {
    expect(Object.keys(EXPECTED)).toEqual(Object.keys(leaky))
  })

  test.each(['objects', 'afterAwait', 'unrefIntervals', 'buffers', 'large'])(
    'the function that made what stays is named: %s', fn => {
      const { sites, notes } = all.outcomes[`leaky ${fn}`].report
      expect(notes).toEqual([])
      expect(sites[0]).toMatchObject({ function: fn, place: expect.stringMatching(/leaks-compare\.js:\d+:\d+$/) })
      expect(sites[0].share).toBeGreaterThan(0.5)
      expect(sites[0].stack[0]).toBe(`${fn} (${sites[0].place})`)
    })

  test('a constructor, and who has called it', () => {
    const { sites } = all.outcomes['leaky sessions'].report
    const session = sites.find(site => site.function === 'Session')
    expect(session.stack.map(frame => frame.split(' ')[0]).slice(0, 3)).toEqual(['Session', 'openSession', 'sessions'])
  })

  test('the report has each round', () => {
    const { rounds, calls } = all.outcomes['leaky objects'].report
    expect(rounds.length).toBeGreaterThanOrEqual(16)
    expect(rounds.length % 8).toBe(0)
    expect(rounds.slice(0, 8).every(round => round.calls === calls)).toBe(true)
    expect(rounds[8].calls).toBe(2 * calls)
    for (const round of rounds) {
      expect(round.heap).toBeGreaterThan(1e6)
      expect(round.ms).toBeGreaterThan(0)
    }
  })

  test('no function that collects is left to other contexts', () => {
    expect(all.gcInNewContexts).toBe('undefined')
  })
})

describe('a function that does not leak', () => {
  let all
  beforeAll(async () => { all = await compared(named('clean', clean)) }, 10 * MINUTES)

  test.each(Object.keys(clean))('%s', fn => {
    const { code, text, report } = all.outcomes[`clean ${fn}`]
    expect({ code, text }).toEqual({})
    expect(report.leaks).toBe(false)
    expect(report.grew).toEqual([])
    expect(report.message).toMatch(/^no leak in [\d,]+ calls in \d+ rounds: the heap changed by -?[\d.]+ \w+ a call$/)
  })
})

test('two snapshots name classes and collections', async () => {
  const { outcomes } = await compared([['leaky', 'sessions']], { snapshot: true, sites: false })
  const { constructors, collections, sites, calls, message } = outcomes['leaky sessions'].report
  expect(sites).toEqual([])
  const session = constructors.find(({ name }) => name === 'Session')
  expect(session.count).toBe(calls)
  expect(collections).toContainEqual(expect.objectContaining({
    name: 'sessions', place: expect.stringMatching(/leaks-compare\.js:\d+:\d+$/)
  }))
  expect(message).toContain('the Map sessions at ')
}, 2 * MINUTES)

test('what may not be had is said in the report', async () => {
  const gone = await compared([['leaky', 'objects']], { snapshot: 'auto' }, { flags: ['--max-old-space-size=4000', '-r',
    path.join(__dirname, 'fixtures', 'leaks-no-room.js')] })
  const { notes, constructors, sites, message } = gone.outcomes['leaky objects'].report
  expect(notes).toEqual([expect.stringContaining('no heap snapshot is taken')])
  expect(constructors).toEqual([])
  expect(sites).not.toEqual([])
  expect(message).toContain('\nNot known:\n  no heap snapshot is taken')
}, 2 * MINUTES)

test('in a heap that has little room', async () => {
  const flags = ['--max-old-space-size=64']
  const { outcomes } = await compared([['leaky', 'large'], ['clean', 'garbage']], { sites: false }, { flags })
  expect(outcomes['leaky large'].code).toBe('ERR_HEAPWISE_LEAK')
  expect(outcomes['clean garbage'].report.leaks).toBe(false)
}, 2 * MINUTES)

test('with --expose-gc it does not take that away', async () => {
  const all = await compared([['clean', 'garbage'], ['leaky', 'objects']], {}, { flags: ['--expose-gc'] })
  expect(all.gcInNewContexts).toBe('function')
  expect(all.outcomes['clean garbage'].report.leaks).toBe(false)
  expect(all.outcomes['leaky objects'].code).toBe('ERR_HEAPWISE_LEAK')
}, 2 * MINUTES)

test('in a worker', async () => {
  const names = [['leaky', 'objects'], ['leaky', 'buffers'], ['clean', 'garbage'], ['clean', 'memo']]
  const { outcomes } = await compared(names, {}, { env: { HEAPWISE_WORKER: '1' } })
  const found = Object.fromEntries(Object.entries(outcomes).map(([name, { report }]) => [name, report.leaks]))
  expect(found).toEqual({
    'leaky objects': true, 'leaky buffers': true, 'clean garbage': false, 'clean memo': false
  })
  expect(outcomes['leaky objects'].report.sites[0].function).toBe('objects')
}, 3 * MINUTES)

describe('what is given', () => {
  test('so many calls a round, and so many rounds', async () => {
    let calls = 0
    const report = await leaks.compare(() => { calls += 1 }, { repeat: 5, calls: 7, warmup: 3 })
    expect(report.leaks).toBe(false)
    expect(report.rounds.every(round => round.calls % 7 === 0)).toBe(true)
    expect(report.rounds.length % 5).toBe(0)
    expect(calls).toBe(3 * 7 + report.rounds.reduce((sum, round) => sum + round.calls, 0))
  })

  test('a collector', async () => {
    let collections = 0
    await leaks.compare(() => {}, { repeat: 4, calls: 10, gc: () => { collections += 1; globalThis.gc() } })
    expect(collections).toBeGreaterThanOrEqual(2 * (4 + 2 + 1))
  })

  test('a threshold above what leaks', async () => {
    const { outcomes } = await compared([['leaky', 'objects']], { threshold: '1kb' })
    expect(outcomes['leaky objects'].report.leaks).toBe(false)
  }, MINUTES)

  test('no handles', async () => {
    const { outcomes } = await compared([['leaky', 'listeners']], { handles: false, threshold: '1mb' })
    expect(outcomes['leaky listeners'].report.leaks).toBe(false)
  }, MINUTES)

  test('time to come to rest', async () => {
    const pending = new Set()
    const fn = () => {
      const timer = setTimeout(() => pending.delete(timer), 1)
      pending.add(timer)
    }
    const before = Date.now()
    const report = await leaks.compare(fn, { repeat: 4, calls: 3, warmup: 0, settle: 20 })
    expect(report.leaks).toBe(false)
    expect(pending.size).toBe(0)
    expect(Date.now() - before).toBeGreaterThanOrEqual(4 * 15)
  })
})

describe('errors', () => {
  test('of the function pass through, and the next comparison can begin', async () => {
    const thrown = new Error('mine')
    await expect(leaks.compare(() => { throw thrown })).rejects.toBe(thrown)
    await expect(leaks.compare(async () => { throw thrown })).rejects.toBe(thrown)
    let calls = 0
    await expect(leaks.compare(() => { if (++calls === 5) throw thrown }, { calls: 4 })).rejects.toBe(thrown)
    expect(calls).toBe(5)
    await expect(leaks.compare(() => {}, { repeat: 4, calls: 1, warmup: 0 })).resolves.toMatchObject({ leaks: false })
  })

  test('two at once', async () => {
    const first = leaks.compare(() => {}, { repeat: 4, calls: 1 })
    await expect(leaks.compare(() => {})).rejects.toMatchObject({ code: 'ERR_HEAPWISE_INVALID_USE' })
    await first
  })

  const TYPE = 'ERR_HEAPWISE_INVALID_ARG_TYPE'
  const VALUE = 'ERR_HEAPWISE_INVALID_ARG_VALUE'

  test.each([
    [{ repeat: 3 }, VALUE, 'repeat'],
    [{ repeat: '8' }, TYPE, 'repeat'],
    [{ repeat: 1001 }, VALUE, 'repeat'],
    [{ calls: 0 }, VALUE, 'calls'],
    [{ calls: 1.5 }, VALUE, 'calls'],
    [{ calls: null }, TYPE, 'calls'],
    [{ warmup: -1 }, VALUE, 'warmup'],
    [{ threshold: -1 }, VALUE, 'threshold'],
    [{ threshold: 'much' }, VALUE, 'threshold'],
    [{ threshold: {} }, TYPE, 'threshold'],
    [{ settle: NaN }, VALUE, 'settle'],
    [{ handles: 1 }, TYPE, 'handles'],
    [{ sites: 'all' }, TYPE, 'sites'],
    [{ snapshot: 'always' }, VALUE, 'snapshot'],
    [{ snapshot: 1 }, TYPE, 'snapshot'],
    [{ gc: true }, TYPE, 'gc'],
    [{ repeats: 8 }, 'ERR_HEAPWISE_UNKNOWN_OPTION', 'repeats'],
    [null, TYPE, 'options'],
    [8, TYPE, 'options']
  ])('options %p', async (options, code, name) => {
    let calls = 0
    const failure = await leaks.compare(() => { calls += 1 }, options).catch(error => error)
    expect(failure).toMatchObject({ code, message: expect.stringContaining(name) })
    expect(calls).toBe(0)
  })

  test.each([undefined, null, 'fn', {}])('function %p', async fn => {
    await expect(leaks.compare(fn)).rejects.toMatchObject({ code: TYPE, message: expect.stringContaining("'fn'") })
  })
})
