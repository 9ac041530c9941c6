'use strict'

const fc = require('fast-check')
const { KEYS, VALUES } = require('./pools')

// Scenarios as plain data: options of a cache, then operations on it. Keys and values are indexes into the pools.

const maybe = arbitrary => fc.option(arbitrary, { nil: undefined, freq: 2 })
const flag = fc.boolean()
const sometimes = fc.oneof({ weight: 3, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) })

/** A record in which each field may be missing. */
const some = fields => fc.record(fields, { requiredKeys: [] })

const fewKeys = fc.oneof(
  { weight: 6, arbitrary: fc.nat(5) },
  { weight: 1, arbitrary: fc.nat(KEYS.length - 1) }
)
const manyKeys = fc.nat(160)
const value = fc.nat(VALUES.length - 1)
/** undefined as a value means delete. */
const settable = fc.oneof({ weight: 20, arbitrary: value }, { weight: 1, arbitrary: fc.constant(-1) })

const validTtl = fc.integer({ min: 1, max: 25 })
/** A ttl for one call is not checked: negative is stale at once, Infinity never. (NaN: lru-cache dumps it as it is.) */
const callTtl = fc.oneof(
  { weight: 8, arbitrary: validTtl },
  { weight: 2, arbitrary: fc.constant(0) },
  { weight: 2, arbitrary: fc.constantFrom(-3, 2.5, Infinity, 1e12) }
)
const size = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 1, max: 8 }) },
  { weight: 2, arbitrary: fc.integer({ min: 9, max: 40 }) },
  { weight: 1, arbitrary: fc.constantFrom(0, -1, 1.5, NaN, '3') }
)
const goodSizer = fc.constantFrom('constant', 'byValue', 'byKey', 'large')
const badSizer = fc.constantFrom('invalid', 'throwing')
const anySizer = fc.oneof({ weight: 9, arbitrary: goodSizer }, { weight: 1, arbitrary: badSizer })

const getFields = { allowStale: flag, updateAgeOnGet: flag, noDeleteOnStaleGet: flag }
const setFields = {
  ttl: callTtl,
  ago: fc.integer({ min: -5, max: 30 }),
  size,
  sizer: anySizer,
  noDisposeOnSet: flag,
  noUpdateTTL: flag
}

/** Options of one call: often none, else any of the fields. */
const callOptions = fields => fc.oneof(
  { weight: 3, arbitrary: fc.constant(undefined) },
  { weight: 3, arbitrary: some(fields) }
)

/** How they are handed over. Only heapwise gets them frozen, or a primitive where there are none (D10). */
const manner = fc.record({
  status: sometimes,
  frozen: flag,
  primitive: fc.constantFrom(undefined, undefined, undefined, 60_000, true, null, 'text')
})

const call = (op, fields, options) => fc.record({
  op: fc.constant(op), ...fields, options: callOptions(options), manner
})

const DIRECTIONS = ['keys', 'values', 'entries', 'iterator', 'rkeys', 'rvalues', 'rentries']

const simple = name => fc.constant({ op: name })
const nothing = { nil: undefined, freq: 3 }

const setOf = key => call('set', { key, value: settable }, setFields)
const getOf = key => call('get', { key }, getFields)
const hasOf = key => call('has', { key }, { updateAgeOnHas: flag })
const peekOf = key => call('peek', { key }, { allowStale: flag })
const deleteOf = key => fc.record({ op: fc.constant('delete'), key })
const memoOf = key => call('memo', {
  key,
  value,
  changes: callOptions({ ttl: callTtl, size, noUpdateTTL: flag }),
  fails: sometimes
}, { ...getFields, ...setFields, forceRefresh: flag, context: fc.constantFrom(0, 'context') })

/** Operations that may run inside an iteration. */
const innerOf = key => fc.oneof(
  { weight: 8, arbitrary: setOf(key) },
  { weight: 6, arbitrary: getOf(key) },
  { weight: 4, arbitrary: deleteOf(key) },
  { weight: 1, arbitrary: hasOf(key) },
  { weight: 1, arbitrary: peekOf(key) },
  { weight: 1, arbitrary: fc.constantFrom({ op: 'pop' }, { op: 'purgeStale' }, { op: 'clear' }) }
)

const tick = fc.record({
  op: fc.constant('tick'),
  ms: fc.oneof(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 40 }))
})

const iterate = fc.record({
  op: fc.constant('iterate'), direction: fc.constantFrom(...DIRECTIONS), stop: maybe(fc.nat(6))
})

const forEach = fc.record({ op: fc.constant('forEach'), reverse: flag, thisp: flag })

const find = call('find', { value }, getFields)

const iterateMutatingOf = (key, steps) => fc.record({
  op: fc.constant('iterateMutating'),
  direction: fc.constantFrom(...DIRECTIONS, 'forEach', 'rforEach'),
  steps: fc.array(fc.option(innerOf(key), nothing), { maxLength: steps, size: 'max' })
})

const entry = fc.record({
  value,
  ttl: maybe(callTtl),
  ago: maybe(fc.integer({ min: 1, max: 40 })),
  size: maybe(size)
})

