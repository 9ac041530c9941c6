'use strict'

// What V8's numbers for collections mean, in words.

/** Kinds of collections, V8's GCType, in the order of the rows of a tally. */
const KINDS = Object.freeze([
  { bit: 1, name: 'scavenge' },
  { bit: 2, name: 'minor-mark-sweep' },
  { bit: 4, name: 'mark-sweep-compact' },
  { bit: 8, name: 'incremental-marking' },
  { bit: 16, name: 'weak-callbacks' }
])

const NAMES = Object.freeze(KINDS.map(kind => kind.name))
const byBit = new Map(KINDS.map(({ bit, name }) => [bit, name]))
const bits = new Map(KINDS.map(({ bit, name }) => [name, bit]))

/** The kind that reclaims the whole heap: what is left after it is what is live. */
const FULL = 'mark-sweep-compact'

/** The name of a kind; what a later V8 may add keeps its number. */
const nameOf = bit => byBit.get(bit) ?? `kind-${bit}`
const bitOf = name => bits.get(name)

// V8's GCCallbackFlags.
/** @type {[number, string][]} */
const FLAGS = [
  [2, 'construct-retained'],
  [4, 'forced'],
  [8, 'sync-phantom'],
  [16, 'all-available'],
  [32, 'all-external'],
  [64, 'schedule-idle'],
  [128, 'last-resort']
]

const FORCED = 4

const flagsOf = bitset => {
  const names = []
  for (const [bit, name] of FLAGS) if ((bitset & bit) !== 0) names.push(name)
  return names
}

// The first that is set says why.
/** @type {[number, string][]} */
const CAUSES = [
  [128, 'last resort'],
  [32, 'external memory'],
  [16, 'all that is available'],
  [FORCED, 'forced'],
  [64, 'idle time']
]

const USUAL = new Map([[1, 'young generation full'], [2, 'young generation full'], [16, 'after a collection']])

/** In plain words, why there was a collection, as far as V8 tells. */
const causeOf = (bit, bitset) => {
  for (const [flag, cause] of CAUSES) if ((bitset & flag) !== 0) return cause
  return USUAL.get(bit) ?? 'heap growth'
}

module.exports = { KINDS, NAMES, FULL, FORCED, nameOf, bitOf, flagsOf, causeOf }
