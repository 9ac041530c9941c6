'use strict'

// heapwise/jest: `await expect(fn).not.toLeak()` in runs of jest of their own.

const fs = require('node:fs')
const path = require('node:path')
const { spawnSync } = require('node:child_process')

const { ROOT, inFolder, quoted, write } = require('./support/leaks')

const MATCHER = path.join(ROOT, 'jest.js')
const JEST = path.join(ROOT, 'node_modules', 'jest', 'bin', 'jest.js')
const MINUTES = 60_000

/** Runs jest over `files`; answers what became of each test, by its name. */
const runJest = (files, config = {}) => inFolder(folder => {
  write(folder, {
    'jest.config.json': JSON.stringify({
      testEnvironment: require.resolve('jest-environment-node'), transform: {}, testTimeout: 300_000, ...config
    }),
    ...files
  })
  const { NODE_OPTIONS, ...env } = process.env
  const report = path.join(folder, 'report.json')
  const { stderr } = spawnSync(process.execPath, [
    JEST, '--ci', '--runInBand', '--json', `--outputFile=${report}`, `--rootDir=${folder}`, '-c',
    path.join(folder, 'jest.config.json')
  ], { cwd: folder, env: { ...env, FORCE_COLOR: '0' }, encoding: 'utf8' })
  if (!fs.existsSync(report)) throw new Error(stderr)
  const { testResults } = JSON.parse(fs.readFileSync(report, 'utf8'))
  const broken = testResults.find(({ assertionResults }) => assertionResults.length === 0)
  if (broken !== undefined) throw new Error(broken.message)
  return Object.fromEntries(testResults.flatMap(result => result.assertionResults)
    .map(({ title, status, failureMessages }) => [title, { status, text: failureMessages.join('\n') }]))
})

const FUNCTIONS = `
const kept = []
let n = 0
function leaky () { kept.push(new Array(10).fill(n++)) }
async function leakyLater () { await null; leaky() }
function clean () { return JSON.parse(JSON.stringify({ a: [1, 2, 3] })) }
const quick = { repeat: 5, calls: 400 }
`

describe('in setupFilesAfterEnv', () => {
  let results
  beforeAll(async () => {
    results = await runJest({
      'leaks.test.js': `${FUNCTIONS}
        test('a clean one does not leak', () => expect(clean).not.toLeak())
        test('a leaky one does', () => expect(leaky).toLeak())
        test('one that leaks after it has waited', () => expect(leakyLater).toLeak(quick))
        test('a leaky one does not leak', () => expect(leaky).not.toLeak(quick))
        test('a clean one leaks', () => expect(clean).toLeak(quick))
        test('what it throws passes', () => expect(() => { throw new Error('mine') }).not.toLeak())
        test('what is no function', () => expect('clean').not.toLeak())
        test('a bad option', () => expect(clean).not.toLeak({ repeat: 1 }))
        test('an option: what leaks less than that', () => expect(leaky).not.toLeak({ ...quick, threshold: '10kb' }))
        test('with fake timers', async () => {
          jest.useFakeTimers()
          await expect(clean).not.toLeak(quick)
          jest.useRealTimers()
        })
        test('among others', async () => {
          expect.assertions(2)
          expect(1).toBe(1)
          await expect(clean).not.toLeak(quick)
        })`
    }, { setupFilesAfterEnv: [MATCHER] })
  }, 10 * MINUTES)

  test.each([
    'a clean one does not leak', 'a leaky one does', 'one that leaks after it has waited',
    'an option: what leaks less than that', 'with fake timers', 'among others'
  ])('passes: %s', name => {
    expect(results[name]).toEqual({ status: 'passed', text: '' })
  })

  test('a leak fails with a report', () => {
    const { status, text } = results['a leaky one does not leak']
    expect(status).toBe('failed')
    expect(text).toMatch(/expect\(fn\)\.not\.toLeak\(options\)\n\nthe function keeps something at each call/)
    expect(text).toMatch(/\n {2}the heap: \+\d+ bytes a call\n/)
    expect(text).toContain('\nMade in these functions, and still there:\n')
    expect(text).toMatch(/\n {2}\d+ %, \d+ bytes a call: leaky \(leaks\.test\.js:4:\d+\)/)
  })

  test('so does one that was expected and is not there', () => {
    const { status, text } = results['a clean one leaks']
    expect(status).toBe('failed')
    expect(text).toMatch(/expect\(fn\)\.toLeak\(options\)\n\nno leak in [\d,]+ calls in \d+ rounds/)
  })

  test.each([
    ['what it throws passes', 'Error: mine'],
    ['what is no function', "argument 'fn' must be a function, got 'clean' (string)"],
    ['a bad option', "option 'repeat' must be an integer from 4 to 1000, got 1 (number)"]
  ])('%s', (name, message) => {
    expect(results[name]).toEqual({ status: 'failed', text: expect.stringContaining(message) })
  })
})

test('required by a test, and where nothing is global', async () => {
  const results = await runJest({
    'leaks.test.js': `
      const { expect, test } = require('@jest/globals')
      require(${quoted(MATCHER)})
      ${FUNCTIONS}
      test('clean', () => expect(clean).not.toLeak(quick))
      test('leaky', () => expect(leaky).toLeak(quick))`
  }, { injectGlobals: false })
  expect(results).toEqual({ clean: { status: 'passed', text: '' }, leaky: { status: 'passed', text: '' } })
}, 2 * MINUTES)

test('elsewhere nothing happens, and the matcher can be called as it is', async () => {
  const program = `
    const { matchers, toLeak } = require(${quoted(MATCHER)})
    if (matchers.toLeak !== toLeak) throw new Error('two')
    toLeak(() => {}, { repeat: 4, calls: 10 })
      .then(({ pass, message }) => console.log(JSON.stringify([pass, message()])))`
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', program], { encoding: 'utf8' })
  expect(stderr).toBe('')
  expect(JSON.parse(stdout)).toEqual([false, expect.stringMatching(/^expect\(fn\)\.toLeak\(options\)\n\nno leak in /)])
}, MINUTES)
