'use strict'

// Saved stores: all that is in them comes back, whatever else goes on, and a file that is not whole changes nothing.

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { setTimeout: pause } = require('node:timers/promises')
const {
  CODECS, KEYS, OffHeapCache, PLAIN, closeAll, newName, open, rejectionOf, shapeOf
} = require('./support/off-heap')
const { checkAll, keyOf, make, randomOf } = require('./support/off-heap-checked')
const { endAll, runProcess, start } = require('./support/off-heap-workers')

const seed = Number(process.env.HEAPWISE_SEED ?? Date.now()) >>> 0
process.stdout.write(`off-heap.snapshot: HEAPWISE_SEED=${seed}\n`)

const HOUR = 3_600_000
let folder
const opened = []

beforeEach(() => { folder = fs.mkdtempSync(path.join(os.tmpdir(), 'heapwise-snapshot-')) })
afterEach(async () => {
  closeAll()
  for (const cache of opened.splice(0)) cache.close()
  await endAll()
  fs.rmSync(folder, { recursive: true })
})

const fileOf = (name = 'store') => path.join(folder, name)
const temporary = () => fs.readdirSync(folder).filter(name => name.startsWith('.'))
const load = async (file, options) => {
  const cache = await OffHeapCache.load(file, options)
  opened.push(cache)
  return cache
}
const contentsOf = cache => new Map([...cache].map(([key, value]) =>
  [shapeOf(key), `${typeof value === 'object' ? value?.constructor.name : ''} ${shapeOf(value)}`]))

/** Saves a cache and loads it into another. */
const reloaded = async (cache, options) => {
  await cache.save(fileOf())
  return load(fileOf(), options)
}

describe('what is saved comes back', () => {
  test.each(CODECS)('values of all kinds, codec %s', async (_, codec, more) => {
    const cache = open({ codec, maxBytes: '64mb', shards: 1 })
    for (const [name, value] of [...PLAIN, ...more]) cache.set(name, value)
    const loaded = await reloaded(cache, { codec, maxBytes: '64mb', shards: 1 })
    expect(loaded.size).toBe(PLAIN.length + more.length)
    expect(contentsOf(loaded)).toEqual(contentsOf(cache))
  })

  test('keys of all kinds', async () => {
    const cache = open()
    KEYS.forEach(([, key], i) => cache.set(key, i))
    const loaded = await reloaded(cache)
    expect(loaded.size).toBe(KEYS.length)
    for (const [i, [, key]] of KEYS.entries()) expect(loaded.get(key)).toBe(i)
  })

  test('random entries, from any number of shards into any', async () => {
    const random = randomOf(seed)
    const options = { maxBytes: '64mb' }
    for (const [from, to] of [[1, 8], [8, 1], [32, 4]]) {
      const cache = open({ ...options, shards: from })
      for (let i = 0; i < 2000; i++) cache.set(keyOf(i), make(i, random(2 ** 24)))
      const loaded = await reloaded(cache, { ...options, shards: to })
      expect(loaded.size).toBe(2000)
      expect(checkAll(loaded)).toBe(2000)
      expect(contentsOf(loaded)).toEqual(contentsOf(cache))
    }
  })

  test('an empty store', async () => {
    const saved = await open().save(fileOf())
    expect(saved).toEqual({ entries: 0, bytes: fs.statSync(fileOf()).size })
    expect((await load(fileOf())).size).toBe(0)
  })

  test('nothing in the store is changed by it', async () => {
    const cache = open({ shards: 1, maxEntries: 3 }).set('a', 1).set('b', 2).set('c', 3)
    const before = cache.stats()
    await cache.save(fileOf())
    expect(cache.stats()).toEqual(before)
    cache.set('d', 4)
    expect([...cache.keys()].sort()).toEqual(['b', 'c', 'd'])
  })

  test('in another process', async () => {
    const cache = open().set('a', { x: [1, 2] }).set(5, 10n).set(Buffer.from('b'), new Float64Array([1.5]))
    await cache.save(fileOf())
    const { stdout, stderr } = await runProcess(`
      const { OffHeapCache } = require('.')
      OffHeapCache.load(${JSON.stringify(fileOf())}).then(cache => {
        console.log(cache.size, cache.get('a').x, cache.get(5), cache.get(Buffer.from('b'))[0])
      })`)
    expect({ stdout, stderr }).toEqual({ stdout: '3 [ 1, 2 ] 10n 1.5\n', stderr: '' })
  })

  test('and is over what is there', async () => {
    await open().set('a', 'saved').set('b', 'saved').save(fileOf())
    const name = newName()
    const there = open({ name }).set('b', 'there').set('c', 'there')
    await load(fileOf(), { name })
    expect([...there].sort()).toEqual([['a', 'saved'], ['b', 'saved'], ['c', 'there']])
  })
})

