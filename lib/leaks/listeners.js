'use strict'

// Emitters, and event targets, whose listeners only become more.
//
// Adding a listener costs one more look at a length, as long as there are few for that event. From the eighth on the
// emitter is noted, weakly, and with it the place that adds: every time while that is seldom, else a sample.
//
// What is judged are the listeners that were there at the look before already. Emitters that are replaced by others,
// each with a few listeners, are no leak of listeners.

const { readPart } = require('./options')
const { classOf, confidenceOf, count: countText, growthText, rank, shown } = require('./finding')
const emitters = require('./listeners-emitters')
const eventTargets = require('./event-targets')
const places = require('./places')
const { guarded } = require('./watch-patch')
const { Sampler } = require('./watch-sampler')
const { Series } = require('./watch-series')

const NAME = 'listeners'

const DEFAULTS = { minimum: 16, looks: 4 }
const LEAST = { minimum: 8, looks: 3 }

/** @param {Record<string, unknown>} options */
const check = options => readPart(NAME, options, DEFAULTS, LEAST)

// From so many listeners of one event on, an emitter is noted. Node warns from 11 on.
const CROWD = 8
const BUDGET = 128
const MOST_RECORDS = 4096
// Those with so many listeners find room however many have a few.
const LARGE = 64
const MOST_SAMPLES = 256
// Larger lists are counted, not compared.
const MOST_COMPARED = 20_000
const MOST_PLACES = 5
// An emitter that has few again is forgotten after so many looks.
const IDLE = 8
// If more than that share of those that outlived a look has gone later, the growth must last longer.
const FEW_GO = 0.05
const LONG = 20

/** The listeners of one event on one emitter. */
class Crowd {
  series = new Series()
  samples = []
  thin = 1
  skip = 0
  idle = 0
  gone = 0
  warned = false
  #before = /** @type {WeakSet<object> | undefined} */ (undefined)
  #countBefore = 0

  constructor (target, type, listOf) {
    this.ref = new WeakRef(target)
    this.type = type
    this.listOf = listOf
    this.#keep(listOf(target, type))
  }

