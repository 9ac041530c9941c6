'use strict'

const assert = require('node:assert')

// Keys and values are made from a number, the same for every contender: what is stored under a number can be told, and
// checked, at any time, without a copy in the heap that is measured.

// 17 characters. The number is a small integer to V8.
const keyOf = (n) => 'session:' + (100000000 + n)
const keyBytes = keyOf(0).length

const letters = Buffer.alloc(65536 + 1024)
for (let i = 0, state = 1; i < letters.length; i++) {
  state = (Math.imul(state, 1103515245) + 12345) >>> 0
  letters[i] = 97 + (state >>> 16) % 26
}
const place = (n) => Math.imul(n, 0x9e3779b1) >>> 16

const tags = Array.from({ length: 16 }, (_, i) => `tag-${i}`)

//   valueOf(n)   a new value each time, as one that comes from a socket or a query
//   bytes(n)     its size as payload
//   codec        whether OffHeapCache needs its codec for it
const kinds = {
  // A flat string of 100 one-byte characters.
  strings: {
    valueOf: (n) => letters.latin1Slice(place(n), place(n) + 100),
    bytes: () => 100
  },
  // 1 KiB, out of Node's pool as Buffer.from would take it.
  buffers: {
    valueOf: (n) => {
      const value = Buffer.allocUnsafe(1024)
      letters.copy(value, 0, place(n), place(n) + 1024)
      return value
    },
    bytes: () => 1024
  },
  objects: {
    valueOf: (n) => ({ id: n, name: 'user ' + n, tags: [tags[n & 15], tags[(n >> 4) & 15]] }),
    bytes: (n) => JSON.stringify(kinds.objects.valueOf(n)).length,
    codec: true
  }
}

// Bytes of keys and values of `entries` entries from number `from` on.
function payload ({ bytes }, entries, from = 0) {
  const step = Math.max(1, Math.floor(entries / 1000))
  let sum = 0
  let counted = 0
  for (let n = from; n < from + entries; n += step, counted++) sum += keyBytes + bytes(n)
  return sum / counted * entries
}

// Flat strings, outside of any other: a key made by `+` is two strings until it is first hashed.
function makeKeys (entries) {
  const keys = new Array(entries)
  for (let from = 0; from < entries; from += 1000) {
    const to = Math.min(entries, from + 1000)
    let text = ''
    for (let n = from; n < to; n++) text += keyOf(n)
    const bytes = Buffer.from(text, 'latin1')
    for (let n = from; n < to; n++) keys[n] = bytes.latin1Slice((n - from) * keyBytes, (n - from + 1) * keyBytes)
  }
  return keys
}

// Throws if what a cache gave for a number is not what was stored.
function check (kind, n, got) {
  assert.deepStrictEqual(got, kind.valueOf(n), `wrong value under ${keyOf(n)}`)
}

module.exports = { check, keyBytes, keyOf, kinds, makeKeys, payload }
