'use strict'

// The sum of all orders, when somebody asks for it. Each request wraps the function of the one before, and so each
// keeps its own large array, for ever.

const http = require('node:http')

const readOrders = (url) => Array.from({ length: 100 }, (_, index) => ({ url, price: index }))
const sum = (orders) => orders.reduce((total, { price }) => total + price, 0)

let total = () => 0

const server = http.createServer((request, response) => {
  const before = total
  const orders = readOrders(request.url) // the leak
  total = () => before() + sum(orders)
  response.end('ok\n')
})

module.exports = server
