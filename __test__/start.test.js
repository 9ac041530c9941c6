'use strict'

// The demo of `npm start`, and the small examples. Nothing here looks at how fast they are.

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const zlib = require('node:zlib')
const { execFile, spawn } = require('node:child_process')

const demo = path.join(__dirname, '..', 'examples', 'http-cache')
const { readTrace } = require('../examples/http-cache/trace.js')
const { zipfWorkload } = require('../examples/http-cache/workload.js')
const { contenders } = require('../examples/http-cache/contenders.js')
const { prepareTable, cleanTables, Table, makeRow, titleOf, ROW_BYTES } = require('../examples/http-cache/source.js')
const { readOptions } = require('../examples/http-cache/options.js')
const { compareHits } = require('../examples/http-cache/run.js')
const { conclusion } = require('../examples/http-cache/report.js')
const { Child } = require('../examples/http-cache/child.js')

jest.setTimeout(60_000)

let folder
let files = 0

beforeAll(() => { folder = fs.mkdtempSync(path.join(os.tmpdir(), 'heapwise-start-')) })
afterAll(() => fs.rmSync(folder, { recursive: true }))

function write (content, extension = 'txt') {
  const file = path.join(folder, `file-${++files}.${extension}`)
  fs.writeFileSync(file, content)
  return file
}

/** The keys in the order asked for. */
async function requestsOf (content, options) {
  const { keys, order } = await readTrace(write(content), options)
  return Array.from(order, (id) => keys[id])
}

/** Runs the demo as a user would. */
function run (...args) {
  return new Promise((resolve) => {
    const argv = [path.join(demo, 'main.js'), '--dir', path.join(folder, 'cache'), ...args]
    execFile(process.execPath, argv, (error, stdout, stderr) => {
      resolve({ code: error ? error.code : 0, stdout, stderr })
    })
  })
}

