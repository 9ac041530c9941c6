'use strict'

// An answer has a minute's time. The timer goes when the answer is there.

const http = require('node:http')

const render = async (url) => `the page of ${url}\n`

const server = http.createServer(async (request, response) => {
  let timer
  const late = new Promise((resolve) => {
    timer = setTimeout(() => resolve(`${request.url} takes too long\n`), 60_000)
  })
  response.end(await Promise.race([render(request.url), late]))
  clearTimeout(timer)
})

module.exports = server
