'use strict'

// Runs an example of examples/leaks as a reader would, and says what was found where.

const { execFile } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const { promisify } = require('node:util')

const run = promisify(execFile)

const catalogue = require('../../examples/leaks/catalogue.js')

const root = path.join(__dirname, '..', '..')
const home = path.join(root, 'examples', 'leaks')
const program = path.join(home, 'run.js')

const fileOf = (name, variant) => path.posix.join('examples', 'leaks', name, `${variant}.js`)
const sourceOf = (name, variant) => fs.readFileSync(path.join(root, fileOf(name, variant)), 'utf8')

const MARK = '// the leak'

/** 'file:line' of the one line of a service that leaks that has this code. */
function placeOf (name, code) {
  const lines = sourceOf(name, 'leaky').split('\n')
  const found = lines.flatMap((line, index) => line.includes(code) ? [index + 1] : [])
  if (found.length !== 1) throw new Error(`${name}: ${found.length} lines have '${code}'`)
  return `${fileOf(name, 'leaky')}:${found[0]}`
}

/** 'file:line' of the line that leaks. */
const leakOf = name => placeOf(name, MARK)

/** Without the column. */
const lineOf = place => place?.replace(/:\d+$/, '')

const start = args => run(process.execPath, args, { cwd: root, timeout: 120_000 })
const execute = (...args) => start([program, ...args])

const SIZE = ['--requests', '1500']

/** What was found in the end: { findings, failures, cost, memory, gc, text }. */
async function report (name, ...args) {
  const { stdout } = await execute(name, '--json', ...SIZE, ...args)
  return JSON.parse(stdout)
}

/** The same of the part `types`, in a Node that counts by type. */
async function reportTypes (name, ...args) {
  const flags = ['--track-gc-object-stats']
  const { stdout } = await start([...flags, program, name, '--parts', 'types', '--json', ...SIZE, ...args])
  return JSON.parse(stdout)
}

// ---- what docs/leaks.md says is printed

/** What differs from run to run: numbers, but for those of places. */
const settle = line => line
  .replace(/(:\d+:\d+)|\babout |(?<![\w:])\d[\d,.]*(?: (?:bytes|KB|MB)\b)?/g, (_, place) => place ?? '')
  .replace(/\((?:suspected|likely|certain)\)/, '').replace(/ +/g, ' ')

const TOLD = /^(\S+)\n(```)\n\n\2text\n([^`]*)\2/

/** The lines of findings that docs/leaks.md has for an example. */
function toldOf (name) {
  const page = fs.readFileSync(path.join(root, 'docs', 'leaks.md'), 'utf8')
  const [, parts, , text] = page.split(`node examples/leaks/run.js ${name} --parts `)[1]?.match(TOLD) ?? []
  if (parts !== catalogue[name].parts) throw new Error(`docs/leaks.md: ${name} with --parts ${parts}`)
  return text.trimEnd().split('\n')
}

const isSite = line => line.startsWith('allocation')

/**
 * Lines of docs/leaks.md that were not printed, as they are without their numbers. How many places V8's sampling shows
 * is not always the same: of these one is enough.
 */
function notPrinted (name, text) {
  const printed = text.split('\n').map(settle)
  const told = toldOf(name).map(settle)
  const lost = told.filter(line => !isSite(line) && !printed.includes(line))
  const sites = told.filter(isSite)
  return sites.length > 0 && !sites.some(line => printed.includes(line)) ? [...lost, ...sites] : lost
}

module.exports = {
  execute, fileOf, home, leakOf, lineOf, notPrinted, placeOf, report, reportTypes, settle, sourceOf, toldOf
}
