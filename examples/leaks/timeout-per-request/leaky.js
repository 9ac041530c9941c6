'use strict'

// An answer has a minute's time. When it is there after a millisecond the timer stays for the rest of the minute,
// with all that its closure sees: with 1000 requests a second there are 60,000 of them.

const http = require('node:http')

const render = async (url) => `the page of ${url}\n`

const server = http.createServer(async (request, response) => {
  const late = new Promise((resolve) => {
    setTimeout(() => resolve(`${request.url} takes too long\n`), 60_000) // the leak
  })
  response.end(await Promise.race([render(request.url), late]))
})

module.exports = server
