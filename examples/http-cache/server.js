'use strict'

/**
 * One contender's HTTP service, in a process of its own: heap, RSS and garbage collection are nobody else's.
 *
 * `GET /items/<key>` answers from the cache, and on a miss from the slow source, whose answer it then caches.
 */

const http = require('node:http')
const { PerformanceObserver } = require('node:perf_hooks')
const { setImmediate: turn } = require('node:timers/promises')
const { contenders } = require('./contenders')
const { Table } = require('./source')
const { serve, tell } = require('./child')

const PREFIX = '/items/'
const PROGRESS_EVERY = 250
/** Hits are noted each so many requests, so that contenders can be compared over the same stretch of the workload. */
const CHECKPOINT = 500

let cache
let table
let hits = 0
let requests = 0
let peakHeap = 0
let baseHeap = 0
let cpuAtBegin
const checkpoints = []

async function answer (request, response) {
  const key = keyOf(request)
  if (key === null) return respond(response, 404, 'No such page.\n')
  let entry = cache.get(key)
  requests++
  if (entry !== undefined) hits++
  if (requests % CHECKPOINT === 0) checkpoints.push(hits)
  if (entry === undefined) {
    entry = await table.lookup(key)
    cache.set(key, entry)
  }
  respond(response, 200, entry.page)
}

function keyOf ({ method, url }) {
  if (method !== 'GET' || !url.startsWith(PREFIX)) return null
  try {
    return decodeURIComponent(url.slice(PREFIX.length))
  } catch {
    return null
  }
}

function respond (response, status, body) {
  response.writeHead(status, {
    'Content-Type': status === 200 ? 'text/html; charset=utf-8' : 'text/plain; charset=utf-8',
    'Content-Length': Buffer.byteLength(body)
  })
  response.end(body)
}

/** Time in collections. An observer gets them in batches: every entry of a batch counts. */
class GcClock {
  count = 0
  ms = 0
  worstMs = 0
  #observer = new PerformanceObserver((list) => this.#add(list.getEntries()))

  start () {
    this.#observer.observe({ entryTypes: ['gc'] })
  }

  async stop () {
    // Entries are queued from a later turn of the event loop than the collection's.
    await turn()
    await turn()
    this.#add(this.#observer.takeRecords())
    this.#observer.disconnect()
  }

  #add (entries) {
    for (const { duration } of entries) {
      this.count++
      this.ms += duration
      if (duration > this.worstMs) this.worstMs = duration
    }
  }
}

const gc = new GcClock()
let progress

serve({
  async open ({ contender, max, file, rows }) {
    table = new Table({ file, rows })
    cache = contenders.find(({ name }) => name === contender).load({ max })
    const server = http.createServer((request, response) => {
      answer(request, response).catch((error) => {
        respond(response, 500, 'The source failed.\n')
        tell({ type: 'error', reason: error.message })
      })
    })
    await new Promise((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
    return { type: 'ready', port: server.address().port }
  },

  begin () {
    global.gc()
    baseHeap = process.memoryUsage().heapUsed
    cpuAtBegin = process.cpuUsage()
    gc.start()
    progress = setInterval(() => {
      const { heapUsed, rss } = process.memoryUsage()
      peakHeap = Math.max(peakHeap, heapUsed)
      tell({ type: 'progress', requests, hits, entries: cache.size, heapUsed, rss })
    }, PROGRESS_EVERY)
    return { type: 'begun' }
  },

  async finish () {
    clearInterval(progress)
    // All threads of the process, so V8's helpers that collect garbage are in it.
    const cpu = process.cpuUsage(cpuAtBegin)
    await gc.stop()
    const { heapUsed, rss } = process.memoryUsage()
    // What is kept, apart from what the next collection would free anyway. After the clock has stopped.
    global.gc()
    return {
      type: 'result',
      requests,
      hits,
      checkpoints,
      checkpoint: CHECKPOINT,
      entries: cache.size,
      baseHeap,
      heapUsed: process.memoryUsage().heapUsed,
      peakHeap: Math.max(peakHeap, heapUsed),
      rss,
      cpuMs: (cpu.user + cpu.system) / 1000,
      gc: { count: gc.count, ms: gc.ms, worstMs: gc.worstMs }
    }
  }
})
