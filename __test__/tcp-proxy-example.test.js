'use strict'

// examples/tcp-proxy, as a user would run it, and its proxy by itself.

const net = require('node:net')
const path = require('node:path')
const { createHash, randomBytes } = require('node:crypto')
const { once } = require('node:events')
const { spawn } = require('node:child_process')

const { BufferPool } = require('..')

const example = path.join(__dirname, '..', 'examples', 'tcp-proxy')
const { startProxy } = require(path.join(example, 'proxy.js'))

jest.setTimeout(60_000)

const hashOf = (bytes) => createHash('sha256').update(bytes).digest('hex')

const ending = []
afterEach(async () => {
  for (const end of ending.splice(0).reverse()) await end()
})

/** A server for a test. Its sockets end with it. */
async function listen (handle) {
  const sockets = new Set()
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    handle(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  ending.push(() => {
    for (const socket of sockets) socket.destroy()
    return new Promise((resolve) => server.close(resolve))
  })
  return { host: '127.0.0.1', port: server.address().port }
}

/** A proxy before `target`, with a pool. */
async function proxyFor (target, options) {
  const pool = new BufferPool({ name: 'proxy', poison: true, ...options })
  const proxy = await startProxy({ pool, target })
  let stopped
  const stop = () => {
    stopped ??= proxy.stop()
    return stopped
  }
  ending.push(stop)
  return { pool, proxy: { ...proxy, stop } }
}

function ask (port, bytes) {
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  const parts = []
  socket.on('data', (part) => parts.push(part))
  if (bytes !== undefined) socket.end(bytes)
  return once(socket, 'end').then(() => {
    socket.end()
    return Buffer.concat(parts)
  })
}

/** Waits for what has to become true. */
async function until (holds) {
  const deadline = Date.now() + 30_000
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`not within 30 s: ${holds}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

test('bytes come through as they are, in both directions, and their Buffers are used again', async () => {
  const target = await listen((socket) => socket.pipe(socket))
  const { pool, proxy } = await proxyFor(target)
  const sent = Array.from({ length: 8 }, () => randomBytes(1_000_003))
  const got = await Promise.all(sent.map((bytes) => ask(proxy.port, bytes)))
  expect(got.map(hashOf)).toEqual(sent.map(hashOf))
  await proxy.stop()
  const { acquired, hits, live, poisoned, unpooled } = pool.stats()
  expect({ live, poisoned, unpooled: unpooled.acquired }).toEqual({ live: 0, poisoned: 0, unpooled: 0 })
  // 8 MB in Buffers of 64 KiB, most of which were there.
  expect(acquired).toBeGreaterThan(100)
  expect(hits / acquired).toBeGreaterThan(0.3)
  expect(proxy.totals).toEqual({ connections: 8, bytes: 8 * 1_000_003 })
})

test('a client that does not read holds the target up, not the memory', async () => {
  const bytes = Buffer.alloc(64 * 1024 * 1024, 'a Buffer that is given back too early shows other bytes. ')
  const target = await listen((socket) => socket.end(bytes))
  const { pool, proxy } = await proxyFor(target)
  const socket = net.connect({ port: proxy.port, host: '127.0.0.1' })
  socket.pause()
  await once(socket, 'connect')
  // It stops: the proxy has read as much as the sockets take.
  let before = -1
  await until(() => {
    const stopped = proxy.totals.bytes > 0 && proxy.totals.bytes === before
    before = proxy.totals.bytes
    return stopped
  })
  expect(proxy.totals.bytes).toBeLessThan(bytes.length)
  expect(pool.stats().live).toBeLessThan(8)
  const hash = createHash('sha256')
  socket.on('data', (part) => hash.update(part))
  socket.resume()
  await once(socket, 'end')
  expect(hash.digest('hex')).toBe(hashOf(bytes))
  await proxy.stop()
  expect(pool.stats().live).toBe(0)
})

test('a client, or a target, that breaks off gives all Buffers back', async () => {
  const target = await listen((socket) => {
    socket.once('data', (bytes) => {
      if (bytes.toString() === 'break') socket.resetAndDestroy()
      else socket.write(Buffer.alloc(8 * 1024 * 1024, 'y'))
    })
  })
  const { pool, proxy } = await proxyFor(target)
  const broken = Array.from({ length: 5 }, async () => {
    const socket = net.connect({ port: proxy.port, host: '127.0.0.1' })
    socket.on('error', () => {})
    socket.write('go on')
    await once(socket, 'data')
    socket.resetAndDestroy()
    await once(socket, 'close')
  })
  const cut = Array.from({ length: 5 }, async () => {
    const socket = net.connect({ port: proxy.port, host: '127.0.0.1' })
    socket.on('error', () => {})
    socket.write('break')
    await once(socket, 'close')
  })
  await Promise.all([...broken, ...cut])
  await until(() => pool.stats().live === 0)
  expect(proxy.totals.connections).toBe(10)
})

test('a target that is not there closes the client', async () => {
  const target = await listen(() => {})
  await ending.pop()()
  const { pool, proxy } = await proxyFor(target)
  const socket = net.connect({ port: proxy.port, host: '127.0.0.1' })
  socket.on('error', () => {})
  await once(socket, 'close')
  await until(() => pool.stats().live === 0)
  expect(proxy.totals).toEqual({ connections: 1, bytes: 0 })
})

test('beyond the bound it goes on, with Buffers that are not pooled', async () => {
  const target = await listen((socket) => socket.pipe(socket))
  const { pool, proxy } = await proxyFor(target, { maxBytes: '128kb' })
  const sent = Array.from({ length: 6 }, () => randomBytes(500_000))
  const got = await Promise.all(sent.map((bytes) => ask(proxy.port, bytes)))
  expect(got.map(hashOf)).toEqual(sent.map(hashOf))
  await proxy.stop()
  const { live, unpooled } = pool.stats()
  expect(unpooled.acquired).toBeGreaterThan(0)
  expect({ live, unpooled: unpooled.released }).toEqual({ live: 0, unpooled: unpooled.acquired })
})

/** The program, until it says where it is. */
async function start (...args) {
  const child = spawn(process.execPath, [path.join(example, 'main.js'), '--port', '0', ...args])
  const told = { output: '', errors: '' }
  child.stdout.on('data', (text) => { told.output += text })
  child.stderr.on('data', (text) => { told.errors += text })
  const closed = once(child, 'close').then(([code]) => code)
  ending.push(async () => {
    child.kill('SIGKILL')
    await closed
  })
  await new Promise((resolve) => {
    child.stdout.on('data', () => { if (told.output.includes('Proxy at')) resolve() })
    child.once('close', resolve)
  })
  const [, url] = /Proxy at (\S+)/.exec(told.output) ?? []
  const stop = async () => {
    child.kill('SIGTERM')
    return { code: await closed, ...told }
  }
  return { url, told, closed, stop }
}

test('the program passes requests on, and says at the end what the pool did', async () => {
  const { url, stop } = await start()
  for (let i = 0; i < 5; i++) {
    const body = await fetch(url).then((response) => response.text())
    expect([body.length, body.slice(0, 9)]).toEqual([1024 * 1024, 'heapwise\n'])
  }
  const { code, output, errors } = await stop()
  expect({ code, errors }).toEqual({ code: 0, errors: '' })
  expect(output).toMatch(/^\d+ connections, 52\d{5} bytes from the target$/m)
  const [, reads, made] = /^(\d+) reads into the pool's Buffers: (\d+) were made, [\d.]+ % used again$/m.exec(output)
  expect(Number(made)).toBeLessThan(Number(reads))
  expect(output).toMatch(/ 0 beyond the bound; 0 lost; 0 not given back$/m)
})

test('the program passes on to the target that it is given, and refuses what is none', async () => {
  const target = await listen((socket) => socket.pipe(socket))
  const { url, stop } = await start('--target', `${target.host}:${target.port}`)
  const bytes = randomBytes(300_000)
  expect(hashOf(await ask(Number(new URL(url).port), bytes))).toBe(hashOf(bytes))
  expect(await stop()).toMatchObject({ code: 0, errors: '' })

  const { told, closed } = await start('--target', 'nowhere')
  expect(await closed).toBe(1)
  expect(told.errors).toContain("--target must be host:port, got 'nowhere'")
})
