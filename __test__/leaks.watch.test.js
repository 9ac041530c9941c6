'use strict'

// A watch by itself: options, looks, what it tells and when, what it reports, its end.

const fs = require('node:fs')
const path = require('node:path')
const { EventEmitter } = require('node:events')

const leaks = require('../lib/leaks')
const { LeakWatch, activeFindings } = require('../lib/leaks/watch')
const { LEAKS, inFolder, quoted, run, tell, until, write } = require('./support/leaks')

const DISPOSE = Symbol.dispose ?? Symbol.for('nodejs.dispose')

const ends = []
afterEach(() => {
  for (const end of ends.splice(0)) end()
  delete globalThis.leaky
})

const watch = options => {
  const made = leaks.watch(options)
  ends.push(() => made.stop())
  return made
}

/** A watch that finds that an array grows, by as many entries at each look as are asked for. */
const growing = options => {
  globalThis.leaky = []
  const made = watch({ globals: { minimum: 10 }, interval: 0, ...options })
  const grow = async (...steps) => {
    const told = []
    for (const step of steps) {
      globalThis.leaky.length += step
      told.push(await made.look())
    }
    return told
  }
  return { made, grow }
}

const only = found => found.filter(({ growth }) => growth !== undefined)

describe('options', () => {
  test.each([
    [undefined, 'TypeError', 'options must be an object, got undefined'],
    [null, 'TypeError', 'options must be an object'],
    [7, 'TypeError', 'options must be an object'],
    [{}, 'TypeError', "there is nothing to watch: at least one of the options 'timers', 'listeners'"],
    [{ timers: false }, 'TypeError', 'there is nothing to watch'],
    [{ timer: true }, 'TypeError', "there is no option 'timer': did you mean 'timers'?"],
    [{ timers: 1 }, 'TypeError', "option 'timers' must be a boolean or an object of options, got 1 (number)"],
    [{ timers: null }, 'TypeError', "option 'timers' must be a boolean or an object"],
    [{ timers: true, interval: -1 }, 'RangeError', "option 'interval' must be an integer from 0 to 2147483647, got -1"],
    [{ timers: true, interval: 1.5 }, 'RangeError', "option 'interval'"],
    [{ timers: true, interval: 2 ** 31 }, 'RangeError', "option 'interval'"],
    [{ timers: true, interval: '30s' }, 'TypeError', "option 'interval' must be an integer"],
    [{ timers: true, onLeak: true }, 'TypeError', "option 'onLeak' must be a function"],
    [{ globals: { minimum: -1 } }, 'RangeError', "option 'globals.minimum' must be an integer of at least 1, got -1"]
  ])('%j is refused, and changes nothing', (options, name, message) => {
    const before = [setTimeout, setInterval, EventEmitter.prototype.on]
    expect(() => leaks.watch(options)).toThrow(expect.objectContaining({
      name, message: expect.stringContaining(message), code: expect.stringMatching(/^ERR_HEAPWISE_/)
    }))
    expect([setTimeout, setInterval, EventEmitter.prototype.on]).toEqual(before)
  })

  test('a part that cannot start: none does', () => {
    jest.isolateModules(() => {
      jest.doMock('../lib/leaks/pools', () => ({ name: 'pools', start () { throw new Error('not here') } }))
      const isolated = require('../lib/leaks')
      const before = [setTimeout, EventEmitter.prototype.on]
      expect(() => isolated.watch({ timers: true, listeners: true, pools: true })).toThrow('not here')
      expect([setTimeout, EventEmitter.prototype.on]).toEqual(before)
      jest.dontMock('../lib/leaks/pools')
    })
  })

  test('a watch is a LeakWatch, and an EventEmitter', () => {
    const made = watch({ globals: true })
    expect(made).toBeInstanceOf(leaks.LeakWatch)
    expect(made).toBeInstanceOf(LeakWatch)
    expect(made).toBeInstanceOf(EventEmitter)
  })
})

