'use strict'

// Monitors in workers that come and go, and what each thread can learn of all others.

const { DEADLINE, SOURCES, closeAll, monitorOf, run, until } = require('./support/gc-monitor')

// `HEAPWISE_SOAK=1` has a thousand of them.
const MANY = process.env.HEAPWISE_SOAK === '1' ? 1000 : 100

afterEach(closeAll)

/** Starts `count` workers, eight at a time, each of which runs `body` with a monitor, and ends as `end` says. */
const workers = (source, count, body, end = '') => run(source, `
  const { Worker } = require('node:worker_threads')
  const script = \`
    const { parentPort, threadId } = require('node:worker_threads')
    const { GcMonitor } = require('./lib/gc-monitor')
    const churn = \${churn}
    const monitor = new GcMonitor({ source: '\${source}' })
    ${body}
  \`
  const said = []
  const codes = []
  let started = 0
  const next = () => {
    if (started === ${count}) return
    started += 1
    const worker = new Worker(script, { eval: true })
    worker.on('message', message => said.push(message))
    worker.on('error', error => { throw error })
    ${end}
    worker.on('exit', code => {
      codes.push(code)
      next()
      if (codes.length === ${count}) console.log(JSON.stringify({ said, codes: [...new Set(codes)] }))
    })
  }
  for (let i = 0; i < 8; i++) next()
`, { timeout: MANY > 100 ? 600_000 : DEADLINE * 4 })

const TIMEOUT = MANY > 100 ? 600_000 : DEADLINE * 5

describe.each(SOURCES)('source %s', source => {
  test(`${MANY} workers, each with all of its collections`, async () => {
    const { stdout, stderr } = await workers(source, MANY, `
      const { PerformanceObserver } = require('node:perf_hooks')
      let told = 0
      let observed = 0
      monitor.on('gc', () => { told += 1 })
      new PerformanceObserver(list => { observed += list.getEntries().length }).observe({ type: 'gc' })
      const kept = []
      for (let i = 0; i < 20_000; i++) kept.push({ i })
      monitor.collect({ type: 'minor' })
      monitor.collect()
      let turns = 0
      const wait = () => {
        if (turns++ < 10) return setImmediate(wait)
        monitor.stop()
        const { collections, byKind } = monitor.stats()
        parentPort.postMessage([told, collections, observed, byKind['mark-sweep-compact'].count])
      }
      wait()
    `)
    expect(stderr).toBe('')
    const { said, codes } = JSON.parse(stdout)
    expect(codes).toEqual([0])
    expect(said.length).toBe(MANY)
    for (const [told, collections, observed, full] of said) {
      expect(told).toBe(collections)
      expect(collections).toBe(observed)
      expect(full).toBeGreaterThanOrEqual(1)
    }
  }, TIMEOUT)

  test(`${MANY} workers that are terminated in the midst of it`, async () => {
    const { stdout, stderr } = await workers(source, MANY, `
      monitor.on('gc', () => {})
      monitor.on('sample', () => {})
      parentPort.postMessage(1)
      for (;;) churn()
    `, "worker.once('message', () => worker.terminate())")
    expect(stderr).toBe('')
    const { said, codes } = JSON.parse(stdout)
    expect(said.length).toBe(MANY)
    expect(codes).toEqual([1])
  }, TIMEOUT)

  test('a worker with a limit of its own is told of that', async () => {
    const { stdout, stderr } = await run(source, `
      const { Worker } = require('node:worker_threads')
      const script = \`
        const { parentPort } = require('node:worker_threads')
        const { GcMonitor } = require('./lib/gc-monitor')
        const monitor = new GcMonitor({ source: '\${source}', heapLimit: { warn: 0.4, critical: 0.7 } })
        const kept = []
        const timer = setInterval(() => {
          for (let i = 0; i < 2000; i++) kept.push({ i, more: [i, i, i, i, i, i] })
        }, 5)
        monitor.on('heapLimit', event => {
          if (event.level === 'warn') return
          clearInterval(timer)
          parentPort.postMessage(event)
        })
      \`
      new Worker(script, { eval: true, resourceLimits: { maxOldGenerationSizeMb: 50 } })
        .on('message', event => console.log(JSON.stringify(event)))
    `)
    expect(stderr).toBe('')
    expect(JSON.parse(stdout)).toMatchObject({ level: 'critical', limit: 50 << 20 })
  })
})

