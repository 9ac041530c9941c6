'use strict'

// Listeners: emitters and event targets whose listeners only become more are found, with event, class and places.

const events = require('node:events')
const { PassThrough } = require('node:stream')
const { inspect } = require('node:util')

const leaks = require('../lib/leaks')
const { LEAKS, inFolder, lineOf, quoted, tell, write } = require('./support/leaks')

const { EventEmitter } = events
const LOOKS = 6

const watches = []
const watch = options => {
  const made = leaks.watch({ interval: 0, listeners: true, ...options })
  watches.push(made)
  return made
}
afterEach(() => { for (const made of watches.splice(0)) made.stop() })

async function findings (act, options = {}, looks = LOOKS) {
  const made = watch(options)
  for (let look = 0; look < looks; look += 1) {
    await act(look)
    await made.look()
  }
  return made.report().findings
}

const times = (n, act) => { for (let i = 0; i < n; i += 1) act(i) }

/** An emitter that has no opinion of how many are too many. */
const busOf = (Class = EventEmitter) => new Class().setMaxListeners(0)

describe('emitters', () => {
  test('that get a listener for each request are told: event, class, count and place', async () => {
    class Bus extends EventEmitter {}
    const bus = busOf(Bus)
    const found = await findings(() => times(10, () => bus.on('data', () => {})))
    expect(found).toHaveLength(1)
    const [{ place, message, ...rest }] = found
    expect(place).toMatch(/^__test__.leaks\.listeners\.test\.js:\d+:\d+$/)
    expect(rest).toEqual({
      kind: 'listener',
      name: "Bus 'data'",
      emitter: 'Bus',
      event: 'data',
      places: [{ place, count: 60 }],
      growth: { from: 10, to: 60, looks: 6, perHour: expect.any(Number) },
      confidence: 'certain',
      source: 'counts'
    })
    expect(message).toBe(`60 listeners for 'data' are on one Bus, added at ${place}; they grew from 10 to 60 in 6 looks`)
  })

  test.each(['on', 'addListener', 'prependListener', 'once', 'prependOnceListener'])('%s', async method => {
    const bus = busOf()
    expect(await findings(() => times(10, () => bus[method]('data', () => {})))).toHaveLength(1)
  })

  test('events.once that never comes', async () => {
    const bus = busOf()
    const found = await findings(() => times(10, () => { events.once(bus, 'end', { signal: undefined }) }))
    // It waits for 'error' as well.
    expect(found.map(({ event }) => event).sort()).toEqual(['end', 'error'])
    expect(found[0].place).toMatch(/^__test__.leaks\.listeners/)
  })

  test('listeners that are removed are none', async () => {
    const bus = busOf()
    expect(await findings(() => times(100, () => {
      const listener = () => {}
      bus.on('data', listener)
      bus.off('data', listener)
    }))).toEqual([])
  })

  test('listeners that are there at each look, others each time, are none', async () => {
    const bus = busOf()
    let last = []
    const act = look => {
      const next = Array.from({ length: 50 * (look + 1) }, () => () => {})
      next.forEach(listener => bus.on('data', listener))
      last.forEach(listener => bus.off('data', listener))
      last = next
    }
    expect(await findings(act, {}, 10)).toEqual([])
  })

  test('listeners that stay for two looks, more each time, need many looks', async () => {
    const bus = busOf()
    const visits = []
    const told = []
    const made = watch()
    for (let look = 0; look < 40; look += 1) {
      const visit = Array.from({ length: 10 * (look + 1) }, () => () => {})
      visit.forEach(listener => bus.on('data', listener))
      visits.push(visit)
      if (visits.length > 2) visits.shift().forEach(listener => bus.off('data', listener))
      told.push((await made.look()).length)
    }
    expect(told.slice(0, 19)).toEqual(new Array(19).fill(0))
    expect(made.report().findings).toMatchObject([{ confidence: 'suspected' }])
  })

  test('who comes and goes does not hide who stays', async () => {
    const bus = busOf()
    const found = await findings(() => {
      const visitors = Array.from({ length: 10 }, () => () => {})
      visitors.forEach(listener => bus.on('data', listener))
      visitors.forEach(listener => bus.off('data', listener))
      times(20, () => bus.on('data', () => {}))
    })
    expect(found).toMatchObject([{ growth: { from: 20, to: 120 }, confidence: 'certain' }])
  })

  test('many listeners that stay are none', async () => {
    const bus = busOf()
    expect(await findings(look => { if (look === 0) times(1000, () => bus.on('data', () => {})) }, {}, 10)).toEqual([])
  })

  test('many emitters with a few listeners each are none', async () => {
    const emitters = []
    expect(await findings(() => times(100, () => {
      const bus = busOf()
      emitters.push(bus)
      times(12, () => bus.on('data', () => {}))
    }), {}, 10)).toEqual([])
  })

  test('each event by itself, symbols among them, and names of Object.prototype', async () => {
    const bus = busOf()
    const symbol = Symbol('mine')
    const names = ['a', symbol, '__proto__', 'constructor', 'toString', 7]
    const found = await findings(() => times(10, () => names.forEach(name => bus.on(name, () => {}))))
    expect(found.map(({ event }) => event)).toEqual(names)
    expect(found[1].name).toBe('EventEmitter Symbol(mine)')
    expect(found[1].message).toMatch('60 listeners for Symbol(mine) are on one EventEmitter')
  })

  test('the same listener again and again', async () => {
    const bus = busOf()
    const listener = () => {}
    const [{ growth }] = await findings(() => times(10, () => bus.on('data', listener)))
    expect([growth.from, growth.to]).toEqual([10, 60])
  })

  test('places by how much they add; who adds and removes is not among them', async () => {
    const bus = busOf()
    const [{ places, growth }] = await findings(() => {
      times(30, () => bus.on('data', () => {}))
      times(10, () => bus.on('data', () => {}))
      times(500, () => {
        const listener = () => {}
        bus.on('data', listener)
        bus.off('data', listener)
      })
    })
    expect(growth.to).toBe(240)
    expect(places).toHaveLength(2)
    expect(places[0].count + places[1].count).toBeGreaterThanOrEqual(239)
    expect(places[0].count).toBeGreaterThan(places[1].count)
    const [first, second] = places.map(({ place }) => Number(place.split(':')[1]))
    expect(second).toBe(first + 1)
  })

  test('ten thousand of them: the place is known, what is held is not more', async () => {
    const bus = busOf()
    const found = await findings(() => times(10_000, () => bus.on('data', () => {})))
    expect(found).toMatchObject([{ growth: { from: 10_000, to: 60_000 } }])
    expect(found[0].places).toEqual([{ place: found[0].place, count: expect.any(Number) }])
    expect(Math.abs(found[0].places[0].count - 60_000)).toBeLessThan(10)
  })

  test('streams and the process are emitters', async () => {
    const stream = new PassThrough().setMaxListeners(0)
    const found = await findings(() => times(10, () => stream.on('data', () => {})))
    expect(found.map(({ name }) => name)).toEqual(["PassThrough 'data'"])
  })

  test('an emitter that is dropped is not held', async () => {
    const made = watch()
    const refs = []
    const fill = () => {
      const bus = busOf()
      times(50, () => bus.on('data', () => { bus.emit('more') }))
      refs.push(new WeakRef(bus))
    }
    for (let i = 0; i < 5; i += 1) {
      fill()
      await made.look()
    }
    for (let i = 0; i < 20 && refs.some(ref => ref.deref()); i += 1) {
      await new Promise(resolve => setImmediate(resolve))
      globalThis.gc()
    }
    expect(refs.filter(ref => ref.deref())).toEqual([])
    expect((await made.look())).toEqual([])
  })

  test('is found among thousands that have a few each and stay', async () => {
    const kept = Array.from({ length: 4500 }, () => {
      const each = busOf()
      times(9, () => each.on('close', () => {}))
      return each
    })
    const bus = busOf()
    const found = await findings(look => {
      if (look === 0) kept.forEach(each => each.on('close', () => {}))
      times(80, () => bus.on('data', () => {}))
    })
    expect(found.map(({ event }) => event)).toEqual(['data'])
  })

  test('an emitter that has been emptied grows anew', async () => {
    const bus = busOf()
    const found = await findings(look => {
      if (look % 3 === 0) bus.removeAllListeners()
      times(20, () => bus.on('data', () => {}))
    }, {}, 12)
    expect(found).toEqual([])
  })
})

