'use strict'

// What the old generation may have. V8's `heap_size_limit` counts the young generation as well, 48 to 192 MB of it,
// which long-lived objects cannot have: a heap of --max-old-space-size=64 dies at 64 MB, and its `heap_size_limit` says
// 112 to 256.

const { resourceLimits } = require('node:worker_threads')

const MB = 1024 * 1024
/** Semi-spaces that V8 reckons with. */
const SPACES = 3
// The most V8 takes for a semi-space, by its version, in MB; it takes that for an old generation of 4 GB and more.
const SEMI = [[14, 32], [13, 64], [0, 16]]
const LARGE = 4096

/** The number that was given for a V8 flag on the command line or in NODE_OPTIONS, undefined if none was. */
const flagOf = (name, given) => {
  let value
  given.forEach((arg, index) => {
    const [flag, text = given[index + 1]] = arg.split('=')
    if (flag.replaceAll('_', '-') === name && Number(text) > 0) value = Number(text)
  })
  return value
}

const flagsGiven = () => [...(process.env.NODE_OPTIONS ?? '').split(/\s+/), ...process.execArgv]

/** What is kept for the young generation, of a limit in MB. */
const youngOf = (limit, given, versions = process.versions) => {
  const semi = flagOf('--max-semi-space-size', given)
  if (semi !== undefined) return SPACES * semi
  const [, most] = SEMI.find(([major]) => Number.parseInt(versions.v8) >= major)
  const young = SPACES * most
  return Math.min(young, limit * young / (LARGE + young))
}

/**
 * Bytes that the old generation may have, of a `heap_size_limit`.
 *
 * @param {number} limit
 */
const oldLimit = (limit, { limits = resourceLimits, given = flagsGiven() } = {}) => {
  // In a worker V8 is asked.
  if (limits.maxYoungGenerationSizeMb > 0) return limit - limits.maxYoungGenerationSizeMb * MB
  const old = flagOf('--max-old-space-size', given)
  if (old !== undefined && old * MB < limit) return old * MB
  return Math.floor(limit - youngOf(limit / MB, given) * MB)
}

module.exports = { oldLimit }
