'use strict'

// Collections that only grow, found by heap snapshots in processes that leak, not in their cured twins, nor in idle
// ones.

const { execFile } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const { promisify } = require('node:util')

const root = path.join(__dirname, '..')
const folder = path.join('__test__', 'fixtures', 'heap-leaks')

const run = async (how, parts, looks = 4) => {
  const args = [path.join('__test__', 'fixtures', 'heap-leaks.js'), how, parts, String(looks)]
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { cwd: root, maxBuffer: 2 ** 26 })
  expect(stderr).toBe('')
  return JSON.parse(stdout)
}

/** The line of a fixture that is marked: what is named is there. */
const lineOf = (file, mark = 'HERE') => {
  const lines = fs.readFileSync(path.join(root, folder, file), 'utf8').split('\n')
  return `${path.join(folder, file)}:${lines.findIndex(line => line.endsWith(`// ${mark}`)) + 1}`
}

const COLLECTIONS = [
  ['sessions', 'module-map.js'],
  ['seen', 'module-set.js'],
  ['log', 'module-array.js'],
  ['byName', 'module-object.js'],
  ['counts', 'module-counts.js'],
  ['store.byId', 'class-fields.js'],
  ['store.#hidden', 'class-fields.js'],
  ['Store.all', 'class-fields.js', 'THERE'],
  ['entries', 'closure-variable.js'],
  ['state.users.index', 'nested-holder.js'],
  ['state.rooms[…]', 'nested-holder.js'],
  ['exports.history', 'exported.js'],
  ['published', 'es-module.mjs'],
  ['internal', 'es-module.mjs', 'THERE'],
  ['(variable)', 'waiting-function.js'],
  ['heads', 'buffer-slices.js'],
  ['bodies', 'buffer-bodies.js']
]

const namesAndPlaces = findings => findings.map(({ name, place }) => [name, place?.replace(/:\d+$/, '')])

const sorted = list => list.map(each => JSON.stringify(each)).sort()

let leaky
beforeAll(async () => { leaky = await run('leaky', 'collections,buffers') }, 120_000)

test('each leak is found, with its name, its file and its line, and nothing else', () => {
  const expected = COLLECTIONS.map(([name, file, mark]) => [name, lineOf(file, mark)])
  const found = leaky.findings.filter(({ kind }) => kind === 'collection')
  expect(leaky.failures).toEqual([])
  expect(sorted(namesAndPlaces(found))).toEqual(sorted([...expected, ['global.requests', undefined]]))
})

test('a finding says how much, in fields and in one sentence', () => {
  const finding = leaky.findings.find(({ name }) => name === 'sessions')
  expect(finding).toEqual({
    kind: 'collection',
    message: expect.stringMatching(new RegExp(`^the Map sessions at ${lineOf('module-map.js')}:7 \\(module scope\\) only ` +
      'grows: it grew from 600 to 1,200 entries in 4 looks, and keeps [\\d.]+ KB alive$')),
    name: 'sessions',
    place: `${lineOf('module-map.js')}:7`,
    growth: { from: 600, to: 1200, looks: 4, perHour: expect.any(Number), bytes: expect.any(Number) },
    confidence: 'likely',
    source: 'heap snapshot'
  })
  expect(finding.growth.perHour).toBeGreaterThan(600)
  // 600 entries of a string, an object and a place in a table.
  expect(finding.growth.bytes).toBeGreaterThan(600 * 48)
  expect(finding.growth.bytes).toBeLessThan(600 * 1000)
})

test.each([
  ['closure-variable.js', 'a variable of the function createTracker'],
  ['waiting-function.js', 'a variable of the function collect, which is waiting'],
  ['exported.js', 'exported by its module'],
  ['es-module.mjs', 'exported by its module'],
  ['nested-holder.js', 'module scope']
])('%s: %s', (file, scope) => {
  const place = lineOf(file)
  expect(leaky.findings.find(finding => finding.place?.startsWith(place)).message).toContain(`(${scope})`)
})

test('Buffers: views of larger memory are told from large Buffers', () => {
  const found = leaky.findings.filter(({ kind }) => kind === 'buffer')
  expect(sorted(namesAndPlaces(found))).toEqual(sorted([
    ['heads', lineOf('buffer-slices.js')], ['bodies', lineOf('buffer-bodies.js')]
  ]))
  const messageOf = wanted => found.find(({ name }) => name === wanted).message
  expect(messageOf('heads')).toContain('holds 1,200 Buffers of 16 bytes on average, 18.8 KB in all, which keep ' +
    '18.8 MB alive: they are views of larger memory; that memory grew from 9.4 MB to 18.8 MB in 4 looks')
  expect(messageOf('bodies')).toContain('holds 1,200 Buffers of 16.0 KB on average, 18.8 MB in all; that memory grew')
  expect(found[0].growth).toMatchObject({ from: 600 * 16_384, to: 1200 * 16_384, looks: 4, bytes: 600 * 16_384 })
})

test('both parts look at the same snapshot', () => expect(leaky.snapshots).toBe(4))

test('the cured twins are not found', async () => {
  expect(await run('cured', 'collections,buffers', 5)).toEqual({ findings: [], failures: [], snapshots: 5 })
}, 120_000)

test('nothing is found in a process that does nothing', async () => {
  expect(await run('idle', 'collections,buffers', 5)).toEqual({ findings: [], failures: [], snapshots: 5 })
}, 120_000)

test('two looks are not enough', async () => {
  expect(await run('leaky', 'collections,buffers', 2)).toMatchObject({ findings: [], failures: [] })
}, 120_000)

test('one part alone tells its own', async () => {
  const { findings } = await run('leaky', 'buffers', 3)
  expect([...new Set(findings.map(({ kind }) => kind))]).toEqual(['buffer'])
}, 120_000)
