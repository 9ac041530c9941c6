'use strict'

const net = require('node:net')
const { contenders } = require('./contenders')
const meter = require('./meter')

// A TCP proxy, the only thing in its process: what clients ask goes on by `pipe`, what comes back (nearly all bytes)
// in the way of one contender. Its driver says when to measure.
const { contender: wanted, upstream } = JSON.parse(process.argv[2])
const { name, make } = contenders.find((contender) => contender.name === wanted)

// A chunk as libuv gave it, in memory of its own.
function piped (client) {
  const server = net.connect(upstream)
  client.pipe(server)
  server.pipe(client)
  return server
}

// Reads into what `lend` gives. `giveBack` gets it when all that was read into it has been written.
function through (lend, giveBack) {
  return (client) => {
    // Node asks for the memory of the next read before there is one.
    let next
    const buffer = () => (next = lend())
    const callback = (length, memory) => {
      const more = client.write(memory.subarray(0, length), () => giveBack(memory, length))
      if (!more) client.once('drain', () => server.resume())
      return more
    }
    const server = net.connect({ ...upstream, onread: { buffer, callback } })
    server.on('end', () => client.end())
    server.on('close', () => giveBack(next, 0))
    client.pipe(server)
    return server
  }
}

function open () {
  if (name === 'pipe') return piped
  // What `onread` does by itself.
  if (name === 'onread') return through(() => Buffer.allocUnsafeSlow(65536), () => {})
  const pool = make(65536)
  return through(pool.reader, (memory, length) => pool.release(memory, length))
}

const forward = open()

const listening = net.createServer((client) => {
  const server = forward(client)
  client.on('error', () => server.destroy())
  server.on('error', () => client.destroy())
}).listen(0, '127.0.0.1', () => process.send(listening.address().port))

let stop
process.on('message', (what) => {
  if (what === 'start') {
    stop = meter.start()
    process.send('started')
  } else {
    process.send(stop())
  }
})
process.on('disconnect', () => process.exit(0))
