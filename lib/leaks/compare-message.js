'use strict'

// The report of a comparison, for people.

const UNITS = ['bytes', 'KB', 'MB', 'GB']

const formatBytes = bytes => {
  let value = Math.abs(bytes)
  let unit = 0
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024
    unit += 1
  }
  const digits = unit === 0 ? Math.round(value) : value.toFixed(value < 10 ? 1 : 0)
  return `${bytes < 0 ? '-' : ''}${digits} ${UNITS[unit]}`
}

const WORDS = {
  heap: 'the heap',
  external: 'memory outside of the heap that objects hold',
  arrayBuffers: 'memory of Buffers and ArrayBuffers',
  contexts: 'contexts (of vm)'
}

const formatCount = count => `${Number(count.toPrecision(2))}`

const lineOf = ({ what, name, perCall }) => {
  if (what === 'handles') return `open ${name}: +${formatCount(perCall)} a call`
  if (what === 'listeners') return `listeners of ${name}: +${formatCount(perCall)} a call`
  if (what === 'contexts') return `${WORDS[what]}: +${formatCount(perCall)} a call`
  return `${WORDS[what]}: +${formatBytes(perCall)} a call`
}

const total = rounds => rounds.reduce((sum, { calls }) => sum + calls, 0)

const siteLines = sites => sites.flatMap(({ place, function: name, share, bytesPerCall }) =>
  `  ${Math.round(share * 100)} %  ${formatBytes(bytesPerCall)} a call  ${name || '(anonymous)'} (${place})`)

const classLines = classes => classes.map(({ name, count, bytes }) => `  +${count}  ${formatBytes(bytes)}  ${name}`)

const section = (title, lines) => lines.length === 0 ? [] : ['', title, ...lines]

/** @param {any} report */
const describe = ({ leaks, grew, rounds, sites, constructors, notes, perCall }) => {
  const ran = `${total(rounds)} calls in ${rounds.length} rounds`
  if (!leaks) return `no leak: ${ran}, the heap changed by ${formatBytes(perCall.heap)} a call`
  const heaps = rounds.map(({ heapGrowth }) => formatBytes(heapGrowth))
  return [
    `the function keeps something at each call (${ran}):`,
    ...grew.map(each => `  ${lineOf(each)}`),
    ...section('Growth of the heap, round by round:', [`  ${heaps.join(', ')}`]),
    ...section('Made in these functions, and still there:', siteLines(sites)),
    ...section('By class:', classLines(constructors)),
    ...section('Not known:', notes.map(note => `  ${note}`))
  ].join('\n')
}

module.exports = { describe, formatBytes }
