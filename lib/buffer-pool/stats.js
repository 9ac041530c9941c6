'use strict'

// The numbers of a pool, as a plain object.

const sum = (kinds, number) => kinds.reduce((total, kind) => total + number(kind), 0)

const ofClass = kind => ({
  size: kind.size,
  acquired: kind.acquired,
  released: kind.acquired - kind.live - kind.lost,
  hits: kind.acquired - kind.misses,
  misses: kind.misses,
  live: kind.live,
  peak: kind.peak,
  free: kind.free.length,
  lost: kind.lost,
  dropped: { ...kind.dropped },
  waste: kind.acquired === 0 ? 0 : 1 - kind.asked / (kind.acquired * kind.size)
})

const dropsOf = kinds => {
  const drops = {}
  for (const { dropped } of kinds) {
    for (const [reason, count] of Object.entries(dropped)) drops[reason] = (drops[reason] ?? 0) + count
  }
  return drops
}

/** The numbers of all classes, and of the memory that they are in. */
const readStats = (kinds, memory, most) => {
  const classes = kinds.map(ofClass)
  const total = name => sum(classes, each => each[name])
  return {
    acquired: total('acquired'),
    released: total('released'),
    hits: total('hits'),
    misses: total('misses'),
    live: total('live'),
    free: total('free'),
    lost: total('lost'),
    pinned: memory.pinned,
    dropped: dropsOf(classes),
    bytes: {
      max: most,
      live: sum(kinds, kind => kind.live * kind.size),
      free: sum(kinds, kind => kind.free.length * kind.size),
      lost: sum(kinds, kind => kind.lost * kind.size),
      mapped: memory.mapped,
      committed: memory.committed
    },
    classes
  }
}

module.exports = { readStats }
