'use strict'

// `fetch`: a value that is on its way. While it is, its slot holds a PendingFetch in place of the value.

class PendingFetch {
  /** @param {unknown} stale what the slot held before, given out meanwhile where that is allowed */
  constructor (stale) {
    this.stale = stale
    this.controller = new AbortController()
    // Whether a caller waits for the promise itself; if none does, a rejection concerns nobody.
    this.returned = false
    this.promise = undefined
  }

  abort (message) {
    this.controller.abort(new Error(message))
  }

  /** Gives the promise out: from now on somebody hears of a rejection. */
  take () {
    this.returned = true
    return this.promise
  }
}

// Made here, and not in startFetch: a signal may outlive the cache, and must not keep what a closure there would see.
const relayOf = (signal, controller) => () => controller.abort(signal.reason)

/**
 * Calls fetchMethod and puts a PendingFetch in the key's place.
 *
 * @param {Record<string, any>} host what of the cache a fetch needs: `call(key, stale, {signal, options, context})`,
 *   `holds(key, pending)`, `has(key)`, `begin(key, pending, options)`, `store(key, value, options, pending)`,
 *   `restore(key, pending)`, `remove(key)`
 * @param {unknown} key
 * @param {unknown} stale the present value, or undefined
 * @param {Record<string, any>} options the completed fetch options; fetchMethod may change them, so they are read late
 * @param {unknown} context
 */
const startFetch = (host, key, stale, options, context) => {
  const pending = new PendingFetch(stale)
  const { controller } = pending
  const { signal } = options
  const { status } = options

  const relay = relayOf(signal, controller)
  if (signal?.aborted) relay()
  else signal?.addEventListener('abort', relay, { signal: controller.signal })

  // Whether fetchMethod has done all that it will do.
  let over = false
  let onAbort

  // No value comes: what was there before is there again.
  const abandon = () => {
    if (pending.stale !== undefined) host.restore(key, pending)
    else host.remove(key)
  }

  const failed = (error, proceed) => {
    const staleOnAbort = controller.signal.aborted && options.allowStaleOnFetchAbort
    const allowStale = staleOnAbort || options.allowStaleOnFetchRejection
    const keep = (allowStale || options.noDeleteOnFetchRejection) && (proceed || pending.stale !== undefined)
    if (host.holds(key, pending)) {
      // After an abort that may still bring a value, the slot goes on waiting for it.
      if (keep && staleOnAbort && !over) return given()
      if (keep) abandon()
      else host.remove(key)
    }
    if (allowStale) return given()
    if (pending.returned) throw error
    return undefined
  }

  const given = () => {
    if (options.status && pending.stale !== undefined) options.status.returnedStale = true
    return pending.stale
  }

  // `late`: the promise was settled by an abort before, and this is the value that came all the same.
  const fetched = (value, late = false) => {
    const { aborted } = controller.signal
    if (over) controller.signal.removeEventListener('abort', onAbort)
    const ignoreAbort = options.ignoreFetchAbort && value !== undefined
    if (options.status) {
      if (aborted && !late) {
        options.status.fetchAborted = true
        options.status.fetchError = controller.signal.reason
        if (ignoreAbort) options.status.fetchAbortIgnored = true
      } else {
        options.status.fetchResolved = true
      }
    }
    if (aborted && !ignoreAbort && !late) {
      const proceed = options.ignoreFetchAbort || (options.allowStaleOnFetchAbort && value !== undefined)
      return failed(controller.signal.reason, proceed)
    }
    if (host.holds(key, pending) || (ignoreAbort && late && !host.has(key))) {
      if (value !== undefined) {
        if (options.status) options.status.fetchUpdated = true
        try {
          host.store(key, value, options, pending)
        } catch (error) {
          // Its size was refused, or a callback threw after it was stored. Either way nothing stays pending.
          return rejected(error)
        }
      } else {
        abandon()
      }
    }
    return value
  }

  const rejected = error => {
    if (over) controller.signal.removeEventListener('abort', onAbort)
    if (options.status) {
      options.status.fetchRejected = true
      options.status.fetchError = error
    }
    return failed(error, false)
  }

  if (status) status.fetchDispatched = true
  pending.promise = new Promise((resolve, reject) => {
    let settle = resolve
    let fail = reject
    over = true
    const result = host.call(key, stale, { signal: controller.signal, options, context })
    // Registered after the call, because fetchMethod may still change the options.
    onAbort = () => {
      if (options.ignoreFetchAbort && !options.allowStaleOnFetchAbort) return
      resolve(undefined)
      if (!options.allowStaleOnFetchAbort) return
      settle = value => fetched(value, true)
      fail = () => { if (host.holds(key, pending)) abandon() }
    }
    if (controller.signal.aborted) onAbort()
    else controller.signal.addEventListener('abort', onAbort)
    // After an abort a value is a late one, and the slot that it may go to does not hold this fetch yet.
    if (typeof result?.then !== 'function' && !controller.signal.aborted) return settle(result)
    over = false
    // What comes late is dealt with from here, where a throw would be nobody's.
    const guarded = act => {
      over = true
      try {
        act()
      } catch (error) {
        reject(error)
      }
    }
    Promise.resolve(result).then(value => guarded(() => settle(value)), error => guarded(() => fail(error)))
  }).then(fetched, rejected)

  host.begin(key, pending, options)
  return pending
}

module.exports = { PendingFetch, startFetch }
