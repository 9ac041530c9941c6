'use strict'

// Timers: what is never cleared is found, with its place; what comes and goes is not.

const timers = require('node:timers')
const util = require('node:util')

const leaks = require('../lib/leaks')
const { LEAKS, inFolder, lineOf, quoted, run, tell, write } = require('./support/leaks')

const noop = () => {}
const LOOKS = 6

const here = () => /:(\d+):\d+\)?$/.exec(new Error('here').stack.split('\n')[2])[1]

const started = []
const keep = timer => {
  started.push(timer)
  return timer
}
const watches = []
const watch = options => {
  const made = leaks.watch({ interval: 0, ...options })
  watches.push(made)
  return made
}
afterEach(() => {
  for (const made of watches.splice(0)) made.stop()
  for (const timer of started.splice(0)) clearTimeout(timer)
})

/** What a watch finds if `act` is done before each of some looks. */
async function findings (act, options = { timers: true }, looks = LOOKS) {
  const made = watch(options)
  for (let look = 0; look < looks; look += 1) {
    act(look)
    await made.look()
  }
  return made.report().findings
}

const times = (n, act) => { for (let i = 0; i < n; i += 1) act(i) }

describe('intervals', () => {
  test('that are never cleared are told, with place and growth', async () => {
    let line
    const found = await findings(() => times(5, () => { line = here(); keep(setInterval(noop, 1e6)) }))
    expect(found).toHaveLength(1)
    const [{ growth, place, message, ...rest }] = found
    expect(rest).toEqual({
      kind: 'timer', name: 'setInterval', confidence: 'certain', source: 'counts', places: [{ place, count: 30 }]
    })
    expect(place).toMatch(/^__test__.leaks\.timers\.test\.js:\d+:\d+$/)
    expect(place.split(':')[1]).toBe(line)
    expect(growth).toEqual({ from: 5, to: 30, looks: 6, perHour: expect.any(Number) })
    expect(message).toBe(`30 intervals were never cleared, made at ${place}; they grew from 5 to 30 in 6 looks`)
  })

  test('that are cleared are not', async () => {
    expect(await findings(() => times(50, () => clearInterval(setInterval(noop, 1e6))))).toEqual([])
  })

  test('that each look finds anew, and that are cleared after it, are not', async () => {
    let last = []
    const act = look => {
      const next = []
      times(20 * (look + 1), () => next.push(keep(setInterval(noop, 1e6))))
      last.forEach(timer => clearInterval(timer))
      last = next
    }
    expect(await findings(act)).toEqual([])
  })

  test('that are as many as ever are not', async () => {
    expect(await findings(look => { if (look === 0) times(500, () => keep(setInterval(noop, 1e6))) })).toEqual([])
  })

  test('that became more once are not', async () => {
    const act = look => { if (look === 0 || look === 3) times(200, () => keep(setInterval(noop, 1e6))) }
    expect(await findings(act, { timers: true }, 12)).toEqual([])
  })

  test('some of which an early return forgets are, among many that are cleared', async () => {
    const found = await findings(() => times(100, i => {
      const timer = keep(setInterval(noop, 1e6))
      if (i % 10 !== 0) clearInterval(timer)
    }))
    expect(found.map(({ growth }) => [growth.from, growth.to])).toEqual([[10, 60]])
  })

  test('of clients that stay for a while are not: those that come are as many as those that go', async () => {
    const clients = []
    const act = () => {
      times(20, () => clients.push(keep(setInterval(noop, 1e6))))
      // In their order of arrival, after four looks.
      while (clients.length > 80) clearInterval(clients.shift())
    }
    const made = watch({ timers: { intervals: 10, looks: 12 } })
    for (let look = 0; look < 40; look += 1) {
      act()
      await made.look()
    }
    expect(made.report().findings).toEqual([])
  })

  test('that are others at each look, and more each time, are not: none of them stays', async () => {
    let last = []
    const act = look => {
      const next = []
      times(10 * (look + 1), () => next.push(keep(setInterval(noop, 1e6))))
      last.forEach(timer => clearInterval(timer))
      last = next
    }
    expect(await findings(act, { timers: true }, 30)).toEqual([])
  })

  test('that stay for two looks, and are more each time, need many looks', async () => {
    const visits = []
    const found = []
    const made = watch({ timers: true })
    for (let look = 0; look < 40; look += 1) {
      const visit = []
      times(10 * (look + 1), () => visit.push(keep(setInterval(noop, 1e6))))
      visits.push(visit)
      if (visits.length > 2) visits.shift().forEach(timer => clearInterval(timer))
      found.push((await made.look()).length)
    }
    expect(found.slice(0, 19)).toEqual(new Array(19).fill(0))
    expect(made.report().findings).toMatchObject([{ confidence: 'suspected' }])
  })

  test('more than are kept of one place: the number is near', async () => {
    const found = await findings(() => times(3000, () => keep(setInterval(noop, 1e6))))
    expect(found[0].growth.to).toBeGreaterThan(15_000)
    expect(found[0].growth.to).toBeLessThan(21_000)
  })

  test('unref\'d ones count as well', async () => {
    const found = await findings(() => times(5, () => keep(setInterval(noop, 1e6)).unref()))
    expect(found).toHaveLength(1)
  })

  test('each place is told by itself', async () => {
    const found = await findings(() => {
      times(4, () => keep(setInterval(noop, 1e6)))
      times(7, () => keep(timers.setInterval(noop, 1e6)))
    })
    expect(found.map(({ growth }) => growth.to).sort((a, b) => a - b)).toEqual([24, 42])
    expect(new Set(found.map(({ place }) => place)).size).toBe(2)
  })

  test('those that were closed by Symbol.dispose or close() are gone', async () => {
    const dispose = Symbol.dispose ?? Symbol.for('nodejs.dispose')
    expect(await findings(() => times(20, i => setInterval(noop, 1e6)[i % 2 === 0 ? 'close' : dispose]()))).toEqual([])
  })
})

