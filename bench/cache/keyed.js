'use strict'

const { loop } = require('../common/loops')
const { interleave } = require('../common/measure')
const { makeKeys, uniform } = require('./keys')

const values = Array.from({ length: 1024 }, (_, n) => ({ n }))

// One cell of a keyed row: all contenders in this process, over the same keys and the same requests.
async function keyed (row, contenders, { keys: kind, entries, rounds, sliceMs, clock, leastOps, quick }) {
  const keys = makeKeys(kind, row.keys(entries))
  const requests = row.requests(keys, entries)
  const failures = {}
  const entrants = []
  for (const contender of contenders) {
    try {
      entrants.push(await entrant(row, contender, keys, requests, entries, quick))
    } catch (error) {
      failures[contender.name] = String(error)
    }
  }
  const measured = await interleave(entrants, {
    rounds,
    sliceMs,
    clock,
    together: true,
    leastOps,
    collect: row.allocates && !quick ? 'full' : 'minor'
  })
  Object.assign(failures, verify(row, entrants))
  for (const name of Object.keys(failures)) measured.delete(name)
  return [{ measure: 'time', unit: row.unit, samples: Object.fromEntries(measured), failures }]
}

async function entrant (row, contender, keys, requests, entries, quick) {
  const library = await contender.load()
  const label = `${row.name}-${contender.name}`
  if (row.others) useElsewhere(contender, library, quick)
  const cache = contender.create(library, entries, row.options)
  loop('cache.set(key, value)', 'fill-' + label)(cache, keys, values, 0, entries)
  // A cache that has lived: its entries were used in another order than they were made.
  const stored = keys.slice(0, entries)
  loop('cache.get(key)', 'stir-' + label)(cache, uniform(stored, 2 * entries, 9), values, 0, 2 * entries)
  const step = contender.name === 'Map' && row.map ? row.map : row.step
  const run = loop(step, label)
  const oldest = contender.name === 'Map' ? cache.keys() : undefined
  const state = { name: contender.name, exact: contender.exact, at: 0, ops: 0, missed: 0 }
  state.run = (ops) => {
    state.missed += run(cache, requests, values, state.at, ops, entries, oldest)
    state.at = (state.at + ops) % requests.length
    state.ops += ops
  }
  return state
}

// A program has more than one cache. What V8 has learned about a class from the others is part of what it costs.
function useElsewhere (contender, library, quick) {
  for (const kind of contender.keys ?? ['string', 'integer', 'object']) {
    for (const options of contender.ttl ? [{}, { ttl: 60e3 }] : [{}]) {
      for (const max of quick ? [100] : [100, 5000]) {
        const keys = requestsElsewhere(kind, max)
        const cache = contender.create(library, max, options)
        const step = 'if (cache.get(key) === undefined) { missed++; cache.set(key, value) }'
        loop(step, `elsewhere-${contender.name}-${kind}-${max}-${options.ttl}`)(cache, keys, values, 0, keys.length)
      }
    }
  }
}

const elsewhere = new Map()

function requestsElsewhere (kind, max) {
  const name = `${kind} ${max}`
  if (!elsewhere.has(name)) elsewhere.set(name, uniform(makeKeys(kind, 3 * max), 20000, 10))
  return elsewhere.get(name)
}

// A contender that gave wrong answers is not measured, it is reported.
function verify (row, entrants) {
  const wrong = {}
  const exactOnes = entrants.filter(({ exact }) => exact)
  const agreed = (exactOnes.find(({ name }) => name === 'lru-cache') ?? exactOnes[0])?.missed
  for (const { name, exact, ops, missed } of entrants) {
    if (row.missed === 'agreed' && !exact) continue
    const expected = row.missed === 'agreed' ? agreed : row.missed(ops)
    if (missed !== expected) wrong[name] = `wrong answers: ${missed} misses in ${ops} requests instead of ${expected}`
  }
  return wrong
}

module.exports = { keyed, values }
