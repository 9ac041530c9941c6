'use strict'

// Two heap snapshots with a round between them: which classes, and which collections, a function makes grow.

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const v8 = require('node:v8')

const { identify } = require('./collections')
const places = require('./places')
const { analyse, checkRoom } = require('./snapshots')

const MIB = 2 ** 20
/** Nobody has asked: two snapshots of a heap of this size take about two seconds. */
const SMALL_HEAP = 32 * MIB
const TOP = 8

/** V8's own names for what is no object of a program stand in brackets. */
const isClass = ({ name }) => !name.startsWith('(') && !name.startsWith('system / ')

const grownClasses = (classes, calls) => classes
  .map(({ name, count: [from, to], bytes: [before, after] }) => ({ name, count: to - from, bytes: after - before }))
  // A class of which one object is made for every tenth call is still worth a word; one that has a few more is not.
  .filter(each => isClass(each) && each.count > 0 && each.count >= calls / 10)
  .sort((a, b) => b.bytes - a.bytes)
  .slice(0, TOP)

const grownCollections = growers => growers.filter(({ grows }) => grows).map(grower => {
  const { entries: { from, to } } = grower
  const { name, place, subject } = identify(grower, places) ?? {}
  return subject === undefined ? undefined : { name, place, description: subject, from, to }
}).filter(Boolean).slice(0, TOP)

/** @returns {Promise<{ constructors: any[], collections: any[] }>} */
const compareSnapshots = async (rounds, { calls }, { snapshot }) => {
  const maxHeap = snapshot === 'auto' ? SMALL_HEAP : Infinity
  checkRoom(os.tmpdir(), maxHeap)
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'heapwise-'))
  try {
    const before = v8.writeHeapSnapshot(path.join(folder, 'before.heapsnapshot'))
    await rounds.run(calls)
    await rounds.settle()
    checkRoom(os.tmpdir(), maxHeap)
    const after = v8.writeHeapSnapshot(path.join(folder, 'after.heapsnapshot'))
    const least = Math.max(1, Math.floor(calls / 10))
    const { classes = [], growers } = await analyse([before, after], { entries: least, share: 0, floor: 0 })
    return { constructors: grownClasses(classes, calls), collections: grownCollections(growers) }
  } finally {
    places.forget()
    fs.rmSync(folder, { recursive: true, force: true })
  }
}

module.exports = { compareSnapshots }
