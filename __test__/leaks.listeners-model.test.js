'use strict'

// The number of listeners that a watch sees, against a reference: random on, once, off, emit and removeAll, with looks
// between. What is counted must be exactly what is there, and emitters must do what they do without a watch.

const fc = require('fast-check')
const { EventEmitter } = require('node:events')

const leaks = require('../lib/leaks')
const settings = require('./support/settings')

settings.announce('leaks.listeners-model')

const EVENTS = ['a', 'b']

const action = fc.oneof(
  { weight: 12, arbitrary: fc.record({ kind: fc.constantFrom('on', 'once', 'prependListener', 'prependOnceListener'),
    event: fc.constantFrom(...EVENTS), times: fc.integer({ min: 1, max: 12 }) }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('off'), event: fc.constantFrom(...EVENTS), at: fc.nat(60) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('emit'), event: fc.constantFrom(...EVENTS) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('removeAll'), event: fc.constantFrom(...EVENTS, undefined) }) },
  { weight: 4, arbitrary: fc.constant({ kind: 'look' }) }
)

/** Listeners in their order: { fn, once }. */
class Reference {
  lists = new Map(EVENTS.map(event => [event, []]))

  add (event, fn, { once, first }) {
    this.lists.get(event)[first ? 'unshift' : 'push']({ fn, once })
  }

  off (event, fn) {
    const list = this.lists.get(event)
    const at = list.findLastIndex(each => each.fn === fn)
    if (at >= 0) list.splice(at, 1)
  }

  emit (event) {
    const list = this.lists.get(event)
    this.lists.set(event, list.filter(({ once }) => !once))
    return list.map(({ fn }) => fn)
  }

  removeAll (event) {
    for (const each of event === undefined ? EVENTS : [event]) this.lists.set(each, [])
  }
}

const isOnce = kind => /once/i.test(kind)

/** Does it to both, and compares what they say. */
const apply = ({ kind, event, times, at }, bus, model) => {
  if (kind === 'off') {
    const { length } = model.lists.get(event)
    if (length === 0) return
    const { fn } = model.lists.get(event)[at % length]
    bus.off(event, fn)
    model.off(event, fn)
  } else if (kind === 'emit') {
    const called = []
    bus.called = called
    bus.emit(event)
    expect(called).toEqual(model.emit(event))
  } else if (kind === 'removeAll') {
    if (event === undefined) bus.removeAllListeners()
    else bus.removeAllListeners(event)
    model.removeAll(event)
  } else {
    for (let i = 0; i < times; i += 1) {
      const fn = () => { bus.called.push(fn) }
      bus[kind](event, fn)
      model.add(event, fn, { once: isOnce(kind), first: kind.startsWith('prepend') })
    }
  }
}

/** The numbers at each look, where a finding tells them. */
const compareFindings = (found, model, levels, looks) => {
  for (const { event, growth, places } of found) {
    const list = model.lists.get(event)
    expect(growth.to).toBe(list.length)
    expect(growth.looks).toBeLessThanOrEqual(looks)
    // The number at the look that growth began with.
    expect(levels.get(event).at(-growth.looks)).toBe(growth.from)
    expect(growth.to - growth.from).toBeGreaterThan(0)
    expect(places.reduce((sum, { count }) => sum + count, 0)).toBeGreaterThan(growth.to * 0.9)
  }
}

const play = async actions => {
  const watch = leaks.watch({ listeners: { minimum: 8, looks: 3 }, interval: 0 })
  const bus = new EventEmitter().setMaxListeners(0)
  bus.called = []
  const model = new Reference()
  const levels = new Map(EVENTS.map(event => [event, []]))
  let looks = 0
  try {
    for (const each of actions) {
      if (each.kind !== 'look') {
        apply(each, bus, model)
        continue
      }
      looks += 1
      for (const event of EVENTS) levels.get(event).push(model.lists.get(event).length)
      compareFindings(await watch.look(), model, levels, looks)
    }
    for (const event of EVENTS) {
      expect(bus.listeners(event)).toEqual(model.lists.get(event).map(({ fn }) => fn))
    }
    expect(watch.report().failures).toEqual({})
    return watch.report().findings.length
  } finally {
    watch.stop()
  }
}

test('the numbers of findings are those of a reference', async () => {
  let found = 0
  await fc.assert(fc.asyncProperty(fc.array(action, { minLength: 10, maxLength: 60 }), async actions => {
    found += await play(actions)
  }), settings.parameters(0.3))
  // It did come to that.
  expect(found).toBeGreaterThan(0)
}, settings.timeout)
