'use strict'

// readStream by pipe and pipeline: chunks are recycled where Node's own code is the destination, and nowhere else.

const { spawnSync } = require('node:child_process')
const crypto = require('node:crypto')
const { once } = require('node:events')
const fs = require('node:fs')
const http = require('node:http')
const net = require('node:net')
const path = require('node:path')
const { Duplex, PassThrough, Writable } = require('node:stream')
const consumers = require('node:stream/consumers')
const { finished, pipeline } = require('node:stream/promises')
const tls = require('node:tls')
const zlib = require('node:zlib')
const { closeAll, deferred, open, rejectionOf, until, untilCollected } = require('./support/buffer-pool-tools')
const {
  CHUNK, ended, expectAllReleased, expectRecycled, fileName, fileWith, randomBytes, removeFiles, slowSink
} = require('./support/pool-streams')

const LONG = randomBytes(CHUNK * 40 + 345)
let file
let pool
const ends = []

beforeAll(() => { file = fileWith(LONG, 'long') })
beforeEach(() => { pool = open() })
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
  closeAll()
})
afterAll(removeFiles)

/** Starts a server that is closed after the test. Returns its port. */
const listening = server => new Promise(resolve => {
  const sockets = new Set()
  server.on('connection', socket => sockets.add(socket))
  server.listen(0, '127.0.0.1', () => {
    ends.push(() => new Promise(done => {
      server.close(done)
      for (const socket of sockets) socket.destroy()
    }))
    resolve(server.address().port)
  })
})

const connected = socket => new Promise((resolve, reject) => {
  socket.once(socket instanceof tls.TLSSocket ? 'secureConnect' : 'connect', () => resolve(socket))
  socket.once('error', reject)
})

// Keys that both know: no certificate is needed.
const PSK = {
  ciphers: 'PSK', minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2', checkServerIdentity: () => undefined
}
const psk = crypto.randomBytes(16)

const cipherOf = (key = crypto.randomBytes(32), iv = crypto.randomBytes(16)) => ({
  cipher: crypto.createCipheriv('aes-256-ctr', key, iv),
  decipher: crypto.createDecipheriv('aes-256-ctr', key, iv)
})

/** Each gives a destination, and a promise of what comes out of it. */
const DESTINATIONS = {
  async 'a file' () {
    const name = fileName('written')
    const dest = fs.createWriteStream(name)
    return { dest, result: ended(dest).then(() => fs.readFileSync(name)) }
  },
  async 'a socket' () {
    const { promise, resolve } = deferred()
    const server = net.createServer(socket => resolve(consumers.buffer(socket)))
    const dest = await connected(net.connect(await listening(server), '127.0.0.1'))
    return { dest, result: promise }
  },
  async 'a TLS socket' () {
    const { promise, resolve } = deferred()
    const port = await listening(tls.createServer({ ...PSK, pskCallback: () => psk }, socket => {
      resolve(consumers.buffer(socket))
    }))
    const dest = tls.connect({ ...PSK, port, host: '127.0.0.1', pskCallback: () => ({ psk, identity: 'it' }) })
    return { dest: await connected(dest), result: promise }
  },
  async 'a response' () {
    const [response, got] = [deferred(), deferred()]
    const port = await listening(http.createServer((request, answer) => response.resolve(answer)))
    http.get({ port, host: '127.0.0.1' }, incoming => got.resolve(consumers.buffer(incoming)))
    return { dest: await response.promise, result: got.promise }
  },
  async 'a request' () {
    const server = http.createServer(async (request, response) => {
      response.end(await consumers.buffer(request))
    })
    const port = await listening(server)
    const dest = http.request({ method: 'POST', port, host: '127.0.0.1' })
    const result = new Promise(resolve => dest.on('response', response => resolve(consumers.buffer(response))))
    dest.flushHeaders()
    await new Promise(resolve => dest.on('socket', socket => socket.on('connect', resolve)))
    return { dest, result }
  },
  async 'a hash' () {
    const dest = crypto.createHash('sha256')
    return { dest, result: consumers.buffer(dest), decode: digest => equalDigest(digest, 'sha256') }
  },
  async 'a cipher' () {
    const { cipher, decipher } = cipherOf()
    return { dest: cipher, result: consumers.buffer(cipher), decode: bytes => decipher.update(bytes) }
  },
  async 'a decipher' () {
    const { cipher, decipher } = cipherOf()
    return { dest: decipher, result: consumers.buffer(decipher), decode: bytes => cipher.update(bytes) }
  }
}
const COMPRESSORS = {
  gzip: [() => zlib.createGzip({ level: 1 }), zlib.gunzipSync],
  deflate: [() => zlib.createDeflate({ level: 1 }), zlib.inflateSync],
  brotli: [
    () => zlib.createBrotliCompress({ params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 1 } }), zlib.brotliDecompressSync
  ],
  ...zlib.createZstdCompress === undefined ? {} : { zstd: [() => zlib.createZstdCompress(), zlib.zstdDecompressSync] }
}
for (const [name, [create, decode]] of Object.entries(COMPRESSORS)) {
  DESTINATIONS[name] = async () => {
    const dest = create()
    return { dest, result: consumers.buffer(dest), decode }
  }
}

