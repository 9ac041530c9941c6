'use strict'

// A matcher for jest: `await expect(fn).not.toLeak()`. To be required by a test, or named in `setupFilesAfterEnv`.

const { compare } = require('./lib/leaks/compare')

const LEAK = 'ERR_HEAPWISE_LEAK'

/** The report, whether it leaks or not; what the function itself throws passes. */
const run = async (fn, options) => {
  try {
    return await compare(fn, options)
  } catch (error) {
    if (error?.code === LEAK && error.report !== undefined) return error.report
    throw error
  }
}

const hint = (utils, isNot) => utils?.matcherHint?.('toLeak', 'fn', 'options', { isNot, promise: '' }) ??
  `expect(fn)${isNot ? '.not' : ''}.toLeak(options)`

/**
 * Whether `fn` keeps memory, handles or listeners at each call.
 *
 * @this {any}
 * @param {any} fn
 * @param {any} [options]
 */
async function toLeak (fn, options) {
  const { isNot = false, utils } = this ?? {}
  // Who expects a leak needs not be told where it is.
  const quick = isNot ? options : { ...options, sites: false, snapshot: false }
  const report = await run(fn, quick)
  return { pass: report.leaks, message: () => `${hint(utils, isNot)}\n\n${report.message}` }
}

/** The global one, or jest's own where globals are not injected. Elsewhere somebody does `expect.extend(matchers)`. */
const findExpect = () => {
  const { expect } = /** @type {any} */ (globalThis)
  if (typeof expect?.extend === 'function') return expect
  try {
    return require('@jest/globals').expect
  } catch {
    // This is not run by jest.
    return undefined
  }
}

const matchers = { toLeak }

findExpect()?.extend(matchers)

module.exports = { matchers, toLeak }