describe('workers()', () => {
  test('every thread that has loaded heapwise, from any of them; those that have ended are summed', async () => {
    const { stdout, stderr } = await run('v8', `
      const { Worker, threadId } = require('node:worker_threads')
      const monitor = new GcMonitor({ source })
      const script = \`
        const { parentPort, threadId } = require('node:worker_threads')
        const { GcMonitor } = require('./lib/gc-monitor')
        const churn = \${churn}
        parentPort.on('message', message => {
          if (message === 'end') return parentPort.close()
          const monitor = new GcMonitor({ source: 'v8' })
          monitor.collect()
          parentPort.postMessage({ threadId, ...monitor.workers() })
          monitor.close()
        })
        parentPort.postMessage('ready')
      \`
      const heard = { ready: 0, told: [] }
      const threads = [1, 2].map(() => new Worker(script, { eval: true }).on('message', message => {
        if (message === 'ready') heard.ready += 1
        else heard.told.push(message)
      }))
      const until = async done => { while (!done()) await new Promise(resolve => setTimeout(resolve, 5)) }
      ;(async () => {
        await until(() => heard.ready === 2 && monitor.workers().threads.length === 3)
        threads[0].postMessage('look')
        await until(() => heard.told.length === 1)
        gc()
        const during = monitor.workers()
        threads.forEach(thread => thread.postMessage('end'))
        await until(() => monitor.workers().threads.length === 1)
        const after = monitor.workers()
        console.log(JSON.stringify({ during, after, told: heard.told[0], stats: monitor.stats() }))
      })()
    `)
    expect(stderr).toBe('')
    const { during, after, told, stats } = JSON.parse(stdout)
    expect(during.threads.map(({ threadId }) => threadId).sort()).toEqual([0, 1, 2])
    expect(told.threads.map(({ threadId }) => threadId).sort()).toEqual([0, 1, 2])
    const main = during.threads.find(({ threadId }) => threadId === 0)
    expect(main).toMatchObject({ main: true, current: true, alive: true, limit: stats.limit })
    expect(main.collections).toBeGreaterThanOrEqual(1)
    expect(main.fullCollections).toBeGreaterThanOrEqual(1)
    const seen = told.threads.find(({ threadId }) => threadId === told.threadId)
    expect(seen).toMatchObject({ current: true, main: false })
    expect(seen.fullCollections).toBeGreaterThanOrEqual(1)
    expect(seen.gcMs).toBeGreaterThan(0)
    expect(seen.maxMs).toBeLessThanOrEqual(seen.gcMs)
    expect(after.ended.threads).toBe(2)
    expect(after.ended.fullCollections).toBeGreaterThanOrEqual(1)
    expect(after.ended.gcMs).toBeGreaterThan(0)
  })

  test('threads record only while a monitor somewhere asks', async () => {
    const { stdout, stderr } = await run('v8', `
      const { Worker } = require('node:worker_threads')
      const native = require('./lib/native.js')
      const count = () => native.gcThreads(new Float64Array(120)) - 1
      const until = async done => { while (!done()) await new Promise(resolve => setTimeout(resolve, 5)) }
      const worker = new Worker("require('./lib/gc-monitor'); require('worker_threads').parentPort.on('message', () => {})",
        { eval: true })
      worker.on('online', async () => {
        const seen = [count()]
        const monitor = new GcMonitor({ source })
        await until(() => count() === 2)
        seen.push(count())
        monitor.close()
        await until(() => count() === 0)
        seen.push(count())
        console.log(JSON.stringify(seen))
        worker.terminate()
      })
    `)
    expect([stdout, stderr]).toEqual(['[0,2,0]\n', ''])
  })

  test('with perf_hooks only this thread is known', async () => {
    const monitor = monitorOf({ source: 'perf_hooks' })
    globalThis.gc()
    await until(() => monitor.stats().collections > 0)
    const { threads, ended } = monitor.workers()
    expect(threads.length).toBe(1)
    expect(threads[0]).toMatchObject({ threadId: 0, main: true, current: true, alive: true })
    expect(threads[0].collections).toBeGreaterThan(0)
    expect(ended.threads).toBe(0)
  })
})
