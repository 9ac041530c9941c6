'use strict'

const fc = require('fast-check')
const { VALUES } = require('./pools')
const {
  scenario, anyOf, callOptions, manner, setFields, getFields, settable, setOf, getOf, hasOf, peekOf, deleteOf,
  memoOf, some, simple, tick, iterate, forEach, find, assignOne, flag, sometimes, maybe, callTtl, size
} = require('./arbitraries')

// Scenarios of fetch: what the cache is asked, what fetchMethod does with it, and what happens meanwhile.

const key = fc.nat(5)
const PROMISE = VALUES.findIndex(value => value instanceof Promise)

const FETCH_FLAGS = [
  'noDeleteOnFetchRejection', 'allowStaleOnFetchRejection', 'allowStaleOnFetchAbort', 'ignoreFetchAbort'
]
const OTHER_FLAGS = ['allowStale', 'noDeleteOnStaleGet', 'noUpdateTTL', 'noDisposeOnSet']
const fetchFlags = Object.fromEntries(FETCH_FLAGS.map(name => [name, flag]))

/** What one call of fetchMethod does. A pending one is settled by a later operation, or never. */
const plan = fc.record({
  kind: fc.oneof(
    { weight: 8, arbitrary: fc.constant('pending') },
    { weight: 4, arbitrary: fc.constantFrom('resolved', 'rejected', 'value', 'throw', 'undefined', 'thenable') }
  ),
  value: settable,
  // Options that it changes, which the cache must heed.
  changes: callOptions({ ttl: callTtl, size, noUpdateTTL: flag, noDisposeOnSet: flag, ...fetchFlags }),
  // Whether it rejects as soon as its signal aborts, as a fetch of the network does.
  heedsSignal: flag
})

const fetch = fc.record({
  op: fc.constant('fetch'),
  key,
  force: sometimes,
  options: callOptions({
    ...getFields, ...setFields, ...fetchFlags, forceRefresh: flag, context: fc.constantFrom(0, 'context')
  }),
  manner,
  signal: fc.constantFrom(undefined, undefined, 'live', 'live', 'aborted'),
  plan
})

const nth = fc.nat(20)

const fetchOperation = anyOf([
  [30, fetch],
  [18, fc.record({ op: fc.constant('resolve'), nth, value: settable })],
  [8, fc.record({ op: fc.constant('reject'), nth })],
  [6, fc.record({ op: fc.constant('abort'), nth })],
  [12, setOf(key)],
  [8, getOf(key)],
  [3, hasOf(key)],
  [3, peekOf(key)],
  [5, deleteOf(key)],
  [3, memoOf(key)],
  [1, simple('clear')],
  [2, simple('pop')],
  [2, simple('purgeStale')],
  [2, fc.record({ op: fc.constant('remaining'), key })],
  [2, fc.record({ op: fc.constant('info'), key })],
  [10, tick],
  [2, iterate],
  [2, forEach],
  [2, find],
  [1, fc.record({ op: fc.constant('dumpAndLoad'), ms: fc.nat(10) })],
  [3, assignOne(fc.constantFrom(...FETCH_FLAGS, ...OTHER_FLAGS), flag)],
  [1, assignOne(fc.constant('backgroundFetchSize'), fc.integer({ min: 1, max: 5 }))]
])

const fetchOptions = {
  fetch: fc.constant(true),
  ttlAutopurge: fc.constant(false),
  backgroundFetchSize: maybe(fc.integer({ min: 1, max: 5 })),
  ...Object.fromEntries(FETCH_FLAGS.map(name => [name, sometimes]))
}

/**
 * Without sizes that cannot be charged: there lru-cache keeps a settled fetch for ever, and every later fetch of the
 * key fails. See lru-cache.fetch.test.js for what heapwise does.
 */
const chargeable = ({ options, operations, ...rest }) => {
  const sized = options.maxSize || options.maxEntrySize
  const mend = (call, sizer) => {
    if (call === undefined) return undefined
    const { size: given, sizer: own, ...others } = call
    if (!sized) return others
    return { ...others, ...(given > 0 && Number.isInteger(given) && { size: given }), ...(own && { sizer }) }
  }
  return {
    ...rest,
    options: sized ? { ...options, sizer: options.sizer === 'large' ? 'large' : 'byValue' } : options,
    operations: operations.map(operation => {
      const mended = { ...operation }
      // A promise given to resolve() is no value.
      if (mended.value === PROMISE) mended.value = 0
      if ('options' in mended) mended.options = mend(mended.options, 'byKey')
      if ('changes' in mended) mended.changes = mend(mended.changes, 'byKey')
      if ('plan' in mended) {
        const { plan: { value, changes } } = mended
        mended.plan = { ...mended.plan, value: value === PROMISE ? 0 : value, changes: mend(changes, 'byKey') }
      }
      return mended
    })
  }
}

const fetchScenario = scenario({ options: fetchOptions, operation: fetchOperation }).map(chargeable)

/**
 * What happens in one turn of the event loop, before any promise is heard of. Nothing expires and nobody disposes
 * here: what needs the models of differences.js is compared above, an operation at a time.
 */
const step = anyOf([
  [10, fc.record({
    act: fc.constant('fetch'),
    key,
    options: some({ forceRefresh: flag, allowStale: flag, noDisposeOnSet: flag, noDeleteOnFetchRejection: flag }),
    plan: fc.record({
      kind: fc.oneof(
        { weight: 4, arbitrary: fc.constant('pending') },
        { weight: 1, arbitrary: fc.constantFrom('resolved', 'rejected', 'value', 'throw') }
      ),
      value: fc.nat(3),
      heedsSignal: flag
    })
  })],
  [8, fc.record({ act: fc.constant('resolve'), nth, value: fc.integer({ min: -1, max: 3 }) })],
  [4, fc.record({ act: fc.constant('reject'), nth })],
  [3, fc.record({ act: fc.constant('abort'), nth })],
  [6, fc.record({ act: fc.constant('set'), key, value: fc.nat(3) })],
  [4, fc.record({ act: fc.constant('get'), key })],
  [4, fc.record({ act: fc.constant('delete'), key })],
  [1, fc.constantFrom({ act: 'clear' }, { act: 'pop' })]
])

const burstScenario = fc.record({
  every: fc.constant(1),
  clock: fc.constant('wall'),
  metrics: fc.constant(false),
  options: fc.tuple(
    some({
      callbacks: fc.record({ onInsert: flag }),
      noDisposeOnSet: sometimes,
      allowStale: sometimes,
      noDeleteOnFetchRejection: sometimes,
      allowStaleOnFetchRejection: sometimes
    }),
    // Not both: see FetchDriver.late.
    fc.constantFrom({}, { ignoreFetchAbort: true }, { allowStaleOnFetchAbort: true })
  ).map(([options, abort]) => ({ ...options, ...abort, fetch: true, max: 3 })),
  operations: fc.array(fc.record({ op: fc.constant('burst'), steps: fc.array(step, { maxLength: 8, size: 'max' }) }), {
    maxLength: 15, size: 'max'
  })
})

module.exports = { fetchScenario, burstScenario }
