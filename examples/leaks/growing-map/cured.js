'use strict'

// A session for each visitor, in a Map that has a bound and forgets who has not come for an hour.

const http = require('node:http')
const { BoundedMap } = require('heapwise')

const sessions = new BoundedMap(null, { max: 100, ttl: 3_600_000 })

const server = http.createServer((request, response) => {
  const session = sessions.get(request.url) ?? { id: request.url, visits: 0, basket: [] }
  session.visits++
  sessions.set(request.url, session)
  response.end(`${session.visits}\n`)
})

module.exports = server
