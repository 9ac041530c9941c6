'use strict'

// What is released that must not be: it is refused and changes nothing. And Buffers whose memory a user has taken away:
// they cost the pool that chunk.

const { inspect } = require('node:util')
const {
  CLOSED, DOUBLE, FOREIGN, INVALID_TYPE, INVALID_VALUE, MEMORIES, classOf, closeAll, isAll, isZero, numbers, open,
  refuses, takeAway, until, untilCollected, wholeOf
} = require('./support/buffer-pool-tools')

afterEach(closeAll)

const never = () => { throw new Error('never') }

const POLICIES = [
  ['the defaults', {}], ['nothing zeroed', { zeroing: 'none' }], ['zeroed late', { zeroing: 'on-acquire' }],
  ['zeroed twice', { zeroing: 'both' }], ['poison', { poison: true }], ['a fence', { fence: 'always' }],
  ['poison and a fence', { poison: true, fence: 'always' }], ['every place kept', { leakDetection: 'paranoid' }],
  ['no place kept', { leakDetection: 'off' }], ['nothing free', { maxFreeBytes: 0 }]
]

/** Refused by each method that takes a Buffer, after which the pool works. */
const refusesAll = (pool, value, expected) => {
  refuses(pool, () => pool.release(value), expected)
  refuses(pool, () => pool.release(value, 0), expected)
  refuses(pool, () => pool.detach(value), expected)
}

const expectWorks = pool => {
  const bufs = Array.from({ length: 20 }, (_, i) => {
    const buf = pool.acquire(1 + i * 50, { zero: true })
    expect([buf.length, isZero(wholeOf(buf))]).toEqual([1 + i * 50, true])
    wholeOf(buf).fill(i + 1)
    return buf
  })
  bufs.forEach((buf, i) => expect(isAll(wholeOf(buf), i + 1)).toBe(true))
  for (const buf of bufs) pool.release(buf)
}

