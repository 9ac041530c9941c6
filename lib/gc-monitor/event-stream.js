'use strict'

// Events for `for await`: a queue with a bound, of which the oldest go first.

const DONE = Object.freeze({ value: undefined, done: true })

class EventStream {
  /** Events that were dropped because nobody fetched them in time. */
  dropped = 0
  #queue = []
  #waiting = []
  #most
  #ended = false
  #onEnd

  /**
   * @param {number} most events that wait to be fetched
   * @param {(stream: EventStream) => void} onEnd
   */
  constructor (most, onEnd) {
    this.#most = most
    this.#onEnd = onEnd
  }

  [Symbol.asyncIterator] () { return this }

  next () {
    if (this.#queue.length > 0) return Promise.resolve({ value: this.#queue.shift(), done: false })
    if (this.#ended) return Promise.resolve(DONE)
    return new Promise(resolve => this.#waiting.push(resolve))
  }

  return (value = undefined) {
    this.#queue = []
    this.#end()
    return Promise.resolve({ value, done: true })
  }

  throw (error) {
    this.#queue = []
    this.#end()
    return Promise.reject(error)
  }

  /** For the monitor, by name: not to be seen by a user. */
  static push (stream, event) { stream.#push(event) }

  static end (stream) { stream.#end() }

  #push (event) {
    if (this.#ended) return
    const waiting = this.#waiting.shift()
    if (waiting !== undefined) {
      waiting({ value: event, done: false })
      return
    }
    if (this.#queue.length >= this.#most) {
      this.#queue.shift()
      this.dropped += 1
    }
    this.#queue.push(event)
  }

  /** What waits to be fetched can still be fetched. */
  #end () {
    if (this.#ended) return
    this.#ended = true
    this.#onEnd(this)
    for (const waiting of this.#waiting.splice(0)) waiting(DONE)
  }
}

module.exports = { EventStream }
