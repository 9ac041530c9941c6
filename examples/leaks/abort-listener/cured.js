'use strict'

// What is under way is to end when the server stops. What is done does not listen any more.

const http = require('node:http')

const stopping = new AbortController()
process.once('SIGTERM', () => {
  stopping.abort()
  server.close()
})

const server = http.createServer((request, response) => {
  const giveUp = () => response.destroy()
  stopping.signal.addEventListener('abort', giveUp)
  response.once('close', () => stopping.signal.removeEventListener('abort', giveUp))
  setImmediate(() => response.end('ok\n'))
})

module.exports = server
