'use strict'

const os = require('node:os')
const { mean, ratio, summary } = require('./stats')

// Medians of each contender, and `ours` against all others, paired round by round. `samples` has a list of processes
// for each contender, and that a list of rounds.
//   rate   more is better: a ratio above 1 still says that ours is ahead
function compare (samples, ours, rate = false) {
  const medians = {}
  for (const [name, all] of Object.entries(samples)) {
    const rounds = all.flat()
    medians[name] = { ...summary(rounds), mean: mean(rounds), rounds: rounds.length }
  }
  const costs = {}
  for (const [name, all] of Object.entries(samples)) {
    costs[name] = rate ? all.map((rounds) => rounds.map((sample) => 1 / sample)) : all
  }
  const ratios = {}
  for (const own of ours) {
    if (!costs[own]) continue
    ratios[own] = {}
    for (const [peer, all] of Object.entries(costs)) {
      if (peer !== own) ratios[own][peer] = ratio(costs[own], all)
    }
  }
  return { medians, ratios }
}

// What the figures were measured with, and on.
function setting ({ clock, rounds, quick }) {
  const { node, v8 } = process.versions
  return {
    node,
    v8,
    arch: process.arch,
    cpu: os.cpus()[0]?.model,
    cpus: os.cpus().length,
    clock,
    rounds,
    quick
  }
}

module.exports = { compare, setting }
