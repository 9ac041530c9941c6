'use strict'

function quantile (sorted, q) {
  const place = (sorted.length - 1) * q
  const below = Math.floor(place)
  const above = Math.ceil(place)
  return sorted[below] + (sorted[above] - sorted[below]) * (place - below)
}

// The median and the quartiles: what one slow round does to a mean does not reach them.
function summary (samples) {
  const sorted = Float64Array.from(samples).sort()
  return { median: quantile(sorted, 0.5), q1: quantile(sorted, 0.25), q3: quantile(sorted, 0.75) }
}

// For what happens in few of the rounds: a median would not show it at all.
function mean (samples) {
  return samples.reduce((sum, sample) => sum + sample, 0) / samples.length
}

// The peer's time over ours, round by round: both were measured within the same moment, so what slowed the machine
// down then cancels out. Above 1: ours is faster (or smaller). Both are lists of processes, each a list of rounds;
// `least` and `most` are the medians of the processes that differ most.
function ratio (ours, peers) {
  const paired = ours.map((rounds, process) => rounds.map((sample, round) => peers[process][round] / sample))
  const medians = paired.map((ratios) => summary(ratios).median)
  return {
    ...summary(paired.flat()),
    ofMeans: mean(peers.flat()) / mean(ours.flat()),
    least: Math.min(...medians),
    most: Math.max(...medians)
  }
}

module.exports = { mean, quantile, ratio, summary }
