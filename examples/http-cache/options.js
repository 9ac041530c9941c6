'use strict'

/** The command line of the demo. */

const path = require('node:path')
const { parseArgs } = require('node:util')
const { UserError } = require('./errors')
const { MIN_ROWS } = require('./source')

const FULL = { seconds: 11, rows: 131072 }
const QUICK = { seconds: 1, rows: 4096 }

const HELP = `Usage: npm start -- [options]

Puts one HTTP service under load four times: with a Map that only grows, with lru-cache, with heapwise, and with its
OffHeapCache in front of the same slow source. Each runs in a process of its own. Ends with a table of what each cost.

  --trace FILE       ask for the keys of this file: one key a line (a second column is ignored), plain text or gzip;
                     without it, keys are drawn by Zipf's law
  --seconds N        how long each contender is under load (${FULL.seconds}); a trace that ends sooner ends the load
  --max N            entries that a bounded cache keeps (a tenth of the different keys, at most 10,000)
  --connections N    how many connections ask at once (16)
  --rows N           rows of 2 KiB in the source table (${FULL.rows}), and the number of keys without a trace
  --seed N           of the Zipf workload (1)
  --dir DIR          where the source table is kept between runs (.cache/http-cache)
  --json FILE        write all figures to this file too
  --quick            a few seconds in all: ${QUICK.seconds} s a contender, ${QUICK.rows} rows
  --clean            delete the source table of earlier runs, and stop
  --help             this text
`

const OPTIONS = /** @type {const} */ ({
  trace: { type: 'string' },
  seconds: { type: 'string' },
  max: { type: 'string' },
  connections: { type: 'string' },
  rows: { type: 'string' },
  seed: { type: 'string' },
  dir: { type: 'string' },
  json: { type: 'string' },
  quick: { type: 'boolean' },
  clean: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' }
})

/**
 * @param {string[]} args
 * @throws {UserError} one line on what is wrong
 */
function readOptions (args) {
  const values = parse(args)
  const size = values.quick ? QUICK : FULL
  const rows = integer(values, 'rows', MIN_ROWS, 2 ** 21) ?? size.rows
  return {
    help: values.help ?? false,
    clean: values.clean ?? false,
    trace: values.trace,
    json: values.json,
    folder: path.resolve(values.dir ?? path.join(__dirname, '..', '..', '.cache', 'http-cache')),
    seconds: number(values, 'seconds', 0.1, 600) ?? size.seconds,
    max: integer(values, 'max', 1, 1e7),
    connections: integer(values, 'connections', 1, 512) ?? 16,
    seed: integer(values, 'seed', 0, 2 ** 32 - 1) ?? 1,
    rows
  }
}

function parse (args) {
  try {
    return parseArgs({ args, options: OPTIONS, allowPositionals: false }).values
  } catch (error) {
    if (!String(error.code).startsWith('ERR_PARSE_ARGS_')) throw error
    // Node's sentences go on with advice on '--' that helps nobody here.
    const [first] = error.message.split(/\. (?=To specify|This command)|\.?\n/)
    throw new UserError(`${first.charAt(0).toLowerCase()}${first.slice(1)}; --help lists the options`)
  }
}

function number (values, name, least, most) {
  const text = values[name]
  if (text === undefined) return undefined
  const value = text.trim() === '' ? NaN : Number(text)
  if (!(value >= least && value <= most)) throw wrong(name, text, `a number from ${show(least)} to ${show(most)}`)
  return value
}

function integer (values, name, least, most) {
  const value = number(values, name, least, most)
  if (value !== undefined && !Number.isInteger(value)) {
    throw wrong(name, values[name], `a whole number from ${show(least)} to ${show(most)}`)
  }
  return value
}

function wrong (name, text, takes) {
  return new UserError(`--${name} takes ${takes}, not '${text}'`)
}

function show (value) {
  return value.toLocaleString('en-US')
}

module.exports = { readOptions, HELP }
