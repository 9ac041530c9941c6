'use strict'

// Sessions of an HTTP service with several workers, in one store that all of them share. This is the main thread: it
// opens the store, fills it with what the last run saved, starts the workers, and saves it when it is told to stop.

const fs = require('node:fs')
const path = require('node:path')
const { once } = require('node:events')
const { parseArgs } = require('node:util')
const { Worker } = require('node:worker_threads')
const { OffHeapCache } = require('heapwise')

const { values } = parseArgs({
  options: {
    workers: { type: 'string', default: '2' },
    port: { type: 'string', default: '3000' },
    // Of this program only: whoever can write a saved store can have the program that loads it do what he wants.
    file: { type: 'string', default: path.join(__dirname, '..', '..', '.cache', 'shared-sessions', 'sessions.snap') }
  }
})

// The workers give the name only, and get these.
const options = { name: 'sessions', maxBytes: '64mb', ttl: 30 * 60_000, updateAgeOnGet: true, codec: 'json' }

async function openStore () {
  if (!fs.existsSync(values.file)) return new OffHeapCache(options)
  try {
    return await OffHeapCache.load(values.file, options)
  } catch (error) {
    // It is a cache: better an empty one than none.
    console.error(`Nothing is loaded: ${error.message}`)
    return new OffHeapCache(options)
  }
}

/** Resolves when the worker takes requests. Each has a port of its own: threads cannot share one on every Node. */
async function startWorker (number) {
  const port = Number(values.port) === 0 ? 0 : Number(values.port) + number
  const worker = new Worker(path.join(__dirname, 'worker.js'), { workerData: { number, port } })
  const [url] = await once(worker, 'message')
  console.log(`Worker ${number} answers at ${url}`)
  return worker
}

async function stopWorker (worker) {
  worker.postMessage('stop')
  await once(worker, 'exit')
}

async function main () {
  // Held by this thread too, so that the store outlives any worker.
  const sessions = await openStore()
  console.log(`${sessions.size} entries loaded`)
  const workers = await Promise.all(Array.from({ length: Number(values.workers) }, (_, number) => startWorker(number)))

  const stop = async () => {
    await Promise.all(workers.map(stopWorker))
    fs.mkdirSync(path.dirname(values.file), { recursive: true, mode: 0o700 })
    const { entries, bytes } = await sessions.save(values.file)
    console.log(`${entries} entries saved, ${bytes} bytes`)
    sessions.close()
  }
  // The first of either stops it in order, the next one at once.
  const stopping = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.once(signal, () => {
      if (stopping.signal.aborted) process.exit(1)
      stopping.abort()
    })
  }
  console.log('Ready')
  if (!stopping.signal.aborted) await once(stopping.signal, 'abort')
  await stop()
}

main()