describe('what is told', () => {
  test('once each, and again when the growth has doubled', async () => {
    const heard = []
    const { made, grow } = growing({ onLeak: finding => heard.push(finding.growth.to) })
    const events = []
    made.on('leak', finding => events.push(finding.growth.to))
    const told = await grow(10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10)
    // 30 more than at the first look, 60 more, 120 more.
    expect(heard).toEqual([40, 70, 130])
    expect(events).toEqual(heard)
    expect(told.flat().map(({ growth }) => growth.to)).toEqual(heard)
    expect(made.report().findings).toMatchObject([{ name: 'leaky', growth: { from: 10, to: 140, looks: 14 } }])
  })

  test('onLeak is called with the watch as `this`', async () => {
    let self
    const { made, grow } = growing({ onLeak () { self = this } })
    await grow(10, 10, 10, 10)
    expect(self).toBe(made)
  })

  test('a listener that throws stops neither the others nor the looks', () => inFolder(folder => {
    write(folder, {
      'main.js': `const leaks = require(${quoted(LEAKS)})
const told = []
globalThis.leaky = []
process.on('uncaughtException', error => told.push(error.message))
const watch = leaks.watch({ globals: { minimum: 10 }, interval: 0, onLeak () { throw new Error('onLeak') } })
watch.once('leak', () => { throw new Error('first') })
watch.on('leak', () => { told.push('second'); return Promise.resolve() })
const main = async () => {
  for (let look = 0; look < 14; look += 1) {
    leaky.length += 10
    await watch.look()
  }
  await new Promise(setImmediate)
  console.log(JSON.stringify({ told: told.sort(), looks: watch.report().looks, left: watch.listenerCount('leak') }))
}
main()
`
    })
    expect(tell(folder, 'main.js')).toEqual({
      told: ['first', 'onLeak', 'onLeak', 'onLeak', 'second', 'second', 'second'], looks: 14, left: 1
    })
  }))

  test('an error that nobody catches ends the process, as of any listener', () => inFolder(folder => {
    write(folder, {
      'main.js': `const leaks = require(${quoted(LEAKS)})
globalThis.leaky = []
const watch = leaks.watch({ globals: { minimum: 10 }, interval: 5, onLeak () { throw new Error('mine') } })
setInterval(() => { leaky.length += 10 }, 1)
`
    })
    expect(run(folder, 'main.js')).toMatchObject({ status: 1, stderr: expect.stringContaining('Error: mine') })
  }))
})

describe('looks', () => {
  test('at the interval, by themselves', async () => {
    const made = watch({ globals: true, interval: 5 })
    await until(() => made.report().looks >= 5)
  })

  test('only when asked for, with an interval of 0', async () => {
    const { made, grow } = growing()
    await new Promise(resolve => setTimeout(resolve, 50))
    expect(made.report().looks).toBe(0)
    await grow(10, 10)
    expect(made.report().looks).toBe(2)
  })

  test('one at a time: who asks meanwhile waits for the next, and all who wait share it', async () => {
    const { made } = growing()
    const [first, second, third] = [made.look(), made.look(), made.look()]
    expect(second).toBe(third)
    expect(second).not.toBe(first)
    await Promise.all([first, second, third])
    expect(made.report().looks).toBe(2)
    await made.look()
    expect(made.report().looks).toBe(3)
  })

  test('within a listener', async () => {
    let within
    const { made, grow } = growing({ onLeak () { within ??= made.look() } })
    await grow(10, 10, 10, 10)
    expect(await within).toEqual([])
    expect(made.report().looks).toBe(5)
  })

  test('a part that fails is in the report; the others go on', async () => {
    await new Promise((resolve, reject) => jest.isolateModules(() => {
      let fails = true
      jest.doMock('../lib/leaks/pools', () => ({
        name: 'pools',
        start: () => ({ look () { if (fails) throw new Error('not now'); return [] }, stop () {}, costMs: 1.5 })
      }))
      const isolated = require('../lib/leaks').watch({ globals: true, pools: true, interval: 0 })
      jest.dontMock('../lib/leaks/pools')
      const steps = async () => {
        await isolated.look()
        expect(isolated.report()).toMatchObject({ looks: 1, failures: { pools: { message: 'not now' } } })
        fails = false
        await isolated.look()
        expect(isolated.report()).toMatchObject({ looks: 2, failures: {}, cost: { pools: 1.5 } })
        isolated.stop()
      }
      steps().then(resolve, reject)
    }))
  })
})

describe('the report', () => {
  test('has findings, looks, since, cost, failures and notes', async () => {
    const before = Date.now()
    const made = watch({ timers: true, listeners: true, globals: true, pools: true, interval: 0 })
    const after = Date.now()
    await made.look()
    const { since, cost, ...rest } = made.report()
    expect(rest).toEqual({ findings: [], looks: 1, failures: {}, notes: {} })
    expect(since).toBeGreaterThanOrEqual(before)
    expect(since).toBeLessThanOrEqual(after)
    expect(Object.keys(cost)).toEqual(['timers', 'listeners', 'globals', 'pools'])
    for (const ms of Object.values(cost)) expect(ms).toBeGreaterThan(0)
  })

  test('says why a part has nothing to look at', () => {
    expect(watch({ types: { auto: true }, interval: 0 }).report().notes.types).toContain('--track-gc-object-stats')
  })

  test('is JSON but for symbols of events', async () => {
    const { made, grow } = growing()
    await grow(10, 10, 10, 10)
    const report = made.report()
    expect(JSON.parse(JSON.stringify(report))).toEqual(report)
    expect(only(report.findings)).toHaveLength(1)
  })
})

