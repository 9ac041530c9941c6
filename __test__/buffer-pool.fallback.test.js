'use strict'

// Where chunks come from when native memory cannot be wrapped, is refused, or is used up. What pools do over either
// memory is tested with the rest; here is how one is chosen.

const {
  BufferPool, FULL, INVALID_USE, closeAll, isAll, isZero, open, refuses, thrownBy, untilCollected, wholeOf, withMemory
} = require('./support/buffer-pool-tools')
const { runProcess } = require('./support/off-heap-workers')

afterEach(closeAll)

const OUT_OF_MEMORY = {
  type: Error,
  code: 'ERR_HEAPWISE_OUT_OF_MEMORY',
  message: /^the operating system gives no memory for a chunk of \d+ bytes$/
}
const NO_SECURE = { ...INVALID_USE, message: /secure pool needs .+ native memory/ }

/** The façade over an addon of which some functions are replaced. */
const withNative = (changes, action) => {
  const before = process.env.HEAPWISE_POOL_MEMORY
  delete process.env.HEAPWISE_POOL_MEMORY
  try {
    jest.isolateModules(() => {
      const native = require('../lib/native')
      jest.doMock('../lib/native', () => ({ ...native, ...changes(native) }))
      action(require('..').BufferPool)
    })
  } finally {
    jest.dontMock('../lib/native')
    if (before !== undefined) process.env.HEAPWISE_POOL_MEMORY = before
  }
}

/** What any pool can do. */
const expectWorks = pool => {
  const bufs = Array.from({ length: 50 }, (_, i) => {
    const buf = pool.acquire(1 + i * 20)
    expect([buf.length, buf.byteOffset, isZero(wholeOf(buf))]).toEqual([1 + i * 20, 0, true])
    wholeOf(buf).fill(i + 1)
    return buf
  })
  bufs.forEach((buf, i) => expect(isAll(wholeOf(buf), i + 1)).toBe(true))
  for (const buf of bufs) pool.release(buf)
  for (const buf of bufs) expect(thrownBy(() => pool.release(buf)).code).toBe('ERR_HEAPWISE_DOUBLE_RELEASE')
  const lease = pool.lease(10)
  lease.release()
  expect(pool.from('abc').toString()).toBe('abc')
  expect(pool.stats()).toMatchObject({ acquired: 52, released: 51, live: 1 })
  expect(pool.trim()).toBeGreaterThan(0)
  expect(pool.stats()).toMatchObject({ free: 0, live: 1 })
}

describe('HEAPWISE_POOL_MEMORY', () => {
  test('js: memory of the runtime\'s own, and stats() says so', () => {
    const pool = open({}, 'js')
    expect(pool.stats().memory).toBe('js')
    expectWorks(pool)
    expect(pool.stats().bytes).toMatchObject({ mapped: 64, committed: 64, live: 64 })
    expect(pool.stats()).toMatchObject({ secure: null, pinned: 0 })
  })

  test.each(['', 'native', 'JS', '1', 'true'])('%p: native memory', async value => {
    const { stdout, stderr } = await runProcess(`
      process.env.HEAPWISE_POOL_MEMORY = ${JSON.stringify(value)}
      console.log(new (require('.').BufferPool)().stats().memory)`)
    expect([stdout, stderr]).toEqual(['native\n', ''])
  })

  test('is read for each pool', () => {
    expect(withMemory('js', () => new BufferPool()).stats().memory).toBe('js')
    expect(withMemory('native', () => new BufferPool()).stats().memory).toBe('native')
  })

  test('a secure pool is refused, since it could not be', () => {
    const error = thrownBy(() => withMemory('js', () => new BufferPool({ secure: true })))
    expect(error).toMatchObject({ code: NO_SECURE.code, message: expect.stringMatching(NO_SECURE.message) })
  })

  test('a process that uses it ends well', async () => {
    const { stdout, stderr, code } = await runProcess(`
      const { BufferPool } = require('.')
      process.env.HEAPWISE_POOL_MEMORY = 'js'
      const pool = new BufferPool({ fence: 'always', poison: true })
      for (let i = 0; i < 1000; i++) pool.release(pool.acquire(1 + i))
      globalThis.held = pool.acquire(100)
      console.log(pool.stats().memory)`)
    expect({ stdout, stderr, code }).toEqual({ stdout: 'js\n', stderr: '', code: 0 })
  })
})

