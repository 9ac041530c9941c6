'use strict'

// Pages that were made once are kept, those hundred that were used last.

const http = require('node:http')
const { LRUCache } = require('heapwise')

const render = (url) => `the page of ${url}\n`.repeat(20)

const pages = new LRUCache({ max: 100, memoMethod: render })

const server = http.createServer((request, response) => {
  response.end(pages.memo(request.url))
})

module.exports = server