/** LONG, if `digest` is its hash. */
const equalDigest = (digest, algorithm) =>
  digest.equals(crypto.createHash(algorithm).update(LONG).digest()) ? LONG : digest

describe.each(Object.keys(DESTINATIONS))('%s', name => {
  test.each(['pipe', 'pipeline'])('gets all by %s, and chunks are recycled', async way => {
    const { dest, result, decode = bytes => bytes } = await DESTINATIONS[name]()
    const stream = pool.readStream(file)
    if (way === 'pipe') expect(stream.pipe(dest)).toBe(dest)
    else pipeline(stream, dest).catch(() => {})
    expect(decode(await result).equals(LONG)).toBe(true)
    await expectRecycled(pool, 41)
  })
})

test('a chain', async () => {
  const { cipher, decipher } = cipherOf()
  const name = fileName('chain')
  const pack = zlib.createGzip({ level: 1 })
  await pipeline(pool.readStream(file), pack, cipher, decipher, zlib.createGunzip(), fs.createWriteStream(name))
  expect(fs.readFileSync(name).equals(LONG)).toBe(true)
  await expectRecycled(pool, 41)
})

test('more than one destination: a chunk is released when the last is done', async () => {
  const name = fileName('both')
  const hash = crypto.createHash('sha1')
  const gzip = zlib.createGzip({ level: 1 })
  const stream = pool.readStream(file)
  for (const dest of [hash, fs.createWriteStream(name), gzip]) stream.pipe(dest)
  const listeners = gzip.listenerCount('close')
  const watch = () => expect(gzip.listenerCount('close')).toBeLessThanOrEqual(listeners + 3)
  gzip.on('drain', watch)
  const packed = await consumers.buffer(gzip)
  await until(() => fs.statSync(name).size === LONG.length, 'it is written')
  expect(fs.readFileSync(name).equals(LONG)).toBe(true)
  expect(zlib.gunzipSync(packed).equals(LONG)).toBe(true)
  expect(hash.digest('hex')).toBe(crypto.createHash('sha1').update(LONG).digest('hex'))
  await expectRecycled(pool, 41)
})

test('a chunk is there until the callback of its write comes', async () => {
  const writes = []
  const name = fileName('held')
  const held = { ...fs, write: (...args) => writes.push(args) }
  const dest = fs.createWriteStream(name, { fs: held })
  pool.readStream(file, { end: CHUNK * 3 - 1 }).pipe(dest)
  const closed = ended(dest)
  for (let at = 0; at < 3; at++) {
    await until(() => writes.length === 1, 'it writes')
    await new Promise(setImmediate)
    const [fd, chunk, offset, length, position, callback] = writes.pop()
    expect(chunk.equals(LONG.subarray(at * CHUNK, (at + 1) * CHUNK))).toBe(true)
    expect(pool.stats().live).toBeGreaterThanOrEqual(1)
    fs.write(fd, chunk, offset, length, position, callback)
  }
  await closed
  expect(fs.readFileSync(name).equals(LONG.subarray(0, CHUNK * 3))).toBe(true)
  await expectRecycled(pool, 3)
})

