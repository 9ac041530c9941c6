'use strict'

// What is not needed for a while is given back, by a timer that keeps nothing alive.

const {
  MEMORIES, classOf, closeAll, isZero, open, until, untilCollected, withMemory, wholeOf
} = require('./support/buffer-pool-tools')
const { runProcess } = require('./support/off-heap-workers')

afterEach(closeAll)

/** The façade, loaded anew with timers that the test calls: `tick()` is what the timer would do. */
const withTimers = (memory, action) => {
  const { setInterval, clearInterval } = globalThis
  const timers = []
  globalThis.setInterval = (callback, ms) => {
    const timer = { callback, ms, running: true, kept: true }
    timer.unref = () => { timer.kept = false }
    timers.push(timer)
    return timer
  }
  globalThis.clearInterval = timer => { if (timer !== undefined) timer.running = false }
  const tick = () => {
    for (const timer of timers) if (timer.running) timer.callback()
  }
  try {
    return jest.isolateModules(() => withMemory(memory, () => {
      const { BufferPool } = require('..')
      return action({ BufferPool, timers, tick })
    }))
  } finally {
    Object.assign(globalThis, { setInterval, clearInterval })
  }
}

describe.each(MEMORIES)('%s memory', memory => {
  describe('by and by', () => {
    test('of what was free since the last look, half goes', () => {
      withTimers(memory, ({ BufferPool, timers, tick }) => {
        const pool = new BufferPool({ classes: [1024], idleMs: 1234 })
        expect(timers).toHaveLength(0)
        const bufs = Array.from({ length: 20 }, () => pool.acquire(1000))
        expect(timers).toMatchObject([{ ms: 1234, running: true, kept: false }])
        for (const buf of bufs) pool.release(buf)
        const free = []
        for (let i = 0; i < 8; i++) {
          tick()
          free.push(pool.stats().free)
        }
        // Nothing was free all the time before the first look.
        expect(free).toEqual([20, 10, 5, 2, 1, 0, 0, 0])
        expect(pool.stats()).toMatchObject({ live: 0, dropped: { idle: 20 } })
        // There is nothing more to look after.
        expect(timers).toMatchObject([{ running: false }])
        // Until there is.
        pool.release(pool.acquire(1000))
        expect(timers.filter(({ running }) => running)).toMatchObject([{ ms: 1234, kept: false }])
        pool.close()
        expect(timers.filter(({ running }) => running)).toEqual([])
      })
    })

    test('what is in use stays, however seldom it is free', () => {
      withTimers(memory, ({ BufferPool, tick }) => {
        const pool = new BufferPool({ classes: [1024], idleMs: 1 })
        const use = count => {
          const bufs = Array.from({ length: count }, () => pool.acquire(1000))
          for (const buf of bufs) pool.release(buf)
        }
        use(16)
        tick()
        for (let i = 0; i < 10; i++) {
          use(16)
          tick()
        }
        expect(pool.stats()).toMatchObject({ free: 16, misses: 16, dropped: { idle: 0 } })
        // Of which fewer are needed from now on.
        for (let i = 0; i < 10; i++) {
          use(6)
          tick()
        }
        expect(pool.stats()).toMatchObject({ free: 6, misses: 16, dropped: { idle: 10 } })
        pool.close()
      })
    })

    test('each class by itself, those used the longest ago first', () => {
      withTimers(memory, ({ BufferPool, tick }) => {
        const pool = new BufferPool({ classes: [128, 1024], idleMs: 1, zeroing: 'none' })
        const bufs = Array.from({ length: 4 }, (_, i) => pool.acquire(1000).fill(i + 1))
        const small = Array.from({ length: 8 }, () => pool.acquire(100))
        for (const buf of [...bufs, ...small]) pool.release(buf)
        tick()
        tick()
        expect([classOf(pool, 128).free, classOf(pool, 1024).free]).toEqual([4, 2])
        // The last that was released is the one that is still in the processor's cache.
        expect([pool.acquire(1000)[0], pool.acquire(1000)[0]]).toEqual([4, 3])
        expect(isZero(wholeOf(pool.acquire(1000)))).toBe(true)
        pool.close()
      })
    })

    test('the timer goes on as long as something is lent', () => {
      withTimers(memory, ({ BufferPool, timers, tick }) => {
        const pool = new BufferPool({ classes: [1024], idleMs: 1 })
        const held = pool.acquire(1000)
        for (let i = 0; i < 5; i++) tick()
        expect(timers).toMatchObject([{ running: true }])
        pool.release(held)
        for (let i = 0; i < 3; i++) tick()
        expect(pool.stats()).toMatchObject({ free: 0, dropped: { idle: 1 } })
        expect(timers).toMatchObject([{ running: false }])
        pool.close()
      })
    })

    test('never, if idleMs is 0', () => {
      withTimers(memory, ({ BufferPool, timers }) => {
        const pool = new BufferPool({ classes: [1024], idleMs: 0 })
        pool.release(pool.acquire(1000))
        expect(timers).toEqual([])
        pool.close()
      })
    })

    test('every 10 seconds, if nothing is said', () => {
      withTimers(memory, ({ BufferPool, timers }) => {
        const pool = new BufferPool()
        pool.release(pool.acquire(1000))
        expect(timers).toMatchObject([{ ms: 10_000, kept: false }])
        pool.close()
      })
    })

    test('it serves those who wait', async () => {
      let served
      withTimers(memory, ({ BufferPool, tick }) => {
        const pool = new BufferPool({ classes: [1024, 2048], maxBytes: 2048, onFull: 'wait', idleMs: 1 })
        const held = pool.acquire(1000)
        pool.acquireAsync(2000).then(buf => { served = buf })
        tick()
        pool.release(held)
        tick()
        expect(pool.stats()).toMatchObject({ waiting: 0, live: 1 })
        pool.close()
      })
      await until(() => served !== undefined, 'the waiter is served')
    })
  })

  test('with the timers of the system', async () => {
    const pool = open({ classes: [4096, 65536], idleMs: 5 }, memory)
    const bufs = Array.from({ length: 64 }, (_, i) => pool.acquire(i % 2 ? 4000 : 65000))
    for (const buf of bufs) pool.release(buf)
    await until(() => pool.stats().free === 0, 'all of it is given back')
    expect(pool.stats()).toMatchObject({ live: 0, dropped: { idle: 64, trim: 0 }, bytes: { live: 0, free: 0 } })
    // It is as new.
    const again = pool.acquire(65000)
    expect(isZero(wholeOf(again))).toBe(true)
    pool.release(again)
    await until(() => pool.stats().free === 0, 'and again')
  })

  test('a pool that nobody has is collected, though its timer runs', async () => {
    let gone = 0
    const dead = new FinalizationRegistry(() => { gone += 1 })
    const { BufferPool } = require('..')
    const forget = () => {
      for (let i = 0; i < 10; i++) {
        const pool = withMemory(memory, () => new BufferPool({ idleMs: 2 ** 31 - 1 }))
        pool.release(pool.acquire(1000))
        dead.register(pool)
      }
    }
    forget()
    await untilCollected(() => gone === 10, 'all pools are collected')
  })
})

