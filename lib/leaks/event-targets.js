'use strict'

// Listeners on event targets, AbortSignals above all: what is added, and how many there are.

const { getEventListeners } = require('node:events')
const { Patch } = require('./watch-patch')

const { apply } = Reflect

const NAME = 'addEventListener'

/** A list of the listeners of `target` for `type`. */
const listOf = (target, type) => {
  try {
    // One that is held weakly may be gone.
    return getEventListeners(target, type).filter(listener => Object(listener) === listener)
  } catch {
    return []
  }
}

const isEvents = symbol => symbol.description === 'kEvents'

const sizeBy = (symbol, target, type) => target[symbol]?.get(type)?.size ?? 0

/** The symbol that Node's targets keep their listeners under, if it is as it has been since Node 15. */
const findSymbol = () => {
  try {
    const target = new EventTarget()
    const [one, other] = [() => {}, () => {}]
    target.addEventListener('probe', one)
    target.addEventListener('probe', other)
    const symbol = Object.getOwnPropertySymbols(target).find(isEvents)
    if (sizeBy(symbol, target, 'probe') !== 2) return undefined
    target.removeEventListener('probe', one)
    return sizeBy(symbol, target, 'probe') === 1 ? symbol : undefined
  } catch {
    return undefined
  }
}

// Where the number cannot be read, they are listed once in so many additions.
const SELDOM = 8

const counter = () => {
  const symbol = findSymbol()
  if (symbol !== undefined) {
    return (target, type) => {
      try {
        return sizeBy(symbol, target, type)
      } catch {
        return 0
      }
    }
  }
  const added = new WeakMap()
  return (target, type) => {
    const times = (added.get(target) ?? 0) + 1
    added.set(target, times)
    return times % SELDOM === 0 ? listOf(target, type).length : 0
  }
}

/** From `least` listeners on, `added` is called with target, type, listener, count and the replacement. */
const patchOf = (added, least) => {
  let sizeOf
  return new Patch(() => [{ object: EventTarget.prototype, name: NAME }], (original, state) => {
    sizeOf ??= counter()
    const wrapper = {
      [NAME] (...args) {
        const result = apply(original, this, args)
        if (state.active) {
          const count = sizeOf(this, args[0])
          if (count >= least) added(this, args[0], args[1], count, wrapper)
        }
        return result
      }
    }[NAME]
    return wrapper
  })
}

module.exports = { listOf, patchOf }
