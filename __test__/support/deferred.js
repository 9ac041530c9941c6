'use strict'

const { make } = require('./caches')

// A fetchMethod in the hands of a test.

/** Lets everything happen that promises can make happen. */
const settled = async () => {
  for (let turn = 0; turn < 20; turn++) await undefined
}

/** A cache whose fetchMethod waits: `calls[n].resolve(value)`, `calls[n].reject(error)`. */
const fetching = options => {
  const calls = []
  const cache = make({
    max: 5,
    fetchMethod (key, stale, { signal, options: given, context }) {
      return new Promise((resolve, reject) => {
        calls.push({ key, stale, signal, options: given, context, receiver: this, resolve, reject })
      })
    },
    ...options
  })
  return { cache, calls }
}

/** What a promise is by now: `['resolved', value]`, `['rejected', error]` or `['pending']`. */
const stateOf = async promise => {
  let state = ['pending']
  promise.then(value => { state = ['resolved', value] }, error => { state = ['rejected', error] })
  await settled()
  return state
}

module.exports = { settled, fetching, stateOf }
