'use strict'

// Every workload is drawn from a seeded generator: two runs, and all contenders of a run, see the same requests.

// mulberry32: a 32-bit state is plenty for drawing keys, and it is fast.
function generator (seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

function shuffle (items, random) {
  for (let i = items.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    const item = items[i]
    items[i] = items[j]
    items[j] = item
  }
  return items
}

function permutation (length, random) {
  return shuffle(Uint32Array.from({ length }, (_, i) => i), random)
}

// Draws ranks 0 … universe - 1, rank r with a probability proportional to 1 / (r + 1) ** exponent, in constant time
// (Gray et al., "Quickly generating billion-record synthetic databases", the method YCSB made usual).
// `exponent` lies between 0 and 1.
function zipf (universe, exponent, random) {
  let zeta = 0
  for (let i = 1; i <= universe; i++) zeta += 1 / i ** exponent
  const second = 1 + 0.5 ** exponent
  const power = 1 / (1 - exponent)
  const eta = (1 - (2 / universe) ** (1 - exponent)) / (1 - second / zeta)
  return () => {
    const u = random()
    const scaled = u * zeta
    if (scaled < 1) return 0
    if (scaled < second) return 1
    return Math.min(universe - 1, Math.floor(universe * (eta * u - eta + 1) ** power))
  }
}

module.exports = { generator, permutation, shuffle, zipf }
