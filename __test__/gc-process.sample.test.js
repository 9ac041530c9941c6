'use strict'

// Samples of the process: against what Node and the kernel's files say.

const fs = require('node:fs')
const os = require('node:os')

const { readSample, start, trim } = require('../lib/gc-monitor/process')
const native = require('../lib/native')
const { thrownBy, until } = require('./support/buffer-pool-tools')
const { runTask } = require('./support/gc-process')

const MB = 2 ** 20
const linux = process.platform === 'linux'

/** The numbers of a file with a name and a value a line. */
const fields = file => {
  const text = fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : ''
  const pairs = [...text.matchAll(/^(\w+):?\s+(\d+)( kB)?$/gm)]
  return Object.fromEntries(pairs.map(([, name, digits, unit]) => [name, Number(digits) * (unit ? 1024 : 1)]))
}

const near = (one, other, slack) => Math.abs(one - other) <= slack

/** Every number in it, with its path. */
const numbersOf = (value, path = '') => typeof value === 'object' && value !== null
  ? Object.entries(value).flatMap(([name, inner]) => numbersOf(inner, `${path}.${name}`))
  : [[path, value]]

describe('a sample', () => {
  test('has numbers, or null, and no others', () => {
    const sample = readSample()
    expect(Object.keys(sample)).toEqual([
      'time', 'hrtime', 'rss', 'anon', 'file', 'shmem', 'swap', 'peakRss', 'virtual', 'threads', 'descriptors',
      'faults', 'cpu', 'malloc', 'cgroup', 'host'
    ])
    const { allocator } = sample.malloc ?? {}
    for (const [path, value] of numbersOf(sample)) {
      if (value === allocator || value === null) continue
      expect([path, Number.isFinite(value) && value >= 0]).toEqual([path, true])
    }
  })

  test('knows when it was taken', () => {
    const before = [Date.now(), Number(process.hrtime.bigint())]
    const { time, hrtime } = readSample()
    const after = [Date.now(), Number(process.hrtime.bigint())]
    expect(time).toBeGreaterThanOrEqual(before[0] - 1)
    expect(time).toBeLessThanOrEqual(after[0] + 1)
    if (!linux) return
    expect(hrtime).toBeGreaterThanOrEqual(before[1])
    expect(hrtime).toBeLessThanOrEqual(after[1])
  })

  test('agrees with Node', async () => {
    await until(() => near(readSample().rss, process.memoryUsage.rss(), 2 * MB), 'the same RSS')
    await until(() => {
      const [{ cpu, faults, peakRss }, usage] = [readSample(), process.resourceUsage()]
      return near(cpu.user, usage.userCPUTime, 50_000) && near(cpu.system, usage.systemCPUTime, 50_000) &&
        near(faults.minor, usage.minorPageFault, 500) && near(faults.major, usage.majorPageFault, 10) &&
        (peakRss === null || near(peakRss, usage.maxRSS * 1024, 8 * MB))
    }, 'the same usage')
    expect(near(readSample().host.total, os.totalmem(), MB)).toBe(true)
  })

  test("agrees with the kernel's files", async () => {
    if (!linux) return expect(readSample().rss).toBeGreaterThan(0)
    await until(() => {
      const [sample, status] = [readSample(), fields('/proc/self/status')]
      return near(sample.rss, status.VmRSS, MB) && near(sample.anon, status.RssAnon, MB) &&
        near(sample.file, status.RssFile, MB) && near(sample.shmem, status.RssShmem, MB) &&
        near(sample.swap, status.VmSwap, MB) && near(sample.peakRss, status.VmHWM, MB) &&
        near(sample.virtual, status.VmSize, 32 * MB) && near(sample.threads, status.Threads, 1)
    }, 'the same status')
    await until(() => near(readSample().host.available, fields('/proc/meminfo').MemAvailable, 64 * MB),
      'the same memory available')
    const { descriptors } = readSample()
    // One more is open while the directory is read.
    if (descriptors !== null) expect(near(descriptors, fs.readdirSync('/proc/self/fd').length, 2)).toBe(true)
  })

  test('knows of the container what its files say', async () => {
    if (!linux) return expect(readSample().cgroup).toBeNull()
    const groups = fs.readFileSync('/proc/self/cgroup', 'utf8')
    const legacy = /^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:(.*)$/m.exec(groups)?.[1]
    const unified = /^0::(.*)$/m.exec(groups)?.[1]
    const places = [
      [2, `/sys/fs/cgroup${unified}`, 'memory.current', 'memory.max'],
      [1, `/sys/fs/cgroup/memory${legacy}`, 'memory.usage_in_bytes', 'memory.limit_in_bytes']
    ]
    const place = places.find(([, folder, usage]) => fs.existsSync(`${folder}/${usage}`))
    // Mounted elsewhere, or not at all.
    if (place === undefined) return
    const [version, folder, usage, limit] = place
    const read = file => Number(fs.readFileSync(`${folder}/${file}`, 'utf8'))
    expect(readSample().cgroup.version).toBe(version)
    await until(() => near(readSample().cgroup.current, read(usage), 64 * MB), 'the same usage')
    const { cgroup } = readSample()
    expect(cgroup.workingSet).toBeLessThanOrEqual(cgroup.current)
    // The lowest of all around it.
    if (read(limit) < os.totalmem()) expect(cgroup.limit).toBeLessThanOrEqual(read(limit))
    if (cgroup.limit !== null) expect(cgroup.limit).toBeLessThan(os.totalmem())
  })

  test('sees what is allocated, and that it is freed', async () => {
    const { before, during, after } = await runTask('allocates')
    expect(during.rss - before.rss).toBeGreaterThan(56 * MB)
    expect(during.faults.minor).toBeGreaterThan(before.faults.minor)
    if (before.peakRss !== null) expect(after.peakRss).toBeGreaterThanOrEqual(during.rss - 4 * MB)
    if (before.malloc?.allocator !== 'glibc') return
    expect(during.malloc.inUse - before.malloc.inUse).toBeGreaterThan(60 * MB)
    expect(during.malloc.mapped - before.malloc.mapped).toBeGreaterThan(60 * MB)
    expect(after.malloc.inUse - before.malloc.inUse).toBeLessThan(32 * MB)
  })

  test('counts the time that is spent', async () => {
    const { cpu } = readSample()
    await until(() => {
      for (let i = 0, x = 1; i < 1e6; i++) x = Math.sqrt(x + i)
      return readSample().cpu.user > cpu.user + 20_000
    }, 'CPU time')
  })
})

