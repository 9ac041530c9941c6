'use strict'

// What it is that stays: the places that made it, and its classes. Looked for only once it is sure that something
// stays.

const { compareSnapshots } = require('./compare-snapshots')
const places = require('./places')
const { HeapSampler } = require('./stacks-profile')

/** So many samples are to be expected of what a round keeps. */
const SAMPLES = 600
const FINEST = 64
const COARSEST = 64 * 1024
const TOP = 5
/** Places of less than this share say nothing. */
const SHARE = 0.02

const intervalFor = ({ perCall, calls }) => {
  const bytes = Math.max(perCall.heap * calls, 0)
  return Math.round(Math.min(COARSEST, Math.max(FINEST, bytes / SAMPLES)))
}

const grownSites = (before, after) => {
  const sites = [...after.values()].map(site => ({ ...site, bytes: site.bytes - (before.get(site.key)?.bytes ?? 0) }))
  const grown = sites.filter(({ bytes }) => bytes > 0).sort((a, b) => b.bytes - a.bytes)
  const total = grown.reduce((sum, { bytes }) => sum + bytes, 0)
  return grown.slice(0, TOP).map(site => ({ site, share: site.bytes / total })).filter(({ share }) => share >= SHARE)
}

const frameText = ({ name, file, line, column, users }) => {
  const place = `${file}:${line}:${column}`
  return `${name || '(anonymous)'} (${users ? places.resolve(place) : place})`
}

const readSites = async (rounds, report) => {
  const sampler = new HeapSampler(intervalFor(report), "leaks.compare() with option 'sites'")
  try {
    sampler.slowDown()
    const before = sampler.read()?.sites ?? new Map()
    await rounds.runApart(report.calls)
    await rounds.settle()
    const after = sampler.read()?.sites ?? new Map()
    return grownSites(before, after).map(({ site, share }) => ({
      function: site.name || '(anonymous)',
      place: site.users ? places.resolve(site.key) : site.key,
      share,
      bytesPerCall: site.bytes / report.calls,
      stack: site.stack.map(frameText)
    }))
  } finally {
    places.forget()
    sampler.close()
  }
}

/** What cannot be found out is said in the report: that there is a leak is known already. */
const attempt = async (notes, read) => {
  try {
    return await read()
  } catch (error) {
    notes.push(`${error?.message ?? error}`)
    return undefined
  }
}

/** @param {any} rounds @param {any} report @param {any} options */
const evidence = async (rounds, report, options) => {
  const notes = []
  const sites = options.sites ? await attempt(notes, () => readSites(rounds, report)) : undefined
  const seen = options.snapshot === false
    ? undefined
    : await attempt(notes, () => compareSnapshots(rounds, report, options))
  return { sites: sites ?? [], constructors: seen?.constructors ?? [], collections: seen?.collections ?? [], notes }
}

module.exports = { evidence }
