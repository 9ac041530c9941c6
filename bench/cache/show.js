'use strict'

const { count, duration, grid, times } = require('../common/table')
const { contenders } = require('./contenders')

const exact = new Set(contenders.filter((contender) => contender.exact && !contender.ours).map(({ name }) => name))

// A result as text: the medians, and below them how many times faster (or smaller) ours are than each other contender.
function show ({ row, keys, entries, measure, unit, medians, ratios, failures }, place) {
  const names = Object.keys(medians)
  const bytes = unit.startsWith('bytes')
  const title = [row, measure === 'time' ? undefined : measure, `${keys} keys`, `${count(entries)} entries`]
  const heading = `[${place}] ${title.filter(Boolean).join(', ')}`
  const lines = [
    [bytes ? unit : `time per ${unit}`, ...names],
    ['', ...names.map((name) => bytes ? count(Math.round(medians[name].median)) : duration(medians[name].median))]
  ]
  for (const [name, against] of Object.entries(ratios)) {
    lines.push([`${name} ahead ×`, ...names.map((peer) => peer === name ? '·' : times(against[peer].median))])
  }
  const notes = Object.entries(failures).map(([name, why]) => `  ${name}: ${why}`)
  return [heading, ...(names.length > 0 ? [grid(lines)] : []), ...notes].join('\n')
}

// Where ours lose: every paired ratio below 0.97 against a peer that keeps the same promise (exactly LRU).
function showSummary (results) {
  const lost = []
  let compared = 0
  for (const { row, keys, entries, measure, ratios } of results) {
    // How far a process grew says more about when its collector last ran.
    if (measure.startsWith('rss')) continue
    for (const [name, against] of Object.entries(ratios)) {
      for (const [peer, { median, least, most }] of Object.entries(against)) {
        if (!exact.has(peer) || peer === 'control') continue
        compared++
        if (median < 0.97) {
          const what = [row, measure === 'time' ? undefined : measure, keys, count(entries)].filter(Boolean).join(', ')
          lost.push([`  ${name}: ${what}`, peer, times(median), `(${times(least)} to ${times(most)})`])
        }
      }
    }
  }
  if (compared === 0) return ''
  if (lost.length === 0) return `Ahead or level (0.97 or more) in all ${compared} comparisons with exact LRUs.`
  return `Below 0.97 of an exact LRU in ${lost.length} of ${compared} comparisons:\n${grid(lost)}`
}

module.exports = { show, showSummary }