// What is freed stays with malloc: the answer to «RSS grows, the heap does not».
test('memory that is freed but held is told, and given back', async () => {
  const { full, dropped, trimmed, after } = await runTask('drops')
  if (dropped.malloc === null) return expect(trimmed).toBe('ERR_HEAPWISE_UNSUPPORTED')
  expect(full.malloc.inUse).toBeGreaterThan(160 * MB)
  expect(dropped.malloc.free).toBeGreaterThan(full.malloc.free + 100 * MB)
  expect(dropped.rss).toBeGreaterThan(full.rss - 60 * MB)
  expect(trimmed.freed).toBeGreaterThan(80 * MB)
  expect(trimmed.freed).toBe(trimmed.before - trimmed.after)
  expect(after.rss).toBeLessThan(dropped.rss - 80 * MB)
  if (linux) expect(after.anon).toBeLessThan(dropped.anon - 80 * MB)
})

test('trim says what it has given back, or that it cannot', () => {
  if (readSample().malloc === null) {
    expect(thrownBy(trim)).toMatchObject({ code: 'ERR_HEAPWISE_UNSUPPORTED' })
    return
  }
  const { before, after, freed } = trim()
  expect(freed).toBe(Math.max(0, before - after))
})

describe('bad arguments', () => {
  test.each([undefined, null, '1000', {}, NaN, Infinity, -Infinity, 0, -1, 9.9, 2 ** 31, 10n, Symbol('x')])(
    'start(%p)', interval => {
      const error = thrownBy(() => start(interval))
      const kind = typeof interval === 'number' ? 'VALUE' : 'TYPE'
      expect(error.code).toBe(`ERR_HEAPWISE_INVALID_ARG_${kind}`)
      expect(error).toBeInstanceOf(typeof interval === 'number' ? RangeError : TypeError)
      expect(error.message).toMatch(/^argument 'intervalMs' must be a number from 10 to 2147483647, got /)
    })

  // Nothing but the façade calls them; still, nothing may happen but an error.
  test('of the callbacks', () => {
    const { processDrain, processPeak, processSample, processStart, processStop } = native
    const width = new Float64Array(51)
    processSample(width)
    const odd = [
      () => processSample(), () => processSample(null), () => processSample(new Float64Array(50)),
      () => processSample(new Float64Array(52)), () => processSample(new Float32Array(51)), () => processSample([]),
      () => processStart(), () => processStart('10'), () => processStart(9), () => processStart(NaN),
      () => processStart(-1), () => processStart(Infinity), () => processStop(), () => processStop('x'),
      () => processDrain(), () => processDrain(0, width), () => processDrain(4_000_000_000, width),
      () => processDrain(NaN, width), () => processDrain(1), () => processDrain(1, new Uint8Array(8)),
      () => processPeak(), () => processPeak(0)
    ]
    for (const call of odd) {
      expect([call.toString(), thrownBy(call).code]).toEqual([call.toString(), 'ERR_HEAPWISE_INTERNAL'])
    }
    // Who is not there can be stopped.
    expect(processStop(123_456)).toBeUndefined()
    const user = processStart(10)
    expect(processDrain(user, new Float64Array(0))).toBe(0)
    expect(processDrain(user, new Float64Array(50))).toBe(0)
    processStop(user)
    expect(thrownBy(() => processDrain(user, width)).code).toBe('ERR_HEAPWISE_INTERNAL')
  })
})
