'use strict'

// Programs that leak and that do not, each a process of its own, seen at 60 full collections.

const { execFile } = require('node:child_process')
const path = require('node:path')
const { promisify } = require('node:util')

const run = promisify(execFile)
const program = path.join(__dirname, 'fixtures', 'gc-trend.js')

const watch = async kind => {
  const { stdout } = await run(process.execPath, ['--expose-gc', program, kind])
  return JSON.parse(stdout)
}

test('a global list that only grows is a leak', async () => {
  const { early, sixty, end, turns } = await watch('leak')
  expect(early).toMatchObject({ verdict: 'growing', leak: false, points: 20 })
  expect(sixty).toMatchObject({ what: 'heap', verdict: 'growing', confidence: 'certain', leak: true, points: 60 })
  expect(turns).toEqual(['started'])
  // 200 requests a round, each of more than 250 bytes.
  expect(sixty.to - sixty.from).toBeGreaterThan(59 * 200 * 250)
  expect(sixty.interval[0]).toBeGreaterThan(0)
  expect(end.reason).toMatch(/^the live heap grows from [\d.]+ MB to [\d.]+ MB, [\d.]+ MB an hour/)
})

test('a list that keeps the last ones is none', async () => {
  const { sixty, end, turns } = await watch('cured')
  expect(sixty).toMatchObject({ leak: false, points: 60 })
  expect(['steady', 'warming-up', 'shrinking']).toContain(end.verdict)
  expect(turns).toEqual([])
})

test('a cache that fills up to its bound is none', async () => {
  const { early, sixty, end, turns } = await watch('bounded')
  // While it fills, nobody could tell.
  expect(early.leak).toBe(false)
  expect(sixty).toMatchObject({ verdict: 'warming-up', leak: false, points: 60 })
  expect(['steady', 'warming-up']).toContain(end.verdict)
  expect(turns).toEqual([])
})
