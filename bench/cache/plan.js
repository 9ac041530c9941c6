'use strict'

const path = require('node:path')
const { UsageError, parseOptions, takePhrases } = require('../common/options')
const { contenders } = require('./contenders')
const { kinds } = require('./keys')
const { rows } = require('./rows')
const { shapes } = require('./shapes')

const sizes = [1e3, 1e4, 1e5, 1e6]

// The rows that have a process for each contender.
const alone = [
  { name: 'memory' },
  { name: 'pause' },
  { name: 'huge', onRequest: true }
]

const rowNames = [...rows, ...shapes, ...alone].map(({ name }) => name)

const usage = `Usage: node bench/cache [word …] [--quick] [--rounds N] [--clock cpu|wall] [--json FILE]

Words choose what to run; without any of a sort, all of that sort.
  rows        ${rowNames.join(', ')}
  sizes       1e3, 1e4, 1e5, 1e6 (or any other whole number)
  keys        ${kinds.join(', ')}
  contenders  heapwise (both), ${contenders.map(({ name }) => name).join(', ')}
A row is named in full ('get hit') or by one of its words ('get': all rows with that word).
'huge' and 'control' (lru-cache a second time) run only when named.`

const defaults = { rounds: undefined, clock: 'cpu', json: undefined, quick: false, help: false }

// The command line to { rows, sizes, kinds, contenders, options }.
function parse (args) {
  const { words, options } = parseOptions(args, defaults, 1)
  options.rounds ??= options.quick ? 3 : 21
  return { options, ...choose(words, options.quick) }
}

function choose (words, quick) {
  const wantedRows = takePhrases(words, rowNames)
  const wantedSizes = []
  const wantedKinds = []
  const wantedContenders = new Set()
  for (const word of words) {
    const named = rowNames.filter((name) => name.split(' ').includes(word))
    const meant = contenders.filter((contender) => contender.words.includes(word))
    if (Number.isInteger(Number(word)) && Number(word) > 0) wantedSizes.push(Number(word))
    else if (kinds.includes(word)) wantedKinds.push(word)
    else if (meant.length > 0) for (const { name } of meant) wantedContenders.add(name)
    else if (named.length > 0) for (const name of named) wantedRows.add(name)
    else throw new UsageError(`unknown word '${word}'`)
  }
  return {
    rows: wantedRows,
    sizes: wantedSizes.length > 0 ? wantedSizes : quick ? [1e3] : sizes,
    sizesNamed: wantedSizes.length > 0,
    kindsNamed: wantedKinds.length > 0,
    kinds: wantedKinds.length > 0 ? wantedKinds : kinds,
    contenders: contenders.filter(({ name, onRequest }) => {
      return wantedContenders.has(name) || (wantedContenders.size === 0 && !onRequest)
    })
  }
}

// All cells to run, each a task for a script of this folder. 'cell.js' takes all contenders of the cell at once, the
// others take one at a time.
function plan (chosen) {
  const { options: { quick, rounds, clock }, contenders: taking } = chosen
  const wanted = ({ name, onRequest }) => chosen.rows.has(name) || (chosen.rows.size === 0 && !onRequest)
  const common = { clock, quick, ...effort(rounds, 0, quick) }
  const cells = []
  const add = (script, task, able) => {
    const names = able.map(({ name }) => name)
    if (names.length > 0) cells.push({ script: path.join(__dirname, script), task: { ...common, ...task }, names })
  }
  for (const row of rows.filter(wanted)) {
    // A quick run wants every row and every kind of keys once, not all their pairs.
    const kindsOfRow = quick && !chosen.kindsNamed && row.name !== 'zipf' ? ['string'] : chosen.kinds
    for (const keys of kindsOfRow) {
      for (const entries of chosen.sizes) {
        // V8's Map rebuilds its table once in so many inserts and deletes: a slice should hold several such times.
        const leastOps = row.allocates ? Math.min(2 * entries, 5e5) : 0
        const task = { row: row.name, keys, entries, leastOps, ...effort(rounds, entries, quick) }
        add('cell.js', task, taking.filter((contender) => fits(contender, row, keys)))
      }
    }
  }
  for (const { name, only, not, cells: at } of shapes.filter(wanted)) {
    const able = taking.filter((contender) => (!only || contender[only]) && !contender[not])
    for (const entries of at(chosen.sizes, quick)) add('cell.js', { row: name, keys: 'string', entries }, able)
  }
  const one = (row, quickSize, fullSizes, able, more) => {
    if (!alone.filter(wanted).some(({ name }) => name === row)) return
    // Below that, what an entry takes is lost in what a process does anyway.
    const named = chosen.sizesNamed ? chosen.sizes.filter((entries) => entries >= 1e4) : []
    for (const entries of named.length > 0 ? named : quick ? [quickSize] : fullSizes) {
      add(row + '.js', { row, keys: 'string', entries, ...more }, able)
    }
  }
  one('memory', 1e4, [1e6], taking)
  one('memory', 1e4, [1e6], taking.filter(({ ttl }) => ttl), { ttl: true })
  one('pause', 2e4, [1e6], taking)
  const strict = taking.filter(({ name }) => !['BoundedMap', 'Map'].includes(name))
  one('huge', 1e4, [9e6, 12e6], strict, { keys: 'integer', heapMb: 8192 })
  return cells
}

// A round over caches of a million entries takes long, most of it in collections outside of the slices: fewer rounds of
// longer slices there.
function effort (rounds, entries, quick) {
  if (quick) return { rounds, sliceMs: 1, processes: 1 }
  const [part, sliceMs] = entries < 5e5 ? [1, 20] : [0.4, 100]
  // V8 compiles and lays out memory a little differently in each process, and stays with it: 10 % either way is nothing
  // unusual. More rounds do not help against that, more processes do.
  const processes = Math.min(3, rounds)
  return { rounds: Math.ceil(rounds * part / processes), sliceMs, processes }
}

function fits (contender, row, keys) {
  if (contender.keys && !contender.keys.includes(keys)) return false
  if (row.options?.autopurge) return Boolean(contender.autopurge)
  if (row.options?.ttl) return Boolean(contender.ttl)
  return contender.name !== 'Map' || row.map !== null
}

module.exports = { parse, plan, usage }
