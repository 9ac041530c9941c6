'use strict'

/**
 * What answers from memory, in the order shown. A contender needs `get(key)`, which gives `undefined` for a miss,
 * `set(key, value)` and `size`; nothing else is asked of it. To add one, add a row.
 *
 * `load` is called in the contender's own server process, so that its memory is nobody else's.
 *
 * @typedef {object} Contender
 * @property {string} name shown in the table
 * @property {boolean} bounded whether it keeps to `max` entries
 * @property {string} about one line for the person watching
 * @property {(limits: { max: number }) => { get: Function, set: Function, size: number }} load
 */

/** More than a page with its item takes, as JSON. */
const ENTRY_BYTES = 8192
// What a store needs in any case.
const LEAST_BYTES = 64 * 1024

/** @type {Contender[]} */
const contenders = [
  {
    name: 'Map',
    bounded: false,
    about: 'keeps everything it was ever asked for',
    load: () => new Map()
  },
  {
    name: 'lru-cache',
    bounded: true,
    about: 'keeps the entries used last',
    load: ({ max }) => {
      const { LRUCache } = require('lru-cache')
      return new LRUCache({ max })
    }
  },
  {
    name: 'heapwise',
    bounded: true,
    about: 'keeps the entries used last',
    load: ({ max }) => {
      const { LRUCache } = require('../..')
      return new LRUCache({ max })
    }
  },
  {
    name: 'OffHeapCache',
    bounded: true,
    about: 'keeps the entries used last, outside of the heap',
    load: ({ max }) => {
      const { OffHeapCache } = require('../..')
      // Room for `max` of the largest entries: what bounds it here is what bounds the others.
      return new OffHeapCache({ max, maxBytes: Math.max(max * ENTRY_BYTES, LEAST_BYTES), codec: 'json' })
    }
  }
]

module.exports = { contenders }
