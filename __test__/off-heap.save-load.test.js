'use strict'

// save() and load(): what comes back, what is told, and what is not a saved store. The format itself is tested in Rust.

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { pathToFileURL } = require('node:url')
const { OffHeapCache, closeAll, newName, open, rejectionOf, shapeOf } = require('./support/off-heap')

const LARGE = Buffer.alloc(1e6)

let folder
let opened = []

beforeAll(() => { folder = fs.mkdtempSync(path.join(os.tmpdir(), 'heapwise-offheap-')) })
afterAll(() => fs.rmSync(folder, { recursive: true }))
afterEach(() => {
  closeAll()
  for (const cache of opened) cache.close()
  opened = []
})

let files = 0
const newFile = () => path.join(folder, `store-${++files}`)

const filled = options => {
  const cache = open(options)
  for (let i = 0; i < 1000; i++) cache.set(`key ${i}`, { i })
  return cache.set(5, Buffer.from('five')).set('ttl', 1, 1e6).set(Buffer.from('日'), '本')
}
const contentsOf = cache => new Map([...cache].map(([key, value]) => [shapeOf(key), shapeOf(value)]))

const load = async (file, options) => {
  const cache = await OffHeapCache.load(file, options)
  opened.push(cache)
  return cache
}

test.each(['v8', 'json', 'msgpack'])('what was saved is loaded, codec %s', async codec => {
  const file = newFile()
  const cache = filled({ codec })
  const saved = await cache.save(file)
  expect(saved).toEqual({ entries: 1003, bytes: fs.statSync(file).size })
  const loaded = await load(file, { codec })
  expect(contentsOf(loaded)).toEqual(contentsOf(cache))
  expect(loaded.getRemainingTTL('ttl')).toBeGreaterThan(9e5)
  expect(loaded.getRemainingTTL('ttl')).toBeLessThanOrEqual(1e6)
  // Each value says itself how it was encoded.
  const other = await load(pathToFileURL(file), { codec: codec === 'json' ? 'v8' : 'json' })
  expect(contentsOf(other)).toEqual(contentsOf(cache))
})

test('a codec of the user is needed again', async () => {
  const file = newFile()
  const codec = { encode: value => `~${value}`, decode: text => text.slice(1) }
  await open({ codec }).set('a', 'x').save(file)
  expect((await load(file, { codec })).get('a')).toBe('x')
  const error = await rejectionOf(load(file))
  expect(error.path).toBe(file)
  expect(error.message).toMatch('the file was saved with a codec of its own, and this cache has none')
})

test('a large store', async () => {
  const file = newFile()
  const cache = open({ maxBytes: '256mb', shards: 1 })
  for (let i = 0; i < 100; i++) cache.set(i, LARGE)
  const seen = []
  const options = { onProgress: size => { seen.push(size) } }
  const saved = await cache.save(file, options)
  expect(saved.entries).toBe(100)
  expect((await load(file, { maxBytes: '256mb', shards: 1, ...options })).size).toBe(100)
  // How much is told depends on how fast it goes.
  for (const size of seen) {
    expect(Object.keys(size)).toEqual(['entries', 'bytes'])
    expect(size.entries <= 100 && size.bytes <= saved.bytes).toBe(true)
  }
})

describe('progress', () => {
  // What native code tells, at will.
  const prepare = () => {
    const native = jest.requireActual('../lib/native.js')
    let ring
    let posted = []
    jest.doMock('../lib/native.js', () => ({
      ...native,
      offheapListen (callback) { ring = callback },
      offheapEvents: () => posted.splice(0),
      offheapSave: () => 7
    }))
    let Cache
    jest.isolateModules(() => { Cache = require('..').OffHeapCache })
    jest.dontMock('../lib/native.js')
    const cache = new Cache()
    opened.push(cache)
    const tell = (...events) => {
      posted = events.flat()
      ring()
    }
    return { cache, tell }
  }
  const PROGRESS = [7, 1, 10, 1000, '']
  const DONE = [7, 2, 20, 2000, '']

  test('is told as it comes', async () => {
    const { cache, tell } = prepare()
    const seen = []
    const saving = cache.save('file', { onProgress: size => { seen.push(size) } })
    await Promise.resolve()
    // Tickets that nobody has, or has any more, are nothing.
    tell([8, 1, 1, 1, ''], PROGRESS, [9, 0, 0, 0, ''])
    expect(seen).toEqual([{ entries: 10, bytes: 1000 }])
    tell(PROGRESS, DONE, PROGRESS, DONE)
    expect(await saving).toEqual({ entries: 20, bytes: 2000 })
    expect(seen).toHaveLength(2)
  })

  test('what onProgress throws rejects, once the work is done, and it is not called again', async () => {
    const { cache, tell } = prepare()
    let calls = 0
    const onProgress = () => { throw new Error(`mine ${++calls}`) }
    const settled = jest.fn()
    const saving = cache.save('file', { onProgress })
    const rejected = rejectionOf(saving).then(error => { settled(); return error })
    await Promise.resolve()
    tell(PROGRESS, PROGRESS)
    await new Promise(resolve => setImmediate(resolve))
    expect(settled).not.toHaveBeenCalled()
    tell(DONE)
    expect((await rejected).message).toBe('mine 1')
  })

  test('nobody has to listen', async () => {
    const { cache, tell } = prepare()
    const saving = cache.save('file')
    await Promise.resolve()
    tell(PROGRESS, [7, 3, 2, 0, 'it is broken'])
    expect(await rejectionOf(saving)).toMatchObject({ code: 'ERR_HEAPWISE_SNAPSHOT_DAMAGED' })
  })

  test.each([
    [1, 'Error', 'ERR_HEAPWISE_SNAPSHOT_IO'], [2, 'Error', 'ERR_HEAPWISE_SNAPSHOT_DAMAGED'],
    [3, 'Error', 'ERR_HEAPWISE_SNAPSHOT_VERSION'], [4, 'RangeError', 'ERR_HEAPWISE_ENTRY_TOO_LARGE'],
    [5, 'Error', 'ERR_HEAPWISE_STORE_MISMATCH'], [99, 'Error', 'ERR_HEAPWISE_INTERNAL']
  ])('a failure of class %d is a %s, %s', async (reason, name, code) => {
    const { cache, tell } = prepare()
    const saving = cache.save('file')
    await Promise.resolve()
    tell([7, 3, reason, 0, 'so it is'])
    const file = path.resolve('file')
    expect(await rejectionOf(saving)).toMatchObject({ name, code, path: file, message: `cannot save to '${file}': so it is` })
  })
})

