'use strict'

// readStream: what it reads, who recycles its chunks, and how it ends.

const fs = require('node:fs')
const { pathToFileURL } = require('node:url')
const consumers = require('node:stream/consumers')
const { finished } = require('node:stream/promises')
const {
  CLOSED, FOREIGN, FULL, INVALID_TYPE, INVALID_USE, INVALID_VALUE, closeAll, deferred, open,
  rejectionOf, refuses, until, untilCollected
} = require('./support/buffer-pool-tools')
const {
  CHUNK, CONSUMERS, ended, expectAllReleased, expectRecycled, fileName, fileWith, handleOf, randomBytes, removeFiles,
  slowSink
} = require('./support/pool-streams')

const seed = Number(process.env.HEAPWISE_SEED ?? Date.now()) >>> 0
process.stdout.write(`buffer-pool.streams: HEAPWISE_SEED=${seed}\n`)

let state = seed
/** A number from 0 to `below` - 1. */
const random = below => {
  state = Math.imul(state, 1664525) + 1013904223 >>> 0
  return Math.floor(state / 2 ** 32 * below)
}

const MODES = [true, 'always', false]
const LONG = randomBytes(CHUNK * 12 + 345)

let pool
beforeEach(() => { pool = open() })
afterEach(closeAll)
afterAll(removeFiles)

describe('what it reads', () => {
  const lengths = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, CHUNK * 3, CHUNK * 5 + 1234]

  test.each(Object.keys(CONSUMERS))('all bytes, whoever recycles: %s', async name => {
    for (const length of lengths) {
      const bytes = randomBytes(length)
      const file = fileWith(bytes)
      for (const recycle of MODES) {
        const stream = pool.readStream(file, { recycle })
        const got = await CONSUMERS[name](stream, recycle === false ? chunk => pool.release(chunk) : () => {})
        expect(got.equals(bytes)).toBe(true)
        expect(stream.bytesRead).toBe(length)
      }
    }
    await expectAllReleased(pool)
  })

  test('the same as fs.createReadStream for any start, end and chunk size', async () => {
    const file = fileWith(randomBytes(5000))
    for (let round = 0; round < 200; round++) {
      const start = random(3) === 0 ? undefined : random(5500)
      const end = random(3) === 0 ? undefined : (start ?? 0) + random(5500)
      const chunkSize = 1 + random(6000)
      const recycle = MODES[random(3)]
      const expected = await consumers.buffer(fs.createReadStream(file, { start, end, highWaterMark: chunkSize }))
      const chunks = []
      for await (const chunk of pool.readStream(file, { start, end, chunkSize, recycle })) {
        chunks.push(Buffer.from(chunk))
        if (recycle === false) pool.release(chunk)
      }
      expect({ round, same: Buffer.concat(chunks).equals(expected) }).toEqual({ round, same: true })
      expect(chunks.slice(0, -1).every(chunk => chunk.length === chunkSize)).toBe(true)
    }
    await expectAllReleased(pool)
  })

  test('a path in each form, a descriptor, a FileHandle', async () => {
    const file = fileWith(LONG, 'forms')
    const handle = await fs.promises.open(file)
    const fd = fs.openSync(file)
    const sources = [
      [file], [Buffer.from(file)], [pathToFileURL(file)], [undefined, { fd }], [null, { fd: handle }]
    ]
    for (const [path, options] of sources) {
      expect((await consumers.buffer(pool.readStream(path, options))).equals(LONG)).toBe(true)
    }
    expect(() => fs.fstatSync(fd)).toThrow(expect.objectContaining({ code: 'EBADF' }))
    expect(handle.fd).toBe(-1)
  })

  test('a descriptor from where it stands, and leaves it open if it is told to', async () => {
    const fd = fs.openSync(fileWith(LONG, 'stands'))
    fs.readSync(fd, Buffer.alloc(1000))
    const options = { fd, autoClose: false }
    const first = await consumers.buffer(pool.readStream('', { ...options, end: 99 }))
    expect(first.equals(LONG.subarray(1000, 1100))).toBe(true)
    expect((await consumers.buffer(pool.readStream('', options))).equals(LONG.subarray(1100))).toBe(true)
    expect((await consumers.buffer(pool.readStream('', { ...options, start: 7 }))).equals(LONG.subarray(7))).toBe(true)
    fs.closeSync(fd)
  })

  test("tells 'open' and 'ready', and not when there is no such file", async () => {
    const told = []
    const follow = stream => {
      for (const name of ['open', 'ready', 'error', 'end', 'close']) stream.on(name, () => told.push(name))
      return ended(stream.resume())
    }
    await follow(pool.readStream(fileWith(LONG, 'told')))
    expect(told.splice(0)).toEqual(['open', 'ready', 'end', 'close'])
    expect((await follow(pool.readStream(fileName('none')))).error).toMatchObject({ code: 'ENOENT' })
    expect(told).toEqual(['error', 'close'])
  })

  test('chunks of at most 64 KiB, or what the pool has', async () => {
    const file = fileWith(LONG, 'chunks')
    const small = open({ max: 1000 })
    const longest = async stream => Math.max(...(await stream.toArray()).map(chunk => chunk.length))
    expect(await longest(pool.readStream(file))).toBe(CHUNK)
    expect(await longest(small.readStream(file))).toBe(1000)
    expect(await longest(small.readStream(file, { chunkSize: 999 }))).toBe(999)
  })

  test('a file that gets shorter ends there', async () => {
    const file = fileWith(LONG, 'shorter')
    let got = 0
    for await (const chunk of pool.readStream(file, { recycle: 'always' })) {
      if (got === 0) fs.truncateSync(file, CHUNK * 4 + 10)
      got += chunk.length
    }
    expect(got).toBe(CHUNK * 4 + 10)
    await expectAllReleased(pool)
  })

  test('text, of which no character is cut', async () => {
    const text = 'aä€😀'.repeat(20_000)
    const file = fileWith(Buffer.from(text), 'text')
    for (const recycle of MODES) {
      const stream = pool.readStream(file, { recycle, chunkSize: 1000 }).setEncoding('utf8')
      expect((await stream.toArray()).join('')).toBe(text)
    }
    await expectRecycled(pool, 3 * 20)
  })
})

