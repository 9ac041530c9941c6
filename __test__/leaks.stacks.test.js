'use strict'

// Allocation sites of what stays alive, by V8's sampling heap profiler: in processes of their own, since it is one for
// all who share a thread.

const stacks = require('../lib/leaks/stacks')
const { readProfile } = require('../lib/leaks/stacks-profile')
const { LEAKS, inFolder, lineOf, quoted, run, tell, write } = require('./support/leaks')

const MINUTES = 60_000

const HEAD = `
const leaks = require(${quoted(LEAKS)})
const inspector = require('node:inspector')
const open = () => {
  const session = new inspector.Session()
  session.connect()
  return { session, post: (method, params) => {
    let outcome
    session.post(method, params, (error, result) => { outcome = error ? { error: error.message } : result })
    return outcome
  } }
}
const options = { samplingInterval: 1024, bytes: 200_000 }
const kept = []
const memo = new Map()
const ring = []
let n = 0
class Order {
  constructor (id) {
    this.id = id
    this.lines = new Array(20).fill(id)
  }
}
function keepOrder () { kept.push(new Order(n)) }
function remember () {
  const key = n % 3000
  if (!memo.has(key)) memo.set(key, new Array(30).fill(key))
}
function rotate () {
  ring.push(new Array(20).fill(n))
  if (ring.length > 3000) ring.shift()
}
function waste () { return new Array(100).fill(n).length }
const act = each => { for (let i = 0; i < 1500; i++, n++) each() }
const looks = async (watch, each, times) => {
  const found = []
  for (let look = 0; look < times; look++) {
    act(each)
    found.push(...await watch.look())
  }
  return found
}
const print = answer => console.log(JSON.stringify(answer))
`

const told = (body, flags = []) => inFolder(folder => {
  write(folder, { 'main.js': `${HEAD}\n;(async () => {${body}})()\n` })
  return tell(folder, 'main.js', flags)
})

const watched = each => told(`
  const watch = leaks.watch({ stacks: options, interval: 0 })
  const found = await looks(watch, ${each}, 10)
  const { cost } = watch.report()
  watch.stop()
  print({ found, cost, after: open().post('HeapProfiler.getSamplingProfile') })
`)

// V8 tells of a function that it has compiled into another, the other.
const LINES = { Order: 'constructor (id)', keepOrder: 'function keepOrder', act: 'const act =' }

test('a function whose objects stay is told, with place, growth and stack', async () => {
  const { found, cost, after } = await watched('keepOrder')
  const finding = found.find(({ name }) => name in LINES)
  const line = lineOf(HEAD, LINES[finding.name])
  expect(finding).toMatchObject({
    kind: 'allocation',
    message: expect.stringMatching(
      /^about [\d.]+ [KM]B of what \w+ at main\.js:\d+:\d+ has made are still alive; they grew from [\d,]+ to/
    ),
    place: expect.stringMatching(new RegExp(`^main\\.js:${line}:\\d+$`)),
    source: 'sampling heap profiler',
    growth: { looks: expect.any(Number), bytes: expect.any(Number) }
  })
  expect(finding.growth.looks).toBeGreaterThanOrEqual(4)
  expect(finding.growth.bytes).toBeGreaterThan(200_000)
  expect(finding.growth.to - finding.growth.from).toBe(finding.growth.bytes)
  expect(finding.stack[0]).toBe(`${finding.name} (${finding.place})`)
  expect(cost.stacks).toBeGreaterThan(0)
  expect(after).toEqual({ error: expect.stringContaining('not started') })
}, MINUTES)

test.each(['remember', 'rotate', 'waste'])('a function that does not leak is not told: %s', async each => {
  expect((await watched(each)).found).toEqual([])
}, MINUTES)

