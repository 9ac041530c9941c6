'use strict'

const { runProcess } = require('./off-heap-workers')

/** What a task of fixtures/gc-process.js comes to, in a process that ends by itself and says nothing else. */
const runTask = async (name, ...args) => {
  const task = [name, ...args].map(part => JSON.stringify(part)).join(', ')
  const outcome = await runProcess(`require('./__test__/fixtures/gc-process.js')(${task})`, { args: ['--expose-gc'] })
  const { stdout, ...end } = outcome
  expect(end).toEqual({ stderr: '', code: 0, signal: null })
  return JSON.parse(stdout)
}

module.exports = { runTask }
