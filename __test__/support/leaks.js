'use strict'

// What the tests of leaks.watch share.

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { spawnSync } = require('node:child_process')

const ROOT = path.join(__dirname, '..', '..')
const LEAKS = path.join(ROOT, 'lib', 'leaks.js')

/** A folder of its own, gone after `use`. */
const inFolder = async use => {
  // Its real path: what V8 tells is that.
  const folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'heapwise-leaks-')))
  try {
    return await use(folder)
  } finally {
    fs.rmSync(folder, { recursive: true, force: true })
  }
}

/** Writes files, by their names in `folder`. */
const write = (folder, files) => {
  for (const [name, text] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true })
    fs.writeFileSync(path.join(folder, name), text)
  }
}

/** Runs a file in a process of its own, in its folder: { status, stdout, stderr }. */
const run = (folder, name, flags = []) => {
  const { NODE_OPTIONS, ...env } = process.env
  return spawnSync(process.execPath, [...flags, path.join(folder, name)], { cwd: folder, env, encoding: 'utf8' })
}

/** The same, of a file that prints one value as JSON and ends well. */
const tell = (folder, name, flags = []) => {
  const { status, stdout, stderr } = run(folder, name, flags)
  if (status !== 0) throw new Error(`${name} ended with ${status}: ${stderr}`)
  return JSON.parse(stdout)
}

/** As a literal in a program. */
const quoted = JSON.stringify

/** The line that `text` has in a file, from 1. */
const lineOf = (source, text) => {
  const index = source.split('\n').findIndex(line => line.includes(text))
  if (index < 0) throw new Error(`there is no ${text}`)
  return index + 1
}

/** Waits for a state, with a deadline. */
const until = async (holds, ms = 30_000) => {
  const deadline = Date.now() + ms
  for (;;) {
    const value = await holds()
    if (value) return value
    if (Date.now() > deadline) throw new Error('it never came')
    await new Promise(resolve => setImmediate(resolve))
  }
}

module.exports = { LEAKS, ROOT, inFolder, lineOf, quoted, run, tell, until, write }
