'use strict'

// A file, read into chunks of a pool.
//
// Who recycles a chunk, and when, is the option `recycle`:
//
// true     The stream, and only where nobody can have kept the chunk: a destination of pipe() or pipeline() that Node
//          itself made and that is done with a chunk when the callback of its write comes; text, after setEncoding().
//          Whoever else asks (a 'data' listener, `for await`, a PassThrough) gets memory of its own, as from
//          fs.createReadStream: it may keep it, has nothing to release, and the pool has nothing to do with it. A loop
//          that does `list.push(chunk)` or `socket.write(chunk)` without waiting looks like one that is done with the
//          chunk, so no chunk of the pool is given to either.
// 'always' The stream, as soon as the consumer has had its turn: when the 'data' listeners have returned and the
//          callbacks of all destinations have come; when the next chunk is read; when a loop asks for the next or ends.
//          For consumers that are done with a chunk by then: one that keeps it sees other bytes in it later.
// false    The consumer. Each chunk is a Buffer of the pool's, of exact length, to be given to `pool.release`.
//
// A chunk that was not given out is released when the stream is destroyed. One that was cut by read(n) or unshift()
// comes back when it is collected.

const { Readable, addAbortSignal } = require('node:stream')
const { invalidUse, poolClosed } = require('../errors')
const loans = require('./loans')
const { giveBack } = loans
const { checkPath, readOptions } = require('./read-options')
const { fileOf, openFile } = require('./read-source')

const { allocUnsafeSlow } = Buffer

/** In memory that is nobody else's. */
const copyOf = bytes => {
  const copy = allocUnsafeSlow(bytes.length)
  copy.set(bytes)
  return copy
}

/**
 * @typedef {import('../buffer-pool').BufferPool} BufferPool
 * @typedef {InstanceType<typeof loans.Loan>} Loan
 * @typedef {InstanceType<typeof loans.Outlet>} Outlet
 */

class PoolReadStream extends Readable {
  #pool
  #options
  /** @type {ReturnType<typeof fileOf> | undefined} */
  #file
  /** null: where the file stands. @type {number | null} */
  #position
  /** Bytes up to the last that is wanted. */
  #left
  /** Between a call of _read() and its push(). */
  #busy = false
  #whenIdle = () => {}
  /** Ends the wait for memory. */
  #stop = new AbortController()
  /** What was pushed and not yet given out, in order, with the pool's Buffer of each. @type {Map<Buffer, Buffer>} */
  #queued = new Map()
  #queuedBytes = 0
  /** What is being given out. @type {Loan | undefined} */
  #loan
  /** What read() gave last. @type {Loan | undefined} */
  #turn
  /** @type {Map<any, Outlet>} */
  #outlets = new Map()

  /** @param {BufferPool} pool */
  constructor (pool, path, options) {
    super({ highWaterMark: options.chunkSize })
    this.#pool = pool
    this.#options = options
    this.#position = options.start ?? null
    this.#left = options.end - (options.start ?? 0) + 1
    this.path = path
    this.bytesRead = 0
    if (options.signal !== undefined) addAbortSignal(options.signal, this)
  }

  // ---- reading

  _construct (callback) {
    const { fd } = this.#options
    if (fd !== undefined) {
      this.#file = fileOf(fd)
      callback()
      return
    }
    try {
      openFile(this.path, (error, file) => {
        this.#file = file
        callback(error)
        if (error || this.destroyed) return
        this.emit('open', file?.fd)
        this.emit('ready')
      })
    } catch (error) {
      callback(error)
    }
  }

