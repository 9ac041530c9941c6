'use strict'

// Several watches at once, others who patch the same functions, fake timers, workers: nothing is broken, and nothing is
// left.

const { EventEmitter } = require('node:events')
const timers = require('node:timers')
const { Worker } = require('node:worker_threads')

const leaks = require('../lib/leaks')
const { LEAKS, inFolder, quoted, run, write } = require('./support/leaks')

const ends = []
afterEach(() => { for (const end of ends.splice(0).reverse()) end() })

const watch = options => {
  const made = leaks.watch({ interval: 0, ...options })
  ends.push(() => made.stop())
  return made
}

const times = (n, act) => { for (let i = 0; i < n; i += 1) act(i) }
const noop = () => {}

/** All that a watch puts its hands on. */
const state = () => ({
  global: [setTimeout, setInterval].map(fn => [fn, Object.getOwnPropertyDescriptors(fn)]),
  names: ['setTimeout', 'setInterval'].map(name => Object.getOwnPropertyDescriptor(globalThis, name)),
  timers: Object.getOwnPropertyDescriptors(timers),
  emitter: Object.getOwnPropertyDescriptors(EventEmitter.prototype),
  target: Object.getOwnPropertyDescriptors(EventTarget.prototype),
  error: Object.getOwnPropertyDescriptors(Error),
  process: process.listeners('warning')
})

const same = (after, before) => {
  expect(after).toEqual(before)
  // Equal functions may be others.
  const functions = each => [...each.names, each.emitter.on, each.emitter.addListener, each.emitter.prependListener,
    each.target.addEventListener, each.timers.setTimeout, each.timers.setInterval].map(({ value }) => value)
  functions(after).forEach((fn, i) => expect(fn).toBe(functions(before)[i]))
}

/** Five listeners and intervals before each look: what each of the watches finds. */
const leak = async (watches, looks = 6) => {
  const bus = new EventEmitter().setMaxListeners(0)
  const made = []
  for (let look = 0; look < looks; look += 1) {
    times(10, () => {
      bus.on('data', () => {})
      made.push(setInterval(noop, 1e6))
    })
    for (const each of watches) await each.look()
  }
  made.forEach(clearInterval)
  return watches.map(each => each.report().findings.map(({ kind, growth: { from, to } }) => [kind, from, to]))
}
const BOTH = [['timer', 10, 60], ['listener', 10, 60]]

describe('several watches', () => {
  test('each sees all, none twice; the last takes the patches off', async () => {
    const before = state()
    const [first, second] = [watch({ timers: true, listeners: true }), watch({ timers: true, listeners: true })]
    expect(await leak([first, second])).toEqual([BOTH, BOTH])
    first.stop()
    expect(setTimeout).not.toBe(before.global[0][0])
    second.stop()
    same(state(), before)
  })

  test('thousands, one after the other and in all orders of their ends, leave no trace', () => {
    const before = state()
    const open = []
    times(2000, i => {
      open.push(leaks.watch({ timers: true, listeners: true, globals: i % 2 === 0, pools: true, interval: 1000 }))
      if (open.length > i % 7) open.splice(i % open.length, 1)[0].stop()
    })
    open.forEach(each => each.stop())
    same(state(), before)
  })
})

