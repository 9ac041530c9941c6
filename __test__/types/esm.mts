// By import, from an ES module, the types are the same.
import * as heapwise from 'heapwise'
import {
  BoundedMap, BufferPool, LRUCache, OffHeapCache, compact, retainedBytes, type DisposeTask, type HeapwiseError,
  type HeapwiseErrorCode, type Perf
} from 'heapwise'
import type { LRUCache as Required } from './common.cjs'
import { expectTrue, expectType, type Equal } from './expect.js'

const cache = new LRUCache<string, number>({ max: 10 })
expectType<number | undefined>()(cache.get('a'))
const namespaced: heapwise.LRUCache<string, number> = cache
const options: LRUCache.Options<string, number> = { max: 1 }
const map: Map<string, number> = new BoundedMap<string, number>([['a', 1]], { max: 10 })
const clock: Perf = performance
expectType<number | undefined>()(new OffHeapCache<string, number>({ name: 'esm' } satisfies OffHeapCache.Options).get('a'))
expectType<number>()(retainedBytes(compact(new BufferPool({ name: 'esm' } satisfies BufferPool.Options).acquire(5))))

expectTrue<[
  Equal<LRUCache<string, number>, Required<string, number>>,
  Equal<DisposeTask<string, number>, [value: number, key: string, reason: LRUCache.DisposeReason]>,
  Equal<HeapwiseError['code'], HeapwiseErrorCode>
]>()

const failed = (error: HeapwiseError): boolean => error.code === 'ERR_HEAPWISE_INVALID_ARG_TYPE'
// @ts-expect-error no such code
const impossible = (error: HeapwiseError): boolean => error.code === 'ERR_HEAPWISE_NOTHING'
// @ts-expect-error there is no default export
heapwise.default

export { clock, failed, impossible, map, namespaced, options }
