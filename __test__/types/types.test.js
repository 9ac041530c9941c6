'use strict'

// The declarations against what they declare. That they compile, and that the type tests do, is for `npm run types`.

const { EventEmitter } = require('node:events')
const fs = require('node:fs')
const path = require('node:path')

const heapwise = require('../..')

const root = path.join(__dirname, '..', '..')
const read = name => fs.readFileSync(path.join(root, name), 'utf8')

const ALL = ['index.d.ts', ...fs.readdirSync(path.join(root, 'lib')).filter(name => name.endsWith('.d.ts'))
  .map(name => `lib/${name}`)]

/** The lines of `name` between the one that starts with `from` and the next that is `}`. */
function bodyOf (name, from) {
  const lines = read(name).split('\n')
  const start = lines.findIndex(line => line.startsWith(from))
  expect(start).toBeGreaterThan(-1)
  return lines.slice(start + 1, lines.indexOf('}', start))
}

const MEMBER = /^ {2}(?:static )?(?:readonly )?(?:get )?(\[[\w.]+\]|\w+)(?:<.*?>)?\??(?: \(|:)/

function membersOf (name, from) {
  const found = bodyOf(name, from).map(line => MEMBER.exec(line)?.[1]).filter(Boolean)
  return [...new Set(found)].filter(member => member !== 'constructor').sort()
}

// Node 20 describes Symbol.dispose in its own way.
const nameOf = key => typeof key === 'symbol' ? `[${key.description.replace('nodejs.dispose', 'Symbol.dispose')}]` : key

function runtimeMembersOf (Class, instance) {
  const inherited = ['length', 'name', 'prototype']
  const keys = [...Reflect.ownKeys(Class.prototype), ...Reflect.ownKeys(instance),
    ...Reflect.ownKeys(Class).filter(key => !inherited.includes(key))]
  // How it is printed is no business of a caller.
  const told = keys.map(nameOf).filter(name => name !== 'constructor' && name !== '[nodejs.util.inspect.custom]')
  return [...new Set(told)].sort()
}

test('LRUCache has the members that are declared, and no others', () => {
  const declared = membersOf('lib/lru-cache.d.ts', 'export declare class LRUCache')
  expect(declared.length).toBeGreaterThan(50)
  expect(declared).toEqual(runtimeMembersOf(heapwise.LRUCache, new heapwise.LRUCache({ max: 1 })))
})

test('BoundedMap has what is declared beyond Map, and nothing else', () => {
  // What the language gave Map later is declared, since older Nodes have it from here.
  const ofMap = [
    'clear', 'delete', 'entries', 'forEach', 'get', 'has', 'keys', 'set', 'size', 'values', '[Symbol.iterator]',
    '[Symbol.toStringTag]'
  ]
  const runtime = runtimeMembersOf(heapwise.BoundedMap, new heapwise.BoundedMap(null, { max: 1 }))
  const declared = membersOf('lib/bounded-map.d.ts', 'export declare class BoundedMap')
  expect(declared.length).toBeGreaterThan(5)
  expect(declared).toEqual(runtime.filter(name => !ofMap.includes(name)))
})

test('OffHeapCache has the members that are declared, and no others', () => {
  const declared = membersOf('lib/off-heap-cache.d.ts', 'export declare class OffHeapCache')
  const cache = new heapwise.OffHeapCache()
  expect(declared.length).toBeGreaterThan(35)
  expect(declared).toEqual(runtimeMembersOf(heapwise.OffHeapCache, cache))
  cache.close()
})

test('stats() of OffHeapCache has the fields that are declared, and no others', () => {
  const cache = new heapwise.OffHeapCache()
  const { shards, ...stats } = cache.stats()
  cache.close()
  const [, body] = /interface ShardStats \{\n([\s\S]*?)\n {2}\}/.exec(read('lib/off-heap-cache.d.ts'))
  const declared = [...body.matchAll(/^ {4}(\w+):/gm)].map(([, name]) => name)
  expect(declared.length).toBeGreaterThan(5)
  expect(declared).toEqual(Object.keys(stats))
  for (const shard of shards) expect(declared).toEqual(Object.keys(shard))
})

test('BufferPool has the members that are declared, and no others', () => {
  const declared = membersOf('lib/buffer-pool.d.ts', 'export declare class BufferPool')
  const pool = new heapwise.BufferPool()
  expect(declared.length).toBeGreaterThan(15)
  expect(declared).toEqual(runtimeMembersOf(heapwise.BufferPool, pool))
  pool.close()
})

test('GcMonitor has the members that are declared, and no others', () => {
  const declared = membersOf('lib/gc-monitor.d.ts', 'export declare class GcMonitor')
  const monitor = new heapwise.GcMonitor({ autostart: false })
  expect(declared.length).toBeGreaterThan(15)
  // What an EventEmitter keeps on each is Node's.
  // [mind] is between two of our files.
  const own = [...Reflect.ownKeys(new EventEmitter()).map(nameOf), '[mind]']
  const runtime = runtimeMembersOf(heapwise.GcMonitor, monitor).filter(name => !own.includes(name))
  expect(declared).toEqual(runtime)
  monitor.close()
})

test('leaks has what is declared, and nothing else', () => {
  const declared = [...read('lib/leaks.d.ts').matchAll(/^export (?:declare (?:class|function) (\w+)|\{ (\w+) \})/gm)]
    .map(([, here, there]) => here ?? there)
  expect(declared.sort()).toEqual(Object.keys(heapwise.leaks).sort())
})

test('a lease of BufferPool has the members that are declared, and no others', () => {
  const [, body] = /interface Lease \{\n([\s\S]*?)\n {2}\}/.exec(read('lib/buffer-pool.d.ts'))
  const declared = [...body.matchAll(/^ {4}(?:readonly )?(\[[\w.]+\]|\w+)(?::| \()/gm)].map(([, name]) => name)
  const pool = new heapwise.BufferPool()
  const lease = pool.lease(1)
  expect(declared.sort()).toEqual(runtimeMembersOf(lease.constructor, lease))
  pool.close()
})

/** The fields of an interface in lib/buffer-pool.d.ts, those that it takes from another among them. */
function fieldsOf (name) {
  const [, base, left, body] =
    new RegExp(`interface ${name} (?:extends Omit<(\\w+), (.+)> )?\\{\\n([\\s\\S]*?)\\n {2}\\}`)
      .exec(read('lib/buffer-pool.d.ts'))
  const own = [...body.matchAll(/^ {4}(\w+):/gm)].map(([, field]) => field)
  const inherited = base === undefined ? [] : fieldsOf(base).filter(field => !left.includes(`'${field}'`))
  return [...own, ...inherited].sort()
}

test.each([undefined, { secure: true }])('stats() of a BufferPool %j has the fields that are declared', options => {
  const pool = new heapwise.BufferPool(options)
  const stats = pool.stats()
  pool.close()
  const keysOf = value => Object.keys(value).sort()
  expect(fieldsOf('Stats').length).toBeGreaterThan(15)
  expect(fieldsOf('Stats')).toEqual(keysOf(stats))
  expect(fieldsOf('Drops')).toEqual(keysOf(stats.dropped))
  expect(fieldsOf('ByteStats')).toEqual(keysOf(stats.bytes))
  expect(fieldsOf('UnpooledStats')).toEqual(keysOf(stats.unpooled))
  for (const each of stats.classes) expect(fieldsOf('ClassStats')).toEqual(keysOf(each))
  expect(stats.secure === null ? options : { secure: true }).toEqual(options)
  if (stats.secure !== null) expect(fieldsOf('SecureStats')).toEqual(keysOf(stats.secure))
})

test('reports of a BufferPool have the fields that are declared', async () => {
  const told = { leaks: [], misuses: [] }
  const pool = new heapwise.BufferPool({
    poison: true,
    leakDetection: 'paranoid',
    onLeak: report => told.leaks.push(report),
    onMisuse: report => told.misuses.push(report)
  })
  const buf = pool.acquire(10)
  pool.release(buf)
  buf[0] = 1
  pool.acquire(10)
  const deadline = Date.now() + 30_000
  while (told.leaks.length === 0 && Date.now() < deadline) {
    globalThis.gc()
    await new Promise(resolve => setImmediate(resolve))
  }
  const places = pool.stats().leaks
  pool.close()
  const keysOf = value => Object.keys(value).sort()
  expect(told.misuses.map(keysOf)).toEqual([fieldsOf('WriteAfterRelease')])
  expect(told.leaks.map(keysOf)).toEqual([fieldsOf('LeakReport')])
  expect(places.map(keysOf)).toEqual([fieldsOf('LeakyPlace')])
})

test('stats() has the fields that are declared, and no others', () => {
  const [, body] = /interface Stats \{\n([\s\S]*?)\n {2}\}/.exec(read('lib/lru-cache.d.ts'))
  const declared = [...body.matchAll(/^ {4}(\w+):/gm)].map(([, name]) => name)
  expect(declared.sort()).toEqual(Object.keys(new heapwise.LRUCache({ max: 1 }).stats()).sort())
})

test.each([
  ['lib/lru-cache.d.ts', 'lib/cache/options.js', 'KNOWN'],
  ['lib/bounded-map.d.ts', 'lib/bounded-map.js', 'NAMES'],
  ['lib/off-heap-cache.d.ts', 'lib/off-heap/options.js', 'KNOWN'],
  ['lib/buffer-pool.d.ts', 'lib/buffer-pool/options.js', 'KNOWN']
])('%s: each option that the constructor knows is declared, and no other', (declaration, source, constant) => {
  const [, body] = /interface Options(?:Base<.*)? ?\{\n([\s\S]*?)\n {2}\}/.exec(read(declaration))
  const declared = [...body.matchAll(/^ {4}(\w+)\?:/gm)].map(([, name]) => name)
  const [, list] = new RegExp(`const ${constant} = \\[([^\\]]*)\\]`).exec(read(source))
  const known = list.match(/\w+/g)
  expect(known.length).toBeGreaterThan(5)
  expect(declared.sort()).toEqual(known.sort())
})

test('what is exported is declared, and the other way round', () => {
  const valuesOf = text => [...text.matchAll(/^export (?:\{ (.+) \}|\* as (\w+)) from/gm)]
    .flatMap(([, names, whole]) => whole ?? names.split(', '))
  expect(valuesOf(read('index.d.ts')).sort()).toEqual(Object.keys(heapwise).sort())
  expect(valuesOf(read('index.d.mts')).sort()).toEqual(Object.keys(heapwise).sort())
  const typesOf = text => [...text.matchAll(/^export (?:type|interface) (?:\{ (.+) \}|(\w+))/gm)]
    .flatMap(([, several, one]) => one ?? several.split(', '))
  expect(typesOf(read('index.d.mts')).sort()).toEqual(typesOf(read('index.d.ts')).sort())
})

test.each(ALL)('%s: each declaration has a comment that says what it is', name => {
  const lines = read(name).split('\n')
  // A member, a type or a function, at its first overload; not the rest of one that takes several lines.
  const declares = new RegExp([
    String.raw`^(?: {2}| {4})(?:static )?(?:get )?(?:\[[\w.]+\]|\w+)(?:<.*?>)?\??(?: ?\(|: )`,
    String.raw`^(?: {2})?(?:export )?(?:declare )?(?:interface|type|class) \w+`
  ].join('|'))
  let opened = 0
  const bare = []
  lines.forEach((line, index) => {
    const before = lines[index - 1]?.trim() ?? ''
    if (opened === 0 && declares.test(line) && !line.trim().startsWith('*')) {
      const [, member] = /^\s*(?:static |get )*([\w.[\]]+)/.exec(line)
      const overload = before.startsWith(`${member} (`)
      const internal = /^type /.test(line)
      if (!before.endsWith('*/') && !overload && !internal) bare.push(`${name}:${index + 1}: ${line.trim()}`)
    }
    if (!line.trim().startsWith('*') && !line.trim().startsWith('/')) {
      opened += (line.match(/[(<]/g) ?? []).length - (line.match(/[)]|(?<!=)>/g) ?? []).length
    }
  })
  expect(opened).toBe(0)
  expect(bare).toEqual([])
})

test('the programs compiled with lru-cache and with heapwise are the same but for the import', () => {
  const bodies = ['lru-cache', 'heapwise'].map(name => {
    const text = read(`__test__/types/drop-in.${name}.ts`)
    const [first, blank, , ...rest] = text.split('\n')
    expect(first).toBe(`import { LRUCache } from '${name}'`)
    expect(blank).toBe('')
    return rest
  })
  expect(bodies[0].length).toBeGreaterThan(100)
  expect(bodies[1]).toEqual(bodies[0])
})

test('no type of lru-cache is missing', () => {
  const theirs = fs.readFileSync(require.resolve('lru-cache').replace(/index(?:\.min)?\.js$/, 'index.d.ts'), 'utf8')
  const namesIn = text => {
    const start = text.indexOf('export declare namespace LRUCache {')
    const body = text.slice(start, text.indexOf('\n}', start))
    return [...body.matchAll(/^ +(?:type|interface) (\w+)/gm)].map(([, name]) => name)
  }
  expect(namesIn(theirs).length).toBeGreaterThan(25)
  expect(namesIn(read('lib/lru-cache.d.ts'))).toEqual(expect.arrayContaining(namesIn(theirs)))
})
