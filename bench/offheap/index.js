'use strict'

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { child } = require('../common/child')
const { UsageError, command } = require('../common/options')
const { compare, setting } = require('../common/report')
const { summary } = require('../common/stats')
const { contenders, memoryFolder } = require('./contenders')
const { parse, plan, usage } = require('./plan')
const { show } = require('./show')
const { showTargets } = require('./targets')

const ours = contenders.filter((contender) => contender.ours).map(({ name }) => name)
const rates = ['ops/s', 'times', 'share']

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
  const results = []
  const where = memoryFolder()
  const folder = fs.mkdtempSync(path.join(where, 'heapwise-bench-'))
  const drop = () => fs.rmSync(folder, { recursive: true, force: true })
  process.once('exit', drop)
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1))
  console.log(`lmdb keeps its files in ${where}.\n`)
  const write = () => {
    const report = { ...setting(options), lmdb: where, folder, results }
    if (options.json) fs.writeFileSync(options.json, JSON.stringify(report, null, 1) + '\n')
  }
  // An unwritable file should be known now, not after half an hour.
  write()
  let begun = 0
  let ended = 0
  const work = async () => {
    while (begun < cells.length) {
      const cell = cells[begun++]
      const done = await run(cell, folder)
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
    ? 'A quick run: it shows that the bench works, not who is fast.'
    : showTargets(results)
  if (verdict) console.log(verdict + '\n')
  console.log(`${cells.length} cells in ${Math.round((Date.now() - started) / 1000)} s`)
}

// Runs a cell and returns its results, one for each thing it measures. The contenders take turns, each in a process of
// its own each time, and begin with another in each round.
async function run ({ script, task, names, rounds, measures }, folder) {
  const failures = {}
  const answers = Object.fromEntries(names.map((name) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    const first = round % names.length
    for (const name of [...names.slice(first), ...names.slice(0, first)]) {
      if (failures[name]) continue
      const own = fs.mkdtempSync(path.join(folder, 'run-'))
      const answer = await child(script, { ...task, contender: name, round, folder: own })
      fs.rmSync(own, { recursive: true, force: true })
      if (answer.failure) failures[name] = answer.failure
      else answers[name].push(task.row.startsWith('workers') ? scaling(answer) : answer)
    }
  }
  const results = []
  const { row, values, entries } = task
  for (const [measure, unit] of Object.entries(measures)) {
    const samples = {}
    for (const name of names) {
      const rounded = answers[name].map((answer) => answer[measure])
      if (!failures[name] && rounded.every((sample) => sample !== undefined)) samples[name] = [rounded]
    }
    // Rows that were not asked for, and what no contender can tell.
    if (Object.keys(samples).length === 0 && Object.keys(failures).length < names.length) continue
    const compared = compare(samples, ours, rates.includes(unit))
    results.push({ row, values, entries, measure, unit, ...compared, failures })
  }
  if (task.row.startsWith('workers')) {
    for (const result of results.filter(({ unit }) => unit === 'ops/s')) {
      const each = (own) => own.map(({ threads }) => threads[result.measure])
      result.each = Object.fromEntries(Object.entries(answers).map(([name, own]) => [name, each(own)]))
    }
  }
  return results
}

// From the operations a second of each worker to the total, and how it grows with their number.
function scaling (threads) {
  const sum = (each) => each.reduce((total, rate) => total + rate, 0)
  const totals = Object.entries(threads).map(([count, turns]) => [count, turns.map(sum)])
  const answer = { threads }
  const [, alone] = totals[0]
  for (const [count, total] of totals) {
    answer[count] = summary(total).median
    if (count !== '1') answer[`${count} to 1`] = summary(total.map((rate, turn) => rate / alone[turn])).median
  }
  return answer
}

command(main, usage)
