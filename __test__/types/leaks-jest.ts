// Type tests of leaks.compare and of heapwise/jest.

import { expect, test } from '@jest/globals'
import { leaks } from '../..'
import { matchers, toLeak } from '../../jest'
import type { CompareReport } from '../../jest'

test('the matcher', async () => {
  const done: Promise<void> = expect(() => 1).not.toLeak()
  await done
  await expect(async () => 1).not.toLeak({ repeat: 4, calls: 10, warmup: 0, threshold: '1kb', settle: 10 })
  await expect(() => 1).toLeak({ handles: false, sites: false, snapshot: 'auto', gc: () => {} })
  // @ts-expect-error: no such option
  await expect(() => 1).toLeak({ call: 1 })
  // @ts-expect-error: not a word that is known
  await expect(() => 1).toLeak({ snapshot: 'always' })
  expect.extend(matchers)
  const { pass, message } = await toLeak(() => 1)
  const both: [boolean, string] = [pass, message()]
  return void both
})

test('a comparison', async () => {
  const report: CompareReport = await leaks.compare(async () => 1, { repeat: 8 })
  const bytes: number = report.perCall.heap + report.perCall.arrayBuffers
  for (const { what, name, perCall } of report.grew) void [what, name?.length, perCall.toFixed()]
  for (const { place, stack, share } of report.sites) void [place.length, stack.length, share + bytes]
  // @ts-expect-error: a function is needed
  await leaks.compare()
  // @ts-expect-error: of no arguments
  await leaks.compare((a: number) => a)
})
