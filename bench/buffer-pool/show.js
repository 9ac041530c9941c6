'use strict'

const { count, duration, grid, times } = require('../common/table')

const units = {
  ns: duration,
  count: (x) => count(Math.round(x)),
  bytes: (x) => count(Math.round(x / 1e6)) + ' MB',
  'B/s': (x) => count(Math.round(x / 1e6)) + ' MB/s'
}

function bytes (n) {
  if (n >= 2 ** 30 && n % 2 ** 30 === 0) return `${n / 2 ** 30} GiB`
  if (n >= 2 ** 20 && n % 2 ** 20 === 0) return `${n / 2 ** 20} MiB`
  return n >= 1024 && n % 1024 === 0 ? `${n / 1024} KiB` : `${n} B`
}

const headings = {
  fixed: ({ size }) => `fixed, ${bytes(size)}`,
  varied: ({ size }) => `varied, up to ${bytes(size)}`,
  churn: (task) => `churn, ${bytes(task.bytes)} through Buffers of ${bytes(task.size)}`,
  copy: (task) => `copy, a file of ${bytes(task.bytes)}`,
  proxy: (task) => `proxy, ${bytes(task.bytes)}`
}

// The results of a cell as a table, a contender a line. Behind the figures of the first measure stands how many times
// ahead of the contender ours are.
function show (task, results, place) {
  const heading = `[${place}] ${headings[task.row](task)}`
  const [{ ratios, failures }] = results
  const names = Object.keys(results[0].medians)
  const own = Object.keys(ratios)
  const lines = [['', ...results.map(({ measure }) => measure), ...own.map((name) => `${name} ahead ×`)]]
  for (const name of names) {
    const figures = results.map(({ medians, unit }) => units[unit](medians[name].median))
    lines.push([name, ...figures, ...own.map((ahead) => ahead === name ? '·' : times(ratios[ahead][name].median))])
  }
  const notes = Object.entries(failures).map(([name, why]) => `  ${name}: ${why}`)
  return [heading, ...(names.length > 0 ? [grid(lines)] : []), ...notes].join('\n')
}

// The times of all sizes side by side.
function showSpeed (results) {
  const tables = ['fixed', 'varied'].map((row) => {
    const about = results.filter((result) => result.row === row)
    if (about.length < 2) return ''
    const names = [...new Set(about.flatMap(({ medians }) => Object.keys(medians)))]
    const lines = [[row, ...about.map(({ size }) => bytes(size))]]
    for (const name of names) {
      lines.push([name, ...about.map(({ medians }) => medians[name] ? duration(medians[name].median) : '-')])
    }
    return grid(lines)
  })
  return tables.filter(Boolean).join('\n\n')
}

module.exports = { bytes, show, showSpeed }
