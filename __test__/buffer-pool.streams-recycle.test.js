'use strict'

// readStream: who recycles its chunks, and when.

const { PassThrough, Readable } = require('node:stream')
const consumers = require('node:stream/consumers')
const { finished } = require('node:stream/promises')
const {
  CAN_MOVE, DOUBLE, FOREIGN, FULL, INVALID_USE, MEMORIES, closeAll, isZero, open, rejectionOf, refuses, takeAway, until,
  untilCollected
} = require('./support/buffer-pool-tools')
const {
  CHUNK, CONSUMERS, ended, expectAllReleased, expectRecycled, fileWith, handleOf, randomBytes, removeFiles
} = require('./support/pool-streams')

const LONG = randomBytes(CHUNK * 12 + 345)

let pool
beforeEach(() => { pool = open() })
afterEach(closeAll)
afterAll(removeFiles)

describe('recycle: true', () => {
  /** Ways to keep all chunks of a stream. */
  const KEEPERS = {
    async loop (stream) {
      const kept = []
      for await (const chunk of stream) kept.push(chunk)
      return kept
    },
    toArray: stream => stream.toArray(),
    async listener (stream) {
      const kept = []
      stream.on('data', chunk => kept.push(chunk))
      await finished(stream)
      return kept
    },
    async passed (stream) {
      return stream.pipe(new PassThrough()).toArray()
    },
    async consumer (stream) {
      return [await consumers.buffer(stream)]
    },
    async web (stream) {
      const kept = []
      for await (const chunk of Readable.toWeb(stream)) kept.push(chunk)
      return kept
    }
  }

  test.each(Object.keys(KEEPERS))('who keeps chunks has them: %s', async name => {
    const kept = await KEEPERS[name](pool.readStream(fileWith(LONG, 'kept')))
    // The pool's memory goes through other hands.
    for (let i = 0; i < 20; i++) pool.release(pool.acquire(CHUNK).fill(0xee))
    expect(Buffer.concat(kept).equals(LONG)).toBe(true)
    await expectAllReleased(pool)
  })

  test('what is given away has nothing to do with the pool', async () => {
    const [chunk] = await pool.readStream(fileWith(LONG.subarray(0, 10), 'ten')).toArray()
    refuses(pool, () => pool.release(chunk), FOREIGN)
    expect(chunk.buffer.byteLength).toBe(10)
  })
})

describe("recycle: 'always'", () => {
  test.each(Object.keys(CONSUMERS))('few chunks do for many: %s', async name => {
    const got = await CONSUMERS[name](pool.readStream(fileWith(LONG, 'always'), { recycle: 'always' }), () => {})
    expect(got.equals(LONG)).toBe(true)
    await expectRecycled(pool, 13)
    expect(pool.stats().misses).toBeLessThanOrEqual(3)
  })

  test('a chunk is there until the next is asked for, and zeroed then', async () => {
    const kept = []
    for await (const chunk of pool.readStream(fileWith(LONG, 'until'), { recycle: 'always', end: CHUNK * 2 - 1 })) {
      expect(chunk.equals(LONG.subarray(kept.length * CHUNK, (kept.length + 1) * CHUNK))).toBe(true)
      await new Promise(setImmediate)
      expect(chunk.equals(LONG.subarray(kept.length * CHUNK, (kept.length + 1) * CHUNK))).toBe(true)
      kept.push(chunk)
    }
    expect(kept.length).toBe(2)
    expect(kept.every(isZero)).toBe(true)
    await expectAllReleased(pool)
  })

  test('read(0) does not ask for the next', async () => {
    const stream = pool.readStream(fileWith(LONG, 'zero'), { recycle: 'always' })
    await until(() => { stream.read(0); return stream.readableLength > 0 }, 'there is a chunk')
    const chunk = stream.read()
    stream.read(0)
    expect(chunk.equals(LONG.subarray(0, chunk.length))).toBe(true)
    stream.read()
    expect(isZero(chunk)).toBe(true)
    stream.destroy()
    stream.read()
    await ended(stream)
    await expectAllReleased(pool)
  })

  test('a consumer may take the memory of a chunk away', async () => {
    let taken = 0
    let got = 0
    for await (const chunk of pool.readStream(fileWith(LONG, 'taken'), { recycle: 'always' })) {
      expect(chunk.equals(LONG.subarray(got, got + chunk.length))).toBe(true)
      got += chunk.length
      const memory = takeAway(chunk)
      if (memory !== undefined) taken += 1
    }
    expect(got).toBe(LONG.length)
    // Node 20 does not let go of memory that native code made.
    expect(pool.stats().dropped.detached).toBe(taken)
    if (CAN_MOVE) expect(taken).toBe(13)
    await expectAllReleased(pool)
  })

  test('with a fence, who keeps a chunk has nothing', async () => {
    const fenced = open({ fence: 'always' })
    const kept = await fenced.readStream(fileWith(LONG, 'fenced'), { recycle: 'always' }).toArray()
    expect(kept.length).toBe(13)
    // Node 20 cannot take away what native code made, and gives the chunk up instead.
    if (CAN_MOVE || fenced.stats().memory === 'js') expect(kept.every(chunk => chunk.length === 0)).toBe(true)
    else expect(fenced.stats().dropped.fence).toBeGreaterThanOrEqual(13)
    await expectAllReleased(fenced)
  })

  test('the consumer cannot release what the stream releases', async () => {
    for await (const chunk of pool.readStream(fileWith(LONG, 'foreign'), { recycle: 'always' })) {
      expect(() => pool.release(chunk)).toThrow(expect.objectContaining({ code: FOREIGN.code }))
    }
    await expectAllReleased(pool)
  })

  test('a chunk that is unshifted is not recycled', async () => {
    const stream = pool.readStream(fileWith(LONG, 'unshifted'), { recycle: 'always' })
    const parts = []
    let rest = 3
    for await (const chunk of stream) {
      if (rest > 0 && chunk.length > 10) {
        rest -= 1
        parts.push(Buffer.from(chunk.subarray(0, 10)))
        stream.unshift(chunk.subarray(10))
      } else {
        parts.push(Buffer.from(chunk))
      }
    }
    expect(Buffer.concat(parts).equals(LONG)).toBe(true)
    await untilCollected(() => pool.stats().live === 0, 'chunks that were cut come back')
  })
})

