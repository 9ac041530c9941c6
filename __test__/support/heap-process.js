'use strict'

// Processes that take snapshots of their heap into a folder of their own.

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { runProcess } = require('./off-heap-workers')

const made = []

/** A folder for temporary files, removed by `removeAll`. */
const makeFolder = () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'heapwise-test-'))
  made.push(folder)
  return folder
}

const removeAll = () => {
  for (const folder of made.splice(0)) fs.rmSync(folder, { recursive: true, force: true })
}

/** Runs `script` with `os.tmpdir()` in a fresh folder. What is left there is in `left`. */
const runIn = async (script, options) => {
  const folder = makeFolder()
  const outcome = await runProcess(`require('os').tmpdir = () => ${JSON.stringify(folder)};${script}`, options)
  return { ...outcome, left: fs.readdirSync(folder) }
}

module.exports = { makeFolder, removeAll, runIn }
