'use strict'

const { execFileSync } = require('node:child_process')
const { once } = require('node:events')
const path = require('node:path')
const { Worker } = require('node:worker_threads')

const fixture = path.join(__dirname, 'fixtures', 'cache-worker.js')
const start = workerData => new Worker(fixture, { workerData })

describe('caches in worker threads', () => {
  test('several at once work and stay consistent', async () => {
    const workers = [1, 2, 3, 4].map(seed => start({ seed, rounds: 5 }))
    const results = await Promise.all(workers.map(async worker => {
      // Together: both can come in one go.
      const [[sets], [code]] = await Promise.all([once(worker, 'message'), once(worker, 'exit')])
      return { sets, code }
    }))
    for (const { sets, code } of results) {
      expect(code).toBe(0)
      expect(sets.every(count => count > 0)).toBe(true)
    }
  })

  test('terminated in the midst of it, again and again, they leave the process sound', async () => {
    for (let round = 0; round < 25; round++) {
      const workers = [round * 2 + 1, round * 2 + 2].map(seed => start({ seed, rounds: Infinity }))
      await Promise.all(workers.map(worker => once(worker, 'message')))
      await new Promise(resolve => setTimeout(resolve, round % 5))
      const codes = await Promise.all(workers.map(worker => worker.terminate()))
      expect(codes).toEqual([1, 1])
    }
    // And a worker after them finds the addon as it should be.
    const last = start({ seed: 99, rounds: 1 })
    const [sets] = await once(last, 'message')
    expect(sets).toHaveLength(3)
  })

  test('loaded in workers only, from several threads at once, the process ends by itself', () => {
    const script = `
      const { Worker } = require('node:worker_threads')
      let left = 6
      for (let seed = 1; seed <= 6; seed++) {
        new Worker(${JSON.stringify(fixture)}, { workerData: { seed, rounds: 1 } })
          .on('error', error => { throw error })
          .on('exit', code => { if (code !== 0) process.exitCode = 3; if (--left === 0) console.log('all gone') })
      }`
    const out = execFileSync(process.execPath, ['-e', script], { encoding: 'utf8', timeout: 60_000 })
    expect(out).toBe('all gone\n')
  })
})

describe('the end of the process', () => {
  const run = script => execFileSync(process.execPath, ['-e', script], {
    encoding: 'utf8', cwd: path.join(__dirname, '..'), timeout: 20_000
  })

  test('no timer of a cache keeps it alive', () => {
    expect(run(`
      const { LRUCache } = require('.')
      const cache = new LRUCache({ max: 10, ttl: 3_600_000, ttlAutopurge: true, ttlResolution: 3_600_000 })
      cache.set('a', 1)
      cache.get('a')
      console.log('done')
    `)).toBe('done\n')
  })

  test('process.exit in the midst of a callback is clean', () => {
    expect(run(`
      const { LRUCache } = require('.')
      const cache = new LRUCache({ max: 1, dispose: () => { console.log('exit'); process.exit(0) } })
      cache.set('a', 1).set('b', 2)
    `)).toBe('exit\n')
  })
})
