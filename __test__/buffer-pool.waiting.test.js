'use strict'

// acquireAsync: who waits is served first come first served, or told why not.

const { getEventListeners } = require('node:events')
const {
  CLOSED, FULL, MEMORIES, closeAll, isAll, isZero, open, refuses, rejectionOf, thrownBy, until, untilCollected, wholeOf
} = require('./support/buffer-pool-tools')
const { runProcess } = require('./support/off-heap-workers')

afterEach(closeAll)

/** Lets everything happen that promises can make happen. */
const settle = async () => {
  for (let turn = 0; turn < 20; turn++) await undefined
}

describe.each(MEMORIES)('%s memory', memory => {
  const usual = { idleMs: 0, onFull: 'wait', classes: [1024, 2048, 4096], maxBytes: 4096 }
  const make = options => open({ ...usual, ...options }, memory)

  /** Waiters that write down when they are served. */
  const queue = (pool, sizes, options = []) => {
    const log = []
    const waiting = sizes.map((size, i) => pool.acquireAsync(size, options[i]).then(buf => {
      log.push(i)
      return buf
    }, error => {
      log.push(`${i}: ${error.code ?? error.message}`)
    }))
    return { log, waiting }
  }

  describe('who need not wait', () => {
    test('gets a Buffer by the next tick, as acquire gives it', async () => {
      const pool = make()
      const buf = await pool.acquireAsync(1000)
      expect([Buffer.isBuffer(buf), buf.length, isZero(buf)]).toEqual([true, 1000, true])
      pool.release(buf)
      expect(await pool.acquireAsync(1000, { zero: true, signal: new AbortController().signal, timeout: 5 })).toBe(buf)
      expect(await pool.acquireAsync(0)).toHaveLength(0)
      expect(await pool.acquireAsync(10, null)).toHaveLength(10)
      expect(pool.stats()).toMatchObject({ acquired: 3, hits: 1, waiting: 0 })
    })

    test.each(['unpooled', 'throw'])('with onFull %s nobody waits', async onFull => {
      const pool = make({ onFull, maxBytes: 1024, classes: [1024] })
      const held = await pool.acquireAsync(1000)
      if (onFull === 'throw') expect((await rejectionOf(pool.acquireAsync(1000))).code).toBe(FULL.code)
      else expect(await pool.acquireAsync(1000)).toHaveLength(1000)
      expect(pool.stats().waiting).toBe(0)
      pool.release(held)
    })
  })

  describe('first come, first served', () => {
    test('one after the other', async () => {
      const pool = make({ maxBytes: 1024 })
      const first = pool.acquire(1000)
      const { log, waiting } = queue(pool, [1000, 500, 1024, 1])
      await settle()
      expect([log, pool.stats().waiting]).toEqual([[], 4])
      let buf = first
      for (let i = 0; i < 4; i++) {
        pool.release(buf)
        await settle()
        expect([log, pool.stats().waiting]).toEqual([[0, 1, 2, 3].slice(0, i + 1), 3 - i])
        buf = await waiting[i]
        expect(buf.length).toBe([1000, 500, 1024, 1][i])
      }
      pool.release(buf)
      expect(pool.stats()).toMatchObject({ acquired: 5, released: 5, hits: 4, misses: 1, live: 0 })
    })

    test('as many as there is room for', async () => {
      const pool = make()
      const held = pool.acquire(4096)
      const { log, waiting } = queue(pool, [1024, 1024, 2048, 1024, 1024])
      pool.release(held)
      await settle()
      expect([log, pool.stats().waiting]).toEqual([[0, 1, 2], 2])
      pool.release(await waiting[2])
      await settle()
      expect([log, pool.stats().waiting]).toEqual([[0, 1, 2, 3, 4], 0])
    })

    test('who wants little does not pass who wants much', async () => {
      const pool = make()
      const [a, b] = [pool.acquire(2048), pool.acquire(2048)]
      const { log, waiting } = queue(pool, [4096, 1])
      pool.release(a)
      await settle()
      expect([log, pool.stats().waiting]).toEqual([[], 2])
      // Nor does who does not wait.
      refuses(pool, () => pool.acquire(1), FULL)
      refuses(pool, () => pool.lease(1), FULL)
      const third = pool.acquireAsync(1)
      await settle()
      expect(pool.stats().waiting).toBe(3)
      pool.release(b)
      const much = await waiting[0]
      await settle()
      expect(log).toEqual([0])
      pool.release(much)
      await Promise.all([...waiting, third])
      expect(log).toEqual([0, 1])
    })

    test('of every class, whatever is released', async () => {
      const pool = make()
      const bufs = [pool.acquire(1024), pool.acquire(1024), pool.acquire(2048)]
      const { log, waiting } = queue(pool, [2000, 1000, 1000, 4000])
      pool.release(bufs[0])
      await settle()
      expect(log).toEqual([])
      pool.release(bufs[1])
      await settle()
      expect(log).toEqual([0])
      pool.release(bufs[2])
      await settle()
      expect(log).toEqual([0, 1, 2])
      for (const i of [0, 1, 2]) pool.release(await waiting[i])
      await settle()
      expect(log).toEqual([0, 1, 2, 3])
      pool.release(await waiting[3])
      expect(pool.stats()).toMatchObject({ live: 0, waiting: 0 })
    })

    test('many, in any order of release', async () => {
      const pool = make({ maxBytes: 64 * 1024, classes: [1024, 4096] })
      const held = Array.from({ length: 16 }, () => pool.acquire(4096))
      const order = []
      const served = Array.from({ length: 500 }, (_, i) => pool.acquireAsync(1 + i * 37 % 4096).then(buf => {
        order.push(i)
        buf.fill(i)
        setImmediate(() => pool.release(buf))
      }))
      for (const buf of held) pool.release(buf)
      await Promise.all(served)
      expect(order).toEqual(Array.from({ length: 500 }, (_, i) => i))
      await until(() => pool.stats().live === 0, 'all are released')
      expect(pool.stats()).toMatchObject({ acquired: 516, released: 516, waiting: 0, unpooled: { acquired: 0 } })
    })
  })

  describe('what else makes room', () => {
    const waiter = async (prepare, act, options) => {
      const pool = make({ maxBytes: 2048, classes: [1024, 2048], ...options })
      const given = prepare(pool)
      const promise = pool.acquireAsync(2000)
      await settle()
      expect(pool.stats().waiting).toBe(1)
      act(pool, given)
      expect(await promise).toHaveLength(2000)
      expect(pool.stats().waiting).toBe(0)
    }

    test('a lease that ends', () => waiter(pool => pool.lease(1000), (_, lease) => lease.release(10)))
    test('detach', () => waiter(pool => pool.acquire(1000), (pool, buf) => pool.detach(buf)))
    test('a release of memory that was taken away', () => waiter(pool => pool.acquire(1000), (pool, buf) => {
      try { structuredClone(buf.buffer, { transfer: [buf.buffer] }) } catch { buf.buffer.transfer?.() }
      pool.release(buf)
    }))
    test('a release that keeps nothing', () => waiter(pool => pool.acquire(1000), (pool, buf) => pool.release(buf),
      { maxFreeBytes: 0 }))
    test.each([
      { zeroing: 'none' }, { zeroing: 'both' }, { poison: true }, { fence: 'always' }, { leakDetection: 'paranoid' }
    ])('a release, with %p', options =>
      waiter(pool => pool.acquire(1000), (pool, buf) => pool.release(buf), options))

    test('a Buffer that is lost', async () => {
      const pool = make({ maxBytes: 2048, classes: [1024, 2048] })
      const lose = () => { pool.acquire(1000) }
      lose()
      let served
      pool.acquireAsync(2000).then(buf => { served = buf })
      await settle()
      expect(pool.stats().waiting).toBe(1)
      await untilCollected(() => served !== undefined, 'the waiter is served')
      expect(pool.stats()).toMatchObject({ live: 1, lost: 1, waiting: 0 })
    })

    test('nothing, if what is released was unpooled', async () => {
      const pool = make({ maxBytes: 1024, classes: [1024] })
      const empty = pool.acquire(0)
      const held = pool.acquire(1)
      const promise = pool.acquireAsync(1)
      pool.release(empty)
      await settle()
      expect(pool.stats().waiting).toBe(1)
      pool.release(held)
      await promise
    })
  })

  describe('the bytes of who waited', () => {
    test.each(['none', 'on-acquire', 'on-release', 'both'])('zeroing %s', async zeroing => {
      const pool = make({ zeroing, maxBytes: 1024, classes: [1024] })
      let buf = pool.acquire(1000)
      for (const zero of [undefined, true, undefined]) {
        wholeOf(buf).fill(0xaa)
        const promise = pool.acquireAsync(1000, { zero })
        pool.release(buf)
        buf = await promise
        expect(isAll(wholeOf(buf), zeroing === 'none' && !zero ? 0xaa : 0)).toBe(true)
      }
    })
  })

  describe('an AbortSignal', () => {
    test('that is aborted before: nothing is taken, even if there is room', async () => {
      const pool = make()
      const before = pool.stats()
      for (const reason of [undefined, new Error('mine'), 'text', null, 0]) {
        const signal = AbortSignal.abort(reason)
        const error = await pool.acquireAsync(10, { signal }).then(() => 'no error', each => each)
        expect(error).toBe(signal.reason)
      }
      expect(pool.stats()).toEqual(before)
    })

    test('that is aborted while one waits: it is rejected with the reason, and those behind go on', async () => {
      const pool = make({ maxBytes: 2048 })
      const [a, b] = [pool.acquire(1000), pool.acquire(1000)]
      const controllers = [1, 2, 3].map(() => new AbortController())
      const options = controllers.map(({ signal }) => ({ signal }))
      const { log, waiting } = queue(pool, [2000, 1000, 1000], options)
      pool.release(a)
      await settle()
      expect(log).toEqual([])
      controllers[0].abort(new Error('given up'))
      // At once there is room for who comes next.
      expect(pool.stats()).toMatchObject({ waiting: 1, live: 2 })
      await settle()
      expect(log).toEqual(['0: given up', 1])
      controllers[1].abort(new Error('too late'))
      await settle()
      pool.release(b)
      await settle()
      expect(log).toEqual(['0: given up', 1, 2])
      for (const i of [1, 2]) pool.release(await waiting[i])
      expect(pool.stats()).toMatchObject({ live: 0, waiting: 0 })
    })

    test('leaves nothing behind: no listener, whatever became of it', async () => {
      const pool = make({ maxBytes: 1024, classes: [1024] })
      const controllers = [1, 2, 3, 4, 5].map(() => new AbortController())
      const listeners = () => controllers.map(({ signal }) => getEventListeners(signal, 'abort').length)
      const held = pool.acquire(1)
      const options = controllers.map(({ signal }, i) => ({ signal, timeout: i === 2 ? 1 : undefined }))
      const { waiting } = queue(pool, [1, 1, 1, 1, 1], options)
      expect(listeners()).toEqual([1, 1, 1, 1, 1])
      controllers[1].abort()
      await waiting[2]
      expect(listeners()).toEqual([1, 0, 0, 1, 1])
      pool.release(held)
      const buf = await waiting[0]
      expect(listeners()).toEqual([0, 0, 0, 1, 1])
      pool.release(buf)
      await waiting[3]
      pool.close()
      await waiting[4]
      expect(listeners()).toEqual([0, 0, 0, 0, 0])
      await pool.acquireAsync(1, { signal: controllers[0].signal }).catch(() => {})
      expect(listeners()).toEqual([0, 0, 0, 0, 0])
    })

    test('does not matter once it is served', async () => {
      const pool = make()
      const controller = new AbortController()
      const buf = await pool.acquireAsync(10, { signal: controller.signal })
      controller.abort()
      expect(pool.stats()).toMatchObject({ live: 1 })
      pool.release(buf)
    })

    test('aborted in the turn in which it is served: the Buffer is not lost', async () => {
      const pool = make({ maxBytes: 1024, classes: [1024] })
      const held = pool.acquire(1)
      const controller = new AbortController()
      const promise = pool.acquireAsync(1, { signal: controller.signal })
      pool.release(held)
      controller.abort()
      pool.release(await promise)
      expect(pool.stats()).toMatchObject({ live: 0, acquired: 2, released: 2 })
    })

    test('when the last who waited has given up, nobody is in the way', async () => {
      const pool = make({ maxBytes: 2048, classes: [1024, 2048] })
      pool.acquire(1)
      const controller = new AbortController()
      const promise = rejectionOf(pool.acquireAsync(2000, { signal: controller.signal }))
      await settle()
      controller.abort()
      expect(pool.acquire(1)).toHaveLength(1)
      expect((await promise).name).toBe('AbortError')
    })

    test('that is nobody\'s: with what is needed, and with what throws', async () => {
      const pool = make({ maxBytes: 1024, classes: [1024] })
      const held = pool.acquire(1)
      let abort
      const duck = {
        aborted: false, reason: new Error('quack'),
        addEventListener (_, listener) { abort = listener }, removeEventListener () {}
      }
      const promise = rejectionOf(pool.acquireAsync(1, { signal: duck }))
      await settle()
      duck.aborted = true
      abort()
      expect((await promise).message).toBe('quack')
      const own = new Error('mine')
      const thrower = { aborted: false, addEventListener () { throw own }, removeEventListener () {} }
      expect(await rejectionOf(pool.acquireAsync(1, { signal: thrower }))).toBe(own)
      const early = {
        aborted: false, reason: new Error('early'),
        addEventListener (_, listener) { listener() }, removeEventListener () {}
      }
      expect((await rejectionOf(pool.acquireAsync(1, { signal: early }))).message).toBe('early')
      expect(pool.stats()).toMatchObject({ waiting: 0, live: 1 })
      pool.release(held)
      pool.release(pool.acquire(1))
    })
  })

  describe('a timeout', () => {
    test('rejects who has waited so long, and those behind go on', async () => {
      const pool = make({ name: 'slow', maxBytes: 2048 })
      const [a] = [pool.acquire(1000), pool.acquire(1000)]
      const { log, waiting } = queue(pool, [2000, 1000], [{ timeout: 1 }])
      pool.release(a)
      await waiting[0]
      await settle()
      expect(log).toEqual(['0: ERR_HEAPWISE_TIMEOUT', 1])
      expect(pool.stats()).toMatchObject({ waiting: 0, live: 2 })
      const error = await rejectionOf(pool.acquireAsync(1000, { timeout: 0 }))
      expect(Object.getPrototypeOf(error)).toBe(Error.prototype)
      expect(error.code).toBe('ERR_HEAPWISE_TIMEOUT')
      expect(error.message).toMatch(/'slow' had no 1000 bytes.+ 0 ms/)
    })

    test('does not matter to who is served', async () => {
      const pool = make({ maxBytes: 1024, classes: [1024] })
      const held = pool.acquire(1)
      const promise = pool.acquireAsync(1, { timeout: 1 })
      pool.release(held)
      const buf = await promise
      const late = rejectionOf(pool.acquireAsync(1, { timeout: 20 }))
      // Longer than the first one's.
      expect((await late).code).toBe('ERR_HEAPWISE_TIMEOUT')
      expect(pool.stats()).toMatchObject({ live: 1, waiting: 0 })
      pool.release(buf)
    })

    test('the longest there is', async () => {
      const pool = make({ maxBytes: 1024, classes: [1024] })
      const held = pool.acquire(1)
      const promise = pool.acquireAsync(1, { timeout: 2 ** 31 - 1 })
      await new Promise(resolve => setTimeout(resolve, 5))
      expect(pool.stats().waiting).toBe(1)
      pool.release(held)
      await promise
    })
  })

  describe('close', () => {
    test('rejects all who wait, in their order', async () => {
      const pool = make({ maxBytes: 1024 })
      const held = pool.acquire(1)
      const { log } = queue(pool, [1, 1000, 1024])
      await settle()
      pool.close()
      expect(pool.stats()).toMatchObject({ closed: true, waiting: 0, live: 1 })
      await settle()
      expect(log).toEqual(['0: ERR_HEAPWISE_CLOSED', '1: ERR_HEAPWISE_CLOSED', '2: ERR_HEAPWISE_CLOSED'])
      refuses(pool, () => pool.release(held), CLOSED)
    })

    test('in what one does who was rejected', async () => {
      const pool = make({ maxBytes: 1024 })
      pool.acquire(1)
      const after = []
      const promise = pool.acquireAsync(1).catch(error => {
        after.push(error.code, thrownBy(() => pool.acquire(1)).code)
        pool.close()
      })
      pool.close()
      await promise
      expect(after).toEqual([CLOSED.code, CLOSED.code])
    })
  })

  describe('calls from within', () => {
    test('who is served releases and waits again at once', async () => {
      const pool = make({ maxBytes: 2048, classes: [1024] })
      const held = [pool.acquire(1), pool.acquire(1)]
      const order = []
      const loop = async name => {
        for (let i = 0; i < 50; i++) {
          const buf = await pool.acquireAsync(1 + i)
          order.push(name)
          expect(pool.stats().live).toBeLessThanOrEqual(2)
          pool.release(buf)
        }
      }
      const loops = ['a', 'b', 'c', 'd'].map(loop)
      for (const buf of held) pool.release(buf)
      await Promise.all(loops)
      expect(order).toHaveLength(200)
      expect(pool.stats()).toMatchObject({ live: 0, waiting: 0, acquired: 202, released: 202, misses: 2 })
    })

    test('an abort listener that releases, acquires and waits', async () => {
      const pool = make({ maxBytes: 2048, classes: [1024, 2048] })
      const held = [pool.acquire(1), pool.acquire(1)]
      const controller = new AbortController()
      const log = []
      controller.signal.addEventListener('abort', () => {
        pool.release(held[0])
        log.push(pool.stats().waiting)
      })
      const first = pool.acquireAsync(2000, { signal: controller.signal }).catch(({ name }) => log.push(name))
      const second = pool.acquireAsync(1000).then(() => log.push('second'))
      controller.abort()
      await Promise.all([first, second])
      expect(log).toEqual([2, 'AbortError', 'second'])
      expect(pool.stats()).toMatchObject({ live: 2, waiting: 0 })
    })

    test('two who share a signal are rejected together', async () => {
      const pool = make({ maxBytes: 1024 })
      pool.acquire(1)
      const controller = new AbortController()
      const { log } = queue(pool, [1, 1, 1], [{ signal: controller.signal }, { signal: controller.signal }, undefined])
      controller.abort(new Error('both'))
      await settle()
      expect(log).toEqual(['0: both', '1: both'])
      expect(pool.stats().waiting).toBe(1)
    })
  })

  test('no memory is held by those who were rejected', async () => {
    const pool = make({ maxBytes: 4096 })
    const held = pool.acquire(4096)
    for (let i = 0; i < 200; i++) await rejectionOf(pool.acquireAsync(1 + i, { timeout: 0 }))
    pool.release(held)
    expect(pool.stats()).toMatchObject({ live: 0, free: 1, waiting: 0, acquired: 1 })
    expect(pool.acquire(4096)).toBe(held)
  })
})

describe('a process ends though somebody waits', () => {
  test.each([
    ['for ever', 'pool.acquireAsync(1)'], ['with a timeout', 'pool.acquireAsync(1, { timeout: 3_600_000 })'],
    ['with a signal', 'pool.acquireAsync(1, { signal: new AbortController().signal })']
  ])('%s', async (_, wait) => {
    const script = `
      const { BufferPool } = require('.')
      const pool = new BufferPool({ onFull: 'wait', classes: [1024], maxBytes: 1024 })
      pool.acquire(1)
      ${wait}.then(() => console.log('served'))
      console.log(pool.stats().waiting)`
    expect(await runProcess(script)).toEqual({ stdout: '1\n', stderr: '', code: 0, signal: null })
  })
})
