'use strict'

// bench/gc measures what it promises, at the smallest scale, and says what is missing.

const { execFile } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { promisify } = require('node:util')
const { contenders } = require('../bench/gc/contenders')
const { parse, plan } = require('../bench/gc/plan')
const { showAll } = require('../bench/gc/show')
const { showTargets } = require('../bench/gc/targets')

const run = promisify(execFile)
const bench = path.join(__dirname, '../bench/gc')

// Those that are installed for this Node.
const OPTIONAL = ['@sematext/gc-stats', 'prom-client']
const isThere = (name) => {
  if (!OPTIONAL.includes(name)) return true
  try {
    return require(name) !== undefined
  } catch {
    return false
  }
}
const named = (...names) => names.filter(isThere)

const late = named('GCProfiler', '@sematext/gc-stats', 'prom-client')
const monitors = ['GcMonitor', 'GcMonitor gc', 'PerformanceObserver', 'PerformanceObserver heap']
const promised = [
  ['pause', 'small', ['young', 'full'], named('GcMonitor', 'PerformanceObserver', 'GCProfiler', '@sematext/gc-stats')],
  ['shuffled', 'small', ['slower', 'at best', 'collection', 'seen'], ['nothing again', ...monitors]],
  ['shuffled', 'usual', ['slower', 'at best', 'collection', 'seen'], ['nothing again', ...monitors]],
  ['turned on', 'small', ['slower', 'at best', 'collection'], ['nothing again', ...monitors, 'GcMonitor all', ...late]],
  ['turned on', 'small', ['seen'], [...monitors, 'GcMonitor all', ...late]],
  ...['hello', 'service'].flatMap((app) => [
    ['http', app, ['slower', 'at best', 'request'],
      named('nothing again', 'GcMonitor', 'PerformanceObserver', 'prom-client', 'watch', 'everything')],
    ['http', app, ['look'], ['watch', 'everything']]
  ])
]

describe('bench/gc --quick', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'heapwise-bench-'))
  const file = path.join(folder, 'result.json')
  let report
  let said

  beforeAll(async () => {
    ({ stdout: said } = await run(process.execPath, [bench, '--quick', '--json', file]))
    report = JSON.parse(fs.readFileSync(file, 'utf8'))
  }, 240_000)

  afterAll(() => fs.rmSync(folder, { recursive: true }))

  test.each(promised)('%s, %s: %p', (row, about, measures, names) => {
    for (const measure of measures) {
      const found = report.results.filter((result) => {
        return result.row === row && result.about === about && result.measure === measure
      })
      expect({ measure, results: found.length }).toEqual({ measure, results: 1 })
      const [{ medians, failures }] = found
      expect(Object.keys(failures).filter(isThere)).toEqual([])
      expect(Object.keys(medians).sort()).toEqual([...names].sort())
      for (const { median } of Object.values(medians)) expect(Number.isFinite(median)).toBe(true)
    }
  })

  test('nothing else is in the report', () => {
    const name = ({ row, about, measure }) => `${row} ${about} ${measure}`
    const expected = promised.flatMap(([row, about, measures]) => {
      return measures.map((measure) => name({ row, about, measure }))
    })
    expect(report.results.map(name).sort()).toEqual(expected.sort())
  })

  test('who cannot run is said to be missing', () => {
    for (const name of OPTIONAL.filter((each) => !isThere(each))) expect(said).toContain(`  ${name}: missing: `)
  })

  test('a collection costs each something within the pause, and GCProfiler most', () => {
    const [{ medians }] = report.results
      .filter(({ row, measure }) => row === 'pause' && measure === 'young')
    const of = (name) => medians[name].median
    expect(of('PerformanceObserver')).toBeGreaterThan(0)
    expect(of('GcMonitor')).toBeGreaterThan(0)
    expect(of('GCProfiler')).toBeGreaterThan(of('GcMonitor'))
  })
})

describe('the words of bench/gc', () => {
  const cells = (...words) => plan(parse(words))

  test('all rows by default, each with all that can take part', () => {
    expect(cells().map(({ row, about }) => `${row} ${about}`)).toEqual([
      'pause small', 'shuffled small', 'shuffled usual', 'turned on small', 'http hello', 'http service'
    ])
    for (const { row, names } of cells()) {
      expect(names).toEqual(contenders.filter(({ rows }) => rows.includes(row)).map(({ name }) => name))
    }
  })

  test('rows, heaps, apps and contenders', () => {
    const [turned, http, ...others] = cells('turned', 'on', 'http', 'service', 'prom-client', 'watch', '--rounds', '4')
    expect(others).toEqual([])
    const all = ['nothing', 'nothing again', 'prom-client']
    expect([turned.row, turned.names, turned.rounds]).toEqual(['turned on', all, 4])
    expect([http.about, http.names]).toEqual(['service', [...all, 'watch']])
    expect(cells('shuffled', 'usual', 'gcmonitor gc')[0].task.flags).toEqual(['--single-threaded-gc'])
    expect(cells('pause', 'watch')).toEqual([])
  })

  test.each(['nonsense', '--nonsense', '--rounds 0', '--rounds'])('%s: error', (line) => {
    expect(() => parse(line.split(' '))).toThrow(/unknown|takes|needs/)
  })
})

describe('what a run ends with', () => {
  const result = (row, about, measure, figures) => ({
    row,
    about,
    measure,
    failures: {},
    collections: 10,
    medians: Object.fromEntries(Object.entries(figures).map(([name, median]) => [name, { median }]))
  })
  const results = [
    result('pause', 'small', 'young', { GcMonitor: 900, PerformanceObserver: 300 }),
    result('shuffled', 'small', 'at best', { 'nothing again': 0.001, GcMonitor: 0.002, PerformanceObserver: 0.08 }),
    result('shuffled', 'small', 'collection', { 'nothing again': 100, GcMonitor: 1200, PerformanceObserver: 13_000 }),
    result('http', 'hello', 'at best', { 'nothing again': 0, watch: 0.05 })
  ]

  test('targets: what is reached, what is missed, and nothing about what was not measured', () => {
    const lines = showTargets(results).split('\n').slice(1)
    expect(lines).toHaveLength(4)
    expect(lines[0]).toMatch(/^GcMonitor, a collection .* 900 ns .* reached$/)
    expect(lines[1]).toMatch(/^GcMonitor to PerformanceObserver .* 14\.4 .* reached$/)
    expect(lines[2]).toMatch(/^GcMonitor, slower .* 0\.2 % .* reached +noise 0\.1 %$/)
    expect(lines[3]).toMatch(/^watch, slower .* 5\.0 % .* MISSED/)
    expect(showTargets([])).toBe('')
  })

  test('of a collection, what is within the pause and what is not', () => {
    const lines = showAll(results).split('\n')
    const [line] = lines.filter((each) => each.startsWith('PerformanceObserver'))
    expect(line).toMatch(/ 300 ns +13\.00 µs +12\.70 µs +8\.0 %/)
    expect(lines.some((each) => each.startsWith('watch'))).toBe(false)
  })
})
