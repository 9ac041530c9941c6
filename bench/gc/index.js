'use strict'

const { runCells, takeTurns, temporary, turned } = require('../common/cells')
const { child } = require('../common/child')
const { command } = require('../common/options')
const { compare } = require('../common/report')
const { quantile, summary } = require('../common/stats')
const { contenders } = require('./contenders')
const { parse, plan, usage } = require('./plan')
const { show, showAll } = require('./show')
const { showTargets } = require('./targets')
const { quickest } = require('./work')

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
    measure: (cell) => measures[cell.row](cell, folder),
    show,
    verdict: (results) => [showAll(results), showTargets(results)]
  })
}

const measures = { pause: runPause, shuffled: runShuffled, 'turned on': runTurned, http: runTurned }

// What is done within the pause of a collection of the young generation, and of a full one.
async function runPause (cell, folder) {
  const { answers, failures } = await takeTurns(cell, folder)
  return ['young', 'full'].map((measure) => {
    const samples = {}
    for (const name of cell.names) {
      if (!failures[name]) samples[name] = [answers[name].map((answer) => answer[measure])]
    }
    return { row: cell.row, about: cell.about, measure, unit: 'ns', ...compare(samples, ours), failures }
  })
}

// All contenders in one process, several times over.
async function runShuffled ({ row, script, names, about, rounds, task }) {
  const failures = {}
  const lists = () => Object.fromEntries(names.map((name) => [name, []]))
  const [slower, best, costs, seen] = [lists(), lists(), lists(), lists()]
  const each = Math.ceil(rounds / task.processes)
  let collections
  for (let i = 0; i < task.processes; i++) {
    const contending = turned(names, Math.round(i * names.length / task.processes))
    const answer = await child(script, { ...task, contenders: contending, rounds: each, seed: i + 1 })
    if (answer.failure) {
      return [{ row, about, measure: 'slower', unit: 'share', medians: {}, failures: { all: answer.failure } }]
    }
    Object.assign(failures, answer.failures)
    ;({ collections } = answer)
    const { nothing } = answer.samples
    for (const [name, samples] of Object.entries(answer.samples)) {
      slower[name].push(...samples.map((cpu, round) => cpu / nothing[round] - 1))
      best[name].push(quickest(samples) / quickest(nothing) - 1)
      costs[name].push((quickest(samples) - quickest(nothing)) / collections)
      seen[name].push(answer.seen[name] / (each * collections))
    }
  }
  return relative({ row, about, names, failures, collections }, { slower, best, costs, seen })
}

// Each contender in processes of its own, before and after it began. Against nothing in the same round, for which
// the program may have become slower or faster as well.
async function runTurned (cell, folder) {
  const { row, names, about } = cell
  const { answers, failures } = await takeTurns(cell, folder)
  const [slower, best, costs, seen, looks] = [{}, {}, {}, {}, {}]
  const grew = ({ before, after }, of) => after[of] / before[of]
  for (const name of names) {
    if (failures[name] || failures.nothing) continue
    const than = (of) => answers[name].map((answer, round) => grew(answer, of) / grew(answers.nothing[round], of) - 1)
    slower[name] = than('median')
    best[name] = than('best')
    costs[name] = answers[name].map(({ before, collections = 1 }, round) => {
      return best[name][round] * before.best / collections
    })
    seen[name] = answers[name].map((answer) => answer.seen)
    looks[name] = answers[name].map((answer) => answer.look)
  }
  const [{ collections } = {}] = answers.nothing
  return relative({ row, about, names, failures, collections }, { slower, best, costs, seen, looks })
}

// By how much of its time a program is slower, what that is per collection (or request), what share of the collections
// was seen, and what a look of leaks.watch takes.
function relative ({ row, about, names, failures, collections }, { slower, best = {}, costs, seen, looks = {} }) {
  const results = []
  const add = (measure, unit, samples) => {
    const medians = {}
    for (const name of names) {
      const known = failures[name] ? [] : (samples[name] ?? []).filter((sample) => sample !== undefined)
      if (name !== 'nothing' && known.length > 0) medians[name] = spread(known)
    }
    if (Object.keys(medians).length > 0) results.push({ row, about, measure, unit, collections, medians, failures })
  }
  add('slower', 'share', slower)
  add('at best', 'share', best)
  add(row === 'http' ? 'request' : 'collection', 'ns', costs)
  if (row !== 'http') add('seen', 'share', seen)
  add('look', 'ns', looks)
  return results
}

// With the tenths at both ends. `error`: half of where the median itself lies, in 95 of 100 cases, by the order of the
// samples.
function spread (samples) {
  const sorted = Float64Array.from(samples).sort()
  const n = sorted.length
  const half = 0.98 * Math.sqrt(n)
  const at = (place) => sorted[Math.max(0, Math.min(n - 1, Math.round(place)))]
  const error = (at((n - 1) / 2 + half) - at((n - 1) / 2 - half)) / 2
  return { ...summary(samples), q10: quantile(sorted, 0.1), q90: quantile(sorted, 0.9), error, rounds: n }
}

command(main, usage)
