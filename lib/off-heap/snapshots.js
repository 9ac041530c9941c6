'use strict'

// save() and load(): the work is on a thread of Rust's, this waits for its events.

const path = require('node:path')
const { fileURLToPath } = require('node:url')
const native = require('../native')
const events = require('./events')
const { coded, invalidType, outOfRange } = require('../errors')

// Why a save or a load failed.
const ERRORS = {
  1: [Error, 'ERR_HEAPWISE_SNAPSHOT_IO'],
  2: [Error, 'ERR_HEAPWISE_SNAPSHOT_DAMAGED'],
  3: [Error, 'ERR_HEAPWISE_SNAPSHOT_VERSION'],
  4: [RangeError, 'ERR_HEAPWISE_ENTRY_TOO_LARGE'],
  5: [Error, 'ERR_HEAPWISE_STORE_MISMATCH']
}

const failure = (doing, file, reason, text) => {
  const [Type, code] = ERRORS[reason] ?? [Error, 'ERR_HEAPWISE_INTERNAL']
  return Object.assign(coded(Type, code, `cannot ${doing} '${file}': ${text}`), { path: file })
}

const pathOf = file => {
  if (typeof file !== 'object' || typeof file?.href !== 'string') return file
  try {
    return fileURLToPath(file)
  } catch {
    throw outOfRange("argument 'file'", 'a path or a file: URL', file)
  }
}

const readFile = file => {
  const name = pathOf(file)
  if (typeof name !== 'string') throw invalidType("argument 'file'", 'a path or a file: URL', file)
  if (name === '' || name.includes('\0')) throw outOfRange("argument 'file'", 'the path of a file', file)
  return path.resolve(name)
}

const readProgress = options => {
  if (options === undefined || options === null) return undefined
  if (typeof options !== 'object') throw invalidType("argument 'options'", 'an object', options)
  const { onProgress } = options
  if (onProgress !== undefined && typeof onProgress !== 'function') {
    throw invalidType("option 'onProgress'", 'a function', onProgress)
  }
  return onProgress
}

// What onProgress throws rejects the promise, once the work has ended.
const run = (doing, start, cache, handle, file, onProgress) => new Promise((resolve, reject) => {
  let thrown = null
  events.listen()
  events.expect(start(handle, file), cache, (type, a, b, text) => {
    if (type === events.PROGRESS) {
      if (onProgress === undefined || thrown !== null) return
      try {
        onProgress({ entries: a, bytes: b })
      } catch (error) {
        thrown = { error }
      }
    } else if (thrown !== null) {
      reject(thrown.error)
    } else if (type === events.DONE) {
      resolve({ entries: a, bytes: b })
    } else {
      reject(failure(doing, file, a, text))
    }
  })
})

/** @returns {Promise<{ entries: number, bytes: number }>} */
const save = (cache, handle, file, onProgress) =>
  run('save to', native.offheapSave, cache, handle, file, onProgress)

/** @returns {Promise<{ entries: number, bytes: number }>} */
const load = (cache, handle, file, onProgress) =>
  run('load from', native.offheapLoad, cache, handle, file, onProgress)

module.exports = { save, load, readFile, readProgress }
