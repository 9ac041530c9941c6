import { GcMonitor } from 'heapwise'
import { expectTrue, expectType, type Equal } from './expect.js'

const monitor = new GcMonitor()

// every option
const options: GcMonitor.Options = {
  interval: 1000,
  heapLimit: { warn: 0.8, critical: 0.9, reserve: '64mb', snapshot: { dir: '/tmp', max: 1, at: 'critical' } },
  rssLimit: { bytes: '1gb', warn: 0.5, critical: 0.6 },
  bufferSize: 1024,
  source: 'auto',
  window: 60,
  leaks: true,
  autostart: false
}
expectType<GcMonitor>()(new GcMonitor(options))
new GcMonitor({ heapLimit: 0.8, rssLimit: 1 << 30 })
new GcMonitor({ rssLimit: '512mb' })
new GcMonitor({ rssLimit: { share: 0.8 } })
new GcMonitor({ leaks: { timers: true } })
// @ts-expect-error a misspelt option
new GcMonitor({ intervall: 5 })
// @ts-expect-error no such source
new GcMonitor({ source: 'native' })
// @ts-expect-error a share is a number
new GcMonitor({ heapLimit: '80%' })
// @ts-expect-error a snapshot needs a folder
new GcMonitor({ heapLimit: { snapshot: { max: 1 } } })
// @ts-expect-error no such level
new GcMonitor({ heapLimit: { snapshot: { dir: '.', at: 'oom' } } })

// events
monitor.on('gc', event => {
  expectType<GcMonitor.GcEvent>()(event)
  expectType<GcMonitor.Kind>()(event.kind)
  expectType<number | null>()(event.used.before)
  expectType<number>()(event.duration)
  expectType<GcMonitor.Flag[]>()(event.flags)
  if (event.spaces !== undefined) expectType<string>()(event.spaces.map(({ name }) => name).join())
})
monitor.once('sample', ({ process: { rss, malloc, cgroup }, heap, late, eventLoop }) => {
  expectType<number | null>()(rss)
  expectType<GcMonitor.Malloc | null>()(malloc)
  expectType<GcMonitor.Cgroup | null>()(cgroup)
  expectType<boolean>()(late)
  if (heap !== null && eventLoop !== null) expectType<number>()(eventLoop.utilization + eventLoop.delay.p99)
})
monitor.addListener('leak', report => {
  const { what, verdict, confidence, slope, interval: [low, high], timeToLimit, message, evidence } = report
  expectType<GcMonitor.Subject>()(what)
  expectType<GcMonitor.Verdict>()(verdict)
  expectType<GcMonitor.Confidence>()(confidence)
  expectType<number>()(slope + low + high)
  expectType<number | null>()(timeToLimit)
  expectType<string>()(message + evidence.map(finding => finding.message))
})
monitor.prependListener('pressure', ({ level, reason }) => {
  expectType<'none' | 'warn' | 'critical'>()(level)
  expectType<string>()(reason)
})
monitor.on('heapLimit', ({ level, used, limit, ratio, floor, reserved, snapshot }) => {
  expectType<'warn' | 'critical'>()(level)
  expectType<number>()(used + limit + ratio)
  expectType<number | null>()(floor)
  expectType<boolean>()(reserved)
  if (snapshot !== undefined) expectType<string>()(typeof snapshot === 'string' ? snapshot : snapshot.refused)
})
monitor.off('rssLimit', ({ rss, limit, ratio }) => { expectType<number>()(rss + limit + ratio) })
// @ts-expect-error what it is told is an event
monitor.on('gc', (text: string) => text)

// what can be asked
const stats = monitor.stats()
expectType<GcMonitor.Stats>()(stats)
expectType<number>()(stats.byKind.scavenge.p99 + stats.byKind['mark-sweep-compact'].max)
expectType<number | null>()(stats.allocationRate)
expectType<GcMonitor.SeriesTrend>()(stats.liveHeap)
expectType<number | null>()(stats.liveHeap.floor)
expectType<GcMonitor.Source | null>()(monitor.source)
expectType<string | null>()(monitor.sourceReason)
expectType<boolean>()(monitor.running && monitor.closed)
expectType<GcMonitor.Snapshot>()(monitor.snapshot())
expectType<number>()(monitor.histogram().percentile(99))
expectType<GcMonitor.Histogram>()(monitor.histogram('scavenge'))
// @ts-expect-error no such kind
monitor.histogram('major')
expectType<number[]>()(monitor.workers().threads.map(({ threadId }) => threadId))
expectType<number>()(monitor.workers().ended.gcMs)
expectType<string>()(monitor.prometheus())
// @ts-expect-error it is read only
monitor.source = 'v8'

// what can be done
expectType<GcMonitor>()(monitor.start().stop())
expectType<GcMonitor.Collected>()(monitor.collect())
expectType<GcMonitor.Collected>()(monitor.collect({ type: 'minor' }))
// @ts-expect-error no such type
monitor.collect({ type: 'major' })
expectType<{ before: number, after: number, freed: number }>()(monitor.trim())
expectType<GcMonitor.Measured<number>>()(monitor.measure(() => 5))
expectType<Promise<GcMonitor.Measured<string>>>()(monitor.measure(async () => 'text'))
expectTrue<[
  Equal<ReturnType<GcMonitor['reset']>, void>, Equal<ReturnType<GcMonitor['close']>, void>
]>()

export async function iterate (): Promise<void> {
  for await (const event of monitor) expectType<GcMonitor.GcEvent>()(event)
  const stream = monitor.events({ bufferSize: 5 })
  for await (const { kind } of stream) expectType<GcMonitor.Kind>()(kind)
  expectType<number>()(stream.dropped)
  await stream.return()
  using disposed = new GcMonitor()
  expectType<GcMonitor>()(disposed)
}
