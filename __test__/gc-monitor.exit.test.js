'use strict'

// The end of a process and of a worker: nothing that was recorded is lost, nothing is delayed, exit codes stay what
// they are.

const { SOURCES, run } = require('./support/gc-monitor')

const fine = stdout => ({ stdout, stderr: '', code: 0, signal: null })

describe.each(SOURCES)('source %s', source => {
  test.each([
    ['with a monitor', 'new GcMonitor({ source })'],
    ['with listeners of everything', `
      const monitor = new GcMonitor({ source, interval: 10, heapLimit: 0.8, rssLimit: '100gb', leaks: true })
      for (const name of ['gc', 'sample', 'leak', 'pressure', 'heapLimit', 'rssLimit']) monitor.on(name, () => {})`],
    ['after a while', `
      const monitor = new GcMonitor({ source, interval: 10 })
      for (const name of ['gc', 'sample', 'leak', 'pressure']) monitor.on(name, () => {})
      setTimeout(() => {}, 200)`],
    ['with somebody who waits for events', `
      const monitor = new GcMonitor({ source })
      ;(async () => { for await (const event of monitor); })()`],
    ['with one that is stopped, and one that is closed', `
      new GcMonitor({ source }).stop()
      new GcMonitor({ source }).close()`],
    ['with workers', `
      const { Worker } = require('node:worker_threads')
      new GcMonitor({ source }).on('gc', () => {})
      for (let i = 0; i < 3; i++) {
        const script = "const { GcMonitor } = require('./lib/gc-monitor'); new GcMonitor({ source: process.env.S })"
        new Worker(script + ".on('gc', () => {})", { eval: true, env: { S: source } })
      }`]
  ])('a process ends by itself %s', async (_, body) => {
    expect(await run(source, `${body}; console.log('done')`)).toEqual(fine('done\n'))
  })

  test.each([
    ['process.exit(7)', 7],
    ['process.exitCode = 5', 5],
    ["process.on('uncaughtException', () => process.exit(9)); throw new Error('x')", 9],
    ["process.on('unhandledRejection', () => process.exit(8)); Promise.reject(new Error('x'))", 8],
    ["process.kill(process.pid, 'SIGTERM')", null]
  ])('%s: exit code %s', async (body, code) => {
    const { code: real, signal, stderr } = await run(source, `
      const monitor = new GcMonitor({ source, interval: 10 })
      for (const name of ['gc', 'sample', 'leak', 'pressure']) monitor.on(name, () => {})
      churn(1)
      ${body}
    `)
    expect([real, signal, stderr]).toEqual([code, code === null ? 'SIGTERM' : null, ''])
  })

  test("a listener that throws in 'exit' fails the process, as one of 'exit' does, after all others", async () => {
    const { code, stdout, stderr } = await run(source, `
      const monitor = new GcMonitor({ source })
      gc()
      monitor.on('gc', () => { throw new Error('mine') })
      monitor.on('gc', ({ kind }) => console.log(kind))
      setImmediate(() => setImmediate(() => setImmediate(() => process.exit())))
    `)
    expect(code).not.toBe(0)
    expect(stdout).toContain('mark-sweep-compact\n')
    expect(stderr).toContain('Error: mine')
  })

  test('what an exit handler asks is answered', async () => {
    const { stdout, ...rest } = await run(source, `
      const monitor = new GcMonitor({ source })
      process.on('exit', () => {
        const { running, collections, byKind } = monitor.stats()
        console.log(JSON.stringify([running, collections > 0, monitor.histogram().count === collections]))
        monitor.snapshot()
        monitor.close()
      })
      gc()
      setTimeout(() => {}, 20)
    `)
    expect(rest).toEqual({ stderr: '', code: 0, signal: null })
    expect(JSON.parse(stdout)).toEqual([false, true, true])
  })
})

/** Prints, as the last thing, how many events were told and how many there were. */
const COUNT = `
  const { PerformanceObserver } = require('node:perf_hooks')
  const monitor = new GcMonitor({ source })
  let told = 0
  monitor.on('gc', () => { told += 1 })
  process.on('exit', () => console.log(JSON.stringify([told, monitor.stats().collections])))
`

describe('nothing is lost with source v8', () => {
  test.each([
    ['process.exit() in the midst of a loop', 'churn(); process.exit()'],
    ['an uncaught error', "process.on('uncaughtException', () => {}); churn(); throw new Error('x')"],
    ['a natural end without another turn of the loop', 'churn()'],
    ['process.exit() in a promise', 'Promise.resolve().then(() => { churn(); process.exit() })'],
    ['process.exit() in a listener', `
      monitor.once('gc', () => { churn(); process.exit() })
      churn()
      setTimeout(() => {}, 10_000)`]
  ])('%s', async (_, body) => {
    const { stdout, stderr } = await run('v8', COUNT + body)
    expect(stderr).toBe('')
    const [told, counted] = JSON.parse(stdout)
    expect(counted).toBeGreaterThanOrEqual(6)
    expect(told).toBe(counted)
  })

  test('a worker that ends by itself, or by process.exit()', async () => {
    const { stdout, stderr } = await run('v8', `
      const { Worker } = require('node:worker_threads')
      for (const end of ['', 'process.exit()']) {
        new Worker(\`
          const { GcMonitor } = require('./lib/gc-monitor')
          const { parentPort } = require('node:worker_threads')
          const churn = \${churn}
          const monitor = new GcMonitor({ source: 'v8' })
          let told = 0
          monitor.on('gc', () => { told += 1 })
          process.on('exit', () => parentPort.postMessage([told, monitor.stats().collections]))
          churn()
          \${end}
        \`, { eval: true }).on('message', message => console.log(JSON.stringify(message)))
      }
    `)
    expect(stderr).toBe('')
    const results = stdout.trim().split('\n').map(line => JSON.parse(line))
    expect(results.length).toBe(2)
    for (const [told, counted] of results) {
      expect(counted).toBeGreaterThanOrEqual(6)
      expect(told).toBe(counted)
    }
  })
})
