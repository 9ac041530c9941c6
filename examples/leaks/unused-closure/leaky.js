'use strict'

// Nothing here looks as if it kept anything: there is one `state`, and each request replaces it. But all closures
// of a function share one context. Because of `describe`, which is hardly ever called, the context has `previous`;
// because of `peek` the new state has the context. So each state keeps the one before it, and none is ever free.

const http = require('node:http')

let state = null

const server = http.createServer((request, response) => {
  const previous = state
  const describe = () => `${previous?.rows.length} rows before`
  if (process.env.DEBUG_STATE) console.log(describe())
  state = {
    rows: new Array(1000).fill(request.url), // the leak
    peek: () => request.url
  }
  response.end('ok\n')
})

module.exports = server
