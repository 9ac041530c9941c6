'use strict'

// Memory as it is once everything that can go has gone.

const { setImmediate } = require('node:timers')

const { findCollector } = require('../gc-monitor/collect')

// A last resort also drops compiled scripts that nobody uses; without that, those of `new Function` stay for a while on
// Node 26. The V8 of Node 20 does not know it, and would do a minor collection.
const [MAJOR] = process.versions.v8.split('.').map(Number)
const EVERYTHING = MAJOR >= 12 ? { type: 'major', execution: 'sync', flavor: 'last-resort' } : undefined

/** A full collection; with `thorough` also of what V8 keeps just in case. */
const collectAll = (thorough = true) => {
  const gc = findCollector('leaks.compare()')
  if (thorough && EVERYTHING !== undefined) gc(EVERYTHING)
  else gc()
}

/** A turn of the loop, of the real one: not of fake timers. */
const turn = () => new Promise(resolve => {
  setImmediate(resolve)
})

// What is freed may free more: a finalizer runs, a handle closes, a WeakRef that was read in this turn lets go.
// V8 lets go of some of its own only after several collections; a last resort is several.
const LEAST = EVERYTHING === undefined ? 4 : 2
const MOST = 8
const STILL = 256

/**
 * Collects until nothing more goes.
 *
 * @param {() => number} used tells the bytes in use
 */
const settle = async (used, collect = collectAll) => {
  await turn()
  collect(false)
  let before = used()
  for (let round = 1; round < MOST; round++) {
    await turn()
    collect(true)
    const now = used()
    if (round >= LEAST - 1 && before - now < STILL) break
    before = now
  }
}

// The V8 of Node 20 mostly counts a whole page of 256 KiB as used as soon as a collection has moved something into it.
// Several collections with nothing between them leave the exact count behind, one of them at least.
const INEXACT = MAJOR < 12
const EXACT = 32 * 1024
const PAGE = 320 * 1024
const TRIES = 16
const FIRST_TRIES = 8

/**
 * The bytes in use, after `settle`, without what is counted too much. `level`: what it was before, if that is known.
 * What differs from that by less than a page and more than little may be such a mistake.
 *
 * @param {() => number} used
 * @param {number} [level]
 */
const readExactly = (used, level = undefined, collect = collectAll) => {
  let least = used()
  if (!INEXACT) return least
  for (let i = 0; i < TRIES; i++) {
    const more = level === undefined ? EXACT : least - level
    if (more < EXACT || more > PAGE || (level === undefined && i === FIRST_TRIES)) break
    collect(false)
    least = Math.min(least, used())
  }
  return least
}

module.exports = {
  collectAll,
  findCollector,
  readExactly,
  settle,
  turn
}
