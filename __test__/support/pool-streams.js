'use strict'

// Files for the tests of readStream, and consumers of streams.

const { randomFillSync } = require('node:crypto')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { Writable } = require('node:stream')
const { finished } = require('node:stream/promises')
const { until } = require('./buffer-pool-tools')

const CHUNK = 65536

let folder

/** A name in a folder that `removeFiles` removes. */
const fileName = name => {
  folder ??= fs.mkdtempSync(path.join(os.tmpdir(), 'heapwise-streams-'))
  return path.join(folder, name)
}

const removeFiles = () => {
  if (folder !== undefined) fs.rmSync(folder, { recursive: true, force: true })
  folder = undefined
}

const randomBytes = length => randomFillSync(Buffer.alloc(length))

/** A file with `bytes` in it. Returns its name. */
const fileWith = (bytes, name = `bytes-${bytes.length}`) => {
  const file = fileName(name)
  fs.writeFileSync(file, bytes)
  return file
}

/**
 * What readStream takes for a FileHandle. `reads` says for each read how many bytes it gets at most, or the error that
 * it fails with, or is a function that is awaited first and may answer either. After those, reads get all they can.
 */
const handleOf = (bytes, ...reads) => {
  const handle = {
    fd: -1,
    reads: 0,
    closed: 0,
    at: 0,
    async read (target, offset, length, position) {
      const next = reads[handle.reads++]
      const most = (typeof next === 'function' ? await next() : next) ?? length
      if (most instanceof Error) throw most
      const from = position ?? handle.at
      const bytesRead = bytes.copy(target, offset, from, Math.min(from + length, from + most))
      if (position === null) handle.at += bytesRead
      return { bytesRead, buffer: target }
    },
    async close () {
      handle.closed += 1
    }
  }
  return handle
}

/** The end of a stream: `{ error, ended }` once it is closed. */
const ended = stream => new Promise(resolve => {
  const end = { error: undefined, ended: false }
  stream.on('error', error => { end.error = error })
  stream.on('end', () => { end.ended = true })
  stream.on('close', () => resolve(end))
})

/** How consumers take all bytes of a stream, with a copy of each chunk. `done` is told of each. */
const CONSUMERS = {
  async loop (stream, done) {
    const parts = []
    for await (const chunk of stream) {
      parts.push(Buffer.from(chunk))
      done(chunk)
    }
    return Buffer.concat(parts)
  },
  async listener (stream, done) {
    const parts = []
    stream.on('data', chunk => {
      parts.push(Buffer.from(chunk))
      done(chunk)
    })
    await finished(stream)
    return Buffer.concat(parts)
  },
  async read (stream, done) {
    const parts = []
    stream.on('readable', () => {
      for (let chunk = stream.read(); chunk !== null; chunk = stream.read()) {
        parts.push(Buffer.from(chunk))
        done(chunk)
      }
    })
    await finished(stream)
    return Buffer.concat(parts)
  }
}

/** A Writable that copies what it gets, and takes a turn of the loop for each chunk. */
const slowSink = () => {
  const parts = []
  const sink = new Writable({
    highWaterMark: 1,
    write (chunk, encoding, callback) {
      setImmediate(() => {
        parts.push(Buffer.from(chunk))
        callback()
      })
    }
  })
  return Object.assign(sink, { bytes: () => Buffer.concat(parts) })
}

/** Waits until nothing of the pool is lent, and checks that all came back by release. */
const expectAllReleased = async pool => {
  await until(() => pool.stats().live === 0, 'all chunks are released')
  const { acquired, released, lost, unpooled } = pool.stats()
  expect({ acquired, released, lost }).toEqual({ acquired, released: acquired, lost: 0 })
  expect(unpooled.released).toBe(unpooled.acquired)
}

/** The same, and that few chunks were made for many that were lent. */
const expectRecycled = async (pool, atLeast) => {
  await expectAllReleased(pool)
  const { acquired, misses } = pool.stats()
  expect(acquired).toBeGreaterThanOrEqual(atLeast)
  expect(misses).toBeLessThanOrEqual(8)
}

module.exports = {
  CHUNK, CONSUMERS, ended, expectAllReleased, expectRecycled, fileName, fileWith, handleOf, randomBytes, removeFiles,
  slowSink
}