describe.each(MEMORIES)('%s memory', memory => {
  const make = options => open({ idleMs: 0, ...options }, memory)

  describe.each(POLICIES)('a second release, with %s', (_, policy) => {
    test('at once', () => {
      const pool = make(policy)
      for (const size of [100, 0, 5000, 2 ** 21]) {
        const buf = pool.acquire(size)
        pool.release(buf)
        refusesAll(pool, buf, DOUBLE)
        refusesAll(pool, buf, DOUBLE)
      }
      expect(pool.stats()).toMatchObject({ acquired: 2, released: 2, live: 0 })
      expectWorks(pool)
    })

    test('by a lease and by hand', () => {
      const pool = make(policy)
      const lease = pool.lease(100)
      const { buffer } = lease
      pool.release(buffer)
      refusesAll(pool, buffer, DOUBLE)
      expect(() => lease.release()).toThrow(expect.objectContaining({ code: 'ERR_HEAPWISE_RELEASED' }))
      const other = pool.lease(200)
      const { buffer: held } = other
      other.release()
      refusesAll(pool, held, DOUBLE)
      expectWorks(pool)
    })

    test('after the chunk has been lent with another length', () => {
      const pool = make({ ...policy, classes: [1024] })
      const first = pool.acquire(100)
      pool.release(first)
      const second = pool.acquire(200)
      second.fill(7)
      refusesAll(pool, first, DOUBLE)
      expect([second.length, isAll(second, 7)]).toEqual([200, true])
      pool.release(second)
      refusesAll(pool, first, DOUBLE)
      refusesAll(pool, second, DOUBLE)
    })

    test('after the pool let the chunk go', () => {
      const pool = make(policy)
      const buf = pool.acquire(100)
      pool.release(buf)
      pool.trim()
      refusesAll(pool, buf, DOUBLE)
      expectWorks(pool)
    })

    test('after detach', () => {
      const pool = make(policy)
      const buf = pool.acquire(100).fill(3)
      const copy = pool.detach(buf)
      refusesAll(pool, buf, DOUBLE)
      refusesAll(pool, copy, FOREIGN)
    })

    test('after close', () => {
      const pool = make(policy)
      const [held, free] = [pool.acquire(100), pool.acquire(200)]
      pool.release(free)
      pool.close()
      for (const buf of [held, free, Buffer.alloc(5), 5, undefined]) refusesAll(pool, buf, CLOSED)
    })
  })

  test('where each Buffer is new, a second release is refused even when the chunk is lent again', () => {
    const pool = make({ leakDetection: 'paranoid' })
    const first = pool.acquire(100)
    pool.release(first)
    const second = pool.acquire(100)
    expect(second).not.toBe(first)
    refusesAll(pool, first, DOUBLE)
    pool.release(second)
  })

  test('says who released it first, if that is kept', () => {
    const pool = make({ leakDetection: 'paranoid' })
    const buf = pool.acquire(100)
    const line = Number(/:(\d+):\d+\)?$/.exec(new Error().stack.split('\n')[1])[1]) + 1
    pool.release(buf)
    const error = refuses(pool, () => pool.release(buf), DOUBLE)
    expect(error.message).toMatch(new RegExp(`already at .+buffer-pool\\.misuse\\.test\\.js:${line}:\\d+`))
  })

  describe('what the pool has not lent', () => {
    test.each([
      ['a subarray', buf => buf.subarray(0, 50)], ['a subarray of all of it', buf => buf.subarray()],
      ['a slice', buf => buf.slice(1)],
      ['a Buffer over its ArrayBuffer', buf => Buffer.from(buf.buffer, 0, buf.length)],
      ['a Uint8Array over it', buf => new Uint8Array(buf.buffer)], ['its ArrayBuffer', buf => buf.buffer],
      ['a copy', buf => Buffer.from(buf)], ['a structured clone', buf => structuredClone(buf)],
      ['a Proxy', buf => new Proxy(buf, {})],
      ['a Proxy that pretends', buf => new Proxy(buf, { get: (target, name) => target[name] })],
      ['a Proxy of a Proxy', buf => new Proxy(new Proxy(buf, {}), {})],
      ['a Proxy that is revoked', buf => {
        const { proxy, revoke } = Proxy.revocable(buf, {})
        revoke()
        return proxy
      }],
      ['an object that inherits from it', buf => Object.create(buf)],
      ['a copy of what it has', buf => Object.defineProperties({}, Object.getOwnPropertyDescriptors(buf))],
      ['an array of it', buf => [buf]],
      ['an object with its prototype', () => Object.create(Buffer.prototype)],
      ['an object with no prototype', () => Object.create(null)],
      ['an object that cannot be shown', () => ({ [inspect.custom]: never })],
      ['an object that cannot be looked at', () => new Proxy({}, {
        get: never, has: never, ownKeys: never, getPrototypeOf: never, getOwnPropertyDescriptor: never
      })],
      ['a Buffer with getters that throw', () => Object.defineProperties(Buffer.alloc(5), {
        length: { get: never }, constructor: { get: never }
      })]
    ])('%s', (_, make2) => {
      const pool = make()
      const buf = pool.acquire(100).fill(7)
      refusesAll(pool, make2(buf), FOREIGN)
      expect(isAll(buf, 7)).toBe(true)
      pool.release(buf)
      refusesAll(pool, make2(buf), FOREIGN)
      expectWorks(pool)
    })

    test('what another pool has lent, or had, or has let go', () => {
      const [mine, other] = [make(), make()]
      const [held, free, trimmed, plain, nothing] = [100, 200, 300, 2 ** 21, 0].map(size => other.acquire(size))
      other.release(trimmed)
      other.trim()
      other.release(free)
      const before = other.stats()
      for (const buf of [held, free, trimmed, plain, nothing]) refusesAll(mine, buf, FOREIGN)
      expect(other.stats()).toEqual(before)
      for (const buf of [held, plain, nothing]) other.release(buf)
      other.close()
      for (const buf of [held, free, trimmed]) refusesAll(mine, buf, FOREIGN)
    })

    test('a Buffer of the other memory', () => {
      const pool = make()
      const other = open({}, memory === 'js' ? MEMORIES[0] : 'js')
      refusesAll(pool, other.acquire(10), FOREIGN)
    })
  })

  describe('odd Buffers that the pool has lent', () => {
    test.each([
      ['no prototype', buf => Object.setPrototypeOf(buf, null)],
      ['that of Object', buf => Object.setPrototypeOf(buf, Object.prototype)],
      ['that of Array', buf => Object.setPrototypeOf(buf, Array.prototype)],
      ['that of Uint8Array', buf => Object.setPrototypeOf(buf, Uint8Array.prototype)],
      ['one whose getters throw', buf => Object.setPrototypeOf(buf, { get length () { throw new Error('never') } })],
      ['a length of its own, 0', buf => Object.defineProperty(buf, 'length', { value: 0 })],
      ['a length of its own, too large', buf => Object.defineProperty(buf, 'length', { value: 1e6 })],
      ['a length of its own, text', buf => Object.defineProperty(buf, 'length', { value: 'x' })],
      ['methods of its own', buf => Object.assign(buf, { fill: never, set: never })],
      ['nothing can be added to it', buf => Object.preventExtensions(buf)]
    ])('%s', (_, change) => {
      for (const [name, policy] of POLICIES) {
        for (const gone of [false, true]) {
          const pool = make({ ...policy, classes: [1024] })
          const buf = pool.acquire(1000)
          Buffer.from(buf.buffer).fill(0xaa)
          change(buf)
          const { buffer } = Object.getOwnPropertyDescriptors(Object.getPrototypeOf(Uint8Array.prototype))
          const memoryOf = () => buffer.get.call(buf)
          const taken = gone ? takeAway({ buffer: memoryOf() }) : undefined
          pool.release(buf)
          expect([name, numbers(pool, 'acquired', 'released', 'live', 'lost')])
            .toEqual([name, { acquired: 1, released: 1, live: 0, lost: 0 }])
          expect(pool.stats().dropped.detached).toBe(taken === undefined ? 0 : 1)
          refuses(pool, () => pool.release(buf), DOUBLE)
          // The next one, with a length that makes another Buffer of it, sees nothing.
          const next = pool.acquire(999, { zero: true })
          expect(isZero(wholeOf(next))).toBe(true)
          pool.release(next)
        }
      }
    })
  })

  describe.each(POLICIES)('memory that a user takes away, with %s', (_, policy) => {
    test('while it is lent', () => {
      const pool = make({ ...policy, classes: [1024] })
      const [kept, given] = [pool.acquire(1000).fill(1), pool.acquire(1000).fill(2)]
      const taken = takeAway(given)
      if (taken === undefined) {
        expect([memory, typeof ArrayBuffer.prototype.transfer]).toEqual(['native', 'undefined'])
        return
      }
      expect(given.length).toBe(0)
      const before = pool.stats()
      for (const used of [1, 1000]) {
        refuses(pool, () => pool.release(given, used), {
          ...INVALID_VALUE, message: /^argument 'usedBytes' must be an integer from 0 to the buffer's length of 0, got /
        })
      }
      refuses(pool, () => pool.release(given, 'x'), { ...INVALID_TYPE, message: /^argument 'usedBytes'/ })
      pool.release(given)
      const { dropped, live, released } = pool.stats()
      expect({ live, released, detached: dropped.detached })
        .toEqual({ live: before.live - 1, released: before.released + 1, detached: 1 })
      refusesAll(pool, given, DOUBLE)
      // The other one has not felt it, and nobody else gets those bytes.
      expect(isAll(kept, 1)).toBe(true)
      const more = Array.from({ length: 50 }, () => pool.acquire(1000).fill(3))
      expect(isAll(new Uint8Array(taken, 0, 1000), 2)).toBe(true)
      new Uint8Array(taken).fill(9)
      for (const buf of more) expect(isAll(buf, 3)).toBe(true)
      for (const buf of [kept, ...more]) pool.release(buf)
      expect(pool.stats()).toMatchObject({ live: 0, dropped: { detached: 1 } })
      expect(isAll(new Uint8Array(taken), 9)).toBe(true)
    })

    test('while it is free', () => {
      const pool = make({ ...policy, classes: [1024] })
      const stale = pool.acquire(1000)
      pool.release(stale)
      if (stale.length === 0) return
      const taken = takeAway(stale)
      if (taken === undefined) return
      // Nobody has noticed yet.
      expect(pool.stats()).toMatchObject({ free: policy.maxFreeBytes === 0 ? 0 : 1, live: 0 })
      const next = pool.acquire(1000)
      expect([next.length, isZero(wholeOf(next))]).toEqual([1000, true])
      expect(pool.stats()).toMatchObject({
        live: 1, free: 0, misses: 2, hits: 0, dropped: { detached: policy.maxFreeBytes === 0 ? 0 : 1 }
      })
      next.fill(4)
      new Uint8Array(taken).fill(9)
      expect(isAll(next, 4)).toBe(true)
      refuses(pool, () => pool.release(stale), DOUBLE)
      pool.release(next)
      expectWorks(make(policy))
    })

    test('all of it while it is free', () => {
      const pool = make({ ...policy, classes: [1024], maxBytes: 8192, onFull: 'throw' })
      const bufs = Array.from({ length: 8 }, () => pool.acquire(1000))
      for (const buf of bufs) pool.release(buf)
      const taken = bufs.filter(({ length }) => length > 0).map(takeAway).filter(each => each !== undefined)
      const again = Array.from({ length: 8 }, () => pool.acquire(1000))
      again.forEach((buf, i) => buf.fill(i))
      for (const each of taken) new Uint8Array(each).fill(0xff)
      again.forEach((buf, i) => expect(isAll(buf, i)).toBe(true))
      for (const buf of again) pool.release(buf)
    })

    test('and is trimmed, or dropped, or closed', async () => {
      const pool = make({ ...policy, classes: [1024] })
      const [first, second] = [pool.acquire(1000), pool.acquire(1000)]
      pool.release(first)
      const taken = first.length > 0 ? takeAway(first) : undefined
      pool.trim()
      expect(pool.stats()).toMatchObject({ free: 0, live: 1 })
      const other = takeAway(second)
      const next = pool.acquire(1000).fill(5)
      if (taken !== undefined) new Uint8Array(taken).fill(9)
      if (other !== undefined) new Uint8Array(other).fill(9)
      expect(isAll(next, 5)).toBe(true)
      pool.close()
      expect(isAll(next, 5)).toBe(true)
    })
  })

  test('a byte stream that takes a Buffer costs that chunk at most', async () => {
    const pool = make({ classes: [1024] })
    for (let i = 0; i < 10; i++) {
      const buf = pool.acquire(1000).fill(i + 1)
      let chunk
      try {
        const stream = new ReadableStream({ type: 'bytes', start (controller) { controller.enqueue(buf) } })
        chunk = (await stream.getReader().read()).value
      } catch {
        // Some versions refuse what native code has made.
      }
      const detached = buf.length === 0
      const before = pool.stats().dropped.detached
      pool.release(buf)
      expect(pool.stats().dropped.detached).toBe(before + (detached ? 1 : 0))
      const next = pool.acquire(1000)
      expect([next.length, isZero(next)]).toEqual([1000, true])
      if (chunk !== undefined && detached) expect(isAll(chunk, i + 1)).toBe(true)
      pool.release(next)
    }
    expect(pool.stats()).toMatchObject({ live: 0 })
    expectWorks(make())
  })

  test('a Buffer that a byte stream reads into costs that chunk at most', async () => {
    const pool = make({ classes: [1024] })
    const buf = pool.acquire(1000)
    let view
    try {
      const stream = new ReadableStream({
        type: 'bytes', pull (controller) {
          controller.byobRequest.view.fill(7)
          controller.byobRequest.respond(10)
        }
      })
      view = (await stream.getReader({ mode: 'byob' }).read(buf)).value
    } catch {
      // As above.
    }
    if (view !== undefined) expect(isAll(view.subarray(0, 10), 7)).toBe(true)
    const detached = buf.length === 0
    pool.release(buf)
    expect(pool.stats()).toMatchObject({ live: 0, released: 1, dropped: { detached: detached ? 1 : 0 } })
    expect(isZero(wholeOf(pool.acquire(1000)))).toBe(true)
  })

  test('a Buffer in a transfer list costs that chunk at most', async () => {
    const pool = make({ classes: [1024] })
    const { port1, port2 } = new MessageChannel()
    const got = []
    port2.on('message', message => got.push(message))
    let posted = 0
    for (let i = 0; i < 10; i++) {
      const buf = pool.acquire(1000).fill(i + 1)
      try {
        port1.postMessage(buf, [buf.buffer])
        posted++
      } catch {
        // As above.
      }
      pool.release(buf)
      pool.release(pool.acquire(1000).fill(0xff))
    }
    await until(() => got.length === posted, 'all that was posted')
    port1.close()
    for (const [i, message] of got.entries()) expect(isAll(message, i + 1)).toBe(true)
    expect(pool.stats()).toMatchObject({ live: 0, acquired: 20, released: 20 })
  })

  test('memory that was taken away comes back when nobody has it', async () => {
    const pool = make({ classes: [65536], maxBytes: 4 * 65536, onFull: 'throw' })
    for (let i = 0; i < 40; i++) {
      const bufs = Array.from({ length: 4 }, () => pool.acquire(65536))
      for (const buf of bufs) {
        takeAway(buf)
        pool.release(buf)
      }
    }
    expect(classOf(pool, 65536)).toMatchObject({ acquired: 160, released: 160, live: 0 })
    await untilCollected(() => pool.stats().pinned === 0, 'nothing is pinned')
  })

  test('taken away, collected, and only then released: it is counted once', async () => {
    const pool = make({ classes: [1024] })
    const bufs = Array.from({ length: 10 }, () => pool.acquire(1000))
    // What is taken is dropped at once.
    const taken = bufs.map(buf => takeAway(buf) !== undefined).filter(Boolean).length
    for (let i = 0; i < 3; i++) await untilCollected(() => true, '')
    const { lost } = pool.stats()
    // Where it is V8's own memory, it is lost with the last view of it.
    expect([0, taken]).toContain(lost)
    expect(pool.stats()).toMatchObject({ acquired: 10, live: 10 - lost })
    for (const buf of bufs) {
      pool.release(buf)
      refusesAll(pool, buf, DOUBLE)
    }
    expect(pool.stats()).toMatchObject({
      acquired: 10, released: 10 - lost, live: 0, lost, free: 10 - taken, dropped: { detached: taken - lost }
    })
    expectWorks(make())
  })

  test('taken away while it is free, and collected: it is dropped, not lost', async () => {
    const pool = make({ classes: [1024], maxBytes: 10_240, onFull: 'throw' })
    const bufs = Array.from({ length: 10 }, () => pool.acquire(1000))
    for (const buf of bufs) pool.release(buf)
    const taken = bufs.slice(0, 5).map(buf => takeAway(buf) !== undefined).filter(Boolean).length
    for (let i = 0; i < 3; i++) await untilCollected(() => true, '')
    const { free, dropped } = pool.stats()
    expect([0, taken]).toContain(dropped.detached)
    expect(free).toBe(10 - dropped.detached)
    const again = Array.from({ length: 10 }, (_, i) => pool.acquire(1000).fill(i))
    again.forEach((buf, i) => expect(isAll(buf, i)).toBe(true))
    expect(pool.stats()).toMatchObject({ live: 10, free: 0, lost: 0, misses: 10 + taken, dropped: { detached: taken } })
  })

  test('taken away and never released: it is lost once, when nobody has it', async () => {
    const pool = make({ classes: [1024] })
    const drop = () => {
      for (let i = 0; i < 20; i++) takeAway(pool.acquire(1000))
    }
    drop()
    await untilCollected(() => pool.stats().lost === 20, 'all are lost')
    expect(pool.stats()).toMatchObject({ acquired: 20, live: 0, lost: 20, free: 0, released: 0, bytes: { live: 0 } })
    await untilCollected(() => true, '')
    expect(pool.stats().lost).toBe(20)
  })
})
