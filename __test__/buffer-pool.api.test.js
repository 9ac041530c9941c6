'use strict'

// Each method: what it does, and that it refuses everything else and changes nothing then.

const { constants } = require('node:buffer')
const { inspect, isDeepStrictEqual } = require('node:util')
const {
  BufferPool, CLOSED, FOREIGN, FULL, INVALID_TYPE, INVALID_VALUE, MEMORIES, closeAll, isAll, isZero, numbers, open,
  refuses, rejects, thrownBy, wholeOf, wrongType, wrongValue
} = require('./support/buffer-pool-tools')

afterEach(closeAll)

const DISPOSE = Symbol.dispose ?? Symbol.for('nodejs.dispose')

const NOT_NUMBERS = [
  undefined, null, '', '10', true, false, {}, [], [10], 10n, Symbol('s'), () => 10, Object(10), { valueOf: () => 10 }
]
const NOT_SIZES = [-1, -0.5, 0.5, 10.5, NaN, Infinity, -Infinity, 2 ** 53, -(2 ** 31), constants.MAX_LENGTH + 1, 5e-324]
const NOT_OPTIONS = [1, 0, '', 'zero', true, false, 10n, Symbol('s'), () => {}]
const NOT_BOOLEANS = [null, 0, 1, '', 'true', {}, Object(true), Symbol('s'), 1n, () => true]

const aboveMax = { ...INVALID_VALUE, message: /^argument 'size' .+ 0 to 1000.+, got 1001/ }

const plain = value => typeof value === 'symbol' ? 'a symbol' : value
const rows = values => values.map(value => [plain(value), value])

// What acquires, all in the same way.
const ACQUIRING = {
  acquire: (pool, size, options) => pool.acquire(size, options),
  lease: (pool, size, options) => pool.lease(size, options),
  allocUnsafe: (pool, size) => pool.allocUnsafe(size),
  alloc: (pool, size) => pool.alloc(size),
  reader: (pool, size) => pool.reader(size)
}
const names = Object.keys(ACQUIRING)

describe.each(names)('%s refuses', name => {
  const acquire = ACQUIRING[name]
  const sizes = name === 'reader' ? NOT_NUMBERS.filter(value => value !== undefined) : NOT_NUMBERS

  test.each(rows(sizes))('the size %p', (_, size) => {
    const pool = open()
    refuses(pool, () => acquire(pool, size), wrongType('size'))
  })

  test.each(rows(NOT_SIZES))('the size %p', (_, size) => {
    for (const onFull of ['unpooled', 'throw', 'wait']) {
      const pool = open({ onFull })
      pool.release(pool.acquire(10))
      refuses(pool, () => acquire(pool, size), wrongValue('size'))
    }
  })

  test('sizes above max, if onFull is not unpooled', () => {
    for (const onFull of ['throw', 'wait']) {
      const pool = open({ onFull, max: 1000 })
      refuses(pool, () => acquire(pool, 1001), aboveMax)
    }
  })

  test('more than fits into maxBytes', () => {
    for (const onFull of ['throw', 'wait']) {
      const pool = open({ onFull, classes: [1024, 2048], maxBytes: 2048 })
      const held = pool.acquire(1024)
      refuses(pool, () => acquire(pool, 1025), FULL)
      pool.release(held)
      expect(pool.stats()).toMatchObject({ live: 0, free: 1 })
    }
  })

  test('everything once the pool is closed', () => {
    const pool = open()
    pool.release(pool.acquire(10))
    pool.close()
    for (const size of [0, 10, 5000, 2 ** 22]) refuses(pool, () => acquire(pool, size), CLOSED)
  })
})

describe.each(['acquire', 'lease'])('%s refuses', name => {
  test.each(rows(NOT_OPTIONS))('the options %p', (_, options) => {
    const pool = open()
    refuses(pool, () => pool[name](10, options), wrongType('options'))
  })

  test.each(rows(NOT_BOOLEANS))('the option zero: %p', (_, zero) => {
    const pool = open()
    refuses(pool, () => pool[name](10, { zero }), wrongType('zero'))
  })

  test('an error of a getter comes through, and nothing is lent', () => {
    const pool = open()
    const own = new Error('mine')
    const before = pool.stats()
    expect(thrownBy(() => pool[name](10, { get zero () { throw own } }))).toBe(own)
    expect(pool.stats()).toEqual(before)
  })
})