describe('recycle: false', () => {
  test('each chunk is a Buffer of the pool, released once', async () => {
    for await (const chunk of pool.readStream(fileWith(LONG, 'manual'), { recycle: false })) {
      expect(Buffer.isBuffer(chunk)).toBe(true)
      pool.release(chunk)
      expect(() => pool.release(chunk)).toThrow(expect.objectContaining({ code: DOUBLE.code }))
    }
    await expectRecycled(pool, 13)
  })

  test('it is, too, when less was read than was wanted, and when many are there', async () => {
    for (const onFull of ['unpooled', 'wait']) {
      // A chunk for each of 64 KiB, and not one byte more.
      const tight = open({ onFull, maxBytes: CHUNK * 2 })
      const handle = handleOf(LONG, 1, 100, 5000, 3, 60_000)
      const stream = tight.readStream(null, { fd: handle, recycle: false })
      await until(() => { stream.read(0); return stream.readableLength > 5000 }, 'there are several chunks')
      const lengths = []
      const parts = []
      for await (const chunk of stream) {
        lengths.push(chunk.length)
        parts.push(Buffer.from(chunk))
        tight.release(chunk)
      }
      expect(lengths.slice(0, 5)).toEqual([1, 100, 5000, 3, 60_000])
      expect(Buffer.concat(parts).equals(LONG)).toBe(true)
      expect(handle.closed).toBe(1)
      await expectAllReleased(tight)
    }
  })

  test('chunks that nobody takes are released', async () => {
    const stream = pool.readStream(fileWith(LONG, 'nobody'), { recycle: false }).resume()
    expect(await ended(stream)).toEqual({ error: undefined, ended: true })
    await expectRecycled(pool, 13)
  })

  test('so are those that are made text, and those that are given out as one copy', async () => {
    const ahead = async options => {
      const stream = pool.readStream(null, { fd: handleOf(LONG, 10, 20, 30), end: 59, recycle: false, ...options })
      await until(() => { stream.read(0); return stream.readableLength === 60 }, 'all is there')
      expect(pool.stats().live).toBe(3)
      return stream
    }
    const copied = await ahead()
    expect(copied.read(60).equals(LONG.subarray(0, 60))).toBe(true)
    await expectAllReleased(pool)
    const text = (await ahead()).setEncoding('latin1')
    await expectAllReleased(pool)
    expect(text.read()).toBe(LONG.toString('latin1', 0, 60))
    const part = await ahead()
    expect(part.read(31).equals(LONG.subarray(0, 31))).toBe(true)
    expect(pool.stats().live).toBe(1)
    part.destroy()
    await ended(part)
    await expectAllReleased(pool)
    expect(pool.stats().acquired).toBeGreaterThan(9)
    copied.destroy()
    text.destroy()
  })

  test('of those that are cut, what is not copied comes back when they are collected', async () => {
    const stream = pool.readStream(fileWith(LONG, 'copied'), { recycle: false, chunkSize: 1000 })
    const parts = []
    stream.on('readable', () => {
      for (let chunk = stream.read(700); chunk !== null; chunk = stream.read(700)) parts.push(Buffer.from(chunk))
    })
    await finished(stream)
    expect(Buffer.concat(parts).equals(LONG)).toBe(true)
    expect(pool.stats().released).toBeGreaterThan(0)
    await untilCollected(() => pool.stats().live === 0, 'what was cut comes back')
  })
})

// There are no others where all memory is JavaScript's own.
if (MEMORIES.includes('native')) {
  describe('a secure pool', () => {
    test('does not give its bytes away', async () => {
      const secure = open({ secure: true })
      const file = fileWith(LONG, 'secret')
      const error = await rejectionOf(consumers.buffer(secure.readStream(file)))
      refuses(secure, () => { throw error }, { ...INVALID_USE, message: /a secure pool gives no memory that is not/ })
      const parts = []
      for (const recycle of ['always', false]) {
        for await (const chunk of secure.readStream(file, { recycle, chunkSize: 5000 })) {
          parts.push(Buffer.from(chunk))
          if (recycle === false) secure.release(chunk)
        }
      }
      expect(Buffer.concat(parts).equals(Buffer.concat([LONG, LONG]))).toBe(true)
      await expectAllReleased(secure)
    })

    test('keeps the bytes of a short read to itself, or fails', async () => {
      for (const maxBytes of [65536, 131072]) {
        const secure = open({ secure: true, maxBytes })
        // 20,000 bytes are to be copied to a chunk of their own while one of 49,152 is still lent.
        const options = { fd: handleOf(LONG, 20_000), recycle: false, chunkSize: 49_152, end: 50_000 }
        const stream = secure.readStream(null, options)
        const reading = CONSUMERS.loop(stream, chunk => secure.release(chunk))
        if (maxBytes === 65536) await expect(reading).rejects.toMatchObject({ code: FULL.code })
        else expect((await reading).equals(LONG.subarray(0, 50_001))).toBe(true)
        await expectAllReleased(secure)
      }
    })
  })
}
