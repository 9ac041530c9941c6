'use strict'

// The last hundred requests, where only this module sees them.

const http = require('node:http')

const visits = []

const server = http.createServer((request, response) => {
  visits.push({ url: request.url, headers: request.headers, at: new Date() })
  if (visits.length > 100) visits.shift()
  response.end('ok\n')
})

module.exports = server
