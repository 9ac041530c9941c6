'use strict'

// Makes sure that the native addon for this machine is there, fits the sources beside it, and loads. If it does, which
// is the case in the packed tarball on the platform it was packed on, nothing happens and no Rust is needed. Otherwise
// it is compiled. `--force` compiles in any case.
//
// File times cannot tell: in a fresh clone and in a tarball they say nothing about which file is newer. So the hash of
// the sources is noted beside the binary, with the binary's own hash, for a note about another binary is worth nothing.

const { spawnSync } = require('node:child_process')
const crypto = require('node:crypto')
const fs = require('node:fs')
const path = require('node:path')

const { addonFile, currentTarget } = require('../lib/native-target.js')

const root = path.join(__dirname, '..')
const isDependency = root.split(path.sep).includes('node_modules')

class InstallError extends Error {}

const hashOf = bytes => crypto.createHash('sha256').update(bytes).digest('hex')

// What npm never packs must not count, or a tarball would look different from the folder it was packed from.
const isPacked = name => !name.startsWith('.') && !name.endsWith('.orig')

function sourceFiles (folder) {
  return fs.readdirSync(folder, { withFileTypes: true }).filter(entry => isPacked(entry.name)).flatMap(entry => {
    const file = path.join(folder, entry.name)
    return entry.isDirectory() ? sourceFiles(file) : [file]
  })
}

function hashSources () {
  const files = ['Cargo.toml', 'Cargo.lock', 'build.rs'].map(name => path.join(root, name))
  const lines = [...files, ...sourceFiles(path.join(root, 'src'))].map(file =>
    `${path.relative(root, file).split(path.sep).join('/')} ${hashOf(fs.readFileSync(file))}`)
  return hashOf(lines.sort().join('\n'))
}

function readNote (file) {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8'))
  } catch {
    return {}
  }
}

// In a process of its own: a binary made for another machine may take the process down with it.
function loadFailure (file) {
  const { status, signal, stderr } = spawnSync(process.execPath, ['-e', `
    try { require(process.argv[1]) } catch (error) { console.error(error.message); process.exit(1) }
  `, file], { encoding: 'utf8', env: { ...process.env, NODE_OPTIONS: '' } })
  if (status === 0) return null
  return stderr.trim().split('\n')[0] || `the process ended with ${signal ?? `exit code ${status}`}`
}

// Whoever reads the file meanwhile, another install say, sees the old one or the new one, never a part.
function writeWhole (file, bytes) {
  const temporary = `${file}.${process.pid}.tmp`
  fs.mkdirSync(path.dirname(file), { recursive: true })
  try {
    fs.writeFileSync(temporary, bytes, { mode: 0o755 })
    fs.renameSync(temporary, file)
  } catch (error) {
    fs.rmSync(temporary, { force: true })
    throw new InstallError(`cannot write ${file}: ${error.message}. Does a running program hold it open?`)
  }
}

const isOlder = (version, minimum) => {
  const [a, b] = [version, minimum].map(text => text.split('.').map(Number))
  const at = b.findIndex((part, i) => (a[i] ?? 0) !== part)
  return at >= 0 && (a[at] ?? 0) < b[at]
}

function minimumRust () {
  const manifest = fs.readFileSync(path.join(root, 'Cargo.toml'), 'utf8')
  return /^rust-version = "(.+)"$/m.exec(manifest)[1]
}

function whyCargoWillNotDo (cargo, minimum) {
  const { error, status, stdout } = spawnSync(cargo, ['--version'], { cwd: root, encoding: 'utf8' })
  if (error) return error.code === 'ENOENT' ? `"${cargo}" was not found` : `"${cargo}" does not start (${error.message})`
  if (status !== 0) return `"${cargo} --version" ended with exit code ${status}`
  const [, version] = /^cargo (\d+(?:\.\d+)*)/.exec(stdout) ?? []
  return version && isOlder(version, minimum) ? `Rust ${version} is too old` : null
}

function requireCargo (cargo, reason) {
  const minimum = minimumRust()
  const obstacle = whyCargoWillNotDo(cargo, minimum)
  if (!obstacle) return
  throw new InstallError(`the native addon has to be compiled here (${reason}), but ${obstacle}. ` +
    `Install Rust ${minimum} or later with cargo (https://rustup.rs), then run the same command again.`)
}

function compile (cargo, target) {
  const env = { ...process.env }
  // Rust links musl statically unless told otherwise, and then makes no shared library at all.
  if (target.endsWith('-musl')) env.RUSTFLAGS = `${env.RUSTFLAGS ?? ''} -C target-feature=-crt-static`.trim()
  const { status, signal, stdout } = spawnSync(
    cargo,
    ['build', '--release', '--locked', '--lib', '--message-format=json-render-diagnostics'],
    { cwd: root, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 1 << 28 }
  )
  if (status !== 0) {
    throw new InstallError(`cargo build ended with ${signal ?? `exit code ${status}`}: its messages are above. ` +
      'Besides Rust it needs a linker (on Debian and Ubuntu: apt-get install build-essential) and, once, the network.')
  }
  return libraryIn(stdout)
}

// cargo itself says where the library is: that holds for every platform's file name and wherever its target folder is.
function libraryIn (messages) {
  const libraries = messages.split('\n').filter(line => line.startsWith('{')).map(line => JSON.parse(line))
    .filter(message => message.reason === 'compiler-artifact' && message.target.name === 'heapwise')
    .flatMap(message => message.filenames)
    .filter(name => /\.(?:so|dylib|dll)$/.test(name))
  if (libraries.length === 0) throw new InstallError('cargo build made no shared library')
  return libraries[0]
}

// Why the addon has to be compiled, or null if it need not be.
function reasonToCompile (addon, note, sources, force) {
  if (force) return 'asked for'
  if (!fs.existsSync(addon)) return `${path.basename(addon)} is not there`
  const known = readNote(note)
  const fits = known.sources === sources && known.addon === hashOf(fs.readFileSync(addon))
  if (!fits) return `${path.basename(addon)} was not built from these sources`
  const failure = loadFailure(addon)
  return failure && `${path.basename(addon)} does not load: ${failure}`
}

function install (force) {
  const target = currentTarget()
  const addon = path.join(root, 'lib', 'native', addonFile(target))
  const note = addon.replace(/\.node$/, '.json')
  // Before the compiler reads them: what changes meanwhile makes the next run compile again.
  const sources = hashSources()

  const reason = reasonToCompile(addon, note, sources, force)
  if (!reason) return

  const cargo = process.env.CARGO || 'cargo'
  requireCargo(cargo, reason)
  console.log(`heapwise: compiling the native addon (${reason})`)
  let bytes
  try {
    bytes = fs.readFileSync(compile(cargo, target))
  } catch (error) {
    // Another install at the same time was first, and has cleared away what the compiler leaves.
    if (reasonToCompile(addon, note, sources, false) === null) return
    throw error
  }
  writeWhole(addon, bytes)
  writeWhole(note, `${JSON.stringify({ sources, addon: hashOf(bytes) }, null, 2)}\n`)
  const failure = loadFailure(addon)
  if (failure) throw new InstallError(`the compiled ${addon} does not load: ${failure}`)
  // A clone compiles again; a dependency does not, and what the compiler leaves is 100 times the addon.
  if (isDependency) fs.rmSync(path.join(root, 'target'), { recursive: true, force: true })
}

try {
  install(process.argv.includes('--force'))
} catch (error) {
  if (!(error instanceof InstallError)) throw error
  console.error(`heapwise: ${error.message}`)
  process.exitCode = 1
}
