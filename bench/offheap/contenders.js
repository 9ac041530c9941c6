'use strict'

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { keyBytes, keyOf } = require('./workload')

// Who is measured. A contender is alone in its process, so that no heap but its own is collected.
//   make(entries, kind, { folder, values, name })   a cache that holds `entries` entries. It has
//     get(key), set(key, value)
//     insert(key, value, n)   where it is not `set`: a new key, made of number n, into a full cache
//     settled()               where sets end later: a promise for all so far. Awaited after every 1,000 operations
//     size, bytes             where it can tell
//     close()
//   shares     all worker threads can use one store; others need one each
//   only       kinds of values it takes part in
const contenders = [
  offHeap('OffHeapCache', ['offheapcache', 'offheap', 'heapwise']),
  { ...offHeap('OffHeapCache json', ['json', 'codecs'], 'json'), only: ['objects'], variant: true },
  { ...offHeap('OffHeapCache msgpack', ['msgpack', 'codecs'], 'msgpack'), only: ['objects'], variant: true },
  {
    name: 'LRUCache',
    words: ['lrucache', 'heapwise'],
    make: (max) => new (require('../..').LRUCache)({ max })
  },
  {
    name: 'lru-cache',
    words: ['lru-cache'],
    make: (max) => new (require('lru-cache').LRUCache)({ max })
  },
  {
    name: 'lmdb',
    words: ['lmdb'],
    shares: true,
    make: (entries, kind, { folder, values, name }) => new Lmdb(entries, values, path.join(folder, name ?? 'db'))
  },
  {
    // The floor: what the loop, the keys and the values cost.
    name: 'none',
    words: ['none'],
    floor: true,
    make: () => new None()
  }
]

function offHeap (name, words, codec) {
  return {
    name,
    words,
    shares: true,
    ours: true,
    make: (entries, kind, { name: store }) => {
      const { OffHeapCache } = require('../..')
      if (!OffHeapCache) throw new Error('heapwise has no OffHeapCache here')
      return new OffHeapCache({ name: store, maxEntries: entries, maxBytes: room(entries, kind), codec })
    }
  }
}

// Bytes that surely hold so many entries: `maxEntries` is the bound that evicts, as `max` is of the others.
function room (entries, { bytes }) {
  return Math.ceil(1.5 * entries * (keyBytes + bytes(entries) + 160)) + 64 * 2 ** 20
}

// lmdb as fast as it gets: nothing is forced to disk, the file is in memory, its map is writable, and sets are queued
// and written a thousand at a time by its own thread. It has no bound and no order of use: what came first goes first.
class Lmdb {
  #db
  #file
  #first
  #at = 0
  #last

  constructor (entries, values, file) {
    const { open } = require('lmdb')
    const encoding = { strings: 'string', buffers: 'binary', objects: 'msgpack' }[values]
    this.#file = file
    this.#db = open({ path: file, noSubdir: true, encoding, noSync: true, noMemInit: true, useWritemap: true })
    this.#first = new Uint32Array(entries)
    for (let n = 0; n < entries; n++) this.#first[n] = n
  }

  get (key) {
    return this.#db.get(key)
  }

  set (key, value) {
    this.#last = this.#db.put(key, value)
  }

  insert (key, value, n) {
    this.#db.remove(keyOf(this.#first[this.#at]))
    this.#first[this.#at] = n
    if (++this.#at === this.#first.length) this.#at = 0
    this.#last = this.#db.put(key, value)
  }

  settled () {
    const last = this.#last
    this.#last = undefined
    return last
  }

  get size () {
    return this.#db.getStats().entryCount
  }

  get bytes () {
    return fs.statSync(this.#file).blocks * 512
  }

  async close () {
    await this.#db.close()
  }
}

class None {
  get () {
    return this
  }

  set () {}
  close () {}
}

// Where lmdb's files go: memory, where the system has a folder for that.
function memoryFolder () {
  return fs.existsSync('/dev/shm') ? '/dev/shm' : os.tmpdir()
}

module.exports = { contenders, memoryFolder }
