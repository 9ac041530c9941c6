'use strict'

const path = require('node:path')
const { UsageError, parseOptions, takePhrases } = require('../common/options')
const { contenders } = require('./contenders')

const sizes = [64, 256, 1024, 4096, 8192, 16384, 65536, 2 ** 20]
const speedRows = ['fixed', 'varied']
const rowNames = [...speedRows, 'churn', 'copy', 'proxy']

// What the rows measure, with the units. Of 'B/s' more is better, of all others less.
const time = 'ns'
const collector = { minor: 'count', major: 'count', collections: 'count', 'gc total': time, 'gc longest': time }
const ofProcess = { cpu: time, wall: time, ...collector, 'rss peak': 'bytes' }
const measures = {
  fixed: { time },
  varied: { time },
  churn: ofProcess,
  copy: { rate: 'B/s', ...ofProcess },
  proxy: { rate: 'B/s', ...ofProcess }
}

const usage = `Usage: node bench/buffer-pool [word …] [--quick] [--rounds N] [--clock cpu|wall] [--json FILE]

Words choose what to run; without any of a sort, all of that sort.
  rows        ${rowNames.join(', ')}; speed: the first two
  sizes       64, 256, 1k, 4k, 8k, 16k, 64k, 1m (or any other whole number); churn: 16k
  contenders  heapwise (all of ours), node (all of Node's),
              ${[...new Set(contenders.map(({ words }) => words[0]))].join(', ')}`

const defaults = { rounds: undefined, clock: 'cpu', json: undefined, quick: false, help: false }

// The command line to { rows, sizes, contenders, options }.
function parse (args) {
  const { words, options } = parseOptions(args, defaults, 1)
  const lengths = { fixed: 21, varied: 21, churn: 3, copy: 5, proxy: 5 }
  const quick = { fixed: 3, varied: 3, churn: 1, copy: 1, proxy: 1 }
  const { rounds } = options
  options.rounds = Object.fromEntries(rowNames.map((row) => [row, rounds ?? (options.quick ? quick : lengths)[row]]))
  return { options, ...choose(words) }
}

function choose (words) {
  const names = new Map(contenders.map(({ name }) => [name.toLowerCase(), name]))
  const wantedContenders = new Set([...takePhrases(words, names.keys())].map((name) => names.get(name)))
  const wantedRows = new Set()
  const wantedSizes = []
  for (const word of words) {
    const meant = contenders.filter((contender) => contender.words.includes(word))
    if (rowNames.includes(word)) wantedRows.add(word)
    else if (word === 'speed') for (const row of speedRows) wantedRows.add(row)
    else if (meant.length > 0) for (const { name } of meant) wantedContenders.add(name)
    else wantedSizes.push(readSize(word))
  }
  return { rows: wantedRows, sizes: wantedSizes, contenders: wantedContenders }
}

function readSize (word) {
  const [, digits, unit] = /^(\d+)([km]?)$/.exec(word) ?? []
  const size = Number(digits) * { k: 1024, m: 2 ** 20 }[unit || 'b'] || Number(digits)
  if (!(size >= 1 && size <= 2 ** 26)) throw new UsageError(`unknown word '${word}'`)
  return size
}

// All cells to run. 'speed.js' takes all contenders of the cell at once, the others take one at a time.
function plan (chosen) {
  const { options: { quick, rounds, clock } } = chosen
  const cells = []
  for (const row of rowNames.filter((name) => chosen.rows.has(name) || chosen.rows.size === 0)) {
    const names = contenders.filter(({ name, rows, needs }) => {
      return rows.includes(row) && needs?.() !== false && (chosen.contenders.has(name) || chosen.contenders.size === 0)
    }).map(({ name }) => name)
    if (names.length === 0) continue
    const together = speedRows.includes(row)
    const script = path.join(__dirname, (together ? 'speed' : row) + '.js')
    const work = together ? effort(rounds[row], quick) : { rounds: rounds[row], bytes: amount(row, quick) }
    for (const size of sizesOf(row, chosen.sizes, quick)) {
      cells.push({ script, names, together, measures: measures[row], task: { row, size, clock, quick, ...work } })
    }
  }
  return cells
}

function sizesOf (row, chosen, quick) {
  if (row === 'copy' || row === 'proxy') return [65536]
  if (chosen.length > 0) return chosen
  if (row === 'churn') return [16384]
  return quick ? [1024, 16384] : sizes
}

function amount (row, quick) {
  if (quick) return 2 ** 24
  return row === 'churn' ? 10 * 2 ** 30 : 2 ** 30
}

// V8 compiles and lays out memory a little differently in each process, and stays with it: three processes, a third of
// the rounds each.
function effort (rounds, quick) {
  if (quick) return { rounds, sliceMs: 1, processes: 1 }
  const processes = Math.min(3, rounds)
  return { rounds: Math.ceil(rounds / processes), sliceMs: 20, processes }
}

module.exports = { parse, plan, usage }
