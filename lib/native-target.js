'use strict'

const LIBC_OF_PLATFORM = { win32: 'msvc' }

// Node names the C library it runs on only where that library is glibc. Making the report takes a few milliseconds, so
// callers ask only when they cannot do without the answer.
function isMusl () {
  const { header } = /** @type {any} */ (process.report.getReport())
  return header.glibcVersionRuntime === undefined
}

// The name by which napi-rs and npm packages call a platform: linux-x64-gnu, darwin-arm64, win32-x64-msvc.
function targetName ({ platform, arch, musl = false }) {
  const libc = platform === 'linux' ? (musl ? 'musl' : 'gnu') : LIBC_OF_PLATFORM[platform]
  return libc ? `${platform}-${arch}-${libc}` : `${platform}-${arch}`
}

function currentTarget () {
  const { platform, arch } = process
  return targetName({ platform, arch, musl: platform === 'linux' && isMusl() })
}

// Every target this process could possibly be, without the cost of finding out which.
function possibleTargets () {
  const { platform, arch } = process
  if (platform !== 'linux') return [targetName({ platform, arch })]
  return [false, true].map(musl => targetName({ platform, arch, musl }))
}

const addonFile = target => `heapwise.${target}.node`

module.exports = { addonFile, currentTarget, possibleTargets, targetName }
