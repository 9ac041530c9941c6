'use strict'

const { grid } = require('../common/table')
const { figure, nanoseconds, percent } = require('./show')

const x = (n) => n.toFixed(1)

// Of PerformanceObserver, which is cheaper on Node 26.
const [major] = process.versions.node.split('.').map(Number)
const timesCheaper = major >= 26 ? 2.5 : 10

function slower (row, about, name) {
  // Of the quickest tenth: on a machine with other work the rest is noise.
  const read = (results, who) => figure(results, row, about, 'at best', who)
  return {
    name: `${name}, slower`,
    where: `${row}, ${about}`,
    figure: (results) => read(results, name),
    most: row === 'http' ? 0.03 : 0.015,
    text: percent,
    // What two runs of the same differ by.
    beside: (results) => `noise ${percent(read(results, 'nothing again') ?? NaN)}`
  }
}

// What is meant to be reached. Per collection GcMonitor does nothing outside of the pause, unless somebody listens.
const targets = [
  {
    name: 'GcMonitor, a collection',
    where: 'in the pause, young',
    figure: (results) => figure(results, 'pause', 'small', 'young', 'GcMonitor'),
    most: 1000,
    text: nanoseconds
  },
  {
    name: 'GcMonitor to PerformanceObserver',
    where: 'a collection',
    figure (results) {
      const peer = figure(results, 'shuffled', 'small', 'collection', 'PerformanceObserver')
      return peer / figure(results, 'pause', 'small', 'young', 'GcMonitor')
    },
    least: timesCheaper,
    text: x
  },
  slower('shuffled', 'small', 'GcMonitor'),
  slower('shuffled', 'small', 'GcMonitor gc'),
  slower('shuffled', 'usual', 'GcMonitor'),
  slower('shuffled', 'usual', 'GcMonitor gc'),
  slower('http', 'hello', 'watch'),
  slower('http', 'service', 'watch')
]

// Those that these results say something about.
function showTargets (results) {
  const lines = []
  for (const { name, where, figure: read, least = -Infinity, most = Infinity, text, beside = () => '' } of targets) {
    const got = read(results)
    if (got === undefined || Number.isNaN(got)) continue
    const bound = most === Infinity ? `at least ${text(least)}` : `at most ${text(most)}`
    lines.push([name, where, text(got), bound, got >= least && got <= most ? 'reached' : 'MISSED', beside(results)])
  }
  return lines.length === 0 ? '' : `To reach:\n${grid(lines)}`
}

module.exports = { showTargets }
