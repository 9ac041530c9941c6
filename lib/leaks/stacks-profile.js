'use strict'

// V8's sampling heap profiler, in process: of the objects that are still alive, about one in so many bytes, with the
// stack that made it. An inspector session of the same thread answers at once, opens no port and keeps nothing alive.

const path = require('node:path')
const { fileURLToPath } = require('node:url')

const { unsupported } = require('../errors')

const PACKAGE = path.join(__dirname, '..', '..')
const OWN = [path.join(PACKAGE, 'lib') + path.sep, path.join(PACKAGE, 'index.js'), path.join(PACKAGE, 'jest.js')]
const MODULES = `${path.sep}node_modules${path.sep}`

/** Frames above the one that is named. */
const ABOVE = 8

const openSession = what => {
  try {
    const { Session } = require('node:inspector')
    const session = new Session()
    session.connect()
    return session
  } catch (cause) {
    throw Object.assign(unsupported(what, `V8's inspector cannot be used here (${cause?.message ?? cause})`), { cause })
  }
}

/** The inspector of one's own thread has answered when `post` returns. */
const ask = (session, method, params = {}) => {
  let failure = new Error(`${method}: no answer`)
  let answer
  session.post(method, params, (error, result) => {
    failure = error ?? undefined
    answer = result
  })
  if (failure !== undefined && failure !== null) throw failure
  return answer
}

/** @param {string} url of a script, as the inspector tells it */
const toPath = url => {
  if (!url.startsWith('file:')) return url
  try {
    return fileURLToPath(url)
  } catch {
    return url
  }
}

const isOwn = file => OWN.some(own => file.startsWith(own))

/** A frame of the program or of a package: not of Node, V8 or heapwise. */
const isUsers = file => file !== '' && !file.startsWith('node:') && !isOwn(file)

const frameOf = ({ functionName: name, url, lineNumber, columnNumber }) => {
  const file = toPath(url)
  return { name, file, line: lineNumber + 1, column: columnNumber + 1, users: isUsers(file) }
}

/** Whose doing it is: the innermost frame of the program itself, else of a package that it uses. */
const blamed = frames => {
  const own = frames.findIndex(({ users, file }) => users && !file.includes(MODULES))
  return own >= 0 ? own : frames.findIndex(({ users }) => users)
}

/** @returns {any} frames innermost first; what is no frame of JavaScript is left out */
const siteOf = frames => {
  const at = blamed(frames)
  // Nobody's code is in it: Node's innermost function says at least what it is.
  const index = at >= 0 ? at : frames.findIndex(({ file }) => file !== '')
  // What heapwise makes to look at all this is nobody's leak.
  if (index < 0 || (at < 0 && frames.some(({ file }) => isOwn(file)))) return undefined
  const { name, file, line, column, users } = frames[index]
  const stack = frames.slice(index, index + 1 + ABOVE).filter(frame => frame.file !== '')
    .map(frame => ({ ...frame, key: keyOf(frame) }))
  return { key: keyOf(frames[index]), name, file, line, column, users, stack, bytes: 0, samples: 0 }
}

const keyOf = ({ file, line, column }) => `${file}:${line}:${column}`

/** Adds to every function of a stack, once, what the innermost has made. */
const addAround = (around, frames, samples) => {
  for (const key of new Set(frames.filter(({ users }) => users).map(keyOf))) {
    around.set(key, (around.get(key) ?? 0) + samples)
  }
}

const countSamples = ({ samples = [] }) => {
  const counts = new Map()
  for (const { nodeId } of samples) counts.set(nodeId, (counts.get(nodeId) ?? 0) + 1)
  return counts
}

/**
 * Live bytes by the place that made them.
 *
 * `sites`, by key: `samples` is how many objects were seen, which tells how sure `bytes` is. `around`, by key: samples
 * of all that was made by a function of the program or by what it has called.
 *
 * @returns {{ sites: Map<string, any>, around: Map<string, number> }}
 */
const readProfile = profile => {
  const around = new Map()
  const counts = countSamples(profile)
  const sites = new Map()
  /** @type {{ node: any, frames: any[] }[]} */
  const open = [{ node: profile.head, frames: [] }]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { node, frames } = next
    const samples = counts.get(node.id) ?? 0
    if (samples > 0) addAround(around, frames, samples)
    const found = node.selfSize > 0 || samples > 0 ? siteOf(frames) : undefined
    if (found !== undefined) {
      const site = sites.get(found.key) ?? found
      site.bytes += node.selfSize
      site.samples += samples
      if (node.selfSize > (site.largest ?? 0)) Object.assign(site, { largest: node.selfSize, stack: found.stack })
      sites.set(found.key, site)
    }
    for (const child of node.children) open.push({ node: child, frames: [frameOf(child.callFrame), ...frames] })
  }
  return { sites, around }
}

const NOT_STARTED = /was not started/

class HeapSampler {
  #session
  #owns = false
  #slow = false

  /** @param {number} interval bytes, on average, from one sample to the next @param {string} what asks for it */
  constructor (interval, what) {
    this.#session = openSession(what)
    try {
      this.#start(interval)
    } catch (cause) {
      this.#session.disconnect()
      throw Object.assign(unsupported(what, `V8 does not sample the heap (${cause?.message ?? cause})`), { cause })
    }
    this.interval = interval
  }

  /**
   * From now on V8 runs no optimised code: what that allocates is told of the function that another was compiled into,
   * and not at all if it is allocated together with something that dies. V8 has this for counting calls; so not while
   * somebody counts them to see what their tests cover.
   */
  slowDown () {
    if (process.env.NODE_V8_COVERAGE !== undefined) return
    ask(this.#session, 'Profiler.enable')
    ask(this.#session, 'Profiler.startPreciseCoverage', { callCount: true, detailed: false })
    this.#slow = true
  }

  /** Somebody else's sampling is used as it is: V8 has but one, and would end it with ours. */
  get shared () {
    return !this.#owns
  }

  #start (interval) {
    if (this.#profile() !== undefined) return
    ask(this.#session, 'HeapProfiler.startSampling', { samplingInterval: interval })
    this.#owns = true
  }

  #profile () {
    try {
      return ask(this.#session, 'HeapProfiler.getSamplingProfile').profile
    } catch (error) {
      if (NOT_STARTED.test(error.message)) return undefined
      throw error
    }
  }

  /**
   * What is alive now: V8 does a full collection first. Undefined if somebody else has ended the sampling, which is
   * begun anew.
   */
  read () {
    const profile = this.#profile()
    if (profile !== undefined) return readProfile(profile)
    this.#owns = false
    this.#start(this.interval)
    return undefined
  }

  /** Idempotent. */
  close () {
    const session = this.#session
    if (session === undefined) return
    this.#session = undefined
    try {
      if (this.#slow) ask(session, 'Profiler.stopPreciseCoverage')
      if (this.#owns) ask(session, 'HeapProfiler.stopSampling')
    } catch {
      // Somebody else has ended it.
    }
    session.disconnect()
  }
}

module.exports = { HeapSampler, readProfile }
