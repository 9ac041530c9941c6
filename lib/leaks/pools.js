'use strict'

// What heapwise itself has made and somebody lets grow: Buffers of a BufferPool that are never released, and LRUCaches
// that nothing but time bounds.

const { readPart } = require('./options')
const { bytesText, confidenceOf, count, growthText } = require('./finding')
const places = require('./places')
const registry = require('./pools-registry')
const { Series } = require('./watch-series')

const NAME = 'pools'

const DEFAULTS = { buffers: 10, entries: 1000, looks: 4 }
const LEAST = { buffers: 1, entries: 1, looks: 3 }

/** @param {Record<string, unknown>} options */
const check = options => readPart(NAME, options, DEFAULTS, LEAST)

/** Places of Buffers that were lost, as findings tell them. */
const placesOf = stats => stats.leaks.map(({ place, count: times }) => {
  const at = places.fromFrame(place)
  return { place: at === undefined ? place : places.resolve(at), count: times }
}).sort((a, b) => b.count - a.count)

const LOST = {
  state: 'lost', of: stats => stats.lost, bytes: stats => stats.bytes.lost, done: 'were dropped and not released'
}
const HELD = {
  state: 'lent', of: stats => stats.live, bytes: stats => stats.bytes.live, done: 'are lent and were not released'
}

class Pools {
  #options
  #now
  // By pool and by cache.
  #series = new WeakMap()
  costMs = 0

  constructor (options, now) {
    this.#options = options
    this.#now = now
  }

  /** @param {number} time */
  look (time) {
    const start = this.#now()
    const found = []
    for (const pool of registry.pools) if (!pool.closed) this.#lookAtPool(pool, time, found)
    for (const cache of registry.caches) this.#lookAtCache(cache, time, found)
    this.costMs += this.#now() - start
    return found
  }

  #seriesOf (member, make) {
    let series = this.#series.get(member)
    if (series === undefined) this.#series.set(member, series = make())
    return series
  }

  #lookAtPool (pool, time, found) {
    const all = this.#seriesOf(pool, () => [LOST, HELD].map(what => ({ what, series: new Series() })))
    const stats = pool.stats()
    for (const { what, series } of all) {
      series.add(time, what.of(stats))
      const growth = series.growth({ minimum: this.#options.buffers, looks: this.#options.looks })
      if (growth === undefined) continue
      const at = what === LOST ? placesOf(stats) : []
      const where = at.length === 0 ? '' : `, acquired at ${at[0].place}`
      found.push({
        kind: 'pool',
        message: `${count(growth.to, 'Buffer')} of the BufferPool '${pool.name}', ${bytesText(what.bytes(stats))}, ` +
          `${what.done}${where}; they ${growthText(growth)}`,
        name: pool.name,
        state: what.state,
        ...at.length > 0 && { place: at[0].place, places: at },
        growth: { ...growth, bytes: Math.round(what.bytes(stats) * (growth.to - growth.from) / growth.to) },
        confidence: what === LOST ? 'certain' : confidenceOf(growth, 1),
        source: 'counts'
      })
    }
  }

  #lookAtCache (cache, time, found) {
    const series = this.#seriesOf(cache, () => new Series())
    series.add(time, cache.size)
    const growth = series.growth({ minimum: this.#options.entries, looks: this.#options.looks })
    if (growth === undefined) return
    found.push({
      kind: 'cache',
      message: `an LRUCache without 'max' and 'maxSize' only grows: it ${growthText(growth, 'entries')}`,
      name: 'LRUCache',
      growth,
      confidence: confidenceOf(growth, 1),
      source: 'counts'
    })
  }

  stop () {
    this.#series = new WeakMap()
  }
}

/** @param {{ options: Record<string, unknown>, now: () => number }} context */
const start = ({ options, now }) => new Pools(check(options), now)

module.exports = { name: NAME, check, start }
