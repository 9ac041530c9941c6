import { LRUCache, type Perf } from 'heapwise'
import { expectType } from './expect.js'

// One bound is enough.
new LRUCache<string, number>({ max: 10 })
new LRUCache<string, number>({ maxSize: 10, sizeCalculation: () => 1 })
new LRUCache<string, number>({ ttl: 10, ttlAutopurge: true })
new LRUCache<string, number>({ ttl: 10, ttlAutopurge: false })
new LRUCache<string, number>({ max: 10, ttl: 10 })

// Without type arguments, keys and values are anything but null and undefined.
const loose = new LRUCache({ max: 10 })
expectType<LRUCache<{}, {}, unknown>>()(loose)
loose.set({}, () => {}).set(Symbol('key'), 5n)

// Type arguments are found in the callbacks.
const inferred = new LRUCache({ max: 10, sizeCalculation: (value: Buffer, key: string) => value.length + key.length })
expectType<LRUCache<string, Buffer, unknown>>()(inferred)

const perf: Perf = { now: () => 0 }
const options: LRUCache.Options<string, Buffer, { user: string }> = {
  max: 10,
  maxSize: 1e6,
  maxEntrySize: 1e5,
  sizeCalculation: (value, key) => value.length + key.length,
  ttl: 1000,
  ttlResolution: 0,
  ttlAutopurge: true,
  updateAgeOnGet: true,
  updateAgeOnHas: true,
  allowStale: true,
  noDeleteOnStaleGet: true,
  noUpdateTTL: true,
  noDisposeOnSet: true,
  dispose: (value, key, reason) => {
    expectType<Buffer>()(value)
    expectType<string>()(key)
    expectType<LRUCache.DisposeReason>()(reason)
  },
  disposeAfter: (value, key, reason) => {
    expectType<Buffer>()(value)
    expectType<string>()(key)
    expectType<LRUCache.DisposeReason>()(reason)
  },
  onInsert: (value, key, reason) => {
    expectType<Buffer>()(value)
    expectType<string>()(key)
    expectType<LRUCache.InsertReason>()(reason)
  },
  fetchMethod: async (key, stale, { signal, options: own, context }) => {
    expectType<string>()(key)
    expectType<Buffer | undefined>()(stale)
    expectType<AbortSignal>()(signal)
    expectType<{ user: string }>()(context)
    own.ttl = 5
    own.size = 5
    return Buffer.from(key)
  },
  memoMethod: (key, stale, { options: own, context }) => {
    expectType<string>()(key)
    expectType<Buffer | undefined>()(stale)
    expectType<{ user: string }>()(context)
    own.ttl = 5
    own.start = 0
    return Buffer.from(key)
  },
  noDeleteOnFetchRejection: true,
  allowStaleOnFetchRejection: true,
  allowStaleOnFetchAbort: true,
  ignoreFetchAbort: true,
  backgroundFetchSize: 5,
  perf
}
const cache = new LRUCache(options)
expectType<LRUCache<string, Buffer, { user: string }>>()(cache)
new LRUCache<string, Buffer>({ max: 1, perf: Date })
new LRUCache<string, Buffer>({ max: 1, perf: performance })

// A cache lends its options.
expectType<LRUCache<string, Buffer, { user: string }>>()(new LRUCache(cache))

// fetchMethod may answer at once, and may have no value.
const fetchers: LRUCache.Fetcher<string, number>[] = [
  () => 1, () => undefined, () => {}, async () => 1, async () => undefined, async () => {}
]
for (const fetchMethod of fetchers) new LRUCache<string, number>({ max: 1, fetchMethod })

// @ts-expect-error no options
new LRUCache<string, number>()
// @ts-expect-error no bound
new LRUCache<string, number>({})
// @ts-expect-error no bound
new LRUCache<string, number>({ allowStale: true })
// @ts-expect-error bounded by time only, and nobody says whether it purges
new LRUCache<string, number>({ ttl: 10 })
// @ts-expect-error called without new
LRUCache<string, number>({ max: 10 })
// @ts-expect-error not a number
new LRUCache<string, number>({ max: '10' })
// @ts-expect-error a misspelt option
new LRUCache<string, number>({ max: 10, maxsize: 10 })
// @ts-expect-error an option of another cache
new LRUCache<string, number>({ max: 10, maxAge: 10 })
// @ts-expect-error a size is a number
new LRUCache<string, number>({ maxSize: 10, sizeCalculation: () => '1' })
// @ts-expect-error the value is a number
new LRUCache<string, number>({ max: 10, fetchMethod: () => 'one' })
// @ts-expect-error memoMethod cannot be async where the value is no promise
new LRUCache<string, number>({ max: 10, memoMethod: async () => 1 })
// @ts-expect-error memoMethod has to return a value
new LRUCache<string, number>({ max: 10, memoMethod: () => undefined })
// @ts-expect-error a clock has a now()
new LRUCache<string, number>({ max: 10, perf: {} })
// @ts-expect-error now() is in milliseconds
new LRUCache<string, number>({ max: 10, perf: { now: () => new Date() } })
// @ts-expect-error no such reason
new LRUCache<string, number>({ max: 10, dispose: (_value, _key, reason) => reason === 'expired' })
// @ts-expect-error undefined is no value
new LRUCache<string, undefined>({ max: 10 })
// @ts-expect-error null is no key
new LRUCache<null, number>({ max: 10 })
// @ts-expect-error a cache of other keys
new LRUCache<number, Buffer>(cache)

