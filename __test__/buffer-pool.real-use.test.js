'use strict'

// Buffers of a pool where programs use Buffers: servers, files, compression, digests. Each byte for byte, and what was
// lent has come back.

const { spawnSync } = require('node:child_process')
const crypto = require('node:crypto')
const dgram = require('node:dgram')
const { once } = require('node:events')
const fs = require('node:fs')
const http = require('node:http')
const net = require('node:net')
const { pipeline } = require('node:stream/promises')
const consumers = require('node:stream/consumers')
const { promisify } = require('node:util')
const v8 = require('node:v8')
const zlib = require('node:zlib')
const { MEMORIES, closeAll, isZero, open, until } = require('./support/buffer-pool-tools')
const {
  CHUNK, ended, expectAllReleased, expectRecycled, fileName, fileWith, randomBytes, removeFiles
} = require('./support/pool-streams')
const { httpServer, relay } = require('./fixtures/buffer-pool-servers')

const PIECE = 16 * 1024
const LONG = randomBytes(CHUNK * 30 + 777)
const host = '127.0.0.1'
const ends = []

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
  closeAll()
})
afterAll(removeFiles)

/** Starts a server that is closed after the test. Returns its port. */
const listening = async server => {
  const sockets = new Set()
  server.on('connection', socket => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  server.listen(0, host)
  await once(server, 'listening')
  ends.push(async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
    await once(server, 'close')
  })
  return server.address().port
}

const NODE = process.versions.node.split('.').map(Number)

