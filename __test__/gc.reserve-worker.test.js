'use strict'

// A worker that comes to the end of its reserve ends as one without: alone, with an error that can be handled.

const { execFile } = require('node:child_process')
const path = require('node:path')
const { promisify } = require('node:util')

const fixture = path.join(__dirname, 'fixtures', 'gc-reserve-worker.js')

// V8 asks once after a collection. A reserve of less than what it has then above the limit must not end the process.
test.each([1, 500_000, 6_000_000])('with a reserve of %i bytes', async bytes => {
  const { stdout } = await promisify(execFile)(process.execPath, [fixture, String(bytes)], { timeout: 100_000 })
  expect(JSON.parse(stdout)).toEqual({ code: 'ERR_WORKER_OUT_OF_MEMORY', exit: 1, left: 0, reserved: bytes })
}, 120_000)
