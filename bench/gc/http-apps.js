'use strict'

const { EventEmitter } = require('node:events')

const bus = new EventEmitter()
let orders = 0

module.exports = {
  // What Node does by itself, and nothing else.
  hello: (request, response) => response.end('hello'),
  // Timers and listeners as programs have them: a deadline, a body that is read, an event that is waited for.
  service (request, response) {
    const parts = []
    const deadline = setTimeout(() => response.destroy(), 10_000)
    request.on('data', (part) => parts.push(part))
    request.on('error', () => clearTimeout(deadline))
    request.on('end', () => {
      const order = JSON.parse(Buffer.concat(parts).toString())
      const number = orders++
      bus.once(`done ${number}`, (total) => {
        response.setHeader('content-type', 'application/json')
        response.end(JSON.stringify({ number, total, lines: order.lines }))
      })
      setImmediate(() => bus.emit(`done ${number}`, order.lines.reduce((sum, { price }) => sum + price, 0)))
    })
    response.on('finish', () => clearTimeout(deadline))
  }
}