describe.each(MEMORIES)('over memory of kind %s', memory => {
  let pool
  beforeEach(() => { pool = open({}, memory) })

  describe('an HTTP server', () => {
    /** Sends `body` in one piece, or in pieces of unknown total length. Resolves with what is answered. */
    const ask = async (agent, port, method, url, body, pieces = 0) => {
      const headers = pieces === 0 ? { 'content-length': body.length } : {}
      const request = http.request({ agent, host, port, method, path: url, headers })
      const answered = once(request, 'response')
      for (let at = 0; pieces > 0 && at < body.length; at += pieces) {
        if (!request.write(body.subarray(at, at + pieces))) await once(request, 'drain')
      }
      request.end(pieces === 0 ? body : undefined)
      const [response] = await answered
      return consumers.buffer(response)
    }

    test('reads bodies into Buffers of the pool, answers them and saves them', async () => {
      const port = await listening(httpServer(pool, fileName('.')))
      const agent = new http.Agent({ keepAlive: true, maxSockets: 6 })
      ends.push(() => agent.destroy())
      const sizes = [0, 1, 700, PIECE, PIECE + 1, 3 * PIECE, 150_000]
      const tasks = Array.from({ length: 210 }, async (_, i) => {
        const body = randomBytes(sizes[i % sizes.length])
        const pieces = [0, 997, 40_000][i % 3]
        if (i % 5 !== 0) {
          expect((await ask(agent, port, 'POST', '/', body, pieces)).equals(body)).toBe(true)
          return
        }
        expect(`${await ask(agent, port, 'PUT', `/saved-${i}`, body, pieces)}`).toBe(`${body.length}`)
        expect(fs.readFileSync(fileName(`saved-${i}`)).equals(body)).toBe(true)
        expect((await ask(agent, port, 'GET', `/saved-${i}`, Buffer.alloc(0))).equals(body)).toBe(true)
      })
      await Promise.all(tasks)
      await expectAllReleased(pool)
      const { acquired, misses } = pool.stats()
      expect(acquired).toBeGreaterThan(400)
      expect(misses).toBeLessThan(acquired / 5)
    })

    test('keeps nothing of clients that go away', async () => {
      const port = await listening(httpServer(pool, fileName('.')))
      const go = async (headers, part) => {
        const request = http.request({ host, port, method: 'POST', path: '/', headers })
        request.on('error', () => {})
        request.write(part)
        await until(() => pool.stats().live > 0, 'a part of the body is there')
        request.destroy()
        await until(() => pool.stats().live === 0, 'what was read is released')
      }
      for (let i = 0; i < 5; i++) {
        await go({ 'content-length': 100_000 }, randomBytes(50_000))
        await go({}, randomBytes(30_000))
      }
      await expectAllReleased(pool)
      expect(pool.stats().acquired).toBeGreaterThanOrEqual(10)
    })
  })

  describe('a TCP relay that reads both sides into the pool', () => {
    const SENT = 3_000_000

    /** Sends `bytes` in pieces and half-closes; reads all, some of it slowly. Resolves with what it got. */
    const talk = async (socket, bytes) => {
      const parts = []
      socket.on('data', chunk => {
        parts.push(chunk)
        if (parts.length % 4 === 0) {
          socket.pause()
          setImmediate(() => setImmediate(() => socket.resume()))
        }
      })
      const end = once(socket, 'end')
      for (let at = 0, size = 1; at < bytes.length; at += size, size = size * 7 % 99_991) {
        if (!socket.write(bytes.subarray(at, at + size))) await once(socket, 'drain')
      }
      socket.end()
      await end
      return Buffer.concat(parts)
    }

    const servers = async () => {
      const sockets = []
      const ports = []
      for (const side of [0, 1]) {
        const server = net.createServer({ allowHalfOpen: true }, socket => {
          (sockets[side] ??= []).push(socket.on('error', () => {}))
        })
        ports.push(await listening(server))
      }
      return { sockets, ports }
    }

    /** Relays, one after the other connected, so that the sockets of a pair are known. */
    const relays = async (count, { sockets, ports }) => {
      const all = []
      for (let i = 1; i <= count; i++) {
        all.push(...relay(pool, ...ports))
        await until(() => sockets[0]?.length === i && sockets[1]?.length === i, 'both are connected')
      }
      return all
    }

    test('passes megabytes both ways, as fast as they are read, until both have ended', async () => {
      const both = await servers()
      const connections = await relays(3, both)
      const closed = connections.map(ended)
      const talks = both.sockets.flatMap((side, which) => side.map(async (socket, i) => {
        // One says nothing, and listens.
        const bytes = [randomBytes(i === 1 ? 0 : SENT), randomBytes(SENT + 1)]
        return { which, i, sent: bytes[which], got: await talk(socket, bytes[which]) }
      }))
      const results = await Promise.all(talks)
      for (const { which, i, sent } of results) {
        const other = results.find(result => result.i === i && result.which !== which)
        expect(other.got.equals(sent)).toBe(true)
      }
      await Promise.all(closed)
      await expectAllReleased(pool)
      const { acquired, misses } = pool.stats()
      expect(acquired).toBeGreaterThan(5 * SENT / CHUNK)
      // Each of 6 connections has a Buffer to read into, and a few on their way: nobody reads what cannot be written.
      expect(misses).toBeLessThanOrEqual(6 * 3)
    })

    test('stops reading while the other end does not', async () => {
      const both = await servers()
      const connections = await relays(1, both)
      const [[sender], [receiver]] = both.sockets
      receiver.pause()
      const endless = setInterval(() => { if (!sender.writableNeedDrain && !sender.destroyed) sender.write(LONG) }, 1)
      ends.push(() => clearInterval(endless))
      await until(() => connections[1].writableNeedDrain && connections[1].bytesWritten > LONG.length, 'it is stuck')
      // What the systems in between hold is a few megabytes, and the pool but what was not taken yet.
      expect(pool.stats().live).toBeLessThanOrEqual(6)
      const closed = connections.map(ended)
      receiver.destroy()
      await Promise.all(closed)
      await expectAllReleased(pool)
    })

    test('gives all back when an end is reset', async () => {
      const both = await servers()
      const connections = await relays(2, both)
      const closed = connections.map(ended)
      for (const [i, socket] of both.sockets[0].entries()) {
        socket.write(LONG)
        both.sockets[1][i].write(LONG)
        both.sockets[1][i].once('data', () => both.sockets[i][0].resetAndDestroy())
      }
      both.sockets[0][0].resume()
      await until(() => connections.some(({ destroyed }) => destroyed), 'one is destroyed')
      for (const socket of both.sockets.flat()) socket.destroy()
      await Promise.all(closed)
      await expectAllReleased(pool)
    })
  })

  describe('a file that is copied', () => {
    const COPIES = {
      pipeline: (from, to) => pipeline(pool.readStream(from), fs.createWriteStream(to)),
      pipe: (from, to) => ended(pool.readStream(from).pipe(fs.createWriteStream(to))),
      async 'for await, recycled' (from, to) {
        const handle = await fs.promises.open(to, 'w')
        for await (const chunk of pool.readStream(from, { recycle: 'always' })) await handle.writeFile(chunk)
        await handle.close()
      },
      async 'for await, released' (from, to) {
        const handle = await fs.promises.open(to, 'w')
        for await (const chunk of pool.readStream(from, { recycle: false })) {
          await handle.writeFile(chunk)
          pool.release(chunk)
        }
        await handle.close()
      },
      async 'by hand' (from, to) {
        const [input, output] = [await fs.promises.open(from), await fs.promises.open(to, 'w')]
        for (let bytesRead = 1; bytesRead > 0;) {
          const buffer = pool.reader();
          ({ bytesRead } = await input.read(buffer))
          await output.writeFile(buffer.subarray(0, bytesRead))
          pool.release(buffer, bytesRead)
        }
        await Promise.all([input.close(), output.close()])
      }
    }

    test.each(Object.keys(COPIES))('%s', async how => {
      const to = fileName('copy')
      await COPIES[how](fileWith(LONG, 'original'), to)
      expect(fs.readFileSync(to).equals(LONG)).toBe(true)
      await expectRecycled(pool, 31)
    })
  })
})

