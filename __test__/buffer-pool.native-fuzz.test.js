'use strict'

// The native callbacks of BufferPool with arguments that the façade would never pass, in a process of its own.

const { execFile } = require('node:child_process')
const path = require('node:path')
const { promisify } = require('node:util')
const { announce, runs, seed } = require('./support/settings')

const fixture = path.join(__dirname, 'fixtures', 'buffer-pool-native-fuzz.js')

beforeAll(() => announce('buffer-pool.native-fuzz'))

const CALLS = 60 * runs

test.each([
  ['on one thread', CALLS, 0],
  ['while workers do the same and are terminated', CALLS, 3]
])('callbacks answer or throw, whatever they are called with, %s', async (_, calls, workers) => {
  const args = ['--expose-gc', fixture, calls, seed >>> 0, workers].map(String)
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 60_000 + 60 * runs })
  const outcome = JSON.parse(stdout)
  expect(outcome.panics).toEqual([])
  expect(outcome.calls).toBeGreaterThanOrEqual(calls)
  expect(outcome.answered).toBeGreaterThan(calls / 3)
  expect(outcome.refused).toBeGreaterThan(calls / 10)
  expect(outcome.taken).toBeGreaterThan(calls / 20)
  expect(outcome.ended > 0).toBe(workers > 0)
  // As long as its thread lives, memory comes back wherever it has gone.
  if (workers === 0) expect(outcome.stranded).toBe(0)
}, 120_000 + 60 * runs)
