'use strict'

const path = require('node:path')
const { fresh } = require('../common/fresh')
const { FreeList } = require('./free-list')

const speed = ['fixed', 'varied']
const pooled = [...speed, 'churn']
const everywhere = [...pooled, 'copy', 'proxy']

// Who is measured, and how it lends memory.
//   rows       the rows it takes part in
//   make(max)  what lends up to `max` bytes at a time: `pool` in the expressions
//   take       expression for `size` bytes. `takeVaried`: where sizes vary, if that is another one
//   drop       statement that gives `buf` back. None: the collector does it
//   zeroed     what it lends is all zero
//   stats      a BufferPool: it counts what it did
//   ours       one that the others are compared with
//   needs      what the Node it runs on must have
const contenders = [
  bufferPool('none', { zeroing: 'none' }, { rows: everywhere, ours: true }),
  bufferPool('on-release', {}, { rows: everywhere, ours: true, zeroed: true }),
  bufferPool('on-acquire', { zeroing: 'on-acquire' }, { zeroed: true }),
  bufferPool('both', { zeroing: 'both' }, { zeroed: true }),
  // What a policy costs by itself: without zeroing.
  bufferPool('sampled', { zeroing: 'none', fence: 'sampled' }, { words: ['fence'], needs: canTransfer }),
  bufferPool('always', { zeroing: 'none', fence: 'always' }, { words: ['fence'], needs: canTransfer }),
  bufferPool('poison', { zeroing: 'none', poison: true }),
  bufferPool('off', { zeroing: 'none', leakDetection: 'off' }, { words: ['leaks'], rows: speed }),
  bufferPool('advanced', { zeroing: 'none', leakDetection: 'advanced' }, { words: ['leaks'], rows: speed }),
  bufferPool('paranoid', { zeroing: 'none', leakDetection: 'paranoid' }, { words: ['leaks'], rows: speed }),
  {
    ...bufferPool('lease', { zeroing: 'none' }, { rows: speed }),
    take: 'pool.lease(size)',
    bytes: 'buf.buffer',
    drop: 'buf.release()'
  },
  {
    ...bufferPool('mixed', { zeroing: 'none' }, { rows: speed }),
    make: (max) => {
      const { BufferPool } = fresh(path.join(__dirname, '../..'))
      useElsewhere(BufferPool)
      return new BufferPool({ max, zeroing: 'none' })
    }
  },
  buffer('allocUnsafe'),
  { ...buffer('alloc'), zeroed: true },
  buffer('allocUnsafeSlow'),
  {
    // One size a pool: for a smaller one it takes a slice of it, which leads back to the whole.
    name: 'buffer-reuse-pool',
    words: ['buffer-reuse-pool'],
    rows: pooled,
    make: (max) => {
      const { pool, slice, free } = require('buffer-reuse-pool')
      return Object.assign(pool(max), { slice, release: free })
    },
    take: 'pool.alloc()',
    takeVaried: 'pool.slice(pool.alloc(), 0, size)',
    drop: 'pool.release(buf)'
  },
  {
    // Uint8Arrays over one ArrayBuffer, which has to be large enough from the start. No Buffers.
    name: '@thi.ng/malloc',
    words: ['@thi.ng/malloc', 'malloc'],
    rows: pooled,
    make: async (max) => new (await import('@thi.ng/malloc')).MemPool({ size: 16 * max + 65536 }),
    take: "pool.mallocAs('u8', size)",
    drop: 'pool.free(buf)'
  },
  {
    name: 'free list',
    words: ['list', 'floor'],
    rows: pooled,
    make: () => new FreeList(),
    take: 'pool.acquire(size)',
    drop: 'pool.release(buf)'
  },
  // What copy and proxy are without a pool.
  { name: 'createReadStream', words: ['createreadstream', 'streams', 'node'], rows: ['copy'] },
  { name: 'one buffer', words: ['one', 'floor'], rows: ['copy'] },
  { name: 'pipe', words: ['pipe', 'node'], rows: ['proxy'] },
  { name: 'onread', words: ['onread', 'node'], rows: ['proxy'] }
]

function canTransfer () {
  return typeof ArrayBuffer.prototype.transfer === 'function'
}

function bufferPool (variant, options, { words = [], rows = pooled, ...more } = {}) {
  return {
    name: `BufferPool ${variant}`,
    words: [variant, ...words, 'bufferpool', 'heapwise'],
    rows,
    stats: true,
    make: (max) => new (fresh(path.join(__dirname, '../..')).BufferPool)({ max, ...options }),
    take: 'pool.acquire(size)',
    drop: 'pool.release(buf)',
    ...more
  }
}

function buffer (method) {
  return {
    name: `Buffer.${method}`,
    words: [method.toLowerCase(), 'node'],
    rows: pooled,
    make: () => Buffer,
    take: `pool.${method}(size)`
  }
}

// A program has more than one pool. What V8 has learned about the class from the others is part of what it costs.
function useElsewhere (BufferPool) {
  const policies = [
    {}, { zeroing: 'both' }, { zeroing: 'on-acquire' }, { poison: true }, { leakDetection: 'paranoid' },
    { classes: [100, 5000, 70000] }, ...(canTransfer() ? [{ fence: 'always' }] : [])
  ]
  for (const options of policies) {
    const pool = new BufferPool({ ...options, max: options.classes ? undefined : 100000 })
    for (let i = 0; i < 3000; i++) {
      const size = 1 + i * 7919 % 70000
      pool.release(pool.acquire(size))
      pool.release(pool.alloc(64))
      pool.release(pool.acquire(200, { zero: true }), 10)
    }
    pool.close()
  }
}

module.exports = { contenders }
