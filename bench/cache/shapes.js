'use strict'

const { setImmediate: turn } = require('node:timers/promises')
const { gc } = require('../common/gc')
const { compile, loop } = require('../common/loops')
const { clocks, interleave, order } = require('../common/measure')
const { makeKeys } = require('./keys')
const { values } = require('./keyed')

// The rows that are about a cache as a whole. `cells` names the sizes each is measured at.

async function filled (row, contender, entries, max = entries) {
  const library = await contender.load()
  const cache = contender.create(library, max)
  const keys = makeKeys('string', entries)
  loop('cache.set(key, value)', `fill-${row}-${contender.name}`)(cache, keys, values, 0, entries)
  return cache
}

async function iterate (contenders, { entries, rounds, sliceMs, clock }) {
  const entrants = []
  for (const contender of contenders) {
    const cache = await filled('iterate', contender, entries)
    const walk = compile('cache, times', `
      let seen = 0
      for (let i = 0; i < times; i++) {
        for (const entry of ${contender.entries}) seen += entry.length
      }
      return seen`, 'iterate-' + contender.name)
    const run = (times) => {
      if (walk(cache, times) !== 2 * entries * times) throw new Error(`${contender.name} did not give all entries`)
    }
    entrants.push({ name: contender.name, run })
  }
  const measured = await interleave(entrants, { rounds, sliceMs, clock, collect: 'full' })
  const samples = Object.fromEntries([...measured].map(([name, all]) => [name, all.map((ns) => ns / entries)]))
  return [{ measure: 'time', unit: 'entry', samples }]
}

async function dump (contenders, { entries, rounds, sliceMs, clock }) {
  const entrants = []
  for (const contender of contenders) {
    const cache = await filled('dump', contender, entries)
    const run = (times) => {
      for (let i = 0; i < times; i++) {
        if (cache.dump().length !== entries) throw new Error(`${contender.name} did not dump all entries`)
      }
    }
    entrants.push({ name: contender.name, run })
  }
  // lru-cache needs seconds for one dump of 200,000 entries: then a few rounds must do.
  const measured = await interleave(entrants, { rounds, sliceMs, clock, collect: 'full', maxMs: 30e3 })
  return [{ measure: 'time', unit: 'dump', samples: Object.fromEntries(measured) }]
}

// A cache of one entry, set and deleted again and again. `entries` is the bound of the cache.
async function soleDelete (contenders, { entries, rounds, sliceMs, clock }) {
  const [key] = makeKeys('string', 1)
  const entrants = []
  for (const contender of contenders) {
    const library = await contender.load()
    const cache = contender.create(library, entries)
    const pairs = compile('cache, key, value, times', `
      for (let i = 0; i < times; i++) {
        cache.set(key, value)
        cache.delete(key)
      }
      return cache.size`, 'sole-delete-' + contender.name)
    const run = (times) => {
      if (pairs(cache, key, values[0], times) !== 0) throw new Error(`${contender.name} did not delete the entry`)
    }
    entrants.push({ name: contender.name, run })
  }
  const measured = await interleave(entrants, { rounds, sliceMs, clock, collect: 'minor' })
  return [{ measure: 'time', unit: 'set and delete', samples: Object.fromEntries(measured) }]
}

// `entries` is the bound: the caches stay empty, and are garbage at once.
async function construct (contenders, { entries, rounds, sliceMs, clock }) {
  const entrants = []
  for (const { name, load, create } of contenders) {
    const library = await load()
    let last
    const run = (times) => {
      for (let i = 0; i < times; i++) last = create(library, entries)
      return last
    }
    entrants.push({ name, run })
  }
  const measured = await interleave(entrants, { rounds, sliceMs, clock, collect: 'full' })
  return [{ measure: 'time', unit: 'cache', samples: Object.fromEntries(measured) }]
}

const small = { max: 100, caches: 10000 }

// Many small caches, empty or full: what it takes to make them all, and to collect them all once they are dropped
// (the collector's finalizers included, which run in later turns of the event loop).
async function smallCaches (contenders, { entries, rounds, clock, quick }) {
  const count = quick ? 100 : small.caches
  const now = clocks[clock]
  const keys = makeKeys('string', entries)
  const entrants = []
  for (const { name, load, create } of contenders) {
    const library = await load()
    const fill = loop('cache.set(key, value)', 'small-' + name)
    const make = () => {
      const caches = []
      for (let i = 0; i < count; i++) {
        const cache = create(library, small.max)
        if (entries > 0) fill(cache, keys, values, 0, entries)
        caches.push(cache)
      }
      return caches.length
    }
    // If no cache were alive during a collection, V8 would drop the hidden classes of caches, and all code it had
    // optimized for them.
    const alive = create(library, small.max)
    fill(alive, keys, values, 0, entries)
    entrants.push({ name, make, alive })
  }
  const made = Object.fromEntries(entrants.map(({ name }) => [name, []]))
  const collected = Object.fromEntries(entrants.map(({ name }) => [name, []]))
  const warmUps = 2
  for (let round = -warmUps; round < rounds; round++) {
    for (const place of order(entrants.length, round + warmUps)) {
      const { name, make } = entrants[place]
      await collectAll()
      const start = now()
      make()
      const between = now()
      await collectAll()
      const end = now()
      if (round < 0) continue
      made[name].push((between - start) / count)
      collected[name].push((end - between) / count)
    }
  }
  return [
    { measure: 'make', unit: 'cache', samples: made },
    { measure: 'collect', unit: 'cache', samples: collected }
  ]
}

async function collectAll () {
  gc()
  await turn()
  await turn()
}

const shapes = [
  { name: 'iterate', run: iterate, cells: (sizes) => sizes },
  { name: 'dump', run: dump, only: 'dump', cells: (sizes, quick) => [quick ? 2000 : 200000] },
  { name: 'sole delete', run: soleDelete, not: 'noDelete', cells: (sizes, quick) => quick ? [1e3] : [1e3, 1e6] },
  { name: 'construct', run: construct, cells: (sizes, quick) => quick ? [1e3] : [1e3, 1e6] },
  { name: 'small caches', run: smallCaches, cells: () => [0, small.max] }
]

module.exports = { shapes }
