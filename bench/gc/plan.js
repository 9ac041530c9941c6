'use strict'

const path = require('node:path')
const { UsageError, parseOptions, takePhrases } = require('../common/options')
const { contenders } = require('./contenders')

const rowNames = ['pause', 'shuffled', 'turned on', 'http']
const heaps = ['small', 'usual']
const apps = ['hello', 'service']

// A young generation of 1 MiB, so that there are many collections; or as it is by itself. The collector's work on the
// thread that is measured.
const flags = { small: ['--single-threaded-gc', '--max-semi-space-size=1'], usual: ['--single-threaded-gc'] }

const usage = `Usage: node bench/gc [word …] [--quick] [--rounds N] [--json FILE]

Words choose what to run; without any of a sort, all of that sort.
  rows        ${rowNames.join(', ')}
  heaps       ${heaps.join(', ')}: the young generation of shuffled (of turned on and pause it is always small)
  apps        ${apps.join(', ')}: of http
  contenders  heapwise (all of ours), node (all of Node's),
              ${contenders.map(({ name }) => name.toLowerCase()).filter((name) => !/^nothing/.test(name)).join(', ')}`

// `clock` is there for what reads options; it is always CPU time.
const defaults = { rounds: undefined, clock: 'cpu', json: undefined, quick: false, help: false }

// What each row takes: rounds, and what is done in one.
const efforts = {
  pause: { rounds: 7, ms: 300, fulls: 60 },
  shuffled: { rounds: 300, processes: 5, sliceMs: 30 },
  'turned on': { rounds: 9, sliceMs: 60, slices: 25 },
  http: { rounds: 5, turns: 5, slices: 8, requests: 1000 }
}
const quickEfforts = {
  pause: { rounds: 1, ms: 20, fulls: 10 },
  shuffled: { rounds: 3, processes: 1, sliceMs: 5 },
  'turned on': { rounds: 1, sliceMs: 5, slices: 3 },
  http: { rounds: 1, turns: 2, slices: 2, requests: 50 }
}

// The command line to { rows, heaps, apps, contenders, options }.
function parse (args) {
  const { words, options } = parseOptions(args, defaults, 1)
  const names = new Map(contenders.map(({ name }) => [name.toLowerCase(), name]))
  const rows = takePhrases(words, rowNames)
  const wanted = new Set([...takePhrases(words, names.keys())].map((name) => names.get(name)))
  const chosen = { rows, heaps: new Set(), apps: new Set(), contenders: wanted, options }
  for (const word of words) {
    const meant = contenders.filter((contender) => contender.words?.includes(word))
    if (heaps.includes(word)) chosen.heaps.add(word)
    else if (apps.includes(word)) chosen.apps.add(word)
    else if (meant.length > 0) for (const { name } of meant) wanted.add(name)
    else throw new UsageError(`unknown word '${word}'`)
  }
  return chosen
}

const pick = (all, chosen) => all.filter((name) => chosen.has(name) || chosen.size === 0)

// All cells to run. What is compared is compared with nothing, so that is in each.
function plan (chosen) {
  const { options: { quick, rounds } } = chosen
  const cells = []
  for (const row of pick(rowNames, chosen.rows)) {
    const all = contenders.filter((contender) => contender.rows.includes(row)).map(({ name }) => name)
    const wanted = pick(all, chosen.contenders)
    if (wanted.length === 0) continue
    const names = all.filter((name) => wanted.includes(name) || name.startsWith('nothing'))
    const effort = { ...(quick ? quickEfforts : efforts)[row] }
    if (rounds !== undefined) effort.rounds = rounds
    for (const [about, more] of variants(row, chosen)) {
      cells.push({ row, script: scripts[row], names, rounds: effort.rounds, about, task: { ...effort, ...more } })
    }
  }
  return cells
}

const scripts = Object.fromEntries(Object.entries({
  pause: 'pause', shuffled: 'shuffled', 'turned on': 'turned', http: 'http'
}).map(([row, file]) => [row, path.join(__dirname, `${file}.js`)]))

function variants (row, chosen) {
  if (row === 'http') return pick(apps, chosen.apps).map((app) => [app, { app }])
  const all = row === 'shuffled' ? pick(heaps, chosen.heaps) : ['small']
  // Long enough for a few collections.
  const more = { small: {}, usual: chosen.options.quick ? {} : { sliceMs: 120 } }
  return all.map((heap) => [heap, { flags: flags[heap], ...more[heap] }])
}

module.exports = { parse, plan, usage }
