'use strict'

// Objects by the numbers that a heap snapshot gives them: what the snapshot does not say, such as how long a view is,
// is asked of the object itself. Through the inspector, in this thread; no debugger is needed and none is disturbed.
//
// When a session ends V8 forgets all numbers. So there is one for the whole of a watch; at its end that is welcome, as
// V8 then also ceases to keep account of objects that move.

const { types } = require('node:util')

const { apply } = Reflect
const { getOwnPropertyDescriptor, getPrototypeOf, keys } = Object

const getterOf = (prototype, name) => {
  const { get } = getOwnPropertyDescriptor(prototype, name)
  return object => apply(get, object, [])
}

const TypedArrayPrototype = getPrototypeOf(Uint8Array.prototype)
const typedLength = getterOf(TypedArrayPrototype, 'byteLength')
const typedBuffer = getterOf(TypedArrayPrototype, 'buffer')
const viewLength = getterOf(DataView.prototype, 'byteLength')
const viewBuffer = getterOf(DataView.prototype, 'buffer')
const bufferLength = getterOf(ArrayBuffer.prototype, 'byteLength')
const sharedLength = getterOf(SharedArrayBuffer.prototype, 'byteLength')
const { forEach: mapForEach } = Map.prototype
const { forEach: setForEach } = Set.prototype
const { add, has } = Set.prototype

// The inspector may not be there: Node can be built without it.
const openSession = () => {
  try {
    const { Session } = require('node:inspector')
    const session = new Session()
    session.connect()
    return session
  } catch {
    return undefined
  }
}

// Where the inspector hands an object over. Of this thread, as the inspector is.
const HAND = Symbol.for('heapwise.hand')
const GROUP = 'heapwise'

class Live {
  #session = /** @type {import('node:inspector').Session | undefined | null} */ (null)

  /**
   * Calls `look` with the object that snapshots number `id`. Undefined if there is none any more, or no inspector.
   *
   * @template T
   * @param {number} id
   * @param {(object: any) => T} look
   * @returns {T | undefined}
   */
  with (id, look) {
    if (this.#session === null) this.#session = openSession()
    if (this.#session === undefined) return undefined
    let result
    // Removed again at once. Nobody else can be called in between.
    const value = object => { result = look(object) }
    Object.defineProperty(globalThis, HAND, { value, configurable: true })
    try {
      this.#hand(this.#session, id)
    } finally {
      Reflect.deleteProperty(globalThis, HAND)
    }
    return result
  }

  #hand (session, id) {
    const params = { objectId: String(id), objectGroup: GROUP }
    session.post('HeapProfiler.getObjectByHeapObjectId', params, (missing, answer) => {
      if (missing !== null) return
      const { objectId } = answer.result
      const functionDeclaration = "function () { globalThis[Symbol.for('heapwise.hand')]?.(this) }"
      session.post('Runtime.callFunctionOn', { objectId, functionDeclaration, silent: true }, () => {})
    })
    session.post('Runtime.releaseObjectGroup', { objectGroup: GROUP }, () => {})
  }

  close () {
    this.#session ??= openSession()
    this.#session?.disconnect()
    this.#session = undefined
  }
}

// ---- views in a collection

// Entries that are looked at.
const MOST = 200_000
const MOST_PROPERTIES = 64

const isObject = value => typeof value === 'object' && value !== null && !types.isProxy(value)

/** The values of the own data properties, no getter called. */
const eachValue = (object, most, tell) => {
  let left = most
  for (const key of keys(object)) {
    if (left === 0) return
    left -= 1
    const descriptor = getOwnPropertyDescriptor(object, key)
    if (descriptor !== undefined && 'value' in descriptor) tell(descriptor.value)
  }
}

const eachEntry = (collection, tell) => {
  if (types.isMap(collection)) apply(mapForEach, collection, [(value, key) => { tell(value); tell(key) }])
  else if (types.isSet(collection)) apply(setForEach, collection, [tell])
  else eachValue(collection, MOST, tell)
}

const sizeOfBuffer = buffer => types.isSharedArrayBuffer(buffer) ? sharedLength(buffer) : bufferLength(buffer)

/**
 * The views in a collection, or in the properties of its entries, as a heap snapshot counts them: how many, how long
 * they are in all, and how large the memory is that they keep.
 */
const measureViews = collection => {
  const sum = { views: 0, bytes: 0, memory: 0 }
  const seen = new Set()
  const count = value => {
    const typed = types.isTypedArray(value)
    if (!typed && !types.isDataView(value)) return false
    const buffer = typed ? typedBuffer(value) : viewBuffer(value)
    sum.views += 1
    sum.bytes += typed ? typedLength(value) : viewLength(value)
    if (!apply(has, seen, [buffer])) {
      apply(add, seen, [buffer])
      sum.memory += sizeOfBuffer(buffer)
    }
    return true
  }
  eachEntry(collection, value => {
    if (!isObject(value) || count(value)) return
    eachValue(value, MOST_PROPERTIES, inner => { if (isObject(inner)) count(inner) })
  })
  return sum
}

module.exports = { Live, measureViews }
