'use strict'

// getOrSet: one producer a key at a time, and nobody waits for ever, whatever becomes of it.

const { execFileSync } = require('node:child_process')
const path = require('node:path')
const { OffHeapCache, closeAll, deferred, newName, open, rejectionOf } = require('./support/off-heap')

afterEach(closeAll)

const turn = () => new Promise(resolve => setImmediate(resolve))

describe('a producer', () => {
  test('is called with the key if there is no value, and its result is stored', async () => {
    const cache = open()
    const producer = jest.fn(key => ({ key }))
    expect(await cache.getOrSet('a', producer)).toEqual({ key: 'a' })
    expect(cache.get('a')).toEqual({ key: 'a' })
    expect(await cache.getOrSet('a', producer)).toEqual({ key: 'a' })
    expect(producer.mock.calls).toEqual([['a']])
  })

  test('may return a value, a promise or a thenable', async () => {
    const cache = open()
    const results = [5, Promise.resolve(5), { then: resolve => resolve(5) }, (async () => 5)()]
    for (const [key, result] of results.entries()) {
      expect(await cache.getOrSet(key, () => result)).toBe(5)
      expect(cache.get(key)).toBe(5)
    }
  })

  test('gets its own object back, others get copies', async () => {
    const cache = open()
    const value = { x: 1 }
    const [first, second] = await Promise.all([cache.getOrSet('a', () => value), cache.getOrSet('a', () => 'no')])
    expect(first).toBe(value)
    expect(second).toEqual(value)
    expect(second).not.toBe(value)
  })

  test('that returns undefined stores nothing', async () => {
    const cache = open()
    for (const producer of [() => undefined, async () => {}]) {
      expect(await cache.getOrSet('a', producer)).toBe(undefined)
      expect(cache.has('a')).toBe(false)
    }
    expect(await cache.getOrSet('a', () => null)).toBe(null)
    expect(cache.get('a')).toBe(null)
  })

  test('that fails rejects with what it threw, and frees the key', async () => {
    const cache = open()
    for (const cause of [new Error('mine'), 'text', undefined, null]) {
      const later = async () => { await turn(); throw cause }
      for (const producer of [() => { throw cause }, () => Promise.reject(cause), later]) {
        expect(await rejectionOf(cache.getOrSet('a', producer))).toBe(cause)
        expect(cache.has('a')).toBe(false)
      }
    }
    expect(await cache.getOrSet('a', () => 1)).toBe(1)
  })

  test('whose value is too large is asked for it, but it is not stored', async () => {
    const large = Buffer.alloc(1e6)
    for (const onTooLarge of ['throw', 'refuse']) {
      const cache = open({ maxBytes: '64kb', onTooLarge })
      const producer = jest.fn(async () => large)
      const values = await Promise.all([1, 2, 3].map(() => cache.getOrSet('a', producer)))
      // Those who waited make their own.
      expect(values.every(value => value === large)).toBe(true)
      expect(producer).toHaveBeenCalledTimes(3)
      expect(cache.size).toBe(0)
    }
  })

  test('has its value stored with a ttl', async () => {
    const cache = open({ ttl: 1e6 })
    await cache.getOrSet('a', () => 1)
    await cache.getOrSet('b', () => 1, { ttl: 5e6 })
    await cache.getOrSet('c', () => 1, 0)
    expect(cache.getRemainingTTL('a')).toBeLessThanOrEqual(1e6)
    expect(cache.getRemainingTTL('b')).toBeGreaterThan(4e6)
    expect(cache.getRemainingTTL('c')).toBe(Infinity)
  })

  test('is called for what has expired, even where stale values are allowed', async () => {
    const cache = open({ allowStale: true }).set('a', 'old', 1)
    while (cache.getRemainingTTL('a') > 0) await turn()
    expect(await cache.getOrSet('a', () => 'new')).toBe('new')
  })

  test('a hit counts once, a miss once, and the age is renewed as get does', async () => {
    const cache = open({ updateAgeOnGet: true, ttl: 1e6 })
    await cache.getOrSet('a', () => 1)
    expect(cache.stats()).toMatchObject({ hits: 0, misses: 1, sets: 1 })
    await new Promise(resolve => setTimeout(resolve, 20))
    const before = cache.getRemainingTTL('a')
    await cache.getOrSet('a', () => 2)
    expect(cache.getRemainingTTL('a')).toBeGreaterThan(before)
    expect(cache.stats()).toMatchObject({ hits: 1, misses: 1, sets: 1 })
  })

  test('may use the cache as it likes', async () => {
    const cache = open()
    expect(await cache.getOrSet('a', async () => {
      cache.set('a', 'meanwhile').set('b', 1)
      await turn()
      cache.clear()
      const inner = await cache.getOrSet('c', async () => (await cache.getOrSet('d', () => 'd')) + 'c')
      return `${inner}a`
    })).toBe('dca')
    expect([...cache].sort()).toEqual([['a', 'dca'], ['c', 'dc'], ['d', 'd']])
  })

  test('with a Buffer as its key is for the bytes as they were', async () => {
    const cache = open()
    const key = Buffer.from('key')
    const { promise, resolve } = deferred()
    const producing = cache.getOrSet(key, given => {
      expect(given).toBe(key)
      return promise
    })
    key.fill(0)
    const waiting = cache.getOrSet('other', () => 1)
    resolve('value')
    expect(await producing).toBe('value')
    expect(await waiting).toBe(1)
    expect(cache.get(Buffer.from('key'))).toBe('value')
    expect(cache.has(key)).toBe(false)
  })

  test('that asks for its own key at once is told so', async () => {
    const name = newName()
    const cache = open({ name })
    const other = open({ name })
    for (const key of ['a', 5, Buffer.from('b')]) {
      for (const asked of [cache, other]) {
        const again = typeof key === 'object' ? new Uint8Array(key) : key
        const error = await rejectionOf(cache.getOrSet(key, () => asked.getOrSet(again, () => 1)))
        expect(error).toMatchObject({ name: 'TypeError', code: 'ERR_HEAPWISE_INVALID_USE' })
        expect(await cache.getOrSet(key, () => 'fine')).toBe('fine')
        cache.delete(key)
      }
    }
    // Keys of other kinds, and other stores, are others.
    expect(await cache.getOrSet('1', () => cache.getOrSet(1, () => cache.getOrSet(Buffer.from('1'), () =>
      open().getOrSet('1', () => 'inner'))))).toBe('inner')
  })
})

