'use strict'

// Listeners on emitters: what is added, and how many there are.

const { EventEmitter } = require('node:events')
const { Patch } = require('./watch-patch')

const { apply } = Reflect

const NAMES = ['on', 'addListener', 'prependListener']

/** How many listeners `emitter` has for `type`; 0 for one and for none, which nobody needs to tell apart. */
const sizeOf = (emitter, type) => {
  // It may be a Proxy, or have getters that throw.
  try {
    const list = emitter._events[type]
    return typeof list === 'function' ? 0 : list.length
  } catch {
    return 0
  }
}

/** A list of them. */
const listOf = (emitter, type) => {
  try {
    const list = emitter._events?.[type]
    if (Array.isArray(list)) return list
    return list === undefined ? [] : [list]
  } catch {
    return []
  }
}

/**
 * `once` and the others come through these. From `least` listeners on, `added` is called with emitter, type, listener,
 * count and the replacement.
 */
const patchOf = (added, least) => new Patch(() => NAMES.map(name => ({ object: EventEmitter.prototype, name })),
  (original, state) => {
    const wrapper = {
      on (...args) {
        const result = apply(original, this, args)
        if (state.active) {
          const count = sizeOf(this, args[0])
          if (count >= least) added(this, args[0], args[1], count, wrapper)
        }
        return result
      }
    }.on
    return wrapper
  })

module.exports = { listOf, patchOf }
