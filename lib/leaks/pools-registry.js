'use strict'

// Which pools, and which caches that nothing but time bounds, there are in this thread: `leaks.watch({ pools: true })`
// looks at them. They are held weakly. Whoever makes one enters it; that costs about a microsecond, and nothing later.

class Registry {
  #refs = new Set()
  #ended = new FinalizationRegistry(ref => this.#refs.delete(ref))

  /** @param {object} member */
  add (member) {
    const ref = new WeakRef(member)
    this.#refs.add(ref)
    this.#ended.register(member, ref)
  }

  * [Symbol.iterator] () {
    for (const ref of this.#refs) {
      const member = ref.deref()
      if (member !== undefined) yield member
    }
  }
}

module.exports = { pools: new Registry(), caches: new Registry() }
