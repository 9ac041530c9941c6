'use strict'

// The end of a process, and of a worker: no pool delays it, nothing of a pool fails then, and exit codes stay what they
// are.

const { runProcess } = require('./support/off-heap-workers')

const run = (body, options) => runProcess(`
  const { Worker, markAsUntransferable } = require('node:worker_threads')
  const { BufferPool } = require('.')
  // Buffers that are live, free and forgotten.
  const use = options => {
    const pool = new BufferPool({ max: 65_536, ...options })
    const live = [1, 100, 5000, 65_536].map(size => pool.acquire(size).fill(1))
    for (let i = 0; i < 20; i++) {
      const [buffer, other] = [pool.acquire(100 * i + 1), pool.acquire(100 * i + 1)]
      pool.release(buffer)
      other.fill(2)
    }
    ;(globalThis.kept ??= []).push({ pool, live })
    return pool
  }
  const OPTIONS = [
    {}, { zeroing: 'both' }, { fence: 'always' }, { fence: 'sampled', poison: true }, { leakDetection: 'paranoid' },
    { idleMs: 1 }, { secure: true, maxBytes: '2mb', max: 65_536 }, { onFull: 'wait' }
  ]
  const useAll = () => OPTIONS.map(use)
  // The same in a worker, and then what is given.
  const worker = more => new Worker(
    \`const { BufferPool } = require('.')
    const { parentPort, markAsUntransferable } = require('node:worker_threads')
    const use = \${use}
    const OPTIONS = \${JSON.stringify(OPTIONS)}
    OPTIONS.map(use)
    \` + (more ?? ''), { eval: true })
  ${body}
`, options)

const fine = stdout => ({ stdout, stderr: '', code: 0, signal: null })

describe('a process ends by itself', () => {
  test.each([
    ['with pools of all kinds', 'useAll(); console.log("done")'],
    ['with pools that are closed', 'for (const pool of useAll()) pool.close(); console.log("done")'],
    ['with pools that are trimmed', 'for (const pool of useAll()) pool.trim(); console.log("done")'],
    ['after a turn of the loop', 'useAll(); setTimeout(() => console.log("done"), 30)'],
    ['with a pool that nobody has any more', 'use({}); use({ secure: true }); kept = []; gc(); console.log("done")'],
    ['with somebody who waits', `
      const pool = new BufferPool({ classes: [16], maxBytes: 16, onFull: 'wait' })
      kept = pool.acquire(1)
      pool.acquireAsync(1)
      pool.acquireAsync(1, { timeout: 3_600_000 })
      pool.acquireAsync(1, { signal: new AbortController().signal })
      console.log("done", pool.stats().waiting)`],
    ['with a lease', 'kept = use({}).lease(100); console.log("done")'],
    ['with workers that have pools', `
      let left = 3
      for (let i = 0; i < 3; i++) worker().on('exit', code => { if (--left === 0) console.log("done", code) })`],
    ['with pools here and in workers', `
      useAll()
      const one = worker("parentPort.postMessage(1); setInterval(() => {}, 1000)")
      one.on('message', () => one.terminate().then(code => console.log("done", code)))`],
    ['with a read under way', `
      const fs = require('node:fs')
      fs.read(fs.openSync(process.execPath), use({}).acquire(65_536), () => console.log("done"))`],
    ['with random bytes under way', `
      require('node:crypto').randomFill(use({}).acquire(65_536), () => console.log("done"))`],
    ['with forgotten Buffers that are told of', `
      const pool = new BufferPool({ leakDetection: 'paranoid', onLeak: () => console.log("done") })
      ;(() => pool.acquire(100))()
      let turns = 0
      const look = () => {
        gc()
        if (pool.stats().lost === 0 && turns++ < 1000) setTimeout(look, 5)
      }
      setTimeout(look, 1)`]
  ])('%s', async (_, body) => {
    const { stdout, ...rest } = await run(body, { args: ['--expose-gc'] })
    expect(rest).toEqual({ stderr: '', code: 0, signal: null })
    expect(stdout).toMatch(/^done( \d+)?\n$/)
  })

  // Node 24.16 and later would end it with an abort if it knew what it has marked.
  test.each([
    ['here', 'const mark = markAsUntransferable; mark(use({}).acquire(100).buffer); console.log("done")'],
    ['after a fence', `
      const pool = use({ fence: 'always' })
      pool.release(pool.acquire(100))
      markAsUntransferable(pool.acquire(100).buffer)
      console.log("done")`],
    ['free', `
      const pool = use({})
      const buffer = pool.acquire(100)
      markAsUntransferable(buffer.buffer)
      pool.release(buffer)
      pool.trim()
      pool.close()
      console.log("done")`],
    ['in a worker', `
      worker("markAsUntransferable(use({}).acquire(100).buffer)").on('exit', () => console.log("done"))`]
  ])('with a Buffer that was marked as untransferable, %s', async (_, body) => {
    expect(await run(body)).toEqual(fine('done\n'))
  })
})

