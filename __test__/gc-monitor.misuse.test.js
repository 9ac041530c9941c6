'use strict'

// What nobody should do with a GcMonitor, and somebody does.

const { once } = require('node:events')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const v8 = require('node:v8')
const { Worker } = require('node:worker_threads')

const native = require('../lib/native')
const { GcMonitor, closeAll, listen, monitorOf, run, until } = require('./support/gc-monitor')

afterEach(closeAll)

const records = () => native.gcHeap(new Float64Array(7)) !== false

test('a thread has one reserve, and who has it keeps it', () => {
  const heapLimit = { reserve: '1mb' }
  const first = monitorOf({ source: 'v8', heapLimit })
  const second = () => new GcMonitor({ source: 'v8', heapLimit })
  expect(second).toThrow(expect.objectContaining({ code: 'ERR_HEAPWISE_INVALID_USE' }))
  // The refused one has taken nothing away.
  expect(second).toThrow(/another GcMonitor of this thread has the reserve/)
  first.stop()
  first.start()
  expect(second).toThrow(expect.objectContaining({ code: 'ERR_HEAPWISE_INVALID_USE' }))
  first.close()
  monitorOf({ source: 'v8', heapLimit }).close()
})

test('a reserve that was used can be had again, and that it is in use is told, whatever was told before', async () => {
  const { stdout, stderr, signal } = await run('v8', `
    const monitor = new GcMonitor({ source, heapLimit: { warn: 0.01, critical: 0.02, reserve: '24mb' } })
    const told = []
    let kept = []
    const fill = () => {
      for (let i = 0; i < 20_000; i++) kept.push({ i, more: [i, i, i, i] })
      setImmediate(fill)
    }
    monitor.on('heapLimit', ({ level, reserved }) => {
      told.push([level, reserved])
      if (!reserved) {
        if (level === 'critical') fill()
        return
      }
      kept = []
      monitor.stop()
      monitor.start()
      console.log(JSON.stringify(told))
      process.exit()
    })
    // What is left is above both levels.
    monitor.collect()
    setTimeout(() => {}, 10_000)
  `, { args: ['--expose-gc', '--max-old-space-size=40'] })
  expect([stderr, signal]).toEqual(['', null])
  expect(JSON.parse(stdout)).toEqual([['warn', false], ['critical', false], ['critical', true]])
})

test('a measurement that never ends is collected, and records no more', async () => {
  const monitor = monitorOf({ autostart: false })
  await until(() => !records(), 'the end of other recorders')
  for (let i = 0; i < 50; i++) monitor.measure(() => new Promise(() => {}))
  expect(records()).toBe(true)
  await until(() => {
    globalThis.gc()
    return !records()
  }, 'the end of the recorders')
})

test('a listener that ends the process does not end it again, and others are told the rest', async () => {
  const { stdout, code } = await run('v8', `
    const monitor = new GcMonitor({ source })
    let others = 0
    let calls = 0
    monitor.on('gc', () => { calls += 1; process.exit(3) })
    monitor.on('gc', () => { others += 1 })
    process.on('exit', () => console.log(JSON.stringify([calls, others > 3])))
    for (let i = 0; i < 5; i++) gc()
    setTimeout(() => {}, 10_000)
  `)
  expect([JSON.parse(stdout), code]).toEqual([[1, true], 3])
})

test('a monitor does not mind what others put in the place of functions of Node', async () => {
  const spies = ['getHeapStatistics', 'getHeapSpaceStatistics'].map(name =>
    jest.spyOn(v8, name).mockImplementation(() => undefined))
  try {
    const monitor = monitorOf({ interval: 10, heapLimit: 0.9 })
    const samples = listen(monitor, 'sample')
    monitor.on('heapLimit', () => {})
    await until(() => samples.length > 2, 'samples')
    expect(samples[0].heap.usedHeapSize).toBeGreaterThan(1_000_000)
    expect(monitor.stats().limit).toBeGreaterThan(1_000_000)
  } finally {
    for (const spy of spies) spy.mockRestore()
  }
})

test('what the options of a watch become later means nothing', () => {
  const leaks = { timers: true }
  const monitor = monitorOf({ leaks, autostart: false })
  leaks.timers = 'wrong'
  expect(() => monitor.start()).not.toThrow()
})

test('of a heap snapshot nothing is left, though its worker is terminated meanwhile', async () => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'heapwise-test-'))
  const program = `
    const { parentPort } = require('node:worker_threads')
    const { lookNow } = require(${JSON.stringify(path.join(__dirname, '..', 'lib', 'leaks', 'snapshots.js'))})
    parentPort.postMessage('begins')
    lookNow({ dir: ${JSON.stringify(dir)}, maxHeap: 1e9 }).then(() => parentPort.postMessage('ends'))
    setInterval(() => {}, 1000)
  `
  const ends = []
  for (let i = 0; i < 6; i++) {
    const worker = new Worker(program, { eval: true })
    const exit = once(worker, 'exit')
    await once(worker, 'message')
    // The first one is let be, the others are ended in the midst of it.
    if (i === 0) ends.push(...await once(worker, 'message'))
    await worker.terminate()
    await exit
  }
  expect(ends).toEqual(['ends'])
  // A worker that ends between the making of a name and its removal leaves a name, with nothing behind it.
  const left = fs.readdirSync(dir, { recursive: true }).map(name => fs.statSync(path.join(dir, name)))
  if (process.platform === 'linux') expect(left.filter(each => each.isFile() && each.size > 0)).toEqual([])
  fs.rmSync(dir, { recursive: true })
})
