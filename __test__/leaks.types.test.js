'use strict'

// Growth by V8's types: what grows is told in plain words, and only with V8's flag.

const path = require('node:path')

const types = require('../lib/leaks/types')
const { groupOf, isOwn } = require('../lib/leaks/types-names')
const { LEAKS, inFolder, quoted, tell, write } = require('./support/leaks')

const MINUTES = 60_000
const MIB = 2 ** 20

/** A part over rows that are made up: `rowsAt(n)` is what V8 counted at the nth full collection. */
function partOver (rowsAt, options = {}) {
  const source = {
    collections: 0,
    closed: 0,
    get rows () { return rowsAt(this.collections) },
    close () { this.closed += 1 }
  }
  const part = types.start({ options, now: () => 0, source })
  const collect = () => { source.collections += 1 }
  return { part, source, collect }
}

const looksAt = ({ part, collect }, looks) => {
  const found = []
  for (let look = 0; look < looks; look++) {
    collect()
    found.push(part.look(look * 1000))
  }
  return found
}

const FLAT = ['JS_DATE_TYPE', '', 10, 960]

test('a type that grows by more than is asked, look by look', () => {
  const all = looksAt(partOver(n => ['JS_MAP_TYPE', '', 1000 * n, n * MIB, ...FLAT], { looks: 4 }), 5)
  expect(all.map(found => found.length)).toEqual([0, 0, 0, 1, 1])
  expect(all[3]).toEqual([{
    kind: 'type',
    message: 'Map objects: 4,000 of them with 4.0 MB are alive, 3,000 more than at the first look; they grew from ' +
      '1,024 to 4,096 KB in 4 looks',
    name: 'Map objects',
    types: ['JS_MAP_TYPE'],
    count: 4000,
    growth: { from: MIB, to: 4 * MIB, looks: 4, perHour: 3 * MIB * 1200, bytes: 3 * MIB },
    confidence: 'likely',
    source: 'object statistics'
  }])
})

test('types that are one thing to people are counted together', () => {
  const all = looksAt(partOver(n => [
    'SEQ_ONE_BYTE_STRING_TYPE', '', 100 * n, n * MIB, 'CONS_ONE_BYTE_STRING_TYPE', '', 50 * n, n * MIB / 2
  ]), 4)
  expect(all[3]).toEqual([expect.objectContaining({
    name: 'strings', count: 600, types: ['SEQ_ONE_BYTE_STRING_TYPE', 'CONS_ONE_BYTE_STRING_TYPE']
  })])
})

test.each([
  ['stays as it is', () => 5 * MIB],
  ['comes and goes', n => (n % 3) * 4 * MIB],
  ['fills up and levels off', n => 4 * MIB * (1 - 0.4 ** n)],
  ['grows by less than is asked', n => MIB + n * 1000],
  ['shrinks', n => (20 - n) * MIB]
])('what %s is not told', (_, bytesAt) => {
  const all = looksAt(partOver(n => ['JS_MAP_TYPE', '', 100, bytesAt(n)]), 16)
  expect(all.flat()).toEqual([])
})

test("V8's own things must grow by more: they do while a program warms up", () => {
  const growing = type => looksAt(partOver(n => [type, '', 100 * n, n * MIB / 2]), 8).flat().map(({ name }) => name)
  expect(growing('JS_MAP_TYPE').length).toBeGreaterThan(0)
  expect(growing('BYTECODE_ARRAY_TYPE')).toEqual([])
})

test('without a full collection since the last look, there is nothing to see', () => {
  const { part, collect } = partOver(n => ['JS_MAP_TYPE', '', 1, n * MIB])
  for (let look = 0; look < 20; look++) {
    if (look < 3) collect()
    expect(part.look(look)).toEqual([])
  }
})

test('a type that is gone begins anew', () => {
  const all = looksAt(partOver(n => n === 4 ? FLAT : ['JS_MAP_TYPE', '', 1, n * MIB, ...FLAT]), 8)
  expect(all.map(found => found.length)).toEqual([0, 0, 0, 0, 0, 0, 0, 1])
})

test('stop() closes the source, once', () => {
  const { part, source } = partOver(() => [])
  part.stop()
  part.stop()
  expect(source.closed).toBe(1)
  expect(part.look(1)).toEqual([])
})