test('the place is that in the source, by the source map', async () => {
  // Each line is that of the source ten lines further down.
  const program = 'const kept = []\nfunction keep (i) { kept.push(new Array(20).fill(i)) }\nmodule.exports = keep\n'
  const map = { version: 3, sources: ['written.ts'], names: [], mappings: 'AAUA;AACA;AACA' }
  const url = `data:application/json;base64,${Buffer.from(JSON.stringify(map)).toString('base64')}`
  const { found } = await inFolder(folder => {
    write(folder, {
      'made.js': `${program}//# sourceMappingURL=${url}\n`,
      'main.js': `${HEAD}
        const keep = require('./made')
        ;(async () => {
          const watch = leaks.watch({ stacks: options, interval: 0 })
          print({ found: await looks(watch, () => keep(n), 8) })
        })()`
    })
    // So that it is not compiled into its caller.
    return tell(folder, 'main.js', ['--no-opt', '--no-maglev'])
  })
  expect(found[0]).toMatchObject({ name: 'keep', place: expect.stringMatching(/^written\.ts:12:\d+$/) })
}, MINUTES)

test('somebody else who samples goes on to, whatever is watched', async () => {
  const answer = await told(`
    const other = open()
    other.post('HeapProfiler.startSampling', { samplingInterval: 2048 })
    const watch = leaks.watch({ stacks: options, interval: 0 })
    const found = await looks(watch, keepOrder, 10)
    watch.stop()
    print({ found: found.length, profile: Object.keys(other.post('HeapProfiler.stopSampling')) })
  `)
  expect(answer.found).toBeGreaterThan(0)
  expect(answer.profile).toEqual(['profile'])
}, MINUTES)

test('when somebody else ends the sampling, it begins anew', async () => {
  const { ended, found } = await told(`
    const watch = leaks.watch({ stacks: options, interval: 0 })
    await looks(watch, keepOrder, 2)
    const other = open()
    other.post('HeapProfiler.startSampling', {})
    const ended = Object.keys(other.post('HeapProfiler.stopSampling'))
    other.session.disconnect()
    const found = await looks(watch, keepOrder, 10)
    watch.stop()
    print({ ended, found: found.length })
  `)
  expect(ended).toEqual(['profile'])
  expect(found).toBeGreaterThan(0)
}, MINUTES)

test('two watches', async () => {
  const [first, second] = await told(`
    const watches = [0, 1].map(() => leaks.watch({ stacks: options, interval: 0 }))
    const found = [[], []]
    for (let look = 0; look < 8; look++) {
      act(keepOrder)
      for (const [i, watch] of watches.entries()) found[i].push(...await watch.look())
    }
    for (const watch of watches) watch.stop()
    print(found.map(({ length }) => length))
  `)
  expect(first).toBeGreaterThan(0)
  expect(second).toBeGreaterThan(0)
}, MINUTES)

test('in a worker', async () => {
  const found = await inFolder(folder => {
    write(folder, {
      'main.js': `
        const { Worker, isMainThread, parentPort } = require('node:worker_threads')
        if (isMainThread) {
          new Worker(__filename).once('message', found => { console.log(JSON.stringify(found)) })
        } else {
          ${HEAD}
          ;(async () => {
            const watch = leaks.watch({ stacks: options, interval: 0 })
            parentPort.postMessage(await looks(watch, keepOrder, 8))
          })()
        }`
    })
    return tell(folder, 'main.js')
  })
  expect(found.map(({ name }) => name).filter(name => name in LINES)).not.toEqual([])
}, MINUTES)

test('a watch that is never stopped lets the process end', async () => {
  const { status, stderr } = await inFolder(folder => {
    write(folder, { 'main.js': `${HEAD}\nleaks.watch({ stacks: true }); process.exitCode = 3` })
    return run(folder, 'main.js')
  })
  expect({ status, stderr }).toEqual({ status: 3, stderr: '' })
}, MINUTES)

