'use strict'

// A basket is emptied an hour after the last visit. Each visit starts the one timer of the basket again.

const http = require('node:http')

const baskets = new Map()

const visit = (id) => {
  const basket = baskets.get(id) ?? { visits: 0 }
  basket.visits++
  clearTimeout(basket.timer)
  basket.timer = setTimeout(() => baskets.delete(id), 3_600_000)
  baskets.set(id, basket)
  return basket
}

const server = http.createServer((request, response) => {
  // Ten visitors.
  const { visits } = visit(request.url.slice(-1))
  response.end(`${visits}\n`)
})

module.exports = server
