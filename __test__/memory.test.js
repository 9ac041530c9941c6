'use strict'

const { execFileSync } = require('node:child_process')
const path = require('node:path')
const { LRUCache } = require('..')

const fixture = path.join(__dirname, 'fixtures', 'dropped-caches.js')

describe('a cache that is dropped', () => {
  // 1,000 caches of 1,000 entries are well over 50 MB; what is left of them must be noise beside that.
  test.each(['plain', 'ttl', 'autopurge', 'sized', 'map'])('%s: is collected, with its memory', kind => {
    const out = execFileSync(process.execPath, ['--expose-gc', fixture, kind], { encoding: 'utf8', timeout: 120_000 })
    const { alive, grown } = JSON.parse(out)
    expect(alive).toBe(0)
    expect(grown).toBeLessThan(2_000_000)
  }, 120_000)
})

describe('what a cache takes', () => {
  const external = make => {
    const before = process.memoryUsage().arrayBuffers
    const caches = make()
    return { caches, bytes: process.memoryUsage().arrayBuffers - before }
  }

  test('grows with its entries, not with its bound', () => {
    const { caches, bytes } = external(() => [new LRUCache({ max: 1e6 }), new LRUCache({ max: 2 ** 40 }),
      new LRUCache({ max: 1e6, ttl: 1000 }), new LRUCache({ maxSize: 1e9 })])
    expect(bytes).toBeLessThan(10_000)
    for (const cache of caches) expect(cache.size).toBe(0)
  })

  test('is given back by clear()', () => {
    const cache = new LRUCache({ max: 100_000 })
    for (let i = 0; i < 100_000; i++) cache.set(i, i)
    cache.clear()
    const { bytes } = external(() => cache.set('a', 1))
    expect(bytes).toBeLessThan(10_000)
    expect([...cache]).toEqual([['a', 1]])
  })
})