  _read () {
    const size = Math.min(this.#options.chunkSize, this.#left)
    if (size <= 0) {
      this.push(null)
      return
    }
    this.#busy = true
    if (this.#lends()) {
      this.#pool.acquireAsync(size, { signal: this.#stop.signal }).then(
        memory => this.#fill(memory, true),
        error => this.#fail(error)
      )
    } else if (this.#pool.closed) {
      this.#fail(poolClosed(this.#pool.name))
    } else if (this.#options.secure) {
      this.#fail(invalidUse("a secure pool gives no memory that is not secure: option 'recycle' must be false or " +
        "'always' for a consumer that does not tell when it is done with a chunk"))
    } else {
      this.#fill(allocUnsafeSlow(size), false)
    }
  }

  /** Whether what is read now is to be the pool's. */
  #lends () {
    if (this.#options.recycle !== true || this.readableEncoding !== null) return true
    const outlets = this.#outlets
    if (outlets.size === 0 || this.listenerCount('data') !== outlets.size) return false
    return this.listenerCount('readable') === 0 && [...outlets.values()].every(outlet => outlet.tells)
  }

  #fill (memory, lent) {
    if (this.destroyed) {
      this.#end(memory, lent, 0)
      return
    }
    try {
      this.#file?.read(memory, this.#position, (error, count = 0) => {
        if (error) this.#drop(memory, lent, error)
        else if (count === 0 || this.destroyed) this.#end(memory, lent, count)
        else this.#filled(memory, lent, count)
      })
    } catch (error) {
      this.#drop(memory, lent, error)
    }
  }

  #drop (memory, lent, error) {
    // Who knows what was written before it failed.
    if (lent) giveBack(this.#pool, memory, memory.length)
    this.#fail(error)
  }

  #end (memory, lent, used) {
    if (lent) giveBack(this.#pool, memory, used)
    this.#pass(null)
  }

  #fail (error) {
    this.#idle()
    this.destroy(error)
  }

  #idle () {
    this.#busy = false
    this.#whenIdle()
  }

  #filled (memory, lent, count) {
    this.bytesRead += count
    this.#left -= count
    if (this.#position !== null) this.#position += count
    const chunk = memory.subarray(0, count)
    if (this.readableEncoding !== null) {
      this.#passText(chunk, lent ? memory : undefined)
    } else if (!lent) {
      // Little must not keep much alive.
      this.#pass(count === memory.length ? memory : copyOf(chunk))
    } else if (this.#options.recycle !== false) {
      // A view, so that nobody else can release it.
      this.#pass(chunk, memory)
    } else if (count === memory.length) {
      this.#pass(memory, memory)
    } else {
      this.#passExact(memory, count)
    }
  }

  /** Hands `chunk`, which is in `memory` of the pool's if that is given, to Readable. null: the end. */
  #pass (chunk, memory = undefined) {
    if (memory !== undefined) {
      this.#queued.set(chunk, memory)
      this.#queuedBytes += chunk.length
    }
    this.#idle()
    if (!this.destroyed) this.push(chunk)
  }

  /** Readable decodes it at once. */
  #passText (chunk, memory) {
    try {
      this.#pass(chunk)
    } finally {
      if (memory !== undefined) giveBack(this.#pool, memory, chunk.length)
    }
  }

  /** Passes a chunk of the length that was read. */
  #passExact (memory, count) {
    let exact
    try {
      exact = this.#pool.acquire(count)
    } catch (error) {
      if (this.#options.secure) this.#drop(memory, true, error)
      else this.#waitExact(memory, count)
      return
    }
    memory.copy(exact, 0, 0, count)
    giveBack(this.#pool, memory, count)
    this.#pass(exact, exact)
  }

  /** Who holds a chunk while it waits for another may wait for ever. */
  #waitExact (memory, count) {
    const bytes = copyOf(memory.subarray(0, count))
    giveBack(this.#pool, memory, count)
    this.#pool.acquireAsync(count, { signal: this.#stop.signal }).then(
      exact => {
        bytes.copy(exact)
        // Called from the next tick: what listeners throw is not this promise's.
        process.nextTick(() => this.#pass(exact, exact))
      },
      error => this.#fail(error)
    )
  }

  // ---- giving out

  // All that a Readable gives to anybody is emitted as 'data', whether somebody listens or reads.
  emit (name, ...args) {
    if (name !== 'data' || this.#queued.size === 0) return super.emit(name, ...args)
    const [chunk] = args
    const memory = this.#queued.get(chunk)
    if (memory === undefined) {
      this.#reckon(chunk)
      return super.emit(name, chunk)
    }
    this.#queued.delete(chunk)
    this.#queuedBytes -= chunk.length
    return this.#options.recycle === false ? this.#give(chunk, memory) : this.#lend(chunk, memory)
  }

  #give (chunk, memory) {
    const taken = super.emit('data', chunk)
    // resume() without anybody who listens.
    if (!taken && this.readableFlowing) giveBack(this.#pool, memory, chunk.length)
    return taken
  }

  #lend (chunk, memory) {
    const { recycle } = this.#options
    const outer = this.#loan
    const loan = this.#loan = new loans.Loan(this.#pool, chunk, memory)
    const listeners = this.listenerCount('data')
    if (this.readableFlowing !== true) {
      loan.hold()
      this.#turn = loan
    }
    try {
      return super.emit('data', chunk)
    } finally {
      this.#loan = outer
      if (recycle === true && (this.#turn === loan || loan.writes !== listeners)) loan.keep()
      loan.end()
    }
  }

  #endTurn () {
    this.#turn?.end()
    this.#turn = undefined
  }

  /** What was given out is a part of a chunk, or a copy of more than one. */
  #reckon (given) {
    for (const chunk of this.#queued.keys()) {
      if (chunk.buffer === given.buffer) this.#unqueue(chunk)
    }
    // The rest are in the stream's buffer, the newest last. Those that are not any more were copied.
    let behind = this.#queuedBytes
    for (const [chunk, memory] of this.#queued) {
      behind -= chunk.length
      if (behind < this.readableLength) return
      this.#unqueue(chunk)
      giveBack(this.#pool, memory, chunk.length)
    }
  }

  #unqueue (chunk) {
    this.#queued.delete(chunk)
    this.#queuedBytes -= chunk.length
  }

  #releaseQueued () {
    for (const [chunk, memory] of this.#queued) {
      this.#unqueue(chunk)
      giveBack(this.#pool, memory, chunk.length)
    }
  }

  read (n = undefined) {
    if (n !== 0) this.#endTurn()
    // Of what is still there nothing is given out any more: it has been released.
    if (this.destroyed) return null
    if (n === undefined && this.#queued.size > 1 && this.#queuedBytes === this.readableLength) {
      // One chunk after the other, not a copy of all that are there.
      const [first] = this.#queued.keys()
      return super.read(first.length)
    }
    return super.read(n)
  }

  [Symbol.asyncIterator] () {
    return this.#walk(super[Symbol.asyncIterator]())
  }

  iterator (options = undefined) {
    return this.#walk(super.iterator(options))
  }

  #walk (chunks) {
    return this.#options.recycle === 'always' ? this.#takeTurns(chunks) : chunks
  }

  async * #takeTurns (chunks) {
    try {
      yield * chunks
    } finally {
      // No read() comes after the last chunk, nor after a break.
      this.#endTurn()
    }
  }

  setEncoding (encoding) {
    super.setEncoding(encoding)
    // All is text now.
    this.#releaseQueued()
    return this
  }

  unshift (chunk, encoding = undefined) {
    // A part of what was lent comes again.
    for (const loan of [this.#loan, this.#turn]) {
      if (loan !== undefined && loan.chunk.buffer === chunk?.buffer) loan.keep()
    }
    return super.unshift(chunk, encoding)
  }

  pipe (dest, options = undefined) {
    const { recycle } = this.#options
    if (recycle === false || this.#outlets.has(dest)) return super.pipe(dest, options)
    const outlet = new loans.Outlet(dest, recycle === 'always', () => this.#loan)
    this.#outlets.set(dest, outlet)
    const end = options?.end !== false && dest !== process.stdout && dest !== process.stderr
    super.pipe(outlet.tap, { end })
    return dest
  }

  unpipe (dest = undefined) {
    if (dest === undefined || dest === null) {
      this.#outlets.clear()
      return super.unpipe()
    }
    // Node itself calls it with the tap.
    for (const [own, { tap }] of this.#outlets) {
      if (own !== dest && tap !== dest) continue
      this.#outlets.delete(own)
      return super.unpipe(tap)
    }
    return super.unpipe(dest)
  }

  // ---- the end

  _destroy (error, callback) {
    this.#stop.abort()
    const finish = () => {
      this.#whenIdle = () => {}
      // What was given out is not: its consumer may be in the midst of it.
      this.#releaseQueued()
      this.#close(failure => callback(error ?? failure))
    }
    // The operating system may be writing into a chunk.
    if (this.#busy) this.#whenIdle = finish
    else finish()
  }

  #close (done) {
    const file = this.#file
    this.#file = undefined
    if (file === undefined || !this.#options.autoClose) done(null)
    else file.close(done)
  }
}

/**
 * A Readable of the bytes of a file, in chunks of `pool`.
 *
 * @param {any} pool a BufferPool
 * @param {any} path
 * @param {any} options
 * @param {{ most: number, secure: boolean }} limits of the pool
 */
const readStream = (pool, path, options, limits) => {
  const read = readOptions(options, limits)
  if (read.fd === undefined) checkPath(path)
  if (pool.closed) throw poolClosed(pool.name)
  return new PoolReadStream(pool, path, read)
}

module.exports = { readStream }