test('a pool of two chunks makes it wait', async () => {
  const tight = open({ onFull: 'wait', maxBytes: CHUNK * 2 })
  const name = fileName('tight')
  await pipeline(tight.readStream(file), fs.createWriteStream(name))
  expect(fs.readFileSync(name).equals(LONG)).toBe(true)
  await expectRecycled(tight, 41)
})

describe('strangers', () => {
  class KeepingFile extends fs.WriteStream {
    kept = []
    _write (chunk, encoding, callback) {
      this.kept.push(chunk)
      callback()
    }
  }

  const STRANGERS = {
    'a PassThrough': () => {
      const dest = new PassThrough()
      const all = dest.toArray()
      return { dest, kept: () => all }
    },
    'a Writable that keeps': () => {
      const kept = []
      const write = (chunk, encoding, callback) => { kept.push(chunk); callback() }
      return { dest: new Writable({ write }), kept: () => kept }
    },
    'a subclass of one of Node': () => {
      const dest = new KeepingFile(fileName('keeping'))
      return { dest, kept: () => dest.kept }
    },
    'a file whose _write was replaced': () => {
      const dest = fs.createWriteStream(fileName('replaced'))
      const kept = []
      dest._write = (chunk, encoding, callback) => { kept.push(chunk); callback() }
      return { dest, kept: () => kept }
    },
    'a hash that is put between': () => {
      const dest = crypto.createHash('sha1')
      const kept = []
      const { _transform } = dest
      dest._transform = function (chunk, ...rest) {
        kept.push(chunk)
        return _transform.call(this, chunk, ...rest)
      }
      return { dest: dest.resume(), kept: () => kept }
    }
  }

  test.each(Object.keys(STRANGERS))('get memory of their own: %s', async name => {
    const { dest, kept } = STRANGERS[name]()
    await finished(pool.readStream(file).pipe(dest), { readable: false })
    expect(Buffer.concat(await kept()).equals(LONG)).toBe(true)
    expect(pool.stats().acquired).toBe(0)
  })

  test('a response that is compressed by a patch of its methods', async () => {
    const { dest, result } = await DESTINATIONS['a response']()
    const { write, end } = dest
    const gzip = zlib.createGzip({ level: 1 })
    // As packages do that compress responses: callbacks are not handed on.
    dest.write = chunk => gzip.write(chunk)
    dest.end = () => gzip.end()
    gzip.on('data', chunk => write.call(dest, chunk))
    gzip.on('end', () => end.call(dest))
    gzip.on('drain', () => dest.emit('drain'))
    pool.readStream(file).pipe(dest)
    expect(zlib.gunzipSync(await result).equals(LONG)).toBe(true)
    expect(pool.stats().acquired).toBe(0)
  })

  test('a response over a connection that is not a socket', async () => {
    const kept = []
    const server = http.createServer((request, response) => pool.readStream(file).pipe(response))
    const connection = new Duplex({
      read () {},
      writev (chunks, callback) {
        kept.push(...chunks.map(({ chunk }) => chunk))
        callback()
      }
    })
    connection.setTimeout = connection.setKeepAlive = connection.setNoDelay = () => connection
    server.emit('connection', connection)
    connection.push('GET / HTTP/1.0\r\n\r\n')
    const length = () => kept.reduce((total, chunk) => total + chunk.length, 0)
    await until(() => length() > LONG.length, 'the response is there')
    expect(Buffer.concat(kept).subarray(-LONG.length).equals(LONG)).toBe(true)
    expect(pool.stats().acquired).toBe(0)
    connection.destroy()
  })

  test.each([
    ['a listener', stream => {
      const kept = []
      stream.on('data', chunk => kept.push(chunk))
      return () => kept
    }],
    ['a PassThrough', stream => {
      const all = stream.pipe(new PassThrough()).toArray()
      return () => all
    }],
    ['a reader', stream => {
      const kept = []
      stream.on('readable', () => {
        for (let chunk = stream.read(); chunk !== null; chunk = stream.read()) kept.push(chunk)
      })
      return () => kept
    }]
  ])('next to a destination of Node: %s', async (what, follow) => {
    const stream = pool.readStream(file)
    const kept = follow(stream)
    const name = fileName('next-to')
    await finished(stream.pipe(fs.createWriteStream(name)))
    expect(fs.readFileSync(name).equals(LONG)).toBe(true)
    expect(Buffer.concat(await kept()).equals(LONG)).toBe(true)
    expect(pool.stats().acquired).toBe(0)
  })

  test('a response over a socket that was patched', async () => {
    const kept = []
    const server = http.createServer((request, response) => pool.readStream(file).pipe(response))
    server.on('connection', socket => {
      const { write } = socket
      socket.write = (chunk, ...rest) => {
        kept.push(chunk)
        return write.call(socket, chunk, ...rest)
      }
    })
    const port = await listening(server)
    const [incoming] = await once(http.get({ port, host: '127.0.0.1' }), 'response')
    expect((await consumers.buffer(incoming)).equals(LONG)).toBe(true)
    expect(Buffer.concat(kept.filter(Buffer.isBuffer)).includes(LONG.subarray(-345))).toBe(true)
    expect(pool.stats().acquired).toBe(0)
  })

  test('one that is patched while chunks are on their way keeps what they were', async () => {
    const stream = pool.readStream(file)
    const dest = fs.createWriteStream(fileName('patched'))
    const kept = []
    stream.pipe(dest)
    await until(() => stream.bytesRead > CHUNK * 3, 'it flows')
    const patch = (chunk, encoding, callback) => {
      kept.push(chunk)
      callback()
    }
    // Between two chunks, one of which has been read already.
    await once(dest, 'drain')
    Object.assign(dest, { _write: patch, _writev: null })
    await finished(dest)
    const got = Buffer.concat(kept)
    expect(got.length).toBeGreaterThan(CHUNK)
    expect(got.equals(LONG.subarray(-got.length))).toBe(true)
    kept.length = 0
    await untilCollected(() => pool.stats().live === 0, 'all comes back')
  })

  test("with 'always', one that calls back twice takes nothing from the others", async () => {
    const hasty = new Writable({ write (chunk, encoding, callback) { callback() } })
    hasty.write = (chunk, callback) => {
      for (let i = 0; i < 4; i++) callback()
      return true
    }
    const sink = slowSink()
    const stream = pool.readStream(file, { recycle: 'always' })
    stream.pipe(hasty)
    await finished(stream.pipe(sink))
    expect(sink.bytes().equals(LONG)).toBe(true)
    await expectRecycled(pool, 41)
  })

  test('who comes while chunks are on their way keeps what they were', async () => {
    const stream = pool.readStream(file)
    const name = fileName('late')
    const dest = fs.createWriteStream(name)
    const kept = []
    stream.pipe(dest)
    await until(() => stream.bytesRead > CHUNK * 3, 'it flows')
    stream.on('data', chunk => kept.push(chunk))
    await finished(dest)
    const got = Buffer.concat(kept)
    expect(got.length).toBeGreaterThan(0)
    expect(got.equals(LONG.subarray(-got.length))).toBe(true)
    expect(fs.readFileSync(name).equals(LONG)).toBe(true)
    kept.length = 0
    await untilCollected(() => pool.stats().live === 0, 'all comes back')
  })

  test("with 'always' they get chunks of the pool until they call back", async () => {
    const sink = slowSink()
    await finished(pool.readStream(file, { recycle: 'always' }).pipe(sink))
    expect(sink.bytes().equals(LONG)).toBe(true)
    await expectRecycled(pool, 41)
  })
})

