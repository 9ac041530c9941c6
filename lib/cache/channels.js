'use strict'

const { channel, tracingChannel } = require('node:diagnostics_channel')

/** A status object for each get, set, has, peek, memo and delete, while somebody listens. */
const metrics = channel('heapwise:lru-cache:metrics')

/** start, end, asyncStart, asyncEnd and error of each fetch and forceFetch; the context is its status object. */
const tracing = tracingChannel('heapwise:lru-cache')

// Node 20 before 20.13 has no `hasSubscribers` on a tracing channel.
const isTraced = () => tracing.hasSubscribers ??
  (tracing.start.hasSubscribers || tracing.end.hasSubscribers || tracing.asyncStart.hasSubscribers ||
    tracing.asyncEnd.hasSubscribers || tracing.error.hasSubscribers)

module.exports = { metrics, tracing, isTraced }
