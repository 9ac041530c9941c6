'use strict'

// The arguments of getMany, setMany and deleteMany, checked and copied before anything is done.

const { isUint8Array } = require('node:util/types')
const { kindOfKey } = require('./keys')
const { encode } = require('./values')
const { invalidType, notEncodable } = require('../errors')

const isIterable = value => typeof value === 'object' && typeof value?.[Symbol.iterator] === 'function'

// What iterates in its own way may give one Buffer again and again, each time with other bytes in it.
const isFixed = value => Array.isArray(value) && value[Symbol.iterator] === Array.prototype[Symbol.iterator]
const kept = (fixed, bytes) => !fixed && isUint8Array(bytes) ? Uint8Array.prototype.slice.call(bytes) : bytes

/** The keys of an iterable, as an array that nobody else has. */
const readKeys = keys => {
  if (!isIterable(keys)) throw invalidType("argument 'keys'", 'an iterable of keys', keys)
  const fixed = isFixed(keys)
  const list = []
  for (const key of keys) {
    kindOfKey(key)
    list.push(kept(fixed, key))
  }
  return list
}

/** The entries of an iterable, encoded. */
const readEntries = (codec, entries) => {
  if (!isIterable(entries)) throw invalidType("argument 'entries'", 'an iterable of [key, value]', entries)
  const fixed = isFixed(entries)
  const keys = []
  const payloads = []
  const kinds = []
  for (const entry of entries) {
    if (typeof entry !== 'object' || entry === null) {
      throw invalidType("argument 'entries'", 'an iterable of [key, value]', entry)
    }
    const key = entry[0]
    const value = entry[1]
    if (value === undefined) throw notEncodable(value, new TypeError('deleteMany() deletes'))
    const { kind, payload } = encode(codec, value)
    kindOfKey(key)
    kinds.push(kind)
    keys.push(kept(fixed, key))
    payloads.push(kept(fixed, payload))
  }
  return { keys, payloads, kinds: Uint32Array.from(kinds) }
}

module.exports = { readKeys, readEntries }
