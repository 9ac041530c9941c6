import { BoundedMap, type LRUCache } from 'heapwise'
import { expectType } from './expect.js'

const map = new BoundedMap<string, number>([['a', 1], ['b', 2]], { max: 10 })

// It is a Map, wherever one is asked for.
const plain: Map<string, number> = map
const readonly: ReadonlyMap<string, number> = map
const sum = (numbers: Map<string, number>): number => [...numbers.values()].reduce((a, b) => a + b, 0)
expectType<number>()(sum(map))
expectType<Map<string, number>>()(new Map(map))
expectType<Record<string, number>>()(Object.fromEntries(map) as Record<string, number>)

// Map's own methods
expectType<number | undefined>()(map.get('a'))
expectType<boolean>()(map.has('a'))
expectType<BoundedMap<string, number>>()(map.set('a', 1).set('b', 2))
expectType<boolean>()(map.delete('a'))
expectType<void>()(map.clear())
expectType<number>()(map.size)
for (const entry of map) expectType<[string, number]>()(entry)
for (const entry of map.entries()) expectType<[string, number]>()(entry)
for (const key of map.keys()) expectType<string>()(key)
for (const value of map.values()) expectType<number>()(value)
map.forEach((value, key) => {
  expectType<number>()(value)
  expectType<string>()(key)
})
// @ts-expect-error the key is a string
map.get(1)
// @ts-expect-error the value is a number
map.set('a', 'b')
// @ts-expect-error read-only
map.size = 5

// Keys and values may be null and undefined, as in a Map.
const nullable = new BoundedMap<string | null, number | undefined>(null, { max: 10 })
nullable.set(null, undefined).get(null)

// Types are found in the entries and in the callbacks.
expectType<BoundedMap<string, number>>()(new BoundedMap(new Map([['a', 1]]), { max: 10 }))
const entries: ReadonlyArray<readonly [string, number]> = [['a', 1]]
expectType<BoundedMap<string, number>>()(new BoundedMap(entries, { max: 10 }))
expectType<BoundedMap<string, number>>()(new BoundedMap(map))
expectType<BoundedMap<string, Buffer>>()(new BoundedMap(null, {
  maxSize: 10, sizeCalculation: (value: Buffer, key: string) => value.length + key.length
}))

const options: BoundedMap.Options<string, number> = {
  max: 10,
  maxSize: 100,
  maxEntrySize: 10,
  sizeCalculation: (value, key) => value + key.length,
  ttl: 1000,
  ttlResolution: 0,
  updateAgeOnGet: true,
  dispose: (value, key, reason) => {
    expectType<number>()(value)
    expectType<string>()(key)
    expectType<'evict' | 'set' | 'delete' | 'expire'>()(reason)
  },
  perf: Date
}
new BoundedMap(undefined, options)
new BoundedMap<string, number>(null, { ttl: 10 })

// @ts-expect-error no bound
new BoundedMap<string, number>()
// @ts-expect-error no bound
new BoundedMap<string, number>([['a', 1]])
// @ts-expect-error no bound
new BoundedMap<string, number>(null, {})
// @ts-expect-error the options are the second argument
new BoundedMap<string, number>({ max: 10 })
// @ts-expect-error a bound by size needs sizes
new BoundedMap<string, number>(null, { maxSize: 10 })
// @ts-expect-error a bound is a number
new BoundedMap<string, number>(null, { max: '10' })
// @ts-expect-error a misspelt option
new BoundedMap<string, number>(null, { max: 10, maxsize: 10 })
// @ts-expect-error an option of LRUCache only
new BoundedMap<string, number>(null, { max: 10, allowStale: true })
// @ts-expect-error not entries
new BoundedMap<string, number>(['a'], { max: 10 })
// @ts-expect-error other values
new BoundedMap<string, number>([['a', 'b']], { max: 10 })
// @ts-expect-error called without new
BoundedMap(null, { max: 10 })
// @ts-expect-error a Map has no bound
const bounded: BoundedMap<string, number> = new Map<string, number>()

// Beyond Map
expectType<number>()(map.max)
expectType<number>()(map.maxSize)
expectType<number>()(map.calculatedSize)
expectType<number>()(map.ttl)
expectType<number>()(map.getOrInsert('a', 1))
expectType<number>()(map.getOrInsertComputed('a', key => {
  expectType<string>()(key)
  return key.length
}))
expectType<LRUCache.Stats>()(map.stats())
expectType<void>()(map.resetStats())
expectType<BoundedMap<string, number>>()(map.resize(5).resize(5, 100).resize())
const disposable: Disposable = map
disposable[Symbol.dispose]()
// @ts-expect-error read-only
map.max = 5
// @ts-expect-error read-only
map.ttl = 5
// @ts-expect-error the value is a number
map.getOrInsert('a', 'b')
// @ts-expect-error the value is a number
map.getOrInsertComputed('a', () => 'b')

class Registry extends BoundedMap<string, number> {
  constructor () { super(null, { max: 10 }) }
  override get (key: string) { return super.get(key.toLowerCase()) }
}
expectType<Registry>()(new Registry().set('a', 1))

export { bounded, plain, readonly }
