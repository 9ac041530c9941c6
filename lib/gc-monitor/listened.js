'use strict'

// An EventEmitter that knows when somebody begins or ends to listen, and whose listeners cannot hurt each other.

const { EventEmitter } = require('node:events')

const { queueMicrotask } = globalThis
const { listenerCount, rawListeners } = EventEmitter.prototype

const MIND = Symbol('mind')

/** Thrown where nobody stands on the stack: an uncaught exception, as of a listener of an EventTarget. */
const throwLater = error => queueMicrotask(() => {
  throw error
})

class Listened extends EventEmitter {
  /** Set by a subclass: called after listeners have come or gone. */
  [MIND] () {}

  on (name, listener) {
    super.on(name, listener)
    this[MIND]()
    return this
  }

  addListener (name, listener) {
    return this.on(name, listener)
  }

  prependListener (name, listener) {
    super.prependListener(name, listener)
    this[MIND]()
    return this
  }

  removeListener (name, listener) {
    super.removeListener(name, listener)
    this[MIND]()
    return this
  }

  off (name, listener) {
    return this.removeListener(name, listener)
  }

  removeAllListeners (...name) {
    super.removeAllListeners(...name)
    this[MIND]()
    return this
  }
}

const listens = (emitter, name) => Reflect.apply(listenerCount, emitter, [name]) > 0

// Those that are being called, outermost first.
const active = []

/**
 * Calls every listener, whatever the others do. What one throws goes to `fail`. One that is being called is left out:
 * it has ended the process, and would do so again before others are told.
 */
const tell = (emitter, name, value, fail = throwLater) => {
  for (const listener of Reflect.apply(rawListeners, emitter, [name])) {
    if (active.includes(listener)) continue
    active.push(listener)
    try {
      Reflect.apply(listener, emitter, [value])
    } catch (error) {
      fail(error)
    } finally {
      active.pop()
    }
  }
}

module.exports = { Listened, MIND, listens, tell }