describe('those who wait', () => {
  test('one is called, all get the value', async () => {
    const cache = open()
    const { promise, resolve } = deferred()
    const producer = jest.fn(() => promise)
    const all = Array.from({ length: 50 }, () => cache.getOrSet('a', producer))
    await turn()
    expect(producer).toHaveBeenCalledTimes(1)
    resolve({ x: 1 })
    expect(await Promise.all(all)).toEqual(all.map(() => ({ x: 1 })))
    expect(producer).toHaveBeenCalledTimes(1)
    expect(cache.stats().sets).toBe(1)
  })

  test('other keys are not waited for', async () => {
    const cache = open()
    const { promise, resolve } = deferred()
    const slow = cache.getOrSet('slow', () => promise)
    expect(await cache.getOrSet('fast', () => 1)).toBe(1)
    expect(await cache.getOrSet(Buffer.from('slow'), () => 2)).toBe(2)
    resolve(3)
    expect(await slow).toBe(3)
  })

  test('other caches of the same store are', async () => {
    const name = newName()
    const [first, second] = [open({ name }), open({ name })]
    const { promise, resolve } = deferred()
    const producer = jest.fn(() => promise)
    const both = [first.getOrSet('a', producer), second.getOrSet('a', producer)]
    await turn()
    resolve('made')
    expect(await Promise.all(both)).toEqual(['made', 'made'])
    expect(producer).toHaveBeenCalledTimes(1)
  })

  test('if the producer fails the next is called, until one does not', async () => {
    const cache = open()
    let calls = 0
    const producer = async () => {
      await turn()
      if (++calls < 3) throw new Error(`failure ${calls}`)
      return 'made'
    }
    const results = await Promise.allSettled([1, 2, 3, 4, 5].map(() => cache.getOrSet('a', producer)))
    expect(results.map(({ value, reason }) => value ?? reason.message).sort()).toEqual(
      ['failure 1', 'failure 2', 'made', 'made', 'made'])
    expect(calls).toBe(3)
  })

  test('if the producer returns undefined each is called in turn', async () => {
    const cache = open()
    const producer = jest.fn(async () => { await turn() })
    const values = await Promise.all([1, 2, 3].map(() => cache.getOrSet('a', producer)))
    expect(values).toEqual([undefined, undefined, undefined])
    expect(producer).toHaveBeenCalledTimes(3)
  })

  test('if the value is gone again before they look, the next is called', async () => {
    const cache = open()
    const first = cache.getOrSet('a', async () => { await turn(); return 1 }).then(() => cache.delete('a'))
    const second = cache.getOrSet('a', () => 2)
    await first
    expect([1, 2]).toContain(await second)
  })
})

