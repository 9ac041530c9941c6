'use strict'

// Bad options are coded errors, and start nothing.

const { GcMonitor, SOURCES, closeAll, monitorOf, run } = require('./support/gc-monitor')

const TYPE = 'ERR_HEAPWISE_INVALID_ARG_TYPE'
const VALUE = 'ERR_HEAPWISE_INVALID_ARG_VALUE'
const UNKNOWN = 'ERR_HEAPWISE_UNKNOWN_OPTION'
const USE = 'ERR_HEAPWISE_INVALID_USE'

const BAD = [
  [null, TYPE], [5, TYPE], ['options', TYPE], [() => {}, TYPE],
  [{ interval: '1s' }, TYPE], [{ interval: null }, TYPE], [{ interval: 9 }, VALUE], [{ interval: 2 ** 31 }, VALUE],
  [{ interval: 10.5 }, VALUE], [{ interval: NaN }, VALUE], [{ interval: Infinity }, VALUE],
  [{ bufferSize: 15 }, VALUE], [{ bufferSize: 2 ** 20 + 1 }, VALUE], [{ bufferSize: '64' }, TYPE],
  [{ window: 19 }, VALUE], [{ window: 257 }, VALUE], [{ window: {} }, TYPE],
  [{ source: 'native' }, VALUE], [{ source: 5 }, TYPE], [{ source: null }, TYPE],
  [{ autostart: 1 }, TYPE], [{ autostart: 'yes' }, TYPE],
  [{ heapLimit: true }, TYPE], [{ heapLimit: '80%' }, TYPE], [{ heapLimit: 0 }, VALUE], [{ heapLimit: 1.01 }, VALUE],
  [{ heapLimit: NaN }, VALUE], [{ heapLimit: null }, TYPE],
  [{ heapLimit: { warn: '0.8' } }, TYPE], [{ heapLimit: { warn: -1 } }, VALUE], [{ heapLimit: { critical: 2 } }, VALUE],
  [{ heapLimit: { warn: 0.9, critical: 0.8 } }, USE], [{ heapLimit: { warn: 0.8, critical: 0.8 } }, USE],
  [{ heapLimit: { reserve: true } }, TYPE], [{ heapLimit: { reserve: 0 } }, VALUE],
  [{ heapLimit: { reserve: '5xb' } }, VALUE],
  [{ heapLimit: { snapshot: '/tmp' } }, TYPE], [{ heapLimit: { snapshot: {} } }, TYPE],
  [{ heapLimit: { snapshot: { dir: '' } } }, TYPE], [{ heapLimit: { snapshot: { dir: 'a\0b' } } }, TYPE],
  [{ heapLimit: { snapshot: { dir: '.', max: 0 } } }, VALUE],
  [{ heapLimit: { snapshot: { dir: '.', max: '1' } } }, TYPE],
  [{ heapLimit: { snapshot: { dir: '.', at: 'oom' } } }, VALUE],
  [{ heapLimit: { warn: 0.95, snapshot: { dir: '.', at: 'critical' } } }, USE],
  [{ rssLimit: true }, TYPE], [{ rssLimit: -5 }, VALUE], [{ rssLimit: 'much' }, VALUE],
  [{ rssLimit: { bytes: 0 } }, VALUE],
  [{ rssLimit: { share: 0 } }, VALUE], [{ rssLimit: { share: '1' } }, TYPE],
  [{ rssLimit: { bytes: 5, share: 0.5 } }, USE],
  [{ rssLimit: { warn: 0.5, critical: 0.5 } }, USE],
  [{ leaks: 5 }, TYPE], [{ leaks: { timers: 5 } }, TYPE], [{ leaks: { interval: 'x', timers: true } }, TYPE],
  [{ intervall: 5 }, UNKNOWN], [{ heaplimit: 0.5 }, UNKNOWN], [{ rss: 5, rssLimits: 5 }, UNKNOWN],
  [{ heapLimit: { warm: 0.5 } }, UNKNOWN], [{ heapLimit: { snapshot: { dirs: '.' } } }, UNKNOWN],
  [{ rssLimit: { byte: 5 } }, UNKNOWN]
]

/** What in the process a monitor could have left behind. */
const traces = () => [
  process.listenerCount('exit'), process.getActiveResourcesInfo().filter(name => name === 'Timeout').length
]

afterEach(closeAll)

test.each(BAD)('%j: %s, and nothing is started', (options, code) => {
  const before = traces()
  let error
  try {
    monitorOf(options)
  } catch (thrown) {
    error = thrown
  }
  expect(error).toMatchObject({ code })
  expect(error).toBeInstanceOf(code === VALUE ? RangeError : TypeError)
  expect(traces()).toEqual(before)
})

test('a message names the option, what it takes and what it got', () => {
  expect(() => new GcMonitor({ interval: 5 }))
    .toThrow("option 'interval' must be an integer from 10 to 2147483647, got 5 (number)")
  expect(() => new GcMonitor({ heapLimit: { snapshot: { dir: 5 } } }))
    .toThrow("option 'heapLimit.snapshot.dir' must be the path of a folder, got 5 (number)")
  expect(() => new GcMonitor({ heaplimits: 1 })).toThrow("there is no option 'heaplimits': did you mean 'heapLimit'?")
})