describe('event targets', () => {
  const signalOf = () => {
    const controller = new AbortController()
    events.setMaxListeners(0, controller.signal)
    return controller
  }

  test('a signal of the process that each request listens to', async () => {
    const { signal } = signalOf()
    const found = await findings(() => times(10, () => signal.addEventListener('abort', () => {}, { once: true })))
    expect(found).toHaveLength(1)
    const { place } = found[0]
    expect(found[0]).toMatchObject({
      kind: 'listener', name: "AbortSignal 'abort'", emitter: 'AbortSignal', event: 'abort',
      places: [{ place, count: 60 }]
    })
    expect(found[0].message).toMatch(/^60 listeners for 'abort' are on one AbortSignal, added at .*js:\d+:\d+; they/)
  })

  test('listeners that are removed, by hand, by a signal or by their event, are none', async () => {
    const target = new EventTarget()
    events.setMaxListeners(0, target)
    expect(await findings(() => times(30, () => {
      const listener = { handleEvent () {} }
      const controller = signalOf()
      target.addEventListener('a', listener)
      target.removeEventListener('a', listener)
      target.addEventListener('b', () => {}, { signal: controller.signal })
      controller.abort()
      target.addEventListener('c', () => {}, { once: true })
      target.dispatchEvent(new Event('c'))
    }))).toEqual([])
  })

  test('the same listener is there once', async () => {
    const target = new EventTarget()
    const listener = () => {}
    expect(await findings(() => times(100, () => target.addEventListener('a', listener)))).toEqual([])
  })

  test('listeners that are objects', async () => {
    const target = new EventTarget()
    events.setMaxListeners(0, target)
    const found = await findings(() => times(10, () => target.addEventListener('a', { handleEvent () {} })))
    expect(found).toMatchObject([{ growth: { from: 10, to: 60 }, emitter: 'EventTarget', places: [{ count: 60 }] }])
  })

  test('in a Node that hides where it keeps them', async () => {
    const symbols = jest.spyOn(Object, 'getOwnPropertySymbols').mockReturnValue([])
    let made
    jest.isolateModules(() => {
      made = require('../lib/leaks').watch({ listeners: true, interval: 0 })
    })
    watches.push(made)
    symbols.mockRestore()
    const { signal } = signalOf()
    for (let look = 0; look < LOOKS; look += 1) {
      times(40, () => signal.addEventListener('abort', () => {}))
      times(40, () => {
        const target = new EventTarget()
        times(5, () => target.addEventListener('x', () => {}))
      })
      await made.look()
    }
    expect(made.report().findings).toMatchObject([{ event: 'abort', growth: { from: 40, to: 240 } }])
    expect(made.report().findings[0].place).toMatch('leaks.listeners.test.js')
  })

  test('many signals with a few listeners each are none', async () => {
    const kept = []
    expect(await findings(() => times(50, () => {
      const { signal } = signalOf()
      kept.push(signal)
      times(12, () => signal.addEventListener('abort', () => {}))
    }))).toEqual([])
  })
})

