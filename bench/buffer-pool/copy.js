'use strict'

const fs = require('node:fs')
const path = require('node:path')
const { pipeline } = require('node:stream/promises')
const { answer } = require('../common/child')
const { contenders } = require('./contenders')
const meter = require('./meter')

const chunkSize = 65536

const copies = {
  createReadStream: (from, to) => {
    return pipeline(fs.createReadStream(from, { highWaterMark: chunkSize }), fs.createWriteStream(to))
  },
  'one buffer': withOneBuffer
}

// One contender in this process: a file is copied, in chunks of 64 KiB.
answer(async ({ contender: wanted, folder, source }) => {
  const { name, make } = contenders.find((contender) => contender.name === wanted)
  const to = path.join(folder, 'copy')
  const pool = make?.(chunkSize)
  const copy = copies[name] ?? ((from) => pipeline(pool.readStream(from, { chunkSize }), fs.createWriteStream(to)))
  const stop = meter.start()
  await copy(source, to)
  const figures = stop()
  if (!same(source, to)) throw new Error('the copy is not what it is a copy of')
  return { ...figures, rate: fs.statSync(source).size / figures.wall * 1e9 }
})

// The floor: nothing is read while something is written, nor the other way round, but one Buffer is enough.
async function withOneBuffer (from, to) {
  const [input, output] = [await fs.promises.open(from), await fs.promises.open(to, 'w')]
  const buffer = Buffer.alloc(chunkSize)
  for (;;) {
    const { bytesRead } = await input.read(buffer, 0, chunkSize)
    if (bytesRead === 0) break
    await output.write(buffer, 0, bytesRead)
  }
  await input.close()
  await output.close()
}

function same (one, other) {
  const files = [one, other].map((file) => fs.openSync(file))
  const buffers = files.map(() => Buffer.alloc(2 ** 20))
  let read
  do {
    read = files.map((file, i) => fs.readSync(file, buffers[i]))
    if (read[0] !== read[1] || buffers[0].compare(buffers[1], 0, read[0], 0, read[0]) !== 0) return false
  } while (read[0] > 0)
  files.forEach((file) => fs.closeSync(file))
  return true
}
