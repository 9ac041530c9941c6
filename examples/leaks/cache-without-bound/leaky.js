'use strict'

// A cache whose entries are good for an hour. That is not a bound: what nobody asks for again is not looked at,
// and stays.

const http = require('node:http')
const { LRUCache } = require('heapwise')

const render = (url) => `the page of ${url}\n`.repeat(20)

const pages = new LRUCache({ ttl: 3_600_000, memoMethod: render }) // the leak

const server = http.createServer((request, response) => {
  response.end(pages.memo(request.url))
})

module.exports = server
