'use strict'

// Functions of Node that are replaced while somebody watches.
//
// They are put on once, whoever watches, and taken off with the last. If somebody else has put his own on top
// meanwhile, ours stays under it and passes everything through: to take it out would break his.

const { defineProperty, getOwnPropertyDescriptor } = Object

// Of each replacement: { active, original }.
const marks = new WeakMap()

/** What is under replacements of ours. */
const beneath = fn => {
  let mark = marks.get(fn)
  while (mark !== undefined) {
    fn = mark.original
    mark = marks.get(fn)
  }
  return fn
}

/** Name, length and whatever else is on the original. */
const disguise = (wrapper, original) => {
  for (const key of Reflect.ownKeys(original)) {
    Reflect.defineProperty(wrapper, key, getOwnPropertyDescriptor(original, key))
  }
}

const functionAt = (object, name) => {
  const descriptor = getOwnPropertyDescriptor(object, name)
  if (typeof descriptor?.value !== 'function' || !(descriptor.writable || descriptor.configurable)) return undefined
  return descriptor
}

/**
 * What a replacement does beside the original. It never throws, and what it calls itself is not noted again: users may
 * have patched whatever it uses.
 *
 * @template {unknown[]} Args
 * @param {(...args: Args) => void} note
 * @returns {(...args: Args) => void}
 */
const guarded = note => {
  let busy = false
  return (...args) => {
    if (busy) return
    busy = true
    try {
      note(...args)
    } catch {
      // It is not seen.
    } finally {
      busy = false
    }
  }
}

class Patch {
  #points
  #make
  #after
  #users = 0
  // Of this time that it is on, by original.
  #wrappers = new Map()

  /**
   * @param {() => { object: object, name: string }[]} points where the functions are
   * @param {(original: Function, state: { active: boolean }) => Function} make the replacement of each
   * @param {() => void} [after] is called when something was put on or taken off
   */
  constructor (points, make, after = () => {}) {
    this.#points = points
    this.#make = make
    this.#after = after
  }

  on () {
    this.#users += 1
    if (this.#users === 1) this.#replace(fn => this.#wrapperOf(beneath(fn)))
  }

  off () {
    this.#users -= 1
    if (this.#users > 0) return
    for (const wrapper of this.#wrappers.values()) marks.get(wrapper).active = false
    this.#wrappers.clear()
    // Where ours is on top, what is under it comes back.
    this.#replace(beneath)
  }

  /** Puts it on again where somebody has put back what was there before. */
  renew () {
    this.#replace(fn => this.#wrappers.get(beneath(fn)) ?? fn)
  }

  /** What was one function under two names still is. */
  #wrapperOf (original) {
    let wrapper = this.#wrappers.get(original)
    if (wrapper === undefined) {
      const state = { active: true, original }
      wrapper = this.#make(original, state)
      disguise(wrapper, original)
      marks.set(wrapper, state)
      this.#wrappers.set(original, wrapper)
    }
    return wrapper
  }

  #replace (change) {
    let changed = false
    for (const { object, name } of this.#points()) {
      const descriptor = functionAt(object, name)
      if (descriptor === undefined) continue
      const value = change(descriptor.value)
      if (value === descriptor.value) continue
      defineProperty(object, name, { ...descriptor, value })
      changed = true
    }
    if (changed) this.#after()
  }
}

module.exports = { Patch, guarded }
