'use strict'

// Where the chunks of a pool come from: native memory, wrapped once a chunk; or, where a runtime refuses ArrayBuffers
// over memory that is not its own (Electron), ArrayBuffers that it makes itself.
//
// Both do the same: `take` a chunk of a class, `retire` one for good, `fence` one so that stale views see nothing.
// A chunk that is neither free nor lent any more because its Buffer was dropped is `lost`; it comes back by itself.

const native = require('../native')
const { invalidUse, outOfMemory } = require('../errors')
const events = require('./events')
const { canTransfer, move } = require('./move')

const {
  poolClose, poolMoved, poolOpen, poolPoison, poolRetire, poolStats, poolTake, poolTrim, poolVerify, poolWatch,
  poolWipe
} = native

/** What `take` answers instead of an ArrayBuffer. */
const FULL = 0
const NO_MEMORY = 1
const REFUSED = 2

const POISON = 0xdb

const { fill } = Uint8Array.prototype

// Node 20 has no transfer(). Native code detaches what it has made there, and nobody can forbid it.
const handOver = canTransfer ? move : memory => memory

// What poolStats writes.
const NUMBERS = 6

class NativeMemory {
  #handle
  #id = new Float64Array(1)
  #closed = false
  #numbers

  constructor ({ poolSize, maxBytes, secure, sizes }) {
    this.#handle = poolOpen(Float64Array.of(poolSize, maxBytes, secure ? 1 : 0), Uint32Array.from(sizes))
    if (this.#handle === 0) throw outOfMemory(NaN, 'a pool')
    this.#numbers = new Float64Array(NUMBERS)
  }

  get kind () { return 'native' }
  get handle () { return this.#handle }
  /** That of the chunk that was taken last. */
  get id () { return this.#id[0] }

  take (kind) {
    const memory = poolTake(this.#handle, kind.index, this.#id)
    if (typeof memory !== 'number') return this.#adopt(memory)
    // Whoever makes room has to know what is lost.
    if (memory === FULL) events.dispatch()
    return memory
  }

  /** Native code holds the ArrayBuffer of a chunk until its slot has been collected. */
  watch (slot) {
    poolWatch(slot.id, slot)
  }

  // Node must not know what a user gets: what somebody has marked as untransferable it could not detach at the end, and
  // would end the process (24.16 and later).
  #adopt (memory) {
    const moved = canTransfer ? move(memory) : undefined
    if (moved === undefined) return memory
    poolMoved(this.#handle, this.id, moved)
    return moved
  }

  /** `purge`: its pages are of no use soon. False: it has been told as lost, since its memory was taken. */
  retire (slot, purge) {
    const done = poolRetire(this.#handle, slot.id, handOver(slot.memory), purge ? 1 : 0)
    if (!done) events.dispatch()
    return done
  }

  /** Leaves stale views without bytes. False: it cannot be done, and nothing has changed. */
  fence (slot) {
    const moved = canTransfer ? move(slot.memory) : undefined
    if (moved === undefined) return false
    slot.memory = moved
    return poolMoved(this.#handle, slot.id, moved)
  }

  poison (slot) {
    poolPoison(this.#handle, slot.id)
  }

  /** Where the poison has been written over, or -1. */
  verify (slot) {
    return poolVerify(this.#handle, slot.id)
  }

  /** Makes all zero in a way that no compiler leaves out. False: something was written beside the chunk. */
  wipe (slot) {
    return poolWipe(this.#handle, slot.id)
  }

  trim () {
    return poolTrim(this.#handle)
  }

  stats () {
    const numbers = this.#numbers
    if (!this.#closed) {
      events.dispatch()
      poolStats(this.#handle, numbers)
    }
    const [mapped, committed, pinned, locked, guarded, kept] = numbers
    return { mapped, committed, pinned, secure: { locked, guarded: guarded === 1, dumpExcluded: kept === 1 } }
  }

  close () {
    // What it had at last can still be asked for.
    this.stats()
    this.#closed = true
    poolClose(this.#handle)
  }
}

// ArrayBuffers of the runtime's own. What is not lost need not be looked after.
const dropped = new FinalizationRegistry(({ memory, id, index, size }) => {
  const source = memory.deref()
  if (source !== undefined) source.lose(id, index, size)
})

class OwnMemory {
  #most
  #out = 0
  #next = 0
  #self = new WeakRef(this)
  #tell

  constructor ({ maxBytes }, tell) {
    this.#most = maxBytes
    this.#tell = tell
  }

  get kind () { return 'js' }
  get id () { return this.#next }

  take (kind) {
    if (this.#out + kind.size > this.#most) return FULL
    let memory
    try {
      memory = new ArrayBuffer(kind.size)
    } catch {
      return NO_MEMORY
    }
    this.#out += kind.size
    this.#next += 1
    this.#watch(memory, this.#next, kind)
    return memory
  }

  watch () {}

  #watch (memory, id, { index, size }) {
    dropped.register(memory, { memory: this.#self, id, index, size }, memory)
  }

  lose (id, index, size) {
    this.#out -= size
    this.#tell(id, index)
  }

  retire (slot) {
    dropped.unregister(slot.memory)
    this.#out -= slot.kind.size
    // Stale views lose it as well.
    move(slot.memory)
    return true
  }

  fence (slot) {
    const moved = move(slot.memory)
    if (moved === undefined) return false
    dropped.unregister(slot.memory)
    slot.memory = moved
    this.#watch(moved, slot.id, slot.kind)
    return true
  }

  poison (slot) {
    fill.call(new Uint8Array(slot.memory), POISON)
  }

  verify (slot) {
    return new Uint8Array(slot.memory).findIndex(byte => byte !== POISON)
  }

  wipe (slot) {
    fill.call(new Uint8Array(slot.memory), 0)
    return true
  }

  trim () {
    return 0
  }

  stats () {
    return { mapped: this.#out, committed: this.#out, pinned: 0, secure: null }
  }

  close () {}
}

const refusesSecure = () =>
  invalidUse('a secure pool needs ArrayBuffers over native memory, which this runtime refuses')

/**
 * Memory for a pool. `tell` hears the number and the class of each chunk that was lost.
 *
 * @param {any} options
 * @param {(id: number, index: number) => void} tell
 */
const openMemory = (options, tell) => {
  if (options.own === true || process.env.HEAPWISE_POOL_MEMORY === 'js') {
    if (options.secure) throw refusesSecure()
    return new OwnMemory(options, tell)
  }
  events.listen()
  return new NativeMemory(options)
}

module.exports = { FULL, NO_MEMORY, REFUSED, openMemory }