  #keep (list) {
    this.#countBefore = list.length
    this.#before = list.length > MOST_COMPARED ? undefined : new WeakSet(list)
  }

  note (listener, place, weight, look) {
    this.skip += 1
    if (this.skip < this.thin || Object(listener) !== listener) return
    this.skip = 0
    this.samples.push({ ref: new WeakRef(listener), place, weight: weight * this.thin, look })
    if (this.samples.length < MOST_SAMPLES) return
    this.samples = this.samples.filter((_, index) => index % 2 === 0)
    for (const sample of this.samples) sample.weight *= 2
    this.thin *= 2
  }

  /** How many there are, and how many of these were there at the look before. Drops what is there no more. */
  count (target) {
    const list = this.listOf(target, this.type)
    const { length } = list
    const before = this.#before
    let old = Math.min(length, this.#countBefore)
    if (before !== undefined && length <= MOST_COMPARED) {
      old = 0
      for (const listener of list) if (before.has(listener)) old += 1
    }
    // Of those that were there when it was noted, nobody knows how long they had been.
    if (this.series.looks > 0) this.gone += Math.max(0, this.#countBefore - old)
    this.#keep(list)
    const present = new Set(list)
    this.samples = this.samples.filter(({ ref }) => present.has(ref.deref()))
    this.idle = length < CROWD ? this.idle + 1 : 0
    return { all: length, old }
  }

  /** The places that have added what is there, with how many each. */
  places (count, look) {
    const old = this.samples.filter(sample => sample.look < look)
    const samples = old.length > 0 ? old : this.samples
    const total = samples.reduce((sum, { weight }) => sum + weight, 0)
    return rank(samples.map(({ place, weight }) => [places.resolve(place), weight * count / total]))
  }
}

class Listeners {
  #options
  #now
  #crowds = new Set()
  // By emitter and event.
  #known = new WeakMap()
  #sampler = new Sampler(BUDGET)
  #looks = 0
  #ms = 0

  constructor (options, now) {
    this.#options = options
    this.#now = now
    begin(this)
  }

  #crowdOf (target, type, count, listOf) {
    let events = this.#known.get(target)
    let crowd = events?.get(type)
    const most = count < LARGE ? MOST_RECORDS : 2 * MOST_RECORDS
    if (crowd !== undefined || this.#crowds.size >= most) return crowd
    crowd = new Crowd(target, type, listOf)
    if (events === undefined) this.#known.set(target, events = new Map())
    events.set(type, crowd)
    this.#crowds.add(crowd)
    return crowd
  }

  /** `wrapper` has added a listener. */
  added (target, type, listener, count, listOf, wrapper) {
    const crowd = this.#crowdOf(target, type, count, listOf)
    if (crowd === undefined) return
    const weight = this.#sampler.weigh()
    if (weight === 0) return
    const start = this.#now()
    const place = places.capture(wrapper)
    if (place !== undefined) crowd.note(listener, place, weight, this.#looks)
    this.#ms += this.#now() - start
  }

  /** Node itself says that there are too many. */
  warned ({ emitter, type, count }) {
    const listOf = emitter instanceof EventTarget ? eventTargets.listOf : emitters.listOf
    const crowd = this.#crowdOf(emitter, type, count, listOf)
    if (crowd !== undefined) crowd.warned = true
  }

  /** @param {number} time */
  look (time) {
    const start = this.#now()
    renew()
    const found = []
    for (const crowd of this.#crowds) {
      const target = crowd.ref.deref()
      const finding = target === undefined ? this.#forget(crowd) : this.#lookAt(crowd, target, time)
      if (finding !== undefined) found.push(finding)
    }
    this.#looks += 1
    this.#sampler.turn()
    this.#ms += this.#now() - start
    return found
  }

  #forget (crowd, target = undefined) {
    this.#crowds.delete(crowd)
    this.#known.get(target)?.delete(crowd.type)
  }

  #lookAt (crowd, target, time) {
    const { all, old } = crowd.count(target)
    if (crowd.idle > IDLE) return this.#forget(crowd, target)
    crowd.series.add(time, old, all)
    const kept = all / (all + crowd.gone)
    const { minimum, looks } = this.#options
    const growth = crowd.series.growth({ minimum, looks: kept < 1 - FEW_GO ? Math.max(LONG, looks) : looks })
    return growth === undefined ? undefined : this.#finding(crowd, target, growth, kept)
  }

  #finding (crowd, target, growth, kept) {
    const event = shown(crowd.type)
    const emitter = classOf(target)
    const adders = crowd.places(growth.to, this.#looks)
    const at = adders[0]?.place
    const others = adders.length > 1 ? ` and ${countText(adders.length - 1, 'other place')}` : ''
    const confidence = confidenceOf(growth, kept)
    return {
      kind: 'listener',
      message: `${countText(growth.to, 'listener')} for ${event} are on one ${emitter}, ` +
        `added at ${at ?? 'an unknown place'}${others}; they ${growthText(growth)}`,
      name: `${emitter} ${event}`,
      emitter,
      event: crowd.type,
      ...at !== undefined && { place: at, places: adders.slice(0, MOST_PLACES) },
      growth,
      confidence: crowd.warned && confidence === 'suspected' ? 'likely' : confidence,
      source: 'counts'
    }
  }

  get costMs () { return this.#ms }

  stop () { end(this) }
}

// ---- what all watches share

/** @type {Listeners[]} */
const watching = []

const addedTo = listOf => guarded((target, type, listener, count, wrapper) => {
  for (let i = 0; i < watching.length; i += 1) watching[i].added(target, type, listener, count, listOf, wrapper)
})

const patches = [emitters, eventTargets].map(({ patchOf, listOf }) => patchOf(addedTo(listOf), CROWD))

// Free of cost, and it names emitters that were full before the watch began.
const onWarning = warning => {
  try {
    if (warning?.name !== 'MaxListenersExceededWarning' || Object(warning.emitter) !== warning.emitter) return
    for (const part of watching) part.warned(warning)
  } catch {
    // The emitter is one that must not be looked at.
  }
}

const begin = part => {
  watching.push(part)
  if (watching.length === 1) process.on('warning', onWarning)
  for (const patch of patches) patch.on()
}

const end = part => {
  const at = watching.indexOf(part)
  if (at < 0) return
  watching.splice(at, 1)
  for (const patch of patches) patch.off()
  if (watching.length === 0) process.removeListener('warning', onWarning)
}

const renew = () => {
  for (const patch of patches) patch.renew()
}

/** @param {{ options: Record<string, unknown>, now: () => number }} context */
const start = ({ options, now }) => new Listeners(check(options), now)

module.exports = { name: NAME, check, start }
