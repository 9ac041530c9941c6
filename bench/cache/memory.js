'use strict'

const { setImmediate: turn } = require('node:timers/promises')
const { answer } = require('../common/child')
const { gc } = require('../common/gc')
const { loop } = require('../common/loops')
const { contenders } = require('./contenders')
const { values } = require('./keyed')
const { makeKeys } = require('./keys')

// What a cache takes for each entry beside the key and the value, of one contender in this process: the growth of V8's
// heap and of what hangs on it (ArrayBuffers), once filled, and after a churn of twice its size. `rss` is what the
// process grew by, garbage and reserves included; it would show memory that V8 is not told of.
async function bytesPerEntry ({ contender: wanted, entries, ttl }) {
  const contender = contenders.find(({ name }) => name === wanted)
  const library = await contender.load()
  const options = ttl ? { ttl: 3600e3 } : {}
  const keys = makeKeys('string', 3 * entries)
  const bounded = contender.name === 'Map' ? '; if (cache.size > max) cache.delete(oldest.next().value)' : ''
  const run = loop('cache.set(key, value)' + bounded, 'memory')
  // Code, feedback and lazily made parts of the library are no part of an entry.
  run(contender.create(library, 1000, options), keys, values, 0, 5000, 1000, new Map().keys())
  const before = await settled()
  const cache = contender.create(library, entries, options)
  const oldest = contender.name === 'Map' ? cache.keys() : undefined
  run(cache, keys, values, 0, entries, entries, oldest)
  const full = await settled()
  run(cache, keys, values, entries, 2 * entries, entries, oldest)
  const churned = await settled()
  if (cache.get(keys[3 * entries - 1]) === undefined) throw new Error('the last entry is missing')
  const each = (after, what) => (after[what] - before[what]) / entries
  return { filled: each(full, 'bytes'), churned: each(churned, 'bytes'), rss: each(full, 'rss') }
}

async function settled () {
  for (let i = 0; i < 4; i++) {
    gc()
    await turn()
  }
  // `external` includes the memory of ArrayBuffers.
  const { heapUsed, external, rss } = process.memoryUsage()
  return { bytes: heapUsed + external, rss }
}

answer(bytesPerEntry)