describe('timeouts', () => {
  test('that pile up are told, with their delay', async () => {
    const found = await findings(() => times(50, () => keep(setTimeout(noop, 86_400_000))))
    expect(found).toHaveLength(1)
    expect(found[0]).toMatchObject({ kind: 'timer', name: 'setTimeout', growth: { from: 50, to: 300, looks: 6 } })
    expect(found[0].message).toBe(`300 timeouts are pending, made at ${found[0].place} for up to 24 h; ` +
      'they grew from 50 to 300 in 6 looks')
  })

  test('500 of requests that come and go are not', async () => {
    let pending = []
    const act = () => {
      pending.forEach(timer => clearTimeout(timer))
      pending = []
      times(500, () => pending.push(keep(setTimeout(noop, 3_600_000))))
    }
    expect(await findings(act, { timers: true }, 10)).toEqual([])
  })

  test('that have fired are gone', async () => {
    const made = watch({ timers: true })
    for (let look = 0; look < LOOKS; look += 1) {
      times(200, () => setTimeout(noop, 0))
      await new Promise(resolve => setTimeout(resolve, 5))
      await made.look()
    }
    expect(made.report().findings).toEqual([])
  })

  test('fewer than a delay\'s worth are none: they are still to end by themselves', async () => {
    expect(await findings(() => times(200, () => keep(setTimeout(noop, 300_000))))).toEqual([])
  })

  test('a hundred thousand of them, of which a sample is looked at: the number is near', async () => {
    const found = await findings(() => times(20_000, () => setTimeout(noop, 86_400_000).unref()))
    expect(found).toHaveLength(1)
    const { growth: { to }, message } = found[0]
    expect(to).toBeGreaterThan(100_000)
    expect(to).toBeLessThan(140_000)
    expect(message).toMatch(/^about 1[0-3]\d,\d{3} timeouts are pending, /)
  })
})

describe('options', () => {
  test('the least number that is told', async () => {
    const act = () => times(5, () => keep(setInterval(noop, 1e6)))
    expect(await findings(act, { timers: { intervals: 31 } })).toEqual([])
    expect(await findings(act, { timers: { intervals: 30 } })).toHaveLength(1)
  })

  test('the least number of looks', async () => {
    const act = () => times(30, () => keep(setInterval(noop, 1e6)))
    expect(await findings(act, { timers: { looks: 5 } }, 4)).toEqual([])
    const [{ growth, confidence }] = await findings(act, { timers: { looks: 3 } }, 3)
    expect([growth.looks, confidence]).toEqual([3, 'suspected'])
  })

  test.each([
    [{ intervals: 0 }, 'RangeError', 'timers.intervals'], [{ looks: 2 }, 'RangeError', 'timers.looks'],
    [{ timeouts: '9' }, 'TypeError', 'timers.timeouts'], [{ interval: 3 }, 'TypeError', 'intervals']
  ])('%j is refused, and changes nothing', (options, type, name) => {
    const before = setTimeout
    expect(() => leaks.watch({ timers: options })).toThrow(expect.objectContaining({
      name: type, message: expect.stringContaining(name), code: expect.stringMatching(/^ERR_HEAPWISE_/)
    }))
    expect(setTimeout).toBe(before)
  })
})

