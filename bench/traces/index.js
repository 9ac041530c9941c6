'use strict'

const fs = require('node:fs')
const { interleave } = require('../common/measure')
const { UsageError, command, parseOptions } = require('../common/options')
const { ratio, summary } = require('../common/stats')
const { count, duration, grid, times } = require('../common/table')
const { contenders } = require('../cache/contenders')
const { replayer } = require('./replay')
const { fromFolder, generated } = require('./source')

const usage = `Usage: node bench/traces [word …] [--rounds N] [--clock cpu|wall] [--json FILE]

Replays cache traces and compares the hits with those of an exact LRU. HEAPWISE_TRACES names the folder of the traces;
without it a generated workload is replayed, and lru-cache says what is right.
Words choose the traces by a part of their name. --rounds 0 counts the hits and measures no time.`

const ours = ['LRUCache', 'BoundedMap']
const reference = 'lru-cache'

const defaults = { rounds: 5, clock: 'cpu', json: undefined, help: false }

async function main (args) {
  const { words, options } = parseOptions(args, defaults, 0)
  if (options.help) {
    console.log(usage)
    return
  }
  const folder = process.env.HEAPWISE_TRACES
  const all = folder ? fromFolder(folder) : generated()
  const traces = all.filter(({ name }) => words.length === 0 || words.some((word) => name.toLowerCase().includes(word)))
  if (traces.length === 0) throw new UsageError(`no trace of that name; there are ${all.map((t) => t.name).join(', ')}`)
  console.log(folder
    ? 'Traces of HEAPWISE_TRACES, against the hits known for them.'
    : 'HEAPWISE_TRACES is not set: a generated workload, against the hits of lru-cache.')

  // An unwritable file should be known before, not after minutes.
  if (options.json) fs.writeFileSync(options.json, '')
  const entrants = []
  for (const name of [...ours, reference]) {
    const { load, create } = contenders.find((contender) => contender.name === name)
    const library = await load()
    entrants.push({ name, make: (size) => create(library, size), replay: replayer(name) })
  }
  const results = []
  for (const trace of traces) results.push(...await play(trace, entrants, options))
  console.log(table(results))
  const wrong = results.filter(({ ok }) => !ok)
  console.log(wrong.length === 0
    ? `All ${results.length} counts of hits are an exact LRU's.`
    : `${wrong.length} of ${results.length} counts of hits are wrong.`)
  if (wrong.length > 0) process.exitCode = 1
  if (options.json) {
    const { node, v8 } = process.versions
    const report = { node, v8, source: folder ? 'traces' : 'generated', clock: options.clock, results }
    fs.writeFileSync(options.json, JSON.stringify(report, null, 1) + '\n')
  }
}

async function play ({ name, read, points }, entrants, options) {
  const keys = read()
  const results = []
  for (const { size, hits: known } of points) {
    const hits = {}
    for (const { name: who, make, replay } of entrants) hits[who] = replay(make(size), keys)
    const expected = known ?? hits[reference]
    const ok = ours.every((who) => hits[who] === expected)
    const timed = await time(keys, size, entrants, options)
    results.push({ trace: name, size, requests: keys.length, expected, hits, ok, ...timed })
  }
  return results
}

// A new cache for each replay, as in counting: to make it is part of the time.
async function time (keys, size, entrants, { rounds, clock }) {
  if (rounds === 0) return {}
  const runs = entrants.map(({ name, make, replay }) => ({
    name,
    // If no cache were alive during a collection, V8 would drop the hidden classes of caches, and all code it had
    // optimized for them.
    alive: make(size),
    run: (replays) => {
      for (let i = 0; i < replays; i++) replay(make(size), keys)
    }
  }))
  const measured = await interleave(runs, { rounds, sliceMs: 20, clock, together: true, collect: 'full' })
  const perRequest = {}
  const ratios = {}
  for (const [name, samples] of measured) perRequest[name] = summary(samples.map((ns) => ns / keys.length))
  for (const name of ours) ratios[name] = ratio([measured.get(name)], [measured.get(reference)])
  return { perRequest, ratios }
}

function table (results) {
  const timed = results[0].perRequest !== undefined
  const lines = [['trace', 'entries', 'requests', 'exact LRU', ...ours, 'hit ratio', '']]
  if (timed) lines[0].push(`${reference} ns`, ...ours.map((name) => `${name} ahead ×`))
  for (const { trace, size, requests, expected, hits, ok, perRequest, ratios } of results) {
    const line = [trace, count(size), count(requests), count(expected), ...ours.map((name) => count(hits[name]))]
    line.push((100 * expected / requests).toFixed(2) + ' %', ok ? 'ok' : 'WRONG')
    if (timed) {
      line.push(duration(perRequest[reference].median), ...ours.map((name) => times(ratios[name].median)))
    }
    lines.push(line)
  }
  return grid(lines)
}

command(main, usage)
