'use strict'

// What a BufferPool should do, slow and plain: the bytes of every chunk, the free ones in their order, and the numbers.

const { CAN_MOVE } = require('./buffer-pool-tools')

const POISON = 0xdb
const FENCE_EVERY = 128

const noDrops = () => ({ full: 0, idle: 0, trim: 0, cap: 0, detached: 0, fence: 0, poison: 0, closed: 0 })

class Chunk {
  constructor (kind) {
    this.kind = kind
    /** The bytes as they should be. */
    this.bytes = Buffer.alloc(kind.size)
    /** Before this offset the pool must expect something. */
    this.dirty = 0
    /** Its ArrayBuffer, if one has been seen and it has not been moved since. */
    this.memory = undefined
    /** It has been lent before, so that there is poison in it while it is free. */
    this.used = false
    /** The memory, if a user has taken it away while it was free. @type {ArrayBuffer | undefined} */
    this.gone = undefined
  }
}

class Model {
  acquired = 0
  waiting = []
  /** Chunks given to those who waited, in their order. */
  served = []
  unpooled = { acquired: 0, released: 0, bytes: 0 }
  poisoned = 0
  lostBytes = 0
  closed = false

  constructor ({ sizes, max, zeroing, fence, poison, secure, maxBytes, maxFreeBytes, onFull, memory }) {
    Object.assign(this, { max, zeroing, fence, poison, secure, maxBytes, maxFreeBytes, onFull })
    this.kinds = sizes.map(size => ({
      size, free: [], live: 0, acquired: 0, released: 0, misses: 0, lost: 0, asked: 0, peak: 0, dropped: noDrops()
    }))
    this.releasesClean = zeroing === 'on-release' || zeroing === 'both'
    this.cleansLate = zeroing === 'on-acquire' || (poison && zeroing === 'on-release')
    this.canMove = memory === 'js' || CAN_MOVE
    this.untilFence = fence === 'sampled' ? FENCE_EVERY : 1
  }

  sum (number) {
    return this.kinds.reduce((total, kind) => total + number(kind), 0)
  }

  get liveBytes () { return this.sum(kind => kind.live * kind.size) }
  get freeBytes () { return this.sum(kind => kind.free.length * kind.size) }

  kindOf (size) {
    return this.kinds.find(kind => kind.size >= size)
  }

  drop (kind, reason) {
    kind.dropped[reason] += 1
  }

  // ---- lending: a Chunk, 'unpooled', or the code of an error

  acquire (size, zero) {
    if (this.closed) return 'ERR_HEAPWISE_CLOSED'
    if (size === 0) return this.lendUnpooled(size)
    if (size > this.max) return this.onFull === 'unpooled' ? this.lendUnpooled(size) : 'ERR_HEAPWISE_INVALID_ARG_VALUE'
    const kind = this.kindOf(size)
    const chunk = this.waiting.length > 0 ? undefined : this.take(kind, size, zero)
    if (chunk !== undefined) return chunk
    return this.onFull === 'unpooled' ? this.lendUnpooled(size) : 'ERR_HEAPWISE_POOL_FULL'
  }

  lendUnpooled (size) {
    this.unpooled.acquired += 1
    this.unpooled.bytes += size
    return 'unpooled'
  }

  /** 'waits' if it has to wait. */
  acquireLater (size, zero) {
    if (this.closed || this.onFull !== 'wait' || size === 0 || size > this.max) return this.acquire(size, zero)
    const kind = this.kindOf(size)
    if (kind.size > this.maxBytes) return 'ERR_HEAPWISE_POOL_FULL'
    const chunk = this.waiting.length > 0 ? undefined : this.take(kind, size, zero)
    if (chunk !== undefined) return chunk
    this.waiting.push({ kind, size, zero, chunk: undefined })
    return 'waits'
  }

  take (kind, size, zero) {
    let chunk
    while (chunk === undefined && kind.free.length > 0) chunk = this.look(kind.free.pop())
    if (chunk === undefined) {
      if (!this.makeRoom(kind)) return undefined
      kind.misses += 1
      chunk = new Chunk(kind)
    }
    this.cleanLate(chunk, zero)
    chunk.used = true
    kind.acquired += 1
    kind.asked += size
    kind.live += 1
    kind.peak = Math.max(kind.peak, kind.live)
    return chunk
  }

