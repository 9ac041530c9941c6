'use strict'

// Globals: those that were not there at the start, and those that only grow.

const leaks = require('../lib/leaks')
const globals = require('../lib/leaks/globals')
const { LEAKS, inFolder, quoted, tell, write } = require('./support/leaks')

const watches = []
const added = []
const put = (name, value) => {
  added.push(name)
  globalThis[name] = value
  return value
}
afterEach(() => {
  for (const made of watches.splice(0)) made.stop()
  for (const name of added.splice(0)) delete globalThis[name]
})

async function findings (act, options = { globals: true }, looks = 6) {
  const watch = leaks.watch({ interval: 0, ...options })
  watches.push(watch)
  for (let look = 0; look < looks; look += 1) {
    act(look)
    await watch.look()
  }
  expect(watch.report().failures).toEqual({})
  return watch.report().findings
}

const times = (n, act) => { for (let i = 0; i < n; i += 1) act(i) }

describe('collections that only grow', () => {
  let next = 0
  test.each([
    ['an array', () => [], list => list.push(1)],
    ['a Map', () => new Map(), map => map.set({}, 1)],
    ['a Set', () => new Set(), set => set.add({})],
    ['an object', () => ({}), object => { object[`key${next += 1}`] = 1 }],
    ['an object', () => Object.create(null), object => { object[`key${next += 1}`] = 1 }]
  ])('%s', async (kind, make, add) => {
    const value = put('requests', make())
    expect(await findings(() => times(50, () => add(value)))).toEqual([{
      kind: 'global',
      message: `the global 'requests', ${kind}, only grows: it grew from 50 to 300 entries in 6 looks`,
      name: 'requests',
      growth: { from: 50, to: 300, looks: 6, perHour: expect.any(Number) },
      confidence: 'certain',
      source: 'counts'
    }])
  })

  test('within a global: one step', async () => {
    class App {
      sessions = new Map()
      own = { deep: [] }
    }
    const app = put('app', new App())
    const found = await findings(() => times(50, i => {
      app.sessions.set({}, i)
      app.own.deep.push(i)
    }))
    expect(found.map(({ name }) => name)).toEqual(['app.sessions'])
  })

  test('a list that is made anew each time', async () => {
    put('list', [])
    const found = await findings(() => { globalThis.list = [...globalThis.list, ...new Array(50)] })
    expect(found.map(({ name, growth }) => [name, growth.to])).toEqual([['list', 300]])
  })

  test('from another realm', async () => {
    const foreign = put('foreign', require('node:vm').runInNewContext('({})'))
    expect(await findings(look => times(50, i => { foreign[`${look}/${i}`] = 1 }))).toMatchObject([{ name: 'foreign' }])
  })

  test('none: those that are bounded, as large as ever, emptied or shorter at times', async () => {
    const bounded = put('bounded', [])
    const queue = put('queue', [])
    put('large', new Array(5000).fill(0))
    const filled = put('filled', [])
    expect(await findings(look => {
      times(50, () => bounded.push(1))
      bounded.splice(0, Math.max(0, bounded.length - 120))
      if (look % 3 === 0) queue.length = 0
      times(200, () => queue.push(1))
      if (look < 2) times(400, () => filled.push(1))
    }, { globals: true }, 16)).toEqual([])
  })

  test('those that are to be ignored', async () => {
    put('requests', [])
    put('app', { log: [] })
    const act = () => times(50, () => { globalThis.requests.push(1); globalThis.app.log.push(1) })
    expect(await findings(act, { globals: { ignore: ['requests', 'app.log'] } })).toEqual([])
  })

  test('the least number', async () => {
    const act = () => times(10, () => globalThis.requests.push(1))
    put('requests', [])
    expect(await findings(act, { globals: { minimum: 61 } })).toEqual([])
    put('requests', [])
    expect(await findings(act, { globals: { minimum: 60 } })).toHaveLength(1)
  })

  test('what takes long to count is not counted at each look', () => {
    const list = put('requests', [])
    let time = 0
    // Between any two readings of the clock pass 100 ms.
    const now = () => { time += 100; return time }
    const lookOfFirst = interval => {
      list.length = 0
      const part = globals.start({ options: {}, interval, now })
      for (let look = 0; look < 100; look += 1) {
        times(50, () => list.push(1))
        if (part.look(now()).some(({ name }) => name === 'requests')) return look
      }
      return undefined
    }
    // The fourth count is at the fourth look, or each count makes up for as many as it took too long.
    expect([200_000, 30_000, 0, 10_000].map(lookOfFirst)).toEqual([3, 12, 12, 33])
  })
})

