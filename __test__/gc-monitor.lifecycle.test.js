'use strict'

// Start, stop, close; listeners that come, go, throw, and do everything else in the midst of an event.

const { once } = require('node:events')

const { GcMonitor, SOURCES, churn, closeAll, listen, monitorOf, run, turn, until } = require('./support/gc-monitor')

const timersOf = () => process.getActiveResourcesInfo().filter(name => name === 'Timeout').length

const minor = () => globalThis.gc({ type: 'minor' })

/** Collects until there is something, since a source may tell late. */
const collectUntil = condition => until(() => {
  minor()
  return condition()
})

afterEach(closeAll)

describe.each(SOURCES)('source %s', source => {
  test('runs from the start, unless it is told not to', () => {
    expect(monitorOf({ source }).running).toBe(true)
    const idle = monitorOf({ source, autostart: false })
    expect(idle.running).toBe(false)
    expect(idle.stats()).toMatchObject({ source: null, running: false, collections: 0, elapsedMs: 0, gcTimeRatio: 0 })
    expect(idle.start()).toBe(idle)
    expect(idle.start()).toBe(idle)
    expect(idle.running).toBe(true)
  })

  test('what is stopped keeps its numbers, and records no more', async () => {
    const monitor = monitorOf({ source })
    const events = listen(monitor)
    await collectUntil(() => events.length > 0)
    expect(monitor.stop()).toBe(monitor)
    expect(monitor.running).toBe(false)
    const stats = monitor.stats()
    expect(stats.collections).toBe(events.length)
    const heard = events.length
    churn(1)
    await turn()
    await turn()
    expect(monitor.stats()).toEqual(stats)
    expect(monitor.histogram().count).toBe(stats.collections)
    expect(events.length).toBe(heard)
    expect(monitor.stop()).toBe(monitor)
  })

  test('what is started again begins anew', async () => {
    const monitor = monitorOf({ source })
    const events = listen(monitor)
    await collectUntil(() => events.length > 0)
    monitor.stop()
    const { since } = monitor.stats()
    monitor.start()
    expect(monitor.stats().since).toBeGreaterThan(since)
    const heard = events.length
    await collectUntil(() => events.length > heard)
    monitor.stop()
    expect(monitor.stats().collections).toBe(events.length - heard)
  })

  test('stop() tells what was recorded before', async () => {
    const monitor = monitorOf({ source })
    const events = listen(monitor)
    minor()
    await turn()
    await turn()
    monitor.stop()
    expect(events.map(({ flags }) => flags)).toContainEqual(['forced'])
  })

  test('what is closed stays closed', () => {
    const monitor = monitorOf({ source })
    monitor.close()
    monitor.close()
    monitor[Symbol.dispose]()
    expect([monitor.closed, monitor.running]).toEqual([true, false])
    expect(() => monitor.start()).toThrow(expect.objectContaining({ code: 'ERR_HEAPWISE_CLOSED' }))
    monitor.stop()
    monitor.reset()
    expect(monitor.stats().running).toBe(false)
    expect(monitor.snapshot().stats).toEqual(monitor.stats())
  })

  test('timers run only while somebody listens, and hold nothing', () => {
    const before = timersOf()
    const exits = process.listenerCount('exit')
    const monitor = monitorOf({ source })
    const other = monitorOf({ source })
    expect(process.listenerCount('exit')).toBe(exits + 1)
    const listener = () => {}
    monitor.on('gc', listener)
    monitor.on('sample', listener)
    monitor.once('leak', listener)
    monitor.prependListener('pressure', listener)
    // Timers that keep nothing alive are not among the active ones.
    expect(timersOf()).toBe(before)
    monitor.off('gc', listener)
    monitor.removeAllListeners()
    monitor.close()
    expect(process.listenerCount('exit')).toBe(exits + 1)
    other.close()
    expect(process.listenerCount('exit')).toBe(exits)
  })

  test('a listener that comes late hears what comes after it', async () => {
    const monitor = monitorOf({ source })
    minor()
    const [event] = await Promise.all([once(monitor, 'gc'), collectUntil(() => true)])
    expect(event[0].kind).toEqual(expect.any(String))
    const removed = listen(monitor)
    monitor.removeAllListeners('gc')
    const heard = listen(monitor)
    await collectUntil(() => heard.length > 0)
    expect(removed).toEqual([])
  })

  test('a listener that throws does not keep others from hearing, nor the sampling from going on', async () => {
    const { stdout, stderr, code } = await run(source, `
      const errors = []
      process.on('uncaughtException', error => errors.push(error.message))
      const monitor = new GcMonitor({ source, interval: 10 })
      const heard = { gc: 0, sample: 0 }
      for (const name of ['gc', 'sample']) {
        monitor.on(name, () => { throw new Error(name) })
        monitor.on(name, () => { heard[name] += 1 })
      }
      const timer = setInterval(() => {
        gc({ type: 'minor' })
        if (heard.gc < 5 || heard.sample < 5) return
        clearInterval(timer)
        monitor.close()
        setImmediate(() => {
          const counts = { gc: errors.filter(m => m === 'gc').length, sample: errors.filter(m => m === 'sample').length }
          console.log(counts.gc === heard.gc, counts.sample === heard.sample, errors.length === counts.gc + counts.sample)
        })
      }, 5)
    `)
    expect({ stdout, stderr, code }).toEqual({ stdout: 'true true true\n', stderr: '', code: 0 })
  })

  describe('in the midst of an event', () => {
    /** Has the listener called for one event of a batch of several; returns how many were told in all. */
    const inListener = async (monitor, act) => {
      const told = []
      monitor.on('gc', event => {
        told.push(event)
        if (told.length === 1) act()
      })
      for (let i = 0; i < 5; i++) minor()
      await until(() => {
        if (told.length === 0) minor()
        return told.length > 0
      })
      await turn()
      return told
    }

    test.each(['close', 'stop'])('%s(): nothing more is told', async name => {
      const monitor = monitorOf({ source })
      const told = await inListener(monitor, () => monitor[name]())
      churn(1)
      await turn()
      await turn()
      expect(told.length).toBe(1)
      expect(monitor.running).toBe(false)
      expect(monitor.stats().collections).toBeGreaterThanOrEqual(1)
    })

    test('stop() and start(): the new one is told', async () => {
      const monitor = monitorOf({ source })
      const told = await inListener(monitor, () => monitor.stop().start())
      expect(monitor.running).toBe(true)
      const heard = told.length
      await collectUntil(() => told.length > heard)
      expect(monitor.stats().collections).toBeGreaterThan(0)
    })

    test('reset(): the sums begin anew, the events go on', async () => {
      const monitor = monitorOf({ source })
      let atReset
      const told = await inListener(monitor, () => {
        monitor.reset()
        atReset = monitor.stats().collections
      })
      expect(atReset).toBeLessThan(5)
      expect(told.length).toBeGreaterThan(1)
    })

    test('a collection: it is told later', async () => {
      const monitor = monitorOf({ source })
      let depth = 0
      let deepest = 0
      const told = []
      monitor.on('gc', event => {
        depth += 1
        deepest = Math.max(deepest, depth)
        told.push(event)
        if (told.length < 20) globalThis.gc({ type: 'minor' })
        monitor.stats()
        monitor.snapshot()
        depth -= 1
      })
      minor()
      await until(() => told.length >= 20)
      expect(deepest).toBe(1)
    })

    test('its own removal, and that of all others', async () => {
      const monitor = monitorOf({ source })
      const told = await inListener(monitor, () => monitor.removeAllListeners())
      churn(1)
      await turn()
      expect(told.length).toBe(1)
      expect(monitor.running).toBe(true)
    })

    test('measure() and collect()', async () => {
      const monitor = monitorOf({ source })
      const seen = []
      await inListener(monitor, () => {
        seen.push(monitor.measure(() => 'value').value, monitor.collect().type)
      })
      expect(seen).toEqual(['value', 'full'])
    })
  })

  test('a monitor that nobody has any more stops recording', async () => {
    const { stdout, stderr, code } = await run(source, `
      const before = process.listenerCount('exit')
      for (let i = 0; i < 20; i++) new GcMonitor({ source })
      console.log(process.listenerCount('exit') - before)
      const look = () => {
        gc()
        if (process.listenerCount('exit') > before) return setTimeout(look, 5)
        console.log('gone')
      }
      setTimeout(look, 5)
    `)
    expect({ stdout, stderr, code }).toEqual({ stdout: '1\ngone\n', stderr: '', code: 0 })
  })
})

test('is an EventEmitter, with the listeners of one', () => {
  const monitor = monitorOf()
  const listener = () => {}
  monitor.on('gc', listener).once('gc', listener).prependListener('gc', listener).addListener('gc', listener)
  expect(monitor.listenerCount('gc')).toBe(4)
  expect(monitor.off('gc', listener).removeListener('gc', listener).listeners('gc').length).toBe(2)
  expect(() => monitor.on('gc', 5)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }))
  expect(new GcMonitor({ autostart: false })).toBeInstanceOf(require('node:events'))
})
