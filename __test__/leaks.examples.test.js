'use strict'

// examples/leaks, as a reader meets it.

const fs = require('node:fs')
const path = require('node:path')

const catalogue = require('../examples/leaks/catalogue.js')
const { blocksOf } = require('./support/markdown.js')
const { execute, home, leakOf, sourceOf, toldOf } = require('./support/leak-examples.js')

const names = Object.keys(catalogue)
const folders = fs.readdirSync(home, { withFileTypes: true })
  .filter(entry => entry.isDirectory()).map(({ name }) => name)

// Without comments, as these tell what the lines do.
const codeOf = text => text.split('\n').map(line => line.replace(/\s*\/\/.*$/, '')).filter(line => line !== '')

/** The lines of `some` that are not among `others`, each as often as it is there. */
function missing (some, others) {
  const left = [...others]
  return some.filter(line => {
    const at = left.indexOf(line)
    if (at >= 0) left.splice(at, 1)
    return at < 0
  })
}

test('each folder is in the catalogue, and in the README', () => {
  expect(names.sort()).toEqual(folders.sort())
  const readme = fs.readFileSync(path.join(home, 'README.md'), 'utf8')
  expect(names.filter(name => !readme.includes(`[${name}](${name}/)`))).toEqual([])
})

test.each(names)('%s: one line leaks, and the cure is small', name => {
  expect(leakOf(name)).toMatch(/leaky\.js:\d+$/)
  const leaky = codeOf(sourceOf(name, 'leaky'))
  const cured = codeOf(sourceOf(name, 'cured'))
  const gone = missing(leaky, cured)
  const come = missing(cured, leaky)
  expect(leaky).not.toEqual(cured)
  expect(come.length).toBeLessThanOrEqual(3)
  expect(gone.length).toBeLessThanOrEqual(3)
})

describe('docs/leaks.md', () => {
  const blocks = blocksOf('docs/leaks.md')
  const codes = blocks.filter(({ language }) => language === 'js').map(({ code }) => code)
  const texts = blocks.filter(({ language }) => language === 'text').map(({ code }) => code)
  const isDiff = text => text.split('\n').every(line => /^[-+]/.test(line))

  test.each(names)('%s is shown as it is, with what is printed, and its cure', name => {
    const leaky = sourceOf(name, 'leaky')
    const [shown] = codes.filter(code => code.includes('// the leak') && leaky.includes(code))
    expect(shown?.split('\n').length).toBeGreaterThan(4)
    expect(toldOf(name).length).toBeGreaterThan(1)
    const lines = [codeOf(leaky), codeOf(sourceOf(name, 'cured'))]
    const [gone, come] = [missing(...lines), missing(lines[1], lines[0])]
    const cures = texts.filter(isDiff).map(text => text.split('\n'))
    expect(cures.filter(cure => [...gone.map(line => `-${line}`), ...come.map(line => `+${line}`)]
      .every(line => cure.includes(line))).length).toBeGreaterThan(0)
  })
})

test('without a name it lists what there is', async () => {
  const { stdout } = await execute()
  for (const name of names) expect(stdout).toContain(`  ${name.padEnd(24)} ${catalogue[name].about}`)
})

test('a name that is none is an error', async () => {
  await expect(execute('nothing')).rejects.toMatchObject({ code: 1 })
  await expect(execute('toString')).rejects.toMatchObject({ code: 1 })
})

test('it prints what it finds in words', async () => {
  const args = ['--parts', 'listeners', '--requests', '600']
  const { stdout } = await execute('listener-per-request', ...args)
  expect(stdout).toMatch(/^rss \d+ MB, heap \d+ MB, external \d+ MB; \d+ collections, [\d.]+ % of the time$/m)
  expect(stdout).toContain("listener (certain): 600 listeners for 'change' are on one Prices")
  expect(stdout).not.toContain('nothing found')
  const cured = await execute('listener-per-request', '--cured', ...args)
  expect(cured.stdout.split('\n').slice(1)).toEqual(['nothing found', ''])
})
