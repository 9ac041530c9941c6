'use strict'

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { child } = require('./child')
const { UsageError } = require('./options')
const { setting } = require('./report')

// Measures the cells of a plan, one after the other, says of each what came out, and keeps the report up to date.
//   measure   measures a cell: a promise of its results
//   show      the results of a cell, and its place among all, as text
//   verdict   all results as texts, at the end
//   about     more for the report
async function runCells (cells, { options, about = {}, measure, show, verdict }) {
  if (cells.length === 0) throw new UsageError('nothing to run: no contender of these words takes part in these rows')
  const started = Date.now()
  const results = []
  const write = () => {
    const report = { ...setting(options), ...about, results }
    if (options.json) fs.writeFileSync(options.json, JSON.stringify(report, null, 1) + '\n')
  }
  // An unwritable file should be known now, not after half an hour.
  write()
  let begun = 0
  let ended = 0
  const work = async () => {
    while (begun < cells.length) {
      const cell = cells[begun++]
      const done = await measure(cell)
      results.push(...done)
      ended++
      console.log(show(cell, done, `${ended}/${cells.length}`) + '\n')
      write()
    }
  }
  // Cells must not disturb each other; only in a quick run, whose figures mean little, may they.
  const hands = options.quick ? os.availableParallelism() : 1
  await Promise.all(Array.from({ length: hands }, work))
  const texts = options.quick ? ['A quick run: it shows that the bench works, not who is fast.'] : verdict(results)
  for (const text of texts.filter(Boolean)) console.log(text + '\n')
  console.log(`${cells.length} cells in ${Math.round((Date.now() - started) / 1000)} s`)
}

// A folder that is gone when this process is.
function temporary (where = os.tmpdir()) {
  const folder = fs.mkdtempSync(path.join(where, 'heapwise-bench-'))
  process.once('exit', () => fs.rmSync(folder, { recursive: true, force: true }))
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1))
  return folder
}

// The contenders take turns, each in a process of its own each time, with a folder of its own, and begin with another
// in each round. `answers` has the list of what each said, `failures` why one dropped out.
async function takeTurns ({ script, task, names, rounds }, folder) {
  const failures = {}
  const answers = Object.fromEntries(names.map((name) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (const name of turned(names, round % names.length)) {
      if (failures[name]) continue
      const own = fs.mkdtempSync(path.join(folder, 'run-'))
      const answer = await child(script, { ...task, contender: name, round, folder: own })
      fs.rmSync(own, { recursive: true, force: true })
      if (answer.failure) failures[name] = answer.failure
      else answers[name].push(answer)
    }
  }
  return { answers, failures }
}

// The same list, beginning with another.
const turned = (names, first) => [...names.slice(first), ...names.slice(0, first)]

module.exports = { runCells, takeTurns, temporary, turned }
