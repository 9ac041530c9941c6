'use strict'

// The service, in a process of its own: first heapwise watches, then the service is loaded, so that nothing it
// does is missed. The parent says when to look.

const [folder, variant, only] = process.argv.slice(2)
const { GcMonitor, leaks } = require('heapwise')

const monitor = new GcMonitor()
// A load of seconds leaks little, so allocations are sampled closely. One would not do so in production.
const stacks = { samplingInterval: 16_384, bytes: 262_144 }
// V8 counts by type only with `node --track-gc-object-stats`.
const types = { auto: true, bytes: 262_144 }
const parts = {
  timers: true, listeners: true, globals: true, pools: true, collections: true, buffers: true, stacks, types
}
const asked = Object.entries(parts).filter(([part]) => only === '' || only.split(',').includes(part))
// An interval of 0: it looks when it is asked to.
const watch = leaks.watch({ interval: 0, ...Object.fromEntries(asked) })

const server = require(`./${folder}/${variant}.js`)
// The connections of the load stay open while heapwise looks.
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }))

process.on('message', async (what) => {
  if (what === 'look') {
    // Some parts look at what the last full collection has left.
    monitor.collect()
    await watch.look()
    process.send({ looked: true })
  } else {
    const { findings, cost, failures } = watch.report()
    const { rss, heapUsed, external } = process.memoryUsage()
    const failed = Object.entries(failures).map(([part, { message }]) => [part, message])
    const memory = { rss, heapUsed, external }
    const report = { findings, failures: Object.fromEntries(failed), cost, memory, gc: monitor.stats() }
    process.send(report, () => process.exit())
  }
})
