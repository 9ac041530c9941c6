'use strict'

const { execFile } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { promisify } = require('node:util')
const { summary, ratio } = require('../bench/common/stats')
const { generator, zipf } = require('../bench/common/random')
const { order } = require('../bench/common/measure')
const { parse, plan } = require('../bench/cache/plan')

const run = promisify(execFile)
const bench = path.join(__dirname, '../bench/cache')

// What README.md of the bench promises: row (with what it measures, where it measures several things), and peers that
// must be in it beside LRUCache.
const all = ['BoundedMap', 'lru-cache', 'mnemonist', 'mnemonist-del', 'lru.min', 'tiny-lru', 'quick-lru', 'Map']
const withDelete = all.filter((name) => name !== 'mnemonist')
const withTtl = ['BoundedMap', 'lru-cache', 'tiny-lru', 'quick-lru']
const promised = {
  'get hit': all,
  'get miss': all,
  overwrite: all,
  insert: all,
  zipf: all,
  mixed: all,
  'ttl get': withTtl,
  'ttl set': withTtl,
  autopurge: ['lru-cache'],
  iterate: all,
  dump: ['lru-cache'],
  'sole delete': withDelete,
  construct: all,
  'small caches, make': all,
  'small caches, collect': all,
  'memory, filled': all,
  'memory, churned': all,
  'memory, filled ttl': withTtl,
  'memory, churned ttl': withTtl,
  'pause, longest': all,
  'pause, total': all,
  'pause, set': all
}

describe('bench/cache --quick', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'heapwise-bench-'))
  const file = path.join(folder, 'result.json')
  let report

  beforeAll(async () => {
    await run(process.execPath, [bench, '--quick', '--json', file])
    report = JSON.parse(fs.readFileSync(file, 'utf8'))
  })

  afterAll(() => fs.rmSync(folder, { recursive: true }))

  test.each(Object.entries(promised))('%s', (title, peers) => {
    const [row, measure = 'time'] = title.split(', ')
    const results = report.results.filter((result) => result.row === row && result.measure === measure)
    expect(results.length).toBeGreaterThan(0)
    for (const { keys, medians, ratios, failures } of results) {
      expect(failures).toEqual({})
      const there = keys === 'object' ? peers.filter((name) => name !== 'tiny-lru') : peers
      expect(Object.keys(medians).sort()).toEqual(['LRUCache', ...there].sort())
      for (const figures of [...Object.values(medians), ...there.map((name) => ratios.LRUCache[name])]) {
        for (const figure of Object.values(figures)) expect(figure).toBeGreaterThan(0)
        for (const figure of Object.values(figures)) expect(figure).toBeLessThan(Infinity)
      }
    }
  })

  test('all kinds of keys', () => {
    // A quick run measures cells side by side, so they end in any order.
    const kinds = report.results.filter(({ row }) => row === 'zipf').map(({ keys }) => keys).sort()
    expect(kinds).toEqual(['integer', 'object', 'string'])
  })
})

describe('the words of the command line', () => {
  const cells = (...words) => plan(parse(words)).map(({ task }) => task)

  test('a full name is one row, a single word all rows with it', () => {
    expect(new Set(cells('get', 'hit').map(({ row }) => row))).toEqual(new Set(['get hit']))
    expect(new Set(cells('ttl set').map(({ row }) => row))).toEqual(new Set(['ttl set']))
    expect(new Set(cells('get').map(({ row }) => row))).toEqual(new Set(['get hit', 'get miss', 'ttl get']))
    expect(new Set(cells('get', 'hit', 'zipf').map(({ row }) => row))).toEqual(new Set(['get hit', 'zipf']))
  })

  test('sizes, keys and contenders', () => {
    const [cell, ...others] = plan(parse(['zipf', '2e4', 'integer', 'heapwise', 'mnemonist']))
    expect(others).toEqual([])
    expect(cell.task).toMatchObject({ row: 'zipf', entries: 20000, keys: 'integer' })
    expect(cell.names).toEqual(['LRUCache', 'BoundedMap', 'mnemonist', 'mnemonist-del'])
  })

  test('huge runs only when it is named', () => {
    expect(cells().some(({ row }) => row === 'huge')).toBe(false)
    expect(cells('huge').map(({ entries }) => entries)).toEqual([9e6, 12e6])
  })

  test.each(['nonsense', '--nonsense', '--rounds 0', '--rounds many', '--clock sun', '--json'])('%s: error', (line) => {
    expect(() => parse(line.split(' '))).toThrow(/unknown|takes|needs/)
  })

  test('an error is one line and the usage, and an exit code', async () => {
    const failed = await run(process.execPath, [bench, 'nonsense']).catch((error) => error)
    expect(failed.code).toBe(1)
    expect(failed.stderr).toMatch(/^unknown word 'nonsense'\n\nUsage: /)
  })
})

describe('the arithmetic', () => {
  test('summary', () => {
    expect(summary([5, 1, 2, 3, 4])).toEqual({ median: 3, q1: 2, q3: 4 })
    expect(summary([1, 2])).toEqual({ median: 1.5, q1: 1.25, q3: 1.75 })
  })

  test('ratio pairs the rounds: above 1 where the peer took longer', () => {
    expect(ratio([[1, 10, 100]], [[2, 20, 200]])).toMatchObject({ median: 2, q1: 2, q3: 2, ofMeans: 2 })
    expect(ratio([[1, 1], [2, 1, 1]], [[1, 1], [6, 3, 3]])).toMatchObject({ median: 3, least: 1, most: 3 })
  })

  test.each([2, 5, 8, 9])('order of %d: everybody comes in every place equally often', (length) => {
    const seats = new Map()
    for (let round = 0; round < 2 * length; round++) {
      const places = order(length, round)
      expect([...places].sort()).toEqual(Array.from({ length }, (_, i) => i))
      for (const [seat, who] of places.entries()) {
        seats.set(`${who} ${seat}`, (seats.get(`${who} ${seat}`) ?? 0) + 1)
      }
    }
    expect([...seats.values()].sort()).toEqual(Array.from({ length: length * length }, () => 2))
  })

  test('zipf gives ranks in proportion to 1 / rank ** exponent', () => {
    const draw = zipf(1000, 0.9, generator(1))
    const seen = new Array(1000).fill(0)
    const draws = 200000
    for (let i = 0; i < draws; i++) seen[draw()]++
    let zeta = 0
    for (let i = 1; i <= 1000; i++) zeta += 1 / i ** 0.9
    for (const rank of [0, 1]) expect(seen[rank] / draws).toBeCloseTo(1 / (rank + 1) ** 0.9 / zeta, 2)
    const top = seen.slice(0, 100).reduce((sum, count) => sum + count, 0)
    expect(top).toBeGreaterThan(draws / 2)
  })
})
