'use strict'

// Each connection counts its requests a minute. The counting ends with the connection.

const http = require('node:http')

const server = http.createServer((request, response) => {
  request.socket.requests++
  response.end('ok\n')
})

server.on('connection', (socket) => {
  socket.requests = 0
  const timer = setInterval(() => { socket.requests = 0 }, 60_000)
  socket.once('close', () => clearInterval(timer))
})

module.exports = server
