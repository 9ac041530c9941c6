'use strict'

// Who waits for memory, first come first served.

// The same whatever fake timers are put in place later.
const { setTimeout, clearTimeout } = globalThis

class Waiters {
  #queue = new Set()
  #serving = false
  #changed

  /** @param {() => void} changed is called when there are more or fewer. */
  constructor (changed) {
    this.#changed = changed
  }

  get size () { return this.#queue.size }

  /**
   * A promise for what `serve` answers, which is asked again whenever there may be memory, until it is not undefined.
   *
   * @param {() => Buffer | undefined} serve
   * @param {{ signal?: AbortSignal, timeout?: number, late: () => Error }} limits
   * @returns {Promise<Buffer>}
   */
  wait (serve, { signal, timeout, late }) {
    return new Promise((resolve, reject) => {
      let timer
      let over = false
      const end = () => {
        over = true
        if (this.#queue.delete(waiter)) this.#changed()
        clearTimeout(timer)
        try {
          signal?.removeEventListener('abort', abort)
        } catch {
          // A stranger's. It is over all the same.
        }
      }
      const give = buffer => {
        end()
        resolve(buffer)
      }
      const fail = error => {
        end()
        reject(error)
      }
      const waiter = { serve, give, fail }
      const abort = () => {
        fail(signal.reason)
        // Whoever is behind may want less.
        this.serve()
      }
      // First what is a stranger's, which may throw, or call back at once.
      signal?.addEventListener('abort', abort, { once: true })
      if (over) return
      this.#queue.add(waiter)
      this.#changed()
      // Whatever it did.
      this.serve()
      if (over) return
      if (timeout !== undefined) {
        timer = setTimeout(() => {
          fail(late())
          this.serve()
        }, timeout)
        timer.unref?.()
      }
    })
  }

  /** Serves those who can be served, without passing anybody over. */
  serve () {
    if (this.#serving) return
    this.#serving = true
    try {
      this.#serveInTurn()
    } finally {
      this.#serving = false
    }
  }

  #serveInTurn () {
    for (const waiter of this.#queue) {
      let buffer
      try {
        buffer = waiter.serve()
      } catch (error) {
        waiter.fail(error)
        continue
      }
      if (buffer === undefined) return
      waiter.give(buffer)
    }
  }

  fail (error) {
    for (const waiter of this.#queue) waiter.fail(error)
  }
}

module.exports = { Waiters }
