'use strict'

// Timers that are never cleared.
//
// setInterval and setTimeout note the place they are called from, all calls while there are few, else a sample. What is
// held of a timer is a weak reference. At a look it is alive if Node has not done with it.
//
// What is judged are the timers that were there at the look before already: those of requests come and go in between.

const nodeModule = require('node:module')
const timers = require('node:timers')
const { readPart } = require('./options')
const { confidenceOf, count, growthText, timeText } = require('./finding')
const places = require('./places')
const { Patch, guarded } = require('./watch-patch')
const { Sampler } = require('./watch-sampler')
const { Series } = require('./watch-series')

const { apply } = Reflect
const { syncBuiltinESMExports } = nodeModule

const NAME = 'timers'

const DEFAULTS = { intervals: 10, timeouts: 100, looks: 4 }
const LEAST = { intervals: 1, timeouts: 1, looks: 3 }

/** @param {Record<string, unknown>} options */
const check = options => readPart(NAME, options, DEFAULTS, LEAST)

// Calls that are looked at between two looks before fewer are, and references kept for one place: when there are more,
// every other one goes, and the rest count double. Intervals are few in a sound program.
const MOST = {
  setInterval: { calls: 4096, samples: 4096 },
  setTimeout: { calls: 128, samples: 1024 }
}
const MOST_SITES = 4096
// A place without timers is forgotten after so many looks.
const IDLE = 8
// If more than that share of those that outlived a look has ended later, the growth must last longer.
const FEW_END = 0.05
const LONG = 20
// Timeouts of up to that delay pile up only if there are more than one delay's worth.
const SHORT_DELAY = 600_000

const UNKNOWN = 'an unknown place'

// Those of fake timers do not say.
const isAlive = timer => timer !== undefined && timer._destroyed === false

/** The timers that one place has made. */
class Site {
  samples = []
  thin = 1
  skip = 0
  ended = 0
  idle = 0
  series = new Series()

  constructor (time) {
    this.since = time
  }

  add (timer, weight, look, most) {
    this.skip += 1
    if (this.skip < this.thin) return
    this.skip = 0
    this.samples.push({ ref: new WeakRef(timer), weight: weight * this.thin, look })
    if (this.samples.length < most) return
    this.samples = this.samples.filter((_, index) => index % 2 === 0)
    for (const sample of this.samples) sample.weight *= 2
    this.thin *= 2
  }

  /** Counts, and drops what has ended. `look`: how many looks were before this one. */
  count (look) {
    let alive = 0
    let old = 0
    let delay = 0
    this.samples = this.samples.filter(({ ref, weight, look: born }) => {
      const timer = ref.deref()
      const isOld = born < look
      if (!isAlive(timer)) {
        if (isOld) this.ended += weight
        return false
      }
      alive += weight
      if (isOld) old += weight
      if (timer._idleTimeout > delay) delay = timer._idleTimeout
      return true
    })
    this.idle = alive === 0 ? this.idle + 1 : 0
    return { alive, old, delay }
  }
}

/** One of the two functions, as one watch sees it. */
class Tracker {
  #sites = new Map()
  #sampler
  #looks = 0
  #now
  ms = 0

  constructor (name, now) {
    this.name = name
    this.#sampler = new Sampler(MOST[name].calls)
    this.#now = now
  }

  /** `wrapper` has made `timer`. */
  made (timer, wrapper) {
    const weight = this.#sampler.weigh()
    if (weight === 0) return
    const start = this.#now()
    const place = places.capture(wrapper) ?? UNKNOWN
    let site = this.#sites.get(place)
    if (site === undefined && this.#sites.size < MOST_SITES) {
      site = new Site(start)
      this.#sites.set(place, site)
    }
    site?.add(timer, weight, this.#looks, MOST[this.name].samples)
    this.ms += this.#now() - start
  }

  look (time, options) {
    const found = []
    for (const [place, site] of this.#sites) {
      const counted = site.count(this.#looks)
      if (site.idle > IDLE) {
        this.#sites.delete(place)
        continue
      }
      site.series.add(time, counted.old, counted.alive)
      const finding = this.#judge(place, site, counted, time, options)
      if (finding !== undefined) found.push(finding)
    }
    this.#looks += 1
    this.#sampler.turn()
    return found
  }

  #judge (place, site, { alive, delay }, time, options) {
    const kept = alive / (alive + site.ended)
    const looks = kept < 1 - FEW_END ? Math.max(LONG, options.looks) : options.looks
    const minimum = this.name === 'setInterval' ? options.intervals : options.timeouts
    const growth = site.series.growth({ minimum, looks })
    if (growth === undefined) return undefined
    const isTimeout = this.name === 'setTimeout'
    if (isTimeout && delay <= SHORT_DELAY && time - site.since < 2 * delay) return undefined
    const at = place === UNKNOWN ? undefined : places.resolve(place)
    const about = site.samples.some(({ weight }) => weight > 1) ? 'about ' : ''
    const what = isTimeout
      ? `${count(growth.to, 'timeout is', 'timeouts are')} pending`
      : `${count(growth.to, 'interval was', 'intervals were')} never cleared`
    const message = `${about}${what}, made at ${at ?? UNKNOWN}${isTimeout ? ` for up to ${timeText(delay)}` : ''}; ` +
      `they ${growthText(growth)}`
    return {
      kind: 'timer',
      message,
      name: this.name,
      ...at !== undefined && { place: at, places: [{ place: at, count: Math.round(growth.to) }] },
      growth,
      confidence: confidenceOf(growth, kept),
      source: 'counts'
    }
  }
}

// ---- the functions

/** @type {Record<string, Tracker[]>} */
const watching = { setInterval: [], setTimeout: [] }

const patchOf = name => {
  const trackers = watching[name]
  const note = guarded((timer, wrapper) => {
    for (let i = 0; i < trackers.length; i += 1) trackers[i].made(timer, wrapper)
  })
  const make = (original, state) => {
    const wrapper = {
      [name] (...args) {
        const timer = apply(original, this, args)
        if (state.active) note(timer, wrapper)
        return timer
      }
    }[name]
    return wrapper
  }
  // For who has imported them, too.
  return new Patch(() => [{ object: globalThis, name }, { object: timers, name }], make, () => syncBuiltinESMExports())
}

const patches = { setInterval: patchOf('setInterval'), setTimeout: patchOf('setTimeout') }

class Timers {
  #options
  #trackers
  #lookMs = 0
  #now

  constructor (options, now) {
    this.#options = options
    this.#now = now
    this.#trackers = Object.keys(patches).map(name => new Tracker(name, now))
    for (const tracker of this.#trackers) {
      watching[tracker.name].push(tracker)
      patches[tracker.name].on()
    }
  }

  /** @param {number} time */
  look (time) {
    const start = this.#now()
    for (const name of Object.keys(patches)) patches[name].renew()
    const found = this.#trackers.flatMap(tracker => tracker.look(time, this.#options))
    this.#lookMs += this.#now() - start
    return found
  }

  get costMs () { return this.#trackers.reduce((sum, { ms }) => sum + ms, this.#lookMs) }

  stop () {
    for (const tracker of this.#trackers) {
      const at = watching[tracker.name].indexOf(tracker)
      if (at < 0) continue
      watching[tracker.name].splice(at, 1)
      patches[tracker.name].off()
    }
  }
}

/** @param {{ options: Record<string, unknown>, now: () => number }} context */
const start = ({ options, now }) => new Timers(check(options), now)

module.exports = { name: NAME, check, start }