describe('nothing is as it was not', () => {
  const outcomeOf = act => {
    try {
      return { value: act() }
    } catch (error) {
      return { error: `${error?.name} ${error?.code} ${error?.message}` }
    }
  }

  /** What comes of odd calls: of emitters that are strange, with arguments that are. */
  const oddities = () => {
    const outcomes = []
    const note = act => outcomes.push(inspect(outcomeOf(act), { depth: 1 }))
    for (const args of [[], ['x'], ['x', null], ['x', {}], [undefined, () => {}], [Symbol.iterator, () => {}, 3, 4]]) {
      for (const name of ['on', 'addListener', 'prependListener', 'once']) {
        note(() => { const bus = new EventEmitter(); return bus[name](...args) === bus })
        note(() => Reflect.apply(EventEmitter.prototype[name], undefined, args))
        note(() => Reflect.apply(EventEmitter.prototype[name], {}, args))
        note(() => Reflect.apply(EventEmitter.prototype[name], Object.freeze({}), args))
      }
      note(() => new EventTarget().addEventListener(...args))
      note(() => Reflect.apply(EventTarget.prototype.addEventListener, {}, args))
    }
    const throwing = Object.create(EventEmitter.prototype, { _events: { get () { throw new Error('no events') } } })
    note(() => throwing.on('x', () => {}))
    const revoked = Proxy.revocable(new EventEmitter(), {})
    revoked.revoke()
    note(() => Reflect.apply(EventEmitter.prototype.on, revoked.proxy, ['x', () => {}]))
    const proxied = new Proxy(new EventEmitter(), {})
    note(() => proxied.on('x', () => {}) === proxied && proxied.listenerCount('x'))
    const newListener = new EventEmitter().on('newListener', () => { throw new Error('mine') })
    note(() => newListener.on('x', () => {}))
    return outcomes
  }

  test('odd arguments and odd emitters give what Node gives', () => {
    const before = oddities()
    watch()
    const during = oddities()
    expect(during).toEqual(before)
    expect(before.length).toBeGreaterThan(100)
  })

  test('names, lengths, descriptors; `on` is `addListener`', () => {
    const look = () => ({
      emitter: Object.getOwnPropertyDescriptors(EventEmitter.prototype),
      target: Object.getOwnPropertyDescriptors(EventTarget.prototype)
    })
    const before = look()
    const { on } = EventEmitter.prototype
    const made = watch()
    expect(EventEmitter.prototype.on).not.toBe(on)
    expect(EventEmitter.prototype.on).toBe(EventEmitter.prototype.addListener)
    expect([EventEmitter.prototype.on.name, EventEmitter.prototype.on.length]).toEqual([on.name, on.length])
    expect(Reflect.ownKeys(EventEmitter.prototype)).toEqual(Reflect.ownKeys(before.emitter))
    made.stop()
    const after = look()
    expect(after.emitter.on.value).toBe(on)
    expect(after).toEqual(before)
  })

  test('an emitter whose listeners cannot be counted is left alone', async () => {
    const bus = busOf()
    let strict = false
    const guarded = new Proxy(bus, {
      get (target, key, receiver) {
        if (strict && key === '_events') throw new Error('not yours')
        return Reflect.get(target, key, receiver)
      }
    })
    const made = watch()
    for (let look = 0; look < LOOKS; look += 1) {
      times(20, () => guarded.on('data', () => {}))
      strict = true
      expect(await made.look()).toEqual([])
      strict = false
    }
    expect(made.report().failures).toEqual({})
  })

  test('an emitter that cannot be looked at once the listener is there: the call is fine', () => {
    watch()
    const bus = busOf()
    let full = 20
    const guarded = new Proxy(bus, {
      get (target, key, receiver) {
        if (key === '_events' && target.listenerCount('data') >= full) throw new Error('full')
        return Reflect.get(target, key, receiver)
      }
    })
    times(20, () => guarded.on('data', () => {}))
    full = Infinity
    expect(bus.listenerCount('data')).toBe(20)
  })

  test('a class whose name throws is told all the same', async () => {
    class Odd extends EventEmitter {
      static get name () { throw new Error('nameless') }
    }
    const bus = busOf(Odd)
    const found = await findings(() => times(10, () => bus.on('data', () => {})))
    expect(found.map(({ emitter }) => emitter)).toEqual(['Object'])
  })

  test('a subclass that has its own `on` keeps it', async () => {
    const calls = []
    class Own extends EventEmitter {
      on (type, listener) {
        calls.push(type)
        return super.on(type, listener)
      }
    }
    const bus = busOf(Own)
    const found = await findings(() => times(10, () => bus.on('data', () => {})))
    expect(calls).toHaveLength(60)
    expect(found).toMatchObject([{ growth: { to: 60 } }])
  })

  test('an emitter of its own, with `on` of its own, is its own business', async () => {
    const own = { listeners: [], on (listener) { this.listeners.push(listener) } }
    expect(await findings(() => times(20, () => own.on(() => {})))).toEqual([])
  })
})

