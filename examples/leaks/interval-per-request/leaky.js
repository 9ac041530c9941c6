'use strict'

// While a page is made, a sign of life goes to the log. When there is no such page, the timer is forgotten: an
// early `return` is how most intervals are.

const http = require('node:http')

const render = async (url) => url.endsWith('3') ? undefined : `the page of ${url}\n`

const server = http.createServer(async (request, response) => {
  const started = Date.now()
  const alive = setInterval(() => console.log(`${request.url}: ${Date.now() - started} ms`), 30_000) // the leak
  const page = await render(request.url)
  if (page === undefined) {
    response.writeHead(404).end()
    return
  }
  clearInterval(alive)
  response.end(page)
})

module.exports = server
