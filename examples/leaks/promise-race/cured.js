'use strict'

// An answer, unless the server has been stopped. Nothing is left with a promise that lives long.

const http = require('node:http')

let stopped = false
process.once('SIGTERM', () => { stopped = true })
const render = async (url) => ({ url, lines: new Array(200).fill(url) })

const server = http.createServer(async (request, response) => {
  const page = stopped ? 'closed\n' : await render(request.url)
  response.end(page.lines?.join('\n') ?? page)
})

module.exports = server
