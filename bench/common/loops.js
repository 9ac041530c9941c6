'use strict'

const vm = require('node:vm')

// Compiles a function for one contender alone. The file name, which is part of V8's own key to compiled code, keeps
// contenders apart that have the same text; it is also what a CPU profile shows.
function compile (parameters, body, name) {
  const text = `(function (${parameters}) {\n${body}\n})`
  return new vm.Script(text, { filename: `bench:${name.replaceAll(' ', '-')}` }).runInThisContext()
}

// The loop of a row. It goes on where it stopped: `from` is a place in `keys`, which is a ring.
function loop (step, name) {
  return compile('cache, keys, values, from, ops, max, oldest', `
    const length = keys.length
    let missed = 0
    for (let i = 0, at = from; i < ops; i++) {
      const key = keys[at]
      const value = values[i & 1023]
      ${step}
      if (++at === length) at = 0
    }
    return missed`, name)
}

module.exports = { compile, loop }