describe('a signal', () => {
  test('that is aborted already rejects at once', async () => {
    const cache = open().set('there', 1)
    const producer = jest.fn()
    const reason = new Error('why')
    for (const key of ['a', 'there']) {
      expect(await rejectionOf(cache.getOrSet(key, producer, { signal: AbortSignal.abort(reason) }))).toBe(reason)
    }
    expect((await rejectionOf(cache.getOrSet('a', producer, { signal: AbortSignal.abort() }))).name).toBe('AbortError')
    expect(producer).not.toHaveBeenCalled()
  })

  test('ends a wait, and nobody else\'s', async () => {
    const cache = open()
    const { promise, resolve } = deferred()
    const controller = new AbortController()
    const producing = cache.getOrSet('a', () => promise)
    const waiting = cache.getOrSet('a', () => 'no', { signal: controller.signal })
    const other = cache.getOrSet('a', () => 'no', { signal: new AbortController().signal })
    await turn()
    controller.abort('enough')
    expect(await rejectionOf(waiting)).toBe('enough')
    resolve('made')
    expect(await Promise.all([producing, other])).toEqual(['made', 'made'])
  })

  test('of the one who produces rejects him, and the next is called', async () => {
    const cache = open()
    const { promise, resolve } = deferred()
    const controller = new AbortController()
    const producing = cache.getOrSet('a', () => promise, { signal: controller.signal })
    const waiting = cache.getOrSet('a', () => 'mine')
    await turn()
    controller.abort('enough')
    expect(await rejectionOf(producing)).toBe('enough')
    expect(await waiting).toBe('mine')
    // What comes late is not stored.
    resolve('late')
    await turn()
    expect(cache.get('a')).toBe('mine')
  })

  test('aborted while the producer starts', async () => {
    const cache = open()
    const controller = new AbortController()
    const error = await rejectionOf(cache.getOrSet('a', () => {
      controller.abort('from inside')
      return 5
    }, { signal: controller.signal }))
    expect(error).toBe('from inside')
    expect(cache.has('a')).toBe(false)
    expect(await cache.getOrSet('a', () => 1)).toBe(1)
  })

  test('that ends a wait has it forgotten in native code as well', async () => {
    const native = jest.requireActual('../lib/native.js')
    const offheapForget = jest.fn(native.offheapForget)
    jest.doMock('../lib/native.js', () => ({ ...native, offheapForget }))
    let Cache
    jest.isolateModules(() => { Cache = require('..').OffHeapCache })
    jest.dontMock('../lib/native.js')
    const cache = new Cache()
    const controller = new AbortController()
    const { promise, resolve } = deferred()
    const producing = cache.getOrSet('a', () => promise)
    const waiting = [1, 2].map(() => rejectionOf(cache.getOrSet('a', () => 1, { signal: controller.signal })))
    controller.abort('enough')
    expect(await Promise.all(waiting)).toEqual(['enough', 'enough'])
    await rejectionOf(cache.getOrSet('b', () => cache.getOrSet('b', () => 1)))
    expect(offheapForget).toHaveBeenCalledTimes(3)
    expect(new Set(offheapForget.mock.calls.map(([, ticket]) => ticket)).size).toBe(3)
    resolve()
    await producing
    cache.close()
  })

  test('aborted after a wait has ended and before it is noticed', async () => {
    const native = jest.requireActual('../lib/native.js')
    let ring
    const posted = []
    let claims = 0
    jest.doMock('../lib/native.js', () => ({
      ...native,
      offheapListen (callback) { ring = callback },
      offheapEvents: () => posted.splice(0),
      offheapClaim: () => { claims++; return -7 },
      offheapSave: () => 8
    }))
    let Cache
    jest.isolateModules(() => { Cache = require('..').OffHeapCache })
    jest.dontMock('../lib/native.js')
    const cache = new Cache()
    const controller = new AbortController()
    const waiting = rejectionOf(cache.getOrSet('a', () => 1, { signal: controller.signal }))
    const saving = cache.save('file', { onProgress () { controller.abort('late') } })
    await turn()
    posted.push(...[7, 0, 0, 0, ''], ...[8, 1, 0, 0, ''], ...[8, 2, 0, 0, ''])
    ring()
    expect(await waiting).toBe('late')
    expect(claims).toBe(1)
    await saving
    cache.close()
  })

  test('that is never aborted keeps no listener', async () => {
    const cache = open()
    const { signal } = new AbortController()
    const add = jest.spyOn(signal, 'addEventListener')
    const remove = jest.spyOn(signal, 'removeEventListener')
    const results = [1, 2, 3].map(() => cache.getOrSet('a', async () => { await turn(); return 1 }, { signal }))
    results.push(cache.getOrSet('b', () => { throw new Error('mine') }, { signal }).catch(() => 1))
    expect(await Promise.all(results)).toEqual([1, 1, 1, 1])
    await turn()
    expect(add.mock.calls.length).toBe(remove.mock.calls.length + (results.length - 4))
  })

  test('a late rejection of a producer that was given up is nobody\'s business', async () => {
    const cache = open()
    const unhandled = jest.fn()
    process.on('unhandledRejection', unhandled)
    const { promise, reject } = deferred()
    const controller = new AbortController()
    const producing = cache.getOrSet('a', () => promise, { signal: controller.signal })
    controller.abort()
    await rejectionOf(producing)
    reject(new Error('late'))
    await turn()
    await turn()
    process.off('unhandledRejection', unhandled)
    expect(unhandled).not.toHaveBeenCalled()
  })
})

