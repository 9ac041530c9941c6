'use strict'

// What native code has to tell later: a claim that is over, a file that is written. One listener for the environment;
// each thing that is waited for has a ticket.

const native = require('../native')

const CLAIM_OVER = 0
const PROGRESS = 1
const DONE = 2
const FAILED = 3

/** @typedef {(type: number, a: number, b: number, text: string) => void} Tell */
/** @type {Map<number, { tell: Tell, owner: object }>} */
const waiting = new Map()
let listening = false

const dispatch = () => {
  for (const [ticket, type, a, b, text] of native.offheapEvents()) {
    const entry = waiting.get(ticket)
    // Somebody may have given it up.
    if (entry === undefined) continue
    if (type !== PROGRESS) waiting.delete(ticket)
    entry.tell(type, a, b, text)
  }
}

/** To be called before anything is started that ends with an event. */
const listen = () => {
  if (listening) return
  native.offheapListen(dispatch)
  listening = true
}

/**
 * Has `tell`, which must not throw, called with the events of a ticket. The last one is any but PROGRESS. Until then
 * `owner` is not collected.
 *
 * @param {Tell} tell
 */
const expect = (ticket, owner, tell) => {
  waiting.set(ticket, { tell, owner })
}

const forget = ticket => {
  waiting.delete(ticket)
}

module.exports = { listen, expect, forget, CLAIM_OVER, PROGRESS, DONE, FAILED }
