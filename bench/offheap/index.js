'use strict'

const { runCells, takeTurns, temporary } = require('../common/cells')
const { command } = require('../common/options')
const { compare } = require('../common/report')
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
  const lmdb = memoryFolder()
  const folder = temporary(lmdb)
  console.log(`lmdb keeps its files in ${lmdb}.\n`)
  await runCells(plan(chosen), {
    options,
    about: { lmdb, folder },
    measure: (cell) => run(cell, folder),
    show: ({ task }, results, place) => show(task, results, place),
    verdict: (results) => [showTargets(results)]
  })
}

// Runs a cell and returns its results, one for each thing it measures.
async function run (cell, folder) {
  const { task, names, measures } = cell
  const { answers, failures } = await takeTurns(cell, folder)
  if (task.row.startsWith('workers')) for (const name of names) answers[name] = answers[name].map(scaling)
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