describe('close', () => {
  test('rejects who waits, and gives the one who produces his value', async () => {
    const cache = open()
    const { promise, resolve } = deferred()
    const producing = cache.getOrSet('a', () => promise)
    const waiting = cache.getOrSet('a', () => 'no')
    await turn()
    cache.close()
    expect((await rejectionOf(waiting)).code).toBe('ERR_HEAPWISE_CLOSED')
    resolve('made')
    expect(await producing).toBe('made')
  })

  test('rejects who waits for somebody else, who goes on', async () => {
    const name = newName()
    const [first, second] = [open({ name }), open({ name })]
    const { promise, resolve } = deferred()
    const producing = first.getOrSet('a', () => promise)
    const waiting = rejectionOf(second.getOrSet('a', () => 'no'))
    await turn()
    second.close()
    expect((await waiting).code).toBe('ERR_HEAPWISE_CLOSED')
    resolve('made')
    expect(await producing).toBe('made')
    expect(first.get('a')).toBe('made')
  })

  test('frees what it was producing for other caches of the store', async () => {
    const name = newName()
    const [first, second] = [open({ name }), open({ name })]
    const { promise, resolve } = deferred()
    const producing = first.getOrSet('a', () => promise)
    const waiting = second.getOrSet('a', () => 'mine')
    await turn()
    first.close()
    expect(await waiting).toBe('mine')
    resolve('late')
    expect(await producing).toBe('late')
    expect(second.get('a')).toBe('mine')
  })

  test('a cache that is collected while it produces frees its key', async () => {
    const name = newName()
    const cache = open({ name })
    const leave = () => { new OffHeapCache({ name }).getOrSet('a', () => new Promise(() => {})) }
    leave()
    const waiting = cache.getOrSet('a', () => 'mine')
    let done = false
    waiting.then(() => { done = true })
    while (!done) {
      globalThis.gc()
      await new Promise(resolve => setTimeout(resolve, 5))
    }
    expect(await waiting).toBe('mine')
  })
})

