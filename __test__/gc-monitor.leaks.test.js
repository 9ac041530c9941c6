'use strict'

// The option `leaks`: a watch that runs as long as the monitor, and what it finds as evidence.

const { SOURCES, closeAll, monitorOf, run } = require('./support/gc-monitor')

afterEach(closeAll)

describe.each(SOURCES)('source %s', source => {
  test('the watch runs as long as the monitor', async () => {
    const { stdout, stderr } = await run(source, `
      const before = globalThis.setInterval
      const same = []
      const look = () => same.push(globalThis.setInterval === before)
      const monitor = new GcMonitor({ source, leaks: true })
      look()
      monitor.stop()
      look()
      monitor.start()
      look()
      monitor.close()
      look()
      let code
      try {
        new GcMonitor({ source, leaks: { timers: { nonsense: 'x', looks: -1 } } })
      } catch (error) {
        code = error.code
      }
      look()
      console.log(JSON.stringify([same, code, process.listenerCount('exit')]))
    `)
    expect(stderr).toBe('')
    const [same, code, exits] = JSON.parse(stdout)
    expect(same).toEqual([false, true, false, true, true])
    expect(code).toMatch(/^ERR_HEAPWISE_/)
    expect(exits).toBe(0)
  })

  test('the watch of a monitor that nobody has any more ends', async () => {
    const { stdout, stderr } = await run(source, `
      const before = globalThis.setTimeout
      let monitor = new GcMonitor({ source, leaks: true })
      const during = globalThis.setTimeout !== before
      monitor = undefined
      let turns = 0
      const look = () => {
        gc()
        if (globalThis.setTimeout !== before && turns++ < 2000) return setImmediate(look)
        console.log(during, globalThis.setTimeout === before)
        process.exit()
      }
      look()
    `)
    expect([stdout, stderr]).toEqual(['true true\n', ''])
  })

  test('a leak is told with what was found', async () => {
    const { stdout, stderr } = await run(source, `
      const monitor = new GcMonitor({ source, interval: 10, leaks: { timers: true, interval: 100 } })
      const told = []
      monitor.on('leak', report => told.push(report))
      const kept = []
      let n = 0
      const step = () => {
        const data = Array.from({ length: 3000 }, (_, i) => ({ i }))
        setInterval(() => kept.push(data), 1e6).unref()
        gc()
        n += 1
        if (n < 400 && told.length === 0) return setTimeout(step, 30)
        console.log(JSON.stringify(told))
        process.exit()
      }
      step()
    `)
    expect(stderr).toBe('')
    const [report] = JSON.parse(stdout)
    expect(report.what).toBe('heap')
    expect(report.evidence.map(({ kind }) => kind)).toContain('timer')
    expect(report.evidence[0].message).toMatch(/\[eval\]/)
  })
})

test('without a watch there is no evidence, and with one of others there is theirs', () => {
  const leaks = require('../lib/leaks')
  const watch = leaks.watch({ pools: true, interval: 0 })
  const { activeFindings } = require('../lib/leaks/watch')
  expect(activeFindings()).toEqual([])
  watch.stop()
  expect(monitorOf().running).toBe(true)
})

test.each(SOURCES)('source %s: text for Prometheus', source => {
  const monitor = monitorOf({ source })
  const text = monitor.prometheus()
  expect(text).toMatch(/^# HELP /)
  for (const name of ['nodejs_gc_duration_seconds', 'nodejs_heap_size_used_bytes', 'process_resident_memory_bytes']) {
    expect(text).toContain(`# TYPE ${name} `)
  }
  monitor.close()
  expect(monitor.prometheus()).toContain('nodejs_version_info')
  expect(monitorOf({ autostart: false }).prometheus()).toContain('nodejs_version_info')
})