test.each([
  undefined, {}, { interval: 10 }, { bufferSize: 16 }, { window: 20 }, { source: 'auto' }, { autostart: false },
  { heapLimit: 1 }, { heapLimit: 0.5 }, { heapLimit: {} }, { heapLimit: { warn: 0.95 } },
  { heapLimit: { critical: 0.5 } },
  { heapLimit: { snapshot: { dir: '.', max: 5, at: 'critical' } } }, { rssLimit: 1 },
  { rssLimit: '512mb' }, { rssLimit: {} },
  { rssLimit: { share: 0.9 } }, { rssLimit: { bytes: '1gb', warn: 0.5 } }, { unheardOf: 5 }, { leaks: false }
])('%j is taken', options => {
  const monitor = monitorOf(options)
  expect(monitor.running).toBe(options?.autostart !== false)
})

test("a getter that throws is the caller's error", () => {
  const error = new Error('mine')
  expect(() => new GcMonitor({ get interval () { throw error } })).toThrow(error)
})

describe.each(SOURCES)('source %s', source => {
  const monitor = () => monitorOf({ source })

  test('bad arguments of methods', () => {
    const it = monitor()
    for (const kind of [5, null, {}]) expect(() => it.histogram(kind)).toThrow(expect.objectContaining({ code: TYPE }))
    expect(() => it.histogram('major')).toThrow(expect.objectContaining({ code: VALUE }))
    for (const p of [0, -1, 101, NaN]) {
      expect(() => it.histogram().percentile(p)).toThrow(expect.objectContaining({ code: VALUE }))
    }
    expect(() => it.histogram().percentile('50')).toThrow(expect.objectContaining({ code: TYPE }))
    for (const fn of [undefined, 5, {}]) expect(() => it.measure(fn)).toThrow(expect.objectContaining({ code: TYPE }))
    expect(() => it.collect({ type: 'major' })).toThrow(expect.objectContaining({ code: VALUE }))
    expect(() => it.collect({ type: 5 })).toThrow(expect.objectContaining({ code: TYPE }))
    expect(() => it.collect('full')).toThrow(expect.objectContaining({ code: TYPE }))
    expect(() => it.collect({ typ: 'full' })).toThrow(expect.objectContaining({ code: UNKNOWN }))
    expect(() => it.events({ bufferSize: 0 })).toThrow(expect.objectContaining({ code: VALUE }))
    expect(() => it.events(5)).toThrow(expect.objectContaining({ code: TYPE }))
    expect(() => it.events({ buffersize: 5 })).toThrow(expect.objectContaining({ code: UNKNOWN }))
    expect(it.running).toBe(true)
  })
})

test("a reserve needs V8's callbacks", () => {
  const before = traces()
  expect(() => monitorOf({ source: 'perf_hooks', heapLimit: { reserve: '32mb' } }))
    .toThrow(expect.objectContaining({ code: 'ERR_HEAPWISE_UNSUPPORTED' }))
  expect(traces()).toEqual(before)
})

describe('which source', () => {
  test('auto is V8\'s callbacks where they work', () => {
    const monitor = monitorOf()
    expect([monitor.source, monitor.sourceReason]).toEqual(['v8', "V8's callbacks were seen to work"])
  })

  test('one that was asked for', () => {
    const monitor = monitorOf({ source: 'perf_hooks' })
    expect([monitor.source, monitor.sourceReason]).toEqual(['perf_hooks', "option 'source' says so"])
  })

  test('none before it has been started', () => {
    const monitor = monitorOf({ autostart: false })
    expect([monitor.source, monitor.sourceReason]).toEqual([null, null])
  })

  test.each([
    ["process.env.HEAPWISE_NO_V8 = '1'", 'HEAPWISE_NO_V8=1 is set'],
    ["Object.defineProperty(process.versions, 'bun', { value: '1.0.0' })", 'Bun has no callbacks for collections'],
    ['native.gcSupport = () => 2', "this build of Node does not export V8's callbacks for collections"],
    ['native.gcSupport = () => 1', "V8's heap statistics are not where they are expected"],
    ['native.gcSupport = undefined', 'the native addon has no recorder'],
    ['native.gcOpen = () => 0', 'no collection was seen when one was made to try it'],
    ['native.gcHeap = out => { out[0] = 5; out[4] = v8.getHeapStatistics().heap_size_limit }',
      /^the recorder reads 5 bytes in use, V8 says \d+$/],
    ['native.gcHeap = out => { out[0] = v8.getHeapStatistics().used_heap_size; out[4] = 7 }',
      /^the recorder reads a heap limit of 7 bytes, V8 says \d+$/]
  ])('%s: auto takes perf_hooks, v8 is refused', async (spoil, reason) => {
    const { stdout, stderr } = await run('auto', `
      const v8 = require('node:v8')
      const native = require('./lib/native.js')
      ${spoil}
      const monitor = new GcMonitor()
      let code
      try { new GcMonitor({ source: 'v8' }) } catch (error) { code = error.code }
      monitor.on('gc', () => {})
      churn(1)
      setTimeout(() => {
        console.log(JSON.stringify([monitor.source, monitor.sourceReason, code, monitor.stats().collections > 1]))
      }, 50)
    `)
    expect(stderr).toBe('')
    const [source, told, code, sees] = JSON.parse(stdout)
    expect([source, code, sees]).toEqual(['perf_hooks', 'ERR_HEAPWISE_UNSUPPORTED', true])
    if (typeof reason === 'string') expect(told).toBe(reason)
    else expect(told).toMatch(reason)
  })
})
