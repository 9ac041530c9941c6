'use strict'

/**
 * The made-up workload, for when there is no trace: keys drawn by Zipf's law, the popularity of pages and products in
 * most measured services. The key of rank r is asked for in proportion to 1 / r^skew. A seed makes the sequence the
 * same on every machine and for every contender.
 */

/**
 * @param {{ items: number, requests: number, seed: number, skew?: number }} options
 * @returns {import('./trace').Workload}
 */
function zipfWorkload ({ items, requests, seed, skew = 1 }) {
  // The running total of the weights: a random point in it, found by binary search, is an exact draw.
  const totals = new Float64Array(items)
  let total = 0
  for (let rank = 0; rank < items; rank++) {
    total += 1 / Math.pow(rank + 1, skew)
    totals[rank] = total
  }
  const random = mulberry32(seed)
  const order = new Uint32Array(requests)
  for (let i = 0; i < requests; i++) {
    order[i] = lowerBound(totals, random() * total)
  }
  const keys = Array.from({ length: items }, (_, rank) => `item-${rank}`)
  return { keys, order }
}

/** The first index whose total is above the point. */
function lowerBound (totals, point) {
  let low = 0
  let high = totals.length - 1
  while (low < high) {
    const middle = (low + high) >>> 1
    if (totals[middle] > point) high = middle
    else low = middle + 1
  }
  return low
}

/** A small generator with 32 bits of state; Math.random can't be seeded. */
function mulberry32 (seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

module.exports = { zipfWorkload, mulberry32 }
