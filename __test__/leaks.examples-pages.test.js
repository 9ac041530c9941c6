'use strict'

// docs/api/gc-monitor.md and docs/api/leaks.md write about all that there is.

const fs = require('node:fs')
const path = require('node:path')

const { GcMonitor, leaks } = require('..')
const jestPart = require('../jest.js')

const root = path.join(__dirname, '..')
const read = name => fs.readFileSync(path.join(root, name), 'utf8')

/** Names of options in a file of ours: of the lists `… = ['a', 'b']` or the objects `DEFAULTS = { a: 1 }`. */
const namesIn = (file, pattern) =>
  [...read(file).matchAll(pattern)].flatMap(([, list]) => list.match(/\b[a-z]\w*(?=[':])/gi))
const listed = file => namesIn(file, /KNOWN = \[([^\]]*)\]/g)
const withDefaults = file => namesIn(file, /DEFAULTS = \{([^\n]*)\}/g)

/** All names of plain data, however deep. */
const keysOf = value => Object.prototype.toString.call(value) === '[object Object]'
  ? Object.entries(value).flatMap(([key, inner]) => [key, ...keysOf(inner)])
  : Array.isArray(value) && value.length > 0 ? keysOf(value[0]) : []

/** A name is written about where it is in backticks, by itself or in a piece of code. */
const mentions = page => {
  const codes = new Set([...page.matchAll(/`([^`\n]+)`/g)].flatMap(([, code]) => code.match(/\w+/g)))
  return name => codes.has(name)
}

const membersOf = Class => Object.getOwnPropertyNames(Class.prototype).filter(name => name !== 'constructor')

describe('docs/api/gc-monitor.md', () => {
  const isThere = mentions(read('docs/api/gc-monitor.md'))
  // What V8 and Node name, and what is by number.
  const foreign = name => /^\d+$/.test(name)

  test.each([
    ['options', listed('lib/gc-monitor/options.js'), 15],
    ['members', membersOf(GcMonitor), 15]
  ])('%s', (_what, names, least) => {
    expect(names.length).toBeGreaterThanOrEqual(least)
    expect(names.filter(name => !isThere(name))).toEqual([])
  })

  test('numbers', () => {
    const monitor = new GcMonitor()
    monitor.collect()
    const measured = monitor.measure(() => 1)
    const numbers = [monitor.stats(), monitor.histogram(), monitor.workers(), monitor.collect(), measured]
      .flatMap(keysOf).filter(name => !foreign(name))
    monitor.close()
    expect(numbers.length).toBeGreaterThan(100)
    const kinds = ['scavenge', 'minor-mark-sweep', 'mark-sweep-compact', 'incremental-marking', 'weak-callbacks']
    expect(numbers.filter(name => !kinds.includes(name) && !isThere(name))).toEqual([])
    const page = read('docs/api/gc-monitor.md')
    expect(kinds.filter(kind => !page.includes(`'${kind}'`))).toEqual([])
  })

  test('events', async () => {
    const monitor = new GcMonitor({ interval: 10 })
    const seen = {}
    // One that was taken while the loop was blocked has less.
    const sampled = new Promise(resolve => monitor.on('sample', sample => {
      if (sample.late) return
      seen.sample = sample
      resolve()
    }))
    monitor.on('gc', event => { if (event.kind === 'mark-sweep-compact') seen.gc = event })
    monitor.collect()
    // Nothing that a monitor does keeps the process alive.
    const alive = setInterval(() => {}, 1000)
    await sampled
    clearInterval(alive)
    monitor.close()
    const { heap, memoryUsage, ...sample } = seen.sample
    expect(Object.keys(heap).length).toBeGreaterThan(10)
    expect(Object.keys(memoryUsage).length).toBeGreaterThan(4)
    const names = [...keysOf(seen.gc), ...keysOf(sample), 'heap', 'memoryUsage']
    expect(names.length).toBeGreaterThan(60)
    // Those of page faults and of processor time say what they are.
    const plain = ['minor', 'major', 'user', 'system', 'hrtime']
    expect(names.filter(name => !plain.includes(name) && !isThere(name))).toEqual([])
  })
})

describe('docs/api/leaks.md', () => {
  const isThere = mentions(read('docs/api/leaks.md'))
  const parts = ['timers', 'listeners', 'globals', 'collections', 'buffers', 'stacks', 'types', 'pools']

  test('options', () => {
    const ofPart = part => [...listed(`lib/leaks/${part}.js`), ...withDefaults(`lib/leaks/${part}.js`)]
    const options = [
      ...listed('lib/leaks/options.js'), ...listed('lib/leaks/compare-options.js'), ...parts.flatMap(ofPart)
    ]
    expect(parts.filter(part => ofPart(part).length < 2)).toEqual([])
    expect(options.length).toBeGreaterThan(40)
    expect(options.filter(name => !isThere(name))).toEqual([])
  })

  test('members, of reports too', async () => {
    const watch = leaks.watch({ globals: true, interval: 0 })
    const report = watch.report()
    watch.stop()
    const compared = await leaks.compare(() => {}, { repeat: 4, calls: 10 })
    const names = [...Object.keys(leaks), ...membersOf(leaks.LeakWatch), ...keysOf(report), ...Object.keys(compared),
      ...keysOf(compared.perCall), ...Object.keys(jestPart)]
    expect(names.length).toBeGreaterThan(25)
    expect(names.filter(name => !isThere(name))).toEqual([])
  })
})