describe.each(MEMORIES)('acquire, %s memory', memory => {
  test('a Buffer of its own, of exactly that length', () => {
    const pool = open({}, memory)
    const bufs = [1, 2, 10, 100, 100, 4096, 5000].map(size => {
      const buf = pool.acquire(size)
      expect(Buffer.isBuffer(buf)).toBe(true)
      expect(Object.getPrototypeOf(buf)).toBe(Buffer.prototype)
      expect([buf.length, buf.byteLength, buf.byteOffset]).toEqual([size, size, 0])
      return buf
    })
    expect(new Set(bufs.map(({ buffer }) => buffer)).size).toBe(bufs.length)
    for (const buf of bufs) pool.release(buf)
  })

  test('is a Buffer for everybody who looks', () => {
    const pool = open({}, memory)
    const buf = pool.acquire(5)
    const same = Buffer.alloc(5)
    expect(isDeepStrictEqual(buf, same)).toBe(true)
    expect(inspect(buf)).toBe(inspect(same))
    expect(Reflect.ownKeys(buf)).toEqual(Reflect.ownKeys(same))
    expect(JSON.stringify(buf)).toBe(JSON.stringify(same))
    expect(Object.isExtensible(buf)).toBe(true)
    expect(Buffer.concat([buf, Buffer.from('x')]).toString('latin1')).toBe('\0\0\0\0\0x')
  })

  test('the same length again is the same Buffer; another length is the same chunk', () => {
    const pool = open({ classes: [128] }, memory)
    const first = pool.acquire(100)
    pool.release(first)
    const second = pool.acquire(100)
    expect(second).toBe(first)
    pool.release(second)
    const third = pool.acquire(101)
    expect(third).not.toBe(first)
    expect(third.buffer).toBe(first.buffer)
    expect([first.length, third.length]).toEqual([100, 101])
    expect(pool.stats()).toMatchObject({ hits: 2, misses: 1 })
  })

  test('options may be null, undefined, anything with or without zero', () => {
    const pool = open({ zeroing: 'none' }, memory)
    for (const options of [undefined, null, {}, { zero: undefined }, { other: 1 }, [], Object.create({ zero: true })]) {
      pool.release(pool.acquire(10, options))
    }
    wholeOf(pool.acquire(10)).fill(1)
  })

  test('0 bytes, and -0', () => {
    const pool = open({}, memory)
    for (const size of [0, -0]) {
      const buf = pool.acquire(size)
      expect([Buffer.isBuffer(buf), buf.length]).toEqual([true, 0])
      pool.release(buf)
    }
    expect(pool.stats()).toMatchObject({ acquired: 0, live: 0, unpooled: { acquired: 2, released: 2, bytes: 0 } })
  })

  test('more than max: from plain memory, counted', () => {
    const pool = open({ max: 1000 }, memory)
    const buf = pool.acquire(1001)
    expect([buf.length, buf.buffer.byteLength]).toEqual([1001, 1001])
    expect(pool.stats()).toMatchObject({ acquired: 0, live: 0, unpooled: { acquired: 1, released: 0, bytes: 1001 } })
    pool.release(buf)
    expect(pool.stats()).toMatchObject({ unpooled: { acquired: 1, released: 1, bytes: 1001 } })
  })

  test('beyond maxBytes: from plain memory, counted, and pooled again later', () => {
    const pool = open({ classes: [1024], maxBytes: 2048 }, memory)
    const bufs = [1, 2, 3, 4].map(n => pool.acquire(1000 + n))
    expect(pool.stats()).toMatchObject({ live: 2, unpooled: { acquired: 2, bytes: 2007 } })
    for (const buf of bufs) pool.release(buf)
    expect(pool.stats()).toMatchObject({ live: 0, free: 2, released: 2, unpooled: { released: 2 } })
    pool.acquire(1)
    expect(pool.stats()).toMatchObject({ live: 1, hits: 1 })
  })

  test('a free chunk of another class makes room', () => {
    const pool = open({ classes: [1024, 2048], maxBytes: 4096, onFull: 'throw' }, memory)
    const bufs = [1, 2, 3, 4].map(() => pool.acquire(1000))
    for (const buf of bufs) pool.release(buf)
    pool.acquire(2000)
    expect(pool.stats()).toMatchObject({ live: 1, free: 2, dropped: { cap: 2 }, bytes: { live: 2048, free: 2048 } })
    pool.acquire(2000)
    expect(pool.stats()).toMatchObject({ live: 2, free: 0, dropped: { cap: 4 }, bytes: { live: 4096, free: 0 } })
    refuses(pool, () => pool.acquire(1), FULL)
  })

  test('a request that cannot be met takes no free chunk away', () => {
    const pool = open({ classes: [1024, 2048, 4096], maxBytes: 4096, onFull: 'throw' }, memory)
    const held = pool.acquire(1000)
    pool.release(pool.acquire(2000))
    refuses(pool, () => pool.acquire(4000), FULL)
    expect(pool.stats()).toMatchObject({ live: 1, free: 1, dropped: { cap: 0 } })
    pool.release(held)
  })
})

