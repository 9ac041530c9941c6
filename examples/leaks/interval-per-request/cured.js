'use strict'

// While a page is made, a sign of life goes to the log. It ends as soon as there is a page or none.

const http = require('node:http')

const render = async (url) => url.endsWith('3') ? undefined : `the page of ${url}\n`

const server = http.createServer(async (request, response) => {
  const started = Date.now()
  const alive = setInterval(() => console.log(`${request.url}: ${Date.now() - started} ms`), 30_000)
  const page = await render(request.url)
  clearInterval(alive)
  if (page === undefined) {
    response.writeHead(404).end()
    return
  }
  response.end(page)
})

module.exports = server
