'use strict'

const { count, duration, grid, times } = require('../common/table')

const percent = (share) => (share * 100).toFixed(1) + ' %'
const nanoseconds = (ns) => Math.abs(ns) < 1e3 ? ns.toFixed(0) + ' ns' : (ns < 0 ? '-' : '') + duration(Math.abs(ns))

const headings = {
  pause: () => 'pause: within the pause, per collection',
  shuffled: ({ about }) => `shuffled, young generation ${about}: slower than nothing, CPU time of the main thread`,
  'turned on': ({ about }) => `turned on, young generation ${about}: slower than before, CPU time of the main thread`,
  http: ({ about }) => `http, ${about}: slower than without, CPU time of the process`
}

// The results of a cell as a table, a contender a line.
function show (cell, results, place) {
  const [{ failures }] = results
  const table = cell.row === 'pause' ? pauseTable(results) : relativeTable(cell, results)
  const notes = Object.entries(failures).map(([name, why]) => `  ${name}: ${why}`)
  return [`[${place}] ${headings[cell.row](cell)}`, ...(table.length > 1 ? [grid(table)] : []), ...notes].join('\n')
}

function pauseTable (results) {
  const [young] = results
  const own = Object.keys(young.ratios)
  const lines = [['', ...results.map(({ measure }) => measure), ...own.map((name) => `${name} ahead × (young)`)]]
  for (const name of Object.keys(young.medians)) {
    const figures = results.map(({ medians }) => nanoseconds(medians[name].median))
    const ahead = own.map((other) => other === name ? '·' : times(young.ratios[other][name].median))
    lines.push([name, ...figures, ...ahead])
  }
  return lines
}

function relativeTable (cell, results) {
  const [slower, ...others] = results
  const lines = [['', 'slower', '±', 'a tenth below', 'above', ...others.map(({ measure }) => titles[measure])]]
  for (const [name, { median, error, q10, q90 }] of Object.entries(slower.medians)) {
    const figures = others.map(({ unit, medians }) => medians[name] ? units[unit](medians[name].median) : '-')
    lines.push([name, percent(median), percent(error), percent(q10), percent(q90), ...figures])
  }
  return lines
}

const units = { ns: nanoseconds, share: percent }
const titles = {
  'at best': 'at best', collection: 'a collection', request: 'a request', seen: 'collections seen', look: 'one look'
}

const figure = (results, row, about, measure, name) => {
  return results.find((result) => result.row === row && result.about === about && result.measure === measure)
    ?.medians[name]?.median
}

// What a collection costs, of all rows: within the pause, and all in all. What is not in the pause is outside of it.
// And how much slower that makes the program at best.
function showAll (results) {
  const lines = [['a collection', 'in the pause', 'all in all', 'outside', 'slower, small', 'usual', 'turned on']]
  const rows = results.filter(({ row, measure }) => {
    return row !== 'http' && measure === (row === 'pause' ? 'young' : 'at best')
  })
  const names = new Set(rows.flatMap(({ medians }) => Object.keys(medians)))
  for (const name of names) {
    const within = figure(results, 'pause', 'small', 'young', pauseOf[name] ?? name)
    const whole = figure(results, 'shuffled', 'small', 'collection', name) ??
      figure(results, 'turned on', 'small', 'collection', name)
    const outside = within === undefined || whole === undefined ? undefined : whole - within
    const slower = [['shuffled', 'small'], ['shuffled', 'usual'], ['turned on', 'small']]
      .map(([row, about]) => figure(results, row, about, 'at best', name))
    const text = (format) => (value) => value === undefined ? '-' : format(value)
    lines.push([name, ...[within, whole, outside].map(text(nanoseconds)), ...slower.map(text(percent))])
  }
  const [{ collections } = {}] = results.filter(({ row, about }) => row === 'shuffled' && about === 'small')
  const note = `${count(Math.round(collections))} collections in a slice of shuffled, small`
  return names.size === 0 ? '' : [grid(lines), ...(collections === undefined ? [] : [note])].join('\n')
}

// Those that do within the pause what another does.
const pauseOf = {
  'GcMonitor gc': 'GcMonitor',
  'GcMonitor all': 'GcMonitor',
  'PerformanceObserver heap': 'PerformanceObserver',
  'prom-client': 'PerformanceObserver'
}

module.exports = { figure, nanoseconds, percent, show, showAll }
