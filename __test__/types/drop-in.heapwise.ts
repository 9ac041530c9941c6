import { LRUCache } from 'heapwise'

// Written for lru-cache. drop-in.lru-cache.ts is the same but for the line above; both have to compile.

interface Document { id: string, body: string, version: number }
interface Session { user: string }

export class Repository extends LRUCache<string, Document, Session> {
  readonly reads: string[] = []

  constructor (options: Partial<LRUCache.OptionsBase<string, Document, Session>> = {}) {
    super({ max: 500, ttl: 60_000, ...options } as LRUCache.Options<string, Document, Session>)
  }

  override get (key: string, options?: LRUCache.GetOptions<string, Document, Session>): Document | undefined {
    this.reads.push(key)
    return super.get(key, options)
  }

  override set (
    key: string, value: Document | undefined, options?: LRUCache.SetOptions<string, Document, Session>
  ): this {
    return super.set(key.toLowerCase(), value, options)
  }

  override delete (key: string): boolean {
    return super.delete(key.toLowerCase())
  }

  newest (): Document | undefined {
    for (const [, document] of this) return document
    return undefined
  }

  oldest (count: number): string[] {
    return [...this.rkeys()].slice(0, count)
  }
}

const load = async (id: string, signal: AbortSignal): Promise<Document | undefined> => {
  const response = await fetch(`https://documents.example/${id}`, { signal })
  return response.ok ? await response.json() as Document : undefined
}

const fetchMethod: LRUCache.Fetcher<string, Document, Session> = async (id, stale, { signal, options, context }) => {
  options.ttl = context.user === 'admin' ? 1000 : 60_000
  return await load(id, signal) ?? stale
}

const dispose: LRUCache.Disposer<string, Document> = (document, id, reason) => {
  const known: LRUCache.DisposeReason[] = ['evict', 'set', 'delete', 'expire', 'fetch']
  if (known.includes(reason)) console.log(document.version, id)
}

const sizeCalculation: LRUCache.SizeCalculator<string, Document> = (document, id) => document.body.length + id.length

export const settings: LRUCache.OptionsSizeLimit<string, Document, Session> = {
  max: 1000,
  maxSize: 50 * 1024 * 1024,
  maxEntrySize: 1024 * 1024,
  sizeCalculation,
  dispose,
  disposeAfter: (document, id) => { console.log(document.body, id) },
  onInsert: (document, id, reason: LRUCache.InsertReason) => { console.log(document.id === id, reason) },
  fetchMethod,
  memoMethod: (id, stale, { context }) => stale ?? { id, body: context.user, version: 1 },
  ttl: 1000 * 60 * 5,
  ttlAutopurge: true,
  updateAgeOnGet: false,
  updateAgeOnHas: false,
  allowStale: false,
  noDeleteOnStaleGet: false,
  noUpdateTTL: false,
  noDisposeOnSet: false,
  noDeleteOnFetchRejection: true,
  allowStaleOnFetchRejection: true,
  allowStaleOnFetchAbort: true,
  ignoreFetchAbort: true,
  perf: { now: () => Date.now() }
}

const cache: LRUCache<string, Document, Session> = new LRUCache(settings)
const copy = new LRUCache<string, Document, Session>(cache)
copy.load(cache.dump())

export async function read (id: string, user: string): Promise<Document> {
  const status: LRUCache.Status<string, Document, Session> = {}
  const document = await cache.fetch(id, {
    context: { user }, allowStale: true, signal: AbortSignal.timeout(100), status, forceRefresh: user === 'admin'
  })
  if (status.fetch === 'miss' && status.returnedStale) throw status.fetchError ?? new Error('no document')
  return document ?? await cache.forceFetch(id, { context: { user } })
}

export function inspect (id: string): LRUCache.Milliseconds {
  const info: LRUCache.Entry<Document> | undefined = cache.info(id)
  if (info === undefined || !cache.has(id, { updateAgeOnHas: false })) return 0
  const peeked: Document | undefined = cache.peek(id, { allowStale: true })
  const made: Document = cache.memo(id, { context: { user: 'ann' }, ttl: 5 })
  cache.set(id, peeked ?? made, { ttl: info.ttl ?? 0, size: info.size ?? 1, start: performance.now() })
  return cache.getRemainingTTL(id)
}

export function report (): Record<string, number> {
  const versions: Record<string, number> = {}
  cache.forEach((document, id, self) => { versions[id] = document.version + self.size })
  cache.rforEach(function (this: Repository, document) { this.reads.push(document.id) }, new Repository())
  for (const id of cache.keys()) versions[id] ??= 0
  for (const { id, version } of cache.values()) versions[id] = version
  for (const entry of cache.rentries()) console.log(entry[0], entry[1])
  for (const document of cache.rvalues()) console.log(document?.id)
  const found = cache.find(document => document.version > 1, { allowStale: true })
  versions[found?.id ?? ''] = cache.calculatedSize + cache.max + cache.maxSize + (cache.purgeStale() ? 1 : 0)
  cache.ttl = 5
  cache.clear()
  return versions
}

export const wrap = <Value extends {}>(inner: LRUCache<string, Value>) => (key: string, make: () => Value): Value => {
  const present = inner.get(key)
  if (present !== undefined) return present
  const value = make()
  inner.set(key, value)
  return inner.pop() ?? value
}

export const memoize = <Key extends {}, Value extends {}>(compute: (key: Key) => Value, max: number) => {
  const values = new LRUCache<Key, Value>({ max, memoMethod: key => compute(key) })
  return (key: Key): Value => values.memo(key)
}

export const lazily = <Key extends {}, Value extends {}>(
  get: (key: Key) => Promise<Value>, ttl: LRUCache.Milliseconds
) => {
  const values = new LRUCache<Key, Value>({ max: 100, ttl, fetchMethod: async key => await get(key) })
  return async (key: Key): Promise<Value | undefined> => await values.fetch(key, { signal: AbortSignal.timeout(5) })
}
