'use strict'

// Who makes what stays: places in code whose live objects only grow, by V8's sampling heap profiler.
//
// At the usual interval of 512 KiB a program that does nothing but allocate runs 2 to 6 per cent slower; others, by
// less. Each look is a full collection. V8 tells functions, not lines, and of a function that it has compiled into its
// caller, the caller. When it does so, what one of them has made seems to grow, while the other's shrinks. So for each
// of those above in the stack, all that is made below it must grow as well.

const { bytesText, growthText } = require('./finding')
const { readPart } = require('./options')
const { HeapSampler } = require('./stacks-profile')
const { Series } = require('./watch-series')

const NAME = 'stacks'
const WHAT = "leaks.watch() with option 'stacks'"

const DEFAULTS = { samplingInterval: 512 * 1024, bytes: 2 * 1024 * 1024, looks: 4 }
const LEAST = { samplingInterval: 64, looks: 3 }

/** Fewer samples may be chance, whatever they say. */
const FEW_SAMPLES = 8
/** Of all that has grown, a place must have so much. */
const SHARE = 0.05
const MOST_SITES = 2000
const MOST_POINTS = 64
/** A place of which nothing is alive for so many looks is forgotten. */
const IDLE = 4

const LIKELY = { looks: 6, samples: 16 }
const CERTAIN = { looks: 8, samples: 40 }

const confidenceOf = (looks, samples) => {
  if (looks >= CERTAIN.looks && samples >= CERTAIN.samples) return 'certain'
  return looks >= LIKELY.looks && samples >= LIKELY.samples ? 'likely' : 'suspected'
}

/** Of what a place has gained, those above it must have gained this share. */
const ABOVE = 0.5

/** Samples by look, every other of them when there are many. */
class History {
  #points = []

  add (look, samples) {
    this.#points.push({ look, samples })
    if (this.#points.length > MOST_POINTS) this.#points = this.#points.filter((_, i) => i % 2 === 0)
  }

  get last () { return this.#points.at(-1)?.look }

  /** What was gained since a look. */
  since (look) {
    const from = this.#points.findLast(point => point.look <= look)?.samples ?? 0
    return this.#points.at(-1).samples - from
  }
}

class Site {
  samples = new Series()
  own = new History()
  first = 0
  idle = 0

  /** What was seen last. */
  latest

  constructor (latest) {
    this.latest = latest
    this.first = latest.bytes
  }

  get growth () { return Math.max(0, this.latest.bytes - this.first) }
}

class Stacks {
  #options
  #sampler
  #places
  #now
  #sites = new Map()
  #around = new Map()
  #looks = 0
  costMs = 0

  constructor (options, { places, now }) {
    this.#options = options
    this.#places = places
    this.#now = now
    this.#sampler = new HeapSampler(options.samplingInterval, WHAT)
  }

  /** @param {number} time */
  look (time) {
    const start = this.#now()
    try {
      const seen = this.#sampler.read()
      if (seen === undefined) {
        // What is alive from before is not known any more.
        this.#sites.clear()
        this.#around.clear()
        return []
      }
      this.#looks += 1
      this.#enterAround(seen.around)
      this.#enter(seen.sites, time)
      return this.#judge()
    } finally {
      this.costMs += this.#now() - start
    }
  }

  #enterAround (seen) {
    for (const [key, around] of this.#around) {
      if (seen.has(key)) continue
      if (around.last < this.#looks - IDLE) this.#around.delete(key)
    }
    for (const [key, samples] of seen) {
      let around = this.#around.get(key)
      if (around === undefined) {
        around = new History()
        this.#around.set(key, around)
      }
      around.add(this.#looks, samples)
    }
  }

  /** Whether all that is made below a place, and below those who call it, has grown. */
  #holds ({ own, latest: { stack } }, since) {
    const gained = own.since(since)
    return stack.filter(({ users }) => users).every(({ key }) => {
      const around = this.#around.get(key)
      return around !== undefined && around.since(since) >= ABOVE * gained
    })
  }

  #enter (seen, time) {
    for (const [key, site] of this.#sites) {
      if (seen.has(key)) continue
      site.idle += 1
      site.latest = { ...site.latest, bytes: 0, samples: 0 }
      site.samples.add(time, 0, 0)
      site.own.add(this.#looks, 0)
      if (site.idle > IDLE) this.#sites.delete(key)
    }
    for (const [key, latest] of seen) {
      let site = this.#sites.get(key)
      if (site === undefined) {
        if (this.#sites.size >= MOST_SITES) continue
        site = new Site(latest)
        this.#sites.set(key, site)
      }
      site.idle = 0
      site.latest = latest
      site.samples.add(time, latest.samples, latest.bytes)
      site.own.add(this.#looks, latest.samples)
    }
  }

  #judge () {
    const sites = [...this.#sites.values()]
    const total = sites.reduce((sum, { growth }) => sum + growth, 0)
    const found = []
    for (const site of sites) {
      if (site.growth < SHARE * total || !site.latest.users) continue
      const finding = this.#finding(site)
      if (finding !== undefined) found.push(finding)
    }
    return found
  }

  #finding (site) {
    const { looks, bytes } = this.#options
    // The judge takes half of it for the least rise.
    const growth = site.samples.growth({ minimum: 2 * FEW_SAMPLES, looks })
    if (growth === undefined || growth.to - growth.from < bytes) return undefined
    const { name, key, samples, stack } = site.latest
    // What has filled up before says nothing: the later half is looked at by itself.
    const begin = this.#looks - growth.looks + 1
    const middle = this.#looks - (growth.looks >> 1)
    if (!this.#holds(site, begin) || !this.#holds(site, middle)) return undefined
    const place = this.#places.resolve(key)
    const of = `${name || 'an anonymous function'} at ${place}`
    const rounded = { ...growth, from: Math.round(growth.from), to: Math.round(growth.to) }
    return {
      kind: 'allocation',
      message: `about ${bytesText(growth.to)} of what ${of} has made are still alive; they ` +
        growthText({ ...growth, from: growth.from / 1024, to: growth.to / 1024 }, 'KB'),
      name: name || '(anonymous)',
      place,
      places: [{ place, count: samples }],
      growth: { ...rounded, bytes: rounded.to - rounded.from },
      stack: stack.map(frame => this.#frame(frame)),
      confidence: confidenceOf(growth.looks, samples),
      source: 'sampling heap profiler'
    }
  }

  #frame ({ name, file, line, column, users }) {
    const place = `${file}:${line}:${column}`
    return `${name || '(anonymous)'} (${users ? this.#places.resolve(place) : place})`
  }

  stop () {
    this.#sampler.close()
    this.#sites.clear()
    this.#around.clear()
  }
}

const check = options => readPart(NAME, options, DEFAULTS, LEAST)

/** @param {{ options: Record<string, unknown>, places: any, now: () => number }} context */
const start = context => new Stacks(check(context.options), context)

module.exports = { name: NAME, check, start }
