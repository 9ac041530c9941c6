'use strict'

// What is under way is noted, so that the server can say so. What was not found is under way for ever: with its
// request, its headers and its response.

const http = require('node:http')

const underWay = new Set() // the leak

const server = http.createServer((request, response) => {
  const entry = { request, response, since: Date.now() }
  underWay.add(entry)
  if (request.url.endsWith('3')) {
    response.writeHead(404).end()
    return
  }
  response.end(`${underWay.size} under way\n`)
  underWay.delete(entry)
})

module.exports = server
