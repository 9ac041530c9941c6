// Types of leaks. Compiled by `npm run types`, never run.

import * as leaks from '../../lib/leaks.js'
import type { EventEmitter } from 'node:events'
import { expectTrue, expectType } from './expect.js'
import type { Equal } from './expect.js'

const watch = leaks.watch({
  timers: true,
  listeners: { minimum: 20, looks: 5 },
  globals: { ignore: ['__coverage__'] as const },
  collections: { maxHeap: '512mb' },
  buffers: { minimum: 1024, ratio: 8 },
  stacks: { samplingInterval: 65_536 },
  types: { auto: true },
  pools: false,
  interval: 10_000,
  onLeak (finding) {
    expectType<leaks.Finding>()(finding)
    expectType<leaks.LeakWatch>()(this)
  }
})
expectType<leaks.LeakWatch>()(watch)
const emitter: EventEmitter = watch
void emitter

watch.on('leak', finding => {
  expectType<leaks.Finding>()(finding)
  expectType<leaks.Growth | undefined>()(finding.growth)
  expectType<string | undefined>()(finding.place)
  expectType<string | symbol | undefined>()(finding.event)
  if (finding.kind === 'timer') expectType<'timer'>()(finding.kind)
})
expectType<Promise<leaks.Finding[]>>()(watch.look())
expectType<void>()(watch.stop())

const report = watch.report()
expectType<leaks.WatchReport>()(report)
expectType<number | undefined>()(report.cost.timers)
expectType<Error | undefined>()(report.failures.collections)
expectType<string | undefined>()(report.notes.types)
expectTrue<[
  Equal<leaks.Confidence, 'suspected' | 'likely' | 'certain'>,
  Equal<keyof leaks.WatchReport, 'findings' | 'looks' | 'since' | 'cost' | 'failures' | 'notes'>,
  Equal<keyof leaks.WatchOptions, leaks.Part | 'interval' | 'onLeak'>
]>()

{
  using scoped = leaks.watch({ globals: true })
  scoped.stop()
}

const compared = leaks.compare(async () => {}, { repeat: 8, threshold: '1kb' })
expectType<Promise<leaks.CompareReport>>()(compared)
void new leaks.LeakWatch({ timers: true })

// @ts-expect-error it takes options
leaks.watch()
// @ts-expect-error there is no such part
leaks.watch({ timer: true })
// @ts-expect-error a part is on or off
leaks.watch({ timers: 1 })
// @ts-expect-error options of another part
leaks.watch({ timers: { minimum: 3 } })
// @ts-expect-error a number of milliseconds
leaks.watch({ timers: true, interval: '30s' })
// @ts-expect-error a function of a finding
leaks.watch({ timers: true, onLeak: (name: string) => name })
// @ts-expect-error nothing else is told
watch.on('leaks', () => {})
// @ts-expect-error findings are not made by users
watch.emit('leak', 7)
