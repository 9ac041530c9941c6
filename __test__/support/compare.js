'use strict'

const { show } = require('./pools')

class Mismatch extends Error {}

const fail = (what, oracle, subject) => {
  throw new Mismatch(`${what}\n  lru-cache: ${show(oracle)}\n  heapwise:  ${show(subject)}`)
}

/** Equal to everything: for what only one side tells. */
const ANY = Symbol('anything')

const isPlain = item => typeof item === 'object' && item !== null &&
  (Array.isArray(item) || Object.getPrototypeOf(item) === Object.prototype)

/**
 * Equality of what two caches gave: identity of keys and values, structure of what a cache makes itself (arrays and
 * plain objects that differ), class and message of errors.
 */
const same = (a, b) => {
  if (Object.is(a, b) || a === ANY) return true
  if (a instanceof Error && b instanceof Error) return sameError(a, b)
  if (!isPlain(a) || !isPlain(b) || Array.isArray(a) !== Array.isArray(b)) return false
  const names = Object.keys(a)
  return names.length === Object.keys(b).length && names.every(name => Object.hasOwn(b, name) && same(a[name], b[name]))
}

/** Errors that a user's callback threw are the same; those of the cache itself have the same sense. */
const sameError = (oracle, subject) => {
  if (typeof subject.code === 'string' && subject.code.startsWith('ERR_HEAPWISE_')) {
    if (oracle.constructor === Error) return true
    return oracle instanceof TypeError && (subject instanceof TypeError || subject instanceof RangeError)
  }
  return oracle.constructor === subject.constructor && oracle.message === subject.message
}

/** What a call gave: `{ value }` or `{ error }`. The cache itself is named, as there are two. */
const attempt = (side, fn) => {
  try {
    const value = side.reveal(fn())
    return { value: value === side.cache ? 'the cache' : value }
  } catch (error) {
    if (error instanceof Mismatch) throw error
    return { error }
  }
}

const compareOutcome = (what, oracle, subject) => {
  if (!same(oracle, subject)) fail(`${what}: outcome`, oracle, subject)
}

/** Events in order of time, then of callback and key, for where the order of the others is not promised. */
const canonical = (events, unordered) => {
  if (!unordered) return events
  const text = event => `${event.name} ${show(event.args[1])}`
  return [...events].sort((a, b) => a.at - b.at || (text(a) < text(b) ? -1 : text(a) > text(b) ? 1 : 0))
}

const compareEvents = (what, oracle, subject, { unordered = false, ignore = () => false } = {}) => {
  // Published messages by themselves: a delayed disposeAfter (see differences.js, flush) comes after them.
  for (const published of [false, true]) {
    const [a, b] = [oracle, subject].map(events =>
      canonical(events.filter(event => (event.name === 'metrics') === published && !ignore(event)), unordered))
    if (a.length !== b.length) fail(`${what}: number of callbacks`, a, b)
    a.forEach((event, index) => {
      if (!same(event, b[index])) fail(`${what}: callback ${index + 1}`, event, b[index])
    })
  }
}

/** Status objects, field by field; `cache` is each side's own. */
const compareStatus = (what, sides, statuses, omitted = []) => {
  const [oracle, subject] = statuses.map((status, index) => {
    const { cache, ...fields } = status
    for (const name of omitted) delete fields[name]
    return { ...fields, cache: cache === sides[index].cache ? 'its own' : cache }
  })
  if (!same(oracle, subject)) fail(`${what}: status`, oracle, subject)
}

/**
 * The cache's dump. lru-cache has neither ttl nor start for what an unbounded cache got before its first entry with a
 * ttl, and dumps undefined with any start; heapwise dumps it as the entry without a ttl that it is.
 */
const dump = cache => {
  const entries = cache.dump()
  for (const [, entry] of entries) {
    if ('ttl' in entry && entry.ttl === undefined) {
      entry.ttl = 0
      entry.start = Math.floor(Date.now() - cache.perf.now())
    }
  }
  return entries
}

/** Content in order with values, times and sizes; read without moving any entry or clock. */
const state = cache => ({
  size: cache.size,
  calculatedSize: cache.calculatedSize,
  entries: dump(cache)
})

const compareState = (what, oracle, subject) => {
  const [a, b] = [state(oracle.cache), state(subject.cache)]
  if (!same(a, b)) fail(`${what}: state`, a, b)
}

/** Every view of the content. Reads the debounced clock. */
const compareViews = (what, oracle, subject, keys) => {
  const views = ({ cache }) => {
    const visited = []
    cache.forEach((value, key) => visited.push([key, value]))
    const back = []
    cache.rforEach((value, key) => back.push([key, value]))
    return {
      keys: [...cache.keys()],
      values: [...cache.values()],
      entries: [...cache.entries()],
      iterator: [...cache],
      rkeys: [...cache.rkeys()],
      rvalues: [...cache.rvalues()],
      rentries: [...cache.rentries()],
      forEach: visited,
      rforEach: back,
      remaining: keys.map(key => cache.getRemainingTTL(key)),
      info: keys.map(key => cache.info(key))
    }
  }
  const [a, b] = [views(oracle), views(subject)]
  for (const name of Object.keys(a)) {
    if (!same(a[name], b[name])) fail(`${what}: ${name}`, a[name], b[name])
  }
}

module.exports = {
  ANY, Mismatch, fail, same, attempt, compareOutcome, compareEvents, compareStatus, compareState, compareViews, dump
}