describe('others who patch', () => {
  const patch = (object, name, make) => {
    const under = object[name]
    object[name] = make(under)
    ends.push(() => { object[name] = under })
    return () => { object[name] = under }
  }
  const counting = calls => under => function (...args) {
    calls.push(args[0])
    return Reflect.apply(under, this, args)
  }

  test('before the watch: they are called, and stay when it has ended', async () => {
    const calls = []
    patch(EventEmitter.prototype, 'on', counting(calls))
    const before = state()
    const made = watch({ timers: true, listeners: true })
    expect(await leak([made])).toEqual([BOTH])
    made.stop()
    expect(calls.filter(type => type === 'data')).toHaveLength(60)
    same(state(), before)
  })

  test('on top, and still there at the end: they stay, and what is under them passes everything through', async () => {
    const before = state()
    const calls = []
    const made = watch({ timers: true, listeners: true })
    const [putOn, putTimeout] = [
      patch(EventEmitter.prototype, 'on', counting(calls)), patch(globalThis, 'setTimeout', counting([]))
    ]
    const { on } = EventEmitter.prototype
    expect(await leak([made])).toEqual([BOTH])
    made.stop()
    expect(EventEmitter.prototype.on).toBe(on)
    calls.length = 0
    const bus = new EventEmitter()
    times(20, () => bus.on('drain', noop))
    expect(calls).toHaveLength(20)
    expect(bus.listenerCount('drain')).toBe(20)
    expect(await new Promise(resolve => setTimeout(resolve, 1, 'value'))).toBe('value')
    // When they go, what they put back is ours, which does nothing; the next watch takes it away.
    putOn()
    putTimeout()
    expect(EventEmitter.prototype.on).not.toBe(before.emitter.on.value)
    const next = watch({ timers: true, listeners: true })
    expect(await leak([next])).toEqual([BOTH])
    next.stop()
    same(state(), before)
  })

  test('on top, again and again: nothing piles up', async () => {
    const { on } = EventEmitter.prototype
    ends.push(() => { EventEmitter.prototype.on = on })
    watch({ listeners: true }).stop()
    const first = watch({ listeners: true })
    const calls = []
    patch(EventEmitter.prototype, 'on', counting(calls))
    const theirs = EventEmitter.prototype.on
    first.stop()
    times(500, () => {
      leaks.watch({ listeners: true, interval: 0 }).stop()
      expect(EventEmitter.prototype.on).toBe(theirs)
    })
    const depth = () => {
      let stack
      const bus = new EventEmitter().on('newListener', () => { stack = new Error('here').stack })
      bus.on('x', noop)
      return stack.split('\n').length
    }
    Error.stackTraceLimit = 100
    ends.push(() => { Error.stackTraceLimit = 10 })
    const deep = depth()
    watch({ listeners: true })
    expect(depth()).toBe(deep + 1)
    expect(await leak([watch({ listeners: true, timers: true })])).toEqual([BOTH])
  })

  test('who puts back what was there before: the next look puts ours on again', async () => {
    const original = globalThis.setInterval
    const made = watch({ timers: true, listeners: true })
    globalThis.setInterval = original
    await made.look()
    expect(globalThis.setInterval).not.toBe(original)
    expect(globalThis.setInterval).toBe(timers.setInterval)
    made.stop()
    expect(globalThis.setInterval).toBe(original)
  })

  test('a function that cannot be replaced is left alone', async () => {
    const descriptor = Object.getOwnPropertyDescriptor(EventEmitter.prototype, 'on')
    const get = () => descriptor.value
    Object.defineProperty(EventEmitter.prototype, 'on', { configurable: true, enumerable: true, get })
    ends.push(() => Object.defineProperty(EventEmitter.prototype, 'on', descriptor))
    const made = watch({ listeners: true })
    await made.look()
    made.stop()
    expect(Object.getOwnPropertyDescriptor(EventEmitter.prototype, 'on').get).toBe(get)
  })

  const program = (broken, body) => `const { EventEmitter } = require('node:events')
const leaks = require(${quoted(LEAKS)})
const watch = leaks.watch({ timers: true, listeners: true, interval: 0 })
const results = []
const refuse = () => { throw new Error('broken') }
const again = () => { setTimeout(() => {}, 1e6).unref(); bus.on('data', () => {}); return undefined }
const bus = new EventEmitter().setMaxListeners(0)
const target = new EventTarget()
const use = () => {
  for (let i = 0; i < 20; i += 1) bus.on('data', () => {})
  for (let i = 0; i < 20; i += 1) clearInterval(setInterval(() => {}, 1e6).unref())
  for (let i = 0; i < 20; i += 1) setTimeout(() => {}, 1e6).unref()
  for (let i = 0; i < 9; i += 1) target.addEventListener('x', () => {})
}
for (const [object, names] of [[Function.prototype, ['apply', 'bind']], [Array.prototype, ['forEach', 'filter']],
  [Reflect, ['apply']], [Error, ['captureStackTrace']], [Map.prototype, ['get', 'set']], [Math, ['random']],
  [Set.prototype, ['has', 'add']], [WeakMap.prototype, ['get', 'set']], [globalThis, ['WeakRef', 'WeakSet']],
  [RegExp.prototype, ['test', 'exec']], [String.prototype, ['startsWith']], [performance, ['now']]]) {
  for (const name of names) {
    const before = object[name]
    object[name] = ${broken}
    try {
      use()
    } finally {
      object[name] = before
    }
    results.push(name)
  }
}
watch.look().then(() => {
  ${body}
})
`
  test.each(['refuse', 'again'])('methods of the language that %s: calls go through', broken => inFolder(folder => {
    write(folder, { 'main.js': program(broken, 'console.log(results.length, bus.listenerCount("data") >= 380)') })
    expect(run(folder, 'main.js')).toMatchObject({ status: 0, stdout: '19 true\n' })
  }))
})