describe('release', () => {
  test.each(rows(NOT_NUMBERS.filter(value => value !== undefined)))('refuses the usedBytes %p', (_, used) => {
    for (const size of [0, 10, 2 ** 21]) {
      const pool = open()
      const buf = pool.acquire(size)
      refuses(pool, () => pool.release(buf, used), wrongType('usedBytes'))
      pool.release(buf)
    }
  })

  test.each(rows([-1, 0.5, 11, NaN, Infinity, -Infinity, 2 ** 53, 2 ** 32]))('refuses the usedBytes %p', (_, used) => {
    const pool = open()
    const buf = pool.acquire(10)
    refuses(pool, () => pool.release(buf, used), {
      ...INVALID_VALUE, message: /^argument 'usedBytes' must be an integer from 0 to the buffer's length of 10, got /
    })
    pool.release(buf, 10)
  })

  test.each(rows([
    undefined, null, 0, 1, '', 'buf', true, Symbol('s'), 1n, () => {}, {}, [], new Date(0), Object.create(null),
    Buffer.alloc(0), Buffer.alloc(10), Buffer.allocUnsafeSlow(10), new Uint8Array(10), new ArrayBuffer(10),
    new DataView(new ArrayBuffer(10)), new Float64Array(2), new SharedArrayBuffer(10), { length: 10 }
  ]))('refuses %p', (_, value) => {
    const pool = open()
    for (const method of ['release', 'detach']) refuses(pool, () => pool[method](value), FOREIGN)
  })

  test('answers nothing', () => {
    const pool = open()
    expect(pool.release(pool.acquire(10))).toBeUndefined()
    expect(pool.release(pool.acquire(10), 5)).toBeUndefined()
    expect(pool.release(pool.acquire(0))).toBeUndefined()
  })
})

describe.each(MEMORIES)('detach, %s memory', memory => {
  test('gives the bytes in memory that the pool has nothing to do with', () => {
    const pool = open({ max: 1000 }, memory)
    for (const size of [0, 5, 1000, 5000]) {
      const buf = pool.acquire(size)
      buf.fill(7)
      const copy = pool.detach(buf)
      expect([Buffer.isBuffer(copy), copy.length, copy.buffer.byteLength]).toEqual([true, size, size])
      expect(isAll(copy, 7)).toBe(true)
      expect(copy.buffer).not.toBe(buf.buffer)
      expect(isZero(wholeOf(buf))).toBe(true)
      refuses(pool, () => pool.release(copy), FOREIGN)
      const { port1 } = new MessageChannel()
      port1.postMessage(copy, [copy.buffer])
      port1.close()
      expect(copy.length).toBe(0)
    }
    expect(pool.stats()).toMatchObject({
      live: 0, free: 2, acquired: 2, released: 2, unpooled: { acquired: 2, released: 2 }
    })
  })
})

