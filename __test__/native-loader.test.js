'use strict'

const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { Worker } = require('node:worker_threads')

const { addonFile, currentTarget, possibleTargets, targetName } = require('../lib/native-target.js')

const lib = path.join(__dirname, '..', 'lib')
const target = currentTarget()
const builtAddon = path.join(lib, 'native', addonFile(target))

let folder

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'heapwise-loader-'))
})

afterEach(() => {
  fs.rmSync(folder, { recursive: true, force: true })
})

// The loader beside the addons given, as it stands in an installed package or in a clone.
function placeLoader (addons, { installed = false } = {}) {
  const home = path.join(folder, installed ? 'node_modules/heapwise/lib' : 'heapwise/lib')
  fs.mkdirSync(path.join(home, 'native'), { recursive: true })
  for (const name of ['native.js', 'native-target.js']) fs.copyFileSync(path.join(lib, name), path.join(home, name))
  for (const [name, bytes] of Object.entries(addons)) fs.writeFileSync(path.join(home, 'native', name), bytes)
  return home
}

// In a process of its own, since a process loads an addon once and for all.
function load (home) {
  const program = `
    try {
      console.log(JSON.stringify({ names: Object.keys(require(${JSON.stringify(path.join(home, 'native.js'))})) }))
    } catch (error) {
      const { name, message, code, cause } = error
      console.log(JSON.stringify({ name, message, code, cause: cause && { message: cause.message, code: cause.code } }))
    }`
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', program], { encoding: 'utf8' })
  expect(stderr).toBe('')
  return JSON.parse(stdout)
}

test('the addon built here loads, and gives its functions', () => {
  const { names } = load(lib)
  expect(names.length).toBeGreaterThan(0)
  const native = require('../lib/native.js')
  expect(Object.keys(native)).toEqual(names)
  for (const name of names) expect(typeof native[name]).toBe('function')
})

test('it loads in a worker as well as in the main thread, at the same time', async () => {
  const native = require('../lib/native.js')
  const program = `
    const { parentPort, workerData } = require('node:worker_threads')
    parentPort.postMessage(Object.keys(require(workerData)))`
  const workers = [1, 2].map(() => new Worker(program, { eval: true, workerData: path.join(lib, 'native.js') }))
  const names = await Promise.all(workers.map(worker => new Promise((resolve, reject) => {
    worker.once('message', resolve).once('error', reject)
  })))
  expect(names).toEqual([Object.keys(native), Object.keys(native)])
})

test.each([
  ['in a clone', false, 'npm run build'],
  ['as a dependency', true, 'npm rebuild heapwise']
])('no addon, %s: the error names the file and the command', (_, installed, command) => {
  const home = placeLoader({}, { installed })
  const { name, message, code, cause } = load(home)
  expect(name).toBe('Error')
  expect(code).toBe('ERR_HEAPWISE_NATIVE_MISSING')
  expect(message).toContain(path.join(home, 'native', addonFile(target)))
  expect(message).toContain('does not exist')
  expect(message.endsWith(command)).toBe(true)
  expect(cause).toBeUndefined()
})

test('an addon for another platform is not tried', () => {
  const home = placeLoader({ 'heapwise.plan9-mips.node': 'not for us' })
  expect(load(home).message).toContain('does not exist')
})

test('an addon that does not load: the error has the cause, and the command', () => {
  const home = placeLoader({ [addonFile(target)]: 'not a shared library' })
  const { message, code, cause } = load(home)
  expect(code).toBe('ERR_HEAPWISE_NATIVE_MISSING')
  expect(cause.code).toBe('ERR_DLOPEN_FAILED')
  expect(message).toContain(path.join(home, 'native', addonFile(target)))
  expect(message).toContain(cause.message)
  expect(message.endsWith('npm run build')).toBe(true)
})

test('of a binary for glibc and one for musl the right one is taken', () => {
  const both = Object.fromEntries(possibleTargets().map(name => [addonFile(name), 'not a shared library']))
  both[addonFile(target)] = fs.readFileSync(builtAddon)
  expect(load(placeLoader(both)).names.length).toBeGreaterThan(0)
})

test.each([
  [{ platform: 'linux', arch: 'x64', musl: false }, 'linux-x64-gnu'],
  [{ platform: 'linux', arch: 'arm64', musl: true }, 'linux-arm64-musl'],
  [{ platform: 'darwin', arch: 'arm64' }, 'darwin-arm64'],
  [{ platform: 'win32', arch: 'x64' }, 'win32-x64-msvc'],
  [{ platform: 'freebsd', arch: 'x64' }, 'freebsd-x64']
])('%o is called %s', (machine, name) => {
  expect(targetName(machine)).toBe(name)
})

test('what this machine is called is one of what it could be called', () => {
  expect(possibleTargets()).toContain(currentTarget())
})
