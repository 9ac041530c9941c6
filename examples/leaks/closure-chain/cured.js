'use strict'

// The sum of all orders, when somebody asks for it. The function keeps a number.

const http = require('node:http')

const readOrders = (url) => Array.from({ length: 100 }, (_, index) => ({ url, price: index }))
const sum = (orders) => orders.reduce((total, { price }) => total + price, 0)

let total = () => 0

const server = http.createServer((request, response) => {
  const before = total
  const orders = readOrders(request.url)
  const now = before() + sum(orders)
  total = () => now
  response.end('ok\n')
})

module.exports = server
