'use strict'

// A client that hangs up is not worth an answer. A response lives as long as its request, and is told too.

const http = require('node:http')

const server = http.createServer((request, response) => {
  let gone = false
  response.on('close', () => { gone = true })
  setImmediate(() => { if (!gone) response.end('ok\n') })
})

module.exports = server
