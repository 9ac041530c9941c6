'use strict'

// What a pool knows of a chunk, and how a Buffer leads to it.
//
// A Buffer carries its slot in a private field that is put on it from outside: nobody can see, copy or forge it, and it
// stays what it is for `deepStrictEqual`, `inspect` and `structuredClone`. While a chunk is lent, only its Buffer leads
// to the slot: if the Buffer is dropped, both are collected with it.

/** One chunk in the hands of JavaScript. */
class Slot {
  /**
   * @param {object} owner
   * @param {any} kind
   * @param {number} id
   * @param {ArrayBuffer | undefined} memory
   */
  constructor (owner, kind, id, memory) {
    /** What stands for the pool, until that is closed. */
    this.owner = owner
    // Who takes it back while it is lent: `owner`, or `owner.odd` if there is more to do then.
    /** @type {object | undefined} */
    this.lender = undefined
    this.kind = kind
    /** What native code calls the chunk; -1: memory that no pool has. */
    this.id = id
    this.memory = memory
    /** The Buffer that is lent, or was lent last. @type {Buffer | undefined} */
    this.buffer = undefined
    /** How many bytes that has, whatever it says of itself. */
    this.length = 0
    /** All bytes of the chunk, once they are needed. @type {Buffer | undefined} */
    this.whole = undefined
    /** How often it was lent. */
    this.turns = 0
    /** No byte behind the first so many can be other than zero while it is free. */
    this.dirty = 0
    /** Whether the place that acquired it is kept. */
    this.traced = false
    /** Where it was released, after which turn, if that is kept. @type {{ turn: number, place: string } | undefined} */
    this.freed = undefined
  }

  /** Where it was released the last time, if that is kept. */
  get place () {
    return this.freed?.turn === this.turns ? this.freed.place : undefined
  }
}

class Returned {
  constructor (object) {
    return object // eslint-disable-line no-constructor-return
  }
}

class Stamp extends Returned {
  #slot

  /** @param {Buffer} buffer @param {Slot} slot */
  constructor (buffer, slot) {
    super(buffer)
    this.#slot = slot
  }

  /** @returns {Slot | undefined} */
  static of (value) {
    try {
      return value.#slot
    } catch {
      return undefined
    }
  }
}

/** Lets `buffer`, which no slot has been put on before, lead to `slot`. */
const stamp = (buffer, slot) => {
  new Stamp(buffer, slot)
}

/** The slot that `value` leads to, if it is a Buffer with one. */
const slotOf = Stamp.of

module.exports = { Slot, slotOf, stamp }
