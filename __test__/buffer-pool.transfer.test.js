'use strict'

// Memory of a pool that its user gives away: in a message, to a stream, to another thread. It costs the pool that
// chunk, no more; and whoever has the memory keeps it, also when the thread that it is from has ended.

const { runFixture } = require('./support/off-heap-workers')

const run = (...args) => runFixture('buffer-pool-transfer.js', ...args)

const major = Number(process.versions.node.split('.')[0])
const hasTransfer = typeof ArrayBuffer.prototype.transfer === 'function'
// Byte streams move memory in all Nodes.
const ways = hasTransfer ? ['transfer', 'stream', 'byob'] : ['stream', 'byob']
const [way] = ways

const SIZE = 5000
const CLASS = 5120

describe('a Buffer in a message', () => {
  test('is copied, with nothing of its neighbours', async () => {
    expect(await run('posted')).toEqual({ bytes: SIZE, whole: CLASS, right: true, rest: true, kept: true, free: 1 })
  })

  test('that is named in the list of what is moved is moved, and costs its chunk', async () => {
    // Node 20 copies it without a word.
    const moved = major >= 22
    expect(await run('listed')).toEqual({
      length: moved ? 0 : SIZE, right: true, free: moved ? 0 : 1, detached: moved ? 1 : 0, zero: true
    })
  })
})

describe('memory that was moved in its own thread', () => {
  test.each(ways)('is that of whoever has it, and the pool goes on: %s', async each => {
    expect(await run('streamed', each)).toEqual({
      length: 0, moved: CLASS, right: true, kept: true, live: 2, free: 0, detached: 1, pinned: 1
    })
  })

  test.each(ways)('comes back when it is dropped, after its Buffer was released: %s', async each => {
    expect(await run('pinned', each)).toEqual({ pinned: 1, lost: 0, out: 1, after: 0, stranded: 0 })
  })

  test.each(ways)('comes back when it is dropped, if nobody released it: %s', async each => {
    expect(await run('taken', each)).toEqual({ lost: 0, kept: true, live: 0 })
  })
})

describe('memory that was moved to another thread is never anybody else\'s', () => {
  const given = (kind, when, how, end) => run('given', kind, when, how, end)

  test.each([
    ['plain', 'live'], ['plain', 'free'], ['plain', 'released'], ['plain', 'closed'],
    ['fenced', 'live'], ['fenced', 'released'], ['poisoned', 'live'], ['poisoned', 'free'], ['late', 'free'],
    ['secure', 'live'], ['secure', 'free'], ['secure', 'released'], ['secure', 'closed']
  ])('%s, %s, when its worker is terminated', async (kind, when) => {
    expect(await given(kind, when, way, 'wait')).toEqual({
      length: CLASS,
      right: true,
      live: when === 'live' || when === 'closed' ? 1 : 0,
      free: when === 'free' ? 1 : 0,
      kept: true,
      // Secure memory is none of the depot's.
      stranded: kind === 'secure' ? 0 : 1
    })
  }, 120_000)

  test.each(['exit', 'throw', 'byItself', 'loop'])('when its worker ends: %s', async end => {
    const { right, kept, stranded } = await given('plain', 'live', way, end)
    expect({ right, kept }).toEqual({ right: true, kept: true })
    // What else was in hand in the midst of a loop may look as if somebody else had it.
    if (end === 'loop') expect(stranded).toBeGreaterThan(0)
    else expect(stranded).toBe(1)
  }, 120_000)

  test.each(ways)('by way of %s', async each => {
    expect(await given('plain', 'live', each, 'wait')).toMatchObject({ right: true, kept: true, stranded: 1 })
  }, 120_000)

  test('nor if it went through a third one', async () => {
    expect(await run('passed', way)).toEqual({ kept: true, stranded: 1 })
  }, 120_000)

  test('but its worker\'s own, if that lives when it is dropped', async () => {
    expect(await run('lent', way)).toEqual({ heard: ['used', 'back'], kept: true, runs: 0, stranded: 0 })
  }, 120_000)
})