describe('what it takes', () => {
  test.each([
    ['path', [7], INVALID_TYPE, /argument 'path' must be a string, a Buffer or a file URL/],
    ['no path', [], INVALID_TYPE, /argument 'path' must be .+ got undefined/],
    ['options', ['file', 7], INVALID_TYPE, /argument 'options' must be an object, got 7/],
    ['chunkSize 0', ['file', { chunkSize: 0 }], INVALID_VALUE, /option 'chunkSize' must be .+ from 1 to 1048576/],
    ['chunkSize beyond', ['file', { chunkSize: 2 ** 20 + 1 }], INVALID_VALUE, /option 'chunkSize' must be/],
    ['chunkSize text', ['file', { chunkSize: '1' }], INVALID_TYPE, /option 'chunkSize' must be/],
    ['start', ['file', { start: -1 }], INVALID_VALUE, /option 'start' must be an offset/],
    ['start 0.5', ['file', { start: 0.5 }], INVALID_VALUE, /option 'start' must be an offset/],
    ['end', ['file', { end: '1' }], INVALID_TYPE, /option 'end' must be an offset/],
    ['start behind end', ['file', { start: 2, end: 1 }], INVALID_USE, /'start' must be at most 'end', got 2 and 1/],
    ['fd', ['file', { fd: '1' }], INVALID_TYPE, /option 'fd' must be a file descriptor or a FileHandle/],
    ['fd -1', ['file', { fd: -1 }], INVALID_VALUE, /option 'fd' must be a file descriptor/],
    ['autoClose', ['file', { autoClose: 1 }], INVALID_TYPE, /option 'autoClose' must be a boolean/],
    ['signal', ['file', { signal: {} }], INVALID_TYPE, /option 'signal' must be an AbortSignal/],
    ['recycle', ['file', { recycle: 1 }], INVALID_TYPE, /option 'recycle' must be true, false or 'always', got 1/],
    ['recycle text', ['file', { recycle: 'next' }], INVALID_VALUE, /option 'recycle' must be true, false or 'always'/],
    ['a misspelt option', ['file', { chunksize: 5 }], { type: TypeError, code: 'ERR_HEAPWISE_UNKNOWN_OPTION' },
      /did you mean 'chunkSize'/]
  ])('refuses: %s', (what, args, error, message) => {
    refuses(pool, () => pool.readStream(...args), { ...error, message })
  })

  test('null for options, Infinity for end', async () => {
    const file = fileWith(LONG, 'taken')
    expect((await consumers.buffer(pool.readStream(file, null))).equals(LONG)).toBe(true)
    expect((await consumers.buffer(pool.readStream(file, { start: 0, end: Infinity }))).equals(LONG)).toBe(true)
  })

  test('refuses when the pool is closed', () => {
    pool.close()
    refuses(pool, () => pool.readStream('file'), CLOSED)
  })
})

