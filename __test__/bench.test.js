'use strict'

const { execFile } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { promisify } = require('node:util')
const { summary, ratio } = require('../bench/common/stats')
const { generator, zipf } = require('../bench/common/random')
const { order } = require('../bench/common/measure')
const { compare } = require('../bench/common/report')
const { parse, plan } = require('../bench/cache/plan')
const offHeap = require('../bench/offheap/plan')
const { showTargets } = require('../bench/offheap/targets')
const { FreeList } = require('../bench/buffer-pool/free-list')
const pools = require('../bench/buffer-pool/plan')
const { showTargets: showPoolTargets } = require('../bench/buffer-pool/targets')

const run = promisify(execFile)
const bench = path.join(__dirname, '../bench/cache')
const offHeapBench = path.join(__dirname, '../bench/offheap')
const poolBench = path.join(__dirname, '../bench/buffer-pool')

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

describe('bench/offheap --quick', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'heapwise-bench-'))
  const file = path.join(folder, 'result.json')
  const holders = ['OffHeapCache', 'LRUCache', 'lru-cache', 'lmdb']
  const codecs = ['OffHeapCache json', 'OffHeapCache msgpack']
  const phases = ['fill', 'churn'].flatMap((phase) => {
    return ['gc total', 'gc count', 'gc longest', 'loop delay', 'cpu', 'wall'].map((what) => `${phase} ${what}`)
  })
  const memory = ['heap full', 'heap churned', 'heap peak', 'rss full', 'rss churned', 'rss peak', 'overhead rss']
  const heap = [...phases, ...memory]
  const speed = ['fill', 'hits', 'get hit', 'overwrite', 'get fresh', 'insert', 'zipf']
  const workers = ['1', '2', '4', '2 to 1', '4 to 1']
  const counting = ['set', 'get', 'rss', 'heap', 'overhead rss', 'overhead bytes', 'found', 'compared']
  let report

  beforeAll(async () => {
    await run(process.execPath, [offHeapBench, '--quick', '--json', file])
    const more = file + '.huge'
    await run(process.execPath, [offHeapBench, '--quick', '--huge', '--json', more])
    report = JSON.parse(fs.readFileSync(file, 'utf8'))
    report.results.push(...JSON.parse(fs.readFileSync(more, 'utf8')).results)
  })

  afterAll(() => fs.rmSync(folder, { recursive: true }))

  const cells = [
    ['speed', 'strings', speed, [...holders, 'none']],
    ['speed', 'buffers', speed, [...holders, 'none']],
    ['speed', 'objects', speed, [...holders, ...codecs, 'none']],
    ['heap', 'strings', heap, [...holders, 'none']],
    ['heap', 'strings', ['overhead bytes'], ['OffHeapCache', 'lmdb']],
    ['workers get-heavy', 'strings', workers, holders],
    ['workers set-heavy', 'strings', workers, holders],
    ['huge', 'strings', counting, ['OffHeapCache']]
  ]

  test.each(cells)('%s, %s', (row, values, measures, names) => {
    for (const measure of measures) {
      const found = report.results.filter((result) => {
        return result.row === row && result.values === values && result.measure === measure
      })
      expect({ measure, results: found.length }).toEqual({ measure, results: 1 })
      const [{ medians, ratios, failures, entries }] = found
      expect(failures).toEqual({})
      expect(entries).toBeGreaterThan(0)
      expect(Object.keys(medians).sort()).toEqual([...names].sort())
      expect(Object.keys(ratios.OffHeapCache).sort()).toEqual(names.filter((name) => name !== 'OffHeapCache').sort())
      for (const { median } of Object.values(medians)) expect(typeof median).toBe('number')
      // There may be no collection in so short a time, and what the process grew by is anything.
      if (/gc|delay|overhead|hits/.test(measure)) continue
      for (const { median } of Object.values(medians)) expect(median).toBeGreaterThan(0)
    }
  })

  test('nothing else is in the report, and it says where lmdb kept its files', () => {
    const expected = cells.flatMap(([row, values, measures]) => measures.map((measure) => `${row} ${values} ${measure}`))
    const found = report.results.map(({ row, values, measure }) => `${row} ${values} ${measure}`)
    expect(found.sort()).toEqual(expected.sort())
    expect(fs.existsSync(report.lmdb)).toBe(true)
  })

  test('the entries of huge are counted, and the rates are of each worker', () => {
    const [found] = report.results.filter(({ row, measure }) => row === 'huge' && measure === 'found')
    expect(found.medians.OffHeapCache.median).toBe(found.entries)
    const [four] = report.results.filter(({ row, measure }) => row === 'workers get-heavy' && measure === '4')
    for (const rates of Object.values(four.each).flat(2)) expect(rates).toHaveLength(4)
  })

  test('nothing is left in the folder of lmdb', () => {
    expect(fs.existsSync(report.folder)).toBe(false)
  })
})

