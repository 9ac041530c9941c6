'use strict'

/** The table, and what it says in words. Every claim is computed from the figures. */

/** Two runs of so many seconds on a shared machine differ by this much for no reason at all. */
const noiseOf = (seconds) => seconds >= 10 ? 0.1 : 0.25
/** Answers that cross on their way shift a hit ratio by a few tenths of a point. */
const SAME_HITS = 0.005
const SAME_HEAP = 0.02

const COLUMNS = [
  ['', ({ name }) => name],
  ['requests/s', ({ requestsPerSecond }) => count(requestsPerSecond)],
  ['CPU/request', ({ cpuMsPerRequest }) => microseconds(cpuMsPerRequest)],
  ['p50', ({ latencyMs }) => ms(latencyMs.p50)],
  ['p99', ({ latencyMs }) => ms(latencyMs.p99)],
  ['hit ratio', ({ comparedHitRatio }) => percent(comparedHitRatio)],
  ['heap used', ({ heapUsed }) => megabytes(heapUsed)],
  ['RSS', ({ rss }) => megabytes(rss)],
  ['time in GC', ({ gc }) => `${ms(gc.ms)} (${percent(gc.share)})`],
  ['worst pause', ({ gc }) => ms(gc.worstMs)]
]

function table (results) {
  const rows = [COLUMNS.map(([title]) => title), ...results.map((result) => COLUMNS.map(([, cell]) => cell(result)))]
  const widths = COLUMNS.map((_, i) => Math.max(...rows.map((row) => row[i].length)))
  const lines = rows.map((row) =>
    row.map((cell, i) => i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])).join('  ').trimEnd())
  lines.splice(1, 0, widths.map((width) => '-'.repeat(width)).join('  '))
  return lines.join('\n')
}

/** What the columns mean, for this run. */
function notes (results, { comparedRequests, max }) {
  const requests = results.map((result) => result.requests)
  return [
    comparedRequests !== null && Math.min(...requests) !== Math.max(...requests)
      ? `Hit ratio: over the first ${count(comparedRequests)} requests, which all of them answered.`
      : 'Hit ratio: over all requests.',
    `A bounded cache keeps at most ${count(max)} entries.`,
    'Heap used: live after a full collection at the end. RSS: at the end of the load.'
  ].join('\n')
}

/**
 * One to four sentences, a line each.
 * @param {object[]} results
 * @param {{ max: number }} run
 */
function conclusion (results, { max }) {
  const subject = results.find(({ name }) => name === 'heapwise')
  const peer = results.find(({ name }) => name === 'lru-cache')
  const offHeap = results.find(({ name }) => name === 'OffHeapCache')
  const unbounded = results.find(({ bounded }) => !bounded)
  const sentences = []
  if (subject && unbounded) sentences.push(...againstUnbounded(subject, unbounded, max))
  if (subject && peer) sentences.push(againstPeer(subject, peer))
  if (subject && offHeap) sentences.push(outsideTheHeap(offHeap, subject))
  return sentences.join('\n')
}

function againstUnbounded (subject, unbounded, max) {
  if (unbounded.entries <= max) {
    return [`All ${count(unbounded.entries)} keys asked for fit in --max ${count(max)}, so nothing had to be evicted; ` +
      'try a smaller --max to see a difference.']
  }
  return [
    `The ${unbounded.name} kept all ${count(unbounded.entries)} entries in ${megabytes(unbounded.heapUsed)} of heap, ` +
    `${times(unbounded.heapUsed / subject.heapUsed)} the ${megabytes(subject.heapUsed)} of ${subject.name}, which kept ` +
    `${count(subject.entries)}${growing(unbounded)}.`,
    `For that memory it had ${points(unbounded.comparedHitRatio - subject.comparedHitRatio)}, ` +
    `${ms(unbounded.gc.ms)} in collections (${subject.name} ${ms(subject.gc.ms)}) and a worst pause of ` +
    `${ms(unbounded.gc.worstMs)} (${subject.name} ${ms(subject.gc.worstMs)}).`
  ]
}

function growing ({ entries, heapUsed, baseHeap, entriesAddedPerSecond: rate }) {
  if (rate === null || rate < 1) return ''
  return `; when the load ended it was still adding ${count(rate)} entries, ` +
    `some ${megabytes(rate * (heapUsed - baseHeap) / entries)}, a second`
}

function againstPeer (subject, peer) {
  const rate = subject.requestsPerSecond / peer.requestsPerSecond
  const cpu = subject.cpuMsPerRequest / peer.cpuMsPerRequest
  const noise = noiseOf(Math.min(subject.seconds, peer.seconds))
  const heap = subject.heapUsed / peer.heapUsed
  const hits = Math.abs(subject.comparedHitRatio - peer.comparedHitRatio) < SAME_HITS
    ? 'the same hit ratio'
    : `a hit ratio of ${percent(subject.comparedHitRatio)} against ${percent(peer.comparedHitRatio)}`
  const kept = Math.abs(heap - 1) < SAME_HEAP ? 'as much' : `${times(heap)} its`
  return `Beside ${peer.name}, ${subject.name} had ${hits}, used ${kept} heap and ${times(cpu)} its CPU time a request, ` +
    `and answered ${times(rate)} its requests a second${doubt(rate, cpu, noise)}.`
}

function outsideTheHeap (offHeap, subject) {
  const held = ({ heapUsed, baseHeap }) => megabytes(Math.max(0, heapUsed - baseHeap))
  return `${offHeap.name} kept ${count(offHeap.entries)} entries outside of the heap, which grew by ${held(offHeap)} ` +
    `(${subject.name} ${held(subject)}); it had ${ms(offHeap.gc.ms)} in collections (${subject.name} ` +
    `${ms(subject.gc.ms)}) and used ${times(offHeap.cpuMsPerRequest / subject.cpuMsPerRequest)} its CPU time a request, ` +
    'with a copy made and decoded for each hit.'
}

/** What to think of a difference in speed. CPU time does not count what other programs took meanwhile. */
function doubt (rate, cpu, noise) {
  const within = (ratio) => Math.abs(ratio - 1) < noise
  if (!within(cpu)) return ''
  if (within(rate)) return `: differences under ${percent(noise, 0)} are noise in a run like this`
  return ': with the CPU time so close, that points to other work on the machine during one of them'
}

function count (value) {
  return Math.round(value).toLocaleString('en-US')
}

function ms (value) {
  if (value >= 1000) return `${(value / 1000).toFixed(2)} s`
  return `${value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2)} ms`
}

function microseconds (value) {
  return `${(value * 1000).toFixed(0)} µs`
}

function percent (part, digits = 1) {
  return `${(part * 100).toFixed(digits)} %`
}

function points (part) {
  if (Math.abs(part) < SAME_HITS) return 'no better hit ratio'
  return `${(Math.abs(part) * 100).toFixed(1)} points ${part > 0 ? 'more' : 'less'} of hit ratio`
}

function megabytes (bytes) {
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`
}

function times (ratio) {
  return `${ratio.toFixed(ratio < 10 ? 2 : 0)} times`
}

module.exports = { table, notes, conclusion, count, percent, megabytes }
