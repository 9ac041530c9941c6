// lru-cache's own types against ours: the same names, the same members, the same types.
import type { LRUCache as Ours } from 'heapwise'
import type { LRUCache as Theirs } from 'lru-cache'
import { expectTrue, type Equal } from './expect.js'

type K = string
type V = Buffer
type FC = { user: string }

// A status names the cache that it is of, which no two classes can have in common: it is compared by itself below.
type Bare<T> = { [Name in keyof T as Name extends 'status' | 'cache' ? never : Name]: T[Name] }
type SameMembers<A, B> = [Equal<keyof A, keyof B>, Equal<Bare<A>, Bare<B>>] extends [true, true] ? true : false

expectTrue<[
  Equal<Theirs.Size, Ours.Size>,
  Equal<Theirs.Milliseconds, Ours.Milliseconds>,
  Equal<Theirs.Count, Ours.Count>,
  Equal<Theirs.DisposeReason, Ours.DisposeReason>,
  Equal<Theirs.InsertReason, Ours.InsertReason>,
  Equal<Theirs.Disposer<K, V>, Ours.Disposer<K, V>>,
  Equal<Theirs.Inserter<K, V>, Ours.Inserter<K, V>>,
  Equal<Theirs.SizeCalculator<K, V>, Ours.SizeCalculator<K, V>>,
  Equal<Theirs.Entry<V>, Ours.Entry<V>>,
  SameMembers<Theirs.Status<K, V, FC>, Ours.Status<K, V, FC>>,
  SameMembers<Theirs.SetOptions<K, V, FC>, Ours.SetOptions<K, V, FC>>,
  SameMembers<Theirs.GetOptions<K, V, FC>, Ours.GetOptions<K, V, FC>>,
  SameMembers<Theirs.HasOptions<K, V, FC>, Ours.HasOptions<K, V, FC>>,
  SameMembers<Theirs.PeekOptions<K, V, FC>, Ours.PeekOptions<K, V, FC>>,
  SameMembers<Theirs.FetcherFetchOptions<K, V, FC>, Ours.FetcherFetchOptions<K, V, FC>>,
  SameMembers<Theirs.FetchOptions<K, V, FC>, Ours.FetchOptions<K, V, FC>>,
  SameMembers<Theirs.FetchOptionsWithContext<K, V, FC>, Ours.FetchOptionsWithContext<K, V, FC>>,
  SameMembers<Theirs.FetchOptionsNoContext<K, V>, Ours.FetchOptionsNoContext<K, V>>,
  SameMembers<Theirs.MemoOptions<K, V, FC>, Ours.MemoOptions<K, V, FC>>,
  SameMembers<Theirs.MemoOptionsWithContext<K, V, FC>, Ours.MemoOptionsWithContext<K, V, FC>>,
  SameMembers<Theirs.MemoOptionsNoContext<K, V>, Ours.MemoOptionsNoContext<K, V>>,
  SameMembers<Theirs.MemoizerMemoOptions<K, V, FC>, Ours.MemoizerMemoOptions<K, V, FC>>
]>()

// Options that lead to a status by way of a callback's arguments.
type Callback = 'fetchMethod' | 'memoMethod'
type SameOptions<A, B> =
  [Equal<keyof A, keyof B>, Equal<Omit<A, Callback>, Omit<B, Callback>>] extends [true, true] ? true : false
expectTrue<[
  SameOptions<Theirs.OptionsBase<K, V, FC>, Ours.OptionsBase<K, V, FC>>,
  SameOptions<Theirs.OptionsMaxLimit<K, V, FC>, Ours.OptionsMaxLimit<K, V, FC>>,
  SameOptions<Theirs.OptionsTTLLimit<K, V, FC>, Ours.OptionsTTLLimit<K, V, FC>>,
  SameOptions<Theirs.OptionsSizeLimit<K, V, FC>, Ours.OptionsSizeLimit<K, V, FC>>,
  Equal<keyof Theirs.Options<K, V, FC>, keyof Ours.Options<K, V, FC>>,
  Equal<keyof Theirs.FetcherOptions<K, V, FC>, keyof Ours.FetcherOptions<K, V, FC>>,
  Equal<keyof Theirs.MemoizerOptions<K, V, FC>, keyof Ours.MemoizerOptions<K, V, FC>>,
  Equal<Parameters<Theirs.Fetcher<K, V, FC>>[1], Parameters<Ours.Fetcher<K, V, FC>>[1]>,
  Equal<ReturnType<Theirs.Fetcher<K, V, FC>>, ReturnType<Ours.Fetcher<K, V, FC>>>,
  Equal<Parameters<Theirs.Memoizer<K, V, FC>>[1], Parameters<Ours.Memoizer<K, V, FC>>[1]>,
  Equal<ReturnType<Theirs.Memoizer<K, V, FC>>, ReturnType<Ours.Memoizer<K, V, FC>>>
]>()

// The class has every member of theirs, and these beyond.
type TheirCache = Theirs<K, V, FC>
type OurCache = Ours<K, V, FC>
expectTrue<[
  Equal<Exclude<keyof TheirCache, keyof OurCache>, never>,
  Equal<Exclude<keyof OurCache, keyof TheirCache>, 'stats' | 'resetStats' | 'resize' | typeof Symbol.dispose>
]>()

// What a member returns can be used where theirs was.
type Plain = Exclude<keyof TheirCache, 'fetchMethod' | 'memoMethod' | 'set'>
type Results<T, Names extends keyof T> = {
  [Name in Names]: T[Name] extends (...args: never[]) => infer Result ? Result : T[Name]
}
expectTrue<[Results<OurCache, Plain> extends Results<TheirCache, Plain> ? true : false]>()
