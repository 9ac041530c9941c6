'use strict'

const path = require('node:path')

const bench = path.join(__dirname, '..') + path.sep

// Loads a copy of a package that nobody else in this process uses. V8 learns types and call targets per function; two
// contenders from one copy would teach it both, and each would be slower than in a program that uses only one. A
// compiled addon stays as it is: its functions have no such memory.
function fresh (name) {
  const before = new Map()
  for (const [file, module] of Object.entries(require.cache)) {
    if (file.endsWith('.node') || file.startsWith(bench)) continue
    before.set(file, module)
    delete require.cache[file]
  }
  try {
    return require(name)
  } finally {
    for (const [file, module] of before) require.cache[file] = module
  }
}

module.exports = { fresh }