describe('the words of bench/offheap', () => {
  const cells = (...words) => offHeap.plan(offHeap.parse(words))

  test('everything but huge by default, at three sizes', () => {
    const planned = cells()
    expect(new Set(planned.map(({ task }) => task.row)))
      .toEqual(new Set(['speed', 'heap', 'workers get-heavy', 'workers set-heavy']))
    const speed = planned.filter(({ task }) => task.row === 'speed')
    expect(new Set(speed.map(({ task }) => task.entries))).toEqual(new Set([1e5, 1e6, 5e6]))
    expect(new Set(speed.map(({ task }) => task.values))).toEqual(new Set(['strings', 'buffers', 'objects']))
    expect(new Set(planned.map(({ rounds }) => rounds))).toEqual(new Set([3]))
  })

  test('rows, sizes, values and contenders', () => {
    const [cell, ...others] = cells('get', 'hit', 'zipf', '2e4', 'objects', 'msgpack', 'lmdb')
    expect(others).toEqual([])
    expect(cell.task).toMatchObject({ rows: ['get hit', 'zipf'], entries: 20000, values: 'objects' })
    expect(cell.names).toEqual(['OffHeapCache msgpack', 'lmdb'])
  })

  test.each([['huge'], ['--huge']])('%s is alone, with OffHeapCache', (word) => {
    const [{ task, names }, ...others] = cells(word)
    expect(others).toEqual([])
    expect(names).toEqual(['OffHeapCache'])
    expect(task.entries).toBe(20e6)
  })

  test.each(['nonsense', '--nonsense', '--rounds 0'])('%s: error', (line) => {
    expect(() => offHeap.parse(line.split(' '))).toThrow(/unknown|takes|needs/)
  })

  test('targets: what is reached, what is missed, and nothing about what was not measured', () => {
    const medians = { OffHeapCache: { median: 2 }, 'lru-cache': { median: 4 } }
    const result = (row, measure, unit, entries, ahead) => {
      const ratios = { OffHeapCache: { 'lru-cache': ahead } }
      return { row, values: 'strings', measure, unit, entries, medians, ratios }
    }
    const text = showTargets([
      result('speed', 'get hit', 'ns', 1e5, { median: 1.1 }),
      result('speed', 'insert', 'ns', 1e6, { median: 1.4 }),
      result('heap', 'churn gc total', 'ns', 5e6, {})
    ])
    expect(text).toMatch(/get hit, strings, 100,000 +1\.10 +at least 1\.00 +reached/)
    expect(text).toMatch(/insert, strings, 1,000,000 +1\.40 +at least 1\.50 +MISSED/)
    expect(text).toMatch(/churn gc total, strings, 5,000,000 +50\.0 % +at most 10\.0 % +MISSED/)
    expect(text.split('\n')).toHaveLength(4)
    expect(showTargets([])).toBe('')
  })
})

describe('bench/buffer-pool --quick', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'heapwise-bench-'))
  const file = path.join(folder, 'result.json')
  const named = (...variants) => variants.map((variant) => `BufferPool ${variant}`)
  const ours = named('none', 'on-release')
  const fences = typeof ArrayBuffer.prototype.transfer === 'function' ? named('sampled', 'always') : []
  const pooled = [
    ...ours, ...named('on-acquire', 'both', 'poison'), ...fences, 'Buffer.allocUnsafe', 'Buffer.alloc',
    'Buffer.allocUnsafeSlow', 'buffer-reuse-pool', '@thi.ng/malloc', 'free list'
  ]
  const speed = [...pooled, ...named('off', 'advanced', 'paranoid', 'lease', 'mixed')]
  const ofProcess = ['cpu', 'wall', 'minor', 'major', 'collections', 'gc total', 'gc longest', 'rss peak']
  const cells = [
    ['fixed', 1024, ['time'], speed],
    ['fixed', 16384, ['time'], speed],
    ['varied', 1024, ['time'], speed],
    ['varied', 16384, ['time'], speed],
    ['churn', 16384, ofProcess, pooled],
    ['copy', 65536, ['rate', ...ofProcess], [...ours, 'createReadStream', 'one buffer']],
    ['proxy', 65536, ['rate', ...ofProcess], [...ours, 'pipe', 'onread']]
  ]
  let report

  beforeAll(async () => {
    await run(process.execPath, [poolBench, '--quick', '--json', file])
    report = JSON.parse(fs.readFileSync(file, 'utf8'))
  })

  afterAll(() => fs.rmSync(folder, { recursive: true }))

  test.each(cells)('%s, %d bytes', (row, size, measures, names) => {
    for (const measure of measures) {
      const found = report.results.filter((result) => {
        return result.row === row && result.size === size && result.measure === measure
      })
      expect({ measure, results: found.length }).toEqual({ measure, results: 1 })
      const [{ medians, ratios, failures }] = found
      expect(failures).toEqual({})
      expect(Object.keys(medians).sort()).toEqual([...names].sort())
      for (const own of ours) {
        expect(Object.keys(ratios[own]).sort()).toEqual(names.filter((name) => name !== own).sort())
      }
      for (const { median } of Object.values(medians)) expect(typeof median).toBe('number')
      // There may be no collection in so short a time.
      if (/gc|minor|major|collections/.test(measure)) continue
      for (const { median } of Object.values(medians)) expect(median).toBeGreaterThan(0)
    }
  })

  test('nothing else is in the report', () => {
    const expected = cells.flatMap(([row, size, measures]) => measures.map((measure) => `${row} ${size} ${measure}`))
    expect(report.results.map(({ row, size, measure }) => `${row} ${size} ${measure}`).sort()).toEqual(expected.sort())
  })
})

