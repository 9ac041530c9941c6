'use strict'

// What there is to see, and the load that shows it. Each folder has the same service twice: leaky.js and cured.js,
// which differs from it in the cure only.

module.exports = {
  'interval-per-connection': { about: 'a setInterval for each connection, never cleared', keepAlive: false },
  'interval-per-request': { about: 'a setInterval that an early return forgets' },
  'timeout-per-request': { about: 'a setTimeout of a minute for an answer of a millisecond' },
  'listener-per-request': { about: 'a listener of each request on an emitter that all share' },
  'socket-listener': { about: 'a listener of each request on a connection that lives on' },
  'abort-listener': { about: 'a listener of each request on an AbortSignal of the process' },
  'global-array': { about: 'an array on the global object' },
  'cache-object': { about: 'a cache that is an object' },
  'growing-map': { about: 'a Map of sessions, of which none ends' },
  'request-data': { about: 'requests in a Set, not all of which leave it' },
  'closure-chain': { about: 'closures over large arrays, each of which keeps the one before' },
  'unused-closure': { about: 'a closure that is not called, and keeps what its neighbour does not need' },
  'promise-race': { about: 'races against a promise that never settles' },
  'lost-promise': { about: 'promises that nobody settles' },
  'buffer-slice': { about: 'slices of 16 bytes that keep whole uploads', bodyBytes: 16_384 },
  'pool-not-released': { about: 'Buffers of a pool that are not given back' },
  'cache-without-bound': { about: 'a cache with a time but no bound' }
}