// from
expectType<LRUCache<string, number, unknown>>()(LRUCache.from(new Map([['a', 1]]), { max: 1 }))
expectType<LRUCache<string, number, unknown>>()(LRUCache.from<string, number>([['a', 1]], { max: 1 }))
expectType<LRUCache<string, Buffer, { user: string }>>()(LRUCache.from(cache, cache))
expectType<LRUCache<string, Buffer, { user: string }>>()(LRUCache.from(cache.entries(), options))
const pairs: ReadonlyArray<readonly [string, number]> = [['a', 1]]
expectType<LRUCache<string, number, unknown>>()(LRUCache.from(pairs, { max: 1, dispose: value => value.toFixed() }))
// @ts-expect-error no bound
LRUCache.from(pairs, {})
// @ts-expect-error no options
LRUCache.from(pairs)
// @ts-expect-error no pairs
LRUCache.from<string, number>(['a'], { max: 1 })
// @ts-expect-error not iterable
LRUCache.from<string, number>({ a: 1 }, { max: 1 })

// What an instance shows of its options.
expectType<number>()(cache.max)
expectType<number>()(cache.maxSize)
expectType<number>()(cache.size)
expectType<number>()(cache.calculatedSize)
expectType<number>()(cache.maxEntrySize)
expectType<number>()(cache.ttl)
expectType<number>()(cache.ttlResolution)
expectType<number>()(cache.backgroundFetchSize)
expectType<string>()(cache[Symbol.toStringTag])
expectType<Perf>()(cache.perf)
expectType<LRUCache.Fetcher<string, Buffer, { user: string }> | undefined>()(cache.fetchMethod)
expectType<LRUCache.Memoizer<string, Buffer, { user: string }> | undefined>()(cache.memoMethod)
expectType<LRUCache.Disposer<string, Buffer> | undefined>()(cache.dispose)
expectType<LRUCache.Disposer<string, Buffer> | undefined>()(cache.disposeAfter)
expectType<LRUCache.Inserter<string, Buffer> | undefined>()(cache.onInsert)
expectType<LRUCache.SizeCalculator<string, Buffer> | undefined>()(cache.sizeCalculation)

cache.ttl = 5
cache.ttlResolution = 5
cache.ttlAutopurge = false
cache.updateAgeOnGet = cache.updateAgeOnHas = cache.allowStale = cache.noDeleteOnStaleGet = false
cache.noUpdateTTL = cache.noDisposeOnSet = cache.noDeleteOnFetchRejection = false
cache.allowStaleOnFetchRejection = cache.allowStaleOnFetchAbort = cache.ignoreFetchAbort = false
cache.maxEntrySize = 10
cache.backgroundFetchSize = 10
cache.sizeCalculation = value => value.length

// @ts-expect-error read-only
cache.max = 5
// @ts-expect-error read-only
cache.maxSize = 5
// @ts-expect-error read-only
cache.size = 5
// @ts-expect-error read-only
cache.calculatedSize = 5
// @ts-expect-error read-only
cache.dispose = () => {}
// @ts-expect-error read-only
cache.disposeAfter = () => {}
// @ts-expect-error read-only
cache.onInsert = () => {}
// @ts-expect-error read-only
cache.fetchMethod = async () => Buffer.alloc(1)
// @ts-expect-error read-only
cache.memoMethod = () => Buffer.alloc(1)
// @ts-expect-error read-only
cache.perf = Date
// @ts-expect-error not a number
cache.ttl = '5'

// A subclass keeps the types.
class Sessions extends LRUCache<string, Buffer> {
  constructor () { super({ max: 10 }) }
  override get (key: string) { return super.get(key.toLowerCase()) }
}
const sessions = new Sessions()
expectType<Buffer | undefined>()(sessions.get('a'))
expectType<Sessions>()(sessions.set('a', Buffer.alloc(1)))
