'use strict'

const { count, duration, grid, times } = require('../common/table')

const main = 'OffHeapCache'

const units = {
  ns: duration,
  count,
  share: (x) => (100 * x).toFixed(1) + ' %',
  times: (x) => x.toFixed(2),
  bytes: (x) => count(Math.round(x / 1e6)) + ' MB',
  'bytes per entry': (x) => x.toFixed(0) + ' B',
  'ops/s': (x) => (x / 1e6).toFixed(2) + ' M/s'
}

const headings = { 1: '1 worker', 2: '2 workers', 4: '4 workers' }

// The results of a cell as a table. `speed`: behind a time stands how many times that of OffHeapCache it is.
function show ({ row, values, entries }, results, place) {
  const names = [...new Set(results.flatMap(({ medians }) => Object.keys(medians)))]
  const lines = [['', ...names]]
  for (const { measure, unit, medians, ratios } of results) {
    lines.push([headings[measure] ?? measure, ...names.map((name) => {
      if (!medians[name]) return '-'
      const figure = units[unit](medians[name].median)
      const against = ratios[main]?.[name]?.median
      return row === 'speed' && unit === 'ns' && against !== undefined ? `${figure} (${times(against)})` : figure
    })])
  }
  const notes = Object.entries(results[0]?.failures ?? {}).map(([name, why]) => `  ${name}: ${why}`)
  const heading = `[${place}] ${row}, ${values}, ${count(entries)} entries`
  return [heading, ...(names.length > 0 ? [grid(lines)] : []), ...notes].join('\n')
}

module.exports = { show }
