'use strict'

// examples/leaks: what is found by counting, with its place; and that docs/leaks.md shows it as it is.

const { leakOf, lineOf, notPrinted, report } = require('./support/leak-examples.js')

jest.setTimeout(120_000)

describe.each([
  ['interval-per-connection', 'timer', { name: 'setInterval', place: true }],
  ['interval-per-request', 'timer', { name: 'setInterval', place: true }],
  ['timeout-per-visit', 'timer', { name: 'setTimeout', place: true }],
  ['listener-per-request', 'listener', { name: "Prices 'change'", place: true }],
  ['socket-listener', 'listener', { name: "Socket 'close'", place: true }],
  ['abort-listener', 'listener', { name: "AbortSignal 'abort'", place: true }],
  ['pool-not-released', 'pool', { name: 'answers', place: true }],
  ['cache-without-bound', 'cache', { name: 'LRUCache' }]
])('%s', (example, kind, { name, place }) => {
  const parts = ['--parts', 'timers,listeners,globals,pools']

  test('is found, and nothing else', async () => {
    const { findings, failures, text } = await report(example, ...parts)
    expect(failures).toEqual({})
    expect(findings).toEqual([expect.objectContaining({ kind, name, source: 'counts' })])
    const [finding] = findings
    if (place) expect(lineOf(finding.place)).toBe(leakOf(example))
    expect(finding.confidence).toMatch(/^(?:likely|certain)$/)
    expect(finding.growth.to).toBeGreaterThan(3 * finding.growth.from)
    expect(finding.message).toContain(finding.growth.to.toLocaleString('en-US'))
    expect(notPrinted(example, text)).toEqual([])
  })
})
