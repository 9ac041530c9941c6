'use strict'

const internals = require('./internals')

const VACANT = 0x80000000
const NO_SLOT = 0x7fffffff

/**
 * Throws if the cache contradicts itself. For tests: it reads everything, and is slow.
 *
 * @param {import('../lru-cache').LRUCache} cache
 */
const validate = cache => {
  const c = internals.view(cache)
  const check = (holds, what) => {
    if (!holds) throw new Error(`inconsistent cache: ${what}`)
  }
  const maps = [c.map, ...c.older]
  check(maps.reduce((sum, map) => sum + map.size, 0) === c.size, 'size is not the number of keys')
  check(c.max === 0 || c.size <= c.max, 'more entries than max')
  check(c.maxSize === 0 || c.total <= c.maxSize, 'larger than maxSize')
  check(c.used <= c.cap && c.keys.length >= c.cap && c.vals.length >= c.cap, 'slots beyond the arrays')
  check(c.parked.length === 0, 'a slot is left parked')
  check(c.thrown === null && c.disposed.length === 0, 'a callback is left over')
  const live = new Set()
  for (const map of maps) {
    for (const [key, slot] of map) {
      check(slot < c.used && !live.has(slot), 'two keys in one slot')
      live.add(slot)
      check(Object.is(c.keys[slot], key) || (key === 0 && c.keys[slot] === 0), 'a key is not in its slot')
      check(c.vals[slot] !== undefined, 'an entry without a value')
      check(c.m[slot] < VACANT && c.m[c.m[slot]] === slot, 'an entry is not in the log')
    }
  }
  let total = 0
  let free = 0
  for (let slot = 0; slot < c.used; slot++) {
    if (c.sized) total += c.sizes[slot]
    if (live.has(slot)) continue
    free++
    check(c.m[slot] >= VACANT, 'a free slot is not vacant')
    check(c.keys[slot] === undefined && c.vals[slot] === undefined, 'a free slot keeps something alive')
    check(!c.sized || c.sizes[slot] === 0, 'a free slot has a size')
  }
  check(total === c.total, `calculatedSize is ${c.total}, the sizes add up to ${total}`)
  let linked = 0
  for (let slot = c.free; slot !== NO_SLOT; slot = c.m[slot] & NO_SLOT) {
    check(!live.has(slot) && ++linked <= free, 'the list of free slots is broken')
  }
  check(linked === free, 'a free slot is lost')
  const order = [...c.oldestFirst()]
  check(order.length === c.size && order.every(slot => live.has(slot)), 'the order is not that of the entries')
  check(new Set(order).size === order.length, 'a slot is twice in the order')
  const reversed = [...c.newestFirst()].reverse()
  check(order.every((slot, i) => slot === reversed[i]), 'the two orders differ')
}

module.exports = { validate }