test.each([
  ['JS_MAP_TYPE', 'Map objects'],
  ['JS_SET_TYPE', 'Set objects'],
  ['JS_COLLECTION_TABLE_TYPE', 'the tables of Maps and Sets'],
  ['ARRAY_ELEMENTS_TYPE', 'the elements of arrays'],
  ['FUNCTION_CONTEXT_TYPE', "closures' variables"],
  ['JS_PROMISE_TYPE', 'promises'],
  ['JS_UNCOMPILED_FUNCTION_TYPE', 'functions'],
  ['ONE_BYTE_INTERNALIZED_STRING_TYPE', 'strings'],
  ['INTERNALIZED_ONE_BYTE_STRING_TYPE', 'strings'],
  ['SLICED_ONE_BYTE_STRING_TYPE', 'strings'],
  ['THIN_STRING_TYPE', 'strings'],
  ['SCRIPT_SOURCE_EXTERNAL_ONE_BYTE_TYPE', 'source text of scripts'],
  ['JS_TYPED_ARRAY_TYPE', 'typed arrays and Buffers'],
  ['JS_OBJECT_TYPE', 'plain objects and instances of classes'],
  ['OBJECT_PROPERTY_DICTIONARY_TYPE', 'the properties of objects'],
  ['BYTECODE_ARRAY_TYPE', 'compiled code and what V8 keeps with it'],
  ['MAP_STABLE_TYPE', 'shapes of objects'],
  ['SOMETHING_NEW_TYPE', "V8's SOMETHING_NEW_TYPE"]
])('%s is %s', (type, name) => {
  expect(groupOf(type)).toBe(name)
})

test("what is V8's own is known as that", () => {
  const own = ['BYTECODE_ARRAY_TYPE', 'MAP_STABLE_TYPE', 'SOMETHING_NEW_TYPE', 'FEEDBACK_VECTOR_SLOT_CALL_TYPE']
  expect(own.map(groupOf).every(isOwn)).toBe(true)
  expect(['JS_MAP_TYPE', 'JS_OBJECT_TYPE', 'THIN_STRING_TYPE'].map(groupOf).some(isOwn)).toBe(false)
})

test.each([
  [{ bytes: 0 }, 'ERR_HEAPWISE_INVALID_ARG_VALUE'],
  [{ bytes: '1mb' }, 'ERR_HEAPWISE_INVALID_ARG_TYPE'],
  [{ looks: 2 }, 'ERR_HEAPWISE_INVALID_ARG_VALUE'],
  [{ byte: 1 }, 'ERR_HEAPWISE_UNKNOWN_OPTION']
])('options %p', (options, code) => {
  expect(() => types.check(options)).toThrow(expect.objectContaining({ code }))
})

// ---- V8 itself

const PROGRAM = `
const leaks = require(${quoted(LEAKS)})
const { collectAll } = require(${quoted(path.join(path.dirname(LEAKS), 'leaks', 'compare-collect'))})
const kept = new Map()
let n = 0
async function main () {
  let watch
  try {
    watch = leaks.watch({ types: JSON.parse(process.argv[2]), interval: 0 })
  } catch ({ code, message }) {
    return { code, message }
  }
  const found = []
  for (let look = 0; look < 6; look++) {
    for (let i = 0; i < 4000; i++) kept.set(n++, { at: new Date(n) })
    collectAll(false)
    found.push(...await watch.look())
  }
  watch.stop()
  return { found, cost: watch.report().cost }
}
main().then(answer => console.log(JSON.stringify(answer)))
`

const FLAG = '--track-gc-object-stats'

describe('in a process', () => {
  const runs = (flags, options) => inFolder(folder => {
    write(folder, { 'main.js': `process.argv[2] = ${quoted(quoted(options))}\n${PROGRAM}` })
    return tell(folder, 'main.js', flags)
  })

  test.each([FLAG, FLAG.replaceAll('-', '_').replace('__', '--')])('with %s', async flag => {
    const { found, cost } = await runs([flag], { bytes: 100_000 })
    const byName = Object.fromEntries(found.map(finding => [finding.name, finding]))
    expect(Object.keys(byName)).toEqual(expect.arrayContaining([
      'dates', 'plain objects and instances of classes', 'the tables of Maps and Sets'
    ]))
    expect(byName.dates.count).toBeGreaterThanOrEqual(16_000)
    expect(cost.types).toBeGreaterThan(0)
  }, MINUTES)

  test('without it that is an error', async () => {
    expect(await runs([], true)).toEqual({
      code: 'ERR_HEAPWISE_UNSUPPORTED', message: expect.stringContaining(`only if Node is started with ${FLAG}`)
    })
  }, MINUTES)

  test('unless it is to be used only if it is there', async () => {
    expect(await runs([], { auto: true })).toEqual({ found: [], cost: { types: 0 } })
  }, MINUTES)
})
