'use strict'

// A Buffer of a pool for each answer. When there is nothing to answer it is not given back: it is collected, and
// the pool makes a new one each time.

const http = require('node:http')
const { BufferPool } = require('heapwise')

const pool = new BufferPool({ name: 'answers', leakDetection: 'paranoid' })

const server = http.createServer((request, response) => {
  const buf = pool.acquire(16_384) // the leak
  if (request.url.endsWith('3')) {
    response.writeHead(404).end()
    return
  }
  const bytes = buf.write(`the page of ${request.url}\n`)
  response.end(buf.subarray(0, bytes), () => pool.release(buf, bytes))
})

module.exports = server
