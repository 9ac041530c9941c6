'use strict'

// The proxy itself. What comes back from the target is read into Buffers of a pool, straight from the socket, and each
// is given back when its bytes have gone to the client.
//
// Node lets a program choose the memory that a connection is read into (`onread`) if the program made that connection.
// The other direction, from the client, is an ordinary pipe.

const net = require('node:net')

/** Buffers of this size: what a read of a socket fills at most. */
const READ = 64 * 1024

/** Joins a client with a new connection to the target. */
function join (client, { pool, target, count }) {
  // Into this one the next bytes are read. The socket asks for it before there are any.
  let waiting

  const upstream = net.connect({
    ...target,
    allowHalfOpen: true,
    onread: {
      // Asked again if a connection is tried at several addresses.
      buffer () {
        waiting ??= pool.reader(READ)
        return waiting
      },
      callback (bytes, buffer) {
        waiting = undefined
        count(bytes)
        // The callback comes once, when nobody reads the bytes any more: they are written, or the client is gone.
        const more = client.write(buffer.subarray(0, bytes), () => pool.release(buffer, bytes))
        if (!more) client.once('drain', () => upstream.resume())
        // Back-pressure: false stops reading, so a slow client does not have the pool grow.
        return more
      }
    }
  })

  client.pipe(upstream)
  upstream.once('end', () => client.end())
  // An error is followed by 'close', and that is dealt with.
  client.on('error', () => {})
  upstream.on('error', () => {})
  client.once('close', () => { if (!upstream.readableEnded) upstream.destroy() })
  upstream.once('close', () => {
    // Closed, so nothing will be read into it.
    if (waiting !== undefined) pool.release(waiting, 0)
    if (!upstream.readableEnded) client.destroy()
  })
  return upstream
}

/**
 * A server that passes everything on to `target`, `{ host, port }`. Resolves when it listens.
 *
 * @returns {Promise<{ port: number, totals: { connections: number, bytes: number }, stop: () => Promise<void> }>}
 */
function startProxy ({ pool, target, port = 0 }) {
  const totals = { connections: 0, bytes: 0 }
  const sockets = new Set()
  const keep = (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  }
  const count = (bytes) => { totals.bytes += bytes }
  const server = net.createServer({ allowHalfOpen: true }, (client) => {
    totals.connections++
    keep(client)
    keep(join(client, { pool, target, count }))
  })

  // All sockets have to be closed before the pool is: each has a Buffer.
  const stop = async () => {
    const closed = [...sockets].map((socket) => new Promise((resolve) => socket.once('close', resolve)))
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
    await Promise.all(closed)
  }
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => resolve({ port: server.address().port, totals, stop }))
  })
}

module.exports = { startProxy }
