'use strict'

/**
 * The slow, large source behind the service: a table on disk, of fixed-size rows of JSON, generated once and reused.
 *
 * A lookup reads the row that the key hashes to, parses it, renders it as a page, and waits a little: the operating
 * system keeps such a file in memory, so without the wait it would answer faster than any real database.
 */

const fs = require('node:fs')
const path = require('node:path')
const { setTimeout: sleep } = require('node:timers/promises')
const { UserError } = require('./errors')
const { mulberry32 } = require('./workload')

const ROW_BYTES = 2048
const MIN_ROWS = 1024
const CHUNK_ROWS = 2048
/** What a lookup waits, in milliseconds, on top of the read. */
const DELAY = 4
/** Disk left free for others when room is scarce. */
const RESERVE_BYTES = 64 * 1024 * 1024
/** Part of the file's name: a change of the rows' contents must change it. */
const VERSION = 1

const WORDS = ('amber basin cedar delta ember fjord grove harbor island jasper kernel lantern meadow nickel orchard ' +
  'pepper quartz river saddle timber upland velvet willow yarrow zephyr bright coarse dense early firm gentle heavy ' +
  'inner joint keen light modest narrow open plain quiet round solid tidy upper warm young').split(' ')

/** The row of that number: the same bytes on every machine, padded to ROW_BYTES, a line of its own. */
function makeRow (id) {
  const random = mulberry32(id + 1)
  const pick = (limit) => Math.floor(random() * limit)
  const words = (count) => Array.from({ length: count }, () => WORDS[pick(WORDS.length)]).join(' ')
  const row = JSON.stringify({
    id,
    name: words(3),
    price: pick(100_000) / 100,
    stock: pick(500),
    updated: 1_700_000_000 + pick(50_000_000),
    tags: Array.from({ length: 1 + pick(5) }, () => words(1)),
    text: words(20 + pick(70)),
    reviews: Array.from({ length: pick(7) }, () => ({ stars: 1 + pick(5), by: words(2), text: words(4 + pick(10)) }))
  })
  return row.padEnd(ROW_BYTES - 1) + '\n'
}

/**
 * Gives the table's file: the one of an earlier run if it is whole, a new one otherwise.
 * @param {object} options
 * @param {string} options.folder where it is kept
 * @param {number} options.rows how many are wanted; fewer are made when the disk has no room
 * @param {AbortSignal} [options.signal]
 * @param {(done: number, of: number, what: string) => void} [options.onProgress]
 * @param {(folder: string) => Promise<number>} [options.freeBytes] for tests
 * @returns {Promise<{ file: string, rows: number, bytes: number, reused: boolean }>}
 */
async function prepareTable ({ folder, rows, signal, onProgress = () => {}, freeBytes = freeBytesIn }) {
  try {
    await fs.promises.mkdir(folder, { recursive: true })
    const wanted = fileOf(folder, rows)
    if (await isWhole(wanted, rows, onProgress, signal)) {
      return { file: wanted, rows, bytes: rows * ROW_BYTES, reused: true }
    }
    const free = await freeBytes(folder)
    const fitting = Math.floor((free - RESERVE_BYTES) / ROW_BYTES)
    if (fitting < Math.min(rows, MIN_ROWS)) {
      throw new UserError(`there is no room for the source table in '${folder}': ` +
        `${Math.floor(free / 1e6)} MB are free; free some, or name another folder with --dir`)
    }
    // Powers of two, so that a run with a little more or less room finds the same file again.
    const count = fitting >= rows ? rows : 2 ** Math.floor(Math.log2(fitting))
    const file = fileOf(folder, count)
    const reused = count < rows && await isWhole(file, count, onProgress, signal)
    if (!reused) await generate(file, count, onProgress, signal)
    return { file, rows: count, bytes: count * ROW_BYTES, reused }
  } catch (error) {
    if (error.code === 'ENOSPC') throw new UserError(`the disk is full: the source table does not fit in '${folder}'`)
    if (['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST'].includes(error.code)) {
      throw new UserError(`the source table can't be written in '${folder}' (${error.code}); name another with --dir`)
    }
    throw error
  }
}

function fileOf (folder, rows) {
  return path.join(folder, `items-v${VERSION}-${rows}x${ROW_BYTES}.table`)
}

async function freeBytesIn (folder) {
  const { bavail, bsize } = await fs.promises.statfs(folder)
  return bavail * bsize
}

/** Writes under another name and renames at the end: a file that bears the name has all its rows. */
async function generate (file, rows, onProgress, signal) {
  const partial = `${file}.${process.pid}.partial`
  try {
    const handle = await fs.promises.open(partial, 'w')
    try {
      for (let first = 0; first < rows; first += CHUNK_ROWS) {
        signal?.throwIfAborted()
        const end = Math.min(rows, first + CHUNK_ROWS)
        let text = ''
        for (let id = first; id < end; id++) text += makeRow(id)
        await handle.writeFile(text, 'latin1')
        onProgress(end, rows, 'generating')
      }
    } finally {
      await handle.close()
    }
    await fs.promises.rename(partial, file)
  } catch (error) {
    await fs.promises.rm(partial, { force: true })
    throw error
  }
}

