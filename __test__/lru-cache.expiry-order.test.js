'use strict'

const { LRUCache } = require('..')
const { validate } = require('../lib/cache/validate.js')

// Found by a model test: the wheel was rebuilt for more slots while some were overdue, and one of those was then given
// to another entry.
describe.each([false, true])('what expired first goes first (ttlAutopurge: %s)', ttlAutopurge => {
  test('also when the cache grew while entries were overdue, and one of their slots is in use again', () => {
    let now = 1000
    const gone = []
    const cache = new LRUCache({
      max: 3, ttl: 100, ttlAutopurge, ttlResolution: 0, perf: { now: () => now }, dispose: (value, key, reason) => {
        gone.push(`${key}: ${reason}`)
      }
    })
    const at = (time, act) => {
      now = time
      act()
      validate(cache)
    }
    at(1001, () => cache.set('a', 1))
    at(1002, () => cache.set('b', 1))
    at(1003, () => cache.set('c', 1))
    at(1004, () => cache.set('d', 1))
    at(1107, () => cache.resize(4))
    at(1108, () => cache.set('e', 1))
    at(1109, () => cache.get('b'))
    at(1110, () => cache.set('f', 1))
    at(1213, () => cache.set('g', 1))
    at(1214, () => cache.set('h', 1))
    expect(gone).toEqual(['a: evict', 'b: expire', 'c: expire', 'd: expire'])
    expect([...cache.rkeys()]).toEqual(['g', 'h'])
    cache.clear()
  })
})
