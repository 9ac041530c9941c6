'use strict'

// Opening a store, or finding the one that another handle of the process has opened.

const native = require('../native')
const { NAMES, NUMBERS, readCodec } = require('./codecs')
const { PLACE, differences } = require('./options')
const { outOfMemory, storeMismatch } = require('../errors')

const MISMATCH = 1

const failure = (name, wanted, actual) => actual[PLACE.reason] === MISMATCH
  ? storeMismatch(name, differences(wanted, actual))
  : outOfMemory(wanted[PLACE.maxBytes])

// Who does not name a codec takes the store's. One of the user's own is a pair of functions, which only he has.
const adoptCodec = (name, number) => {
  if (number !== NUMBERS.custom) return readCodec(NAMES[number])
  throw storeMismatch(name, ["'codec' is one with encode() and decode(), which has to be given here as well"])
}

/** Opens the store that checked options ask for. */
const openStore = ({ name, codec, config }) => {
  const wanted = config.slice()
  const handle = native.offheapOpen(name, config)
  if (handle === 0) throw failure(name, wanted, config)
  try {
    return { handle, codec: codec ?? adoptCodec(name, config[PLACE.codec]), config }
  } catch (error) {
    native.offheapClose(handle)
    throw error
  }
}

module.exports = { openStore }