describe('how it waits', () => {
  test('for memory, one chunk at a time', async () => {
    const tight = open({ onFull: 'wait', maxBytes: CHUNK })
    const file = fileWith(LONG, 'waits')
    const sinks = [slowSink(), slowSink(), slowSink()]
    await Promise.all(sinks.map(sink => finished(tight.readStream(file, { recycle: 'always' }).pipe(sink))))
    for (const sink of sinks) expect(sink.bytes().equals(LONG)).toBe(true)
    await expectAllReleased(tight)
    expect(tight.stats()).toMatchObject({ misses: 1, waiting: 0, acquired: 3 * 14 })
  })

  test('no longer than it is wanted', async () => {
    const tight = open({ onFull: 'wait', maxBytes: CHUNK })
    const held = tight.acquire(CHUNK)
    const controller = new AbortController()
    const handle = handleOf(LONG)
    const stream = tight.readStream(null, { fd: handle, recycle: 'always', signal: controller.signal })
    stream.resume()
    await until(() => tight.stats().waiting === 1, 'it waits')
    const end = ended(stream)
    controller.abort(new Error('enough'))
    expect((await end).error).toMatchObject({ name: 'AbortError', cause: new Error('enough') })
    expect(tight.stats().waiting).toBe(0)
    expect(handle).toMatchObject({ reads: 0, closed: 1 })
    tight.release(held)
    await expectAllReleased(tight)
  })

  test('or fails', async () => {
    const tight = open({ onFull: 'throw', maxBytes: CHUNK })
    const held = tight.acquire(CHUNK)
    const handle = handleOf(LONG)
    const { error } = await ended(tight.readStream(null, { fd: handle, recycle: 'always' }).resume())
    expect(error).toMatchObject({ code: FULL.code })
    expect(handle.closed).toBe(1)
    tight.release(held)
    await expectAllReleased(tight)
  })
})

describe('how it ends', () => {
  /** A loop that is left at its first chunk. */
  const firstOf = async (chunks, action) => {
    for await (const chunk of chunks) if (action(chunk) !== chunks) break
  }

  test.each(MODES)('a read that fails, recycle: %p', async recycle => {
    const failure = new Error('the disk is gone')
    const handle = handleOf(LONG, undefined, undefined, failure)
    const stream = pool.readStream(null, { fd: handle, recycle })
    const end = ended(stream)
    const error = await rejectionOf(CONSUMERS.loop(stream, recycle === false ? chunk => pool.release(chunk) : () => {}))
    expect(error).toBe(failure)
    expect(await end).toEqual({ error: failure, ended: false })
    expect(handle).toMatchObject({ reads: 3, closed: 1 })
    await expectAllReleased(pool)
  })

  test('a folder, a descriptor that is none, a close that fails', async () => {
    for (const recycle of MODES) {
      const folder = pool.readStream(__dirname, { recycle }).resume()
      expect((await ended(folder)).error).toMatchObject({ code: 'EISDIR' })
      const none = pool.readStream(null, { fd: 2 ** 30, recycle }).resume()
      expect((await ended(none)).error).toMatchObject({ code: 'EBADF' })
      const failure = new Error('it does not close')
      const handle = { ...handleOf(LONG), close: async () => { throw failure } }
      expect((await ended(pool.readStream(null, { fd: handle, recycle }).resume())).error).toBe(failure)
    }
    await expectAllReleased(pool)
  })

  test.each(MODES)('a loop that breaks, recycle: %p', async recycle => {
    const close = jest.spyOn(fs, 'close')
    try {
      const stream = pool.readStream(fileWith(LONG, 'breaks'), { recycle })
      await firstOf(stream, chunk => { if (recycle === false) pool.release(chunk) })
      await until(() => stream.closed, 'it is closed')
      expect(close).toHaveBeenCalledTimes(1)
    } finally {
      close.mockRestore()
    }
    await expectAllReleased(pool)
  })

  test('a loop that throws, and one that leaves the stream open', async () => {
    const file = fileWith(LONG, 'throws')
    const stream = pool.readStream(file, { recycle: 'always' })
    const throwing = firstOf(stream, chunk => { throw new Error(`no more than ${chunk.length}`) })
    await expect(throwing).rejects.toThrow('no more than 65536')
    const kept = pool.readStream(file, { recycle: 'always' })
    const parts = []
    await firstOf(kept.iterator({ destroyOnReturn: false }), chunk => parts.push(Buffer.from(chunk)))
    for await (const chunk of kept) parts.push(Buffer.from(chunk))
    expect(Buffer.concat(parts).equals(LONG)).toBe(true)
    await expectAllReleased(pool)
  })

  test('chunks that were not given out are released, and not read any more', async () => {
    for (const recycle of MODES) {
      const stream = pool.readStream(null, { fd: handleOf(LONG, 10, 20, 30), recycle })
      await until(() => { stream.read(0); return stream.readableLength >= 60 }, 'there are several chunks')
      stream.destroy()
      expect(stream.read()).toBe(null)
      await ended(stream)
      await expectAllReleased(pool)
    }
  })

  test('what the system is writing into is released when it is done', async () => {
    const reading = deferred()
    const handle = handleOf(LONG, () => reading.promise)
    const stream = pool.readStream(null, { fd: handle, recycle: 'always' })
    const end = ended(stream.resume())
    await until(() => handle.reads === 1, 'it reads')
    stream.destroy(new Error('away'))
    await new Promise(setImmediate)
    expect(pool.stats().live).toBe(1)
    expect(handle.closed).toBe(0)
    reading.resolve(100)
    expect((await end).error).toEqual(new Error('away'))
    expect(handle).toMatchObject({ reads: 1, closed: 1 })
    expect(pool.stats().live).toBe(0)
    await expectAllReleased(pool)
  })

  test('what a consumer is in the midst of is not released under it', async () => {
    const controller = new AbortController()
    const { signal } = controller
    const stream = pool.readStream(fileWith(LONG, 'midst'), { recycle: 'always', signal })
    const loop = async () => {
      for await (const chunk of stream) {
        controller.abort()
        await until(() => stream.closed, 'it is closed')
        expect(chunk.equals(LONG.subarray(0, CHUNK))).toBe(true)
      }
    }
    await expect(loop()).rejects.toMatchObject({ name: 'AbortError' })
    await expectAllReleased(pool)
  })

  test('destroyed before it is open, and aborted before it begins', async () => {
    const early = pool.readStream(fileWith(LONG, 'early'))
    early.destroy()
    expect(await ended(early)).toEqual({ error: undefined, ended: false })
    const aborted = pool.readStream(fileName('early'), { signal: AbortSignal.abort() })
    expect((await ended(aborted)).error).toMatchObject({ name: 'AbortError' })
  })

  test.each(MODES)('the pool is closed meanwhile, recycle: %p', async recycle => {
    const handle = handleOf(LONG)
    const stream = pool.readStream(null, { fd: handle, recycle })
    const chunks = []
    const end = ended(stream)
    const loop = async () => {
      for await (const chunk of stream) {
        chunks.push(chunk)
        pool.close()
      }
    }
    await expect(loop()).rejects.toMatchObject({ code: CLOSED.code })
    expect((await end).error).toMatchObject({ code: CLOSED.code })
    expect(handle.closed).toBe(1)
    // What was given out is what it was.
    expect(chunks[0].equals(LONG.subarray(0, CHUNK))).toBe(true)
  })
})

