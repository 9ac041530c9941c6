'use strict'

const { fork } = require('node:child_process')
const { once } = require('node:events')
const net = require('node:net')
const path = require('node:path')
const { answer } = require('../common/child')

const connections = 4

// What the origin sends, again and again. From any byte and its place the next ones follow.
const block = Buffer.from(Uint8Array.from({ length: 65536 }, (_, i) => (i * 31) ^ (i >> 8)))

// One contender's proxy, in a process of its own, between an origin and clients, which are both here: `bytes` to four
// clients at a time. All figures but the rate are those of the proxy's process.
answer(async ({ contender, bytes }) => {
  const origin = net.createServer((socket) => serve(socket)).listen(0, '127.0.0.1')
  await once(origin, 'listening')
  const upstream = { host: '127.0.0.1', port: origin.address().port }
  const proxy = fork(path.join(__dirname, 'proxy-server.js'), [JSON.stringify({ contender, upstream })])
  // One that dies has said why.
  const died = once(proxy, 'exit').then(([code, signal]) => { throw new Error(`the proxy ended: ${signal ?? code}`) })
  const said = async () => (await Promise.race([once(proxy, 'message'), died]))[0]
  died.catch(() => {})
  const port = await said()
  const run = (total) => Promise.race([all(port, Math.ceil(total / connections)), died])
  await run(bytes / 16)
  proxy.send('start')
  await said()
  const began = performance.now()
  await run(bytes)
  const ms = performance.now() - began
  proxy.send('stop')
  const figures = await said()
  origin.close()
  return { ...figures, wall: ms * 1e6, rate: bytes / ms * 1e3 }
})

// Sends as many bytes as the client asked for, in 8 bytes.
async function serve (socket) {
  const [asked] = await once(socket, 'data')
  let left = asked.readDoubleLE()
  const more = () => {
    while (left > 0) {
      const part = left < block.length ? block.subarray(0, left) : block
      left -= part.length
      if (!socket.write(part)) return
    }
    socket.end()
  }
  socket.on('drain', more)
  more()
}

async function all (port, bytes) {
  await Promise.all(Array.from({ length: connections }, () => receive(port, bytes)))
}

// Counts what comes, and looks at the ends of each piece.
function receive (port, bytes) {
  return new Promise((resolve, reject) => {
    let got = 0
    const right = (buffer, at) => buffer[at] === block[(got + at) % block.length]
    const callback = (length, buffer) => {
      if (!right(buffer, 0) || !right(buffer, length - 1)) socket.destroy(new Error(`a wrong byte after ${got}`))
      got += length
      return true
    }
    const socket = net.connect({ host: '127.0.0.1', port, onread: { buffer: Buffer.alloc(2 ** 18), callback } })
    const asked = Buffer.alloc(8)
    asked.writeDoubleLE(bytes)
    socket.write(asked)
    socket.on('error', reject)
    socket.on('close', () => {
      if (got === bytes) resolve()
      else reject(new Error(`${got} bytes instead of ${bytes}`))
    })
  })
}
