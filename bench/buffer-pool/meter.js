'use strict'

const fs = require('node:fs')
const v8 = require('node:v8')

// Measures what this process does from `start` on: nanoseconds by the clock and of the processors, and the collector's
// work. A mark-compact that was prepared step by step is one collection, but each step is a pause.
function start () {
  const pauses = new v8.GCProfiler()
  pauses.start()
  const cpu = process.cpuUsage()
  const began = performance.now()
  return () => {
    const wall = (performance.now() - began) * 1e6
    const { user, system } = process.cpuUsage(cpu)
    const { statistics } = pauses.stop()
    const major = statistics.filter(({ gcType }) => gcType === 'MarkSweepCompact').length
    const minor = statistics.filter(({ gcType }) => /^(Scavenge|Minor)/.test(gcType)).length
    const costs = statistics.map(({ cost }) => cost * 1e3)
    return {
      wall,
      cpu: (user + system) * 1e3,
      minor,
      major,
      collections: minor + major,
      'gc total': costs.reduce((sum, ns) => sum + ns, 0),
      'gc longest': costs.reduce((most, ns) => Math.max(most, ns), 0),
      'rss peak': peak()
    }
  }
}

// The most memory the process ever had. Linux's own figure: in that of getrusage is what the process was forked from.
function peak () {
  const status = process.platform === 'linux' ? fs.readFileSync('/proc/self/status', 'latin1') : ''
  const [, kib] = /^VmHWM:\s*(\d+) kB$/m.exec(status) ?? []
  return 1024 * (kib === undefined ? process.resourceUsage().maxRSS : Number(kib))
}

module.exports = { start }