  /** The chunk, unless it is of no use any more. */
  look (chunk) {
    if (chunk.gone !== undefined) return this.drop(chunk.kind, 'detached')
    if (this.poison && chunk.used && chunk.bytes.some(byte => byte !== POISON)) {
      this.poisoned += 1
      return this.drop(chunk.kind, 'poison')
    }
    return chunk
  }

  makeRoom (kind) {
    if (this.liveBytes + kind.size > this.maxBytes) return false
    while (this.liveBytes + this.freeBytes + kind.size > this.maxBytes) {
      let most
      for (const other of this.kinds) {
        const bytes = other === kind ? 0 : other.free.length * other.size
        if (bytes > (most === undefined ? 0 : most.free.length * most.size)) most = other
      }
      most.free.shift()
      this.drop(most, 'cap')
    }
    return true
  }

  cleanLate (chunk, zero) {
    if (this.zeroing === 'both') chunk.bytes.fill(0)
    else if (zero ?? this.cleansLate) this.clean(chunk)
  }

  clean (chunk) {
    chunk.bytes.fill(0, 0, chunk.dirty)
    chunk.dirty = 0
  }

  serve () {
    while (this.waiting.length > 0) {
      const [waiter] = this.waiting
      const chunk = this.take(waiter.kind, waiter.size, waiter.zero)
      if (chunk === undefined) return
      this.waiting.shift()
      waiter.chunk = chunk
      this.served.push(waiter)
    }
  }

  giveUp (waiter) {
    const at = this.waiting.indexOf(waiter)
    if (at < 0) return false
    this.waiting.splice(at, 1)
    this.serve()
    return true
  }

  // ---- taking back

  /** `gone`: a user has taken its memory away. */
  release (chunk, used, gone) {
    const { kind } = chunk
    kind.live -= 1
    kind.released += 1
    if (gone) this.drop(kind, 'detached')
    else this.settle(chunk, used)
    this.serve()
  }

  /** The length that is left to a Buffer that is not pooled. */
  releaseUnpooled (size) {
    this.unpooled.released += 1
    return size > 0 && this.fences() ? 0 : size
  }

  settle (chunk, used) {
    const { kind } = chunk
    chunk.dirty = used === undefined ? kind.size : Math.max(chunk.dirty, used)
    if (this.secure) {
      chunk.bytes.fill(0)
      chunk.dirty = 0
    } else if (this.releasesClean && !this.poison) {
      this.clean(chunk)
    }
    if (this.fences()) {
      chunk.memory = undefined
      if (!this.canMove) return this.drop(kind, 'fence')
    }
    if (this.poison) {
      chunk.bytes.fill(POISON)
      chunk.dirty = kind.size
    }
    if (this.freeBytes + kind.size > this.maxFreeBytes) return this.drop(kind, 'full')
    kind.free.push(chunk)
  }

  fences () {
    if (this.fence === 'off') return false
    this.untilFence -= 1
    if (this.untilFence > 0) return false
    this.untilFence = this.fence === 'sampled' ? FENCE_EVERY : 1
    return true
  }

  isFree (chunk) {
    return chunk.kind.free.includes(chunk)
  }

  trim () {
    const bytes = this.freeBytes
    this.dropAll('trim')
    this.serve()
    return bytes
  }

  dropAll (reason) {
    for (const kind of this.kinds) {
      kind.dropped[reason] += kind.free.length
      kind.free = []
    }
  }

  /** So many that were dropped by the user have been noticed, of each class. */
  lose (counts) {
    this.kinds.forEach((kind, i) => {
      kind.live -= counts[i]
      kind.lost += counts[i]
      this.lostBytes += counts[i] * kind.size
    })
  }

  close () {
    this.closed = true
    this.dropAll('closed')
    return this.waiting.splice(0)
  }

  // ---- numbers

  stats () {
    const classes = this.kinds.map(({ asked, free, ...kind }) => ({
      ...kind, hits: kind.acquired - kind.misses, free: free.length
    }))
    const total = (name, list = classes) => list.reduce((sum, each) => sum + each[name], 0)
    const totals = (names, list) => Object.fromEntries(names.map(name => [name, total(name, list)]))
    return {
      closed: this.closed,
      ...totals(['acquired', 'released', 'hits', 'misses', 'live', 'free', 'lost']),
      dropped: totals(Object.keys(noDrops()), classes.map(({ dropped }) => dropped)),
      waiting: this.waiting.length,
      poisoned: this.poisoned,
      unpooled: this.unpooled,
      classes
    }
  }
}

module.exports = { Model, POISON }
