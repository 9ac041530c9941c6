'use strict'

// The end of a process: nothing of an OffHeapCache delays it that nobody waits for, and nothing of it fails then.

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { OffHeapCache } = require('./support/off-heap')
const { runProcess } = require('./support/off-heap-workers')

let folder
beforeAll(() => { folder = fs.mkdtempSync(path.join(os.tmpdir(), 'heapwise-exit-')) })
afterAll(() => fs.rmSync(folder, { recursive: true }))

const store = () => path.join(folder, 'store')
const temporary = () => fs.readdirSync(folder).filter(name => name.startsWith('.'))

/** Of a save there is all or nothing. The end of the process can leave a temporary file, that of a worker cannot. */
const checkWhole = async () => {
  if (!fs.existsSync(store())) return
  const cache = await OffHeapCache.load(store(), { maxBytes: '1gb' })
  expect(cache.size % 100).toBe(0)
  expect(cache.size).toBeGreaterThan(0)
  cache.close()
}

afterEach(() => {
  for (const name of fs.readdirSync(folder)) fs.rmSync(path.join(folder, name))
})

const run = body => runProcess(`
  const { Worker, isMainThread, parentPort } = require('node:worker_threads')
  const { OffHeapCache } = require('.')
  const fill = cache => {
    for (let i = 0; i < 100; i++) cache.set(i, Buffer.alloc(100_000, i))
    return cache
  }
  const file = ${JSON.stringify(store())}
  ${body}
`)

const fine = stdout => ({ stdout, stderr: '', code: 0, signal: null })

describe('a process ends by itself', () => {
  test.each([
    ['with a cache that is open', 'new OffHeapCache().set(1, 1); console.log("done")'],
    ['with a large one', 'fill(new OffHeapCache({ name: "large" })); console.log("done")'],
    ['with entries that end later', 'new OffHeapCache({ ttl: 3_600_000 }).set(1, 1); console.log("done")'],
    ['with entries that end at this moment', `
      const cache = new OffHeapCache({ ttl: 30 })
      for (let i = 0; i < 100_000; i++) cache.set(i, i)
      console.log("done")`],
    ['after a getOrSet', 'new OffHeapCache().getOrSet(1, async () => "done").then(console.log)'],
    ['with a producer that never ends', `
      const cache = new OffHeapCache()
      cache.getOrSet(1, () => new Promise(() => {}))
      console.log("done")`],
    ['after a wait', `
      const cache = new OffHeapCache()
      cache.getOrSet(1, () => new Promise(resolve => setTimeout(resolve, 20, "done")))
      cache.getOrSet(1, () => "not me").then(console.log)`],
    ['after a wait that was given up', `
      const cache = new OffHeapCache()
      cache.getOrSet(1, () => new Promise(() => {}))
      cache.getOrSet(1, () => 0, { signal: AbortSignal.timeout(20) }).catch(() => console.log("done"))`],
    ['after a wait that close() has ended', `
      const cache = new OffHeapCache()
      cache.getOrSet(1, () => new Promise(() => {}))
      cache.getOrSet(1, () => 0).catch(() => console.log("done"))
      setTimeout(() => cache.close(), 20)`],
    ['with an iterator that is not at its end', `
      const iterator = new OffHeapCache().set(1, 1).set(2, 2).entries()
      iterator.next()
      console.log("done")`],
    ['after workers that had the same store', `
      const source = "require('.').OffHeapCache && new (require('.').OffHeapCache)({ name: 's' }).set(1, 1)"
      let left = 3
      for (let i = 0; i < 3; i++) {
        new Worker(source, { eval: true }).on('exit', () => { if (--left === 0) console.log("done") })
      }`]
  ])('%s', async (_, body) => {
    expect(await run(body)).toEqual(fine('done\n'))
  })

  test('after a save, which is waited for', async () => {
    expect(await run('fill(new OffHeapCache()).save(file)')).toEqual(fine(''))
    const cache = await OffHeapCache.load(store())
    expect(cache.size).toBe(100)
    cache.close()
  })

  test('after a save and a load', async () => {
    expect(await run(`
      const cache = fill(new OffHeapCache())
      cache.save(file).then(() => OffHeapCache.load(file)).then(({ size }) => console.log(size))
    `)).toEqual(fine('100\n'))
  })
})

describe('process.exit is clean', () => {
  test.each([
    ['in a producer', 'new OffHeapCache().getOrSet(1, () => process.exit(5))'],
    ['while somebody waits', `
      const cache = new OffHeapCache()
      cache.getOrSet(1, () => new Promise(() => {}))
      cache.getOrSet(1, () => 0)
      setTimeout(() => process.exit(5), 20)`],
    ['during a save', 'fill(new OffHeapCache()).save(file); process.exit(5)'],
    ['a little later during a save', 'fill(new OffHeapCache()).save(file); setTimeout(() => process.exit(5), 8)'],
    ['in onProgress', `
      const cache = new OffHeapCache({ maxBytes: '1gb' })
      for (let i = 0; i < 500; i++) cache.set(i, Buffer.alloc(100_000, i))
      cache.save(file, { onProgress: () => process.exit(5) }).then(() => process.exit(5))`],
    ['while entries are swept', `
      const cache = new OffHeapCache({ ttl: 5 })
      for (let i = 0; i < 50_000; i++) cache.set(i, i)
      setTimeout(() => process.exit(5), 60)`],
    ['while workers are at work', `
      const source = "const c = new (require('.').OffHeapCache)({ name: 's' }); let i = 0; " +
        "require('worker_threads').parentPort.postMessage(1); for (;;) { c.set(i, i); c.get(i++ % 1000) }"
      const cache = new OffHeapCache({ name: 's' })
      for (let i = 0; i < 2; i++) new Worker(source, { eval: true }).on('message', () => setTimeout(() => process.exit(5), 9))`],
    ['in a codec', `
      const cache = new OffHeapCache({ codec: { encode: () => process.exit(5), decode: String } })
      cache.set(1, 1)`]
  ])('%s', async (_, body) => {
    expect(await run(body)).toMatchObject({ stdout: '', stderr: '', code: 5, signal: null })
    await checkWhole()
  })
})

test('a worker that ends during a save leaves nothing but whole files', async () => {
  const { stdout, stderr, code } = await run(`
    const source = \`
      const { OffHeapCache } = require('.')
      const cache = new OffHeapCache({ name: 'saved' })
      cache.save(\${JSON.stringify(file)})
      setTimeout(() => process.exit(3), \`
    const cache = fill(new OffHeapCache({ name: 'saved' }))
    let left = 10
    for (let i = 0; i < 10; i++) {
      new Worker(source + i + ')', { eval: true }).on('exit', () => { if (--left === 0) console.log(cache.size) })
    }
  `)
  expect({ stdout, stderr, code }).toEqual({ stdout: '100\n', stderr: '', code: 0 })
  expect(temporary()).toEqual([])
  await checkWhole()
})
