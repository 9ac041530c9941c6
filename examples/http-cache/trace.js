'use strict'

/**
 * Reads a trace of cache accesses: one key a line, in the order they were asked for. A line may have a second column
 * (the size, in many published traces); only the first is used. The file is plain text or gzip, told apart by its first
 * two bytes, so its name does not matter.
 *
 * Keys are interned while reading: a trace of millions of requests becomes the list of its different keys and one
 * 32-bit number a request.
 */

const fs = require('node:fs')
const zlib = require('node:zlib')
const { Readable } = require('node:stream')
const { UserError } = require('./errors')

/** A key travels in a URL: percent-encoded it must stay far below the 16 KiB that Node accepts for a request's head. */
const MAX_KEY_LENGTH = 1024
const MAX_LINE_LENGTH = 65536
const MAX_REQUESTS = 5_000_000

/** Control characters that no text has; tab, line ends, vertical tab and form feed are white space. */
// eslint-disable-next-line no-control-regex
const BINARY = /[\0-\x08\x0e-\x1f\x7f]/

/**
 * A workload: the different keys, and for each request the index of the key it asks for.
 * @typedef {{ keys: string[], order: Uint32Array }} Workload
 */

/**
 * @param {string} file
 * @param {{ maxRequests?: number, signal?: AbortSignal }} [options] reading stops at maxRequests: a demo of seconds
 *   needs no more
 * @returns {Promise<Workload & { cut: boolean }>} cut: the file goes on after the last request kept
 */
async function readTrace (file, { maxRequests = MAX_REQUESTS, signal } = {}) {
  const collector = new KeyCollector(file, maxRequests)
  const input = fs.createReadStream(file, { highWaterMark: 1 << 18, signal })
  try {
    for await (const text of decode(await gunzipIfNeeded(input), file)) {
      if (collector.add(text)) break
    }
  } catch (error) {
    throw signal?.aborted ? signal.reason : explain(error, file)
  } finally {
    input.destroy()
  }
  return collector.finish()
}

/** Takes text as it comes, in pieces cut anywhere, and keeps its keys. */
class KeyCollector {
  #file
  #maxRequests
  #ids = new Map()
  #order = new Uint32Array(1 << 16)
  #count = 0
  #line = 0
  #rest = ''
  #read = 0
  #cut = false

  constructor (file, maxRequests) {
    this.#file = file
    this.#maxRequests = maxRequests
  }

  /** Returns true when it has all it may keep. */
  add (text) {
    this.#read += text.length
    // A carriage return at the very end stays: the line feed that belongs to it may come with the next piece.
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/)
    this.#rest = lines.pop() ?? ''
    for (const line of lines) {
      this.#addLine(line)
      if (this.#cut) return true
    }
    if (this.#rest.length > MAX_LINE_LENGTH) this.#addLine(this.#rest)
    return false
  }

  finish () {
    if (!this.#cut) this.#addLine(this.#rest)
    if (this.#read === 0) throw new UserError(`the trace '${this.#file}' is empty`)
    if (this.#count === 0) throw new UserError(`the trace '${this.#file}' has no keys, only blank lines`)
    return { keys: [...this.#ids.keys()], order: this.#order.slice(0, this.#count), cut: this.#cut }
  }

  #addLine (line) {
    this.#line++
    if (line.length > MAX_LINE_LENGTH) this.#refuse(`is longer than ${MAX_LINE_LENGTH.toLocaleString('en-US')} characters`)
    const key = /\S+/.exec(line)?.[0]
    if (key === undefined) return
    if (key.length > MAX_KEY_LENGTH) {
      this.#refuse(`has a key of ${key.length.toLocaleString('en-US')} characters; ` +
        `a key has at most ${MAX_KEY_LENGTH.toLocaleString('en-US')}`)
    }
    if (this.#count === this.#maxRequests) {
      this.#cut = true
      return
    }
    let id = this.#ids.get(key)
    if (id === undefined) this.#ids.set(key, id = this.#ids.size)
    if (this.#count === this.#order.length) {
      const larger = new Uint32Array(this.#order.length * 2)
      larger.set(this.#order)
      this.#order = larger
    }
    this.#order[this.#count++] = id
  }

  #refuse (what) {
    throw new UserError(`the trace '${this.#file}' is not usable: line ${this.#line.toLocaleString('en-US')} ${what}`)
  }
}

/** Passes the bytes on, unpacked if they begin like gzip. A pipe may hand them over one by one, so it waits for two. */
async function gunzipIfNeeded (input) {
  const chunks = input[Symbol.asyncIterator]()
  let head = Buffer.alloc(0)
  while (head.length < 2) {
    const { done, value } = await chunks.next()
    if (done) break
    head = Buffer.concat([head, value])
  }
  const whole = async function * () {
    if (head.length > 0) yield head
    yield * { [Symbol.asyncIterator]: () => chunks }
  }
  if (head[0] !== 0x1f || head[1] !== 0x8b) return whole()
  const packed = Readable.from(whole(), { objectMode: false })
  const gunzip = zlib.createGunzip()
  // pipe() does not carry errors: a read error must end the reader of the unpacked side too.
  packed.on('error', (error) => gunzip.destroy(error))
  return packed.pipe(gunzip)
}

async function * decode (chunks, file) {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  for await (const chunk of chunks) {
    const text = decoder.decode(chunk, { stream: true })
    if (BINARY.test(text)) throw notText(file)
    if (text !== '') yield text
  }
  const last = decoder.decode()
  if (last !== '') yield last
}

function notText (file) {
  return new UserError(`the trace '${file}' is not text: it should have one key a line, plain or gzip`)
}

/** One clear line for what a file can be other than a trace. */
function explain (error, file) {
  if (error instanceof UserError) return error
  switch (error.code) {
    case 'ENOENT': case 'ENOTDIR': return new UserError(`there is no trace file '${file}'`)
    case 'EISDIR': return new UserError(`the trace '${file}' is a directory, not a file`)
    case 'EACCES': case 'EPERM': return new UserError(`the trace '${file}' may not be read: permission denied`)
    case 'Z_BUF_ERROR': return new UserError(`the trace '${file}' is a gzip file that ends too early: it was cut short`)
    case 'Z_DATA_ERROR': return new UserError(`the trace '${file}' is a damaged gzip file: ${error.message}`)
    case 'ERR_ENCODING_INVALID_ENCODED_DATA': return notText(file)
    default: return new UserError(`the trace '${file}' can't be read: ${error.message}`)
  }
}

module.exports = { readTrace, MAX_KEY_LENGTH }