describe('new names', () => {
  test.each([
    ['an array of 3 entries', () => [1, 2, 3]],
    ['an object of 1 entry', () => ({ a: 1 })],
    ['a Map of 0 entries', () => new Map()],
    ['a string of 5 characters', () => 'abcde'],
    ['a number', () => 7],
    ['a boolean', () => true],
    ['null', () => null],
    ['undefined', () => undefined],
    ['a function', () => () => {}],
    ['a Buffer of 1.5 KB', () => Buffer.alloc(1536)],
    ['a Date', () => new Date()],
    ['a symbol', () => Symbol('x')],
    ['a bigint', () => 1n]
  ])('%s', async (text, make) => {
    const value = make()
    expect(await findings(look => { if (look === 1) put('leaky', value) })).toEqual([{
      kind: 'global',
      message: `the global 'leaky', ${text}, was not there when the watch began`,
      name: 'leaky',
      confidence: 'suspected',
      source: 'counts'
    }])
  })

  test('one that grows as well is told as such', async () => {
    const told = []
    const watch = leaks.watch({ interval: 0, globals: true, onLeak: ({ message }) => told.push(message) })
    watches.push(watch)
    for (let look = 0; look < 6; look += 1) {
      if (look === 1) put('leaky', [])
      if (look > 0) times(50, () => globalThis.leaky.push(1))
      await watch.look()
    }
    expect(told).toEqual([
      "the global 'leaky', an array of 100 entries, was not there when the watch began",
      "the global 'leaky', an array, only grows: it grew from 50 to 200 entries in 4 looks"
    ])
    expect(watch.report().findings).toMatchObject([{ name: 'leaky', growth: { to: 250 } }])
  })

  test('those that come and go, getters and symbols are none', async () => {
    let read = 0
    added.push('lazy')
    const key = Symbol('registry')
    expect(await findings(look => {
      if (look === 1) {
        put('passing', 1)
        const get = () => { read += 1; return 1 }
        Object.defineProperty(globalThis, 'lazy', { configurable: true, enumerable: true, get })
        globalThis[key] = {}
      }
      if (look === 2) delete globalThis.passing
    })).toEqual([])
    delete globalThis[key]
    expect(read).toBe(0)
  })

  test('a variable that nobody has declared, in a process of its own', () => inFolder(folder => {
    write(folder, {
      'main.js': `const leaks = require(${quoted(LEAKS)})
const watch = leaks.watch({ globals: true, interval: 0 })
require('node:http')
const refuse = () => { throw new Error('no') }
fetch; crypto.subtle; structuredClone({})
performance.now(); new Blob([])
const main = async () => {
  for (let look = 0; look < 4; look += 1) {
    for (counter = 0; counter < 3; counter += 1);
    guarded = new Proxy({}, { get: refuse, ownKeys: refuse, getPrototypeOf: refuse })
    await watch.look()
  }
  console.log(JSON.stringify(watch.report().findings.map(({ message }) => message)))
}
main()
`
    })
    expect(tell(folder, 'main.js')).toEqual([
      "the global 'counter', a number, was not there when the watch began",
      "the global 'guarded', a Proxy, was not there when the watch began"
    ])
  }))
})

test.each([
  [{ ignore: 'requests' }], [{ ignore: [1] }], [{ minimum: 0 }], [{ looks: 2 }], [{ ignored: [] }]
])('%j is refused', options => {
  expect(() => leaks.watch({ globals: options })).toThrow(expect.objectContaining({
    code: expect.stringMatching(/^ERR_HEAPWISE_/)
  }))
})
