'use strict'

// An answer, or the end of the server, whichever is first. `stopped` does not settle for months, and each race
// leaves with it what it would do then: a reaction, and with that the answer.

const http = require('node:http')

const stopped = new Promise((resolve) => process.once('SIGTERM', () => resolve('closed\n')))
const render = async (url) => ({ url, lines: new Array(200).fill(url) })

const server = http.createServer(async (request, response) => {
  const page = await Promise.race([stopped, render(request.url)]) // the leak
  response.end(page.lines?.join('\n') ?? page)
})

module.exports = server
