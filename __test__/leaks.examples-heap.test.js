'use strict'

// examples/leaks: what is found in the heap, by snapshots and by V8's sampling profiler; and that docs/leaks.md shows
// it as it is.

const { fileOf, leakOf, lineOf, notPrinted, placeOf, report, reportTypes } = require('./support/leak-examples.js')

jest.setTimeout(120_000)

const isNamed = (kind, name) => finding => finding.kind === kind && finding.name === name

/** What must hold for each finding of a service that leaks: it is in that service, and it grows. */
function expectAllInside (example, findings) {
  const file = fileOf(example, 'leaky')
  for (const { place, growth } of findings) {
    if (place !== undefined) expect(place.replace(/:\d+:\d+$/, '')).toBe(file)
    expect(growth.to).toBeGreaterThan(growth.from)
  }
}

describe.each([
  ['cache-object', 'pages'],
  ['growing-map', 'sessions'],
  ['request-data', 'underWay'],
  ['lost-promise', 'waiting'],
  ['listener-per-request', 'prices._events.change']
])('%s', (example, name) => {
  test('the collection is named, with the line of its variable', async () => {
    const { findings, failures, text } = await report(example, '--parts', 'collections')
    expect(failures).toEqual({})
    const finding = findings.find(isNamed('collection', name))
    expect(finding.source).toBe('heap snapshot')
    expect(finding.confidence).toMatch(/^(?:likely|certain)$/)
    const line = example === 'listener-per-request' ? placeOf(example, 'const prices =') : leakOf(example)
    expect(lineOf(finding.place)).toBe(line)
    expect(finding.growth.to).toBeGreaterThan(2 * finding.growth.from)
    expect(finding.growth.bytes).toBeGreaterThan(10_000)
    expectAllInside(example, findings)
    if (example !== 'listener-per-request') expect(notPrinted(example, text)).toEqual([])
  })
})

test('global-array: the array is found by both parts that can see it', async () => {
  const { findings, failures, text } = await report('global-array', '--parts', 'globals,collections')
  expect(failures).toEqual({})
  expect(findings.find(isNamed('global', 'visits'))).toMatchObject({ growth: { to: 1500 } })
  const collection = findings.find(isNamed('collection', 'global.visits'))
  expect(collection).toMatchObject({ growth: { to: 1500 }, source: 'heap snapshot' })
  expect(findings.length).toBe(2)
  expect(notPrinted('global-array', text)).toEqual([])
})

test('buffer-slice: the slices are found, and what they keep', async () => {
  const { findings, failures, text } = await report('buffer-slice', '--parts', 'buffers')
  expect(failures).toEqual({})
  const [finding] = findings.filter(({ kind }) => kind === 'buffer')
  expect(finding.name).toBe('heads')
  expect(lineOf(finding.place)).toBe(placeOf('buffer-slice', 'const heads ='))
  expect(finding.message).toMatch(/\b300 Buffers of 16 bytes\b/)
  expect(finding.growth.to).toBeGreaterThan(300 * 32_768)
  expect(notPrinted('buffer-slice', text)).toEqual([])
})

// One allocation in so many is seen: the more there are, the surer.
describe.each([
  ['closure-chain', 'const readOrders ='],
  ['unused-closure', 'http.createServer('],
  ['promise-race', 'http.createServer('],
  ['cache-object', 'http.createServer(']
])('%s', (example, code) => {
  test('the function that makes what stays is named', async () => {
    const { findings, failures, text } = await report(example, '--parts', 'stacks', '--requests', '4000')
    expect(failures).toEqual({})
    const places = findings.map(({ place }) => lineOf(place))
    expect(places).toContain(placeOf(example, code))
    for (const { kind, source } of findings) {
      expect({ kind, source }).toEqual({ kind: 'allocation', source: 'sampling heap profiler' })
    }
    expectAllInside(example, findings)
    if (example !== 'cache-object') expect(notPrinted(example, text)).toEqual([])
  })
})

test('unused-closure: where V8 counts by type, it says what grows', async () => {
  const { findings, failures } = await reportTypes('unused-closure')
  expect(failures).toEqual({})
  expect(findings).toContainEqual(expect.objectContaining({
    kind: 'type', name: 'the elements of arrays', source: 'object statistics'
  }))
  expect(findings.filter(({ kind }) => kind !== 'type')).toEqual([])
  const cured = await reportTypes('unused-closure', '--cured')
  expect([cured.findings, cured.failures]).toEqual([[], {}])
})
