'use strict'

// A basket is emptied an hour after the last visit. But each visit adds a timer, and none goes before its hour is over:
// so many, with all that their closures see, as there are visits in an hour.

const http = require('node:http')

const baskets = new Map()

const visit = (id) => {
  const basket = baskets.get(id) ?? { visits: 0 }
  basket.visits++
  setTimeout(() => baskets.delete(id), 3_600_000) // the leak
  baskets.set(id, basket)
  return basket
}

const server = http.createServer((request, response) => {
  // Ten visitors.
  const { visits } = visit(request.url.slice(-1))
  response.end(`${visits}\n`)
})

module.exports = server
