'use strict'

const FakeTimers = require('@sinonjs/fake-timers')
const { make, logged } = require('./support/caches')

describe('ttlAutopurge', () => {
  let fake

  beforeEach(() => {
    fake = FakeTimers.withGlobal(globalThis).install({
      now: 1_000_000, toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance']
    })
  })

  afterEach(() => fake.uninstall())

  const perf = { now: () => fake.now }
  const purging = options => make({ ttl: 10, ttlResolution: 0, ttlAutopurge: true, perf, ...options })

  test('removes an entry in the first millisecond after its time, for the reason expire', () => {
    const { callbacks, taken } = logged()
    const cache = purging(callbacks)
    cache.set('a', 1)
    taken()
    fake.tick(10)
    expect(cache.size).toBe(1)
    fake.tick(1)
    expect(cache.size).toBe(0)
    expect(taken()).toEqual([['dispose', 1, 'a', 'expire'], ['disposeAfter', 1, 'a', 'expire']])
  })

  test('each entry goes at its own time', () => {
    const cache = purging()
    const times = [30, 5, 1, 100, 64, 65, 5000, 4096, 10, 7]
    for (const ttl of times) cache.set(ttl, ttl, { ttl })
    cache.set('immortal', 1, { ttl: 0 })
    let passed = 0
    for (const ttl of [...times].sort((a, b) => a - b)) {
      fake.tick(ttl - passed)
      expect(cache.dump().some(([key]) => key === ttl)).toBe(true)
      fake.tick(1)
      expect(cache.dump().some(([key]) => key === ttl)).toBe(false)
      passed = ttl + 1
    }
    fake.tick(1e9)
    expect([...cache.keys()]).toEqual(['immortal'])
  })

  test('one timer serves any number of entries, and none is left when they are gone', () => {
    const cache = purging()
    expect(fake.countTimers()).toBe(0)
    for (let i = 0; i < 1000; i++) cache.set(i, i, { ttl: 1 + i % 100 })
    expect(fake.countTimers()).toBe(1)
    fake.tick(50)
    expect(fake.countTimers()).toBe(1)
    fake.tick(51)
    expect(cache.size).toBe(0)
    expect(fake.countTimers()).toBe(0)
  })

  test('clear and delete leave nothing to purge', () => {
    const { callbacks, taken } = logged()
    const cache = purging(callbacks)
    cache.set('a', 1).set('b', 1)
    cache.delete('a')
    cache.clear()
    taken()
    fake.tick(100)
    expect(taken()).toEqual([])
  })

  test('what is set anew, or read with updateAgeOnGet, lives on', () => {
    const cache = purging({ updateAgeOnGet: true })
    cache.set('a', 1).set('b', 1)
    fake.tick(8)
    cache.set('a', 2)
    cache.get('b')
    fake.tick(10)
    expect(cache.size).toBe(2)
    fake.tick(1)
    expect(cache.size).toBe(0)
  })

  test('what is set with a shorter time goes earlier, without a time never', () => {
    const cache = purging()
    cache.set('a', 1, { ttl: 1000 }).set('b', 1)
    cache.set('a', 1, { ttl: 5 }).set('b', 1, { ttl: 0 })
    fake.tick(6)
    expect([...cache.keys()]).toEqual(['b'])
    fake.tick(10_000)
    expect([...cache.keys()]).toEqual(['b'])
  })

  test('a slot that is used again has the time of its new entry', () => {
    const cache = purging({ max: 1 })
    cache.set('a', 1)
    fake.tick(6)
    cache.set('b', 1)
    fake.tick(10)
    expect(cache.size).toBe(1)
    fake.tick(1)
    expect(cache.size).toBe(0)
  })

  test('what is stale when it is set goes in the next millisecond', () => {
    const cache = purging()
    cache.set('a', 1, { ttl: -5 }).set('b', 1, { start: fake.now - 50 })
    expect(cache.size).toBe(2)
    fake.tick(1)
    expect(cache.size).toBe(0)
  })

  test('purges also where stale values are allowed', () => {
    const cache = purging({ allowStale: true, noDeleteOnStaleGet: true })
    cache.set('a', 1)
    fake.tick(11)
    expect(cache.get('a')).toBeUndefined()
  })

  test('times beyond the longest timer work', () => {
    const cache = purging()
    cache.set('a', 1, { ttl: 2 ** 33 }).set('b', 1, { ttl: Infinity })
    fake.tick(2 ** 33)
    expect([...cache.keys()]).toEqual(['b', 'a'])
    fake.tick(1)
    expect([...cache.keys()]).toEqual(['b'])
  })

  test('is read when the cache first has times to track', () => {
    const cache = make({ max: 5, ttlResolution: 0, ttlAutopurge: true, perf })
    cache.set('a', 1, { ttl: 5 })
    fake.tick(6)
    expect(cache.size).toBe(0)
    const late = make({ max: 5, ttl: 5, ttlResolution: 0, perf })
    late.ttlAutopurge = true
    late.set('a', 1)
    late.clear()
    late.set('a', 1)
    fake.tick(6)
    expect(late.size).toBe(1)
  })

  test('a disposer may fill the cache again', () => {
    const cache = purging({ max: 10, disposeAfter: (value, key) => { cache.set(key, value + 1) } })
    cache.set('a', 1)
    fake.tick(11)
    expect(cache.peek('a')).toBe(2)
    fake.tick(11)
    expect(cache.peek('a')).toBe(3)
  })

  test('a disposer that throws does not end the purging', () => {
    const gone = []
    const cache = purging({
      dispose: (_, key) => {
        gone.push(key)
        if (key === 'a') throw new Error('dispose failed')
      }
    })
    cache.set('a', 1).set('b', 1).set('c', 1, { ttl: 20 })
    expect(() => fake.tick(11)).toThrow('dispose failed')
    fake.tick(1)
    expect(gone.sort()).toEqual(['a', 'b'])
    fake.tick(20)
    expect(cache.size).toBe(0)
  })
})

test('the timer does not keep the process alive', () => {
  const { spawnSync } = require('node:child_process')
  const script = `
    const { LRUCache } = require(${JSON.stringify(require.resolve('..'))})
    const cache = new LRUCache({ max: 5, ttl: 3_600_000, ttlAutopurge: true })
    cache.set('a', 1)
    cache.get('a')
    process.stdout.write('end')
  `
  const { status, stdout, stderr } = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8', timeout: 30_000 })
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: 'end', stderr: '' })
})
