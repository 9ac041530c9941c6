'use strict'

// The numbers of a monitor, as plain data.

const { toEpoch } = require('./clock')
const { PauseHistogram, merge } = require('./histogram')
const { NAMES } = require('./kinds')

const MS_PER_S = 1000

const rate = (bytes, ms) => bytes === null || !(ms > 0) ? null : bytes / ms * MS_PER_S

/** Sums, rates and trends. `recording` is undefined for a monitor that has not been started. */
const readStats = ({ recording, tally, trends, running, until }) => {
  const elapsedMs = Math.max(0, until - tally.since)
  return {
    source: recording?.source ?? null,
    running,
    since: toEpoch(tally.since),
    elapsedMs,
    collections: tally.collections,
    gcMs: tally.busy,
    gcTimeRatio: elapsedMs > 0 ? Math.min(1, tally.busy / elapsedMs) : 0,
    byKind: tally.byKind,
    allocated: tally.allocated,
    allocationRate: rate(tally.allocated, elapsedMs),
    promoted: tally.promoted,
    promotionRate: rate(tally.promoted, elapsedMs),
    limit: tally.limit,
    lastEnd: tally.lastEnd === null ? null : toEpoch(tally.lastEnd),
    lost: tally.lost,
    minimumMutatorUtilization: recording === undefined ? null : recording.utilisation(),
    ...trends
  }
}

const EMPTY = { buckets: [], sum: 0, max: 0, min: 0 }

/** Pauses of one kind, or of all. */
const readHistogram = (recording, kind) => {
  const parts = (kind === undefined ? NAMES : [kind]).map(name => recording?.pauses(name) ?? EMPTY)
  const seen = parts.filter(part => part.buckets.length > 0)
  return new PauseHistogram({
    kind: kind ?? null,
    buckets: merge(seen.map(part => part.buckets)),
    sum: seen.reduce((sum, part) => sum + part.sum, 0),
    max: Math.max(0, ...seen.map(part => part.max)),
    min: Math.min(Infinity, ...seen.map(part => part.min))
  })
}

module.exports = { readStats, readHistogram }
