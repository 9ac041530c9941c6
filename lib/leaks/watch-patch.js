'use strict'

// Functions of Node that are replaced while somebody watches.
//
// They are put on once, whoever watches, and taken off with the last. If somebody else has put his own on top
// meanwhile, ours stays under it and passes everything through: to take it out would break his.

const { defineProperty, getOwnPropertyDescriptor } = Object

// Of each replacement: { active, original }.
const marks = new WeakMap()

/** What is under replacements of ours that only pass through. */
const beneath = fn => {
  let mark = marks.get(fn)
  while (mark !== undefined && !mark.active) {
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

class Patch {
  #points
  #make
  #after
  #users = 0
  #put = []

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
    if (this.#users === 1) this.#putOn(this.#points())
  }

  off () {
    this.#users -= 1
    if (this.#users === 0) this.#takeOff()
  }

  /** Puts it on again where somebody has put back what was there before. */
  renew () {
    const lost = this.#put.filter(({ object, name, wrapper, original }) => {
      const value = functionAt(object, name)?.value
      return value !== undefined && value !== wrapper && (value === original || beneath(value) === original)
    })
    if (lost.length === 0) return
    this.#put = this.#put.filter(each => !lost.includes(each))
    this.#putOn(lost)
  }

  #putOn (points) {
    const wrappers = new Map()
    for (const { object, name } of points) {
      const descriptor = functionAt(object, name)
      if (descriptor === undefined) continue
      const original = beneath(descriptor.value)
      // What was one function under two names still is.
      let wrapper = wrappers.get(original)
      if (wrapper === undefined) {
        const state = { active: true, original }
        wrapper = this.#make(original, state)
        disguise(wrapper, original)
        marks.set(wrapper, state)
        wrappers.set(original, wrapper)
      }
      defineProperty(object, name, { ...descriptor, value: wrapper })
      this.#put.push({ object, name, wrapper, original })
    }
    this.#after()
  }

  #takeOff () {
    const put = this.#put
    this.#put = []
    for (const { wrapper } of put) marks.get(wrapper).active = false
    for (const { object, name, wrapper, original } of put) {
      const descriptor = functionAt(object, name)
      if (descriptor?.value === wrapper) defineProperty(object, name, { ...descriptor, value: beneath(original) })
    }
    this.#after()
  }
}

module.exports = { Patch }
