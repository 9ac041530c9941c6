'use strict'

// Buffers that nobody released: their memory comes back, they are counted, and the line that acquired them is told.

const { subscribe, unsubscribe } = require('node:diagnostics_channel')
const vm = require('node:vm')
const {
  MEMORIES, classOf, closeAll, isZero, open, rejectionOf, until, untilCollected, wholeOf
} = require('./support/buffer-pool-tools')
const { runProcess } = require('./support/off-heap-workers')

const TOPIC = 'heapwise:buffer-pool:leak'

const published = []
const listener = message => published.push(message)
beforeEach(() => {
  published.length = 0
  subscribe(TOPIC, listener)
})
afterEach(() => {
  unsubscribe(TOPIC, listener)
  closeAll()
})

/** The line that calls this. */
const lineHere = (frame = 2) => Number(/:(\d+):\d+\)?$/.exec(new Error().stack.split('\n')[frame])[1])
const at = line => expect.stringMatching(new RegExp(`^at .*buffer-pool\\.leaks\\.test\\.js:${line}:\\d+\\)?$`))

const lost = (pool, count) => untilCollected(() => pool.stats().lost === count, `${count} are lost`)
const turn = () => new Promise(resolve => setImmediate(resolve))

describe.each(MEMORIES)('%s memory', memory => {
  const make = options => {
    const reports = []
    const onLeak = report => reports.push(report)
    const pool = open({ idleMs: 0, leakDetection: 'paranoid', onLeak, ...options }, memory)
    return { pool, reports }
  }

  describe('memory that comes back', () => {
    test.each(['off', 'simple', 'advanced', 'paranoid'])('with leakDetection %s', async leakDetection => {
      const { pool } = make({ leakDetection, classes: [1024, 65536], maxBytes: 20 * 65536, onFull: 'throw' })
      const use = () => {
        for (let i = 0; i < 20; i++) wholeOf(pool.acquire(i % 2 ? 1000 : 65536)).fill(1)
      }
      for (let round = 1; round <= 4; round++) {
        use()
        expect(pool.stats().live).toBe(20)
        await lost(pool, 20 * round)
        expect(pool.stats()).toMatchObject({
          acquired: 20 * round, released: 0, live: 0, free: 0, lost: 20 * round, bytes: { live: 0 },
          unpooled: { acquired: 0 }
        })
        expect(classOf(pool, 65536).lost).toBe(10 * round)
      }
      const all = Array.from({ length: 20 }, () => pool.acquire(65536))
      for (const buf of all) expect(isZero(buf)).toBe(true)
    })

    test('what was dropped without a word is not missed by those who are still there', async () => {
      const { pool } = make({ classes: [128], leakDetection: 'off' })
      const kept = []
      const use = () => {
        for (let i = 0; i < 2000; i++) {
          const buf = pool.acquire(100).fill(i % 251)
          if (i % 10 === 0) kept.push([buf, i % 251])
        }
      }
      use()
      await lost(pool, 1800)
      const more = Array.from({ length: 1800 }, () => pool.acquire(100).fill(255))
      for (const [buf, byte] of kept) expect(buf.equals(Buffer.alloc(100, byte))).toBe(true)
      expect(pool.stats()).toMatchObject({ live: 2000, lost: 1800 })
      for (const buf of [...more, ...kept.map(([each]) => each)]) pool.release(buf)
      expect(pool.stats()).toMatchObject({ live: 0, free: 2000, released: 2000, lost: 1800 })
    })

    test('a view, an ArrayBuffer or a lease is enough to keep it', async () => {
      const { pool } = make({ leakDetection: 'off' })
      const keep = [pool.acquire(100).subarray(5, 10), pool.acquire(100).buffer, new DataView(pool.acquire(100).buffer),
        pool.lease(100)]
      const drop = () => { pool.acquire(100) }
      drop()
      await lost(pool, 1)
      for (let i = 0; i < 3; i++) await untilCollected(() => true, '')
      expect(pool.stats()).toMatchObject({ live: 4, lost: 1 })
      expect(keep[0]).toHaveLength(5)
      keep.length = 0
      await lost(pool, 5)
    })

    test('once it is released it is not lost, whoever drops it', async () => {
      const { pool, reports } = make()
      const use = () => {
        for (let i = 0; i < 100; i++) pool.release(pool.acquire(100 + i))
      }
      use()
      pool.trim()
      const drop = () => { pool.acquire(1) }
      drop()
      await lost(pool, 1)
      await untilCollected(() => true, '')
      expect(pool.stats()).toMatchObject({ lost: 1, released: 100, live: 0 })
      expect(reports).toHaveLength(1)
    })

    test('unpooled Buffers are not lost', async () => {
      const { pool, reports } = make({ max: 1000 })
      const drop = () => {
        pool.acquire(1001)
        pool.acquire(0)
        pool.acquire(1)
      }
      drop()
      await lost(pool, 1)
      expect(pool.stats()).toMatchObject({ lost: 1, unpooled: { acquired: 2, released: 0 } })
      expect(reports).toHaveLength(1)
    })
  })

  describe('the place', () => {
    // Each returns the line that acquires, if that is wanted: it takes longer than all the rest.
    let marking
    const mark = () => marking ? lineHere(3) : undefined
    const WAYS = {
      acquire: pool => [pool.acquire(100), mark()][1],
      'acquire, zeroed': pool => [pool.acquire(100, { zero: true }), mark()][1],
      lease: pool => [pool.lease(100), mark()][1],
      'lease, zeroed': pool => [pool.lease(100, { zero: true }), mark()][1],
      alloc: pool => [pool.alloc(100), mark()][1],
      'alloc, filled': pool => [pool.alloc(100, 'a'), mark()][1],
      allocUnsafe: pool => [pool.allocUnsafe(100), mark()][1],
      from: pool => [pool.from('x'.repeat(100)), mark()][1],
      concat: pool => [pool.concat([Buffer.alloc(60), Buffer.alloc(40)]), mark()][1],
      reader: pool => [pool.reader(100), mark()][1],
      acquireAsync: pool => [pool.acquireAsync(100), mark()][1],
      'in a callback': pool => [1].map(() => [pool.acquire(100), mark()][1])[0],
      'in a getter': pool => ({ get line () { return [pool.acquire(100), mark()][1] } }).line,
      'in a constructor': pool => {
        class Holder { line = [pool.acquire(100), mark()][1] }
        return new Holder().line
      },
      'in a generator': pool => (function * () { yield [pool.acquire(100), mark()][1] })().next().value
    }

    test.each([
      ['paranoid', 1, 'on new chunks'], ['paranoid', 3, 'on chunks that were free'], ['advanced', 1000, 'some of them'],
      ['simple', 1000, 'some of them']
    ])('of each way to acquire: %s, %d times, %s', async (leakDetection, count) => {
      const { pool, reports } = make({ name: 'mine', leakDetection })
      const lines = {}
      const use = () => {
        for (const [way, acquire] of Object.entries(WAYS)) {
          if (count === 3) for (const buf of [1, 2, 3].map(() => pool.acquire(100))) pool.release(buf)
          for (let i = 0; i < count; i++) {
            marking = i === 0
            lines[way] = acquire(pool) ?? lines[way]
          }
        }
      }
      use()
      const ways = Object.keys(WAYS)
      await lost(pool, count * ways.length)
      await turn()
      const stack = leakDetection === 'simple' ? undefined : expect.stringMatching(/^at .+\nat .+/)
      const common = { pool: 'mine', size: 112, length: 100, count: 1, stack }
      // In whatever order they were collected.
      expect(reports).toHaveLength(ways.length)
      for (const way of ways) {
        expect([way, reports]).toEqual([way, expect.arrayContaining([{ ...common, place: at(lines[way]) }])])
      }
      expect(published).toEqual(reports)
      const { leaks } = pool.stats()
      expect(leaks.map(({ place }) => place)).toEqual(reports.map(({ place }) => place))
      for (const leak of leaks) {
        if (leakDetection === 'paranoid') expect(leak.count).toBe(count)
        else expect(leak.count).toBeLessThan(count / 10)
      }
    })

    test('of who waited is where it began to wait, not who released', async () => {
      const { pool, reports } = make({ onFull: 'wait', classes: [1024], maxBytes: 1024 })
      let line
      const wait = async () => {
        const held = pool.acquire(1)
        const promise = pool.acquireAsync(1)
        line = lineHere() - 1
        pool.release(held)
        await promise
      }
      await wait()
      await lost(pool, 1)
      await turn()
      expect(reports).toMatchObject([{ place: at(line) }])
    })

    test('the stack has the callers, the nearest first', async () => {
      const { pool, reports } = make()
      const inner = () => [pool.acquire(10), lineHere()][1]
      const outer = () => [inner(), lineHere()]
      const lines = outer()
      await lost(pool, 1)
      await turn()
      const stack = reports[0].stack.split('\n')
      expect(stack[0]).toBe(reports[0].place)
      expect(stack.slice(0, 2)).toEqual([at(lines[0]), at(lines[1])])
      expect(reports[0].stack).not.toMatch(/[\\/]lib[\\/]buffer-pool/)
    })

    test('is told once, and counted each time', async () => {
      const { pool, reports } = make()
      const lines = []
      const one = () => { lines[0] = [pool.acquire(10), lineHere()][1] }
      const other = () => { lines[1] = [pool.acquire(2000), lineHere()][1] }
      for (let round = 1; round <= 3; round++) {
        for (let i = 0; i < 5; i++) one()
        other()
        await lost(pool, 6 * round)
      }
      await turn()
      expect(reports).toHaveLength(2)
      expect(reports).toEqual(expect.arrayContaining([
        expect.objectContaining({ place: at(lines[0]), size: 64, length: 10, count: 1 }),
        expect.objectContaining({ place: at(lines[1]), size: 2048, length: 2000, count: 1 })
      ]))
      expect(published).toEqual(reports)
      expect(pool.stats().leaks).toHaveLength(2)
      expect(pool.stats().leaks).toEqual(expect.arrayContaining([
        { place: at(lines[0]), count: 15 }, { place: at(lines[1]), count: 3 }
      ]))
    })

    test('two pools tell their own', async () => {
      const [a, b] = [make({ name: 'a' }), make({ name: 'b' })]
      const use = () => { for (const { pool } of [a, b]) pool.acquire(10) }
      use()
      await lost(a.pool, 1)
      await lost(b.pool, 1)
      await turn()
      for (const [name, { reports }] of Object.entries({ a, b })) expect(reports).toMatchObject([{ pool: name }])
    })

    test('off: counted, but no place is kept', async () => {
      const { pool, reports } = make({ leakDetection: 'off' })
      const use = () => { for (let i = 0; i < 3000; i++) pool.acquire(10) }
      use()
      await lost(pool, 3000)
      await turn()
      expect([reports, published, pool.stats().leaks]).toEqual([[], [], []])
    })

    test('simple: some of them, without a stack', async () => {
      const { pool, reports } = make({ leakDetection: 'simple' })
      const use = () => { for (let i = 0; i < 5000; i++) pool.acquire(10) }
      use()
      await lost(pool, 5000)
      await turn()
      expect(reports).toMatchObject([{ stack: undefined }])
      // One in 128, more or less.
      expect(pool.stats().leaks[0].count).toBeGreaterThan(15)
      expect(pool.stats().leaks[0].count).toBeLessThan(100)
    })

    test('simple: a leak is found after long use without one', async () => {
      const { pool, reports } = make({ leakDetection: 'simple', classes: [64], zeroing: 'none' })
      for (let i = 0; i < 100_000; i++) pool.release(pool.acquire(10))
      const use = () => { for (let i = 0; i < 40_000; i++) pool.acquire(10) }
      use()
      await lost(pool, 40_000)
      await turn()
      expect(reports).toHaveLength(1)
    })
  })

  describe('a report keeps nothing alive', () => {
    const levels = ['simple', 'advanced', 'paranoid']
    test.each(levels)('not the receiver, the arguments or the closure: %s', async leakDetection => {
      const { pool } = make({ leakDetection })
      class Holder {
        constructor () { this.buf = undefined }
        take (size) {
          this.buf = pool.acquire(size)
          return this
        }
      }
      const closure = () => {
        const kept = { buf: undefined }
        const inner = self => { self.buf = kept.buf = pool.acquire(5) }
        inner(kept)
        return kept
      }
      const use = () => {
        for (let i = 0; i < 300; i++) {
          new Holder().take(10)
          closure()
          Reflect.apply(Holder.prototype.take, { huge: Buffer.alloc(10) }, [20])
        }
      }
      use()
      await lost(pool, 900)
    })

    test('not a report either, once it is told', async () => {
      const { pool, reports } = make()
      class Holder {
        take () { this.buf = pool.acquire(10) }
      }
      const use = () => { for (let i = 0; i < 50; i++) new Holder().take() }
      use()
      await lost(pool, 50)
      expect(JSON.parse(JSON.stringify(reports))).toHaveLength(reports.length)
      for (const report of reports) {
        for (const value of Object.values(report)) expect(['string', 'number', 'undefined']).toContain(typeof value)
      }
    })
  })

  describe('an Error that somebody has changed', () => {
    const { stackTraceLimit, prepareStackTrace } = Error
    afterEach(() => { Object.assign(Error, { stackTraceLimit, prepareStackTrace }) })

    const leak = async (change, expected) => {
      const { pool, reports } = make()
      let line
      const use = () => {
        change()
        try {
          pool.acquire(10)
        } finally {
          Object.assign(Error, { stackTraceLimit, prepareStackTrace })
        }
        line = lineHere() - 4
      }
      use()
      await lost(pool, 1)
      await turn()
      expect(reports).toEqual([expect.objectContaining({ place: expected ?? at(line) })])
    }

    test('stackTraceLimit 0', () => leak(() => { Error.stackTraceLimit = 0 }))
    test('stackTraceLimit 1', () => leak(() => { Error.stackTraceLimit = 1 }))
    test('stackTraceLimit Infinity', () => leak(() => { Error.stackTraceLimit = Infinity }))
    test('stackTraceLimit no number', () => leak(() => { Error.stackTraceLimit = 'many' }))
    test('stackTraceLimit deleted', () => leak(() => { delete Error.stackTraceLimit }))
    test('prepareStackTrace that answers frames', () => leak(() => { Error.prepareStackTrace = (_, sites) => sites }))
    test('prepareStackTrace that answers nothing', () => leak(() => { Error.prepareStackTrace = () => undefined }))
    test('prepareStackTrace that answers lies', () => leak(() => { Error.prepareStackTrace = () => 'at x (y:1:1)' }))
    test('prepareStackTrace that throws', () => leak(() => {
      Error.prepareStackTrace = () => { throw new Error('never') }
    }))

    test('is left as it was', () => {
      const { pool } = make()
      const mine = () => 'mine'
      for (const limit of [0, 3, 50, Infinity]) {
        Object.assign(Error, { stackTraceLimit: limit, prepareStackTrace: mine })
        pool.release(pool.acquire(10))
        pool.release(pool.alloc(10))
        expect([Error.stackTraceLimit, Error.prepareStackTrace]).toEqual([limit, mine])
      }
    })
  })

  test('the calls come later, and one that throws is an uncaught exception', async () => {
    const { stdout, code } = await runProcess(`
      process.env.HEAPWISE_POOL_MEMORY = ${JSON.stringify(memory)}
      const { BufferPool } = require('.')
      let inside = false
      const onLeak = () => {
        console.log('told', inside)
        throw new Error('mine')
      }
      process.on('uncaughtException', error => console.log(error.message))
      const pool = new BufferPool({ leakDetection: 'paranoid', onLeak })
      const use = () => { pool.acquire(10) }
      use()
      const look = () => {
        gc()
        inside = true
        const { lost } = pool.stats()
        inside = false
        if (lost === 0) setTimeout(look, 1)
        else setImmediate(() => console.log(lost, pool.acquire(10).length))
      }
      look()`, { args: ['--expose-gc'] })
    expect({ stdout, code }).toEqual({ stdout: 'told false\nmine\n1 10\n', code: 0 })
  })

  test('what a listener does to the pool is allowed', async () => {
    const done = []
    const { pool } = make({
      classes: [1024],
      onLeak: () => {
        pool.release(pool.acquire(10))
        pool.trim()
        done.push(pool.stats().lost)
        pool.close()
      }
    })
    const use = () => { pool.acquire(10) }
    use()
    await untilCollected(() => done.length === 1, 'it is told')
    expect(done).toEqual([1])
    expect(pool.closed).toBe(true)
  })

  test('after close nothing is told, and what was lent stays', async () => {
    const { pool, reports } = make()
    const held = pool.acquire(100).fill(7)
    const use = () => { pool.acquire(10) }
    use()
    pool.close()
    for (let i = 0; i < 3; i++) await untilCollected(() => true, '')
    expect([reports, published]).toEqual([[], []])
    expect(pool.stats()).toMatchObject({ live: 2, lost: 0 })
    expect(held.equals(Buffer.alloc(100, 7))).toBe(true)
  })

  test('an Error that is frozen', async () => {
    const { stdout, stderr, code } = await runProcess(`
      process.env.HEAPWISE_POOL_MEMORY = ${JSON.stringify(memory)}
      const { BufferPool } = require('.')
      const pool = new BufferPool({ leakDetection: 'paranoid' })
      Object.freeze(Error)
      pool.release(pool.acquire(10))
      pool.acquire(10)
      console.log(pool.stats().acquired, pool.stats().live)`)
    expect({ stdout, stderr, code }).toEqual({ stdout: '2 1\n', stderr: '', code: 0 })
  })

  test('code without a file is a place as well', async () => {
    const { pool, reports } = make()
    vm.runInThisContext('(pool => { pool.acquire(10) })', { filename: 'nowhere.vm' })(pool)
    await lost(pool, 1)
    await turn()
    expect(reports).toMatchObject([{ place: expect.stringMatching(/nowhere\.vm:1:\d+/) }])
  })

  test('a rejected waiter leaves no trace', async () => {
    const { pool, reports } = make({ onFull: 'wait', classes: [1024], maxBytes: 1024 })
    const held = pool.acquire(1)
    await rejectionOf(pool.acquireAsync(1, { timeout: 0 }))
    pool.release(held)
    await until(() => pool.stats().live === 0, 'it is released')
    for (let i = 0; i < 2; i++) await untilCollected(() => true, '')
    expect(reports).toEqual([])
  })
})
