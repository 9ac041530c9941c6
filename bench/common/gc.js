'use strict'

const v8 = require('node:v8')
const vm = require('node:vm')

// The collector on demand, whether node was started with --expose-gc or not.
v8.setFlagsFromString('--expose-gc')

module.exports = { gc: globalThis.gc ?? vm.runInNewContext('gc') }
