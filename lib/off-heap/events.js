'use strict'

// What native code has to tell later: a claim that is over, a file that is written. Each thing that is waited for has a
// ticket.

const native = require('../native')

const CLAIM_OVER = 0
const PROGRESS = 1
const DONE = 2
const FAILED = 3

/** @typedef {(type: number, a: number, b: number, text: string) => void} Tell */

// Of the addon, not of this file: a test runner may load this file many times, but the addon once for each thread.
const WAITING = Symbol.for('heapwise.waiting')
/** @type {Map<number, { tell: Tell, owner: object }>} */
const waiting = native[WAITING] ??= new Map()

// The same whatever fake timers are put in place later.
const { setInterval, clearInterval } = globalThis
const LONG = 2 ** 30

let listening = false
let alive

// A thread does not end while somebody waits in it.
const keepAlive = () => {
  if (waiting.size > 0) {
    alive ??= setInterval(() => {}, LONG)
  } else {
    clearInterval(alive)
    alive = undefined
  }
}

const dispatch = () => {
  const events = native.offheapEvents()
  for (let i = 0; i < events.length; i += 5) {
    const ticket = events[i]
    const type = events[i + 1]
    const entry = waiting.get(ticket)
    // Somebody may have given it up.
    if (entry === undefined) continue
    if (type !== PROGRESS) forget(ticket)
    entry.tell(type, events[i + 2], events[i + 3], events[i + 4])
  }
}

/** To be called before anything is started that ends with an event. */
const listen = () => {
  if (listening) return
  native.offheapListen(dispatch)
  listening = true
  // Whom the listener before this one has not heard rings no more.
  dispatch()
}

/**
 * Has `tell`, which must not throw, called with the events of a ticket. The last one is any but PROGRESS. Until then
 * `owner` is not collected.
 *
 * @param {Tell} tell
 */
const expect = (ticket, owner, tell) => {
  waiting.set(ticket, { tell, owner })
  keepAlive()
}

const forget = ticket => {
  waiting.delete(ticket)
  keepAlive()
}

module.exports = { listen, expect, forget, CLAIM_OVER, PROGRESS, DONE, FAILED }
