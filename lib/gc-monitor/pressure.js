'use strict'

// Whether memory is short around the process: in its container, or on the machine.

const { now } = require('./clock')

const LEVELS = ['none', 'warn', 'critical']

// Shares of the limit; per cent of the last 10 s that were spent waiting for memory (pressure stall information).
const USED = [0.9, 0.95]
const FULL = [5, 20]
const SOME = [20, 60]
// What of the machine is still to be had.
const LEFT = [0.05, 0.02]
// To come down a value must be a tenth below its threshold.
const SLACK = 0.9
// An event of the kernel counts for so long.
const EVENT_MS = 10_000

const percent = share => `${Math.round(share * 100)} %`

const isNumber = value => typeof value === 'number' && Number.isFinite(value)

/** @param {number[]} thresholds */
const above = (value, thresholds, slack) => value >= thresholds[1] * slack ? 2 : value >= thresholds[0] * slack ? 1 : 0

/** @param {number[]} thresholds */
const below = (value, thresholds, slack) => value <= thresholds[1] / slack ? 2 : value <= thresholds[0] / slack ? 1 : 0

const stalls = (where, pressure, slack) => {
  const found = []
  const full = pressure?.full?.avg10
  const some = pressure?.some?.avg10
  if (isNumber(full)) found.push([above(full, FULL, slack), `${where} waits for memory ${full} % of the time`])
  if (isNumber(some)) found.push([above(some, SOME, slack), `something of ${where} waits for memory ${some} % of the time`])
  return found
}

const shares = ({ cgroup, host }, slack) => {
  const found = []
  const used = cgroup?.workingSet ?? cgroup?.current
  if (isNumber(cgroup?.limit) && isNumber(used)) {
    const share = used / cgroup.limit
    found.push([above(share, USED, slack), `the container uses ${percent(share)} of its limit`])
  }
  if (isNumber(host?.available) && isNumber(host?.total)) {
    const share = host.available / host.total
    found.push([below(share, LEFT, slack), `the machine has ${percent(share)} of its memory left`])
  }
  return found
}

class Pressure {
  #level = 0
  #events
  // When the kernel last told of each, on this clock.
  #happened = { high: -Infinity, max: -Infinity, oom: -Infinity }

  #fromEvents (events) {
    const found = []
    const TELLS = {
      high: [1, 'the container was slowed down for being above memory.high'],
      max: [1, 'the container has met its limit'],
      oom: [2, 'the container has run out of memory']
    }
    for (const [name, [level, reason]] of Object.entries(TELLS)) {
      const before = this.#events?.[name]
      if (isNumber(before) && isNumber(events?.[name]) && events[name] > before) this.#happened[name] = now()
      found.push([now() - this.#happened[name] < EVENT_MS ? level : 0, reason])
    }
    this.#events = events
    return found
  }

  /**
   * What has changed since the last time: at most one event.
   *
   * @param {any} sample what `readSample` of ./process gives
   */
  check (sample) {
    const events = this.#fromEvents(sample.cgroup?.events)
    const judge = slack => [
      ...events, ...shares(sample, slack), ...stalls('the container', sample.cgroup?.pressure, slack),
      ...stalls('the machine', sample.host?.pressure, slack)
    ].reduce((worst, found) => found[0] > worst[0] ? found : worst, [0, 'there is enough memory'])
    const [rising, reason] = judge(1)
    const [falling, held] = judge(SLACK)
    const level = Math.max(rising, Math.min(this.#level, falling))
    if (level === this.#level) return []
    this.#level = level
    return [{
      level: LEVELS[level],
      reason: level === rising ? reason : held,
      cgroup: sample.cgroup ?? null,
      host: sample.host ?? null
    }]
  }
}

module.exports = { Pressure }
