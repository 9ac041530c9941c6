'use strict'

// The thread that samples the process: on its own, with workers, and at the end of the process. Where it matters who
// else has it at work, it is another process that does it.

const { readSample, start } = require('../lib/gc-monitor/process')
const { until } = require('./support/buffer-pool-tools')
const { runTask } = require('./support/gc-process')
const { runProcess } = require('./support/off-heap-workers')

const MB = 2 ** 20

const collect = async (sampling, count) => {
  const samples = []
  await until(() => samples.push(...sampling.drain()) >= count, `${count} samples`)
  return samples
}

const inOrder = samples => samples.every(({ hrtime }, at) => at === 0 || hrtime > samples[at - 1].hrtime)

test('samples are those of readSample', async () => {
  const sampling = start(10)
  const samples = await collect(sampling, 5)
  const present = readSample()
  sampling.stop()
  expect(inOrder(samples)).toBe(true)
  for (const sample of samples) {
    expect(Object.keys(sample)).toEqual(Object.keys(present))
    expect(sample.malloc?.allocator).toBe(present.malloc?.allocator)
    expect(sample.cgroup?.version).toBe(present.cgroup?.version)
    if (sample.rss !== null) expect(Math.abs(sample.rss - present.rss)).toBeLessThan(128 * MB)
  }
})

test('everybody gets as many as asked for', async () => {
  const slow = start(200)
  const fast = start(10)
  const many = await collect(fast, 60)
  const few = slow.drain()
  slow.stop()
  fast.stop()
  const elapsed = (many.at(-1).hrtime - many[0].hrtime) / 1e6
  expect(few.length).toBeGreaterThanOrEqual(1)
  expect(few.length).toBeLessThanOrEqual(elapsed / 200 + 3)
  expect(few.length).toBeLessThan(many.length)
})

test('who has stopped gets nothing, and can stop again', async () => {
  const sampling = start(10)
  await collect(sampling, 2)
  sampling.stop()
  sampling.stop()
  expect(sampling.drain()).toEqual([])
  expect(sampling.peak()).toBeNull()
})

test('samples go on while the loop is blocked', async () => {
  const { count, spent } = await runTask('blocked')
  // A hundred are due in two seconds. The machine may be busy.
  expect(count).toBeGreaterThan(20)
  expect(count).toBeLessThan(110)
  expect(spent).toBeGreaterThan(0)
})

test('the peak is seen that comes while the loop is blocked', async () => {
  const { before, during, peak, after, stopped } = await runTask('peak')
  expect(during).toBeGreaterThan(before + 80 * MB)
  expect(peak).toBeGreaterThan(before + 80 * MB)
  expect(peak).toBeLessThan(during + 64 * MB)
  // Asked for again, it is of what came since.
  expect(after).toBeLessThan(before + 64 * MB)
  expect(stopped).toBeNull()
})

test('there is a thread while somebody wants it, and one', async () => {
  await runTask('comesAndGoes')
})

test('many that come and go', async () => {
  await runTask('manyTimes')
})

describe('a worker', () => {
  test('has samples like others', async () => {
    await runTask('inWorker', `
      const sampling = start(10)
      const look = count => {
        const samples = sampling.drain()
        if (samples.some(({ rss }) => Math.abs(rss - readSample().rss) > 64 * 2 ** 20)) throw new Error('another RSS')
        count += samples.length
        if (count < 5) setTimeout(look, 5, count)
        else process.exit(7)
      }
      look(0)`, 7)
  })

  test.each([
    ['ends', 'start(10)', 0],
    ['exits', 'start(10); process.exit(3)', 3],
    ['throws', 'start(10); throw new Error("on purpose")', 1],
    ['is terminated', 'start(10); parentPort.postMessage(1); setInterval(() => {}, 1000)', 1],
    ['is terminated while it samples', 'start(10); parentPort.postMessage(1); for (;;) readSample()', 1],
    ['is terminated while it starts and stops', 'parentPort.postMessage(1); for (;;) start(10).stop()', 1]
  ])('that %s without stopping it', async (_, body, code) => {
    await runTask('inWorker', body, code)
  })

  test('and others that come and go', async () => {
    await runTask('manyWorkers')
  })
})

describe('the end of the process', () => {
  const run = body => runProcess(`
    const { Worker } = require('node:worker_threads')
    const { readSample, start } = require('./lib/gc-monitor/process')
    ${body}
  `)

  test.each([
    ['by itself', 'start(10); console.log("done")', 0],
    ['by itself, after some samples', 'start(10); setTimeout(() => console.log("done"), 50)', 0],
    ['by exit', 'start(10); console.log("done"); process.exit(5)', 5],
    ['by exit, a little later', 'start(10); setTimeout(() => { console.log("done"); process.exit(5) }, 23)', 5],
    ['with samples at the exit', `
      const sampling = start(10)
      process.on('exit', () => {
        readSample()
        sampling.drain()
        start(10).peak()
        console.log('done')
      })`, 0],
    ['when a worker has it', `
      new Worker("require('./lib/gc-monitor/process').start(10)", { eval: true })
        .on('exit', code => console.log(code === 0 ? 'done' : code))`, 0],
    ['when a worker is still at it', `
      const worker = new Worker("require('./lib/gc-monitor/process').start(10); for (;;);", { eval: true })
      worker.on('online', () => setTimeout(() => { console.log('done'); process.exit(5) }, 30))`, 5]
  ])('%s', async (_, body, code) => {
    expect(await run(body)).toEqual({ stdout: 'done\n', stderr: '', code, signal: null })
  })

  test('many times, at any moment', async () => {
    for (let at = 0; at < 12; at += 4) {
      const runs = [0, 1, 2, 3].map(more =>
        run(`start(10); start(11); setTimeout(() => process.exit(4), ${10 + at + more})`))
      for (const { stderr, code, signal } of await Promise.all(runs)) {
        expect({ stderr, code, signal }).toEqual({ stderr: '', code: 4, signal: null })
      }
    }
  })

  // The addon would be unloaded with the last worker that has loaded it.
  test('when workers alone have ever loaded the addon', async () => {
    expect(await runProcess(`
      const { Worker } = require('node:worker_threads')
      let left = 5
      const next = () => new Worker("require('./lib/gc-monitor/process').start(10)", { eval: true })
        .on('exit', code => {
          if (code !== 0) throw new Error(code)
          left -= 1
          if (left > 0) setTimeout(next, 12)
          else setTimeout(() => console.log('done'), 50)
        })
      next()
    `)).toEqual({ stdout: 'done\n', stderr: '', code: 0, signal: null })
  })
})
