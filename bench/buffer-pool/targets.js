'use strict'

const { count, duration, grid } = require('../common/table')
const { bytes } = require('./show')

const plain = 'BufferPool none'
const zeroed = 'BufferPool on-release'
const floor = 'free list'

const own = (name) => ({ medians }) => medians[name]?.median
const x = (n) => n.toFixed(2)

const fixed = (least = 1, most = Infinity) => ({ row, size }) => row === 'fixed' && size >= least && size <= most
const varied = ({ row }) => row === 'varied'
const collections = ({ row, measure, bytes: all }) => {
  return row === 'churn' && measure === 'collections' && all >= 10 * 2 ** 30
}

// A time is that of this machine: the floor, which stands beside it, tells how fast that is.
const besideFloor = ({ medians }) => medians[floor] ? `floor ${duration(medians[floor].median)}` : ''

// What BufferPool is meant to reach, with its statistics and its leak counting on, by result: which ones it is about,
// the figure, its bound and how it reads.
const targets = [
  ...faster(plain, 'Buffer.allocUnsafe', [[8192, Infinity, 15], [1024, 8191, 4], [64, 256, 1]]),
  ...faster(zeroed, 'Buffer.alloc', [[1024, 16384, 6], [65536, 65536, 4]]),
  { name: `${plain}, time`, about: fixed(), figure: own(plain), most: 15, text: duration, beside: besideFloor },
  { name: `${plain}, time`, about: varied, figure: own(plain), most: 55, text: duration, beside: besideFloor },
  { name: `${plain}, collections`, about: collections, figure: own(plain), most: 9, text: count },
  { name: `${zeroed}, collections`, about: collections, figure: own(zeroed), most: 9, text: count }
]

// How many times as fast as a peer, from one size to another.
function faster (ours, peer, bounds) {
  const figure = ({ ratios }) => ratios[ours]?.[peer]?.median
  const name = `${ours} to ${peer}`
  return bounds.map(([from, to, least]) => ({ name, about: fixed(from, to), figure, least }))
}

// Those that these results say something about.
function showTargets (results) {
  const lines = []
  for (const { name, about, figure, least = -Infinity, most = Infinity, text = x, beside = () => '' } of targets) {
    for (const result of results.filter(about)) {
      const got = figure(result)
      if (got === undefined || Number.isNaN(got)) continue
      const bound = most === Infinity ? `at least ${text(least)}` : `at most ${text(most)}`
      const verdict = got >= least && got <= most ? 'reached' : 'MISSED'
      lines.push([name, `${result.row}, ${bytes(result.size)}`, text(got), bound, verdict, beside(result)])
    }
  }
  return lines.length === 0 ? '' : `To reach:\n${grid(lines)}`
}

module.exports = { showTargets }