test('whatever a consumer does, it has the bytes of the file', async () => {
  for (let round = 0; round < 60; round++) {
    const recycle = MODES[random(3)]
    const shorts = Array.from({ length: random(12) }, () => 1 + random(3000))
    const chunkSize = 1 + random(5000)
    const bytes = LONG.subarray(0, random(60_000))
    const stream = pool.readStream(null, { fd: handleOf(bytes, ...shorts), recycle, chunkSize })
    const got = await consumeAtRandom(stream, chunk => { if (recycle === false) releaseOwn(chunk) })
    expect({ round, recycle, same: got.equals(bytes) }).toEqual({ round, recycle, same: true })
  }
  await untilCollected(() => pool.stats().live === 0, 'all comes back')
  const { acquired, released, lost } = pool.stats()
  expect(released + lost).toBe(acquired)
})

/** Parts of chunks are not the pool's, so that it refuses them. */
const releaseOwn = chunk => {
  try {
    pool.release(chunk)
  } catch (error) {
    expect(error.code).toBe(FOREIGN.code)
  }
}

const consumeAtRandom = async (stream, done) => {
  const parts = []
  const take = chunk => {
    if (chunk === null) return
    if (chunk.length > 3 && random(5) === 0) {
      const at = 1 + random(chunk.length - 1)
      parts.push(Buffer.from(chunk.subarray(0, at)))
      stream.unshift(chunk.subarray(at))
      return
    }
    parts.push(Buffer.from(chunk))
    done(chunk)
  }
  const closed = ended(stream)
  let over = false
  closed.then(() => { over = true })
  while (!over) {
    if (random(2) === 0) {
      for (let i = random(5); i > 0; i--) take(stream.read(random(2) === 0 ? undefined : 1 + random(6000)))
      // What is there at the end may be less than what is asked for.
      if (stream.readableLength === 0) take(stream.read())
    } else {
      stream.on('data', take).resume()
      await new Promise(setImmediate)
      stream.off('data', take).pause()
    }
    await new Promise(setImmediate)
  }
  expect((await closed).error).toBe(undefined)
  return Buffer.concat(parts)
}
