'use strict'

// A list of requests, made for debugging one day, and put where it is easy to look at: on the global object.

const http = require('node:http')

globalThis.visits = []

const server = http.createServer((request, response) => {
  globalThis.visits.push({ url: request.url, headers: request.headers, at: new Date() }) // the leak
  response.end('ok\n')
})

module.exports = server
