'use strict'

const { generator, permutation, zipf } = require('../common/random')

const kinds = ['string', 'integer', 'object']

// `count` different keys of a kind, ready for use: a contender that comes first must not pay for what all others
// then find done.
function makeKeys (kind, count) {
  if (kind === 'integer') {
    // An odd factor permutes the 30-bit integers: all different, scattered, and all small integers to V8.
    return Array.from({ length: count }, (_, i) => Math.imul(i, 0x2545f491) & 0x3fffffff)
  }
  const keys = new Array(count)
  for (let from = 0; from < count; from += 1024) {
    const to = Math.min(count, from + 1024)
    if (kind === 'object') {
      // An object gets its identity hash when it first becomes a key.
      const first = new Set()
      for (let i = from; i < to; i++) first.add(keys[i] = { id: i })
    } else {
      // As property names they are interned by V8, which also hashes and flattens them. tiny-lru interns its keys in
      // any case, and an interned key changes for everybody who holds it: so all get them interned.
      const names = {}
      for (let i = from; i < to; i++) names['session:' + (i + 0x10000000).toString(16) + ':user'] = 0
      const interned = Object.keys(names)
      for (let i = from; i < to; i++) keys[i] = interned[i - from]
    }
  }
  return keys
}

// How many requests are drawn before they repeat: enough that nothing can be learned by heart.
const drawn = (entries) => Math.max(65536, 2 * entries)

function uniform (keys, count, seed) {
  const random = generator(seed)
  return Array.from({ length: count }, () => keys[Math.floor(random() * keys.length)])
}

// The popular keys are not those made first: they lie anywhere in memory.
function zipfian (keys, count, seed) {
  const random = generator(seed)
  const rank = zipf(keys.length, 0.9, random)
  const place = permutation(keys.length, random)
  return Array.from({ length: count }, () => keys[place[rank()]])
}

module.exports = { drawn, kinds, makeKeys, uniform, zipfian }