describe('times', () => {
  test('go on while the store is a file', async () => {
    const cache = open({ ttl: HOUR })
    cache.set('usual', 1).set('short', 1, 50).set('long', 1, 5 * HOUR).set('never', 1, 0)
    await cache.save(fileOf())
    // Longer than 'short' has, by the clock on the wall.
    await pause(60)
    const loaded = await load(fileOf(), { ttl: HOUR })
    expect(loaded.has('short')).toBe(false)
    expect(loaded.size).toBe(3)
    for (const key of ['usual', 'long']) {
      // The loaded one ends when the other does. Two clocks are in it, which do not agree to the millisecond.
      const before = cache.getRemainingTTL(key)
      const left = loaded.getRemainingTTL(key)
      const after = cache.getRemainingTTL(key)
      expect(left > after - 1000 && left < before + 1000).toBe(true)
    }
    expect(loaded.getRemainingTTL('never')).toBe(Infinity)
  })

  test('are those that entries had, and start anew as long as they did', async () => {
    const cache = open({ ttl: HOUR }).set('usual', 1).set('long', 1, 5 * HOUR).set('never', 1, 0)
    for (const options of [{}, { ttl: HOUR }, { ttl: 9 * HOUR }]) {
      const loaded = await reloaded(cache, options)
      for (const key of ['usual', 'long', 'never']) expect(loaded.touch(key)).toBe(true)
      const hours = ['usual', 'long', 'never'].map(key => Math.round(loaded.getRemainingTTL(key) / HOUR))
      expect(hours).toEqual([1, 5, Infinity])
      loaded.close()
    }
  })

  test('that are over when it is saved are left out', async () => {
    const cache = open({ allowStale: true }).set('stale', 1, 1).set('fresh', 2)
    while (cache.getRemainingTTL('stale') > 0) await pause(1)
    const loaded = await reloaded(cache, { allowStale: true })
    expect(loaded.peek('stale')).toBe(undefined)
    expect([...loaded]).toEqual([['fresh', 2]])
  })
})

describe('order', () => {
  test('the least recently used go first after it as before', async () => {
    const random = randomOf(seed)
    const cache = open({ shards: 1 })
    for (let i = 0; i < 300; i++) cache.set(i, i)
    const order = Array.from({ length: 300 }, (_, i) => i)
    for (let i = 0; i < 500; i++) {
      const key = random(300)
      cache.get(key)
      order.push(...order.splice(order.indexOf(key), 1))
    }
    const loaded = await reloaded(cache, { shards: 1, maxEntries: 300, evictedKeys: 1000 })
    for (let i = 0; i < 300; i++) loaded.set(`new ${i}`, i)
    expect(loaded.takeEvicted().map(({ key }) => key)).toEqual(order)
  })

  test.each([['entries', { maxEntries: 40 }], ['bytes', { maxBytes: '64kb' }]])(
    'a smaller store, bounded by %s, keeps the newest', async (_, options) => {
      const cache = open({ shards: 1 })
      for (let i = 0; i < 400; i++) cache.set(i, Buffer.alloc(1000, i))
      for (let i = 0; i < 100; i += 2) cache.get(i)
      const loaded = await reloaded(cache, { shards: 1, ...options })
      // Those that were read are the newest.
      const newest = Array.from({ length: 350 }, (__, i) => i < 300 ? i + 100 : (i - 300) * 2)
      const kept = [...loaded.keys()].sort((a, b) => a - b)
      expect(kept.length).toBeGreaterThan(30)
      expect(kept.length).toBeLessThan(80)
      expect(kept).toEqual(newest.slice(-kept.length).sort((a, b) => a - b))
    })
})