describe('lease', () => {
  const OVER = { type: Error, code: 'ERR_HEAPWISE_RELEASED', message: /^this lease of the BufferPool '.+' is over/ }

  test('holds a Buffer until it is released, once', () => {
    const pool = open()
    const lease = pool.lease(100)
    const { buffer } = lease
    expect([buffer.length, lease.size, lease.released, lease.buffer === buffer]).toEqual([100, 100, false, true])
    expect(lease.release()).toBeUndefined()
    expect([lease.size, lease.released]).toEqual([100, true])
    refuses(pool, () => lease.buffer, OVER)
    refuses(pool, () => lease.release(), OVER)
    expect(lease[DISPOSE]()).toBeUndefined()
    expect(numbers(pool, 'acquired', 'released', 'free')).toEqual({ acquired: 1, released: 1, free: 1 })
  })

  test('cannot be written to', () => {
    const lease = open().lease(10)
    for (const name of ['buffer', 'size', 'released']) {
      expect(thrownBy(() => { lease[name] = 1 })).toBeInstanceOf(TypeError)
    }
  })

  test('ends with its block, as often as one likes', () => {
    const pool = open()
    const lease = pool.lease(100, { zero: true })
    lease[DISPOSE]()
    lease[DISPOSE]()
    expect(lease.released).toBe(true)
    expect(numbers(pool, 'released', 'live')).toEqual({ released: 1, live: 0 })
  })

  test('of others is not ended by an old one that had the same chunk', () => {
    const pool = open()
    const first = pool.lease(100)
    const { buffer } = first
    pool.release(buffer)
    expect(first.released).toBe(true)
    const second = pool.lease(100)
    expect(second.buffer).toBe(buffer)
    refuses(pool, () => first.release(), OVER)
    refuses(pool, () => first.buffer, OVER)
    first[DISPOSE]()
    expect([second.released, pool.stats().live]).toEqual([false, 1])
    second.release()
  })

  test('takes usedBytes, and goes on if they are wrong', () => {
    const pool = open()
    const lease = pool.lease(10)
    refuses(pool, () => lease.release(11), { ...INVALID_VALUE, message: /^argument 'usedBytes'/ })
    refuses(pool, () => lease.release('1'), { ...INVALID_TYPE, message: /^argument 'usedBytes'/ })
    expect(lease.released).toBe(false)
    lease.release(10)
    expect(lease.released).toBe(true)
  })

  test('of a pool that is closed', () => {
    const pool = open()
    const lease = pool.lease(10)
    pool.close()
    expect(lease.buffer.length).toBe(10)
    refuses(pool, () => lease.release(), CLOSED)
    expect(lease[DISPOSE]()).toBeUndefined()
    expect(lease[DISPOSE]()).toBeUndefined()
  })

  test('of nothing, and of plain memory', () => {
    const pool = open({ max: 100 })
    for (const size of [0, 101]) {
      const lease = pool.lease(size)
      expect([lease.size, lease.buffer.length]).toEqual([size, size])
      lease.release()
      refuses(pool, () => lease.buffer, OVER)
    }
    expect(pool.stats().unpooled).toMatchObject({ acquired: 2, released: 2 })
  })

  test('its methods want a lease', () => {
    const lease = open().lease(1)
    for (const name of ['release', DISPOSE]) expect(thrownBy(() => lease[name].call({}))).toBeInstanceOf(TypeError)
  })
})

describe('the reader', () => {
  test('is bound, and the same each time', () => {
    const pool = open()
    const { reader } = pool
    expect(pool.reader).toBe(reader)
    expect([undefined, 10, 0].map(size => reader(size).length)).toEqual([65536, 10, 65536])
    expect(reader().length).toBe(65536)
    expect(open({ max: 1000 }).reader().length).toBe(1000)
    expect(thrownBy(() => { pool.reader = 1 })).toBeInstanceOf(TypeError)
  })
})

describe('acquireAsync refuses', () => {
  const acquire = (pool, ...rest) => () => pool.acquireAsync(...rest)

  test.each(['unpooled', 'throw', 'wait'])('with onFull %s', async onFull => {
    const pool = open({ onFull, max: 1000, maxBytes: 2048 })
    for (const size of NOT_NUMBERS) {
      await rejects(pool, acquire(pool, size), wrongType('size'))
    }
    for (const size of NOT_SIZES) {
      await rejects(pool, acquire(pool, size), wrongValue('size'))
    }
    for (const options of NOT_OPTIONS) {
      await rejects(pool, acquire(pool, 10, options), wrongType('options'))
    }
    for (const zero of NOT_BOOLEANS) {
      await rejects(pool, acquire(pool, 10, { zero }), wrongType('zero'))
    }
    for (const signal of [null, 0, 1, '', true, {}, [], Symbol('s'), new AbortController(), new EventTarget(),
      { aborted: false }, { addEventListener () {} }, () => {}]) {
      await rejects(pool, acquire(pool, 10, { signal }), wrongType('signal'))
    }
    for (const timeout of NOT_NUMBERS.filter(value => value !== undefined)) {
      await rejects(pool, acquire(pool, 10, { timeout }), wrongType('timeout'))
    }
    for (const timeout of [-1, NaN, Infinity, -Infinity, 2 ** 31]) {
      await rejects(pool, acquire(pool, 10, { timeout }), wrongValue('timeout'))
    }
  })

  test('what is too large', async () => {
    for (const onFull of ['throw', 'wait']) {
      const pool = open({ onFull, max: 1000 })
      await rejects(pool, acquire(pool, 1001), aboveMax)
    }
  })

  test('what can never be', async () => {
    const pool = open({ onFull: 'wait', max: 1024, maxBytes: 512 })
    await rejects(pool, acquire(pool, 1000), FULL)
  })

  test('everything once the pool is closed', async () => {
    for (const onFull of ['unpooled', 'throw', 'wait']) {
      const pool = open({ onFull })
      pool.close()
      for (const size of [0, 10, 2 ** 22]) await rejects(pool, acquire(pool, size), CLOSED)
    }
  })
})

