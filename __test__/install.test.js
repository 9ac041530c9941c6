'use strict'

const { spawn, spawnSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')

const { addonFile, currentTarget } = require('../lib/native-target.js')

const root = path.join(__dirname, '..')
const addonName = addonFile(currentTarget())
const builtAddon = path.join(root, 'lib', 'native', addonName)

const makeFolder = () => fs.mkdtempSync(path.join(os.tmpdir(), 'heapwise-install-'))
const removeFolder = name => fs.rmSync(name, { recursive: true, force: true })

let folder
let installedOnce

beforeAll(() => {
  folder = makeFolder()
  installedOnce = makePackage()
  expect(install(installedOnce, { cargo: makeCargo() }).status).toBe(0)
})

afterAll(() => removeFolder(path.dirname(installedOnce)))

beforeEach(() => {
  folder = makeFolder()
})

afterEach(() => removeFolder(folder))

function write (file, text, mode) {
  fs.mkdirSync(path.dirname(file), { recursive: true })
  fs.writeFileSync(file, text, { mode })
}

// A package with the real install script and next to nothing to compile.
function makePackage ({ installed = false } = {}) {
  const home = path.join(folder, installed ? 'node_modules/heapwise' : 'heapwise')
  for (const name of ['lib/native-target.js', 'scripts/install.js']) {
    write(path.join(home, name), fs.readFileSync(path.join(root, name)))
  }
  write(path.join(home, 'Cargo.toml'), '[package]\nname = "heapwise"\nrust-version = "1.88"\n')
  write(path.join(home, 'Cargo.lock'), 'locked')
  write(path.join(home, 'build.rs'), 'fn main() {}')
  write(path.join(home, 'src/lib.rs'), 'mod core;')
  write(path.join(home, 'src/core/mod.rs'), '')
  return home
}

const addonOf = home => path.join(home, 'lib', 'native', addonName)

// Stands in for cargo: notes how it was called, leaves in target what a compiler would, and answers as cargo does.
function makeCargo ({ version = 'cargo 1.88.0 (0123456 2025-06-01)', exitCode = 0, library = builtAddon } = {}) {
  const file = path.join(folder, 'cargo')
  const product = path.join(folder, 'libheapwise.so')
  write(file, `#!${process.execPath}
    const fs = require('node:fs')
    if (process.argv[2] === '--version') {
      console.log(${JSON.stringify(version)})
      process.exit()
    }
    fs.appendFileSync(__filename + '.calls', process.argv.slice(2).join(' ') + '\\n')
    fs.mkdirSync('target', { recursive: true })
    // As cargo does it: nobody ever sees a part of the library.
    const part = ${JSON.stringify(product)} + '.' + process.pid
    fs.copyFileSync(${JSON.stringify(library)}, part)
    fs.renameSync(part, ${JSON.stringify(product)})
    const artifact = (name, filenames) => JSON.stringify({ reason: 'compiler-artifact', target: { name }, filenames })
    console.log(artifact('napi', ['libnapi.rlib']))
    console.log(artifact('heapwise', ['libheapwise.rlib', ${JSON.stringify(product)}]))
    console.log(JSON.stringify({ reason: 'build-finished', success: true }))
    console.error('words of the compiler')
    process.exit(${exitCode})`, 0o755)
  return file
}

function callsOf (cargo) {
  const log = `${cargo}.calls`
  return fs.existsSync(log) ? fs.readFileSync(log, 'utf8').trim().split('\n') : []
}

function install (home, { cargo = path.join(folder, 'nothing', 'cargo'), args = [] } = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [path.join(home, 'scripts/install.js'), ...args], {
    cwd: folder, encoding: 'utf8', env: { ...process.env, CARGO: cargo }
  })
  return { status, stdout, stderr }
}

// A package whose addon was compiled, and a cargo that was not called yet.
function makeInstalled () {
  const home = path.join(folder, 'heapwise')
  fs.cpSync(installedOnce, home, { recursive: true, preserveTimestamps: true })
  return { home, cargo: makeCargo() }
}

const nothingToDo = { status: 0, stdout: '', stderr: '' }

test('with no addon it compiles in release mode with the locked dependencies', () => {
  const home = makePackage()
  const cargo = makeCargo()
  expect(install(home, { cargo }).status).toBe(0)
  expect(callsOf(cargo)).toEqual([expect.stringMatching(/^build --release --locked /)])
  expect(fs.readFileSync(addonOf(home)).equals(fs.readFileSync(builtAddon))).toBe(true)
  expect(fs.readdirSync(path.dirname(addonOf(home))).sort()).toEqual([addonName.replace(/node$/, 'json'), addonName])
})

test('it says what it compiles and why, and shows what the compiler says', () => {
  const { stdout, stderr } = install(makePackage(), { cargo: makeCargo() })
  expect(stdout).toBe(`heapwise: compiling the native addon (${addonName} is not there)\n`)
  expect(stderr).toBe('words of the compiler\n')
})

test('with the addon of these sources there is nothing to do, and no need of cargo', () => {
  const { home } = makeInstalled()
  expect(install(home)).toEqual(nothingToDo)
})

test('file times do not matter: neither those of a fresh clone nor those of a tarball', () => {
  const { home } = makeInstalled()
  const later = new Date(Date.now() + 3_600_000)
  fs.utimesSync(path.join(home, 'src/lib.rs'), later, later)
  expect(install(home)).toEqual(nothingToDo)
  const long = new Date('1985-10-26T08:15:00Z')
  for (const name of ['src/lib.rs', 'Cargo.toml', 'lib/native']) fs.utimesSync(path.join(home, name), long, long)
  expect(install(home)).toEqual(nothingToDo)
})

