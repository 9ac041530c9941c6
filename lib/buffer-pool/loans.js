'use strict'

// What a stream lends of a pool, and to whom.

const { isDoneByCallback, isGone, kindOf } = require('./destinations')

/** @typedef {import('../buffer-pool').BufferPool} BufferPool */

/**
 * Releases `memory`, of which at most the first `used` bytes were written.
 *
 * @param {BufferPool} pool
 * @param {Buffer} memory
 * @param {number} used
 */
const giveBack = (pool, memory, used) => {
  // What a pool lent before it was closed is nobody's. What has been transferred has no bytes.
  if (!pool.closed) pool.release(memory, used < memory.length ? used : undefined)
}

/** A chunk in the hands of consumers. It is released when the last of them is done with it. */
class Loan {
  #pool
  #memory
  #length
  #uses = 1
  #kept = false

  /**
   * @param {BufferPool} pool
   * @param {Buffer} chunk what the consumers see
   * @param {Buffer} memory the pool's own Buffer
   */
  constructor (pool, chunk, memory) {
    this.chunk = chunk
    /** How many destinations that will say when they are done have been given it. */
    this.writes = 0
    this.#pool = pool
    this.#memory = memory
    this.#length = chunk.length
  }

  /** One more needs it, until what is returned is called. */
  hold () {
    this.#uses += 1
    return () => this.end()
  }

  /** Whoever keeps it says nothing: it comes back when it is collected. */
  keep () {
    this.#kept = true
  }

  end () {
    this.#uses -= 1
    if (this.#uses === 0 && !this.#kept) giveBack(this.#pool, this.#memory, this.#length)
  }
}

/** A destination of pipe(). */
class Outlet {
  #dest
  #kind
  #trusts
  #current
  /**
   * What ends the loans that the destination has not ended. If it fails, it may never do that: then its 'close' does.
   * At most a compressor still reads the chunk then, and what it makes of it goes nowhere.
   *
   * @type {Set<() => void>}
   */
  #open = new Set()
  #closed = () => {
    for (const end of this.#open) end()
    this.#open.clear()
  }

  /**
   * @param {any} dest
   * @param {boolean} trusts whether any destination is taken to be done when its callback comes
   * @param {() => Loan | undefined} current the loan that is being given out
   */
  constructor (dest, trusts, current) {
    this.#dest = dest
    this.#kind = kindOf(dest)
    this.#trusts = trusts
    this.#current = current
    /** What pipe() is to see: the destination, but its write() tells when a chunk is done with. */
    this.tap = new Proxy(dest, {
      get: (target, key) => {
        if (key === 'write') return this.#write
        const value = Reflect.get(target, key)
        return typeof value === 'function' ? value.bind(target) : value
      }
    })
  }

  /** Whether it will say when it is done with a chunk. */
  get tells () {
    return this.#trusts || isDoneByCallback(this.#dest, this.#kind)
  }

  #write = chunk => {
    const dest = this.#dest
    const loan = this.#current()
    if (loan === undefined || loan.chunk !== chunk || !this.tells) return dest.write(chunk)
    loan.writes += 1
    // It takes nothing any more, and some of Node's do not even answer.
    if (isGone(dest)) return dest.write(chunk)
    const end = loan.hold()
    if (this.#open.size === 0) dest.once('close', this.#closed)
    this.#open.add(end)
    return dest.write(chunk, () => this.#answered(end))
  }

  #answered (end) {
    if (!this.#open.delete(end)) return
    end()
    if (this.#open.size === 0) this.#dest.removeListener('close', this.#closed)
  }
}

module.exports = { Loan, Outlet, giveBack }