describe('fake timers of jest', () => {
  afterEach(() => { jest.useRealTimers() })

  test('put in place during a watch, and taken away', async () => {
    const before = state()
    const made = watch({ timers: true, listeners: true })
    jest.useFakeTimers()
    const fired = []
    setTimeout(() => fired.push('timeout'), 10_000)
    setInterval(() => fired.push('interval'), 4000)
    jest.advanceTimersByTime(10_000)
    expect(fired).toEqual(['interval', 'interval', 'timeout'])
    const found = await leak([made])
    jest.useRealTimers()
    expect(found).toEqual([BOTH.slice(1)])
    expect(await leak([made])).toEqual([[BOTH[1], BOTH[0]]])
    made.stop()
    same(state(), before)
  })

  test('there before a watch, during all of it and after', async () => {
    jest.useFakeTimers()
    const faked = globalThis.setTimeout
    const made = watch({ timers: true, interval: 10 })
    const fired = []
    setTimeout(() => fired.push(1), 1000)
    jest.advanceTimersByTime(1000)
    expect(fired).toEqual([1])
    await made.look()
    made.stop()
    expect(globalThis.setTimeout).toBe(faked)
  })

  test('there before a watch, taken away during it', async () => {
    const before = state()
    jest.useFakeTimers()
    const made = watch({ timers: true, listeners: true })
    jest.useRealTimers()
    // The first look puts ours on again.
    expect(await leak([made], 7)).toEqual([[['listener', 10, 70], ['timer', 10, 60]]])
    made.stop()
    same(state(), before)
  })
})

describe('workers', () => {
  const program = `
const { parentPort } = require('node:worker_threads')
const { EventEmitter } = require('node:events')
const leaks = require(${quoted(LEAKS)})
const watch = leaks.watch({ timers: true, listeners: true, interval: 0 })
const main = async () => {
  const bus = new EventEmitter().setMaxListeners(0)
  for (let look = 0; look < 6; look += 1) {
    for (let i = 0; i < 10; i += 1) { bus.on('data', () => {}); setInterval(() => {}, 1e6).unref() }
    await watch.look()
  }
  parentPort.postMessage(watch.report().findings.map(({ kind, growth: { from, to } }) => [kind, from, to]))
}
main()
`
  test('each thread has its own watch', async () => {
    const made = watch({ timers: true, listeners: true })
    const found = await Promise.all([1, 2, 3].map(() => new Promise((resolve, reject) => {
      const worker = new Worker(program, { eval: true })
      let message
      worker.on('message', value => { message = value })
      worker.on('error', reject)
      worker.on('exit', code => resolve([code, message]))
    })))
    expect(found).toEqual([1, 2, 3].map(() => [0, BOTH]))
    await made.look()
    expect(made.report().findings).toEqual([])
  })

  test('that are terminated while they watch', async () => {
    for (let i = 0; i < 5; i += 1) {
      const worker = new Worker(`
        const watch = require(${quoted(LEAKS)}).watch({ timers: true, listeners: true, globals: true, interval: 1 })
        require('node:worker_threads').parentPort.postMessage(1)
        setInterval(() => { for (let i = 0; i < 1000; i += 1) setTimeout(() => {}, 1e6) }, 0)`, { eval: true })
      await new Promise(resolve => worker.once('message', resolve))
      expect(await worker.terminate()).toBe(1)
    }
  })
})

test('an HTTP server under a watch answers as it does without', () => inFolder(folder => {
  write(folder, {
    'main.js': `const http = require('node:http')
const leaks = require(${quoted(LEAKS)})
const watch = leaks.watch({ timers: true, listeners: true, globals: true, interval: 20 })
const server = http.createServer({ keepAliveTimeout: 1000 }, (request, response) => {
  request.on('data', () => {})
  request.on('end', () => setTimeout(() => response.end('answer'), 1))
})
server.listen(0, async () => {
  const { port } = server.address()
  let answers = 0
  for (let i = 0; i < 20; i += 1) {
    await Promise.all(Array.from({ length: 20 }, async () => {
      const response = await fetch('http://127.0.0.1:' + port, { signal: AbortSignal.timeout(20_000) })
      if (await response.text() === 'answer') answers += 1
    }))
  }
  const { findings, failures } = watch.report()
  console.log(JSON.stringify({ answers, findings: findings.map(({ message }) => message), failures }))
  process.exit()
})
`
  })
  const { status, stdout, stderr } = run(folder, 'main.js')
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  expect(JSON.parse(stdout)).toEqual({ answers: 400, findings: [], failures: {} })
}))