test.each([
  ['a source file changes', home => fs.appendFileSync(path.join(home, 'src/core/mod.rs'), '// more')],
  ['a source file is added', home => write(path.join(home, 'src/core/cache/mod.rs'), '')],
  ['a source file goes', home => fs.rmSync(path.join(home, 'src/core/mod.rs'))],
  ['a source file gets another name', home => {
    fs.renameSync(path.join(home, 'src/core/mod.rs'), path.join(home, 'src/core/other.rs'))
  }],
  ['Cargo.toml changes', home => fs.appendFileSync(path.join(home, 'Cargo.toml'), '[features]\n')],
  ['Cargo.lock changes', home => fs.appendFileSync(path.join(home, 'Cargo.lock'), 'more')],
  ['build.rs changes', home => fs.appendFileSync(path.join(home, 'build.rs'), '// more')],
  ['the addon is another one than the note is about', home => fs.appendFileSync(addonOf(home), 'x')],
  ['the note is gone', home => fs.rmSync(addonOf(home).replace(/node$/, 'json'))],
  ['the note is broken', home => fs.writeFileSync(addonOf(home).replace(/node$/, 'json'), '{"sources":')]
])('it compiles again when %s', (_, change) => {
  const { home, cargo } = makeInstalled()
  change(home)
  const { status, stdout } = install(home, { cargo })
  expect(status).toBe(0)
  expect(stdout).toContain('was not built from these sources')
  expect(callsOf(cargo)).toHaveLength(1)
  expect(install(home)).toEqual(nothingToDo)
})

test('files that npm leaves out of the tarball do not count', () => {
  const { home } = makeInstalled()
  for (const name of ['.DS_Store', '.lib.rs.swp', 'lib.rs.orig']) write(path.join(home, 'src', name), 'x')
  expect(install(home)).toEqual(nothingToDo)
})

test('a packed addon that does not load on this machine is replaced by a compiled one', () => {
  const foreign = path.join(folder, 'foreign.node')
  write(foreign, 'a library for a newer glibc')
  const home = makePackage()
  const packed = install(home, { cargo: makeCargo({ library: foreign }) })
  expect(packed.status).toBe(1)
  expect(packed.stderr).toContain('does not load')

  const cargo = makeCargo()
  const { status, stdout } = install(home, { cargo })
  expect(status).toBe(0)
  expect(stdout).toContain(`${addonName} does not load: `)
  expect(install(home)).toEqual(nothingToDo)
})

test('--force compiles in any case', () => {
  const { home, cargo } = makeInstalled()
  const { status, stdout } = install(home, { cargo, args: ['--force'] })
  expect(status).toBe(0)
  expect(stdout).toBe('heapwise: compiling the native addon (asked for)\n')
  expect(callsOf(cargo)).toHaveLength(1)
})

test('what the compiler leaves stays in a clone, and goes where heapwise is a dependency', () => {
  for (const installed of [false, true]) {
    const home = makePackage({ installed })
    expect(install(home, { cargo: makeCargo() }).status).toBe(0)
    expect(fs.existsSync(path.join(home, 'target'))).toBe(!installed)
  }
})

describe('one line and exit code 1, and no file in lib/native,', () => {
  function expectFailure (home, { status, stderr }, ...parts) {
    const lines = stderr.trim().split('\n').filter(line => line !== 'words of the compiler')
    expect(status).toBe(1)
    expect(lines).toHaveLength(1)
    for (const part of ['heapwise: ', ...parts]) expect(lines[0]).toContain(part)
    expect(fs.existsSync(path.dirname(addonOf(home)))).toBe(false)
  }

  test('without Rust: what is missing, which version, and how to get on', () => {
    const home = makePackage()
    expectFailure(home, install(home), `${addonName} is not there`, 'cargo" was not found', 'Rust 1.88 or later',
      'https://rustup.rs', 'run the same command again')
  })

  test.each(['1.87.0', '1.9.5', '0.99'])('with Rust %s, which is too old', version => {
    const home = makePackage()
    const cargo = makeCargo({ version: `cargo ${version} (0123456 2025-05-01)` })
    expectFailure(home, install(home, { cargo }), `Rust ${version} is too old`, 'Rust 1.88 or later')
    expect(callsOf(cargo)).toHaveLength(0)
  })

  test('with a cargo that does not start', () => {
    const home = makePackage()
    const cargo = path.join(folder, 'cargo')
    write(cargo, 'not a program', 0o644)
    expectFailure(home, install(home, { cargo }), 'does not start', 'Rust 1.88 or later')
  })

  test('when compiling fails', () => {
    const home = makePackage()
    expectFailure(home, install(home, { cargo: makeCargo({ exitCode: 101 }) }), 'exit code 101', 'a linker')
  })
})

test.each(['1.88', '1.88.1', '1.100.0', '2.0.0-nightly'])('Rust %s is new enough', version => {
  const cargo = makeCargo({ version: `cargo ${version}` })
  expect(install(makePackage(), { cargo }).status).toBe(0)
})

test('several installs at once all succeed, and leave one whole addon', async () => {
  const home = makePackage()
  const cargo = makeCargo()
  const codes = await Promise.all([1, 2, 3, 4].map(() => new Promise((resolve, reject) => {
    spawn(process.execPath, [path.join(home, 'scripts/install.js')], {
      stdio: 'ignore', env: { ...process.env, CARGO: cargo }
    }).once('exit', resolve).once('error', reject)
  })))
  expect(codes).toEqual([0, 0, 0, 0])
  expect(fs.readdirSync(path.dirname(addonOf(home)))).toHaveLength(2)
  expect(install(home)).toEqual(nothingToDo)
})