/** Pools of which each does something else with a chunk between two uses. */
const POOLS = {
  'as they are': {},
  fenced: { fence: 'always' },
  poisoned: { poison: true, zeroing: 'both' },
  'not zeroed': { zeroing: 'none' },
  ...MEMORIES.includes('native') ? { secure: { secure: true, onFull: 'throw' } } : {}
}

describe.each(Object.keys(POOLS))('Buffers of pools that are %s', name => {
  const SIZES = [1, 100, 4096, 5000, 65_536]
  let pool
  beforeEach(() => { pool = open({ max: CHUNK, ...POOLS[name] }) })
  afterEach(async () => {
    await expectAllReleased(pool)
    expect(pool.stats().acquired).toBeGreaterThan(0)
  })

  /** Calls `use` with random bytes in plain memory and in the pool's, of several sizes, more than once. */
  const each = async use => {
    for (let round = 0; round < 3; round++) {
      for (const size of SIZES) {
        const plain = randomBytes(size)
        const buf = pool.from(plain)
        try {
          await use(plain, buf)
        } finally {
          pool.release(buf)
        }
      }
    }
  }

  test('zlib', async () => {
    const { gzip, gunzip, deflateRaw, inflateRaw, brotliCompress, brotliDecompress } = zlib
    const pairs = [[gzip, gunzip], [deflateRaw, inflateRaw], [brotliCompress, brotliDecompress]]
    await each(async (plain, buf) => {
      const packed = pool.from(zlib.gzipSync(buf).subarray(0, CHUNK))
      if (plain.length < CHUNK) expect(zlib.gunzipSync(packed).equals(plain)).toBe(true)
      pool.release(packed)
      await Promise.all(pairs.map(async ([pack, unpack]) => {
        const bytes = await promisify(pack)(buf)
        expect((await promisify(unpack)(bytes)).equals(plain)).toBe(true)
      }))
    })
  })

  test('digests and ciphers', async () => {
    const key = pool.from(crypto.randomBytes(32))
    const iv = crypto.randomBytes(16)
    await each(async (plain, buf) => {
      const digest = crypto.createHash('sha256').update(plain).digest()
      expect(crypto.createHash('sha256').update(buf).digest()).toEqual(digest)
      expect(crypto.timingSafeEqual(buf, plain)).toBe(true)
      const cipher = crypto.createCipheriv('aes-256-cbc', key, iv)
      const secret = Buffer.concat([cipher.update(buf), cipher.final()])
      const decipher = crypto.createDecipheriv('aes-256-cbc', key, iv)
      const inside = pool.from(secret.subarray(0, CHUNK))
      const clear = Buffer.concat([
        decipher.update(inside), decipher.update(secret.subarray(CHUNK)), decipher.final()
      ])
      pool.release(inside)
      expect(clear.equals(plain)).toBe(true)
      expect(Buffer.from(await globalThis.crypto.subtle.digest('SHA-256', buf))).toEqual(digest)
    })
    pool.release(key)
  })

  test('random bytes', async () => {
    const fill = promisify(crypto.randomFill)
    const bufs = Array.from({ length: 20 }, () => pool.alloc(5000))
    await Promise.all(bufs.map((buf, i) => i % 2 === 0 ? fill(buf) : fill(buf, 10)))
    for (const [i, buf] of bufs.entries()) {
      expect(isZero(buf.subarray(-32))).toBe(false)
      expect(isZero(buf.subarray(0, 10))).toBe(i % 2 === 1)
    }
    expect(new Set(bufs.map(buf => buf.toString('latin1', 10))).size).toBe(bufs.length)
    expect(isZero(crypto.randomFillSync(bufs[0].fill(0)))).toBe(false)
    for (const buf of bufs) pool.release(buf)
  })

  test('files, each call for itself', async () => {
    const file = fileName('calls')
    const read = promisify(fs.read)
    const write = promisify(fs.write)
    await each(async (plain, buf) => {
      const fd = fs.openSync(file, 'w+')
      const back = pool.alloc(plain.length)
      expect((await write(fd, buf, 0, buf.length, 0)).bytesWritten).toBe(plain.length)
      expect((await read(fd, back, 0, back.length, 0)).bytesRead).toBe(plain.length)
      expect(back.equals(plain)).toBe(true)
      fs.writeSync(fd, buf, 0, buf.length, plain.length)
      back.fill(0)
      expect(fs.readSync(fd, back, 0, back.length, plain.length)).toBe(plain.length)
      expect(back.equals(plain)).toBe(true)
      const two = [pool.alloc(plain.length), back.fill(0)]
      expect(fs.readvSync(fd, two, 0)).toBe(plain.length * 2)
      expect(two.every(part => part.equals(plain))).toBe(true)
      fs.closeSync(fd)
      for (const part of two) pool.release(part)
    })
  })

  test('files by promises', async () => {
    const file = fileName('promises')
    await each(async (plain, buf) => {
      await fs.promises.writeFile(file, buf)
      await fs.promises.appendFile(file, buf)
      const handle = await fs.promises.open(file)
      const parts = [pool.alloc(plain.length), pool.alloc(plain.length)]
      expect((await handle.read(parts[0], 0, plain.length, 0)).bytesRead).toBe(plain.length)
      expect((await handle.readv([parts[1]], plain.length)).bytesRead).toBe(plain.length)
      await handle.close()
      expect(parts.every(part => part.equals(plain))).toBe(true)
      for (const part of parts) pool.release(part)
    })
  })

  test('readFile into a Buffer of the pool, where this Node can', async () => {
    const files = SIZES.map(size => fileWith(randomBytes(size)))
    let given = []
    const buffer = size => {
      given.push(pool.reader(size))
      return given[given.length - 1]
    }
    const ways = [
      file => promisify(fs.readFile)(file, { buffer }),
      file => fs.promises.readFile(file, { buffer }),
      async file => fs.readFileSync(file, { buffer })
    ]
    let used = 0
    for (const way of ways) {
      for (const file of files) {
        const bytes = await way(file)
        expect(bytes.equals(fs.readFileSync(file))).toBe(true)
        // It is the pool's memory, or the pool was not asked.
        expect(given.map(buf => buf.buffer)).toEqual(given.length === 0 ? [] : [bytes.buffer])
        used += given.length
        for (const buf of given) pool.release(buf)
        given = []
      }
    }
    const [major, minor] = NODE
    if (major < 24) expect(used).toBe(0)
    if ((major === 24 && minor >= 21) || (major === 26 && minor >= 10)) expect(used).toBe(ways.length * files.length)
    pool.release(pool.acquire(1))
  })

  test('text, blobs, clones and messages', async () => {
    const { port1, port2 } = new MessageChannel()
    await each(async (plain, buf) => {
      expect(new TextDecoder('latin1').decode(buf)).toBe(new TextDecoder('latin1').decode(plain))
      expect(new TextDecoder().decode(buf)).toBe(plain.toString('utf8'))
      expect(Buffer.from(await new Blob([buf, buf]).arrayBuffer()).equals(Buffer.concat([plain, plain]))).toBe(true)
      expect(Buffer.from(await new Response(buf).arrayBuffer()).equals(plain)).toBe(true)
      expect(v8.deserialize(v8.serialize(buf)).equals(plain)).toBe(true)
      const clone = structuredClone(buf)
      expect(Buffer.from(clone).equals(plain)).toBe(true)
      port1.postMessage(buf)
      const [message] = await once(port2, 'message')
      expect(Buffer.from(message.data ?? message).equals(plain)).toBe(true)
      // Those are copies.
      buf.fill(0)
      expect(Buffer.from(clone).equals(plain)).toBe(true)
      // Encoded into it.
      const text = 'é€'.repeat(plain.length >> 3)
      const { written } = new TextEncoder().encodeInto(text, buf)
      expect(buf.toString('utf8', 0, written)).toBe(text)
    })
    port1.close()
  })

  test('datagrams, and the input of another process', async () => {
    const socket = dgram.createSocket('udp4')
    socket.bind(0, host)
    await once(socket, 'listening')
    const { port } = socket.address()
    const send = promisify((buf, callback) => socket.send(buf, port, host, callback))
    await each(async (plain, buf) => {
      if (plain.length > 10_000) return
      const message = once(socket, 'message')
      await send(buf)
      expect((await message)[0].equals(plain)).toBe(true)
    })
    socket.close()
    const plain = randomBytes(CHUNK)
    const input = pool.from(plain)
    const { stdout } = spawnSync(process.execPath, ['-e', 'process.stdin.pipe(process.stdout)'], { input })
    expect(stdout.equals(plain)).toBe(true)
    pool.release(input)
  })
})
