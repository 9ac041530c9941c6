// By require, from a CommonJS module, with TypeScript's own words for it.
import heapwise = require('heapwise')
import { expectType } from './expect.js'

const cache = new heapwise.LRUCache<string, number>({ max: 10 })
expectType<number | undefined>()(cache.get('a'))
const status: heapwise.LRUCache.Status<string, number> = {}
cache.get('a', { status })

export import LRUCache = heapwise.LRUCache

const shared: heapwise.OffHeapCache<string, number> = new heapwise.OffHeapCache({ name: 'common' })
expectType<number | undefined>()(shared.get('a'))

const pool: heapwise.BufferPool = new heapwise.BufferPool({ name: 'common' } satisfies heapwise.BufferPool.Options)
expectType<heapwise.BufferPool.Lease>()(pool.lease(5))
expectType<number>()(heapwise.retainedBytes(heapwise.compact(pool.acquire(5))))