test('without an inspector it says so', async () => {
  const failure = await told(`
    inspector.Session.prototype.connect = () => { throw new Error('there is none') }
    try {
      leaks.watch({ stacks: true })
    } catch ({ code, message }) {
      print({ code, message })
    }
  `)
  expect(failure).toEqual({
    code: 'ERR_HEAPWISE_UNSUPPORTED', message: expect.stringMatching(/'stacks'.*inspector.*\(there is none\)/)
  })
}, MINUTES)

test.each([
  [{ samplingInterval: 63 }, 'ERR_HEAPWISE_INVALID_ARG_VALUE'],
  [{ samplingInterval: '1kb' }, 'ERR_HEAPWISE_INVALID_ARG_TYPE'],
  [{ bytes: 0 }, 'ERR_HEAPWISE_INVALID_ARG_VALUE'],
  [{ looks: 2 }, 'ERR_HEAPWISE_INVALID_ARG_VALUE'],
  [{ samplingIntervall: 1024 }, 'ERR_HEAPWISE_UNKNOWN_OPTION']
])('options %p', (options, code) => {
  expect(() => stacks.check(options)).toThrow(expect.objectContaining({ code }))
})

// ---- profiles that are made up

describe('whose doing it is', () => {
  let ids = 0
  const node = (functionName, url, selfSize, children = []) =>
    ({ id: ++ids, callFrame: { functionName, url, scriptId: '1', lineNumber: 4, columnNumber: 2 }, selfSize, children })
  const root = (...children) => ({ head: node('(root)', '', 0, children), samples: [] })
  const sites = profile => [...readProfile(profile).sites.values()]
    .map(({ name, file, bytes, users }) => ({ name, file, bytes, users }))

  test('the innermost function of the program, not of a package or of Node', () => {
    const profile = root(node('main', 'file:///app/main.mjs', 0, [
      node('handle', '/app/handle.js', 0, [
        node('parse', '/app/node_modules/parser/index.js', 0, [node('push', 'node:internal/x', 100), node('', '', 5)])
      ])
    ]))
    expect(sites(profile)).toEqual([{ name: 'handle', file: '/app/handle.js', bytes: 105, users: true }])
  })

  test("a package's, if no function of the program is there", () => {
    const profile = root(node('run', 'node:internal/timers', 0, [node('tick', '/app/node_modules/x/index.js', 7)]))
    expect(sites(profile)).toEqual([{ name: 'tick', file: '/app/node_modules/x/index.js', bytes: 7, users: true }])
  })

  test("Node's own, if there is nobody else's; heapwise's is nobody's", () => {
    const own = require.resolve('../lib/leaks/stacks.js')
    const profile = root(
      node('run', 'node:internal/timers', 9),
      node('look', own, 50, [node('post', 'node:inspector', 60)])
    )
    expect(sites(profile)).toEqual([{ name: 'run', file: 'node:internal/timers', bytes: 9, users: false }])
  })

  test('all that one function has made, by whatever way, is one', () => {
    const leaf = bytes => node('make', '/app/make.js', bytes)
    const profile = root(node('a', '/app/a.js', 0, [leaf(10)]), node('b', '/app/b.js', 0, [leaf(30)]))
    const [site, ...rest] = readProfile(profile).sites.values()
    expect(rest).toEqual([])
    expect(site).toMatchObject({ key: '/app/make.js:5:3', bytes: 40 })
    // The way that made most.
    expect(site.stack.map(({ name }) => name)).toEqual(['make', 'b'])
  })

  test('samples are counted', () => {
    const leaf = node('make', '/app/make.js', 10)
    const profile = root(leaf)
    profile.samples = [{ nodeId: leaf.id }, { nodeId: leaf.id }, { nodeId: 0 }]
    expect([...readProfile(profile).sites.values()][0].samples).toBe(2)
  })

  test('a stack without a script, and an empty profile', () => {
    expect(sites(root(node('(V8 API)', '', 12)))).toEqual([])
    expect(sites(root())).toEqual([])
  })
})