describe('a file that is not whole', () => {
  const filled = () => {
    const random = randomOf(seed)
    const cache = open({ shards: 2 })
    for (let i = 0; i < 200; i++) cache.set(keyOf(i), make(i, random(2 ** 24)), i % 5 === 0 ? HOUR : 0)
    return cache
  }

  /** Tries to load, into a store that has something; what it is rejected with. */
  const refused = async (file, options = {}) => {
    const name = newName()
    const there = open({ name, ...options }).set('kept', { x: 1 }, HOUR).set('b', 2)
    const { hits, misses, ...before } = there.stats()
    const error = await rejectionOf(OffHeapCache.load(file, { name, ...options }))
    const { hits: _, misses: __, ...after } = there.stats()
    expect(after).toEqual(before)
    expect([...there].sort()).toEqual([['b', 2], ['kept', { x: 1 }]])
    expect(error.path).toBe(file)
    expect(error.message).toMatch(`cannot load from '${file}': `)
    expect(error.message).not.toMatch('\n')
    there.close()
    // Nobody has it open any more.
    expect(open({ name }).size).toBe(0)
    closeAll()
    return error
  }

  test('cut anywhere, is refused', async () => {
    await filled().save(fileOf())
    const bytes = fs.readFileSync(fileOf())
    const random = randomOf(seed)
    const cuts = [0, 1, 7, 8, 11, 12, 40, bytes.length - 1, ...Array.from({ length: 60 }, () => random(bytes.length))]
    for (const cut of cuts) {
      fs.writeFileSync(fileOf('cut'), bytes.subarray(0, cut))
      expect([cut, (await refused(fileOf('cut'))).code]).toEqual([cut, 'ERR_HEAPWISE_SNAPSHOT_DAMAGED'])
    }
  })

  test('with a bit flipped anywhere, is refused', async () => {
    await filled().save(fileOf())
    const bytes = fs.readFileSync(fileOf())
    const random = randomOf(seed)
    const places = [...Array(16).keys(), bytes.length - 1, ...Array.from({ length: 60 }, () => random(bytes.length))]
    for (const place of places) {
      const flipped = Buffer.from(bytes)
      flipped[place] ^= 1 << random(8)
      fs.writeFileSync(fileOf('flipped'), flipped)
      expect([place, (await refused(fileOf('flipped'))).code]).toEqual([place, 'ERR_HEAPWISE_SNAPSHOT_DAMAGED'])
    }
  })

  test('with more behind it, or a part twice, is refused', async () => {
    await filled().save(fileOf())
    const bytes = fs.readFileSync(fileOf())
    for (const parts of [[bytes, Buffer.from('x')], [bytes, bytes], [bytes.subarray(0, 1000), bytes]]) {
      fs.writeFileSync(fileOf('more'), Buffer.concat(parts))
      expect((await refused(fileOf('more'))).code).toBe('ERR_HEAPWISE_SNAPSHOT_DAMAGED')
    }
  })

  test('or is something else, is refused', async () => {
    for (const bytes of [Buffer.alloc(0), Buffer.alloc(100_000), Buffer.from('{"json": true}\n')]) {
      fs.writeFileSync(fileOf(), bytes)
      expect((await refused(fileOf())).code).toBe('ERR_HEAPWISE_SNAPSHOT_DAMAGED')
    }
  })

  test('of a later version says so', async () => {
    await filled().save(fileOf())
    const bytes = fs.readFileSync(fileOf())
    // Behind eight bytes that tell what it is: the version, and its complement.
    bytes.writeUInt16LE(2, 8)
    bytes.writeUInt16LE(0xfffd, 10)
    fs.writeFileSync(fileOf(), bytes)
    const error = await refused(fileOf())
    expect(error.code).toBe('ERR_HEAPWISE_SNAPSHOT_VERSION')
    expect(error.message).toMatch('2')
  })

  test('a folder, nothing, or what may not be read', async () => {
    expect((await refused(folder)).code).toBe('ERR_HEAPWISE_SNAPSHOT_IO')
    expect((await refused(fileOf('absent'))).code).toBe('ERR_HEAPWISE_SNAPSHOT_IO')
    expect((await refused(path.join(folder, 'no', 'folder'))).code).toBe('ERR_HEAPWISE_SNAPSHOT_IO')
    fs.symlinkSync(fileOf('loop'), fileOf('loop'))
    expect((await refused(fileOf('loop'))).code).toBe('ERR_HEAPWISE_SNAPSHOT_IO')
    // Whoever is root may read anything, but not this.
    expect((await refused('/dev/null')).code).toBe('ERR_HEAPWISE_SNAPSHOT_IO')
    await filled().save(fileOf())
    fs.chmodSync(fileOf(), 0)
    if (process.getuid() !== 0) expect((await refused(fileOf())).code).toBe('ERR_HEAPWISE_SNAPSHOT_IO')
  })

  test('with an entry too large for a shard, or a codec that this cache does not have', async () => {
    await open({ shards: 1 }).set('small', 1).set('large', Buffer.alloc(1e6)).save(fileOf())
    const error = await refused(fileOf(), { maxBytes: '512kb' })
    expect(error).toMatchObject({ name: 'RangeError', code: 'ERR_HEAPWISE_ENTRY_TOO_LARGE' })
    const codec = { encode: String, decode: String }
    await open({ codec }).set('a', 1).save(fileOf('own'))
    expect((await refused(fileOf('own'))).code).toBe('ERR_HEAPWISE_STORE_MISMATCH')
  })
})

