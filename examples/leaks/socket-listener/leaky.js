'use strict'

// A client that hangs up is not worth an answer. But a connection lives for many requests (keep-alive), and each
// of them leaves a listener on its socket.

const http = require('node:http')

const server = http.createServer((request, response) => {
  let gone = false
  request.socket.on('close', () => { gone = true }) // the leak
  setImmediate(() => { if (!gone) response.end('ok\n') })
})

module.exports = server
