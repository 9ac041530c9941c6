'use strict'

// The last hundred requests, on the global object.

const http = require('node:http')

globalThis.visits = []

const server = http.createServer((request, response) => {
  globalThis.visits.push({ url: request.url, headers: request.headers, at: new Date() })
  if (globalThis.visits.length > 100) globalThis.visits.shift()
  response.end('ok\n')
})

module.exports = server
