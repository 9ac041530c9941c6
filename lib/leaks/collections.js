'use strict'

// Maps, Sets, arrays and objects that only grow, found by heap snapshots: with the variable that holds them, and where
// it is. What nobody can name is not told, nor what is Node's own.

const { checkNames } = require('../cache/options')
const { invalidNumber } = require('../errors')
const { readSize } = require('../size')
const { bytesText, confidenceOf, growthText } = require('./finding')
const { looksOf } = require('./collections-looks')
const { nameOf, placeOf, scopeOf } = require('./collections-names')

const NAME = 'collections'
const KNOWN = ['minimum', 'share', 'looks', 'maxHeap']
const known = new Set(KNOWN)

/** @param {Record<string, any>} options */
const check = options => {
  checkNames(options, KNOWN, known)
  const { minimum = 100, share = 0.1, looks = 3, maxHeap = '256mb' } = options
  if (!Number.isSafeInteger(minimum) || minimum < 1 || minimum > 2 ** 31) {
    throw invalidNumber("option 'collections.minimum'", 'an integer from 1 to 2147483648', minimum)
  }
  if (typeof share !== 'number' || !(share >= 0 && share <= 1000)) {
    throw invalidNumber("option 'collections.share'", 'a number from 0 to 1000', share)
  }
  if (!Number.isSafeInteger(looks) || looks < 3 || looks > 1000) {
    throw invalidNumber("option 'collections.looks'", 'an integer from 3 to 1000', looks)
  }
  return { minimum, share, looks, maxHeap: readSize('collections.maxHeap', maxHeap, 1, Number.MAX_SAFE_INTEGER) }
}

// What users make of heapwise and fill themselves. All else of it grows by what it finds, within bounds.
const CACHES = ['LRUCache', 'BoundedMap', 'OffHeapCache']

/** How many an hour, between the look when it began and the last. */
const perHour = ({ from, to, looks }, times) => {
  const hours = (times.at(-1) - times[Math.max(times.length - looks, 0)]) / 3_600_000
  return hours > 0 ? Math.round((to - from) / hours) : 0
}

/** What its new entries keep alive, if all keep as much. */
const bytesOf = ({ entries, retained }) =>
  entries.to > 0 ? Math.round(retained * (entries.to - entries.from) / entries.to) : 0

const sortText = ({ sort, class: name, holder: { within } }) => {
  if (within !== '') return within
  if (sort === 'object') return name === 'Object' ? 'object' : `object of class ${name}`
  return name === sort || CACHES.includes(name) ? name : `${name} (a ${sort})`
}

/** Who it is, in words: 'the Map sessions (module scope)'. */
const subjectOf = (grower, name, place) => {
  const scope = scopeOf(grower.holder)
  return `the ${sortText(grower)} ${name}` + (place === undefined ? '' : ` at ${place}`) +
    (scope === undefined ? '' : ` (${scope})`)
}

/** The name and the place of a grower, and both in words. Undefined if it has no name, or is heapwise's business. */
const identify = (grower, places) => {
  const { within } = grower.holder
  if (within !== '' && !CACHES.includes(within)) return undefined
  const raw = placeOf(grower.holder)
  const place = raw === undefined ? undefined : places.resolve(raw)
  const name = nameOf(grower.holder) ?? (place === undefined ? undefined : '(variable)')
  return name === undefined ? undefined : { name, place, subject: subjectOf(grower, name, place) }
}

/** A cache has a Map, an array of keys and one of values: the largest stands for all. */
const unique = findings => {
  const kept = new Map()
  for (const finding of findings) {
    const key = `${finding.name}\n${finding.place}`
    const other = kept.get(key)?.growth
    if (other === undefined || other.bytes < finding.growth.bytes) kept.set(key, finding)
  }
  return [...kept.values()]
}

class Collections {
  #options
  #places
  #looks
  costMs = 0

  constructor (options, { interval, places }) {
    this.#options = options
    this.#places = places
    this.#looks = looksOf(interval)
    const { minimum, share, looks, maxHeap } = options
    this.#looks.join(this, { entries: minimum, share, rises: looks - 1, maxHeap })
  }

  /**
   * @param {number} _time
   * @param {{ asked?: boolean }} [how]
   */
  async look (_time, { asked } = {}) {
    const look = await this.#looks.next(this, asked)
    if (look === undefined) return []
    this.costMs += look.pauseMs
    const found = look.growers.filter(grower => grower.grows && this.#isEnough(grower.entries))
      .map(grower => this.#finding(grower, look.times)).filter(Boolean)
    return unique(found)
  }

  #isEnough ({ from, to, rises }) {
    const { minimum, share, looks } = this.#options
    return to - from >= minimum && to - from >= share * from && rises >= looks - 1
  }

  #finding (grower, times) {
    const who = identify(grower, this.#places)
    if (who === undefined) return undefined
    const { name, place, subject } = who
    const { entries, retained, estimated } = grower
    const { from, to, looks } = entries
    const about = estimated ? ', as far as its room tells' : ''
    return {
      kind: 'collection',
      message: `${subject} only grows: it ${growthText(entries, 'entries')}${about}, and keeps ` +
        `${bytesText(retained)} alive`,
      name,
      ...place !== undefined && { place },
      growth: { from, to, looks, perHour: perHour(entries, times), bytes: bytesOf(grower) },
      confidence: estimated ? 'suspected' : confidenceOf(entries, 1),
      source: 'heap snapshot'
    }
  }

  stop () {
    this.#looks.leave()
  }
}

/**
 * @typedef {object} Context
 * @property {Record<string, any>} options
 * @property {number} interval
 * @property {{ resolve: (place: string) => string }} places
 */

/** @param {Context} context */
const start = context => new Collections(check(context.options), context)

module.exports = { name: NAME, check, identify, perHour, start, unique }
