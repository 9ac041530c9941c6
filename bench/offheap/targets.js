'use strict'

const { count, duration, grid } = require('../common/table')

const main = 'OffHeapCache'
const rival = 'lru-cache'

const faster = ({ ratios }) => ratios[main]?.[rival]?.median
const own = ({ medians }) => medians[main]?.median
const share = ({ medians }) => medians[main] && medians[rival] && medians[main].median / medians[rival].median
const x = (n) => n.toFixed(2)
const percent = (n) => (100 * n).toFixed(1) + ' %'
const strings = ({ values }) => values === 'strings'
const from = (least) => ({ entries }) => entries >= least

// What OffHeapCache is meant to reach, by result: which ones it is about, the figure, its bound and how it reads.
const targets = [
  {
    name: 'get and set no slower than lru-cache',
    about: (result) => strings(result) && result.entries === 1e5 && result.row === 'speed' && result.unit === 'ns' &&
      result.measure !== 'fill',
    figure: faster, least: 1, text: x
  },
  {
    name: 'under churn faster than lru-cache',
    about: (result) => strings(result) && from(1e6)(result) && ['insert', 'zipf'].includes(result.measure),
    figure: faster, least: 1.5, text: x
  },
  { name: "GC time of lru-cache's", about: gc('total', 1e6), figure: share, most: 0.1, text: percent },
  { name: 'longest GC pause', about: gc('longest', 5e6), figure: own, most: 10e6, text: duration },
  {
    name: 'V8 heap',
    about: ({ row, measure }) => {
      return (row === 'heap' && /^heap (full|churned)$/.test(measure)) || isHuge(row, measure, 'heap')
    },
    figure: own, most: 30e6, text: (n) => (n / 1e6).toFixed(1) + ' MB'
  },
  {
    name: 'overhead of an entry',
    about: (result) => from(1e6)(result) && strings(result) && result.measure.startsWith('overhead'),
    figure: own, most: 96, text: (n) => n.toFixed(0) + ' B'
  },
  {
    name: 'two workers to one',
    about: ({ row, measure }) => row.startsWith('workers') && measure === '2 to 1',
    figure: own, least: 1.7, text: x
  },
  {
    name: 'entries stored and read back',
    about: ({ row, measure }) => isHuge(row, measure, 'found'),
    figure: own, least: 20e6, text: count
  }
]

function gc (what, least) {
  return ({ row, measure, entries }) => row === 'heap' && measure.endsWith('gc ' + what) && entries >= least
}

function isHuge (row, measure, wanted) {
  return row === 'huge' && measure === wanted
}

// Those that these results say something about.
function showTargets (results) {
  const lines = []
  for (const { name, about, figure, least = -Infinity, most = Infinity, text } of targets) {
    for (const result of results.filter(about)) {
      const got = figure(result)
      if (got === undefined || Number.isNaN(got)) continue
      const where = `${result.row}, ${result.measure}, ${result.values}, ${count(result.entries)}`
      const bound = most === Infinity ? `at least ${text(least)}` : `at most ${text(most)}`
      lines.push([name, where, text(got), bound, got >= least && got <= most ? 'reached' : 'MISSED'])
    }
  }
  return lines.length === 0 ? '' : `To reach:\n${grid(lines)}`
}

module.exports = { showTargets }
