'use strict'

/** One contender's turn: its server, the load on it, and what came of it. */

const path = require('node:path')
const { Child } = require('./child')

const SERVER = path.join(__dirname, 'server.js')
const LOAD = path.join(__dirname, 'load.js')
/** What starting or stopping may take on a busy machine, in milliseconds. */
const PATIENCE = 30_000

/**
 * @param {import('./contenders').Contender} contender
 * @param {object} task
 * @param {import('./trace').Workload} task.workload
 * @param {{ file: string, rows: number }} task.table
 * @param {number} task.max
 * @param {number} task.seconds
 * @param {number} task.connections
 * @param {AbortSignal} task.signal
 * @param {(sample: object) => void} task.onProgress
 */
async function runContender (contender, { workload, table, max, seconds, connections, signal, onProgress }) {
  const samples = []
  const children = []
  let begun = 0
  const start = (...args) => {
    const child = new Child(...args)
    children.push(child)
    return child
  }
  const aborted = new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
  // Whoever still waits for it hears of it; when the turn is over nobody does.
  aborted.catch(() => {})

  const turn = async () => {
    const server = start(SERVER, `server with ${contender.name}`, {
      execArgv: ['--expose-gc'],
      onMessage (message) {
        if (message.type !== 'progress') return
        const sample = { ...message, seconds: (performance.now() - begun) / 1000 }
        onProgress({ ...sample, before: samples.at(-1) })
        samples.push(sample)
      }
    })
    const { port } = await server.ask(
      { type: 'open', contender: contender.name, max, file: table.file, rows: table.rows }, 'ready', PATIENCE)
    const load = start(LOAD, 'load generator')
    await server.ask({ type: 'begin' }, 'begun', PATIENCE)
    begun = performance.now()
    let done
    try {
      done = await load.ask({ type: 'run', port, seconds, connections, ...workload }, 'done', seconds * 1000 + PATIENCE)
    } catch (error) {
      // When the server dies the load fails too, and may say so first. The cause is what to tell.
      throw await server.failureWithin(500) ?? error
    }
    return summary(contender, done, await server.ask({ type: 'finish' }, 'result', PATIENCE), samples)
  }

  try {
    signal.throwIfAborted()
    return await Promise.race([turn(), aborted])
  } finally {
    await Promise.all(children.map((child) => child.stop()))
  }
}

function summary ({ name, bounded }, done, result, samples) {
  const seconds = done.elapsedMs / 1000
  return {
    name,
    bounded,
    requests: done.requests,
    seconds,
    requestsPerSecond: done.requests / seconds,
    cpuMsPerRequest: result.cpuMs / done.requests,
    latencyMs: done.latency,
    hits: result.hits,
    hitRatio: result.hits / result.requests,
    checkpoint: result.checkpoint,
    checkpoints: result.checkpoints,
    entries: result.entries,
    entriesAddedPerSecond: growth(samples, result.entries, seconds),
    baseHeap: result.baseHeap,
    heapUsed: result.heapUsed,
    peakHeap: result.peakHeap,
    rss: result.rss,
    gc: { ...result.gc, share: result.gc.ms / done.elapsedMs }
  }
}

/** Entries added a second, over the last third of the load: is it still growing? Null if it was too short to tell. */
function growth (samples, entries, seconds) {
  const from = samples.findLast((sample) => sample.seconds <= seconds * 2 / 3)
  return from && seconds > from.seconds ? (entries - from.entries) / (seconds - from.seconds) : null
}

/**
 * Hit ratios over the same stretch of the workload. In the same time a faster contender gets further, where keys repeat
 * more, or less; so the ratios compared are those over as many requests as all have answered.
 */
function compareHits (results) {
  const common = Math.min(...results.map(({ checkpoints }) => checkpoints.length))
  if (common === 0) return { requests: null, ratios: results.map(({ hitRatio }) => hitRatio) }
  const requests = common * results[0].checkpoint
  return { requests, ratios: results.map(({ checkpoints }) => checkpoints[common - 1] / requests) }
}

module.exports = { runContender, compareHits }
