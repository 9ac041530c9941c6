'use strict'

// A cache whose entries are good for an hour, of a hundred entries at most.

const http = require('node:http')
const { LRUCache } = require('heapwise')

const render = (url) => `the page of ${url}\n`.repeat(20)

const pages = new LRUCache({ max: 100, ttl: 3_600_000, memoMethod: render })

const server = http.createServer((request, response) => {
  response.end(pages.memo(request.url))
})

module.exports = server
