'use strict'

// Pages that were made once are kept, in an object. There are as many URLs as clients can think of.

const http = require('node:http')

const render = (url) => `the page of ${url}\n`.repeat(20)

const pages = {} // the leak

const server = http.createServer((request, response) => {
  response.end(pages[request.url] ??= render(request.url))
})

module.exports = server
