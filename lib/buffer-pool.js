'use strict'

// BufferPool: real Buffers of exact length from memory that is recycled.
//
// The way of an acquisition that finds a free chunk is short, and crosses nothing: class of the size, last chunk of its
// list, its Buffer if that has the length that is wanted. What is not as usual (a policy, a Buffer of another length, a
// new chunk) takes the longer way below it.

const events = require('./buffer-pool/events')
const { SizeClass, bucketOf, bucketsOf, classesOf } = require('./buffer-pool/classes')
const { Leaks } = require('./buffer-pool/leaks')
const { lengthOf, plain, viewOf, zero, zeroAll } = require('./buffer-pool/bytes')
const { DISPOSE, Lease } = require('./buffer-pool/lease')
const { FULL, NO_MEMORY, REFUSED, openMemory } = require('./buffer-pool/memory')
const { takeAway } = require('./buffer-pool/move')
const { readOptions } = require('./buffer-pool/options')
const { readStream } = require('./buffer-pool/read-stream')
const shapes = require('./buffer-pool/shapes')
const { Slot, slotOf, stamp } = require('./buffer-pool/slot')
const { readStats } = require('./buffer-pool/stats')
const { abandoned, every, letGo } = require('./buffer-pool/upkeep')
const { Waiters } = require('./buffer-pool/waiters')
const registry = require('./leaks/pools-registry')
const {
  doubleRelease, foreignBuffer, invalidUse, outOfMemory, outOfRange, poolClosed, poolFull, waitedTooLong
} = require('./errors')

const { queueMicrotask } = globalThis

const DEFAULT_READ = 65536

// What makes an acquisition unusual,
const ZERO = 1
const ZERO_ALL = 2
const VERIFY = 4
const QUEUED = 8
// and a release.
const FENCE = 1
const POISON = 2
const WIPE = 4
const RENEW = 8
const SERVE = 16
// The free bytes are counted, since they have a bound of their own.
const TALLY = 32

// A fence is put up for one release in so many, when they are sampled.
const FENCE_EVERY = 128

class BufferPool {
  // The hot ones first.
  #most
  #buckets
  #kinds
  // Stands for the pool in its slots.
  #owner = { odd: {} }
  #unusual = 0
  #unusualEnd = 0
  #zeroes

  #options
  #memory
  #leaks
  #waiters = new Waiters(() => this.#mindWaiters())
  #unpooled = new SizeClass(0, -1)
  #unpooledEnded = 0
  #freeBytes = 0
  #closed = false
  #poisoned = 0
  #fences = 0
  #timer = { id: undefined }
  #reader

  constructor (options = undefined) {
    const read = readOptions(options)
    this.#options = read
    this.#most = read.max
    this.#kinds = classesOf(read.sizes)
    this.#buckets = bucketsOf(this.#kinds)
    this.#leaks = new Leaks(read, BufferPool.prototype.acquire)
    for (const kind of this.#kinds) kind.look = this.#leaks.interval()
    this.#zeroes = read.zeroing === 'on-release' || read.zeroing === 'both'
    this.#setModes(read)
    this.#open(read)
    registry.pools.add(this)
  }

  #setModes ({ zeroing, fence, poison, leakDetection, secure, maxFreeBytes, maxBytes }) {
    const tallied = maxFreeBytes < maxBytes
    // What is poisoned while it is free is zeroed when it is acquired.
    const late = zeroing === 'on-acquire' || (poison && zeroing === 'on-release')
    this.#unusual = (late ? ZERO : 0) | (zeroing === 'both' ? ZERO_ALL : 0) | (poison ? VERIFY : 0) |
      (tallied ? TALLY : 0)
    this.#unusualEnd = (fence === 'off' ? 0 : FENCE) | (poison ? POISON : 0) | (secure ? WIPE : 0) |
      (leakDetection === 'paranoid' ? RENEW : 0) | (tallied ? TALLY : 0)
    this.#fences = fence === 'sampled' ? FENCE_EVERY : 1
  }

