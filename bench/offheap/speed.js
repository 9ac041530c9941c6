'use strict'

const { answer } = require('../common/child')
const { gc } = require('../common/gc')
const { clocks } = require('../common/measure')
const { generator, permutation, zipf } = require('../common/random')
const { contenders } = require('./contenders')
const { check, keyOf, kinds, makeKeys } = require('./workload')

const batch = 1000

// One contender in this process: nanoseconds per operation over a whole run, the collector's work included. The rows
// come in an order in which each finds what it needs: the entries of the fill for the first three, a full cache for the
// others.
const rows = {
  'get hit': {
    held: true,
    run: (cache, { requests }, from, to) => {
      let missed = 0
      for (let i = from; i < to; i++) if (cache.get(requests[i]) === undefined) missed++
      return missed
    }
  },
  overwrite: {
    held: true,
    run: (cache, { requests, valueOf }, from, to) => {
      for (let i = from; i < to; i++) cache.set(requests[i], valueOf(i))
      return 0
    }
  },
  'get fresh': {
    held: true,
    run: (cache, { order }, from, to) => {
      let missed = 0
      for (let i = from; i < to; i++) if (cache.get(keyOf(order[i])) === undefined) missed++
      return missed
    }
  },
  insert: {
    run: (cache, { entries, valueOf, insert }, from, to) => {
      for (let n = entries + from; n < entries + to; n++) {
        if (insert) cache.insert(keyOf(n), valueOf(n), n)
        else cache.set(keyOf(n), valueOf(n))
      }
      return 0
    }
  },
  zipf: {
    run: (cache, { drawn, valueOf, insert }, from, to) => {
      let missed = 0
      for (let i = from; i < to; i++) {
        const n = drawn[i]
        const key = keyOf(n)
        if (cache.get(key) !== undefined) continue
        missed++
        if (insert) cache.insert(key, valueOf(n), n)
        else cache.set(key, valueOf(n))
      }
      return missed
    }
  }
}

async function speed (task) {
  const contender = contenders.find(({ name }) => name === task.contender)
  const { entries, clock, quick } = task
  const kind = kinds[task.values]
  const cache = contender.make(entries, kind, task)
  const now = clocks[clock]
  const ops = quick ? entries : Math.min(Math.max(entries, 1e6), 5e6)
  const warm = Math.ceil(ops / 10)
  const context = { entries, valueOf: kind.valueOf, insert: cache.insert !== undefined }

  // Runs from one place to another, and waits where the contender's sets end later.
  const go = async (run, from, to) => {
    if (!cache.settled) return run(cache, context, from, to)
    let missed = 0
    for (let at = from; at < to; at += batch) {
      missed += run(cache, context, at, Math.min(at + batch, to))
      await cache.settled()
    }
    return missed
  }
  const timed = async (run) => {
    await go(run, 0, warm)
    gc()
    const start = now()
    const missed = await go(run, warm, warm + ops)
    return { ns: (now() - start) / ops, missed }
  }

  const random = generator(task.round + 1)
  context.order = Uint32Array.from({ length: warm + ops }, () => Math.floor(random() * entries))
  let keys = makeKeys(entries)
  const fillStart = now()
  await go((_, { valueOf }, from, to) => {
    for (let n = from; n < to; n++) cache.set(keys[n], valueOf(n))
    return 0
  }, 0, entries)
  const result = { fill: (now() - fillStart) / entries }
  if (!contender.floor) verify(cache, kind, entries)

  context.requests = Array.from(context.order, (n) => keys[n])
  keys = undefined
  for (const name of ['get hit', 'overwrite', 'get fresh', 'insert', 'zipf'].filter((row) => task.rows.includes(row))) {
    if (name === 'get fresh' || name === 'insert' || name === 'zipf') context.requests = undefined
    if (name === 'zipf') {
      context.drawn = draw(entries, Math.max(entries, warm) + ops, random)
      // Until the cache holds what it would hold in the long run.
      await go(rows.zipf.run, 0, Math.max(entries, warm))
      context.drawn = context.drawn.subarray(Math.max(entries, warm) - warm)
    }
    const { ns, missed } = await timed(rows[name].run)
    if (rows[name].held && missed > 0) throw new Error(`${name}: ${missed} of ${ops} entries are missing`)
    result[name] = ns
    if (name === 'zipf') result.hits = 1 - missed / ops
  }
  await cache.close?.()
  return result
}

// Popular keys are anywhere among four times as many keys as the cache holds.
function draw (entries, count, random) {
  const rank = zipf(4 * entries, 0.9, random)
  const at = permutation(4 * entries, random)
  return Uint32Array.from({ length: count }, () => at[rank()])
}

function verify (cache, kind, entries) {
  if (cache.size !== entries) throw new Error(`${cache.size} entries instead of ${entries} after the fill`)
  for (let n = 0; n < entries; n += Math.ceil(entries / 100)) check(kind, n, cache.get(keyOf(n)))
}

answer(speed)