describe('where a runtime refuses ArrayBuffers over native memory', () => {
  test('a pool goes on with its own', () => {
    let closed = 0
    const changes = ({ poolClose }) => ({
      poolTake: () => 2,
      poolClose: handle => {
        closed += 1
        poolClose(handle)
      }
    })
    withNative(changes, Pool => {
      const pool = new Pool({ idleMs: 0 })
      expect(pool.stats().memory).toBe('native')
      expectWorks(pool)
      expect(pool.stats().memory).toBe('js')
      expect(closed).toBe(1)
      pool.close()
      expect(pool.stats()).toMatchObject({ closed: true, memory: 'js' })
      expect(closed).toBe(1)
      expectWorks(new Pool({ idleMs: 0 }))
    })
  })

  test('with every policy, and its bounds', () => {
    withNative(() => ({ poolTake: () => 2 }), Pool => {
      for (const options of [{ zeroing: 'none' }, { zeroing: 'both' }, { poison: true }, { fence: 'always' },
        { leakDetection: 'paranoid' }]) {
        const pool = new Pool({ ...options, idleMs: 0, classes: [1024], maxBytes: 2048, onFull: 'throw' })
        const bufs = [pool.acquire(1000), pool.acquire(1000)]
        refuses(pool, () => pool.acquire(1), FULL)
        for (const buf of bufs) pool.release(buf)
        expect(pool.acquire(1000, { zero: true }).every(byte => byte === 0)).toBe(true)
      }
    })
  })

  test('lost Buffers are counted', async () => {
    let pool
    withNative(() => ({ poolTake: () => 2 }), Pool => { pool = new Pool({ idleMs: 0 }) })
    const drop = () => { for (let i = 0; i < 20; i++) pool.acquire(100) }
    drop()
    await untilCollected(() => pool.stats().lost === 20, 'all are lost')
    expect(pool.stats()).toMatchObject({ live: 0, bytes: { live: 0, mapped: 0 } })
  })

  test('a secure pool does not, however often it is asked', () => {
    withNative(() => ({ poolTake: () => 2 }), Pool => {
      const pool = new Pool({ secure: true })
      for (let i = 0; i < 3; i++) refuses(pool, () => pool.acquire(100), NO_SECURE)
      pool.trim()
      pool.close()
      pool.close()
      expect(pool.closed).toBe(true)
    })
  })
})

describe('where the operating system gives no memory', () => {
  test('no pool can be made', () => {
    withNative(() => ({ poolOpen: () => 0 }), Pool => {
      const error = thrownBy(() => new Pool())
      expect(error.code).toBe('ERR_HEAPWISE_OUT_OF_MEMORY')
      expect(error.message).toBe('the operating system gives no memory for a pool')
    })
  })

  test('a pool says so, or lends plain memory', () => {
    let none = true
    withNative(({ poolTake }) => ({ poolTake: (...args) => none ? 1 : poolTake(...args) }), Pool => {
      for (const onFull of ['throw', 'wait']) {
        none = true
        const pool = new Pool({ onFull, idleMs: 0 })
        for (let i = 0; i < 3; i++) refuses(pool, () => pool.acquire(100), OUT_OF_MEMORY)
        none = false
        pool.release(pool.acquire(100))
        // What is free needs none.
        none = true
        expect(pool.acquire(100)).toHaveLength(100)
        refuses(pool, () => pool.acquire(100), OUT_OF_MEMORY)
        pool.close()
      }
      const pool = new Pool({ idleMs: 0 })
      expect(pool.acquire(100)).toHaveLength(100)
      expect(pool.stats()).toMatchObject({ acquired: 0, unpooled: { acquired: 1 } })
      pool.close()
    })
  })

  test('who waits is told', async () => {
    let none = false
    let pool
    withNative(({ poolTake }) => ({ poolTake: (...args) => none ? 1 : poolTake(...args) }), Pool => {
      pool = new Pool({ onFull: 'wait', idleMs: 0, classes: [1024, 2048], maxBytes: 2048 })
    })
    const held = pool.acquire(1000)
    const waiting = pool.acquireAsync(2000).catch(error => error)
    const next = pool.acquireAsync(1000)
    none = true
    pool.release(held)
    expect((await waiting).code).toBe('ERR_HEAPWISE_OUT_OF_MEMORY')
    expect(await next).toHaveLength(1000)
    pool.close()
  })

  test('nor the runtime', () => {
    const { ArrayBuffer } = globalThis
    class Refusing extends ArrayBuffer {
      constructor () {
        super(0)
        throw new RangeError('Array buffer allocation failed')
      }
    }
    const pools = ['throw', 'unpooled'].map(onFull => open({ onFull, idleMs: 0 }, 'js'))
    try {
      globalThis.ArrayBuffer = Refusing
      refuses(pools[0], () => pools[0].acquire(100), OUT_OF_MEMORY)
      expect(pools[1].acquire(100)).toHaveLength(100)
    } finally {
      globalThis.ArrayBuffer = ArrayBuffer
    }
    expect(pools[1].stats()).toMatchObject({ live: 0, unpooled: { acquired: 1 } })
    expectWorks(pools[0])
  })
})
