'use strict'

// The analysis of snapshots in files, against what JSON.parse and a few loops say of them.

const fs = require('node:fs')
const path = require('node:path')
const native = require('../lib/native')
const { analyse } = require('../lib/leaks/snapshots')
const { makeFolder, removeAll } = require('./support/heap-process')
const { runProcess } = require('./support/off-heap-workers')

let folder
let files
beforeAll(async () => {
  folder = makeFolder()
  files = [1, 2, 3].map(number => path.join(folder, `${number}.heapsnapshot`))
  const { stderr } = await runProcess(`
    class Session { data = new Array(10).fill('x') }
    const sessions = new Map()
    globalThis.keep = () => sessions
    for (const file of ${JSON.stringify(files)}) {
      for (let i = 0; i < 500; i++) sessions.set(sessions.size + ' é', new Session())
      require('v8').writeHeapSnapshot(file)
    }
  `)
  expect(stderr).toBe('')
}, 60_000)
afterAll(removeAll)

/** The sums of each class, the slow way. */
const sums = file => {
  const { snapshot: { meta }, nodes, strings } = JSON.parse(fs.readFileSync(file, 'utf8'))
  const fields = meta.node_fields
  const at = Object.fromEntries(fields.map((name, index) => [name, index]))
  const kinds = meta.node_types[0]
  const own = { closure: 'Function', regexp: 'RegExp', code: '(compiled code)' }
  const classes = new Map()
  let bytes = 0
  for (let node = 0; node < nodes.length; node += fields.length) {
    const kind = kinds[nodes[node + at.type]]
    const name = kind === 'object' || kind === 'native' ? strings[nodes[node + at.name]] : own[kind] ?? `(${kind})`
    const sum = classes.get(name) ?? { count: 0, bytes: 0 }
    sum.count += 1
    sum.bytes += nodes[node + at.self_size]
    bytes += nodes[node + at.self_size]
    classes.set(name, sum)
  }
  return { classes, bytes, nodes: nodes.length / fields.length }
}

test('classes, counts and sizes are those of the file', async () => {
  const slow = files.map(sums)
  const { snapshots, classes } = await analyse(files)
  expect(snapshots.map(({ nodes, bytes }) => [nodes, bytes])).toEqual(slow.map(({ nodes, bytes }) => [nodes, bytes]))
  expect(classes.length).toBe(Math.min(slow[2].classes.size, 200))
  for (const { name, count, bytes } of classes) {
    expect([name, count, bytes]).toEqual([name,
      slow.map(({ classes: all }) => all.get(name)?.count ?? 0),
      slow.map(({ classes: all }) => all.get(name)?.bytes ?? 0)])
  }
  const session = classes.find(({ name }) => name === 'Session')
  expect(session.count).toEqual([500, 1000, 1500])
  // Each with its array.
  expect(session.retained).toBeGreaterThan(session.bytes[2] + 1500 * 80)
})

test('growth between two snapshots, and the name of what holds it', async () => {
  const { growers } = await analyse(files.slice(0, 2))
  expect(growers).toHaveLength(1)
  expect(growers[0]).toMatchObject({
    sort: 'Map',
    entries: { from: 500, to: 1000, looks: 2, rises: 1 },
    holder: { kind: 'variable', name: 'sessions' }
  })
  expect(growers[0].retained).toBeGreaterThan(1000 * 150)
})

test('one snapshot alone has classes, and no growth', async () => {
  const { growers, classes, snapshots } = await analyse(files.slice(0, 1))
  expect([growers, snapshots.length]).toEqual([[], 1])
  expect(classes.find(({ name }) => name === 'Session').count).toEqual([500])
})

test('it takes less memory than the file', async () => {
  const { snapshots } = await analyse(files)
  snapshots.forEach(({ memory }, index) => expect(memory).toBeLessThan(fs.statSync(files[index]).size))
})

describe('what is no snapshot', () => {
  const write = bytes => {
    const file = path.join(folder, 'damaged.heapsnapshot')
    fs.writeFileSync(file, bytes)
    return file
  }

  test.each([
    ['a part', whole => whole.subarray(0, whole.length - 5), /the text ends too early/],
    ['nothing', () => '', /the text ends too early/],
    ['another JSON', () => '{"nodes":[]}', /the fields of a node are not described/],
    ['a picture', () => Buffer.from([0x89, 0x50, 0x4e, 0x47]), /a value is missing/]
  ])('%s', async (_, damage, message) => {
    const file = write(damage(fs.readFileSync(files[0])))
    await expect(analyse([file])).rejects.toMatchObject({
      code: 'ERR_HEAPWISE_SNAPSHOT_DAMAGED', message: expect.stringMatching(message)
    })
  })

  test('no file, a folder', async () => {
    await expect(analyse([path.join(folder, 'none')])).rejects.toMatchObject({ code: 'ERR_HEAPWISE_SNAPSHOT_DAMAGED' })
    await expect(analyse([folder])).rejects.toMatchObject({ code: 'ERR_HEAPWISE_SNAPSHOT_DAMAGED' })
  })
})

test('native code minds what it is given', () => {
  const internal = expect.objectContaining({ code: 'ERR_HEAPWISE_INTERNAL' })
  const numbers = new Float64Array(8)
  for (const args of [
    [], [0], [0, 'a'], [0, 'a', numbers], [0, 'a', numbers, ''], [0, 'a', new Float64Array(7), '', () => {}],
    [0, 'a', [], '', () => {}], [0, 7, numbers, '', () => {}], [0, 'a', numbers, null, () => {}],
    [0, 'a', numbers, '', 'no function'], [999_999, 'a', numbers, '', () => {}], ['0', 'a', numbers, '', () => {}]
  ]) expect(() => native.heapAnalyse(...args)).toThrow(internal)
  expect(() => native.heapResult()).toThrow(internal)
  expect(() => native.heapWatchClose({})).toThrow(internal)
  expect(native.heapResult(999_999)).toBe(null)
  native.heapWatchClose(999_999)
})