describe('what is declared', () => {
  const text = fs.readFileSync(path.join(__dirname, '..', 'lib', 'leaks.d.ts'), 'utf8')
  const fieldsOf = name => {
    const [, body] = new RegExp(`interface ${name} \\{\\n([\\s\\S]*?)\\n\\}`).exec(text)
    return [...body.matchAll(/^ {2}(\w+)\??:/gm)].map(([, field]) => field).sort()
  }
  const listIn = (file, constant) => {
    const source = fs.readFileSync(path.join(__dirname, '..', 'lib', 'leaks', file), 'utf8')
    const [, list] = new RegExp(`const ${constant} = [[{]([^;]*?)[\\]}]\\n`).exec(source)
    return list
  }

  test('the options of a watch', () => {
    expect(fieldsOf('WatchOptions')).toEqual(listIn('options.js', 'KNOWN').match(/\w+/g).sort())
  })

  test.each([
    ['TimersOptions', 'timers.js'], ['ListenersOptions', 'listeners.js'], ['GlobalsOptions', 'globals.js'],
    ['PoolsOptions', 'pools.js'], ['StacksOptions', 'stacks.js'], ['TypesOptions', 'types.js']
  ])('%s', (name, file) => {
    expect(fieldsOf(name)).toEqual([...listIn(file, 'DEFAULTS').matchAll(/(\w+):/g)].map(([, field]) => field).sort())
  })

  test.each([['CollectionsOptions', 'collections.js'], ['BuffersOptions', 'buffers.js']])('%s', (name, file) => {
    expect(fieldsOf(name)).toEqual(listIn(file, 'KNOWN').match(/\w+/g).sort())
  })

  test('the report, and the members of LeakWatch', () => {
    const made = watch({ globals: true })
    expect(fieldsOf('WatchReport')).toEqual(Object.keys(made.report()).sort())
    const members = Reflect.ownKeys(LeakWatch.prototype).filter(key => typeof key === 'string').sort()
    expect(members).toEqual(['constructor', 'look', 'report', 'stop'])
    for (const member of members) expect(text).toMatch(new RegExp(`^ {2}${member} \\(`, 'm'))
    const ofEmitter = Reflect.ownKeys(new EventEmitter())
    expect(Reflect.ownKeys(made).filter(key => !ofEmitter.includes(key))).toEqual([])
  })
})

describe('the end', () => {
  test.each(['stop', DISPOSE])('%p: no looks, no events; the report stays; again is nothing', async way => {
    const heard = []
    const { made, grow } = growing({ onLeak: finding => heard.push(finding) })
    await grow(10, 10, 10)
    made[way]()
    made[way]()
    await expect(made.look()).rejects.toMatchObject({
      code: 'ERR_HEAPWISE_INVALID_USE', message: expect.stringContaining('stopped')
    })
    expect(made.report()).toMatchObject({ looks: 3, findings: [] })
    expect(heard).toEqual([])
  })

  test('during a look: nothing is told', async () => {
    const heard = []
    const { made, grow } = growing({ onLeak: finding => heard.push(finding) })
    await grow(10, 10, 10)
    globalThis.leaky.length += 10
    const last = made.look()
    const next = made.look()
    made.stop()
    expect([await last, await next]).toEqual([[], []])
    expect(heard).toEqual([])
  })

  test('within a listener', async () => {
    const { made, grow } = growing({ onLeak () { made.stop() } })
    await grow(10, 10, 10, 10)
    expect(made.report().findings).toHaveLength(1)
  })

  test('what running watches have found is known to all of the thread', async () => {
    const { made, grow } = growing()
    const other = watch({ timers: true, interval: 0 })
    expect(activeFindings()).toEqual([])
    await grow(10, 10, 10, 10)
    expect(activeFindings()).toEqual(made.report().findings)
    other.stop()
    expect(activeFindings()).toHaveLength(1)
    made.stop()
    expect(activeFindings()).toEqual([])
  })
})