describe('name, closed, close', () => {
  test('cannot be written to', () => {
    const pool = open({ name: 'mine' })
    expect([pool.name, pool.closed]).toEqual(['mine', false])
    for (const name of ['name', 'closed']) expect(thrownBy(() => { pool[name] = 1 })).toBeInstanceOf(TypeError)
  })

  test.each(['close', DISPOSE])('%p: once and for all', name => {
    const pool = open()
    const held = pool.acquire(100)
    held.fill(5)
    pool.release(pool.acquire(200))
    expect(pool[name]()).toBeUndefined()
    expect([pool[name](), pool.close(), pool.closed]).toEqual([undefined, undefined, true])
    const stats = pool.stats()
    expect(stats).toMatchObject({ closed: true, live: 1, free: 0, acquired: 2, released: 1, dropped: { closed: 1 } })
    expect(isAll(held, 5)).toBe(true)
    for (const action of [() => pool.release(held), () => pool.detach(held), () => pool.trim(), () => pool.from('a'),
      () => pool.alloc(1), () => pool.concat([]), () => pool.concat([held]), () => pool.reader()]) {
      refuses(pool, action, CLOSED)
    }
    expect(pool.stats()).toEqual(stats)
  })

  test('the last numbers are nobody else\'s', () => {
    const pool = open()
    pool.close()
    const first = pool.stats()
    try { first.acquired = 7; first.classes[0].acquired = 7; first.dropped.idle = 7 } catch { /* frozen is fine */ }
    expect(pool.stats()).toMatchObject({ acquired: 0, dropped: { idle: 0 } })
    expect(pool.stats().classes[0].acquired).toBe(0)
  })

  test('a pool wants new, and its methods want a pool', () => {
    expect(thrownBy(() => BufferPool())).toBeInstanceOf(TypeError)
    for (const name of ['acquire', 'release', 'lease', 'alloc', 'trim', 'stats', 'close']) {
      expect(thrownBy(() => BufferPool.prototype[name].call({}, 1))).toBeInstanceOf(TypeError)
    }
  })

  test('what a subclass adds is there', () => {
    class Mine extends BufferPool {
      twice (size) { return [this.acquire(size), this.acquire(size)] }
    }
    const pool = new Mine()
    for (const buf of pool.twice(10)) pool.release(buf)
    expect(pool.stats()).toMatchObject({ acquired: 2, released: 2 })
    pool.close()
  })
})

describe.each(MEMORIES)('trim, %s memory', memory => {
  test('gives back what is free, and says how many bytes', () => {
    const pool = open({ classes: [128, 1024] }, memory)
    expect(pool.trim()).toBe(0)
    const bufs = [100, 100, 1000, 1000, 1000].map(size => pool.acquire(size))
    for (const buf of bufs.slice(1)) pool.release(buf)
    expect(pool.trim()).toBe(128 + 3 * 1024)
    expect(pool.stats()).toMatchObject({ live: 1, free: 0, dropped: { trim: 4 }, bytes: { live: 128, free: 0 } })
    expect(pool.trim()).toBe(0)
    pool.release(bufs[0])
    expect(pool.trim()).toBe(128)
    const buf = pool.acquire(1000)
    expect([buf.length, isZero(wholeOf(buf))]).toEqual([1000, true])
  })
})