// 0 and -0 are one key, and a key loaded twice is another matter.
const loadOf = (key, length) => fc.record({
  op: fc.constant('load'),
  entries: fc.uniqueArray(fc.tuple(key, entry), {
    selector: ([index]) => index === KEYS.findIndex(one => Object.is(one, -0)) ? KEYS.indexOf(0) : index,
    maxLength: length,
    size: 'max'
  })
})

const FLAGS = [
  'ttlAutopurge', 'updateAgeOnGet', 'updateAgeOnHas', 'allowStale', 'noDeleteOnStaleGet', 'noUpdateTTL',
  'noDisposeOnSet'
]

const assignOne = (name, assigned) => fc.record({ op: fc.constant('assign'), name, value: assigned })
const assign = fc.oneof(
  assignOne(fc.constant('ttl'), fc.oneof(fc.constant(0), validTtl)),
  assignOne(fc.constant('maxEntrySize'), fc.integer({ min: 1, max: 40 })),
  assignOne(fc.constant('sizeCalculation'), maybe(goodSizer)),
  assignOne(fc.constant('ttlResolution'), fc.constantFrom(0, 1, 4)),
  assignOne(fc.constantFrom(...FLAGS), flag)
)

const anyOf = weighted => fc.oneof(...weighted.map(([weight, arbitrary]) => ({ weight, arbitrary })))

/** Every operation, on few keys. */
const anyOperation = anyOf([
  [40, setOf(fewKeys)],
  [20, getOf(fewKeys)],
  [5, hasOf(fewKeys)],
  [5, peekOf(fewKeys)],
  [8, deleteOf(fewKeys)],
  [1, simple('clear')],
  [3, simple('pop')],
  [3, simple('purgeStale')],
  [2, fc.record({ op: fc.constant('remaining'), key: fewKeys })],
  [3, fc.record({ op: fc.constant('info'), key: fewKeys })],
  [18, tick],
  [4, iterate],
  [3, forEach],
  [3, find],
  [3, iterateMutatingOf(fewKeys, 8)],
  [5, memoOf(fewKeys)],
  [2, fc.record({ op: fc.constant('dumpAndLoad'), ms: fc.nat(10) })],
  [2, loadOf(fewKeys, 8)],
  [3, assign],
  [1, simple('clone')]
])

/** Mostly sets and gets, on many keys: arrays grow, log segments are cleaned, and iterations take several steps. */
const bulkOperation = anyOf([
  [80, setOf(manyKeys)],
  [60, getOf(manyKeys)],
  [10, deleteOf(manyKeys)],
  [2, simple('pop')],
  [1, simple('purgeStale')],
  [8, tick],
  [1, iterate],
  [1, iterateMutatingOf(manyKeys, 80)],
  [1, loadOf(manyKeys, 80)],
  [1, assign]
])

const bulkOptions = {
  max: fc.integer({ min: 0, max: 120 }),
  maxSize: fc.oneof(fc.constant(0), fc.integer({ min: 50, max: 400 }))
}

const optionFields = {
  max: fc.integer({ min: 0, max: 6 }),
  maxSize: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 25 })),
  maxEntrySize: fc.integer({ min: 1, max: 40 }),
  sizer: anySizer,
  ttl: fc.oneof({ weight: 1, arbitrary: fc.constant(0) }, { weight: 5, arbitrary: validTtl }),
  ttlResolution: fc.constantFrom(0, 0, 1, 1, 1, 5, 'not a number'),
  ttlAutopurge: sometimes,
  updateAgeOnGet: sometimes,
  updateAgeOnHas: sometimes,
  allowStale: sometimes,
  noDeleteOnStaleGet: sometimes,
  noUpdateTTL: sometimes,
  noDisposeOnSet: sometimes,
  callbacks: fc.record({ dispose: flag, disposeAfter: flag, onInsert: flag }),
  memo: flag
}

/** Options that make a cache: bounded, and with a sizer only where there is a size to bound. */
const cacheOptions = fields => some({ ...optionFields, ...fields }).map(options => {
  const valid = { ...options }
  if (!valid.max && !valid.maxSize && !valid.ttl) valid.max = 3
  if (!valid.maxSize && !valid.maxEntrySize) delete valid.sizer
  return valid
})

/**
 * @param {object} [parts]
 * @param {object} [parts.options] fields of the options besides the usual ones, or in place of them
 * @param {object} [parts.operation] arbitrary of one operation
 * @param {number} [parts.length] most operations
 * @param {number} [parts.every] after how many operations the whole state is compared
 */
const scenario = ({ options = {}, operation = anyOperation, length = 60, every = 1 } = {}) => fc.record({
  every: fc.constant(every),
  options: cacheOptions(options),
  // What the perf clock reads at first: the time of day, or something else (but never 0: D13). Whole milliseconds,
  // since that is how exactly heapwise purges.
  clock: fc.constantFrom('wall', 1000, 5e9),
  metrics: fc.oneof({ weight: 5, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
  operations: fc.array(operation, { maxLength: length, size: 'max' })
})

const bulkScenario = scenario({ options: bulkOptions, operation: bulkOperation, length: 500, every: 20 })

module.exports = {
  scenario, bulkScenario, anyOf, callOptions, manner, setFields, getFields, value, settable, setOf, getOf, hasOf,
  peekOf, deleteOf, memoOf, some, simple, tick, iterate, forEach, find, assignOne, flag, sometimes, maybe, callTtl, size
}
