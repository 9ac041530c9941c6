'use strict'

// Each request wants to know when prices change, as long as it is not answered.

const http = require('node:http')
const { EventEmitter } = require('node:events')

class Prices extends EventEmitter {
  of (url) { return url.length }
}
const prices = new Prices()

const server = http.createServer((request, response) => {
  let price = prices.of(request.url)
  const update = () => { price = prices.of(request.url) }
  prices.on('change', update)
  response.once('close', () => prices.off('change', update))
  setImmediate(() => response.end(`${price}\n`))
})

module.exports = server
