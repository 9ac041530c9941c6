'use strict'

/**
 * The demo of `npm start`: the same HTTP service, before the same slow source, under the same load, with one cache
 * after another. `npm start -- --help` lists the options; README.md beside this file explains what the figures mean.
 */

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { contenders } = require('./contenders')
const { UserError } = require('./errors')
const { readOptions, HELP } = require('./options')
const { Progress } = require('./progress')
const { table, notes, conclusion, count, percent, megabytes } = require('./report')
const { runContender, compareHits } = require('./run')
const { prepareTable, cleanTables, DELAY } = require('./source')
const { readTrace } = require('./trace')
const { zipfWorkload } = require('./workload')

/** More requests a second than the service can answer: the made-up workload must outlast the load. */
const REQUESTS_PER_SECOND = 40_000
const MAX_REQUESTS = 5_000_000
const DEFAULT_MAX = 10_000

async function main (args, progress, signal) {
  const options = readOptions(args)
  if (options.help) return progress.line(HELP.trimEnd())
  if (options.clean) return progress.line(`Freed ${megabytes(await cleanTables(options.folder))}.`)
  if (options.json) checkWritable(options.json)

  const workload = await prepareWorkload(options, progress, signal)
  contenders.forEach(checkLoads)
  const source = await prepareSource(options, progress, signal)
  const max = options.max ?? Math.min(DEFAULT_MAX, Math.ceil(workload.keys.length / 10))
  progress.line(`Load: ${options.connections} connections for ${options.seconds} s each, or until the workload ends; ` +
    'the same keys in the same order each time')
  progress.line(`Bounded caches keep ${count(max)} entries`)

  const results = []
  for (const contender of contenders) {
    progress.line(`${contender.name}: ${contender.about}`)
    const result = await runContender(contender, {
      ...options,
      workload,
      table: source,
      max,
      signal,
      onProgress: (sample) => progress.update(`${contender.name}: ${progressText(sample, options.seconds)}`)
    })
    progress.line(`${contender.name}: done, ${count(result.requests)} requests in ${result.seconds.toFixed(1)} s`)
    results.push(result)
  }

  const compared = compareHits(results)
  results.forEach((result, i) => { result.comparedHitRatio = compared.ratios[i] })
  const run = { max, comparedRequests: compared.requests }
  progress.line()
  progress.line(`Node ${process.version}, ${os.availableParallelism()} cores`)
  progress.line(table(results))
  progress.line()
  progress.line(notes(results, run))
  progress.line()
  progress.line(conclusion(results, run))
  if (options.json) writeJson(options, run, source, workload, results)
}

async function prepareWorkload ({ trace, seconds, rows, seed }, progress, signal) {
  if (trace !== undefined) {
    progress.update(`Reading the trace ${trace}`)
    const workload = await readTrace(trace, { maxRequests: MAX_REQUESTS, signal })
    progress.line(`Workload: the trace ${trace}, ${count(workload.order.length)} requests ` +
      `${workload.cut ? '(the file goes on) ' : ''}for ${count(workload.keys.length)} different keys`)
    return workload
  }
  const requests = Math.min(MAX_REQUESTS, Math.ceil(seconds * REQUESTS_PER_SECOND))
  const workload = zipfWorkload({ items: rows, requests, seed })
  progress.line(`Workload: ${count(rows)} keys drawn by Zipf's law (skew 1, seed ${seed}); ` +
    '--trace FILE for a real one')
  return workload
}

async function prepareSource ({ folder, rows }, progress, signal) {
  const source = await prepareTable({
    folder,
    rows,
    signal,
    onProgress: (done, of, what) => progress.update(`Source table: ${what}, ${percent(done / of, 0)}`)
  })
  const size = `${count(source.rows)} rows, ${megabytes(source.bytes)}`
  progress.line(`Source: a table on disk, ${size} (${source.reused ? 'of an earlier run' : 'generated'}), ` +
    `${DELAY} ms a lookup`)
  if (source.rows < rows) {
    progress.line(`Disk space is scarce: the table has ${count(source.rows)} rows instead of ${count(rows)}`)
  }
  return source
}

function progressText ({ seconds, requests, hits, entries, heapUsed, rss, before }, total) {
  const rate = before ? (requests - before.requests) / (seconds - before.seconds) : requests / seconds
  const hitRatio = requests > 0 ? hits / requests : 0
  return `${seconds.toFixed(0)}/${total} s, ${count(rate)} requests/s, ${percent(hitRatio, 0)} hits, ` +
    `${count(entries)} entries, heap ${megabytes(heapUsed)}, RSS ${megabytes(rss)}`
}

// Better to know before a minute of load than after it.

function checkLoads ({ name, load }) {
  try {
    load({ max: 1 })
  } catch (error) {
    throw new UserError(`${name} can't be loaded: ${error.message.split('\n')[0]}`)
  }
}

function checkWritable (file) {
  try {
    const exists = fs.existsSync(file)
    fs.accessSync(exists ? file : path.dirname(path.resolve(file)), fs.constants.W_OK)
    if (!exists || fs.statSync(file).isFile()) return
  } catch (error) {
    throw new UserError(`--json: '${file}' can't be written (${error.code})`)
  }
  throw new UserError(`--json: '${file}' is not a file`)
}

function writeJson (options, run, source, workload, results) {
  const { trace = null, seconds, connections } = options
  const { keys, order } = workload
  const seed = trace === null ? options.seed : null
  fs.writeFileSync(options.json, JSON.stringify({
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    cores: os.availableParallelism(),
    workload: { trace, seed, requests: order.length, keys: keys.length },
    source: { rows: source.rows, bytes: source.bytes, delayMs: DELAY },
    load: { seconds, connections },
    ...run,
    contenders: results.map(({ checkpoint, checkpoints, ...result }) => result)
  }, null, 2) + '\n')
}

/** Runs it, with Ctrl-C ending it in order: children gone, no half-written table. */
async function start () {
  const progress = new Progress(process.stdout)
  const controller = new AbortController()
  const signals = /** @type {const} */ ({ SIGINT: 130, SIGTERM: 143 })
  for (const [name, code] of Object.entries(signals)) {
    process.once(name, () => {
      process.exitCode = code
      controller.abort(new UserError('stopped'))
    })
  }
  // A reader that has seen enough (`| head`) ends it as well.
  process.stdout.on('error', () => controller.abort(new UserError('nobody reads the output any more')))
  try {
    await main(process.argv.slice(2), progress, controller.signal)
  } catch (error) {
    progress.clear()
    process.exitCode ||= 1
    console.error(error instanceof UserError ? `heapwise demo: ${error.message}` : error)
  }
}

start()
