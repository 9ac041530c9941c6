'use strict'

// An open file, by number or by FileHandle: read(bytes, position, callback), close(callback).

const fs = require('node:fs')

/** @typedef {(error: Error | null, count?: number) => void} Done */

class NumberedFile {
  #fd

  /** @param {number} fd */
  constructor (fd) {
    this.#fd = fd
  }

  get fd () { return this.#fd }

  /** @param {Buffer} bytes @param {number | null} position null: where the file stands @param {Done} done */
  read (bytes, position, done) {
    fs.read(this.#fd, bytes, 0, bytes.length, position, done)
  }

  /** @param {(error?: Error | null) => void} done */
  close (done) {
    fs.close(this.#fd, done)
  }
}

class HandledFile {
  #handle

  /** @param {import('node:fs/promises').FileHandle} handle */
  constructor (handle) {
    this.#handle = handle
  }

  get fd () { return this.#handle.fd }

  /** @param {Buffer} bytes @param {number | null} position @param {Done} done */
  read (bytes, position, done) {
    // Called from the next tick: what `done` throws is not this promise's.
    this.#handle.read(bytes, 0, bytes.length, position).then(
      ({ bytesRead }) => process.nextTick(done, null, bytesRead),
      error => process.nextTick(done, error)
    )
  }

  /** @param {(error?: Error | null) => void} done */
  close (done) {
    this.#handle.close().then(() => process.nextTick(done), error => process.nextTick(done, error))
  }
}

/** @param {number | import('node:fs/promises').FileHandle} fd */
const fileOf = fd => typeof fd === 'number' ? new NumberedFile(fd) : new HandledFile(fd)

/** @param {import('node:fs').PathLike} path @param {(error: Error | null, file?: NumberedFile) => void} done */
const openFile = (path, done) => {
  fs.open(path, 'r', (error, fd) => {
    if (error) done(error)
    else done(null, new NumberedFile(fd))
  })
}

module.exports = { fileOf, openFile }
