'use strict'

// What is under way is noted, so that the server can say so, until its response is closed, whatever came of it.

const http = require('node:http')

const underWay = new Set()

const server = http.createServer((request, response) => {
  const entry = { request, response, since: Date.now() }
  underWay.add(entry)
  response.once('close', () => underWay.delete(entry))
  if (request.url.endsWith('3')) {
    response.writeHead(404).end()
    return
  }
  response.end(`${underWay.size} under way\n`)
})

module.exports = server
