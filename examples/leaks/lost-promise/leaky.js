'use strict'

// An order is accepted, then confirmed by a queue. Some get lost, and their promises never settle: the function
// that waits stays where it is, with all its variables.

const http = require('node:http')
const { EventEmitter } = require('node:events')

// Stands for a message broker: what ends in 3 gets lost.
const queue = new EventEmitter()
const send = (id) => setImmediate(() => queue.emit(id.endsWith('3') ? 'lost' : 'confirmed', id))

const waiting = new Map() // the leak
const confirmed = (id) => new Promise((resolve) => waiting.set(id, resolve))
const settle = (id) => {
  waiting.get(id)()
  waiting.delete(id)
}
queue.on('confirmed', settle)

const server = http.createServer(async (request, response) => {
  const order = { id: request.url, lines: new Array(200).fill(request.url) }
  response.end('accepted\n')
  send(order.id)
  await confirmed(order.id)
  order.done = true
})

module.exports = server
