'use strict'

/**
 * The load, in a second process: so many connections, each asking for the next key of the workload as soon as it has
 * its answer. It stops by itself, when the time is up or the workload is at its end.
 *
 * It speaks HTTP over plain sockets. Node's own client costs more than the service does, and would be what is measured.
 */

const net = require('node:net')
const { serve } = require('./child')
const { titleOf } = require('./source')

/** One answer in so many is read through, to see that it is the one asked for. */
const CHECK_EVERY = 16
const HEAD_END = '\r\n\r\n'
const ANSWER = /^HTTP\/1\.1 (\d+) .*?^content-length: (\d+)\r$/ims

/** One keep-alive connection, one request at a time. */
class Connection {
  #socket
  #chunks = []
  #received = 0
  #expected = -1
  #pending = null

  constructor (port, onError) {
    this.#socket = net.connect({ port, host: '127.0.0.1', noDelay: true })
    this.#socket.on('data', (chunk) => this.#receive(chunk))
    this.#socket.on('error', onError)
    this.#socket.on('close', () => { if (this.#pending) onError(new Error('the server closed the connection')) })
  }

  /** @returns {Promise<Buffer>} the answer, head and body */
  get (path) {
    return new Promise((resolve) => {
      this.#pending = resolve
      this.#socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
    })
  }

  close () {
    this.#pending = null
    this.#socket.destroy()
  }

  #receive (chunk) {
    this.#chunks.push(chunk)
    this.#received += chunk.length
    if (this.#expected === -1) this.#expected = this.#lengthOf(this.#joined())
    if (this.#expected === -1 || this.#received < this.#expected) return
    const answer = this.#joined()
    this.#chunks = []
    this.#received = 0
    this.#expected = -1
    const resolve = this.#pending
    this.#pending = null
    resolve(answer)
  }

  #joined () {
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)]
    return this.#chunks[0]
  }

  /** The answer's whole length, or -1 while its head is not complete. */
  #lengthOf (data) {
    const end = data.indexOf(HEAD_END)
    if (end === -1) return -1
    const [, status, length] = ANSWER.exec(data.latin1Slice(0, end + 2)) ?? []
    if (status !== '200') {
      this.#socket.destroy(new Error(`the server answered with status ${status ?? 'none'}`))
      return -1
    }
    return end + HEAD_END.length + Number(length)
  }
}

/**
 * @param {{ port: number, seconds: number, connections: number, keys: string[], order: Uint32Array }} task
 */
async function run ({ port, seconds, connections, keys, order }) {
  const latencies = new Float64Array(order.length)
  let asked = 0
  let answered = 0
  let open = []
  const started = performance.now()
  const deadline = started + seconds * 1000
  let last = started

  const ask = async (connection) => {
    while (asked < order.length && last < deadline) {
      const index = asked++
      const key = keys[order[index]]
      const begun = performance.now()
      const answer = await connection.get(`/items/${encodeURIComponent(key)}`)
      last = performance.now()
      latencies[answered++] = last - begun
      if (index % CHECK_EVERY === 0 && !answer.includes(titleOf(key))) {
        throw new Error(`the server gave a wrong answer for the key '${key}'`)
      }
    }
  }

  try {
    await new Promise((resolve, reject) => {
      open = Array.from({ length: connections }, () => new Connection(port, reject))
      Promise.all(open.map(ask)).then(resolve, reject)
    })
  } finally {
    for (const connection of open) connection.close()
  }
  const latency = summary(latencies.subarray(0, answered))
  return { type: 'done', requests: answered, elapsedMs: last - started, latency }
}

/** Milliseconds. */
function summary (latencies) {
  latencies.sort()
  const at = (part) => latencies[Math.min(latencies.length - 1, Math.ceil(part * latencies.length) - 1)]
  return { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) }
}

serve({ run })
