'use strict'

const { compile } = require('../common/loops')

// How a cache meets a trace: get, and on a miss set. The hits are what is counted. Compiled for each contender alone.
const replayer = (name) => compile('cache, keys', `
  let hits = 0
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i]
    if (cache.get(key) === undefined) cache.set(key, key)
    else hits++
  }
  return hits`, 'replay-' + name)

module.exports = { replayer }
