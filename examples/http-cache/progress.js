'use strict'

/**
 * Progress on a terminal is one line that keeps changing; elsewhere (a file, a CI log) it is a plain line now and then.
 */
class Progress {
  #stream
  #everyMs
  #shown = performance.now()
  #open = false

  constructor (stream, everyMs = 3000) {
    this.#stream = stream
    this.#everyMs = everyMs
  }

  /** What is going on right now. */
  update (text) {
    if (this.#stream.isTTY) {
      this.#stream.write(`\r\x1b[2K${text.slice(0, (this.#stream.columns || 80) - 1)}`)
      this.#open = true
    } else if (performance.now() - this.#shown >= this.#everyMs) {
      this.#shown = performance.now()
      this.#stream.write(`${text}\n`)
    }
  }

  /** A line that stays. */
  line (text = '') {
    this.clear()
    this.#stream.write(`${text}\n`)
    this.#shown = performance.now()
  }

  clear () {
    if (this.#open) this.#stream.write('\r\x1b[2K')
    this.#open = false
  }
}

module.exports = { Progress }