describe('arguments', () => {
  test('that are wrong reject, and nothing is claimed', async () => {
    const cache = open()
    for (const producer of [undefined, null, 5, {}]) {
      expect((await rejectionOf(cache.getOrSet('a', producer))).code).toBe('ERR_HEAPWISE_INVALID_ARG_TYPE')
    }
    for (const options of ['x', true, { ttl: '5' }, { signal: {} }, { signal: 5 }, { signal: null }]) {
      const error = await rejectionOf(cache.getOrSet('a', () => 1, options))
      expect(error.code).toBe('ERR_HEAPWISE_INVALID_ARG_TYPE')
    }
    expect((await rejectionOf(cache.getOrSet('a', () => 1, { ttl: -1 }))).code).toBe('ERR_HEAPWISE_INVALID_ARG_VALUE')
    for (const options of [null, undefined, {}, { signal: undefined, ttl: undefined }]) {
      expect(await cache.getOrSet(`b ${String(options)}`, () => 1, options)).toBe(1)
    }
    expect(await rejectionOf(cache.getOrSet.call({}, 'a', () => 1))).toBeInstanceOf(TypeError)
    expect(await cache.getOrSet('a', () => 1)).toBe(1)
  })
})

test('who waits keeps the process alive, and nobody else does', () => {
  const run = body => execFileSync(process.execPath, ['-e', `
    const { Worker } = require('node:worker_threads')
    const { OffHeapCache } = require('.')
    const cache = new OffHeapCache({ name: 'alive' })
    ${body}
  `], { cwd: path.join(__dirname, '..'), encoding: 'utf8', timeout: 30_000 })
  expect(run(`
    cache.getOrSet('a', () => 1).then(console.log)
    cache.getOrSet('b', () => new Promise(() => {}))
  `)).toBe('1\n')
  // The worker is not what keeps it.
  expect(run(`
    const worker = new Worker(\`
      const { OffHeapCache } = require('.')
      const { parentPort } = require('node:worker_threads')
      const cache = new OffHeapCache({ name: 'alive' })
      cache.getOrSet('a', () => new Promise(resolve => {
        parentPort.postMessage('producing')
        setTimeout(resolve, 300, 'from the worker')
      }))
    \`, { eval: true })
    worker.once('message', () => {
      worker.unref()
      cache.getOrSet('a', () => 'no').then(console.log)
    })
  `)).toBe('from the worker\n')
})

test('random producers, waits, failures and aborts: at most one produces a key, and every call ends', async () => {
  const cache = open()
  let seed = Number(process.env.HEAPWISE_SEED ?? Date.now()) >>> 0
  process.stdout.write(`off-heap.get-or-set: HEAPWISE_SEED=${seed}\n`)
  const random = n => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
    return (seed >>> 8) % n
  }
  const running = new Map()
  const call = async () => {
    const key = random(3)
    const controller = new AbortController()
    const aborts = random(4) === 0
    if (aborts) setImmediate(() => controller.abort('aborted'))
    const produce = async () => {
      if (!controller.signal.aborted) running.set(key, (running.get(key) ?? 0) + 1)
      expect(running.get(key)).toBe(1)
      const leave = () => running.set(key, 0)
      controller.signal.addEventListener('abort', leave, { once: true })
      for (let i = random(4); i > 0; i--) await turn()
      if (controller.signal.aborted) return 'late'
      controller.signal.removeEventListener('abort', leave)
      leave()
      const outcome = random(4)
      if (outcome === 0) throw new Error('failed')
      return outcome === 1 ? undefined : `value ${key}`
    }
    try {
      const value = await cache.getOrSet(key, produce, { signal: controller.signal })
      if (value !== undefined) expect(value).toBe(`value ${key}`)
    } catch (error) {
      expect(error === 'aborted' || error.message === 'failed').toBe(true)
    }
    if (random(2) === 0) cache.delete(key)
  }
  for (let round = 0; round < 60; round++) {
    await Promise.all(Array.from({ length: 20 }, call))
  }
  expect(cache.size).toBeLessThanOrEqual(3)
})
