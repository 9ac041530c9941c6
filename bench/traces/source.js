'use strict'

const fs = require('node:fs')
const path = require('node:path')
const zlib = require('node:zlib')
const { generator, zipf } = require('../common/random')

const answers = 'lru-exact-hits.json'

// The traces of a folder: NAME.txt or NAME.txt.gz, one key a line, for every NAME in lru-exact-hits.json, which says
// how many hits an exact LRU has at which size: { NAME: { requests, lru: { SIZE: { hits } } } }.
function fromFolder (folder) {
  const known = JSON.parse(fs.readFileSync(path.join(folder, answers), 'utf8'))
  return Object.entries(known).map(([name, { requests, lru }]) => ({
    name,
    requests,
    points: Object.entries(lru).map(([size, { hits }]) => ({ size: Number(size), hits })),
    read: () => {
      const keys = readKeys(folder, name)
      if (keys.length !== requests) throw new Error(`${name}: ${keys.length} requests in the file, ${requests} known`)
      return keys
    }
  }))
}

function readKeys (folder, name) {
  const plain = path.join(folder, name + '.txt')
  const text = fs.existsSync(plain) ? fs.readFileSync(plain) : zlib.gunzipSync(fs.readFileSync(plain + '.gz'))
  return unify(text.toString('latin1').split('\n').filter(Boolean))
}

// One string object for equal keys: flat, hashed, and hanging on no other string.
function unify (keys) {
  const seen = new Map()
  return keys.map((key) => {
    if (!seen.has(key)) seen.set(key, Buffer.from(key, 'latin1').toString('latin1'))
    return seen.get(key)
  })
}

// Where there are no traces: popular keys (Zipf), every now and then a scan over keys that are asked for only once, and
// a loop over more keys than the smaller sizes hold. How many hits are right is then for another exact LRU to say.
function generated () {
  const requests = 400000
  return [{
    name: 'generated (Zipf, scans, loops)',
    requests,
    points: [100, 1000, 5000, 20000].map((size) => ({ size, hits: undefined })),
    read: () => {
      const random = generator(11)
      const popular = zipf(50000, 0.9, random)
      const keys = []
      let scanned = 0
      while (keys.length < requests) {
        for (let i = 0; i < 20000; i++) keys.push('popular:' + popular())
        for (let i = 0; i < 4000; i++) keys.push('scan:' + scanned++)
        for (let i = 0; i < 6000; i++) keys.push('loop:' + i % 3000)
      }
      return unify(keys.slice(0, requests))
    }
  }]
}

module.exports = { fromFolder, generated }