  #open (read) {
    const held = new WeakRef(this)
    const tell = (id, index) => {
      const pool = held.deref()
      if (pool !== undefined) pool.#lose(id, index)
    }
    const memory = openMemory(read, tell)
    if (this.#memory !== undefined) this.#shut()
    this.#memory = memory
    if (this.#memory.kind === 'native') events.follow(this.#memory.handle, tell)
    abandoned.register(this, { memory: this.#memory, timer: this.#timer }, this)
  }

  #shut () {
    abandoned.unregister(this)
    letGo({ memory: this.#memory, timer: this.#timer })
  }

  get name () { return this.#options.name }
  get closed () { return this.#closed }

  // ---- lending

  acquire (size, options = undefined) {
    if (options !== undefined || typeof size !== 'number' || (size | 0) !== size || size <= 0 || size > this.#most) {
      return this.#acquireOddly(size, options)
    }
    const kind = this.#kindOf(size)
    if (this.#unusual === 0) {
      const slot = kind.free.pop()
      if (slot !== undefined) {
        const buffer = slot.buffer
        // Of a Buffer whose memory a user has taken away there is no first byte.
        if (slot.length === size && buffer[0] !== undefined) {
          this.#lend(slot, kind, size)
          return buffer
        }
        const renewed = this.#prepare(slot, kind, size, undefined)
        if (renewed !== undefined) {
          this.#lend(slot, kind, size)
          return renewed
        }
      }
    }
    return this.#grant(kind, size, undefined) ?? this.#refuse(size, undefined)
  }

  #kindOf (size) {
    let kind = this.#buckets[bucketOf(size - 1)]
    while (kind.size < size) kind = kind.next
    return kind
  }

  /** `slot` is somebody's from now on. */
  #lend (slot, kind, size) {
    slot.lender = this.#owner
    slot.turns = slot.turns + 1 | 0
    kind.asked += size
    kind.acquired += 1
    if (kind.free.length < kind.low) kind.rise()
    if (kind.acquired === kind.look) this.#sample(slot, size)
  }

  #sample (slot, size) {
    slot.kind.look += this.#leaks.interval()
    if (this.#options.leakDetection === 'off') return
    this.#leaks.trace(slot, size)
    slot.lender = this.#owner.odd
  }

  #acquireOddly (size, options) {
    const { zero: zeroed = undefined } = shapes.checkOptions(options) ?? {}
    shapes.checkSize(size)
    if (this.#closed) throw poolClosed(this.name)
    if (size === 0) return this.#lendUnpooled(0, zeroed)
    if (size > this.#most) return this.#lendLarge(size, zeroed)
    return this.#grant(this.#kindOf(size), size, zeroed) ?? this.#refuse(size, zeroed)
  }

  /** A Buffer from a class, undefined if there is no room for another chunk of it. */
  #grant (kind, size, zeroed) {
    if (this.#closed) throw poolClosed(this.name)
    // Nobody passes those who wait.
    if ((this.#unusual & QUEUED) !== 0) return undefined
    return this.#take(kind, size, zeroed)
  }

  #take (kind, size, zeroed) {
    for (;;) {
      let slot = kind.free.pop()
      if (slot !== undefined) {
        this.#tally(-kind.size)
      } else {
        slot = this.#make(kind)
        if (slot === undefined) return undefined
      }
      const buffer = this.#prepare(slot, kind, size, zeroed)
      if (buffer === undefined) continue
      this.#lend(slot, kind, size)
      return buffer
    }
  }

  /** The Buffer of a chunk as the policy wants it; undefined if the chunk is of no use and has been dropped. */
  #prepare (slot, kind, size, zeroed) {
    let buffer = slot.buffer
    if (buffer !== undefined && buffer[0] === undefined) return this.#drop(slot, kind, 'detached', false)
    if ((this.#unusual & VERIFY) !== 0 && slot.turns !== 0 && !this.#verified(slot, kind)) {
      return this.#drop(slot, kind, 'poison', false)
    }
    if (slot.length !== size) {
      buffer = viewOf(slot.memory, size)
      stamp(buffer, slot)
      slot.buffer = buffer
      slot.length = size
    }
    if ((this.#unusual & ZERO_ALL) !== 0) zeroAll(this.#wholeOf(slot, kind), kind.zeros)
    else if (zeroed ?? (this.#unusual & ZERO) !== 0) this.#clean(slot, kind)
    return buffer
  }

  #clean (slot, kind) {
    if (slot.dirty > 0) zero(this.#wholeOf(slot, kind), slot.dirty)
    slot.dirty = 0
  }

  #verified (slot, kind) {
    const offset = this.#memory.verify(slot)
    if (offset < 0) return true
    this.#poisoned += 1
    this.#leaks.misuse({ kind: 'write-after-release', size: kind.size, offset, releasedAt: slot.place })
    return false
  }

  #wholeOf (slot, kind) {
    slot.whole ??= viewOf(slot.memory, kind.size)
    return slot.whole
  }

  /** A new chunk, or undefined. */
  #make (kind) {
    let memory = this.#memory.take(kind)
    while (memory === FULL && this.#makeRoom(kind)) memory = this.#memory.take(kind)
    if (memory === REFUSED) return this.#useOwnMemory(kind)
    if (memory === FULL || memory === NO_MEMORY) return this.#makeNothing(memory, kind)
    kind.misses += 1
    kind.made += 1
    kind.rise()
    const { idleMs } = this.#options
    if (idleMs > 0) every(idleMs, this, this.#timer, pool => pool.#rest())
    const slot = new Slot(this.#owner, kind, this.#memory.id, memory)
    this.#memory.watch(slot)
    return slot
  }

  #makeNothing (why, kind) {
    if (why === NO_MEMORY && this.#options.onFull !== 'unpooled') throw outOfMemory(kind.size, 'a chunk')
    return undefined
  }

  #useOwnMemory (kind) {
    this.#open({ ...this.#options, own: true })
    return this.#make(kind)
  }

  /** Gives up a free chunk of another class, of the one that has most. False if all of them together are too little. */
  #makeRoom (kind) {
    let most
    let bytes = 0
    let live = 0
    for (const other of this.#kinds) {
      const free = other === kind ? 0 : other.free.length * other.size
      if (free > bytes) [most, bytes] = [other, free]
      live += other.live * other.size
    }
    if (most === undefined || live + kind.size > this.#options.maxBytes) return false
    this.#dropFree(most, 1, 'cap')
    return true
  }

  /** Drops the `count` free chunks of a class that were used the longest ago. */
  #dropFree (kind, count, reason) {
    for (const slot of kind.free.splice(0, count)) {
      this.#tally(-kind.size)
      this.#drop(slot, kind, reason, true)
    }
    kind.rise()
  }

  /** @returns {undefined} */
  #drop (slot, kind, reason, purge) {
    // One whose memory was taken away and collected has been told as lost.
    if (!this.#memory.retire(slot, purge)) return undefined
    kind.dropped[reason] += 1
    kind.made -= 1
    return undefined
  }

  #lendLarge (size, zeroed) {
    const { onFull, secure } = this.#options
    if (onFull === 'unpooled' && !secure) return this.#lendUnpooled(size, zeroed)
    throw outOfRange("argument 'size'", `an integer of bytes from 0 to ${this.#most}, the 'max' of this pool`, size)
  }

  #lendUnpooled (size, zeroed = this.#options.zeroing !== 'none') {
    const buffer = plain(size, zeroed)
    const slot = new Slot(this.#owner, this.#unpooled, -1, undefined)
    stamp(buffer, slot)
    slot.buffer = buffer
    slot.lender = this.#owner.odd
    slot.length = size
    this.#unpooled.acquired += 1
    this.#unpooled.asked += size
    return buffer
  }

  /** There is no room. */
  #refuse (size, zeroed) {
    const { onFull, maxBytes } = this.#options
    if (onFull === 'unpooled') return this.#lendUnpooled(size, zeroed)
    throw poolFull(this.name, size, maxBytes, onFull === 'wait' ? ': acquireAsync() waits for it' : '')
  }

  async acquireAsync (size, options = undefined) {
    const { zero: zeroed = undefined, signal, timeout } = /** @type {any} */ (shapes.checkOptions(options) ?? {})
    if (signal !== undefined) shapes.checkSignal(signal)
    if (timeout !== undefined) shapes.checkTimeout(timeout)
    if (signal?.aborted) throw signal.reason
    if (this.#options.onFull !== 'wait' || size === 0) return this.acquire(size, { zero: zeroed })
    shapes.checkSize(size)
    if (this.#closed) throw poolClosed(this.name)
    if (size > this.#most) return this.#lendLarge(size, zeroed)
    const kind = this.#kindOf(size)
    if (kind.size > this.#options.maxBytes) throw poolFull(this.name, size, this.#options.maxBytes, '')
    const buffer = this.#grant(kind, size, zeroed)
    if (buffer !== undefined) return buffer
    const late = () => waitedTooLong(this.name, size, timeout)
    const asker = this.#leaks.here()
    const serve = () => {
      if (this.#closed) throw poolClosed(this.name)
      const served = this.#take(kind, size, zeroed)
      if (served !== undefined && asker !== undefined) this.#leaks.blame(slotOf(served), asker)
      return served
    }
    return this.#waiters.wait(serve, { signal, timeout, late })
  }

  #mindWaiters () {
    const waiting = this.#waiters.size > 0
    this.#unusual = waiting ? this.#unusual | QUEUED : this.#unusual & ~QUEUED
    this.#unusualEnd = waiting ? this.#unusualEnd | SERVE : this.#unusualEnd & ~SERVE
  }

  // ---- taking back

  release (buf, usedBytes = undefined) {
    const slot = slotOf(buf)
    if (slot === undefined || slot.lender !== this.#owner || slot.buffer !== buf || usedBytes !== undefined ||
      this.#unusualEnd !== 0 || buf[0] === undefined) {
      this.#releaseOddly(buf, usedBytes)
      return
    }
    const kind = slot.kind
    slot.lender = undefined
    if (this.#zeroes) zeroAll(slot.whole ?? this.#wholeOf(slot, kind), kind.zeros)
    else slot.dirty = kind.size
    kind.free.push(slot)
  }

  /** The slot of a Buffer that is lent. */
  #lent (buf) {
    const slot = slotOf(buf)
    const mine = slot !== undefined && (slot.lender === this.#owner || slot.lender === this.#owner.odd)
    if (!mine || slot.buffer !== buf) {
      throw this.#refusal(buf, slot)
    }
    return slot
  }

  #tally (bytes) {
    if ((this.#unusual & TALLY) !== 0) this.#freeBytes += bytes
  }

  #keep (slot, kind) {
    if ((this.#unusual & TALLY) !== 0 && this.#freeBytes + kind.size > this.#options.maxFreeBytes) {
      this.#drop(slot, kind, 'full', true)
      return
    }
    this.#tally(kind.size)
    kind.free.push(slot)
  }

  #releaseOddly (buf, usedBytes) {
    const slot = this.#lent(buf)
    const length = lengthOf.call(buf)
    if (usedBytes !== undefined) shapes.checkUsed(usedBytes, length)
    if (slot.id < 0) return this.#releaseUnpooled(slot)
    const kind = slot.kind
    slot.lender = undefined
    if (slot.traced) this.#leaks.untrace(slot)
    if (length === 0) this.#drop(slot, kind, 'detached', false)
    else this.#settle(slot, kind, usedBytes)
    if ((this.#unusualEnd & SERVE) !== 0) this.#waiters.serve()
  }

  #settle (slot, kind, usedBytes) {
    slot.dirty = usedBytes === undefined ? kind.size : Math.max(slot.dirty, usedBytes)
    const modes = this.#unusualEnd
    if ((modes & WIPE) !== 0) {
      if (!this.#wiped(slot, kind)) return this.#drop(slot, kind, 'poison', true)
    } else if (this.#zeroes && (modes & POISON) === 0) {
      this.#clean(slot, kind)
    }
    if ((modes & FENCE) !== 0 && !this.#fenced(slot, kind)) return
    if ((modes & POISON) !== 0) this.#poison(slot, kind)
    if ((modes & RENEW) !== 0) slot.length = 0
    this.#keep(slot, kind)
  }

  #wiped (slot, kind) {
    slot.dirty = 0
    if (this.#memory.wipe(slot)) return true
    this.#poisoned += 1
    this.#leaks.misuse({ kind: 'overrun', size: kind.size, releasedAt: slot.place })
    return false
  }

  #poison (slot, kind) {
    this.#memory.poison(slot)
    slot.dirty = kind.size
  }

  /** Whether a fence is to be put up at this release. */
  #fenceNow () {
    if (this.#options.fence !== 'sampled') return this.#options.fence === 'always'
    this.#fences -= 1
    if (this.#fences > 0) return false
    this.#fences = FENCE_EVERY
    return true
  }

  /** False: the chunk has been given up for it. */
  #fenced (slot, kind) {
    if (!this.#fenceNow()) return true
    slot.buffer = slot.whole = undefined
    slot.length = 0
    if (this.#memory.fence(slot)) return true
    this.#drop(slot, kind, 'fence', false)
    return false
  }

  #releaseUnpooled (slot) {
    slot.lender = undefined
    this.#unpooledEnded += 1
    if (lengthOf.call(slot.buffer) === 0) return
    if (this.#zeroes) zeroAll(slot.buffer, undefined)
    if (this.#fenceNow()) takeAway(slot.buffer)
  }

  #refusal (buf, slot) {
    if (this.#closed) return poolClosed(this.name)
    if (slot === undefined || slot.owner !== this.#owner) return foreignBuffer(this.name, buf)
    return doubleRelease(this.name, slot.place)
  }

  /** A chunk has come back by itself, because its Buffer was dropped. */
  #lose (id, index) {
    if (this.#closed) return
    const kind = this.#kinds[index]
    const free = kind.free.findIndex(slot => slot.id === id)
    kind.made -= 1
    if (free < 0) {
      kind.lost += 1
      this.#leaks.lose(id)
    } else {
      // A user has taken the memory of one that he no longer had.
      kind.free.splice(free, 1)
      kind.dropped.detached += 1
      this.#tally(-kind.size)
    }
    // Not at once: this may be in the midst of a call.
    if ((this.#unusualEnd & SERVE) !== 0) queueMicrotask(() => this.#waiters.serve())
  }

  // ---- shapes of use

  lease (size, options = undefined) {
    return new Lease(this, this.acquire(size, options))
  }

  alloc (size, value = undefined, encoding = undefined) {
    return shapes.alloc(this, size, value, encoding)
  }

  allocUnsafe (size) {
    return this.acquire(size)
  }

  from (value, encodingOrOffset = undefined, length = undefined) {
    return shapes.from(this, value, encodingOrOffset, length)
  }

  concat (list, totalLength = undefined) {
    return shapes.concat(this, list, totalLength)
  }

  detach (buf) {
    if (this.#options.secure) throw invalidUse('a secure pool gives nothing away: detach() copies to other memory')
    this.#lent(buf)
    const copy = plain(lengthOf.call(buf), false)
    if (copy.length > 0) copy.set(buf)
    this.release(buf)
    return copy
  }

  get reader () {
    // fs asks for 0 bytes if it does not know how many there are.
    this.#reader ??= (size = 0) => this.acquire(size === 0 ? Math.min(DEFAULT_READ, this.#options.max) : size)
    return this.#reader
  }

  readStream (path, options = undefined) {
    const { max, secure } = this.#options
    return readStream(this, path, options, { most: max, secure })
  }

  // ---- looking after it

  /** What was not needed since the last look goes by halves. False: there is nothing more to look after. */
  #rest () {
    let any = false
    for (const kind of this.#kinds) {
      if (kind.low > 0) this.#dropFree(kind, Math.ceil(kind.low / 2), 'idle')
      kind.low = kind.free.length
      any ||= kind.low > 0 || kind.live > 0
    }
    this.#memory.trim()
    if ((this.#unusualEnd & SERVE) !== 0) this.#waiters.serve()
    return any
  }

  #dropAll (reason) {
    let bytes = 0
    for (const kind of this.#kinds) {
      bytes += kind.free.length * kind.size
      this.#dropFree(kind, kind.free.length, reason)
    }
    return bytes
  }

  trim () {
    if (this.#closed) throw poolClosed(this.name)
    const bytes = this.#dropAll('trim')
    this.#memory.trim()
    if ((this.#unusualEnd & SERVE) !== 0) this.#waiters.serve()
    return bytes
  }

  stats () {
    // Tells what is lost first.
    const memory = this.#memory.stats()
    const { name, zeroing, fence, maxBytes } = this.#options
    const { acquired, asked } = this.#unpooled
    return {
      name,
      closed: this.#closed,
      memory: this.#memory.kind,
      zeroing,
      fence,
      ...readStats(this.#kinds, memory, maxBytes),
      secure: this.#options.secure ? memory.secure : null,
      waiting: this.#waiters.size,
      poisoned: this.#poisoned,
      unpooled: { acquired, released: this.#unpooledEnded, bytes: asked },
      leaks: this.#leaks.places
    }
  }

  close () {
    if (this.#closed) return
    this.#closed = true
    this.#most = -1
    this.#owner = { odd: {} }
    this.#waiters.fail(poolClosed(this.name))
    this.#dropAll('closed')
    this.#leaks.clear()
    this.#shut()
  }

  [DISPOSE] () {
    this.close()
  }
}

module.exports = { BufferPool }
