'use strict'

const fs = require('node:fs')
const os = require('node:os')
const { child } = require('../common/child')
const { UsageError, command } = require('../common/options')
const { compare, setting } = require('../common/report')
const { contenders } = require('./contenders')
const { parse, plan, usage } = require('./plan')
const { show, showSummary } = require('./show')

const ours = contenders.filter((contender) => contender.ours).map(({ name }) => name)

async function main (args) {
  const chosen = parse(args)
  if (chosen.options.help) {
    console.log(usage)
    return
  }
  const cells = plan(chosen)
  if (cells.length === 0) throw new UsageError('nothing to run: no contender of these words takes part in these rows')
  const started = Date.now()
  const results = []
  const write = () => {
    const { json } = chosen.options
    if (json) fs.writeFileSync(json, JSON.stringify({ ...setting(chosen.options), results }, null, 1) + '\n')
  }
  // An unwritable file should be known now, not after half an hour.
  write()
  let begun = 0
  let ended = 0
  const work = async () => {
    while (begun < cells.length) {
      const cell = cells[begun++]
      const done = await run(cell)
      results.push(...done)
      ended++
      for (const result of done) console.log(show(result, `${ended}/${cells.length}`) + '\n')
      write()
    }
  }
  // Cells must not disturb each other; only in a quick run, whose figures mean little, may they.
  const hands = chosen.options.quick ? os.availableParallelism() : 1
  await Promise.all(Array.from({ length: hands }, work))
  const verdict = chosen.options.quick
    ? 'A quick run: it shows that the bench works, not who is fast.'
    : showSummary(results)
  if (verdict) console.log(verdict + '\n')
  console.log(`${cells.length} cells in ${Math.round((Date.now() - started) / 1000)} s`)
}

// Runs a cell and returns its results, one for each thing it measures.
async function run ({ script, task, names }) {
  const { row, keys, entries, ttl } = task
  const about = (measure) => ({ row, keys, entries, measure: ttl ? `${measure} ttl` : measure })
  if (script.endsWith('cell.js')) {
    const answers = []
    for (let i = 0; i < task.processes; i++) {
      // Who comes first finds another heap than who comes last.
      const shift = Math.round(i * names.length / task.processes)
      const taking = [...names.slice(shift), ...names.slice(0, shift)]
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
