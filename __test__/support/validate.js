'use strict'

const { validate } = require('../../lib/cache/validate.js')

// Throws where the inside of a cache contradicts itself: index, order, sizes, totals, times.
module.exports = { validate }
