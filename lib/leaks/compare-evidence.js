'use strict'

// What it is that stays: the places that made it, and its classes. Looked for only once it is sure that something stays.

const { HeapSampler } = require('./stacks-profile')

/** So many samples are to be expected of what a run keeps. */
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

const readSites = async (rounds, report) => {
  const sampler = new HeapSampler(intervalFor(report), "leaks.compare() with option 'sites'")
  try {
    const before = sampler.read() ?? new Map()
    await rounds.runApart(report.calls)
    await rounds.settle()
    const after = sampler.read() ?? new Map()
    return grownSites(before, after).map(({ site, share }) => ({
      place: site.key,
      function: site.name,
      share,
      bytesPerCall: site.bytes / report.calls,
      stack: site.stack.map(({ name, file, line, column }) => `${name || '(anonymous)'} (${file}:${line}:${column})`)
    }))
  } finally {
    sampler.close()
  }
}

const evidence = async (rounds, report, options) => {
  const found = { sites: [], constructors: [], notes: [] }
  if (!options.sites) return found
  try {
    found.sites = await readSites(rounds, report)
  } catch (error) {
    if (error.code !== 'ERR_HEAPWISE_UNSUPPORTED') throw error
    found.notes.push(error.message)
  }
  return found
}

module.exports = { evidence }
