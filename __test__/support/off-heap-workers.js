'use strict'

// Workers of fixtures/off-heap-worker.js, and processes of a few lines.

const { execFile } = require('node:child_process')
const path = require('node:path')
const { promisify } = require('node:util')
const { Worker } = require('node:worker_threads')

const root = path.join(__dirname, '..', '..')
const fixture = path.join(__dirname, '..', 'fixtures', 'off-heap-worker.js')

const running = new Set()

/** Ends what a test that failed has left. */
const endAll = async () => {
  await Promise.all([...running].map(worker => worker.terminate()))
}

/**
 * Starts a worker. `result` is what its task comes to, `said(text)` waits until it has said that, `tell` tells it
 * something, `over` is its exit code.
 */
const start = (task, data = {}) => {
  const worker = new Worker(fixture, { workerData: { task, ...data } })
  running.add(worker)
  const heard = []
  const listeners = new Set()
  const failed = new Promise((resolve, reject) => {
    worker.once('error', reject)
    worker.once('exit', code => reject(new Error(`the worker ended with ${code}, and has said only ${heard}`)))
  })
  failed.catch(() => {})
  const result = new Promise(resolve => {
    worker.on('message', message => {
      if ('result' in message) return resolve(message.result)
      heard.push(message.said)
      for (const listener of listeners) listener(message.said)
    })
  })
  const over = new Promise(resolve => worker.once('exit', code => {
    running.delete(worker)
    resolve(code)
  }))
  const outcome = Promise.race([result, failed])
  outcome.catch(() => {})
  return {
    worker,
    result: outcome,
    said: text => {
      if (heard.includes(text)) return Promise.resolve()
      const saying = new Promise(resolve => listeners.add(said => { if (said === text) resolve() }))
      return Promise.race([saying, failed])
    },
    tell: message => worker.postMessage(message),
    end: () => worker.terminate(),
    over
  }
}

/** Starts workers that begin at the same moment, and waits for what they come to. */
const together = (count, task, data, each = () => ({})) => {
  const gate = new SharedArrayBuffer(4)
  const workers = Array.from({ length: count }, (_, i) => start(task, { ...data, ...each(i), gate, together: count }))
  return Promise.all(workers.map(async ({ result, over }) => {
    const value = await result
    await over
    return value
  }))
}

/** Runs a script in a process of its own, in the project's folder: what it prints and how it ends. */
const runProcess = async (script, { args = [], timeout = 60_000 } = {}) => {
  const options = { cwd: root, encoding: 'utf8', timeout }
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [...args, '-e', script], options)
    return { stdout, stderr, code: 0, signal: null }
  } catch (error) {
    const { stdout, stderr, code, signal } = error
    return { stdout, stderr, code, signal }
  }
}

/** Runs a fixture with a garbage collector that can be called, and returns the JSON that it prints. */
const runFixture = async (name, ...args) => {
  const file = path.join(__dirname, '..', 'fixtures', name)
  const flags = ['--expose-gc', '--max-semi-space-size=1']
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, file, ...args.map(String)], {
    cwd: root, encoding: 'utf8', timeout: 24 * 3600_000
  })
  return JSON.parse(stdout)
}

module.exports = { start, together, endAll, runProcess, runFixture, root }
