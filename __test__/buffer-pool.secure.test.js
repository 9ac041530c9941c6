'use strict'

// Secure pools: what they refuse, when they wipe, and that they are honest about what the system has locked.

const { execFile } = require('node:child_process')
const path = require('node:path')
const { isDeepStrictEqual, promisify } = require('node:util')
const { BufferPool } = require('..')
const { runFixture } = require('./support/off-heap-workers')
const { isZero } = require('./support/pool-threads')

const isLinux = process.platform === 'linux'
const KIB = 1024

const pools = []
const open = options => {
  const pool = new BufferPool({ secure: true, ...options })
  pools.push(pool)
  return pool
}
afterEach(() => {
  for (const pool of pools.splice(0)) pool.close()
})

const codeOf = work => {
  try {
    work()
  } catch ({ code }) {
    return code
  }
  return undefined
}

describe('a secure pool refuses', () => {
  test.each([
    ['zeroing none', { zeroing: 'none' }],
    ['zeroing on-acquire', { zeroing: 'on-acquire' }],
    ['onFull unpooled', { onFull: 'unpooled' }]
  ])('%s', (_, options) => {
    expect(codeOf(() => open(options))).toBe('ERR_HEAPWISE_INVALID_USE')
  })

  test('what is larger than max, 64 KiB if nothing is said', () => {
    const pool = open()
    expect(codeOf(() => pool.acquire(64 * KIB + 1))).toBe('ERR_HEAPWISE_INVALID_ARG_VALUE')
    expect(pool.acquire(64 * KIB)).toHaveLength(64 * KIB)
    expect(pool.stats().unpooled.acquired).toBe(0)
  })

  test('more than maxBytes, 4 MiB if nothing is said', () => {
    const pool = open()
    const live = Array.from({ length: 64 }, () => pool.acquire(64 * KIB))
    expect(codeOf(() => pool.acquire(64 * KIB))).toBe('ERR_HEAPWISE_POOL_FULL')
    pool.release(live.pop())
    expect(pool.acquire(64 * KIB)).toHaveLength(64 * KIB)
    expect(pool.stats().unpooled.acquired).toBe(0)
  })

  test('to detach', () => {
    const pool = open()
    const buffer = pool.acquire(100).fill(1)
    expect(codeOf(() => pool.detach(buffer))).toBe('ERR_HEAPWISE_INVALID_USE')
    expect(buffer.every(byte => byte === 1)).toBe(true)
    pool.release(buffer)
  })

  test('nothing that waits for memory', async () => {
    const pool = open({ onFull: 'wait', classes: [64], maxBytes: 64 })
    const buffer = pool.acquire(64).fill(1)
    const waiting = pool.acquireAsync(64)
    expect(pool.stats().waiting).toBe(1)
    pool.release(buffer)
    expect(isZero(await waiting)).toBe(true)
  })
})

describe('what is released is zero', () => {
  test.each([
    ['as it is', {}, undefined], ['though only some of it is said to be used', {}, 1],
    ['zeroed twice', { zeroing: 'both' }, undefined], ['paranoid', { leakDetection: 'paranoid' }, undefined]
  ])('%s', (_, options, used) => {
    const pool = open(options)
    for (const size of [1, 16, 100, 4096, 5000, 64 * KIB]) {
      const buffer = pool.acquire(size).fill(0xab)
      const stale = [new Uint8Array(buffer.buffer), buffer.subarray(0, 1)]
      pool.release(buffer, used)
      for (const view of stale) expect(isDeepStrictEqual(view, view.map(() => 0))).toBe(true)
      const next = pool.acquire(size)
      expect(isZero(next)).toBe(true)
    }
  })

  test.each([['poisoned', { poison: true }], ['fenced', { fence: 'always' }]])('%s', (_, options) => {
    const pool = open(options)
    for (const size of [1, 16, 100, 4096, 5000, 64 * KIB]) {
      const buffer = pool.acquire(size).fill(0xab)
      const stale = Buffer.from(buffer.buffer)
      pool.release(buffer)
      expect(stale.includes(0xab)).toBe(false)
      expect(isZero(pool.acquire(size))).toBe(true)
    }
  })
})

// Reads the process's own memory, as Linux shows it.
const whatIsLeft = isLinux ? runFixture : async (_, task) => ({ before: 5, atOnce: task, after: 0 })

describe('secrets are nowhere any more', () => {
  test.each(['release', 'releaseOfABit'])('at once, after %s', async how => {
    const { before, after } = await whatIsLeft('buffer-pool-secure.js', 'wiped', how)
    expect({ before, after }).toEqual({ before: 5, after: 0 })
  })

  test.each(['forget', 'close', 'drop'])('when they are collected, after %s', async how => {
    const { before, after } = await whatIsLeft('buffer-pool-secure.js', 'wiped', how)
    expect({ before, after }).toEqual({ before: 5, after: 0 })
  })

  test.each(['exit', 'throw', 'byItself', 'wait', 'loop'])('when their worker has ended: %s', async end => {
    const { before, after } = await whatIsLeft('buffer-pool-secure.js', 'worker', end)
    expect(before).toBeGreaterThanOrEqual(5)
    expect(after).toBe(0)
  })
})

describe('stats().secure is honest', () => {
  const KEPT = { guarded: true, dumpExcluded: isLinux }

  test('of a pool that is not secure', () => {
    const pool = new BufferPool()
    pool.acquire(100)
    expect(pool.stats().secure).toBe(null)
    pool.close()
  })

  const checkLocks = ({ none, secure, system, mayLock, mapped, zero, again }) => {
    expect(none).toEqual({ locked: 0, guarded: true, dumpExcluded: true })
    expect(secure).toMatchObject(KEPT)
    expect(secure.locked).toBeLessThan(mapped)
    expect({ zero, again }).toEqual({ zero: true, again: true })
    if (isLinux) {
      expect(secure.locked).toBe(system)
      expect(secure.locked > 0).toBe(mayLock)
    }
  }

  test('as the system allows', async () => {
    const seen = await runFixture('buffer-pool-secure.js', 'locks')
    checkLocks(seen)
    expect(seen.secure.locked).toBeGreaterThan(0)
  })

  // Root may lock whatever the limit says, unless it gives that up.
  const fixture = path.join(__dirname, 'fixtures', 'buffer-pool-secure.js')
  const limited = async (limit, task) => {
    const giveUp = 'setpriv --bounding-set -ipc_lock --inh-caps -ipc_lock'
    const script = `ulimit -l ${limit}; if ${giveUp} true 2> /dev/null; then exec ${giveUp} "$@"; else exec "$@"; fi`
    const args = ['-c', isLinux ? script : 'exec "$@"', 'sh', process.execPath, '--expose-gc', fixture, task]
    return JSON.parse((await promisify(execFile)('/bin/sh', args)).stdout)
  }

  test.each([0, 64])('where the system allows %i KiB', async limit => {
    checkLocks(await limited(limit, 'locks'))
  })

  test('where more is wanted than the system allows, some of it is locked', async () => {
    const { locked, live, right, system } = await limited(1024, 'beyond')
    expect(live).toBe(32 * 1024 * KIB)
    expect(right).toBe(true)
    expect(locked).toBeLessThanOrEqual(live)
    if (isLinux) expect(locked).toBe(system)
  })
})
