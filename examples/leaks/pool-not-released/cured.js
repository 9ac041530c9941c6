'use strict'

// A Buffer of a pool for each answer, acquired when there is one.

const http = require('node:http')
const { BufferPool } = require('heapwise')

const pool = new BufferPool({ name: 'answers', leakDetection: 'paranoid' })

const server = http.createServer((request, response) => {
  if (request.url.endsWith('3')) {
    response.writeHead(404).end()
    return
  }
  const buf = pool.acquire(16_384)
  const bytes = buf.write(`the page of ${request.url}\n`)
  response.end(buf.subarray(0, bytes), () => pool.release(buf, bytes))
})

module.exports = server
