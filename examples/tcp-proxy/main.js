'use strict'

// A TCP proxy whose reads go into Buffers of a pool. Ctrl-C stops it, and it prints what the pool did.

const http = require('node:http')
const { once } = require('node:events')
const { parseArgs } = require('node:util')
const { BufferPool } = require('heapwise')
const { startProxy } = require('./proxy.js')

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '8000' },
    // host:port. Without one there is a small HTTP server, which sends a mebibyte.
    target: { type: 'string' },
    'max-bytes': { type: 'string', default: '64mb' }
  }
})

async function startTarget () {
  const page = Buffer.alloc(1024 * 1024, 'heapwise\n')
  const server = http.createServer((request, response) => response.end(page)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { target: { host: '127.0.0.1', port: server.address().port }, close: () => server.close() }
}

function readTarget (text) {
  const [, host, port] = /^(.+):(\d+)$/.exec(text) ?? []
  if (host === undefined) throw new Error(`--target must be host:port, got '${text}'`)
  return { target: { host: host.replace(/^\[(.*)\]$/, '$1'), port: Number(port) }, close () {} }
}

/** The lines of what there is to know at the end. */
function report ({ connections, bytes }, stats) {
  const { acquired, hits, misses, live, lost, unpooled, classes } = stats
  const peak = Math.max(...classes.map((each) => each.peak))
  const share = acquired === 0 ? 0 : hits / acquired * 100
  return [
    `${connections} connections, ${bytes} bytes from the target`,
    `${acquired} reads into the pool's Buffers: ${misses} were made, ${share.toFixed(1)} % used again`,
    `${peak} at the most at the same time; ${unpooled.acquired} beyond the bound; ${lost} lost; ${live} not given back`
  ].join('\n')
}

async function main () {
  const { target, close } = values.target === undefined ? await startTarget() : readTarget(values.target)
  const pool = new BufferPool({ name: 'proxy', max: '64kb', maxBytes: values['max-bytes'] })
  const proxy = await startProxy({ pool, target, port: Number(values.port) })
  console.log(`Proxy at http://127.0.0.1:${proxy.port}/ for ${target.host}:${target.port}`)

  const stopping = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stopping.abort())
  await once(stopping.signal, 'abort')
  await proxy.stop()
  console.log(report(proxy.totals, pool.stats()))
  pool.close()
  close()
}

main()
