import { OffHeapCache } from 'heapwise'
import { expectTrue, expectType, type Equal } from './expect.js'

interface User { id: number, name: string }

const cache = new OffHeapCache<string, User>({ maxBytes: '512mb', ttl: 60_000 })
const anything = new OffHeapCache()

// Keys and values come first, in the order that LRUCache and Map have.
expectType<OffHeapCache<string, User, 'throw'>>()(cache)
expectType<OffHeapCache<OffHeapCache.Key, any, 'throw'>>()(anything)
expectTrue<[Equal<OffHeapCache.Key, string | number | Uint8Array>]>()

// every option
const options: OffHeapCache.Options<User> = {
  name: 'users',
  maxBytes: 1024,
  maxEntries: 5,
  max: 5,
  ttl: 5,
  updateAgeOnGet: true,
  allowStale: true,
  codec: 'msgpack',
  shards: 4,
  evictedKeys: 5,
  onTooLarge: 'refuse'
}
new OffHeapCache({ maxBytes: '1.5gb', codec: 'json' })
new OffHeapCache({ codec: 'v8', onTooLarge: 'throw' })
// @ts-expect-error a misspelt option
new OffHeapCache({ maxbytes: 5 })
// @ts-expect-error no such codec
new OffHeapCache({ codec: 'xml' })
// @ts-expect-error a size is a number or a text
new OffHeapCache({ maxBytes: true })
// @ts-expect-error what only an LRUCache can do
new OffHeapCache({ dispose: () => {} })
// @ts-expect-error null is no key
new OffHeapCache<null, User>()

// a codec of one's own
const codec: OffHeapCache.Codec<User> = {
  name: 'users',
  encode: user => `${user.id} ${user.name}`,
  decode: (stored: string) => ({ id: parseInt(stored), name: stored.slice(stored.indexOf(' ') + 1) })
}
new OffHeapCache<string, User>({ codec })
new OffHeapCache<string, User>({ codec: { encode: user => Buffer.from(user.name), decode: bytes => JSON.parse(`${bytes}`) } })
expectType<OffHeapCache<OffHeapCache.Key, User, 'throw'>>()(new OffHeapCache({ codec }))
// @ts-expect-error of another value
new OffHeapCache<string, number>({ codec })
// @ts-expect-error both are needed
new OffHeapCache({ codec: { encode: (value: User) => value.name } })
// @ts-expect-error a number is neither text nor bytes
const wrong: OffHeapCache.Codec<User> = { encode: user => user.id, decode: () => ({ id: 1, name: 'Ada' }) }

// reading
expectType<User | undefined>()(cache.get('a'))
expectType<User | undefined>()(cache.get('a', { allowStale: true, updateAgeOnGet: true }))
expectType<User | undefined>()(cache.get('a', null))
expectType<User | undefined>()(cache.peek('a', { allowStale: true }))
expectType<boolean>()(cache.has('a'))
expectType<number>()(cache.getRemainingTTL('a'))
expectType<(User | undefined)[]>()(cache.getMany(['a', 'b']))
expectType<(User | undefined)[]>()(cache.getMany(new Set(['a'])))
expectType<Buffer | undefined>()(cache.getBuffer('a'))
expectType<number>()(cache.getInto('a', new Uint8Array(5)))
expectType<number>()(cache.getInto('a', Buffer.alloc(5), 2))
expectType<any>()(anything.get(Buffer.from('a')))
// @ts-expect-error the key is a string
cache.get(1)
// @ts-expect-error no such option
cache.peek('a', { updateAgeOnGet: true })
// @ts-expect-error a typed array of bytes
cache.getInto('a', new Float64Array(1))
// @ts-expect-error an iterable of keys
cache.getMany([1])

