'use strict'

// getOrSet in several workers: one producer a key among all of them, whatever becomes of it.

const { setTimeout: pause } = require('node:timers/promises')
const { closeAll, deferred, newName, open } = require('./support/off-heap')
const { endAll, start, together } = require('./support/off-heap-workers')

afterEach(async () => {
  closeAll()
  await endAll()
})

/** A worker that produces the key 'a' of a store, and has begun to. */
const producing = async (name, value = 'theirs') => {
  const worker = start('produceOne', { name, key: 'a', value })
  await worker.said('producing')
  return worker
}

describe('workers that ask for the same keys', () => {
  const KEYS = 150
  const ask = async fails => {
    const [name, counts] = [newName(), newName()]
    const cache = open({ name })
    const calls = open({ name: counts })
    const results = await together(3, 'produce', { name, counts, keys: KEYS, fails }, me => ({ me }))
    const made = Array.from({ length: KEYS }, (_, key) => cache.get(key))
    return { results, made, calls: made.map((_, key) => calls.get(`calls ${key}`)) }
  }

  test('each is produced once, and all get what was made', async () => {
    const { results, made, calls } = await ask(false)
    expect(calls).toEqual(Array(KEYS).fill(1))
    for (const result of results) expect(result).toEqual(made)
  })

  test('if producers fail others are called, until one does not', async () => {
    const { results, made, calls } = await ask(true)
    // Two failures, then a value: who has failed has asked no more.
    expect(calls).toEqual(Array(KEYS).fill(3))
    for (let key = 0; key < KEYS; key++) {
      const outcomes = results.map(result => result[key])
      expect(outcomes.filter(outcome => outcome === 'not yet')).toHaveLength(2)
      expect(outcomes.filter(outcome => outcome !== 'not yet')).toEqual([made[key]])
    }
  })
})

describe('who waits for a producer in another worker', () => {
  test('goes on with other things meanwhile', async () => {
    const name = newName()
    const cache = open({ name })
    const worker = await producing(name)
    const other = start('wait', { name, key: 'a', ticks: 20 })
    let turns = 0
    const timer = setInterval(() => { turns++ }, 1)
    const waiting = cache.getOrSet('a', () => 'mine')
    // Both turn for as long as it takes.
    await other.said('ticking')
    while (turns < 20) await pause(1)
    clearInterval(timer)
    // Other keys are free.
    expect(await cache.getOrSet('b', () => 'b')).toBe('b')
    worker.tell('produce')
    expect(await waiting).toBe('theirs')
    expect(await other.result).toBe('theirs')
    expect(await worker.result).toEqual({ result: 'theirs' })
  })

  test('is kept alive by that alone, and ends when it is over', async () => {
    const name = newName()
    const cache = open({ name })
    const { promise, resolve } = deferred()
    const mine = cache.getOrSet('a', () => promise)
    const worker = start('wait', { name, key: 'a' })
    let ended = false
    worker.over.then(() => { ended = true })
    // It has asked: there is nothing else that it does.
    while (cache.stats().misses < 2) await pause(5)
    await pause(300)
    expect(ended).toBe(false)
    resolve('made')
    expect(await worker.result).toBe('made')
    expect(await worker.over).toBe(0)
    expect(await mine).toBe('made')
  })

  test('gives up when its signal says so, and the others do not', async () => {
    const name = newName()
    const cache = open({ name })
    const worker = await producing(name)
    const given = start('abort', { name, key: 'a' })
    const waiting = cache.getOrSet('a', () => 'mine')
    const controller = new AbortController()
    const mine = cache.getOrSet('a', () => 'mine', { signal: controller.signal }).catch(reason => reason)
    expect(await given.result).toBe('enough')
    expect(await given.over).toBe(0)
    controller.abort('mine too')
    expect(await mine).toBe('mine too')
    worker.tell('produce')
    expect(await waiting).toBe('theirs')
  })

  test.each([
    ['fails', 'fail', 0], ['calls process.exit', 'exit', 7], ['has an uncaught error', 'throw', 1],
    ['is terminated', 'terminate', 1]
  ])('produces itself if the other one %s', async (_, how, code) => {
    const name = newName()
    const cache = open({ name })
    const worker = await producing(name)
    const producer = jest.fn(() => 'mine')
    const third = start('wait', { name, key: 'a', value: 'mine' })
    const waiting = Promise.all([cache.getOrSet('a', producer), cache.getOrSet('a', producer)])
    while (cache.stats().misses < 4) await pause(5)
    expect(producer).not.toHaveBeenCalled()
    if (how === 'terminate') await worker.end()
    else worker.tell(how)
    expect(await waiting).toEqual(['mine', 'mine'])
    expect(await third.result).toBe('mine')
    expect(producer.mock.calls.length).toBeLessThanOrEqual(1)
    if (how === 'fail') expect(await worker.result).toEqual({ error: 'the producer failed' })
    expect(await worker.over).toBe(code)
    expect(cache.get('a')).toBe('mine')
  })

  test('produces itself if the other one closes its cache, whose value is then not stored', async () => {
    const name = newName()
    const cache = open({ name })
    const worker = await producing(name)
    const waiting = cache.getOrSet('a', () => 'mine')
    worker.tell('close')
    await worker.said('closed')
    expect(await waiting).toBe('mine')
    worker.tell('produce')
    expect(await worker.result).toEqual({ result: 'theirs' })
    expect(cache.get('a')).toBe('mine')
  })

  test('is not waited for by the one who produces, if it dies', async () => {
    const name = newName()
    const cache = open({ name })
    const { promise, resolve } = deferred()
    const mine = cache.getOrSet('a', () => promise)
    const workers = [1, 2, 3].map(() => start('wait', { name, key: 'a' }))
    while (cache.stats().misses < 4) await pause(5)
    await Promise.all(workers.slice(1).map(worker => worker.end()))
    resolve('made')
    expect(await mine).toBe('made')
    expect(await workers[0].result).toBe('made')
  })
})

test('a value that somebody sets meanwhile does not end the claim, and the producer has the last word', async () => {
  const name = newName()
  const cache = open({ name })
  const worker = await producing(name)
  cache.set('a', 'set')
  expect(await cache.getOrSet('a', () => 'mine')).toBe('set')
  worker.tell('produce')
  expect(await worker.result).toEqual({ result: 'theirs' })
  expect(cache.get('a')).toBe('theirs')
})
