'use strict'

// What there is to see, which parts of leaks.watch see it, and the load that shows it. Each folder has the same service
// twice: leaky.js and cured.js, which differs from it in the cure only.

module.exports = {
  'interval-per-connection': { about: 'a setInterval for each connection', parts: 'timers', keepAlive: false },
  'interval-per-request': { about: 'a setInterval that an early return forgets', parts: 'timers' },
  'timeout-per-visit': { about: 'a setTimeout of an hour for each visit', parts: 'timers' },
  'listener-per-request': { about: 'a listener of each request on a shared emitter', parts: 'listeners' },
  'socket-listener': { about: 'a listener of each request on a connection that lives on', parts: 'listeners' },
  'abort-listener': { about: 'a listener of each request on an AbortSignal of the process', parts: 'listeners' },
  'global-array': { about: 'an array on the global object', parts: 'globals,collections' },
  'cache-object': { about: 'a cache that is an object', parts: 'collections' },
  'growing-map': { about: 'a Map of sessions, of which none ends', parts: 'collections' },
  'request-data': { about: 'requests in a Set, not all of which leave it', parts: 'collections' },
  'closure-chain': { about: 'closures over large arrays, each of which keeps the one before', parts: 'stacks' },
  'unused-closure': { about: 'a closure that nobody calls, and that keeps what is not needed', parts: 'stacks' },
  'promise-race': { about: 'races against a promise that never settles', parts: 'stacks' },
  'lost-promise': { about: 'promises that nobody settles', parts: 'collections' },
  'buffer-slice': { about: 'slices of 16 bytes that keep whole uploads', parts: 'buffers', bodyBytes: 32_768 },
  'pool-not-released': { about: 'Buffers of a pool that are not given back', parts: 'pools' },
  'cache-without-bound': { about: 'a cache with a time but no bound', parts: 'pools' }
}
