'use strict'

const { answer } = require('../common/child')
const { compile } = require('../common/loops')
const { interleave } = require('../common/measure')
const { generator } = require('../common/random')
const { contenders } = require('./contenders')

// One row at one size, with all its contenders, in a process of its own: what one size leaves in the heap, and what it
// taught V8, does not reach the next.
answer(async ({ row, size, contenders: names, rounds, sliceMs, clock, quick }) => {
  const failures = {}
  const entrants = []
  for (const name of names) {
    try {
      entrants.push(await entrant(contenders.find((contender) => contender.name === name), row, size))
    } catch (error) {
      failures[name] = String(error)
    }
  }
  // What a contender left to the collector is collected before the next has its turn.
  const samples = await interleave(entrants, { rounds, sliceMs, clock, collect: quick ? 'minor' : 'full' })
  for (const { name, pool, stats } of entrants) {
    const wrong = stats && recycled(pool.stats())
    if (wrong) failures[name] = wrong
  }
  for (const name of Object.keys(failures)) samples.delete(name)
  return { samples: Object.fromEntries(samples), failures }
})

// Lengths up to the size of the row, in a ring.
const ring = 1024

async function entrant ({ name, make, take, takeVaried = take, bytes = 'buf', drop = '', zeroed, stats }, row, size) {
  const pool = await make(size)
  const varied = row === 'varied'
  const random = generator(1)
  const sizes = Uint32Array.from({ length: ring }, () => varied ? 1 + Math.floor(random() * size) : size)
  const taken = varied ? takeVaried : take
  check(compile('pool, size', `
    const buf = ${taken}
    const { length } = ${bytes}
    let sum = 0
    for (const byte of ${bytes}) sum += byte
    ${bytes}.fill(255)
    ${drop}
    return { length, sum }`, `check-${name}`), pool, size, zeroed)
  const sink = { last: undefined }
  // A byte is written and the Buffer is kept by somebody until the next: nothing of it can be left out.
  const loop = compile('pool, sizes, ops, sink', `
    ${varied ? '' : 'const size = sizes[0]'}
    for (let i = 0; i < ops; i++) {
      ${varied ? `const size = sizes[i & ${ring - 1}]` : ''}
      const buf = ${taken}
      const bytes = ${bytes}
      bytes[0] = i
      sink.last = bytes
      ${drop}
    }`, `${row}-${name}`)
  const run = (ops) => loop(pool, sizes, ops, sink)
  // A first time takes long, and would be taken for what an operation costs.
  run(100)
  return { name, pool, stats, run }
}

// Whether it gives what it says: that length, and zeroes where it promises them, of memory that was full of ones.
function check (once, pool, size, zeroed) {
  for (let i = 0; i < 3; i++) {
    const { length, sum } = once(pool, size)
    if (length !== size) throw new Error(`${length} bytes instead of ${size}`)
    if (zeroed && sum > 0) throw new Error('the memory is not zero')
  }
}

// Everything was given back, and hardly anything came from new memory.
function recycled ({ acquired, released, misses, lost, dropped }) {
  if (acquired !== released) return `${released} of ${acquired} were released`
  if (lost > 0) return `${lost} were lost`
  // A memory that cannot be moved for a fence is given up.
  const made = misses - dropped.fence
  if (made > 200 + acquired / 100) return `${made} new chunks for ${acquired}`
}
