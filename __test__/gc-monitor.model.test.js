'use strict'

// Random programs over a few monitors, some of it in listeners: whatever is done, each recording tells every collection
// once and in order while somebody listens, and counts what it tells.

const { SOURCES, closeAll, monitorOf, turn } = require('./support/gc-monitor')

const STEPS = 250

afterEach(closeAll)

/** Random numbers from a seed (Lehmer). */
const randomOf = seed => () => {
  seed = seed * 48_271 % 2_147_483_647
  return (seed - 1) / 2_147_483_646
}

/** A monitor with what must hold of it. */
const subjectOf = (source, random) => {
  const monitor = monitorOf({ source, bufferSize: random() < 0.5 ? 16 : 16_384, interval: 10 })
  const subject = { monitor, last: 0, told: 0, wrong: [], act: undefined }
  subject.listener = ({ sequence }) => {
    if (sequence <= subject.last) subject.wrong.push([subject.last, sequence])
    subject.last = sequence
    subject.told += 1
    const { act } = subject
    subject.act = undefined
    act?.()
  }
  return subject
}

const OPERATIONS = {
  minor: () => globalThis.gc({ type: 'minor' }),
  full: () => globalThis.gc(),
  turn: async () => { await turn() },
  tick: async () => { await new Promise(resolve => setTimeout(resolve, 15)) },
  start: ({ monitor }, subject) => {
    if (!monitor.running) subject.last = 0
    monitor.start()
  },
  stop: ({ monitor }) => monitor.stop(),
  listen: ({ monitor, listener }) => monitor.listenerCount('gc') === 0 && monitor.on('gc', listener),
  deafen: ({ monitor, listener }) => monitor.off('gc', listener),
  sample: ({ monitor }) => monitor.once('sample', () => {}),
  reset: ({ monitor }) => monitor.reset(),
  iterate: ({ monitor }) => { monitor.events({ bufferSize: 5 }).next() },
  stats: ({ monitor }) => monitor.stats(),
  snapshot: ({ monitor }) => monitor.snapshot(),
  measure: ({ monitor }) => monitor.measure(() => new Array(1000).fill(0)),
  collect: ({ monitor }) => monitor.collect({ type: 'minor' })
}

const check = ({ monitor, wrong }) => {
  expect(wrong).toEqual([])
  const stats = monitor.stats()
  const counts = Object.values(stats.byKind)
  expect(stats.collections).toBe(counts.reduce((sum, { count }) => sum + count, 0))
  // There can be a collection at any moment.
  const { count } = monitor.histogram()
  expect(count).toBeGreaterThanOrEqual(stats.collections)
  expect(count).toBeLessThanOrEqual(monitor.stats().collections)
  expect(stats.gcTimeRatio).toBeGreaterThanOrEqual(0)
  expect(stats.gcTimeRatio).toBeLessThanOrEqual(1)
}

describe.each(SOURCES)('source %s', source => {
  const seeds = process.env.HEAPWISE_SEED === undefined
    ? [1, 2, 3].map(() => 1 + Math.floor(Math.random() * 2_147_483_645))
    : [Number(process.env.HEAPWISE_SEED)]

  test.each(seeds)('seed %i', async seed => {
    const random = randomOf(seed)
    const names = Object.keys(OPERATIONS)
    const pick = list => list[Math.floor(random() * list.length)]
    const subjects = [1, 2, 3].map(() => subjectOf(source, random))
    for (let step = 0; step < STEPS; step++) {
      const subject = pick(subjects)
      const name = pick(names)
      const later = random() < 0.2 && !['turn', 'tick'].includes(name)
      const act = () => OPERATIONS[name](subject, subject)
      if (later) subject.act = act
      else await act()
      check(subject)
    }
    for (const subject of subjects) {
      subject.act = undefined
      subject.monitor.close()
    }
    for (const subject of subjects) check(subject)
    expect(subjects.some(({ told }) => told > 0)).toBe(true)
  })
})
