'use strict'

const { fork } = require('node:child_process')
const { once } = require('node:events')
const http = require('node:http')
const path = require('node:path')
const { answer } = require('../common/child')
const { start, unlessMissing } = require('./contenders')
const apps = require('./http-apps')
const { times } = require('./work')

// A server, the only thing in its process; its clients are in another. Requests without a contender and with it, in
// turns; if it cannot be ended, in one turn. CPU time of a request without and with it, in ns, of all threads of the
// process.
answer(({ contender: name, app, turns, slices, requests }) => unlessMissing(async () => {
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
    const [before, after] = [[], []]
    let told = {}
    for (let turn = 0; turn < turns; turn++) {
      // V8 has to learn some of it anew each time.
      await ask(requests * slices)
      before.push(...await measure(ask, requests, slices))
      const contender = start(name)
      await ask(requests * slices)
      after.push(...await measure(ask, requests, slices))
      const last = contender.lasting || turn === turns - 1
      if (last) told = await contender.look()
      contender.end()
      contender.stop()
      told = { ...told, ...await contender.tell() }
      if (last) break
    }
    return { before: times(before), after: times(after), ...told }
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
  return samples
}
