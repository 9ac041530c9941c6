'use strict'

// Proves the tarball: `npm run test:pack`. It is installed in empty folders and used from there,
//   1. as packed, where no cargo is to be found: on each supported Node, by require and by import;
//   2. without its binary: it compiles from the sources in it;
//   3. without its binary and without cargo: one clear line, exit code 1.
// And publint and attw find nothing to say about it.

const assert = require('node:assert/strict')
const { spawnSync } = require('node:child_process')
const crypto = require('node:crypto')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')

const { addonFile, currentTarget } = require('../lib/native-target.js')
const { MAJORS, installNodes, npm } = require('./nodes.js')

const root = path.join(__dirname, '..')
const addon = path.join('lib', 'native', addonFile(currentTarget()))
const [, rustVersion] = /^rust-version = "(.+)"$/m.exec(fs.readFileSync(path.join(root, 'Cargo.toml'), 'utf8'))

const USE = `
const cache = new LRUCache({ max: 2, ttl: 60_000 })
for (const key of ['a', 'b', 'c']) cache.set(key, { key })
assert.deepEqual([...cache.keys()], ['c', 'b'])
assert.equal(cache.get('b').key, 'b')
cache.set('d', 4)
assert.deepEqual([...cache.keys()], ['d', 'b'])
const map = new BoundedMap([['a', 1], ['b', 2], ['c', 3]], { max: 2 })
assert.deepEqual([...map], [['b', 2], ['c', 3]])
assert.ok(map instanceof Map)
`
const PROGRAMS = {
  'use.cjs': `const assert = require('node:assert')\nconst { BoundedMap, LRUCache } = require('heapwise')\n${USE}`,
  'use.mjs': `import assert from 'node:assert'\nimport { BoundedMap, LRUCache } from 'heapwise'\n${USE}`
}

const hashOf = file => crypto.createHash('sha256').update(fs.readFileSync(file)).digest('hex')

function run (name, { status, stdout, stderr, error }) {
  if (error) throw error
  assert.equal(status, 0, `${name} ended with exit code ${status}\n${stdout}\n${stderr}`)
  return stdout
}

// A PATH on which Node, npm and a shell are, and nothing else.
function pathWithoutCargo (folder) {
  fs.mkdirSync(folder)
  fs.symlinkSync(process.execPath, path.join(folder, 'node'))
  const onPath = process.env.PATH.split(path.delimiter)
  for (const name of ['npm', 'sh', 'env']) {
    const home = onPath.find(entry => fs.existsSync(path.join(entry, name)))
    fs.symlinkSync(fs.realpathSync(path.join(home, name)), path.join(folder, name))
  }
  return folder
}

function pack (from, to, ...flags) {
  fs.mkdirSync(to)
  const answer = npm(['pack', '--json', `--pack-destination=${to}`, ...flags], { cwd: from, encoding: 'utf8' })
  run('npm pack', answer)
  return path.join(to, fs.readdirSync(to).find(name => name.endsWith('.tgz')))
}

function installInto (folder, tarball, env) {
  fs.mkdirSync(folder)
  fs.writeFileSync(path.join(folder, 'package.json'), '{ "private": true }')
  for (const [name, program] of Object.entries(PROGRAMS)) fs.writeFileSync(path.join(folder, name), program)
  return npm(['install', '--foreground-scripts', tarball], { cwd: folder, env, encoding: 'utf8' })
}

function use (folder, node, env) {
  for (const name of Object.keys(PROGRAMS)) {
    run(`${name} on Node ${node.version}`, spawnSync(node.binary, [name], { cwd: folder, env, encoding: 'utf8' }))
  }
}

// The program of a development tool, which may be run with this very Node.
function binOf (name) {
  const home = path.join(root, 'node_modules', name)
  const { bin } = JSON.parse(fs.readFileSync(path.join(home, 'package.json'), 'utf8'))
  return path.join(home, Object.values(bin)[0])
}