describe('a trace', () => {
  test('has one key a line', async () => {
    await expect(requestsOf('a\nb\na\nc\n')).resolves.toEqual(['a', 'b', 'a', 'c'])
  })

  test('may lack the last line end', async () => {
    await expect(requestsOf('a\nb')).resolves.toEqual(['a', 'b'])
  })

  test('may have Windows or old Mac line ends, blank lines and a byte order mark', async () => {
    await expect(requestsOf('\ufeffa\r\n\r\nb\r\n  \r\nc\r\n')).resolves.toEqual(['a', 'b', 'c'])
    await expect(requestsOf('a\rb\r')).resolves.toEqual(['a', 'b'])
  })

  test('may have a second column, which is not used', async () => {
    await expect(requestsOf('a 68\nb\t7454\n  a   40773\n')).resolves.toEqual(['a', 'b', 'a'])
  })

  test('keeps each different key once', async () => {
    const { keys, order, cut } = await readTrace(write('x\ny\nx\nx\n'))
    expect({ keys, order: [...order], cut }).toEqual({ keys: ['x', 'y'], order: [0, 1, 0, 0], cut: false })
  })

  test('may be gzip, whatever its name, and of several members', async () => {
    const members = Buffer.concat([zlib.gzipSync('a 1\nb 2\n'), zlib.gzipSync('c 3\n')])
    await expect(requestsOf(members)).resolves.toEqual(['a', 'b', 'c'])
  })

  test('is read whole when it is longer than one read, with keys of any script', async () => {
    const expected = Array.from({ length: 50_000 }, (_, i) => `ключ-${i * 7919 % 5003}`)
    await expect(requestsOf(expected.join('\n'))).resolves.toEqual(expected)
    await expect(requestsOf(zlib.gzipSync(expected.join('\r\n')))).resolves.toEqual(expected)
  })

  test('is read as far as asked', async () => {
    const file = write('a\nb\nc\nd\n')
    await expect(readTrace(file, { maxRequests: 3 })).resolves.toMatchObject({ keys: ['a', 'b', 'c'], cut: true })
    await expect(readTrace(file, { maxRequests: 4 })).resolves.toMatchObject({ cut: false })
  })

  const gzip = zlib.gzipSync(Array.from({ length: 5000 }, (_, i) => `key-${i * i}`).join('\n'))
  const damaged = Buffer.from(gzip)
  damaged.fill(0x55, 2000, 2050)

  const bad = [
    ['no bytes', '', /is empty$/],
    ['gzip of no bytes', zlib.gzipSync(''), /is empty$/],
    ['only blank lines', '\n  \r\n\t\n', /has no keys, only blank lines$/],
    ['gzip cut short', gzip.subarray(0, gzip.length >> 1), /ends too early/],
    ['gzip cut within its head', gzip.subarray(0, 5), /ends too early/],
    ['damaged gzip', damaged, /damaged gzip/],
    ['bytes that are no text', Buffer.from([0x61, 0x0a, 0xff, 0xfe, 0x0a]), /is not text/],
    ['text cut within a character', Buffer.from('a\né').subarray(0, 3), /is not text/],
    ['text with zero bytes', 'a\n\0\0\n', /is not text/],
    ['gzip within gzip', zlib.gzipSync(gzip), /is not text/],
    ['a key too long for a URL', `a\n${'k'.repeat(1025)}\n`, /line 2 has a key of 1,025 characters; .* at most 1,024$/],
    ['a line without end', 'k'.repeat(1_000_000), /line 1 is longer than 65,536 characters$/]
  ]

  test.each(bad)('of %s is refused in one line', async (_, content, message) => {
    const error = await readTrace(write(content)).catch((reason) => reason)
    expect(error).toMatchObject({ name: 'UserError', message: expect.stringMatching(message) })
    expect(error.message).not.toContain('\n')
  })

  test('that is missing or a directory is refused', async () => {
    await expect(readTrace(path.join(folder, 'none'))).rejects.toThrow(/there is no trace file '.*none'/)
    await expect(readTrace(folder)).rejects.toThrow(/is a directory/)
  })

  test('stops being read when the demo is ended', async () => {
    const reason = new Error('enough')
    await expect(readTrace(write('a\n'), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  })
})

describe('the Zipf workload', () => {
  const options = { items: 1000, requests: 100_000, seed: 7 }

  test('is the same for the same seed', () => {
    // As text: jest compares typed arrays an element at a time.
    const order = (seed) => zipfWorkload({ ...options, seed }).order.join()
    expect(order(7)).toBe(order(7))
    expect(order(8)).not.toBe(order(7))
  })

  test('asks for a key in inverse proportion to its rank', () => {
    const { keys, order } = zipfWorkload(options)
    const counts = new Array(keys.length).fill(0)
    for (const id of order) counts[id]++
    const harmonic = counts.reduce((sum, _, i) => sum + 1 / (i + 1), 0)
    for (const rank of [1, 2, 3, 10, 30]) {
      const expected = options.requests / harmonic / rank
      expect(Math.abs(counts[rank - 1] - expected)).toBeLessThan(5 * Math.sqrt(expected))
    }
  })
})

describe('the contenders', () => {
  const find = (name) => contenders.find((contender) => contender.name === name)

  /** The service's way with a cache, without the service: hits at each request. */
  function replay (name, { keys, order }, max) {
    const cache = find(name).load({ max })
    const hits = []
    for (const id of order) {
      const hit = cache.get(keys[id]) !== undefined
      if (!hit) cache.set(keys[id], { page: keys[id] })
      hits.push(hit)
    }
    return { hits, entries: cache.size }
  }

  const workload = zipfWorkload({ items: 4000, requests: 30_000, seed: 3 })

  test.each([1, 2, 100, 1000, 4000])('the bounded ones hit at the same requests, max %i', (max) => {
    const expected = replay('lru-cache', workload, max)
    expect(replay('heapwise', workload, max)).toEqual(expected)
    // With a max below 2048 it is one shard, and so an exact LRU; at 4000 nothing is evicted.
    expect(replay('OffHeapCache', workload, max)).toEqual(expected)
  })

  test('OffHeapCache has room for max entries of the largest size', () => {
    const entry = { item: JSON.parse(makeRow(1)), page: '"'.repeat(3072) }
    const cache = find('OffHeapCache').load({ max: 10_000 })
    for (let i = 0; i < 10_000; i++) cache.set(`item-${i}`, entry)
    expect(cache.size).toBe(10_000)
    cache.close()
  })

  test('the Map misses each key once', () => {
    const { hits, entries } = replay('Map', workload, 100)
    expect(entries).toBe(new Set(workload.order).size)
    expect(hits.filter((hit) => !hit)).toHaveLength(entries)
  })

  test('hit ratios are compared over the requests that all have answered', () => {
    const results = [{ checkpoint: 10, checkpoints: [2, 9, 18] }, { checkpoint: 10, checkpoints: [1, 7] }]
    expect(compareHits(results)).toEqual({ requests: 20, ratios: [0.45, 0.35] })
    const [empty, ...others] = results.map((result, i) => ({ ...result, hitRatio: i / 4 }))
    expect(compareHits([{ ...empty, checkpoints: [] }, ...others])).toEqual({ requests: null, ratios: [0, 0.25] })
  })
})

describe('the source table', () => {
  const rows = 1024

  test('has fixed-size rows, the same each time', () => {
    for (let id = 0; id < 1000; id++) {
      const row = makeRow(id)
      expect(Buffer.byteLength(row)).toBe(ROW_BYTES)
      expect(JSON.parse(row).id).toBe(id)
    }
    expect(makeRow(17)).toBe(makeRow(17))
  })

  test('is generated once, reused when whole, and generated again when it is not', async () => {
    const place = path.join(folder, 'reuse')
    const first = await prepareTable({ folder: place, rows })
    expect(first).toMatchObject({ rows, bytes: rows * ROW_BYTES, reused: false })
    expect(fs.readdirSync(place)).toEqual([path.basename(first.file)])
    expect(await prepareTable({ folder: place, rows })).toEqual({ ...first, reused: true })

    fs.truncateSync(first.file, rows * ROW_BYTES - 1)
    expect(await prepareTable({ folder: place, rows })).toEqual(first)
    const handle = fs.openSync(first.file, 'r+')
    fs.writeSync(handle, Buffer.alloc(ROW_BYTES), 0, ROW_BYTES, 500 * ROW_BYTES)
    fs.closeSync(handle)
    expect(await prepareTable({ folder: place, rows })).toEqual(first)
    expect(await prepareTable({ folder: place, rows })).toEqual({ ...first, reused: true })
  })

  test('is smaller when the disk has no room, and refused when there is almost none', async () => {
    const place = path.join(folder, 'scarce')
    const freeBytes = async () => 64 * 1024 * 1024 + 3000 * ROW_BYTES
    await expect(prepareTable({ folder: place, rows: 8192, freeBytes })).resolves.toMatchObject({ rows: 2048 })
    await expect(prepareTable({ folder: place, rows: 8192, freeBytes }))
      .resolves.toMatchObject({ rows: 2048, reused: true })
    await expect(prepareTable({ folder: place, rows: 8192, freeBytes: async () => 1e6 }))
      .rejects.toThrow(/^there is no room for the source table in '.*scarce': 1 MB are free/)
  })

  test('leaves nothing half-written behind when it is ended, and --clean frees what there is', async () => {
    const place = path.join(folder, 'ended')
    const controller = new AbortController()
    const onProgress = () => controller.abort(new Error('enough'))
    await expect(prepareTable({ folder: place, rows: 8192, signal: controller.signal, onProgress }))
      .rejects.toThrow('enough')
    expect(fs.readdirSync(place)).toEqual([])

    await prepareTable({ folder: place, rows })
    fs.writeFileSync(path.join(place, 'other.txt'), 'not ours')
    await expect(cleanTables(place)).resolves.toBe(rows * ROW_BYTES)
    expect(fs.readdirSync(place)).toEqual(['other.txt'])
    await expect(cleanTables(path.join(place, 'none'))).resolves.toBe(0)
  })

  test('is refused in one line where it cannot be written', async () => {
    const below = path.join(write('a file'), 'below')
    await expect(prepareTable({ folder: below, rows })).rejects.toThrow(/can't be written/)
  })

  test('answers with a page of 1 to 4 KiB that names the key', async () => {
    const { file } = await prepareTable({ folder: path.join(folder, 'lookup'), rows })
    const table = new Table({ file, rows, delay: 0 })
    try {
      for (const key of ['item-1', '42', '<b>&"', 'ключ', '../../etc']) {
        const { item, page } = await table.lookup(key)
        expect(page).toContain(titleOf(key))
        expect(page).toContain(item.name)
        expect(Buffer.byteLength(page)).toBeGreaterThan(512)
        expect(Buffer.byteLength(page)).toBeLessThan(4096)
        expect(await table.lookup(key)).toEqual({ item, page })
      }
    } finally {
      table.close()
    }
    expect(titleOf('<b>')).not.toContain('<b>')
  })
})

describe('the conclusion', () => {
  const result = (name, bounded, entries, heapUsed, requestsPerSecond, comparedHitRatio) => ({
    name, bounded, entries, heapUsed, baseHeap: 0, requestsPerSecond, comparedHitRatio,
    seconds: 15, cpuMsPerRequest: 0.1, entriesAddedPerSecond: 10, gc: { ms: 5, worstMs: 1 }
  })
  const peer = result('lru-cache', true, 100, 2e7, 1000, 0.5)

  test('is told by the figures', () => {
    const map = result('Map', false, 1000, 8e7, 1000, 0.7)
    const subject = result('heapwise', true, 100, 2e7, 1020, 0.5)
    const text = conclusion([map, peer, subject], { max: 100 })
    expect(text).toContain('4.00 times the 20 MB of heapwise')
    expect(text).toContain('still adding 10 entries')
    expect(text).toContain('20.0 points more of hit ratio')
    expect(text).toContain('heapwise had the same hit ratio, used as much heap and 1.00 times its CPU time')
    expect(text).toContain('1.02 times its requests a second: differences under 10 % are noise')
  })

  test('says what is outside of the heap, where that was measured', () => {
    const subject = { ...result('heapwise', true, 100, 2e7, 1000, 0.5), baseHeap: 5e6 }
    const offHeap = { ...result('OffHeapCache', true, 90, 6e6, 900, 0.5), baseHeap: 5e6, cpuMsPerRequest: 0.15 }
    expect(conclusion([peer, subject], { max: 100 })).not.toContain('OffHeapCache')
    const text = conclusion([peer, subject, offHeap], { max: 100 })
    expect(text).toContain('OffHeapCache kept 90 entries outside of the heap, which grew by 1.0 MB (heapwise 15 MB)')
    expect(text).toContain('1.50 times its CPU time a request')
  })

  test('says so when heapwise does worse, or when the bound did not matter', () => {
    const map = result('Map', false, 90, 2e7, 1000, 0.7)
    const subject = result('heapwise', true, 90, 3e7, 500, 0.4)
    const text = conclusion([map, peer, subject], { max: 100 })
    expect(text).toContain('nothing had to be evicted')
    expect(text).toContain('a hit ratio of 40.0 % against 50.0 %')
    expect(text).toContain('1.50 times its heap and 1.00 times its CPU time a request')
    expect(text).toContain('0.50 times its requests a second: with the CPU time so close, that points to other work')
    expect(conclusion([peer, { ...subject, cpuMsPerRequest: 0.2 }], { max: 100 }))
      .toMatch(/2\.00 times its CPU time a request, and answered 0\.50 times its requests a second\.$/)
  })
})

describe('a process of the demo', () => {
  test.each([
    ['process.exit(3)', /^the helper died \(exit code 3\)$/],
    ['throw new Error("out of luck")', /^the helper died \(exit code 1: .*out of luck\)$/],
    ['process.kill(process.pid, "SIGKILL")', /^the helper died \(SIGKILL\)$/]
  ])('that dies by %s is told in one line', async (source, message) => {
    const child = new Child(write(source, 'js'), 'helper')
    await expect(child.ask({ type: 'x' }, 'y', 20_000)).rejects.toThrow(message)
    await child.stop()
  })

  test('that does not answer is given up', async () => {
    const child = new Child(write('setInterval(() => {}, 1000)', 'js'), 'helper')
    await expect(child.ask({ type: 'x' }, 'y', 50)).rejects.toThrow(/^the helper has not answered/)
    await child.stop()
  })

  test('whose handler throws is told in one line', async () => {
    const source = `require(${JSON.stringify(path.join(demo, 'child.js'))}).serve({
      x () { throw new Error('no such cache\\nand more') } })`
    const child = new Child(write(source, 'js'), 'helper')
    await expect(child.ask({ type: 'x' }, 'y', 20_000)).rejects.toThrow(/^the helper failed: no such cache$/)
    await child.stop()
  })
})

describe('the command line', () => {
  test.each([
    [['--speed'], /unknown option '--speed'/],
    [['extra'], /unexpected argument 'extra'/],
    [['--seconds'], /'--seconds <value>' argument missing/],
    [['--seconds', 'soon'], /--seconds takes a number from 0\.1 to 600, not 'soon'/],
    [['--seconds', ''], /--seconds takes a number/],
    [['--max', '0'], /--max takes a number from 1 to 10,000,000, not '0'/],
    [['--max', '1.5'], /--max takes a whole number/],
    [['--rows', '7'], /--rows takes a number from 1,024/]
  ])('%j is refused', (args, message) => {
    expect(() => readOptions(args)).toThrow(message)
  })

  test('a bad trace or option is one line on stderr and exit code 1', async () => {
    const none = path.join(folder, 'none')
    const runs = await Promise.all([
      run('--trace', write('')),
      run('--trace', write(zlib.gzipSync('a\nb\n').subarray(0, 15))),
      run('--trace', none),
      run('--trace', folder),
      run('--json', path.join(none, 'x.json')),
      run('--nonsense')
    ])
    for (const { code, stdout, stderr } of runs) {
      expect(code).toBe(1)
      expect(stdout).toBe('')
      expect(stderr).toMatch(/^heapwise demo: [^\n]+\n$/)
    }
  })

  test('--help lists the options', async () => {
    const { code, stdout } = await run('--help')
    expect(code).toBe(0)
    for (const option of ['trace', 'seconds', 'max', 'json', 'quick', 'clean']) expect(stdout).toContain(`--${option} `)
  })
})

describe('the demo', () => {
  const number = (text) => Number(text.replaceAll(',', ''))

  test('runs all contenders and ends with a table, figures and a conclusion', async () => {
    const json = path.join(folder, 'figures.json')
    const { code, stdout, stderr } = await run('--quick', '--seconds', '0.6', '--json', json)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })

    const lines = stdout.split('\n')
    for (const { name } of contenders) {
      const row = lines.find((line) => line.startsWith(`${name.padEnd(12)}  `) && line.includes('%'))
      const cells = row.trim().split(/\s{2,}/)
      expect(cells).toHaveLength(10)
      for (const cell of cells.slice(1)) expect(Number.isFinite(number(cell.split(' ')[0]))).toBe(true)
      expect(number(cells[1])).toBeGreaterThan(0)
    }

    const { max, contenders: results } = JSON.parse(fs.readFileSync(json, 'utf8'))
    expect(results.map(({ name }) => name)).toEqual(contenders.map(({ name }) => name))
    for (const result of results) {
      expect(result.hitRatio).toBeGreaterThan(0)
      expect(result.hitRatio).toBeLessThan(1)
      expect(result.latencyMs.p99).toBeGreaterThanOrEqual(result.latencyMs.p50)
      expect(result.heapUsed).toBeGreaterThan(0)
      expect(result.rss).toBeGreaterThan(result.heapUsed)
      // Thousands of pages of 2 KiB can't be made without a collection: none seen would be a broken observer.
      expect(result.gc.count).toBeGreaterThan(0)
      expect(result.gc.ms).toBeGreaterThanOrEqual(result.gc.worstMs)
      if (result.bounded) expect(result.entries).toBeLessThanOrEqual(max)
    }
    expect(lines.at(-3)).toMatch(/^Beside lru-cache, heapwise had /)
    expect(lines.at(-2)).toMatch(/^OffHeapCache kept [\d,]+ entries outside of the heap, which grew by /)
  })

  test('asks for the keys of a trace, once each, in order', async () => {
    const json = path.join(folder, 'trace.json')
    const lines = Array.from({ length: 120 }, (_, i) => `/../<key>?&%${i % 40}#ü 512`)
    const { code } = await run('--quick', '--trace', write(zlib.gzipSync(lines.join('\n'))), '--seconds', '20',
      '--max', '10', '--connections', '1', '--json', json)
    expect(code).toBe(0)
    const [map, ...bounded] = JSON.parse(fs.readFileSync(json, 'utf8')).contenders
    expect(map).toMatchObject({ requests: 120, hits: 80, entries: 40 })
    // Three rounds over 40 keys with room for 10: an exact LRU never hits.
    for (const result of bounded) expect(result).toMatchObject({ requests: 120, hits: 0, entries: 10 })
  })

  test('ends in order on an interrupt', async () => {
    const main = spawn(process.execPath, [path.join(demo, 'main.js'), '--dir', path.join(folder, 'cache'),
      '--rows', '1024', '--seconds', '30'])
    let output = ''
    main.stdout.on('data', (text) => {
      output += text
      if (output.includes('Map: keeps')) main.kill('SIGINT')
    })
    let errors = ''
    main.stderr.on('data', (text) => { errors += text })
    const code = await new Promise((resolve) => main.once('close', resolve))
    expect({ code, errors }).toEqual({ code: 130, errors: 'heapwise demo: stopped\n' })
  })
})

describe('the small examples', () => {
  const examples = path.join(demo, '..')
  const printed = {
    'bounded-map.js': ['true', "[ [ 'a', 1 ], [ 'c', 3 ] ]", 'false'],
    'byte-budget.js': ['60000', "[ 'large' ] 55000", 'false true'],
    'drop-in.js': ['dropped user 2 (evict)', 'dropped user 3 (delete)', '[ 4, 1 ]',
      '{ hits: 1, misses: 1, hitRatio: 0.5, evicted: 1 }', 'dropped user 1 (evict)', '1'],
    'metrics.js': ["{ 'get miss': 3, 'set add': 3, 'get hit': 2 }"],
    'stale-while-revalidate.js': ["[ 'tea: price 1', 'tea: price 1', 'tea: price 1' ]", '{ requests: 1 }',
      'tea: price 1', '{ requests: 2 }']
  }

  test('are all known here and in the list', () => {
    const names = fs.readdirSync(examples).filter((name) => name.endsWith('.js')).sort()
    expect(names).toEqual(Object.keys(printed))
    const list = fs.readFileSync(path.join(examples, 'README.md'), 'utf8')
    for (const name of names) expect(list).toContain(`node examples/${name}`)
  })

  test.each(Object.entries(printed))('%s prints what it says', async (name, lines) => {
    const output = await new Promise((resolve) => {
      execFile(process.execPath, [path.join(examples, name)], (error, stdout, stderr) => resolve(stdout + stderr))
    })
    expect(output.trimEnd().split('\n')).toEqual(lines)
  })
})