describe('as any other pipe', () => {
  test('destinations are told who pipes, and may be changed', async () => {
    const stream = pool.readStream(file)
    const names = ['one', 'two', 'three'].map(fileName)
    const told = []
    for (const name of names) {
      const dest = fs.createWriteStream(name)
      dest.on('pipe', source => told.push(['pipe', source === stream]))
      dest.on('unpipe', source => told.push(['unpipe', source === stream]))
      const before = stream.bytesRead
      stream.pipe(dest)
      if (name === names[2]) {
        await finished(dest)
        break
      }
      await until(() => stream.bytesRead > before + CHUNK * 3, 'it flows')
      // By name, or all there are.
      if (name === names[0]) stream.unpipe(dest)
      else stream.unpipe()
      expect(stream.listenerCount('data')).toBe(0)
      dest.end()
      await ended(dest)
    }
    expect(Buffer.concat(names.map(name => fs.readFileSync(name))).equals(LONG)).toBe(true)
    expect(told).toEqual(Array.from({ length: 3 }, () => [['pipe', true], ['unpipe', true]]).flat())
    await expectRecycled(pool, 41)
  })

  test('a destination that is not to be ended is not, nor is standard output', async () => {
    const dest = fs.createWriteStream(fileName('open'))
    const stream = pool.readStream(file)
    stream.pipe(dest, { end: false })
    await ended(stream)
    expect(dest.writableEnded).toBe(false)
    dest.end('more')
    await ended(dest)
    expect(fs.readFileSync(fileName('open')).equals(Buffer.concat([LONG, Buffer.from('more')]))).toBe(true)

    const child = path.join(__dirname, 'fixtures', 'buffer-pool-stdout.js')
    const { stdout, status } = spawnSync(process.execPath, [child, file], { maxBuffer: LONG.length * 2 })
    expect(status).toBe(0)
    expect(stdout.equals(Buffer.concat([LONG, Buffer.from('0')]))).toBe(true)
  })

  test.each(['path', 'handle', 'waiting'])('what a listener throws is uncaught: %s', how => {
    const child = path.join(__dirname, 'fixtures', 'buffer-pool-stdout.js')
    const { stdout } = spawnSync(process.execPath, [child, file, how], { encoding: 'utf8' })
    expect(stdout).toBe('uncaughtException: by a listener')
  })

  test('the same destination twice gets all twice, and can be left twice', async () => {
    const sink = slowSink()
    const stream = pool.readStream(file, { end: 9 })
    stream.pipe(sink)
    stream.pipe(sink)
    await finished(sink)
    expect(sink.bytes().equals(Buffer.concat([LONG.subarray(0, 10), LONG.subarray(0, 10)]))).toBe(true)
    const other = pool.readStream(file)
    for (let i = 0; i < 2; i++) other.pipe(new PassThrough()).destroy()
    const dest = fs.createWriteStream(fileName('twice'))
    for (let i = 0; i < 2; i++) other.pipe(dest)
    other.unpipe(dest).unpipe(dest)
    await until(() => other.listenerCount('data') === 0, 'nobody listens any more')
    for (const each of [other, dest]) each.destroy()
    await expectAllReleased(pool)
  })

  test('a destination that goes by itself does not change what the others get', async () => {
    const stream = pool.readStream(file)
    const leaving = zlib.createGzip()
    leaving.on('error', () => {})
    const name = fileName('stays')
    const staying = fs.createWriteStream(name)
    stream.pipe(leaving)
    stream.pipe(staying)
    await until(() => stream.bytesRead > CHUNK, 'it flows')
    leaving.destroy()
    await ended(staying)
    expect(fs.readFileSync(name).equals(LONG)).toBe(true)
    await expectRecycled(pool, 40)
  })
})

