'use strict'

// Buffers that pin much larger memory, though there are no more of them; and caches of heapwise's own that grow.

const path = require('node:path')
const { runProcess } = require('./support/off-heap-workers')

const FIXTURE = path.join('__test__', 'fixtures', 'heap-views.js')
// Of `slices`.
const LINE = 14

let result
beforeAll(async () => {
  const { stdout, stderr } = await runProcess(`require('./${FIXTURE.replaceAll('\\', '/')}')`, { timeout: 110_000 })
  expect(stderr).toBe('')
  result = JSON.parse(stdout)
}, 120_000)

const namesOf = kind => result.findings.filter(finding => finding.kind === kind).map(({ name }) => name).sort()

test('small views of large memory are told, in whatever they are; no large ones, copies, or few', () => {
  expect(result.failures).toEqual({})
  expect(namesOf('buffer')).toEqual(['bounded', 'comeAndGo', 'few', 'mixed', 'slices'])
})

test('each once, for as long as it does not grow', () => {
  const names = ['bounded', 'comeAndGo', 'few', 'mixed', 'slices']
  expect(result.news.slice(0, 2)).toEqual([[], []])
  expect(result.news.flat().filter(name => !name.startsWith('growing')).sort()).toEqual(names)
})

test('how many there are, how long, and what they keep', () => {
  const finding = result.findings.find(({ name }) => name === 'slices')
  expect(finding).toEqual({
    kind: 'buffer',
    message: `the Array slices at ${FIXTURE}:${LINE}:7 (module scope) holds 300 Buffers of 16 bytes on average, 4.7 KB in all, ` +
      'which keep 4.7 MB alive: they are views of larger memory; so it was in 5 looks',
    name: 'slices',
    place: `${FIXTURE}:${LINE}:7`,
    growth: { from: 300 * 16_384, to: 300 * 16_384, looks: 5, perHour: 0, bytes: 0 },
    confidence: 'likely',
    source: 'heap snapshot'
  })
  const of = wanted => result.findings.find(({ name }) => name === wanted).growth.to
  expect(of('comeAndGo')).toBe(150 * 16_384)
  expect(of('mixed')).toBe(300 * 16_384)
  expect(of('few')).toBe(8 * 256 * 1024)
})

test('a cache of heapwise that holds them is told as itself', () => {
  const { message } = result.findings.find(({ name }) => name === 'bounded')
  expect(message).toMatch(/^the BoundedMap bounded at .* holds 20 Buffers of 16 bytes on average, 320 bytes in all, /)
})

test('a cache of heapwise that grows is told as itself; one that is full is not', () => {
  expect(namesOf('collection')).toEqual(['growing', 'growingMap'])
  const messageOf = wanted => result.findings.find(({ name }) => name === wanted).message
  expect(messageOf('growing')).toMatch(/^the LRUCache growing at .*grew from 200 to 1,000 entries in 5 looks/)
  expect(messageOf('growingMap')).toMatch(/^the BoundedMap .*grew from 200 to 1,000 entries in 5 looks/)
})