/**
 * Reads the file from end to end. It checks each row's place, and brings the file into the system's page cache, so that
 * the first contender does not pay for what the next ones find ready.
 */
async function isWhole (file, rows, onProgress, signal) {
  let handle
  try {
    handle = await fs.promises.open(file, 'r')
  } catch (error) {
    if (error.code === 'ENOENT') return false
    throw error
  }
  try {
    if ((await handle.stat()).size !== rows * ROW_BYTES) return false
    const chunk = Buffer.alloc(CHUNK_ROWS * ROW_BYTES)
    for (let first = 0; first < rows; first += CHUNK_ROWS) {
      signal?.throwIfAborted()
      const count = Math.min(CHUNK_ROWS, rows - first)
      const { bytesRead } = await handle.read(chunk, 0, count * ROW_BYTES, first * ROW_BYTES)
      if (bytesRead !== count * ROW_BYTES) return false
      for (let i = 0; i < count; i++) {
        const start = i * ROW_BYTES
        const head = `{"id":${first + i},`
        if (chunk.latin1Slice(start, start + head.length) !== head || chunk[start + ROW_BYTES - 1] !== 10) return false
      }
      onProgress(first + count, rows, 'checking')
    }
    return true
  } finally {
    await handle.close()
  }
}

/** Deletes every table, whole or partial, of the folder. Returns the bytes freed. */
async function cleanTables (folder) {
  let freed = 0
  let names = []
  try {
    names = await fs.promises.readdir(folder)
  } catch (error) {
    if (error.code !== 'ENOENT') throw error
  }
  for (const name of names) {
    if (!/^items-v\d+-\d+x\d+\.table(\.\d+\.partial)?$/.test(name)) continue
    const file = path.join(folder, name)
    freed += (await fs.promises.stat(file)).size
    await fs.promises.rm(file)
  }
  return freed
}

/** The table, open for lookups. */
class Table {
  #fd
  #rows
  #delay

  constructor ({ file, rows, delay = DELAY }) {
    this.#fd = fs.openSync(file, 'r')
    this.#rows = rows
    this.#delay = delay
  }

  /**
   * What the service answers for a key, ready to be cached: the item, as an object, and its page.
   * @param {string} key
   */
  async lookup (key) {
    const [item] = await Promise.all([this.#read(hash(key) % this.#rows), sleep(this.#delay)])
    return { item, page: renderPage(key, item) }
  }

  #read (row) {
    return new Promise((resolve, reject) => {
      fs.read(this.#fd, Buffer.allocUnsafe(ROW_BYTES), 0, ROW_BYTES, row * ROW_BYTES, (error, bytesRead, buffer) => {
        if (error) return reject(error)
        if (bytesRead !== ROW_BYTES) return reject(new Error(`row ${row} of the source table is missing`))
        resolve(JSON.parse(buffer.latin1Slice(0, ROW_BYTES)))
      })
    })
  }

  close () {
    fs.closeSync(this.#fd)
  }
}

/** FNV-1a, 32 bits: spreads any keys over the rows. Two keys may share a row; each is cached under its own name. */
function hash (key) {
  let h = 0x811c9dc5
  for (let i = 0; i < key.length; i++) h = Math.imul(h ^ key.charCodeAt(i), 0x01000193)
  return h >>> 0
}

/** A page of 1 to 4 KiB. */
function renderPage (key, item) {
  const reviews = item.reviews.map(({ stars, by, text }) =>
    `<li><strong>${stars} of 5</strong> <em>${by}</em><p>${text}</p></li>`)
  return `<!doctype html><html lang="en"><head><meta charset="utf-8">${titleOf(key)}</head><body><main>
<h1>${item.name}</h1><dl><dt>Price</dt><dd>${item.price.toFixed(2)}</dd><dt>In stock</dt><dd>${item.stock}</dd></dl>
<p class="tags">${item.tags.map((tag) => `<a href="/tags/${tag}">${tag}</a>`).join(', ')}</p>
<p>${item.text}</p><ul>${reviews.join('\n')}</ul>
<footer>Item ${item.id}, changed ${new Date(item.updated * 1000).toISOString()}</footer></main></body></html>`
}

/** The part of the page that tells which key it answers; the load generator looks for it. */
function titleOf (key) {
  return `<title>${key.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`)}</title>`
}

module.exports = { prepareTable, cleanTables, Table, makeRow, titleOf, ROW_BYTES, MIN_ROWS, DELAY }