describe('a save that cannot be done', () => {
  test('leaves the file that was there, and no other', async () => {
    const cache = open().set('a', 1)
    await cache.save(fileOf())
    const before = fs.readFileSync(fileOf())
    fs.mkdirSync(fileOf('folder'))
    for (const file of [fileOf('folder'), path.join(fileOf(), 'below'), path.join(folder, 'no', 'file'), '/dev/null']) {
      const error = await rejectionOf(cache.save(file))
      expect(error).toMatchObject({ code: 'ERR_HEAPWISE_SNAPSHOT_IO', path: file })
      expect(error.message).toMatch(`cannot save to '${file}': `)
      expect(error.message).not.toMatch('\n')
    }
    expect(fs.readFileSync(fileOf())).toEqual(before)
    expect(fs.readdirSync(folder).sort()).toEqual(['folder', 'store'])
    expect(cache.get('a')).toBe(1)
  })

  test('because the disk is full, leaves no temporary file', async () => {
    // No file may become larger than a megabyte in there.
    const { stdout, stderr } = await runProcess(`
      const { execFileSync } = require('node:child_process')
      process.on('SIGXFSZ', () => {})
      const script = \`
        const { OffHeapCache } = require('.')
        const cache = new OffHeapCache()
        for (let i = 0; i < 50; i++) cache.set(i, Buffer.alloc(100_000))
        process.on('SIGXFSZ', () => {})
        cache.save(${JSON.stringify(fileOf())}).catch(error => console.log(error.code, cache.size))
      \`
      console.log(execFileSync('sh', ['-c', 'ulimit -f 512; exec "$0" -e "$1"', process.execPath, script], { encoding: 'utf8' }))
    `)
    expect({ stdout, stderr }).toEqual({ stdout: 'ERR_HEAPWISE_SNAPSHOT_IO 50\n\n', stderr: '' })
    expect(fs.readdirSync(folder)).toEqual([])
  })
})

