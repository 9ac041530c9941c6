'use strict'

const path = require('node:path')
const { UsageError, parseOptions, takePhrases } = require('../common/options')
const { contenders } = require('./contenders')
const { kinds } = require('./workload')

const sizes = [1e5, 1e6, 5e6]
const hugeSize = 20e6

// What the rows measure, with the units. Of 'ops/s', 'times' and 'share' more is better, of all others less.
const time = 'ns'
const each = 'bytes per entry'
const phase = (name) => Object.fromEntries([
  ['gc total', time], ['gc count', 'count'], ['gc longest', time], ['loop delay', time], ['cpu', time], ['wall', time]
].map(([measure, unit]) => [`${name} ${measure}`, unit]))
const counts = [1, 2, 4]
const measures = {
  speed: { fill: time, hits: 'share' },
  heap: {
    ...phase('fill'),
    ...phase('churn'),
    'heap full': 'bytes',
    'heap churned': 'bytes',
    'heap peak': 'bytes',
    'rss full': 'bytes',
    'rss churned': 'bytes',
    'rss peak': 'bytes',
    'overhead rss': each,
    'overhead bytes': each
  },
  workers: {
    ...Object.fromEntries(counts.map((count) => [String(count), 'ops/s'])),
    ...Object.fromEntries(counts.slice(1).map((count) => [`${count} to 1`, 'times']))
  },
  huge: {
    set: time, get: time, rss: 'bytes', heap: 'bytes', 'overhead rss': each, 'overhead bytes': each, found: 'count',
    compared: 'count'
  }
}

const speedRows = ['get hit', 'overwrite', 'get fresh', 'insert', 'zipf']
for (const row of speedRows) measures.speed[row] = time
const mixes = { 'workers get-heavy': 0.1, 'workers set-heavy': 0.9 }
const rowNames = [...speedRows, 'heap', ...Object.keys(mixes), 'huge']

const usage = `Usage: node bench/offheap [word …] [--quick] [--huge] [--rounds N] [--clock cpu|wall] [--json FILE]

Words choose what to run; without any of a sort, all of that sort.
  rows        ${rowNames.join(', ')}
  sizes       1e5, 1e6, 5e6 (or any other whole number); workers: 1e6; huge: 20e6
  values      ${Object.keys(kinds).join(', ')}; workers and huge: strings
  contenders  heapwise (all of ours), ${contenders.map(({ name, words }) => name.includes(' ') ? words[0] : name).join(', ')}
A row is named in full ('get hit') or by one of its words ('get': all rows with that word); 'speed' is the first five.
'huge' (or --huge) runs only when named, with OffHeapCache unless other contenders are named.`

const defaults = { rounds: undefined, clock: 'cpu', json: undefined, quick: false, huge: false, help: false }

// The command line to { rows, sizes, values, contenders, options }.
function parse (args) {
  const { words, options } = parseOptions(args, defaults, 1)
  options.rounds ??= options.quick ? 1 : 3
  if (options.huge) words.push('huge')
  return { options, ...choose(words) }
}

function choose (words) {
  const wantedRows = takePhrases(words, rowNames)
  const wantedSizes = []
  const wantedValues = []
  const wantedContenders = new Set()
  for (const word of words) {
    const named = rowNames.filter((name) => name.split(' ').includes(word))
    const meant = contenders.filter((contender) => contender.words.includes(word))
    if (Number.isInteger(Number(word)) && Number(word) > 0) wantedSizes.push(Number(word))
    else if (Object.hasOwn(kinds, word)) wantedValues.push(word)
    else if (meant.length > 0) for (const { name } of meant) wantedContenders.add(name)
    else if (word === 'speed') for (const name of speedRows) wantedRows.add(name)
    else if (named.length > 0) for (const name of named) wantedRows.add(name)
    else throw new UsageError(`unknown word '${word}'`)
  }
  return { rows: wantedRows, sizes: wantedSizes, values: wantedValues, contenders: wantedContenders }
}

// All cells to run, each a task for a script of this folder that takes one contender at a time.
function plan (chosen) {
  const { options: { quick, rounds, clock } } = chosen
  const wanted = (row) => chosen.rows.has(row) || (chosen.rows.size === 0 && row !== 'huge')
  const cells = []
  const add = (script, rowsOfCell, atSizes, valuesOfCell, able, more) => {
    if (rowsOfCell.length === 0) return
    for (const values of chosen.values.length > 0 ? chosen.values : valuesOfCell) {
      for (const entries of chosen.sizes.length > 0 ? chosen.sizes : atSizes) {
        const names = contenders.filter((contender) => {
          if (contender.only && !contender.only.includes(values)) return false
          return able(contender, chosen.contenders.has(contender.name), chosen.contenders.size > 0)
        }).map(({ name }) => name)
        if (names.length === 0) continue
        const row = script === 'speed' ? 'speed' : rowsOfCell[0]
        const task = { row, rows: rowsOfCell, values, entries, clock, quick, heapMb: 12000, ...more }
        cells.push({ script: path.join(__dirname, script + '.js'), measures: measures[script], rounds, names, task })
      }
    }
  }
  const all = Object.keys(kinds)
  const withFloor = (_, named, some) => some ? named : true
  const threaded = ({ floor, variant }, named, some) => !floor && (some ? named : !variant)
  add('speed', speedRows.filter(wanted), quick ? [2000] : sizes, all, withFloor)
  add('heap', ['heap'].filter(wanted), quick ? [2000] : sizes, quick ? ['strings'] : all, withFloor)
  for (const [row, setShare] of Object.entries(mixes)) {
    const effort = quick ? { turns: 1, ms: 20 } : { turns: 3, ms: 2000 }
    const task = { setShare, counts, name: 'workers', ...effort }
    add('workers', [row].filter(wanted), quick ? [2000] : [1e6], ['strings'], threaded, task)
  }
  const ourOwn = ({ floor, ours, variant }, named, some) => !floor && (some ? named : ours && !variant)
  add('huge', ['huge'].filter(wanted), quick ? [20000] : [hugeSize], ['strings'], ourOwn)
  return cells
}

module.exports = { parse, plan, usage }