describe('a process ends', () => {
  test.each([
    ['with pools that have timers', 'const pool = new BufferPool(); pool.release(pool.acquire(100))'],
    ['with Buffers that are lent', `
      const pool = new BufferPool({ idleMs: 1 })
      globalThis.held = [pool, pool.acquire(1e5)]`],
    ['with a timer that has just run', `
      const pool = new BufferPool({ idleMs: 1 })
      pool.release(pool.acquire(100))
      setTimeout(() => globalThis.pool = pool, 20)`],
    ['with pools that are closed', 'const pool = new BufferPool(); globalThis.held = pool.acquire(1); pool.close()'],
    ['with pools of every policy', `
      for (const zeroing of ['none', 'on-acquire', 'on-release', 'both']) {
        for (const fence of ['off', 'always']) {
          const pool = new BufferPool({ zeroing, fence, poison: true, leakDetection: 'paranoid' })
          globalThis[zeroing + fence] = [pool, pool.acquire(100), pool.lease(1000)]
          pool.release(pool.acquire(5))
        }
      }`],
    ['in the middle of it all', `
      const pool = new BufferPool()
      globalThis.held = Array.from({ length: 1000 }, (_, i) => pool.acquire(i + 1))
      setTimeout(() => process.exit(0), 5)
      setInterval(() => { for (let i = 0; i < 100; i++) pool.acquire(i + 1) }, 1)`]
  ])('%s', async (_, script) => {
    for (const memory of MEMORIES) {
      const env = `process.env.HEAPWISE_POOL_MEMORY = ${JSON.stringify(memory)}`
      const outcome = await runProcess(`${env}\nconst { BufferPool } = require('.')\n${script}\nconsole.log('end')`)
      expect(outcome).toEqual({ stdout: 'end\n', stderr: '', code: 0, signal: null })
    }
  })
})
