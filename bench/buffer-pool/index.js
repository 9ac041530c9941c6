'use strict'

const fs = require('node:fs')
const path = require('node:path')
const { runCells, takeTurns, temporary, turned } = require('../common/cells')
const { child } = require('../common/child')
const { command } = require('../common/options')
const { compare } = require('../common/report')
const { contenders } = require('./contenders')
const { parse, plan, usage } = require('./plan')
const { show, showSpeed } = require('./show')
const { showTargets } = require('./targets')

const ours = contenders.filter((contender) => contender.ours).map(({ name }) => name)

async function main (args) {
  const chosen = parse(args)
  const { options } = chosen
  if (options.help) {
    console.log(usage)
    return
  }
  const folder = temporary()
  await runCells(plan(chosen), {
    options,
    measure: (cell) => cell.together ? runTogether(cell) : runAlone(cell, folder),
    show: ({ task }, results, place) => show(task, results, place),
    verdict: (results) => [showSpeed(results), showTargets(results)]
  })
}

// A cell whose contenders are all in one process, several times over. Who comes first finds another heap than who comes
// last: each process begins with another.
async function runTogether ({ script, task, names }) {
  const about = { row: task.row, size: task.size, measure: 'time', unit: 'ns' }
  const answers = []
  for (let i = 0; i < task.processes; i++) {
    const taking = turned(names, Math.round(i * names.length / task.processes))
    const answer = await child(script, { ...task, contenders: taking })
    if (answer.failure) return [{ ...about, ...compare({}, ours), failures: { all: answer.failure } }]
    answers.push(answer)
  }
  const failures = Object.assign({}, ...answers.map((answer) => answer.failures))
  const taking = names.filter((name) => !failures[name])
  const samples = Object.fromEntries(taking.map((name) => [name, answers.map((answer) => answer.samples[name])]))
  return [{ ...about, ...compare(samples, ours), failures }]
}

// A cell whose contenders take turns, each in a process of its own each time.
async function runAlone ({ script, task, names, measures }, folder) {
  const { row, size, rounds, bytes } = task
  // Of its own: in a quick run another cell may end meanwhile.
  const place = fs.mkdtempSync(path.join(folder, 'cell-'))
  const source = path.join(place, 'source')
  if (row === 'copy') writeSource(source, bytes)
  const { answers, failures } = await takeTurns({ script, task: { ...task, source }, names, rounds }, place)
  fs.rmSync(place, { recursive: true, force: true })
  const taking = names.filter((name) => !failures[name])
  return Object.entries(measures).map(([measure, unit]) => {
    const samples = Object.fromEntries(taking.map((name) => [name, [answers[name].map((answer) => answer[measure])]]))
    return { row, size, bytes, measure, unit, ...compare(samples, ours, unit === 'B/s'), failures }
  })
}

function writeSource (file, bytes) {
  const part = Buffer.from(Uint8Array.from({ length: 2 ** 20 - 1 }, (_, i) => (i * 31) ^ (i >> 7)))
  const to = fs.openSync(file, 'w')
  for (let left = bytes; left > 0; left -= part.length) fs.writeSync(to, part, 0, Math.min(left, part.length))
  fs.closeSync(to)
}

command(main, usage)
