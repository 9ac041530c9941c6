'use strict'

// Few keys and few values, so that random operations collide, overwrite and evict all the time. Scenarios name them by
// index, which keeps a counterexample readable.

const KEYS = ['a', 'b', 'c', 1, NaN, { object: 'key' }, Symbol('key'), null, 0, -0, true, undefined]

// No -0: set over 0, it counts as the same value, and lru-cache leaves the 0 where it is.
const VALUES = [
  { object: 'one' }, 'text', 7, { object: 'two' }, null, NaN, 0, 5n, '', false, Promise.resolve('user promise'),
  () => 'function'
]

/** The key of an index: an odd one of the few above, or one of many plain ones. */
const keyAt = index => index < KEYS.length ? KEYS[index] : index % 2 === 0 ? `key ${index}` : index

class SizerError extends Error {}

const sizeOf = value => 1 + VALUES.findIndex(candidate => Object.is(candidate, value)) % 5

// Ways to compute a size. All are pure; two of them fail for some values.
const SIZERS = {
  constant: () => 2,
  byValue: value => sizeOf(value),
  byKey: (value, key) => 1 + (KEYS.findIndex(candidate => Object.is(candidate, key)) + 1) % 4,
  large: value => sizeOf(value) * 6,
  invalid: value => sizeOf(value) - 2,
  throwing: value => {
    if (sizeOf(value) > 3) throw new SizerError('no size for this value')
    return sizeOf(value)
  }
}

const names = new Map()
const nameAll = (list, letter) => list.forEach((item, index) => {
  if ((typeof item === 'object' && item !== null) || typeof item === 'function') names.set(item, `${letter}${index}`)
})
nameAll(KEYS, 'key')
nameAll(VALUES, 'value')

/** Short text for any key, value or result, for messages. */
const show = (item, depth = 0) => {
  if (names.has(item)) return names.get(item)
  if (Object.is(item, -0)) return '-0'
  if (typeof item === 'string') return JSON.stringify(item)
  if (item instanceof Error) return `${item.name}(${item.message})`
  if (Array.isArray(item)) return `[${item.map(one => show(one, depth + 1)).join(', ')}]`
  if (typeof item === 'object' && item !== null) {
    if (depth > 3 || Object.getPrototypeOf(item) !== Object.prototype) return `<${item.constructor?.name}>`
    return `{${Object.keys(item).map(name => `${name}: ${show(item[name], depth + 1)}`).join(', ')}}`
  }
  return String(item)
}

module.exports = { KEYS, VALUES, keyAt, SIZERS, SizerError, show }
