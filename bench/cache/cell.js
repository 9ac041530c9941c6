'use strict'

const { answer } = require('../common/child')
const { contenders } = require('./contenders')
const { keyed } = require('./keyed')
const { rows } = require('./rows')
const { shapes } = require('./shapes')

// One cell (a row, a kind of keys, a size) with all its contenders, in a process of its own: what one row leaves in the
// heap, and what it taught V8, does not reach the next.
answer((task) => {
  const taking = task.contenders.map((wanted) => contenders.find(({ name }) => name === wanted))
  const row = rows.find(({ name }) => name === task.row)
  return row ? keyed(row, taking, task) : shapes.find(({ name }) => name === task.row).run(taking, task)
})
