'use strict'

// The native callbacks of GcMonitor and leaks.watch with arguments that the façade would never pass, in a process of
// its own.

const { execFile } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { promisify } = require('node:util')
const { announce, runs, seed } = require('./support/settings')

const fixture = path.join(__dirname, 'fixtures', 'gc-native-fuzz.js')
const twice = path.join(__dirname, 'fixtures', 'gc-native-twice.js')

let folder
beforeAll(() => {
  announce('gc.native-fuzz')
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'heapwise-fuzz-'))
})
afterAll(() => fs.rmSync(folder, { recursive: true }))

const CALLS = 20 * runs

const run = async (...args) => {
  const all = ['--expose-gc', ...args].map(String)
  const { stdout } = await promisify(execFile)(process.execPath, all, { cwd: folder, timeout: 60_000 + 60 * runs })
  return JSON.parse(stdout)
}

test.each([
  ['on one thread', CALLS, 0],
  ['while workers do the same and are terminated', CALLS, 2]
])('callbacks answer or throw, whatever they are called with, %s', async (_, calls, workers) => {
  const outcome = await run(fixture, calls, seed >>> 0, workers)
  expect(outcome.panics).toEqual([])
  expect(outcome.calls).toBeGreaterThanOrEqual(calls)
  expect(outcome.answered).toBeGreaterThan(calls / 3)
  expect(outcome.refused).toBeGreaterThan(calls / 20)
  expect(outcome.collections).toBeGreaterThan(0)
  expect(outcome.drained).toBeGreaterThan(0)
  expect(outcome.ended > 0).toBe(workers > 0)
  // Threads that have ended are not among those that record, and do not watch.
  expect(outcome).toMatchObject({ left: 0, watched: 0 })
}, 120_000 + 60 * runs)

test('the addon can be loaded twice on a thread: each records, and only one at a time has the reserve', async () => {
  expect(await run(twice)).toEqual({
    same: false,
    opened: [true, true],
    // V8 would end the process if the second were given to it as well.
    reserved: [true, false],
    afterwards: true,
    seen: [true, true],
    // One that was closed with its reserve leaves it to the other.
    inherited: true
  })
})
