'use strict'

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { child } = require('../common/child')
const { UsageError, command } = require('../common/options')
const { compare, setting } = require('../common/report')
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
  const cells = plan(chosen)
  if (cells.length === 0) throw new UsageError('nothing to run: no contender of these words takes part in these rows')
  const started = Date.now()
  const folder = temporary()
  const results = []
  const write = () => {
    if (options.json) fs.writeFileSync(options.json, JSON.stringify({ ...setting(options), results }, null, 1) + '\n')
  }
  // An unwritable file should be known now, not after a quarter of an hour.
  write()
  let begun = 0
  let ended = 0
  const work = async () => {
    while (begun < cells.length) {
      const cell = cells[begun++]
      const done = await (cell.together ? runTogether(cell) : runAlone(cell, folder))
      results.push(...done)
      ended++
      console.log(show(cell.task, done, `${ended}/${cells.length}`) + '\n')
      write()
    }
  }
  // Cells must not disturb each other; only in a quick run, whose figures mean little, may they.
  const hands = options.quick ? os.availableParallelism() : 1
  await Promise.all(Array.from({ length: hands }, work))
  const verdict = options.quick
    ? ['A quick run: it shows that the bench works, not who is fast.']
    : [showSpeed(results), showTargets(results)]
  for (const text of verdict.filter(Boolean)) console.log(text + '\n')
  console.log(`${cells.length} cells in ${Math.round((Date.now() - started) / 1000)} s`)
}

// A folder that is gone when this process is.
function temporary () {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'heapwise-bench-'))
  process.once('exit', () => fs.rmSync(folder, { recursive: true, force: true }))
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1))
  return folder
}

// A cell whose contenders are all in one process, several times over. Who comes first finds another heap than who comes
// last: each process begins with another.
async function runTogether ({ script, task, names }) {
  const about = { row: task.row, size: task.size, measure: 'time', unit: 'ns' }
  const answers = []
  for (let i = 0; i < task.processes; i++) {
    const shift = Math.round(i * names.length / task.processes)
    const answer = await child(script, { ...task, contenders: [...names.slice(shift), ...names.slice(0, shift)] })
    if (answer.failure) return [{ ...about, ...compare({}, ours), failures: { all: answer.failure } }]
    answers.push(answer)
  }
  const failures = Object.assign({}, ...answers.map((answer) => answer.failures))
  const taking = names.filter((name) => !failures[name])
  const samples = Object.fromEntries(taking.map((name) => [name, answers.map((answer) => answer.samples[name])]))
  return [{ ...about, ...compare(samples, ours), failures }]
}

// A cell whose contenders take turns, each in a process of its own each time, and begin with another in each round.
async function runAlone ({ script, task, names, measures }, folder) {
  const { row, size, rounds, bytes } = task
  // Of its own: in a quick run another cell may end meanwhile.
  const place = fs.mkdtempSync(path.join(folder, 'cell-'))
  const source = path.join(place, 'source')
  if (row === 'copy') writeSource(source, bytes)
  const failures = {}
  const answers = Object.fromEntries(names.map((name) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    const first = round % names.length
    for (const name of [...names.slice(first), ...names.slice(0, first)]) {
      if (failures[name]) continue
      const own = fs.mkdtempSync(path.join(place, 'run-'))
      const answer = await child(script, { ...task, contender: name, folder: own, source })
      fs.rmSync(own, { recursive: true, force: true })
      if (answer.failure) failures[name] = answer.failure
      else answers[name].push(answer)
    }
  }
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