describe('while it is saved or loaded', () => {
  const large = options => {
    const cache = open({ maxBytes: '128mb', ...options })
    for (let i = 0; i < 500; i++) cache.set(`large ${i}`, Buffer.alloc(100_000, i))
    return cache
  }

  test('the event loop turns, and progress is told', async () => {
    const cache = large()
    let turns = 0
    let over = false
    const told = []
    const options = { onProgress: progress => told.push(progress) }
    const turning = (async () => {
      for (; !over; turns++) await new Promise(resolve => setImmediate(resolve))
    })()
    const saved = await cache.save(fileOf(), options)
    const turnsOfSave = turns
    const loaded = await load(fileOf(), { maxBytes: '128mb', ...options })
    over = true
    await turning
    expect(loaded.size).toBe(500)
    // Not even one, if it were done in one go.
    expect(turnsOfSave).toBeGreaterThan(10)
    expect(turns - turnsOfSave).toBeGreaterThan(10)
    for (const { entries, bytes } of told) {
      expect(entries >= 0 && entries <= saved.entries && bytes > 0 && bytes <= saved.bytes).toBe(true)
    }
  })

  test('others write, and the file has whole values', async () => {
    const name = newName()
    const cache = open({ name, maxBytes: '2mb', shards: 4 })
    const workers = [1, 2].map(i => start('write', { name, seed: seed + i, keys: 2000 }))
    await Promise.all(workers.map(worker => worker.said('writing')))
    while (cache.size === 0) await new Promise(resolve => setTimeout(resolve, 5))
    for (let i = 0; i < 8; i++) {
      await cache.save(fileOf())
      const loaded = await load(fileOf(), { maxBytes: '8mb' })
      expect(checkAll(loaded)).toBeGreaterThan(0)
      // Into the store that is written to, too.
      await load(fileOf(), { name })
      checkAll(cache)
      expect(cache.bytes).toBeLessThanOrEqual(cache.maxBytes)
    }
    await Promise.all(workers.map(worker => worker.end()))
    checkAll(cache)
    expect(temporary()).toEqual([])
  })

  test('others save to the same file, and it is one or the other', async () => {
    const caches = [1, 2, 3, 4].map(n => {
      const cache = open()
      for (let i = 0; i < 500; i++) cache.set(i, n)
      return cache
    })
    for (let round = 0; round < 5; round++) {
      const saved = await Promise.all(caches.map(cache => cache.save(fileOf())))
      expect(saved.map(({ entries }) => entries)).toEqual([500, 500, 500, 500])
      const loaded = await load(fileOf())
      expect(new Set(loaded.values()).size).toBe(1)
      expect(loaded.size).toBe(500)
    }
    expect(fs.readdirSync(folder)).toEqual(['store'])
  })

  test('others load it', async () => {
    const [first, second] = [open().set('a', 1), open().set('a', 2)]
    await first.save(fileOf())
    const values = []
    for (let i = 0; i < 10; i++) {
      const saving = [second, first][i % 2].save(fileOf())
      const loaded = await Promise.all([load(fileOf()), load(fileOf())])
      values.push(...loaded.map(cache => cache.get('a')))
      await saving
    }
    expect(values.every(value => value === 1 || value === 2)).toBe(true)
  })

  test('the store can be closed, cleared, or loaded into', async () => {
    const cache = large({ name: newName() })
    const saving = cache.save(fileOf())
    cache.clear()
    // Each shard is as it was at some moment.
    expect((await saving).entries).toBeLessThanOrEqual(500)
    const loading = load(fileOf(), { name: cache.name })
    cache.set('meanwhile', 1)
    cache.close()
    expect((await loading).get('meanwhile')).toBe(1)
  })

  test('a worker that is terminated leaves no temporary file, and the old one', async () => {
    const name = newName()
    const cache = large({ name })
    await open().set('old', 1).save(fileOf())
    for (let round = 0; round < 8; round++) {
      const worker = start('save', { name, file: fileOf(), again: round % 2 === 1 })
      await worker.said('saving')
      await pause(round * 3)
      await worker.end()
      expect(temporary()).toEqual([])
      const loaded = await load(fileOf(), { maxBytes: '128mb' })
      expect([1, 500]).toContain(loaded.size)
      loaded.close()
    }
    expect(cache.size).toBe(500)
  })

  test('a worker\'s store can be closed by all others', async () => {
    const name = newName()
    const cache = large({ name })
    const worker = start('save', { name, file: fileOf() })
    await worker.said('saving')
    cache.close()
    expect((await worker.result).entries).toBe(500)
    expect(await worker.over).toBe(0)
    expect((await load(fileOf(), { maxBytes: '128mb' })).size).toBe(500)
  })
})

test('a file keeps its permissions, and a link its target', async () => {
  const cache = open().set('a', 1)
  await cache.save(fileOf())
  fs.chmodSync(fileOf(), 0o640)
  fs.symlinkSync('store', fileOf('link'))
  await cache.set('b', 2).save(fileOf('link'))
  expect(fs.statSync(fileOf()).mode & 0o777).toBe(0o640)
  expect(fs.readlinkSync(fileOf('link'))).toBe('store')
  expect((await load(fileOf())).size).toBe(2)
})

test('names of files may be any', async () => {
  const cache = open().set('a', 1)
  for (const name of ['with space', 'ünï日本😀', "quote'\"", '.hidden', 'x'.repeat(200)]) {
    await cache.save(fileOf(name))
    expect((await load(fileOf(name))).get('a')).toBe(1)
  }
  expect(fs.readdirSync(folder)).toHaveLength(5)
})
