'use strict'

// Who is leaking: `leaks.watch` while a program runs, `leaks.compare` in tests. Nothing is loaded before it is used.

const watch = options => require('./leaks/watch').watch(options)

const compare = (fn, options = undefined) => require('./leaks/compare').compare(fn, options)

module.exports = {
  watch,
  compare,
  get LeakWatch () { return require('./leaks/watch').LeakWatch }
}