describe('the words of bench/buffer-pool', () => {
  const cells = (...words) => pools.plan(pools.parse(words))

  test('everything by default, the speed at eight sizes', () => {
    const planned = cells()
    expect(planned.map(({ task: { row, size } }) => `${row} ${size}`)).toEqual([
      ...['fixed', 'varied'].flatMap((row) => {
        return [64, 256, 1024, 4096, 8192, 16384, 65536, 1048576].map((size) => `${row} ${size}`)
      }),
      'churn 16384', 'copy 65536', 'proxy 65536'
    ])
    expect(planned.filter(({ task }) => task.row === 'churn')[0].task.bytes).toBe(10 * 2 ** 30)
  })

  test('rows, sizes and contenders', () => {
    const planned = cells('speed', '16k', '1m', '100', 'none', 'buffer.alloc', 'floor')
    expect(planned.map(({ task: { row, size } }) => `${row} ${size}`))
      .toEqual(['fixed 16384', 'fixed 1048576', 'fixed 100', 'varied 16384', 'varied 1048576', 'varied 100'])
    for (const { names } of planned) expect(names).toEqual(['BufferPool none', 'Buffer.alloc', 'free list'])
  })

  test('a word can name several contenders', () => {
    const [cell] = cells('fixed', '1k', 'leaks')
    expect(cell.names).toEqual(['BufferPool off', 'BufferPool advanced', 'BufferPool paranoid'])
  })

  test.each(['nonsense', '0', '65m', '--nonsense', '--rounds 0'])('%s: error', (line) => {
    expect(() => pools.parse(line.split(' '))).toThrow(/unknown|takes|needs/)
  })

  test('targets: what is reached, what is missed, and nothing about what was not measured', () => {
    const result = (row, size, time, floor, ahead, more) => {
      const medians = { 'BufferPool none': { median: time }, 'free list': { median: floor } }
      const ratios = {
        'BufferPool none': { 'Buffer.allocUnsafe': { median: ahead } },
        'BufferPool on-release': { 'Buffer.alloc': { median: ahead } }
      }
      return { row, size, measure: 'time', unit: 'ns', medians, ratios, ...more }
    }
    const churn = { measure: 'collections', unit: 'count', bytes: 10 * 2 ** 30 }
    const text = showPoolTargets([
      result('fixed', 64, 14, 7, 1.1),
      result('fixed', 65536, 16, 7, 14.5),
      result('varied', 65536, 54, 50, 2),
      result('churn', 16384, 10, 10, 1, churn),
      // Not the whole run.
      result('churn', 16384, 10, 10, 1, { ...churn, bytes: 2 ** 24 })
    ])
    const rows = text.split('\n').slice(1).map((line) => line.split(/ {2,}/))
    expect(rows).toEqual([
      ['BufferPool none to Buffer.allocUnsafe', 'fixed, 64 KiB', '14.50', 'at least 15.00', 'MISSED'],
      ['BufferPool none to Buffer.allocUnsafe', 'fixed, 64 B', '1.10', 'at least 1.00', 'reached'],
      ['BufferPool on-release to Buffer.alloc', 'fixed, 64 KiB', '14.50', 'at least 4.00', 'reached'],
      ['BufferPool none, time', 'fixed, 64 B', '14.0', 'at most 15.0', 'reached', 'floor 7.0'],
      ['BufferPool none, time', 'fixed, 64 KiB', '16.0', 'at most 15.0', 'MISSED', 'floor 7.0'],
      ['BufferPool none, time', 'varied, 64 KiB', '54.0', 'at most 55.0', 'reached', 'floor 50.0'],
      ['BufferPool none, collections', 'churn, 16 KiB', '10', 'at most 9', 'MISSED']
    ])
    expect(showPoolTargets([])).toBe('')
  })

  test('the floor gives Buffers of exact length, and the same memory again', () => {
    const list = new FreeList()
    for (let size = 1; size < 3000; size++) {
      const buffer = list.acquire(size)
      expect(buffer).toHaveLength(size)
      buffer[size - 1] = 42
      list.release(buffer)
      expect(list.acquire(size)).toBe(buffer)
      list.release(buffer)
    }
    const sizes = list.lists.flat().map(({ buffer }) => buffer.byteLength)
    expect(sizes).toEqual([
      64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640, 768, 896, 1024, 1280, 1536, 1792, 2048,
      2560, 3072
    ])
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

  test('compare: a ratio above 1 is ahead, of times and of rates', () => {
    const samples = { ours: [[10, 20]], peer: [[20, 40]] }
    expect(compare(samples, ['ours']).ratios.ours.peer).toMatchObject({ median: 2 })
    expect(compare(samples, ['ours'], true).ratios.ours.peer).toMatchObject({ median: 0.5 })
    expect(compare(samples, ['ours'], true).medians.peer).toMatchObject({ median: 30, rounds: 2 })
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
