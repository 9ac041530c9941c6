'use strict'

const net = require('node:net')

// Sixteen connections to a server, each with one request at a time. Asked for a number of requests by message, it
// answers when their responses have come.
const port = Number(process.argv[2])
const connections = 16

const order = JSON.stringify({ lines: Array.from({ length: 8 }, (_, i) => ({ item: `item ${i}`, price: i * 1.5 })) })
const request = [
  'POST /orders HTTP/1.1', 'host: localhost', 'content-type: application/json', `content-length: ${order.length}`, '',
  order
].join('\r\n')

let left = 0
let open = 0

function connect () {
  const socket = net.connect(port, '127.0.0.1')
  let text = ''
  socket.setEncoding('latin1')
  socket.on('data', (more) => {
    text += more
    const length = lengthOf(text)
    if (length === undefined || text.length < length) return
    if (!text.startsWith('HTTP/1.1 200 ') || text.length > length) throw new Error(`a wrong response: ${text}`)
    text = ''
    if (--open === 0 && left === 0) process.send('done')
    else if (left > 0) ask(socket)
  })
  return socket
}

// Of head and body together; undefined as long as that cannot be known.
function lengthOf (text) {
  const head = text.indexOf('\r\n\r\n')
  if (head < 0) return undefined
  const chunked = /^transfer-encoding: chunked\r$/im.test(text.slice(0, head + 1))
  if (!chunked) return head + 4 + Number(/^content-length: (\d+)\r$/im.exec(text.slice(0, head + 1))[1])
  return text.endsWith('\r\n0\r\n\r\n') ? text.length : undefined
}

function ask (socket) {
  left--
  open++
  socket.write(request)
}

const sockets = Array.from({ length: connections }, connect)

process.on('message', (count) => {
  left = count
  for (const socket of sockets) if (left > 0) ask(socket)
})
process.on('disconnect', () => process.exit(0))
