'use strict'

// What the tests of BufferPool have in common.

const v8 = require('node:v8')
const vm = require('node:vm')
const { BufferPool } = require('../..')
const { thrownBy, rejectionOf, deferred } = require('./off-heap')

// Also where Node was started without --expose-gc.
v8.setFlagsFromString('--expose-gc')
const collect = vm.runInNewContext('gc')

/** Where chunks can come from: see `stats().memory`. A run of the whole suite with the fallback has only that. */
const MEMORIES = process.env.HEAPWISE_POOL_MEMORY === 'js' ? ['js'] : ['native', 'js']

/** Whether an ArrayBuffer can be moved by its owner: Node 22 and later. */
const CAN_MOVE = typeof ArrayBuffer.prototype.transfer === 'function'

const opened = []

/** Calls `action` while pools take the memory that is named. */
const withMemory = (memory, action) => {
  const before = process.env.HEAPWISE_POOL_MEMORY
  if (memory === 'js') process.env.HEAPWISE_POOL_MEMORY = 'js'
  else delete process.env.HEAPWISE_POOL_MEMORY
  try {
    return action()
  } finally {
    if (before === undefined) delete process.env.HEAPWISE_POOL_MEMORY
    else process.env.HEAPWISE_POOL_MEMORY = before
  }
}

/** A pool that is closed after the test, if `closeAll` is called. */
const open = (options = {}, memory = MEMORIES[0]) => {
  const pool = withMemory(memory, () => new BufferPool(options))
  opened.push(pool)
  return pool
}

const closeAll = () => {
  for (const pool of opened.splice(0)) pool.close()
}

/** All bytes of the chunk that a Buffer is in. */
const wholeOf = buf => Buffer.from(buf.buffer)

/** Whether every byte of a view is `byte`. */
const isAll = (view, byte) => {
  const bytes = Buffer.from(view.buffer, view.byteOffset, view.byteLength)
  return bytes.equals(Buffer.alloc(bytes.length, byte))
}

const isZero = view => isAll(view, 0)

/** The class of a pool that has chunks of `size` bytes. */
const classOf = (pool, size) => pool.stats().classes.find(each => each.size === size)

/** Some numbers of a pool, by name; those of `dropped` too. */
const numbers = (pool, ...names) => {
  const { dropped, ...rest } = pool.stats()
  return Object.fromEntries(names.map(name => [name, name in rest ? rest[name] : dropped[name]]))
}

/** Waits until `condition` holds. Says what it waited for when it does not. */
const until = async (condition, what, seconds = 30) => {
  const end = Date.now() + seconds * 1000
  while (!await condition()) {
    if (Date.now() > end) throw new Error(`waited in vain: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 2))
  }
}

/** The same, with a collection of garbage before each look. */
const untilCollected = (condition, what, seconds = 60) => until(async () => {
  collect()
  // Finalizers come with the turns of the loop.
  for (let turn = 0; turn < 3; turn++) await new Promise(resolve => setImmediate(resolve))
  return condition()
}, what, seconds)

/** Checks that `action` throws what it should and leaves `pool` as it was. Returns the error. */
const refuses = (pool, action, { type = TypeError, code, message }) => {
  const before = pool.stats()
  const error = thrownBy(action)
  expect(error).toBeInstanceOf(type)
  expect(Object.getPrototypeOf(error)).toBe(type.prototype)
  expect(error).toMatchObject({ code, message: expect.stringMatching(message) })
  expect(pool.stats()).toEqual(before)
  return error
}

/** The same, of a promise. */
const rejects = async (pool, action, expected) => {
  const before = pool.stats()
  const error = await rejectionOf(action())
  refuses(pool, () => { throw error }, expected)
  expect(pool.stats()).toEqual(before)
  return error
}

const INVALID_TYPE = { type: TypeError, code: 'ERR_HEAPWISE_INVALID_ARG_TYPE' }
const INVALID_VALUE = { type: RangeError, code: 'ERR_HEAPWISE_INVALID_ARG_VALUE' }
const INVALID_USE = { type: TypeError, code: 'ERR_HEAPWISE_INVALID_USE' }
const CLOSED = { type: Error, code: 'ERR_HEAPWISE_CLOSED', message: /the BufferPool '.+' is closed/ }
const FOREIGN = {
  type: TypeError,
  code: 'ERR_HEAPWISE_FOREIGN_BUFFER',
  message: /^argument 'buf' must be a Buffer that .+ has lent.+, got /s
}
const DOUBLE = {
  type: Error,
  code: 'ERR_HEAPWISE_DOUBLE_RELEASE',
  message: /^argument 'buf' must be a Buffer that is lent, got .+ already/
}
const FULL = {
  type: Error, code: 'ERR_HEAPWISE_POOL_FULL', message: /cannot lend \d+ bytes within its 'maxBytes' of \d+/
}

const message = name => new RegExp(`^(argument|option) '${name}' must be .+, got `, 's')
/** What there is to say of an argument or option of the wrong type, and of one that is out of range. */
const wrongType = name => ({ ...INVALID_TYPE, message: message(name) })
const wrongValue = name => ({ ...INVALID_VALUE, message: message(name) })

/**
 * Takes the memory of a Buffer away from it, as a user may: returns the ArrayBuffer that has it now, undefined if this
 * runtime does not let it go (Node 20 copies memory that native code made).
 */
const takeAway = buf => {
  const memory = buf.buffer
  let moved
  try {
    moved = CAN_MOVE ? memory.transfer() : structuredClone(memory, { transfer: [memory] })
  } catch {
    return undefined
  }
  return memory.byteLength === 0 ? moved : undefined
}

module.exports = {
  BufferPool, CAN_MOVE, MEMORIES, CLOSED, DOUBLE, FOREIGN, FULL, INVALID_TYPE, INVALID_USE, INVALID_VALUE, classOf,
  closeAll, collect, deferred, isAll, isZero, numbers, open, refuses, rejectionOf, rejects, takeAway, thrownBy, until,
  untilCollected, wholeOf, withMemory, wrongType, wrongValue
}
