import { LRUCache } from 'heapwise'
import { expectType } from './expect.js'

interface User { name: string }
const cache = new LRUCache<number, User>({ max: 10 })
const ann: User = { name: 'Ann' }
const status: LRUCache.Status<number, User> = {}

// get
expectType<User | undefined>()(cache.get(1))
cache.get(1, { allowStale: true, updateAgeOnGet: true, noDeleteOnStaleGet: true, status })
// @ts-expect-error the key is a number
cache.get('1')
// @ts-expect-error no key
cache.get()
// @ts-expect-error no option of get
cache.get(1, { ttl: 5 })
// @ts-expect-error no option of get
cache.get(1, { updateAgeOnHas: true })

// peek
expectType<User | undefined>()(cache.peek(1))
cache.peek(1, { allowStale: true, status })
// @ts-expect-error peek changes nothing
cache.peek(1, { updateAgeOnGet: true })
// @ts-expect-error the key is a number
cache.peek('1')

// has
expectType<boolean>()(cache.has(1))
cache.has(1, { updateAgeOnHas: true, status })
// @ts-expect-error no option of has
cache.has(1, { updateAgeOnGet: true })
// @ts-expect-error the key is a number
cache.has('1')

// set
expectType<LRUCache<number, User, unknown>>()(cache.set(1, ann))
cache.set(1, ann).set(2, ann, { ttl: 5 }).set(3, undefined)
cache.set(1, ann, {
  ttl: 5, start: 0, size: 5, sizeCalculation: ({ name }, key) => name.length + key, noDisposeOnSet: true,
  noUpdateTTL: true, status
})
// @ts-expect-error the value is a User
cache.set(1, 'Ann')
// @ts-expect-error null is no value
cache.set(1, null)
// @ts-expect-error no value
cache.set(1)
// @ts-expect-error the key is a number
cache.set('1', ann)
// @ts-expect-error no option of set
cache.set(1, ann, { allowStale: true })
// @ts-expect-error options are an object
cache.set(1, ann, 5)
// @ts-expect-error ttl is a number
cache.set(1, ann, { ttl: '5' })

// delete, clear, pop, purgeStale
expectType<boolean>()(cache.delete(1))
expectType<void>()(cache.clear())
expectType<User | undefined>()(cache.pop())
expectType<boolean>()(cache.purgeStale())
// @ts-expect-error the key is a number
cache.delete('1')
// @ts-expect-error no key
cache.delete()

// getRemainingTTL, info
expectType<number>()(cache.getRemainingTTL(1))
expectType<LRUCache.Entry<User> | undefined>()(cache.info(1))
expectType<number | undefined>()(cache.info(1)?.ttl)
expectType<User | undefined>()(cache.info(1)?.value)
// @ts-expect-error the key is a number
cache.getRemainingTTL('1')
// @ts-expect-error the key is a number
cache.info('1')

// iteration
for (const entry of cache) expectType<[number, User]>()(entry)
for (const entry of cache.entries()) expectType<[number, User]>()(entry)
for (const entry of cache.rentries()) expectType<[number, User]>()(entry)
for (const key of cache.keys()) expectType<number>()(key)
for (const key of cache.rkeys()) expectType<number>()(key)
for (const value of cache.values()) expectType<User>()(value)
for (const value of cache.rvalues()) expectType<User>()(value)
expectType<Map<number, User>>()(new Map(cache))
expectType<Generator<number, void, unknown>>()(cache.keys())

// find, forEach, rforEach
expectType<User | undefined>()(cache.find((value, key, self) => {
  expectType<User>()(value)
  expectType<number>()(key)
  expectType<LRUCache<number, User, unknown>>()(self)
  return value.name === 'Ann'
}))
cache.find(() => true, { allowStale: true, status })
cache.forEach((value, key, self) => {
  expectType<User>()(value)
  expectType<number>()(key)
  expectType<LRUCache<number, User, unknown>>()(self)
})
cache.rforEach((value, key, self) => {
  expectType<User>()(value)
  expectType<number>()(key)
  expectType<LRUCache<number, User, unknown>>()(self)
})
cache.forEach(function (this: User, value) { this.name = value.name }, ann)
// @ts-expect-error no function
cache.forEach(ann)
// @ts-expect-error no function
cache.find('Ann')
// @ts-expect-error a find function answers yes or no
cache.find(value => value.name)

// dump, load
expectType<[number, LRUCache.Entry<User>][]>()(cache.dump())
cache.load(cache.dump())
cache.load([[1, { value: ann }], [2, { value: ann, ttl: 5, start: 0, size: 5 }]])
// @ts-expect-error not an entry
cache.load([[1, ann]])
// @ts-expect-error the key is a number
cache.load([['1', { value: ann }]])

// stats, resetStats, resize
expectType<LRUCache.Stats>()(cache.stats())
const { hits, misses, hitRatio, sets, removed, size, calculatedSize, max, maxSize } = cache.stats()
expectType<number[]>()([hits, misses, hitRatio, sets, size, calculatedSize, max, maxSize])
expectType<number[]>()([removed.evict, removed.set, removed.delete, removed.expire, removed.fetch])
// @ts-expect-error no such reason
removed.expired
expectType<void>()(cache.resetStats())
expectType<LRUCache<number, User, unknown>>()(cache.resize(5))
cache.resize(0, 100).resize(5, 0)
// @ts-expect-error a bound is needed
cache.resize()
// @ts-expect-error bounds are numbers
cache.resize('5')

// Symbol.dispose
function scope () {
  using scoped = new LRUCache<number, User>({ max: 1 })
  return scoped.get(1)
}
expectType<User | undefined>()(scope())
expectType<void>()(cache[Symbol.dispose]())
const disposable: Disposable = cache
disposable[Symbol.dispose]()

// status
cache.set(1, ann, { status })
expectType<'add' | 'update' | 'replace' | 'miss' | 'deleted' | undefined>()(status.set)
expectType<'stale' | 'hit' | 'miss' | 'fetching' | 'stale-fetching' | undefined>()(status.get)
expectType<'get' | 'inflight' | 'miss' | 'hit' | 'stale' | 'refresh' | undefined>()(status.fetch)
expectType<LRUCache.DisposeReason | undefined>()(status.delete)
expectType<LRUCache<number, User, unknown> | undefined>()(status.cache)
expectType<User | undefined>()(status.oldValue)
expectType<number | undefined>()(status.totalCalculatedSize)
expectType<Error | undefined>()(status.fetchError)
expectType<true | undefined>()(status.returnedStale)
// @ts-expect-error a status of other values
cache.set(1, ann, { status: {} as LRUCache.Status<number, string> })

// A cache of one kind is not a cache of another.
// @ts-expect-error other values
const others: LRUCache<number, string> = cache
// @ts-expect-error a Map has no order of use
const mapped: LRUCache<number, User> = new Map<number, User>()
export { mapped, others }
