'use strict'

// The service, in a process of its own: first heapwise watches, then the service is loaded, so that nothing it
// does is missed. The parent says when to look.

const [folder, variant] = process.argv.slice(2)
const { GcMonitor, leaks } = require('heapwise')

const monitor = new GcMonitor()
const watch = leaks.watch({ interval: 3_600_000 })

const server = require(`./${folder}/${variant}.js`)
// The connections of the load stay open while heapwise looks.
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }))

process.on('message', async (what) => {
  if (what === 'look') {
    await watch.look()
    process.send({ looked: true })
  } else {
    const { findings, cost } = watch.report()
    const { rss, heapUsed, external } = process.memoryUsage()
    process.send({ findings, cost, memory: { rss, heapUsed, external }, gc: monitor.stats() }, () => process.exit())
  }
})
