'use strict'

// examples/leaks: of what is cured nothing is found, by any part.

const catalogue = require('../examples/leaks/catalogue.js')
const { report } = require('./support/leak-examples.js')

jest.setTimeout(120_000)

test.each(Object.keys(catalogue))('%s', async example => {
  const { findings, failures, cost } = await report(example, '--cured')
  expect({ findings, failures }).toEqual({ findings: [], failures: {} })
  expect(Object.keys(cost).sort())
    .toEqual(['buffers', 'collections', 'globals', 'listeners', 'pools', 'stacks', 'timers', 'types'])
})
