// Who has to give a `context` to fetch, forceFetch and memo, who may, and who must not: the third type argument.
import { LRUCache } from 'heapwise'
import { expectType } from './expect.js'

interface Request { user: string }
const context: Request = { user: 'ann' }

// unknown, the default: optional, and anything
const free = new LRUCache<string, number>({
  max: 1,
  fetchMethod: (_key, _stale, options) => { expectType<unknown>()(options.context) },
  memoMethod: (_key, _stale, options) => { expectType<unknown>()(options.context); return 1 }
})
expectType<Promise<number | undefined>>()(free.fetch('a'))
expectType<Promise<number>>()(free.forceFetch('a'))
expectType<number>()(free.memo('a'))
free.fetch('a', {})
free.fetch('a', { context, forceRefresh: true, signal: AbortSignal.timeout(5), status: {}, ttl: 5, size: 5 })
free.fetch('a', { context: 5, allowStale: true, noDeleteOnFetchRejection: true, allowStaleOnFetchRejection: true })
free.fetch('a', { ignoreFetchAbort: true, allowStaleOnFetchAbort: true, updateAgeOnGet: true, noUpdateTTL: true })
free.forceFetch('a', { context: 'anything', noDisposeOnSet: true, noDeleteOnStaleGet: true, sizeCalculation: () => 1 })
free.memo('a', { context, forceRefresh: true, allowStale: true, ttl: 5, status: {}, updateAgeOnGet: true })
// @ts-expect-error the key is a string
free.fetch(1)
// @ts-expect-error the key is a string
free.forceFetch(1)
// @ts-expect-error the key is a string
free.memo(1)
// @ts-expect-error no option of fetch
free.fetch('a', { updateAgeOnHas: true })
// @ts-expect-error a signal, not its controller
free.fetch('a', { signal: new AbortController() })
// @ts-expect-error no option of memo
free.memo('a', { signal: AbortSignal.timeout(5) })

// A type: required
const bound = new LRUCache<string, number, Request>({
  max: 1,
  fetchMethod: (_key, _stale, options) => { expectType<Request>()(options.context) },
  memoMethod: (_key, _stale, options) => { expectType<Request>()(options.context); return 1 }
})
expectType<Promise<number | undefined>>()(bound.fetch('a', { context }))
expectType<Promise<number>>()(bound.forceFetch('a', { context }))
expectType<number>()(bound.memo('a', { context }))
// @ts-expect-error no context
bound.fetch('a')
// @ts-expect-error no context
bound.fetch('a', {})
// @ts-expect-error no context
bound.fetch('a', { ttl: 5 })
// @ts-expect-error another context
bound.fetch('a', { context: { name: 'ann' } })
// @ts-expect-error undefined is no context
bound.fetch('a', { context: undefined })
// @ts-expect-error no context
bound.forceFetch('a')
// @ts-expect-error no context
bound.forceFetch('a', {})
// @ts-expect-error another context
bound.forceFetch('a', { context: 5 })
// @ts-expect-error no context
bound.memo('a')
// @ts-expect-error no context
bound.memo('a', {})
// @ts-expect-error another context
bound.memo('a', { context: 5 })

// undefined and void: forbidden
const none = new LRUCache<string, number, undefined>({
  max: 1, fetchMethod: (_key, _stale, options) => { expectType<undefined>()(options.context) }
})
expectType<Promise<number | undefined>>()(none.fetch('a'))
expectType<Promise<number>>()(none.forceFetch('a'))
expectType<number>()(none.memo('a'))
none.fetch('a', { ttl: 5 })
none.forceFetch('a', { ttl: 5 })
none.memo('a', { ttl: 5 })
none.fetch('a', { context: undefined })
// @ts-expect-error a context
none.fetch('a', { context })
// @ts-expect-error a context
none.forceFetch('a', { context })
// @ts-expect-error a context
none.memo('a', { context })

const empty = new LRUCache<string, number, void>({ max: 1 })
expectType<Promise<number | undefined>>()(empty.fetch('a'))
expectType<Promise<number>>()(empty.forceFetch('a'))
expectType<number>()(empty.memo('a'))
// @ts-expect-error a context
empty.fetch('a', { context })
// @ts-expect-error a context
empty.forceFetch('a', { context })
// @ts-expect-error a context
empty.memo('a', { context })

// A union with undefined is a type: the context may be undefined, but has to be named.
const perhaps = new LRUCache<string, number, Request | undefined>({ max: 1 })
perhaps.fetch('a', { context })
