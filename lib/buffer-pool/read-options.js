'use strict'

// What readStream() takes, checked before anything is opened.

const { isUint8Array } = require('node:util/types')
const { checkNames } = require('../cache/options')
const { invalidNumber, invalidType, invalidUse, outOfRange } = require('../errors')
const { checkSignal } = require('./shapes')

const KNOWN = ['chunkSize', 'start', 'end', 'fd', 'autoClose', 'signal', 'recycle']
const known = new Set(KNOWN)

const DEFAULT_CHUNK = 65536

const readChunkSize = (value, most) => {
  if (value === undefined) return Math.min(DEFAULT_CHUNK, most)
  if (Number.isInteger(value) && value >= 1 && value <= most) return value
  throw invalidNumber("option 'chunkSize'", `an integer of bytes from 1 to ${most}, the 'max' of this pool`, value)
}

const readOffset = (name, value) => {
  if (Number.isSafeInteger(value) && value >= 0) return value
  throw invalidNumber(`option '${name}'`, 'an offset in the file: a safe integer of at least 0', value)
}

const checkFile = fd => {
  if (Number.isInteger(fd) && fd >= 0 && fd < 2 ** 31) return
  if (typeof fd === 'object' && typeof fd?.read === 'function' && typeof fd.close === 'function') return
  throw (typeof fd === 'number' ? outOfRange : invalidType)("option 'fd'", 'a file descriptor or a FileHandle', fd)
}

const checkPath = path => {
  if (typeof path === 'string' || isUint8Array(path) || path instanceof URL) return
  throw invalidType("argument 'path'", "a string, a Buffer or a file URL, or option 'fd' must be given", path)
}

/**
 * @param {any} options
 * @param {{ most: number, secure: boolean }} limits of the pool
 */
const readOptions = (options, { most, secure }) => {
  const given = options ?? {}
  if (typeof given !== 'object') throw invalidType("argument 'options'", 'an object', options)
  checkNames(given, KNOWN, known)
  const { chunkSize, start, end, fd, autoClose = true, signal, recycle = true } = given
  const read = {
    chunkSize: readChunkSize(chunkSize, most),
    start: start === undefined ? undefined : readOffset('start', start),
    end: end === undefined || end === Infinity ? Infinity : readOffset('end', end),
    fd: fd ?? undefined,
    autoClose,
    signal: signal ?? undefined,
    recycle,
    secure
  }
  if (read.end < (read.start ?? 0)) {
    throw invalidUse(`option 'start' must be at most 'end', got ${read.start ?? 0} and ${read.end}`)
  }
  if (read.fd !== undefined) checkFile(read.fd)
  if (typeof autoClose !== 'boolean') throw invalidType("option 'autoClose'", 'a boolean', autoClose)
  if (read.signal !== undefined) checkSignal(read.signal)
  if (recycle !== true && recycle !== false && recycle !== 'always') {
    const refused = typeof recycle === 'string' ? outOfRange : invalidType
    throw refused("option 'recycle'", "true, false or 'always'", recycle)
  }
  return read
}

module.exports = { checkPath, readOptions }
