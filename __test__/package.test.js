'use strict'

const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')

const manifest = require('../package.json')
const { npm } = require('../scripts/nodes.js')

const root = path.join(__dirname, '..')
const read = name => fs.readFileSync(path.join(root, name), 'utf8')

function evaluate (program, ...flags) {
  const options = { cwd: root, encoding: 'utf8' }
  const { status, stdout, stderr } = spawnSync(process.execPath, [...flags, '-e', program], options)
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  return JSON.parse(stdout)
}

let packed

beforeAll(() => {
  const { stdout } = npm(['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: root, encoding: 'utf8' })
  const answer = JSON.parse(stdout)
  // A list up to npm 11, by name from npm 12 on.
  const [entry] = Object.values(answer)
  packed = entry.files.map(file => file.path)
})

const targetsOf = value => typeof value === 'string' ? [value] : Object.values(value).flatMap(targetsOf)
const asPacked = name => name.replace(/^\.\//, '')

test('what package.json points at is there, and is packed', () => {
  const targets = [manifest.main, manifest.types, ...targetsOf(manifest.exports)].map(asPacked)
  expect(targets.length).toBeGreaterThan(5)
  for (const target of targets) expect(packed).toContain(target)
})

test('the tarball has what it takes to run here, and to compile elsewhere', () => {
  for (const name of [
    'lib/native.js', 'lib/native-target.js', 'lib/lru-cache.js', 'lib/bounded-map.js', 'lib/off-heap-cache.js',
    'lib/buffer-pool.js', 'lib/buffer-pool.d.ts',
    'scripts/install.js',
    'Cargo.toml', 'Cargo.lock', 'build.rs', 'src/lib.rs', 'src/binding/raw.rs', 'src/core/mod.rs',
    'LICENSE', 'LICENSE-MIT', 'LICENSE-APACHE', 'README.md', 'CHANGELOG.md'
  ]) expect(packed).toContain(name)
})

test('of compiled files the tarball has the addon for linux-x64-gnu and its note, and no other', () => {
  const native = packed.filter(name => name.startsWith('lib/native/'))
  const allowed = ['lib/native/heapwise.linux-x64-gnu.json', 'lib/native/heapwise.linux-x64-gnu.node']
  expect(allowed).toEqual(expect.arrayContaining(native))
  if (process.platform === 'linux' && process.arch === 'x64') expect(native.sort()).toEqual(allowed)
})

test('the tarball has no tests, benches, caches or settings of this repository', () => {
  const foreign = /^(?:__test__|tests|bench|examples|node_modules|target|\.|.*config\.)/
  expect(packed.filter(name => foreign.test(name))).toEqual([])
})

test('every source file of lib and src is packed', () => {
  const sources = ['lib', 'src'].flatMap(folder => fs.readdirSync(path.join(root, folder), { recursive: true })
    .filter(name => /\.(?:js|ts|rs)$/.test(name)).map(name => `${folder}/${name.split(path.sep).join('/')}`))
  expect(sources.length).toBeGreaterThan(10)
  expect(packed).toEqual(expect.arrayContaining(sources))
})

test('require and import give the same things under the same names', () => {
  const names = Object.keys(require('..')).sort()
  expect(names).toEqual(expect.arrayContaining(['BoundedMap', 'BufferPool', 'LRUCache', 'OffHeapCache']))
  const compared = evaluate(`
    const required = require('heapwise')
    import('heapwise').then(imported => console.log(JSON.stringify({
      names: Object.keys(imported).sort(),
      same: Object.keys(imported).every(name => imported[name] === required[name])
    })))`)
  expect(compared).toEqual({ names, same: true })
})

test('importing by name works from an ES module', () => {
  expect(evaluate(`
    import { BoundedMap, LRUCache } from 'heapwise'
    const cache = new LRUCache({ max: 1 })
    cache.set('a', 1)
    cache.set('b', 2)
    const map = new BoundedMap([['a', 1], ['b', 2]], { max: 1 })
    console.log(JSON.stringify([[...cache], [...map]]))`, '--input-type=module'))
    .toEqual([[['b', 2]], [['b', 2]]])
})

test('a program that only loads heapwise ends by itself', () => {
  expect(evaluate("require('heapwise'); process.on('exit', () => console.log(true))")).toBe(true)
})

test('package.json can be read by its name, and inner files cannot', () => {
  expect(evaluate(`
    const codeOf = name => { try { require(name); return 'none' } catch (error) { return error.code } }
    console.log(JSON.stringify([require('heapwise/package.json').name, codeOf('heapwise/lib/native.js')]))`))
    .toEqual(['heapwise', 'ERR_PACKAGE_PATH_NOT_EXPORTED'])
})

test('nothing is needed at run time but Node', () => {
  const { dependencies, optionalDependencies, peerDependencies, peerDependenciesMeta } = manifest
  expect([dependencies, optionalDependencies]).toEqual([undefined, undefined])
  // Whoever wants its codec installs it. npm does not by itself, as it is optional.
  expect(peerDependencies).toEqual({ msgpackr: expect.any(String) })
  expect(peerDependenciesMeta).toEqual({ msgpackr: { optional: true } })
  const sources = packed.filter(name => /^(?:lib|scripts)\/.*\.js$|^index\.m?js$/.test(name))
  expect(sources.length).toBeGreaterThan(5)
  for (const source of sources) {
    const foreign = [...read(source).matchAll(/\brequire\('([^']+)'\)|\bfrom '([^']+)'/g)]
      .map(([, required, imported]) => required ?? imported)
      .filter(name => !name.startsWith('node:') && !name.startsWith('.'))
    expect({ source, foreign }).toEqual({ source, foreign: source === 'lib/off-heap/codecs.js' ? ['msgpackr'] : [] })
  }
})

test('every place that names the version names the same one', () => {
  const { version } = manifest
  const lock = require('../package-lock.json')
  expect([lock.version, lock.packages[''].version]).toEqual([version, version])
  expect(/^version = "(.+)"$/m.exec(read('Cargo.toml'))[1]).toBe(version)
  expect(/^name = "heapwise"\nversion = "(.+)"$/m.exec(read('Cargo.lock'))[1]).toBe(version)
  expect(read('CHANGELOG.md')).toContain(`## ${version}`)
})

test('the license is the same in package.json and Cargo.toml, and its texts are there', () => {
  expect(/^license = "(.+)"$/m.exec(read('Cargo.toml'))[1]).toBe(manifest.license)
  expect(read('LICENSE')).toContain(manifest.license)
  expect(read('LICENSE-MIT')).toContain('Permission is hereby granted, free of charge')
  expect(read('LICENSE-APACHE')).toContain('Version 2.0, January 2004')
})

test('the lockfile names no place that packages come from', () => {
  const { packages } = require('../package-lock.json')
  expect(Object.keys(packages).length).toBeGreaterThan(100)
  expect(Object.values(packages).filter(entry => entry.resolved !== undefined)).toEqual([])
})
