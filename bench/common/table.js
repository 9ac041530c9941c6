'use strict'

function duration (ns) {
  if (ns < 1e3) return ns.toFixed(1)
  if (ns < 1e6) return (ns / 1e3).toFixed(2) + ' µs'
  if (ns < 1e9) return (ns / 1e6).toFixed(2) + ' ms'
  return (ns / 1e9).toFixed(2) + ' s'
}

function times (ratio) {
  return ratio >= 100 ? ratio.toFixed(0) : ratio.toFixed(2)
}

// Lines of cells to text: the first column to the left, all others to the right.
function grid (lines) {
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length)))
  return lines.map((line) => line.map((cell, column) => {
    return column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column] + 2)
  }).join('').trimEnd()).join('\n')
}

const count = (n) => n.toLocaleString('en-US')

module.exports = { count, duration, grid, times }
