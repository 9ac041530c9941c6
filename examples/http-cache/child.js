'use strict'

/**
 * The demo's processes talk in messages `{ type, … }`. This file holds both ends: `Child`, main's handle on a process
 * that it started, and `serve`, what such a process runs.
 */

const { fork } = require('node:child_process')
const { setTimeout: sleep } = require('node:timers/promises')
const { UserError } = require('./errors')

/** How much of a child's stderr is kept, to tell why it died. */
const KEPT_STDERR = 16384

class Child {
  #label
  #process
  #waiting = new Map()
  #onMessage
  #stderr = ''
  #failure = null
  #exited

  /**
   * @param {string} script
   * @param {string} label what to call it when it fails
   * @param {{ execArgv?: string[], onMessage?: (message: any) => void }} [options] onMessage gets what nobody waits for
   */
  constructor (script, label, { execArgv = [], onMessage = () => {} } = {}) {
    this.#label = label
    this.#onMessage = onMessage
    // 'advanced' carries typed arrays; stdout is not the child's to write to.
    this.#process = fork(script, [], {
      execArgv, serialization: 'advanced', stdio: ['ignore', 'ignore', 'pipe', 'ipc']
    })
    this.#process.stderr.setEncoding('utf8').on('data', (text) => {
      this.#stderr = (this.#stderr + text).slice(0, KEPT_STDERR)
    })
    this.#process.on('message', (message) => this.#receive(message))
    this.#exited = new Promise((resolve) => {
      this.#process.once('error', (error) => { this.#fail(`could not be started: ${error.message}`); resolve() })
      // 'close' rather than 'exit': its last words on stderr have arrived by then.
      this.#process.once('close', (code, signal) => { this.#fail(`died (${this.#reason(code, signal)})`); resolve() })
    })
  }

  /** Sends a request and waits for the message of that type. */
  async ask (request, type, timeoutMs) {
    const timer = new AbortController()
    const reply = new Promise((resolve, reject) => {
      if (this.#failure) return reject(this.#failure)
      this.#waiting.set(type, { resolve, reject })
    })
    // The error is ignored: a process that is gone says so through its 'close' event.
    this.#process.send(request, () => {})
    const timeout = sleep(timeoutMs, null, { signal: timer.signal }).then(() => {
      this.#fail(`has not answered for ${Math.round(timeoutMs / 1000)} s`)
    }, () => {})
    try {
      return await Promise.race([reply, timeout.then(() => reply)])
    } finally {
      timer.abort()
      this.#waiting.delete(type)
    }
  }

  /** Resolves if the child fails within that time, to a reason; to null otherwise. */
  async failureWithin (ms) {
    const timer = new AbortController()
    await Promise.race([this.#exited, sleep(ms, null, { signal: timer.signal }).catch(() => {})])
    timer.abort()
    return this.#failure
  }

  /** Ends it, and waits until it is gone. */
  async stop () {
    this.#process.kill('SIGKILL')
    await this.#exited
  }

  #receive (message) {
    if (message.type === 'error') return this.#fail(`failed: ${message.reason}`)
    const waiting = this.#waiting.get(message.type)
    if (waiting) waiting.resolve(message)
    else this.#onMessage(message)
  }

  /** The first failure is the one to tell; what follows comes of it. */
  #fail (what) {
    this.#failure ??= new UserError(`the ${this.#label} ${what}`)
    for (const { reject } of this.#waiting.values()) reject(this.#failure)
  }

  #reason (code, signal) {
    const lines = this.#stderr.split('\n').map((line) => line.trim()).filter(Boolean)
    const told = lines.find((line) => /^(fatal )?\w*error\b.*: /i.test(line)) ?? lines.at(-1)
    const how = signal ?? `exit code ${code}`
    return told ? `${how}: ${told}` : how
  }
}

/**
 * Runs the child's side: each message goes to the handler of its type, and what that returns goes back.
 * @param {Record<string, (message: any) => any>} handlers
 */
function serve (handlers) {
  process.on('message', async (message) => {
    try {
      const reply = await handlers[message.type](message)
      if (reply) tell(reply)
    } catch (error) {
      fail(error)
    }
  })
  process.on('uncaughtException', fail)
  // Ctrl-C reaches the whole group; main decides, and ends its children. Without main there is nothing left to do.
  process.on('SIGINT', () => {})
  process.on('disconnect', () => process.exit())
}

function tell (message) {
  if (process.connected) process.send(message, () => {})
}

function fail (error) {
  const reason = String(error?.message ?? error).split('\n')[0]
  process.send({ type: 'error', reason }, () => process.exit(1))
}

module.exports = { Child, serve, tell }
