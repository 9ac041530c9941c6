'use strict'

// Of the last 300 uploads the first bytes are kept, to see later what kind of files they were. That is 5 KB. But a
// slice of a Buffer is a view of it, so 16 bytes keep the whole upload.

const http = require('node:http')
const { buffer } = require('node:stream/consumers')
const { BoundedMap } = require('heapwise')

const heads = new BoundedMap(null, { max: 300 })

const server = http.createServer(async (request, response) => {
  const body = await buffer(request)
  heads.set(request.url, body.subarray(0, 16)) // the leak
  response.end('ok\n')
})

module.exports = server