describe('process.exit is clean', () => {
  test.each([
    ['with pools of all kinds', 'useAll(); process.exit(5)'],
    ['a little later', 'useAll(); setTimeout(() => process.exit(5), 8)'],
    ['in onLeak', `
      const pool = new BufferPool({ leakDetection: 'paranoid', onLeak: () => process.exit(5) })
      ;(() => pool.acquire(100))()
      setInterval(() => { gc(); pool.stats() }, 5)`],
    ['while somebody waits', `
      const pool = new BufferPool({ classes: [16], maxBytes: 16, onFull: 'wait' })
      kept = pool.acquire(1)
      pool.acquireAsync(1)
      setTimeout(() => process.exit(5), 8)`],
    ['while workers are at work', `
      useAll()
      for (let i = 0; i < 2; i++) {
        worker("parentPort.postMessage(1); for (;;) { use({}).trim(); use({ secure: true, maxBytes: '2mb' }); kept = [] }")
          .on('message', () => setTimeout(() => process.exit(5), 9))
      }`],
    ['while random bytes are under way', `
      for (let i = 0; i < 20; i++) require('node:crypto').randomFill(use({}).acquire(65_536), () => {})
      process.exit(5)`],
    ['in a handler of exit', 'useAll(); process.on("exit", () => { use({}); process.exit(5) })']
  ])('%s', async (_, body) => {
    expect(await run(body, { args: ['--expose-gc'] })).toEqual({ stdout: '', stderr: '', code: 5, signal: null })
  })

  test('in a worker', async () => {
    expect(await run('worker("process.exit(5)").on("exit", code => { useAll(); console.log(code) })'))
      .toEqual(fine('5\n'))
  })

  test('in a worker, in the midst of an event', async () => {
    expect(await run(`
      worker("setInterval(() => { OPTIONS.map(use); process.exit(5) }, 1)").on("exit", code => console.log(code))`))
      .toEqual(fine('5\n'))
  })
})

describe('handlers of the end can use a pool', () => {
  test.each([
    ['exit', `
      useAll()
      process.on("exit", () => { useAll(); for (const { pool } of kept) pool.trim(); console.log("done") })`],
    ['exit, and close it', `
      useAll()
      process.on("exit", () => { for (const { pool } of kept) pool.close(); console.log("done") })`],
    ['beforeExit', 'useAll(); process.once("beforeExit", () => { useAll(); console.log("done") })'],
    ['exit of a worker', `
      worker("process.on('exit', () => { OPTIONS.map(use); for (const { pool } of kept) pool.close() })")
        .on("exit", code => console.log("done"))`]
  ])('%s', async (_, body) => {
    expect(await run(body)).toEqual(fine('done\n'))
  })
})

describe('an error that nobody catches', () => {
  test.each([
    ['here', 'useAll(); throw new Error("on purpose")', 1],
    ['later', 'useAll(); setImmediate(() => { throw new Error("on purpose") })', 1],
    ['a rejection', 'useAll(); Promise.reject(new Error("on purpose"))', 1],
    ['in a worker', 'useAll(); worker("throw new Error(\'on purpose\')")', 1],
    ['in onLeak', `
      const pool = new BufferPool({ leakDetection: 'paranoid', onLeak: () => { throw new Error("on purpose") } })
      ;(() => pool.acquire(100))()
      setInterval(() => { gc(); pool.stats() }, 5)`, 1],
    ['and an exit code', `
      useAll()
      process.on("uncaughtException", () => process.exit(7))
      throw new Error("on purpose")`, 7]
  ])('%s', async (_, body, expected) => {
    const { stdout, stderr, code, signal } = await run(body, { args: ['--expose-gc'] })
    expect({ stdout, code, signal }).toEqual({ stdout: '', code: expected, signal: null })
    if (expected === 1) expect(stderr).toContain('Error: on purpose')
    expect(stderr).not.toMatch(/FATAL|panicked|Native stack/)
  })
})
