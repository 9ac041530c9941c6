'use strict'

// The native callbacks of OffHeapCache with arguments that the façade would never pass, in a process of its own.

const { execFile } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { promisify } = require('node:util')
const { announce, runs, seed } = require('./support/settings')

const fixture = path.join(__dirname, 'fixtures', 'off-heap-native-fuzz.js')

let folder
beforeAll(() => {
  announce('off-heap.native-fuzz')
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'heapwise-fuzz-'))
})
afterAll(() => fs.rmSync(folder, { recursive: true }))

const CALLS = 60 * runs

test.each([
  ['on one thread', CALLS, 0],
  ['while workers do the same and are terminated', CALLS, 2]
])('callbacks answer or throw, whatever they are called with, %s', async (_, calls, workers) => {
  const args = [fixture, calls, seed >>> 0, workers].map(String)
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: folder, timeout: 60_000 + 60 * runs })
  const outcome = JSON.parse(stdout)
  expect(outcome.panics).toEqual([])
  expect(outcome.calls).toBeGreaterThanOrEqual(calls)
  expect(outcome.answered).toBeGreaterThan(calls / 3)
  expect(outcome.refused).toBeGreaterThan(calls / 10)
  expect(outcome.ended > 0).toBe(workers > 0)
}, 120_000 + 60 * runs)
