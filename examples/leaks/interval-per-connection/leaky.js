'use strict'

// Each connection counts its requests a minute. Nobody stops the counting when the connection is gone, so the
// timer goes on, and keeps the socket.

const http = require('node:http')

const server = http.createServer((request, response) => {
  request.socket.requests++
  response.end('ok\n')
})

server.on('connection', (socket) => {
  socket.requests = 0
  setInterval(() => { socket.requests = 0 }, 60_000) // the leak
})

module.exports = server
