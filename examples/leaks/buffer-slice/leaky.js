'use strict'

// Of each upload its first bytes are kept, to tell what kind of file it was: those of the last 300. A slice of a
// Buffer is a view of it, so 16 bytes keep the whole upload.

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
