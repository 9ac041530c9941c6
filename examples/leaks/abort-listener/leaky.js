'use strict'

// What is under way is to end when the server stops: one signal for the whole process, and a listener of each
// request.

const http = require('node:http')

const stopping = new AbortController()
process.once('SIGTERM', () => {
  stopping.abort()
  server.close()
})

const server = http.createServer((request, response) => {
  const giveUp = () => response.destroy()
  stopping.signal.addEventListener('abort', giveUp) // the leak
  setImmediate(() => response.end('ok\n'))
})

module.exports = server
