'use strict'

const readStream = (pool, path, options) => { throw new Error('not yet') }

module.exports = { readStream }