describe('the functions are what they were', () => {
  test.each(['setTimeout', 'setInterval'])('%s: name, length and the rest; the global is that of node:timers', name => {
    const original = globalThis[name]
    const { prototype, ...before } = Object.getOwnPropertyDescriptors(original)
    const made = watch({ timers: true })
    const wrapped = globalThis[name]
    expect(wrapped).not.toBe(original)
    expect(timers[name]).toBe(wrapped)
    const { prototype: kept, ...after } = Object.getOwnPropertyDescriptors(wrapped)
    expect(after).toEqual(before)
    expect(kept.value).toBe(prototype.value)
    made.stop()
    expect(globalThis[name]).toBe(original)
    expect(timers[name]).toBe(original)
  })

  test('util.promisify has its own way', async () => {
    watch({ timers: true })
    expect(await util.promisify(setTimeout)(1, 'value')).toBe('value')
    expect(await timers.promises.setTimeout(1, 'value')).toBe('value')
  })

  test('arguments are passed on, and what Node throws is thrown', async () => {
    const odd = [[], [undefined], [null, 1], ['text', 1], [{}, 1]]
    const thrown = () => odd.flatMap(args => [setTimeout, setInterval].map(fn => {
      try {
        return fn(...args)
      } catch ({ name, code, message }) {
        return { name, code, message }
      }
    }))
    const before = thrown()
    watch({ timers: true })
    expect(thrown()).toEqual(before)
    const args = await new Promise(resolve => setTimeout((...all) => resolve(all), 1, 1, 2, 3, 4, 5))
    expect(args).toEqual([1, 2, 3, 4, 5])
    const timer = setTimeout(noop, 'x')
    expect(timer._idleTimeout).toBe(1)
  })
})

describe('in a process of its own', () => {
  test('imported functions are seen, whenever they were imported', () => inFolder(folder => {
    const main = `import { setInterval as every } from 'node:timers'
import leaks from ${quoted(LEAKS)}
const watch = leaks.watch({ timers: true, interval: 0 })
const before = every
for (let look = 0; look < 6; look += 1) {
  for (let i = 0; i < 5; i += 1) every(() => {}, 1e6).unref() // here
  await watch.look()
}
const { findings } = watch.report()
watch.stop()
const off = every !== before && every === setInterval
console.log(JSON.stringify({ places: findings.map(({ place }) => place), off }))
`
    write(folder, { 'main.mjs': main })
    expect(tell(folder, 'main.mjs')).toEqual({ places: [`main.mjs:${lineOf(main, '// here')}:34`], off: true })
  }))

  test('a watch keeps no process alive, and changes no exit code', () => inFolder(folder => {
    write(folder, {
      'end.js': `require(${quoted(LEAKS)})
        .watch({ timers: true, listeners: true, globals: true, pools: true, interval: 10 })`,
      'code.js': `require(${quoted(LEAKS)}).watch({ timers: true, interval: 10 }); process.exitCode = 7`
    })
    expect(run(folder, 'end.js')).toMatchObject({ status: 0, stdout: '', stderr: '' })
    expect(run(folder, 'code.js')).toMatchObject({ status: 7, stdout: '', stderr: '' })
  }))

  test('what Node has loaded is not touched before the first watch', () => inFolder(folder => {
    write(folder, {
      'main.js': `const { EventEmitter } = require('node:events')
const look = () => [EventEmitter.prototype, EventTarget.prototype, require('node:timers'), process._events]
  .map(object => Object.getOwnPropertyDescriptors(object)).concat([[setTimeout, setInterval]])
const before = look()
const { watch } = require(${quoted(LEAKS)})
const same = () => look().every((each, i) => Reflect.ownKeys(each).every(key => {
  const [after, first] = [each[key], before[i][key]]
  return after === first || (Object.is(after.value, first.value) && after.get === first.get)
}))
const untouched = same()
const running = watch({ timers: true, listeners: true })
const touched = !same()
running.stop()
console.log(untouched && touched && same())
`
    })
    expect(tell(folder, 'main.js')).toBe(true)
  }))
})
