'use strict'

const fc = require('fast-check')
const { installClock } = require('./support/clock')
const { runScenario } = require('./support/driver')
const { scenario, bulkScenario } = require('./support/arbitraries')
const { parameters, timeout, announce } = require('./support/settings')

// Random operations on lru-cache and on heapwise, in one fake time: the same results, order, callbacks, status
// objects and messages, apart from the differences that support/differences.js models.

describe('LRUCache does what lru-cache does', () => {
  let clock
  let emitWarning

  beforeAll(() => {
    announce('lru-cache.differential')
    clock = installClock()
    // Each of the two warns once of a cache that is bounded by time alone.
    emitWarning = jest.spyOn(process, 'emitWarning').mockImplementation(() => {})
  })

  afterAll(() => {
    clock.uninstall()
    emitWarning.mockRestore()
  })

  const holds = (scenarios, share) =>
    fc.assert(fc.property(scenarios, data => { runScenario(data, clock) }), parameters(share))

  test('with any options, through any operations on few keys', () => {
    holds(scenario(), 1)
  }, timeout)

  test('where entries expire all the time and room is short', () => {
    const ttl = fc.integer({ min: 1, max: 6 })
    holds(scenario({ options: { ttl, max: fc.integer({ min: 1, max: 4 }) } }), 0.5)
  }, timeout)

  test('with a hundred entries and more', () => {
    holds(bulkScenario, 0.1)
  }, timeout)

  test('through thousands of operations on one cache', () => {
    holds(scenario({ length: 3000, every: 100 }), 0.004)
  }, timeout)
})
