'use strict'

const { setImmediate: turn } = require('node:timers/promises')
const { answer } = require('../common/child')
const { compile } = require('../common/loops')
const { contenders } = require('./contenders')
const meter = require('./meter')

const live = 8
const between = 256

// One contender in this process: `bytes` through Buffers of `size`, eight of them in use at a time, one byte written on
// each page, and a turn of the event loop after each 256.
answer(async ({ contender: wanted, size, bytes }) => {
  const contender = contenders.find(({ name }) => name === wanted)
  const pool = await contender.make(size)
  const step = compile('pool, size, held, from, to', `
    for (let i = from; i < to; i++) {
      const at = i & ${live - 1}
      ${contender.drop ? `{ const buf = held[at]; if (buf !== undefined) ${contender.drop} }` : ''}
      const buf = ${contender.take}
      for (let page = 0; page < size; page += 4096) buf[page] = i
      held[at] = buf
    }`, `churn-${contender.name}`)
  const held = new Array(live).fill(undefined)
  const count = Math.ceil(bytes / size)
  const stop = meter.start()
  for (let from = 0; from < count; from += between) {
    step(pool, size, held, from, Math.min(count, from + between))
    await turn()
  }
  const figures = stop()
  if (held.some((buf) => buf.length !== size)) throw new Error(`not all have ${size} bytes`)
  return figures
})
