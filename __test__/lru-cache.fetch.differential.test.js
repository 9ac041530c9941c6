'use strict'

const fc = require('fast-check')
const { installClock } = require('./support/clock')
const { runFetchScenario } = require('./support/fetch-driver')
const { fetchScenario, burstScenario } = require('./support/fetch-arbitraries')
const { parameters, timeout, announce } = require('./support/settings')

// Random fetches, with a fetchMethod in the hands of the test, on lru-cache and on heapwise: the same values and
// rejections, content, callbacks and status objects, whatever else happens to the keys meanwhile.

describe('fetch does what it does in lru-cache', () => {
  let clock
  let emitWarning

  beforeAll(() => {
    announce('lru-cache.fetch.differential')
    clock = installClock()
    emitWarning = jest.spyOn(process, 'emitWarning').mockImplementation(() => {})
  })

  afterAll(() => {
    clock.uninstall()
    emitWarning.mockRestore()
  })

  const holds = (scenarios, share) =>
    fc.assert(fc.asyncProperty(scenarios, data => runFetchScenario(data, clock)), parameters(share))

  test('with every option, outcome, abort and interruption', () => holds(fetchScenario, 1), timeout)

  test('when much happens in one turn of the event loop', () => holds(burstScenario, 0.5), timeout)
})
