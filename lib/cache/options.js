'use strict'

// What LRUCache takes, checked once, before anything is built.

const { invalidNumber, invalidType, invalidUse, unknownOption } = require('../errors')

const KNOWN = [
  'max', 'maxSize', 'maxEntrySize', 'sizeCalculation', 'ttl', 'ttlResolution', 'ttlAutopurge', 'updateAgeOnGet',
  'updateAgeOnHas', 'allowStale', 'noDeleteOnStaleGet', 'noUpdateTTL', 'noDisposeOnSet', 'dispose', 'disposeAfter',
  'onInsert', 'fetchMethod', 'memoMethod', 'noDeleteOnFetchRejection', 'allowStaleOnFetchRejection',
  'allowStaleOnFetchAbort', 'ignoreFetchAbort', 'backgroundFetchSize', 'perf'
]
const known = new Set(KNOWN)

// Names that other caches, and older versions of lru-cache, use for the same thing.
const ELSEWHERE = new Map(Object.entries({
  maxage: 'ttl', stale: 'allowStale', length: 'sizeCalculation', maxlength: 'max', capacity: 'max', maxentries: 'max',
  onevict: 'dispose', oneviction: 'dispose', maxbytes: 'maxSize', stdttl: 'ttl'
}))

/** Edits (insert, delete, replace, swap of neighbours) between two short words; gives up above 2. */
const distance = (a, b) => {
  if (Math.abs(a.length - b.length) > 2) return 3
  let before = []
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (same ? 0 : 1))
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (swapped) next[j] = Math.min(next[j], before[j - 2] + 1)
    }
    before = row
    row = next
  }
  return row[b.length]
}

/** The option that `name` probably means, or undefined. */
const suggest = (name, names = KNOWN) => {
  const lower = name.toLowerCase()
  const elsewhere = ELSEWHERE.get(lower)
  if (elsewhere !== undefined && names.includes(elsewhere)) return elsewhere
  let best
  let least = lower.length < 6 ? 2 : 3
  for (const candidate of names) {
    const edits = distance(lower, candidate.toLowerCase())
    if (edits < least) [best, least] = [candidate, edits]
  }
  return best
}

/** Throws for an own key that is likely a misspelt option; other unknown keys are nobody's business. */
const checkNames = (options, names = KNOWN, set = known) => {
  for (const name of Object.keys(options)) {
    if (set.has(name)) continue
    const meant = suggest(name, names)
    if (meant !== undefined) throw unknownOption(name, meant)
  }
}

const isPosInt = n => typeof n === 'number' && n > 0 && Number.isInteger(n)

const posInt = (name, value) => {
  if (!isPosInt(value)) throw invalidNumber(`option '${name}'`, 'a positive integer', value)
}

const fn = (name, value) => {
  if (value !== undefined && typeof value !== 'function') throw invalidType(`option '${name}'`, 'a function', value)
}

const checkMax = max => {
  if (max !== 0 && !(isPosInt(max) && Number.isSafeInteger(max))) {
    throw invalidNumber("option 'max'", 'a nonnegative integer (0: no bound by count)', max)
  }
}

const checkMaxSize = maxSize => {
  if (maxSize !== 0) posInt('maxSize', maxSize)
}

const checkBounded = (max, maxSize, ttl) => {
  if (max === 0 && maxSize === 0 && ttl === 0) {
    throw invalidUse("a cache needs a bound: at least one of the options 'max', 'maxSize' or 'ttl' is required")
  }
}

/** Checks the options of `new LRUCache(options)`; returns them completed. */
const readOptions = options => {
  if (options === null || (typeof options !== 'object' && typeof options !== 'function')) {
    throw invalidType('options', 'an object', options)
  }
  checkNames(options)
  const {
    max = 0, maxSize = 0, maxEntrySize = 0, sizeCalculation, ttl, ttlResolution = 1, dispose, disposeAfter, onInsert,
    fetchMethod, memoMethod, backgroundFetchSize = 1, perf
  } = options
  if (perf !== undefined && typeof perf?.now !== 'function') {
    throw invalidType("option 'perf'", 'an object with a now() method', perf)
  }
  checkMax(max)
  checkMaxSize(maxSize)
  if (maxEntrySize) posInt('maxEntrySize', maxEntrySize)
  if (sizeCalculation) {
    fn('sizeCalculation', sizeCalculation)
    if (!maxSize && !maxEntrySize) {
      throw invalidUse("option 'sizeCalculation' needs 'maxSize' or 'maxEntrySize': there is no size to bound")
    }
  }
  fn('memoMethod', memoMethod)
  fn('fetchMethod', fetchMethod)
  if (ttl) posInt('ttl', ttl)
  posInt('backgroundFetchSize', backgroundFetchSize)
  checkBounded(max, maxSize, ttl || 0)
  return {
    max,
    maxSize,
    maxEntrySize: maxEntrySize || maxSize,
    sizeCalculation: sizeCalculation || undefined,
    ttl: ttl || 0,
    ttlResolution: isPosInt(ttlResolution) || ttlResolution === 0 ? ttlResolution : 1,
    // As lru-cache does, what is no function here is not called.
    dispose: typeof dispose === 'function' ? dispose : undefined,
    disposeAfter: typeof disposeAfter === 'function' ? disposeAfter : undefined,
    onInsert: typeof onInsert === 'function' ? onInsert : undefined,
    fetchMethod,
    memoMethod,
    backgroundFetchSize,
    perf: perf ?? defaultClock()
  }
}

// Looked up for each cache, not once: fake timers are put in place after this file is loaded.
const defaultClock = () => {
  const { performance } = globalThis
  return typeof performance?.now === 'function' ? performance : Date
}

const warned = new Set()

/** A cache bounded by nothing but time can still grow without limit. Said once for each process. */
const warnUnbounded = LRUCache => {
  const code = 'HEAPWISE_UNBOUNDED'
  if (warned.has(code)) return
  warned.add(code)
  process.emitWarning(
    "A cache with a 'ttl' but without 'ttlAutopurge', 'max' or 'maxSize' can grow without limit.",
    'UnboundedCacheWarning', code, LRUCache
  )
}

module.exports = { readOptions, checkNames, checkMax, checkMaxSize, checkBounded, isPosInt, warnUnbounded }
