'use strict'

module.exports = {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/__test__/**/*.test.js'],
  // CommonJS for the Nodes it runs on: there is nothing to translate.
  transform: {},
  maxWorkers: '100%',
  testTimeout: 60_000
}
