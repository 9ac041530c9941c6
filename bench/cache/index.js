'use strict'

const { runCells, turned } = require('../common/cells')
const { child } = require('../common/child')
const { command } = require('../common/options')
const { compare } = require('../common/report')
const { contenders } = require('./contenders')
const { parse, plan, usage } = require('./plan')
const { show, showSummary } = require('./show')

const ours = contenders.filter((contender) => contender.ours).map(({ name }) => name)

async function main (args) {
  const chosen = parse(args)
  const { options } = chosen
  if (options.help) {
    console.log(usage)
    return
  }
  await runCells(plan(chosen), {
    options,
    measure: run,
    show: (_, results, place) => results.map((result) => show(result, place)).join('\n\n'),
    verdict: (results) => [showSummary(results)]
  })
}

// Runs a cell and returns its results, one for each thing it measures.
async function run ({ script, task, names }) {
  const { row, keys, entries, ttl } = task
  const about = (measure) => ({ row, keys, entries, measure: ttl ? `${measure} ttl` : measure })
  if (script.endsWith('cell.js')) {
    const answers = []
    for (let i = 0; i < task.processes; i++) {
      // Who comes first finds another heap than who comes last.
      const taking = turned(names, Math.round(i * names.length / task.processes))
      const answer = await child(script, { ...task, contenders: taking })
      if (answer.failure) {
        return [{ ...about('time'), unit: '', ...compare({}, ours), failures: { all: answer.failure } }]
      }
      answers.push(answer)
    }
    return answers[0].map(({ measure, unit }, which) => {
      const failures = Object.assign({}, ...answers.map((answer) => answer[which].failures))
      const samples = {}
      for (const name of names) {
        if (!failures[name]) samples[name] = answers.map((answer) => answer[which].samples[name])
      }
      return { ...about(measure), unit, ...compare(samples, ours), failures }
    })
  }
  const { rounds, measures } = alone[row]
  const failures = {}
  const answers = []
  // Contenders take turns here too: a slow minute of the machine is shared.
  for (let round = 0; round < (task.quick ? 1 : Math.min(rounds, task.rounds)); round++) {
    for (const name of names) {
      if (failures[name]) continue
      const answer = await child(script, { ...task, contender: name })
      if (answer.failure ?? answer.threw) failures[name] = answer.failure ?? `threw ${answer.threw}`
      else answers.push({ name, answer })
    }
  }
  return Object.entries(measures).map(([measure, unit]) => {
    const samples = {}
    for (const { name, answer } of answers) {
      if (!failures[name]) (samples[name] ??= [[]])[0].push(answer[measure])
    }
    return { ...about(measure), unit, ...compare(samples, ours), failures }
  })
}

// What the scripts that take one contender at a time return, with the unit of each.
const alone = {
  memory: { rounds: 1, measures: { filled: 'bytes per entry', churned: 'bytes per entry', rss: 'bytes per entry' } },
  pause: { rounds: 3, measures: { longest: 'run', total: 'run', set: 'set' } },
  huge: { rounds: 1, measures: { set: 'set', rss: 'bytes' } }
}

command(main, usage)
