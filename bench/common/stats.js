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
// down then cancels out. Above 1: ours is faster (or smaller).
function ratio (ours, peers) {
  return { ...summary(ours.map((sample, round) => peers[round] / sample)), ofMeans: mean(peers) / mean(ours) }
}

module.exports = { mean, ratio, summary }