test('closing does not stop a save', async () => {
  const file = newFile()
  const cache = filled()
  const saving = cache.save(file)
  cache.close()
  expect((await saving).entries).toBe(1003)
  const loaded = await load(file)
  expect(loaded.size).toBe(1003)
})

test('a file that cannot be written or read says so', async () => {
  const nowhere = path.join(folder, 'no', 'such', 'folder')
  const save = await rejectionOf(open().save(nowhere))
  expect(save).toMatchObject({ name: 'Error', code: 'ERR_HEAPWISE_SNAPSHOT_IO', path: nowhere })
  expect(save.message).toMatch(`cannot save to '${nowhere}': `)
  const read = await rejectionOf(OffHeapCache.load(nowhere))
  expect(read).toMatchObject({ name: 'Error', code: 'ERR_HEAPWISE_SNAPSHOT_IO', path: nowhere })
  expect(read.message).toMatch(`cannot load from '${nowhere}': `)
})

test('what is no saved store, or is cut or altered, is told and changes nothing', async () => {
  const file = newFile()
  await filled().save(file)
  const bytes = fs.readFileSync(file)
  const flipped = Buffer.from(bytes)
  flipped[bytes.length >> 1] ^= 1
  const name = newName()
  const there = open({ name }).set('kept', 1)
  for (const damaged of [Buffer.alloc(0), Buffer.from('text'), bytes.subarray(0, -1), flipped]) {
    fs.writeFileSync(file, damaged)
    const error = await rejectionOf(OffHeapCache.load(file, { name }))
    expect(error).toMatchObject({ name: 'Error', code: 'ERR_HEAPWISE_SNAPSHOT_DAMAGED', path: file })
    expect([...there]).toEqual([['kept', 1]])
  }
  there.close()
  // Those that failed have closed their caches.
  expect(open({ name }).size).toBe(0)
})

test('an entry that does not fit is told', async () => {
  const file = newFile()
  await open({ shards: 1 }).set('a', LARGE).save(file)
  expect(await rejectionOf(OffHeapCache.load(file, { maxBytes: '64kb' }))).toMatchObject(
    { name: 'RangeError', code: 'ERR_HEAPWISE_ENTRY_TOO_LARGE', path: file })
})

test('wrong arguments reject', async () => {
  const cache = open()
  for (const file of [undefined, null, 5, {}, Buffer.from('a')]) {
    expect((await rejectionOf(cache.save(file))).code).toBe('ERR_HEAPWISE_INVALID_ARG_TYPE')
    expect((await rejectionOf(OffHeapCache.load(file))).code).toBe('ERR_HEAPWISE_INVALID_ARG_TYPE')
  }
  for (const file of ['', 'a\0b', new URL('https://localhost/a')]) {
    expect((await rejectionOf(cache.save(file))).code).toBe('ERR_HEAPWISE_INVALID_ARG_VALUE')
  }
  for (const options of [5, 'a', { onProgress: 5 }]) {
    expect((await rejectionOf(cache.save('a', options))).code).toBe('ERR_HEAPWISE_INVALID_ARG_TYPE')
    expect((await rejectionOf(OffHeapCache.load('a', options))).code).toBe('ERR_HEAPWISE_INVALID_ARG_TYPE')
  }
  expect((await rejectionOf(OffHeapCache.load('a', { tll: 5 }))).code).toBe('ERR_HEAPWISE_UNKNOWN_OPTION')
})
