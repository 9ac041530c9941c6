'use strict'

const { fork } = require('node:child_process')
const { once } = require('node:events')
const http = require('node:http')
const path = require('node:path')
const { answer } = require('../common/child')
const { start, unlessMissing } = require('./contenders')
const apps = require('./http-apps')
const { times } = require('./work')

// A server, the only thing in its process; its clients are in another. Requests without a contender, then as many with
// it. CPU time of a request before and after, in ns, of all threads of the process.
answer(({ contender: name, app, slices, requests }) => unlessMissing(async () => {
  const server = http.createServer(apps[app]).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const clients = fork(path.join(__dirname, 'http-clients.js'), [String(server.address().port)], { execArgv: [] })
  const died = once(clients, 'exit').then(([code, signal]) => { throw new Error(`clients ended: ${signal ?? code}`) })
  died.catch(() => {})
  const ask = async (count) => {
    clients.send(count)
    await Promise.race([once(clients, 'message'), died])
  }
  try {
    await ask(requests * slices)
    const before = await measure(ask, requests, slices)
    const contender = start(name)
    // V8 has to learn some of it anew.
    await ask(requests * slices)
    const after = await measure(ask, requests, slices)
    contender.end()
    contender.stop()
    return { before, after, ...await contender.tell() }
  } finally {
    clients.disconnect()
    server.close()
  }
}))

async function measure (ask, requests, slices) {
  const samples = []
  for (let i = 0; i < slices; i++) {
    const began = process.cpuUsage()
    await ask(requests)
    const { user, system } = process.cpuUsage(began)
    samples.push((user + system) * 1e3 / requests)
  }
  return times(samples)
}
