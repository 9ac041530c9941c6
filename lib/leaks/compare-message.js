'use strict'

// The report of a comparison, for people.

const { bytesText, number } = require('./finding')

const WORDS = {
  heap: 'the heap',
  external: 'memory outside of the heap that objects hold',
  arrayBuffers: 'memory of Buffers and ArrayBuffers',
  contexts: 'contexts (of vm)'
}

const signed = bytes => bytes < 0 ? `-${bytesText(-bytes)}` : bytesText(bytes)

/** '1', '0.25': what is one for each call is not quite one by measuring. */
const countText = count => `${Number(count.toPrecision(2))}`

const growthText = ({ what, name, perCall }) => {
  if (what === 'handles') return `open ${name}: +${countText(perCall)} a call`
  if (what === 'listeners') return `listeners of ${name}: +${countText(perCall)} a call`
  if (what === 'contexts') return `${WORDS[what]}: +${countText(perCall)} a call`
  return `${WORDS[what]}: +${bytesText(perCall)} a call`
}

const siteText = ({ place, function: name, share, bytesPerCall }) =>
  `${Math.round(share * 100)} %, ${bytesText(bytesPerCall)} a call: ${name} (${place})`

const classText = ({ name, count, bytes }) => `+${number(count)} ${name}, ${bytesText(bytes)}`

const collectionText = ({ description, from, to }) => `${description}: from ${number(from)} to ${number(to)} entries`

const section = (title, rows, text) => rows.length === 0 ? [] : ['', title, ...rows.map(row => `  ${text(row)}`)]

const LONGEST = 24

const growthOfRounds = rounds => {
  const last = rounds.slice(-LONGEST).map(({ heapGrowth }) => signed(heapGrowth)).join(', ')
  return rounds.length > LONGEST ? `… ${last}` : last
}

/** @param {any} report */
const describe = ({ leaks, grew, rounds, calls, sites, constructors, collections, notes, perCall }) => {
  const all = rounds.reduce((sum, round) => sum + round.calls, 0)
  const ran = `${number(all)} calls in ${rounds.length} rounds`
  if (!leaks) return `no leak in ${ran}: the heap changed by ${signed(Math.round(perCall.heap))} a call`
  return [
    `the function keeps something at each call (${ran}):`,
    ...grew.map(each => `  ${growthText(each)}`),
    ...section('Growth of the heap, round by round:', [rounds], growthOfRounds),
    ...section('Made in these functions, and still there:', sites, siteText),
    ...section(`Objects that a round of ${number(calls)} calls added:`, constructors, classText),
    ...section('Collections that grew in it:', collections, collectionText),
    ...section('Not known:', notes, note => note)
  ].join('\n')
}

module.exports = { describe }