describe("Node's own warning", () => {
  test('makes a suspicion likely, and names emitters that were full before', () => inFolder(folder => {
    const main = `const { EventEmitter } = require('node:events')
const leaks = require(${quoted(LEAKS)})
const bus = new EventEmitter()
for (let i = 0; i < 10; i += 1) bus.on('data', () => {})
const before = process.listeners('warning')
const watch = leaks.watch({ listeners: { looks: 3 }, interval: 0 })
const main = async () => {
  for (let look = 0; look < 3; look += 1) {
    for (let i = 0; i < 20; i += 1) bus.on('data', () => {}) // here
    await new Promise(setImmediate)
    await watch.look()
  }
  const { findings } = watch.report()
  watch.stop()
  const after = process.listeners('warning')
  console.log(JSON.stringify({
    findings: findings.map(({ confidence, place }) => [confidence, place]),
    same: after.length === before.length && after.every((listener, i) => listener === before[i])
  }))
}
main()
`
    write(folder, { 'main.js': main })
    const place = `main.js:${lineOf(main, '// here')}:41`
    expect(tell(folder, 'main.js')).toEqual({ findings: [['likely', place]], same: true })
  }))
})

describe('options', () => {
  test('the least number that is told', async () => {
    const bus = busOf()
    const add = name => () => times(10, () => bus.on(name, () => {}))
    expect(await findings(add('data'), { listeners: { minimum: 61 } })).toEqual([])
    expect(await findings(add('more'), { listeners: { minimum: 60 } })).toHaveLength(1)
  })

  test.each([
    [{ minimum: 7 }], [{ looks: 1 }], [{ minimum: 1.5 }], [{ minimums: 9 }], ['yes'], [1]
  ])('%j is refused', options => {
    const { on } = EventEmitter.prototype
    expect(() => leaks.watch({ listeners: options })).toThrow(expect.objectContaining({
      code: expect.stringMatching(/^ERR_HEAPWISE_/), message: expect.stringMatching(/listeners|minimum/)
    }))
    expect(EventEmitter.prototype.on).toBe(on)
  })
})
