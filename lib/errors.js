'use strict'

// Every error that heapwise throws on purpose carries a `code`. They are made here, in JavaScript, so that
// `instanceof` holds whatever realm the caller is in.

const { inspect } = require('node:util')

const show = value => {
  if (typeof value === 'function') return `function ${value.name || '(anonymous)'}`
  const text = inspect(value, { depth: 0, maxStringLength: 40, maxArrayLength: 3, breakLength: Infinity })
  return typeof value === 'object' && value !== null ? text : `${text} (${typeof value})`
}

const coded = (Type, code, message) => {
  const error = new Type(message)
  Object.defineProperty(error, 'code', { value: code, enumerable: true, writable: true, configurable: true })
  return error
}

/** The value has the wrong type. */
const invalidType = (name, takes, value) =>
  coded(TypeError, 'ERR_HEAPWISE_INVALID_ARG_TYPE', `${name} must be ${takes}, got ${show(value)}`)

/** The value is a number, as it should be, but not one that can be taken. */
const outOfRange = (name, takes, value) =>
  coded(RangeError, 'ERR_HEAPWISE_INVALID_ARG_VALUE', `${name} must be ${takes}, got ${show(value)}`)

/** Wrong type or out of range, whichever it is. */
const invalidNumber = (name, takes, value) =>
  typeof value === 'number' ? outOfRange(name, takes, value) : invalidType(name, takes, value)

/** The arguments are fine one by one, but contradict each other or the state. */
const invalidUse = message => coded(TypeError, 'ERR_HEAPWISE_INVALID_USE', message)

/** An option that does not exist and looks like one that does. */
const unknownOption = (name, meant) =>
  coded(TypeError, 'ERR_HEAPWISE_UNKNOWN_OPTION', `there is no option '${name}': did you mean '${meant}'?`)

module.exports = { coded, invalidType, outOfRange, invalidNumber, invalidUse, unknownOption }