describe('destinations that fail', () => {
  test('a file that cannot be written', async () => {
    const failure = new Error('the disk is full')
    let writes = 0
    const failing = {
      ...fs,
      write: (...args) => ++writes < 4 ? fs.write(...args) : setImmediate(args[args.length - 1], failure)
    }
    const stream = pool.readStream(file)
    const failed = pipeline(stream, fs.createWriteStream(fileName('full'), { fs: failing }))
    expect(await rejectionOf(failed)).toBe(failure)
    expect(stream.destroyed).toBe(true)
    await expectRecycled(pool, 4)
  })

  test('a socket whose other end goes away, or that is destroyed', async () => {
    const server = net.createServer(socket => {
      socket.on('error', () => {})
      socket.once('data', () => setImmediate(() => socket.resetAndDestroy()))
    })
    const port = await listening(server)
    const gone = await connected(net.connect(port, '127.0.0.1'))
    await expect(pipeline(pool.readStream(file), gone)).rejects.toMatchObject({ code: expect.any(String) })
    await expectAllReleased(pool)

    const still = await listening(net.createServer(socket => socket.pause().on('error', () => {})))
    const dest = await connected(net.connect(still, '127.0.0.1'))
    const endless = { fd: -1, close: async () => {}, read: async (to, at, bytesRead) => ({ bytesRead }) }
    const writing = rejectionOf(pipeline(pool.readStream(null, { fd: endless }), dest))
    await until(() => dest.writableNeedDrain && dest.bytesWritten > CHUNK, 'nothing more can be sent')
    dest.destroy(new Error('enough'))
    expect(await writing).toEqual(new Error('enough'))
    await expectAllReleased(pool)
  })

  test('a response whose client goes away', async () => {
    let serving
    const server = http.createServer((request, response) => {
      serving = rejectionOf(pipeline(pool.readStream(file), response))
    })
    const port = await listening(server)
    const request = http.get({ port, host: '127.0.0.1' }, incoming => {
      incoming.once('data', () => request.destroy())
      incoming.on('error', () => {})
    })
    request.on('error', () => {})
    await until(() => serving !== undefined, 'it is asked')
    expect(await serving).toMatchObject({ code: expect.any(String) })
    await expectAllReleased(pool)
  })

  test('a response that is destroyed while the system has a chunk', async () => {
    const { dest, result } = await DESTINATIONS['a response']()
    const cutOff = rejectionOf(result)
    const endless = { fd: -1, close: async () => {}, read: async (to, at, bytesRead) => ({ bytesRead }) }
    const stream = pool.readStream(null, { fd: endless })
    stream.pipe(dest)
    await until(() => dest.socket.writableNeedDrain && dest.socket.bytesWritten > CHUNK, 'it is stuck')
    dest.destroy()
    // One waits in the stream. The other is still being sent.
    expect(pool.stats().live - stream.readableLength / CHUNK).toBeGreaterThan(0)
    await ended(dest)
    expect(await cutOff).toMatchObject({ code: 'ECONNRESET' })
    stream.destroy()
    await ended(stream)
    await expectAllReleased(pool)
  })

  test('one that is closed already', async () => {
    const dest = fs.createWriteStream(fileName('closed-already'))
    dest.destroy()
    await ended(dest)
    const stream = pool.readStream(file)
    stream.pipe(dest)
    await until(() => stream.bytesRead >= CHUNK, 'it reads')
    stream.destroy()
    await ended(stream)
    await expectAllReleased(pool)
  })

  test('bytes that cannot be unpacked, and a compressor that is destroyed', async () => {
    await expect(pipeline(pool.readStream(file), zlib.createGunzip(), slowSink())).rejects.toMatchObject({
      code: 'Z_DATA_ERROR'
    })
    const gzip = zlib.createGzip()
    const packing = rejectionOf(pipeline(pool.readStream(file), gzip, slowSink()))
    await until(() => gzip.bytesWritten > 0, 'it packs')
    gzip.destroy(new Error('enough'))
    expect(await packing).toEqual(new Error('enough'))
    await expectAllReleased(pool)
  })

  test('one that is destroyed at once, without a pipeline', async () => {
    const dest = fs.createWriteStream(fileName('at-once'))
    const stream = pool.readStream(file)
    stream.pipe(dest)
    await until(() => dest.bytesWritten > 0, 'it writes')
    dest.destroy()
    await ended(dest)
    stream.destroy()
    await ended(stream)
    await expectAllReleased(pool)
  })

  test('the pool is closed meanwhile', async () => {
    const dest = fs.createWriteStream(fileName('pool-closed'))
    const copying = rejectionOf(pipeline(pool.readStream(file), dest))
    await until(() => dest.bytesWritten > CHUNK, 'it writes')
    pool.close()
    expect(await copying).toMatchObject({ code: 'ERR_HEAPWISE_CLOSED' })
    const written = fs.readFileSync(fileName('pool-closed'))
    expect(written.equals(LONG.subarray(0, written.length))).toBe(true)
  })
})
