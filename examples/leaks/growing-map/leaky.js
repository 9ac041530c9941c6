'use strict'

// A session for each visitor, in a Map. Most never come again.

const http = require('node:http')

const sessions = new Map() // the leak

const server = http.createServer((request, response) => {
  const session = sessions.get(request.url) ?? { id: request.url, visits: 0, basket: [] }
  session.visits++
  sessions.set(request.url, session)
  response.end(`${session.visits}\n`)
})

module.exports = server
