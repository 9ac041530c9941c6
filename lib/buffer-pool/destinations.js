'use strict'

// Which streams are done with a chunk when the callback of its write comes.
//
// Nothing tells this of a stream that anybody may have written: a PassThrough hands the very chunk on, another one may
// keep it in a list. Node's own that put it into a file, a socket, a compressor or a digest need its bytes until their
// callback, and never again. One of these counts as such only as long as its methods are those that Node gave it: a
// subclass, or a patch that puts something between (as compression of responses does), makes it a stranger.

// What a chunk goes through, in one of them or another.
const METHODS = ['write', '_write', '_writev', '_transform', '_send', '_writeRaw']

/** @typedef {{ Class: any, methods: Array<[string, any]>, overSocket: boolean }} Kind */

/** @returns {Kind} */
const kind = (Class, overSocket = false) => ({
  Class,
  methods: METHODS.map(name => /** @type {[string, any]} */ ([name, Class.prototype[name]])),
  overSocket
})

/** @type {Kind[] | undefined} */
let known

// Not before the first pipe(): a program that has such streams has loaded these already.
const loadKnown = () => {
  const { WriteStream } = require('node:fs')
  const { Socket } = require('node:net')
  const { OutgoingMessage } = require('node:http')
  const zlib = /** @type {any} */ (require('node:zlib'))
  // A Node may be built without.
  const crypto = /** @type {any} */ (process.versions.openssl === undefined ? {} : require('node:crypto'))
  const { Deflate, Inflate, Gzip, Gunzip, DeflateRaw, InflateRaw, Unzip } = zlib
  const { BrotliCompress, BrotliDecompress, ZstdCompress, ZstdDecompress } = zlib
  const { Hash, Hmac, Cipheriv, Decipheriv } = crypto
  const classes = [
    WriteStream, Socket,
    Deflate, Inflate, Gzip, Gunzip, DeflateRaw, InflateRaw, Unzip,
    BrotliCompress, BrotliDecompress, ZstdCompress, ZstdDecompress,
    Hash, Hmac, Cipheriv, Decipheriv
  ]
  return [kind(OutgoingMessage, true), ...classes.filter(Class => Class !== undefined).map(Class => kind(Class))]
}

/**
 * What `stream` is, if Node made it.
 *
 * @param {any} stream
 * @returns {Kind | undefined}
 */
const kindOf = stream => {
  known ??= loadKnown()
  return known.find(({ Class }) => stream instanceof Class)
}

const isUntouched = (stream, { methods }) => methods.every(([name, method]) => stream[name] === method)

/** Whether `stream`, which is `what`, is done with a chunk when the callback of its write comes. */
const isDoneByCallback = (stream, what) => {
  if (what === undefined || !isUntouched(stream, what)) return false
  if (!what.overSocket) return true
  // A request or response waits for its socket at times. That may be any Duplex, and keep what it is given.
  const { socket } = stream
  const under = socket ? kindOf(socket) : undefined
  return under !== undefined && !under.overSocket && isUntouched(socket, under)
}

/** Whether whatever is written to `stream` from now on goes nowhere. */
const isGone = stream => stream.destroyed === true || stream.socket?.destroyed === true

module.exports = { isDoneByCallback, isGone, kindOf }
