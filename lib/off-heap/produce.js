'use strict'

// What getOrSet waits for: its producer, or somebody else's.

const native = require('../native')
const events = require('./events')
const { ttlOf } = require('./options')
const { closed, invalidType } = require('../errors')

/** Checks the options of getOrSet. */
const readOptions = options => {
  const ttl = ttlOf(options)
  const signal = typeof options === 'object' ? options?.signal : undefined
  if (signal !== undefined && typeof signal?.addEventListener !== 'function') {
    throw invalidType("option 'signal'", 'an AbortSignal', signal)
  }
  return { ttl, signal }
}

/**
 * Waits until somebody else's claim is over. It may be waited for in vain: then it is looked for the value again.
 *
 * @param {Map<number, () => void>} pending of the cache: what has to be done with each ticket when it is closed
 */
const waitFor = (cache, handle, ticket, signal, pending) => new Promise((resolve, reject) => {
  const end = () => {
    pending.delete(ticket)
    signal?.removeEventListener('abort', abort)
  }
  const giveUp = reason => {
    end()
    events.forget(ticket)
    native.offheapForget(handle, ticket)
    reject(reason)
  }
  const abort = () => giveUp(signal.reason)
  events.expect(ticket, cache, () => {
    end()
    resolve(undefined)
  })
  pending.set(ticket, () => giveUp(closed()))
  signal?.addEventListener('abort', abort)
})

// Producers that run at this moment, up to their first await, with what they produce for. A producer that asks for its
// own key waits for itself. Beyond the first await nothing tells whose continuation is running.
const running = []

const isRunning = (store, key) => running.some(one => one.store === store &&
  (typeof key === 'object' ? typeof one.key === 'object' && one.key.equals(key) : one.key === key))

/** Calls the producer. Rejects when the signal is aborted; what the producer returns later is then not used. */
const produce = (store, key, own, producer, signal) => {
  running.push({ store, key: own })
  let made
  try {
    made = producer(key)
  } finally {
    running.pop()
  }
  if (signal === undefined) return made
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    const end = () => signal.removeEventListener('abort', abort)
    signal.addEventListener('abort', abort)
    if (signal.aborted) abort()
    Promise.resolve(made).finally(end).then(resolve, reject)
  })
}

module.exports = { readOptions, waitFor, isRunning, produce }
