'use strict'

// TEMPORARY until ./process is there.

let found
try {
  found = require('./process')
} catch {
  found = { readSample: () => ({ rss: process.memoryUsage.rss() }), trim: () => ({ released: 0 }) }
}

module.exports = found