function step (name, action) {
  const start = Date.now()
  const result = action()
  console.log(`pack-test: ${name}: ok (${((Date.now() - start) / 1000).toFixed(1)} s)`)
  return result
}

function main (temporary) {
  const { CARGO: _, ...environment } = process.env
  const withoutCargo = { ...environment, PATH: pathWithoutCargo(path.join(temporary, 'bin')) }
  const nodes = installNodes(MAJORS)
  const thisNode = { binary: process.execPath, version: process.version }

  const tarball = step('npm pack', () => pack(root, path.join(temporary, 'packed')))

  step('publint and attw find nothing', () => {
    const tool = (...args) => run(args[0], spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' }))
    tool(binOf('publint'), 'run', tarball, '--strict')
    tool(binOf('@arethetypeswrong/cli'), tarball, '--no-emoji', '--profile', 'strict')
  })

  step('installs where there is no cargo, and compiles nothing', () => {
    assert.equal(spawnSync('cargo', ['--version'], { env: withoutCargo }).error?.code, 'ENOENT')
    const folder = path.join(temporary, 'prebuilt')
    const output = run('npm install', installInto(folder, tarball, withoutCargo))
    const installed = path.join(folder, 'node_modules', 'heapwise')
    assert.doesNotMatch(output, /compiling/)
    assert.equal(hashOf(path.join(installed, addon)), hashOf(path.join(root, addon)))
    assert.equal(fs.existsSync(path.join(installed, 'target')), false)
    const packages = fs.readdirSync(path.join(folder, 'node_modules')).filter(name => !name.startsWith('.'))
    assert.deepEqual(packages, ['heapwise'])
  })

  for (const node of nodes) {
    step(`require, import and use on Node ${node.version}`, () => {
      use(path.join(temporary, 'prebuilt'), node, withoutCargo)
    })
  }

  const sourceOnly = step('a tarball without its binary', () => {
    const folder = path.join(temporary, 'unpacked')
    fs.mkdirSync(folder)
    run('tar', spawnSync('tar', ['-xzf', tarball, '-C', folder], { encoding: 'utf8' }))
    fs.rmSync(path.join(folder, 'package', 'lib', 'native'), { recursive: true })
    return pack(path.join(folder, 'package'), path.join(temporary, 'source-only'), '--ignore-scripts')
  })

  step('compiles from source, in a folder inside somebody else\'s Rust workspace', () => {
    fs.writeFileSync(path.join(temporary, 'Cargo.toml'), '[workspace]\nresolver = "3"\n')
    const folder = path.join(temporary, 'compiled')
    const output = run('npm install', installInto(folder, sourceOnly, environment))
    const installed = path.join(folder, 'node_modules', 'heapwise')
    assert.match(output, /heapwise: compiling the native addon \(.+ is not there\)/)
    assert.equal(fs.existsSync(path.join(installed, 'target')), false)
    use(folder, thisNode, environment)
  })

  step('without binary and cargo: one clear line, exit code 1', () => {
    const { status, stdout, stderr } = installInto(path.join(temporary, 'failing'), sourceOnly, withoutCargo)
    const lines = `${stdout}\n${stderr}`.split('\n').filter(line => line.startsWith('heapwise: '))
    assert.equal(status, 1, `npm install ended with exit code ${status}`)
    assert.equal(lines.length, 1, `${stdout}\n${stderr}`)
    assert.match(lines[0], /"cargo" was not found/)
    assert.ok(lines[0].includes(`Install Rust ${rustVersion} or later`), lines[0])
  })
}

const temporary = fs.mkdtempSync(path.join(os.tmpdir(), 'heapwise-pack-'))
try {
  main(temporary)
} catch (error) {
  console.error(`pack-test: ${error.message}`)
  process.exitCode = 1
} finally {
  fs.rmSync(temporary, { recursive: true, force: true })
}