// writing
const user: User = { id: 1, name: 'Ada' }
expectType<OffHeapCache<string, User, 'throw'>>()(cache.set('a', user).set('b', user, 5).set('c', user, { ttl: 5 }))
cache.set('a', undefined)
expectType<OffHeapCache<string, User, 'throw'>>()(cache.setMany([['a', user]]).setMany(new Map([['a', user]]), { ttl: 5 }))
expectType<boolean>()(cache.setIfAbsent('a', user, 5))
expectType<boolean>()(cache.compareAndSet('a', undefined, user))
expectType<boolean>()(cache.compareAndSet('a', user, user, { ttl: 5 }))
expectType<number>()(cache.increment('a'))
expectType<number>()(cache.increment('a', 5, { ttl: 5 }))
expectType<boolean>()(cache.touch('a', 5))
expectType<boolean>()(cache.delete('a'))
expectType<number>()(cache.deleteMany(['a']))
expectType<void>()(cache.clear())
// @ts-expect-error another value
cache.set('a', 'Ada')
// @ts-expect-error a ttl is a number
cache.set('a', user, { ttl: '5' })
// @ts-expect-error undefined is no value here
cache.setIfAbsent('a', undefined)
// @ts-expect-error undefined is no value here
cache.setMany([['a', undefined]])

// Only a cache that refuses returns false.
const refusing = new OffHeapCache<string, User, 'refuse'>({ onTooLarge: 'refuse' })
expectType<false | OffHeapCache<string, User, 'refuse'>>()(refusing.set('a', user))
expectType<false | OffHeapCache<string, User, 'refuse'>>()(refusing.setMany([]))
expectType<false | OffHeapCache<OffHeapCache.Key, any, 'refuse'>>()(new OffHeapCache({ onTooLarge: 'refuse' }).set(1, 1))
// @ts-expect-error its type has to say that it refuses
new OffHeapCache<string, User>({ onTooLarge: 'refuse' })

// getOrSet
expectType<Promise<User>>()(cache.getOrSet('a', async key => {
  expectType<string>()(key)
  return user
}))
expectType<Promise<User>>()(cache.getOrSet('a', () => user, { ttl: 5, signal: new AbortController().signal }))
expectType<Promise<User | undefined>>()(cache.getOrSet('a', () => Math.random() < 0.5 ? user : undefined))
// @ts-expect-error another value
cache.getOrSet('a', () => 5)

// iteration
for (const entry of cache) expectType<[string, User]>()(entry)
for (const entry of cache.entries()) expectType<[string, User]>()(entry)
for (const key of cache.keys()) expectType<string>()(key)
for (const value of cache.values()) expectType<User>()(value)
expectType<Map<string, User>>()(new Map(cache))
cache.forEach(function (this: number, value, key, given) {
  expectType<User>()(value)
  expectType<string>()(key)
  expectType<OffHeapCache<string, User, 'throw'>>()(given)
}, 5)

// about the store
expectType<string | undefined>()(cache.name)
expectType<number>()(cache.size)
expectType<number>()(cache.bytes)
expectType<number>()(cache.maxBytes)
expectType<number>()(cache.maxEntries)
expectType<number>()(cache.ttl)
expectType<number>()(cache.shards)
expectType<boolean>()(cache.closed)
expectType<number>()(cache.stats().evictions.expired)
expectType<number | undefined>()(cache.stats().shards[0]?.hits)
// @ts-expect-error shards have no shards
cache.stats().shards[0]?.shards
for (const { key, reason } of cache.takeEvicted(5)) {
  expectType<string>()(key)
  expectType<'size' | 'expired'>()(reason)
}
// @ts-expect-error read-only
cache.size = 5
// @ts-expect-error read-only
cache.maxBytes = 5

// files
const size: Promise<OffHeapCache.SnapshotSize> = cache.save('file', { onProgress: ({ entries, bytes }) => entries + bytes })
cache.save(new URL('file:///sessions.snapshot'))
expectType<Promise<OffHeapCache<string, User, 'throw'>>>()(OffHeapCache.load<string, User>('file', {
  maxBytes: '1gb', onProgress: ({ entries }) => { expectType<number>()(entries) }
}))
expectType<Promise<OffHeapCache<OffHeapCache.Key, any, 'throw'>>>()(OffHeapCache.load('file'))
// @ts-expect-error a file has a name
OffHeapCache.load()

{
  using scoped = new OffHeapCache<number, string>()
  scoped.set(1, 'one')
}

class Users extends OffHeapCache<string, User> {
  byId (id: number): User | undefined { return this.get(`user:${id}`) }
}
expectType<User | undefined>()(new Users().byId(1))
expectType<Users>()(new Users().set('a', user))

export { options, size, wrong }
