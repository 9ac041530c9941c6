'use strict'

const { released } = require('../errors')
const { slotOf } = require('./slot')

const DISPOSE = Symbol.dispose ?? Symbol.for('nodejs.dispose')

/** A Buffer for a time, which ends once. */
class Lease {
  #pool
  #buffer
  #slot
  #turn
  #size

  /** @param {any} pool @param {Buffer} buffer */
  constructor (pool, buffer) {
    this.#pool = pool
    this.#buffer = buffer
    this.#slot = slotOf(buffer)
    this.#turn = this.#slot.turns
    this.#size = this.#slot.length
  }

  get size () { return this.#size }

  get released () {
    return this.#buffer === undefined || this.#slot.turns !== this.#turn || this.#slot.lender === undefined
  }

  get buffer () {
    if (this.released) throw released(this.#pool.name)
    return this.#buffer
  }

  release (usedBytes = undefined) {
    // Not that of somebody who has got the same chunk meanwhile.
    if (this.released) throw released(this.#pool.name)
    this.#pool.release(this.#buffer, usedBytes)
    this.#buffer = undefined
  }

  [DISPOSE] () {
    if (!this.released && !this.#pool.closed) this.release()
    this.#buffer = undefined
  }
}

module.exports = { DISPOSE, Lease }
