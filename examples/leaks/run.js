'use strict'

// Runs one of the leaks under load, and prints what heapwise finds:
//
//     node examples/leaks/run.js growing-map
//     node examples/leaks/run.js growing-map --cured

const path = require('node:path')
const { fork } = require('node:child_process')
const { once } = require('node:events')
const { parseArgs } = require('node:util')

const catalogue = require('./catalogue.js')
const { clientOf } = require('./load.js')

/** heapwise looks so many times, each after the same number of requests. */
const LOOKS = 6

const usage = () => [
  'node examples/leaks/run.js <name> [--cured] [--requests N] [--parts a,b] [--json]', '',
  ...Object.entries(catalogue).map(([name, { about }]) => `  ${name.padEnd(24)} ${about}`)
].join('\n')

/** The next message of the process. It is an error if it ends instead. */
async function answerOf (child) {
  const ended = new AbortController()
  const { signal } = ended
  try {
    return await Promise.race([
      once(child, 'message', { signal }).then(([message]) => message),
      once(child, 'exit', { signal }).then(([code, by]) => { throw new Error(`the service ended: ${by ?? code}`) })
    ])
  } finally {
    ended.abort()
  }
}

async function run (name, { variant, requests, parts }) {
  const child = fork(path.join(__dirname, 'serve.js'), [name, variant, parts])
  try {
    const { port } = await answerOf(child)
    const client = clientOf(port, catalogue[name])
    for (let look = 0; look < LOOKS; look++) {
      await client.send(Math.ceil(requests / LOOKS))
      child.send('look')
      await answerOf(child)
    }
    child.send('end')
    const report = await answerOf(child)
    client.close()
    return report
  } finally {
    child.kill('SIGKILL')
  }
}

/** A report in words. */
function told ({ findings, failures, memory, gc }) {
  const mb = (bytes) => `${(bytes / 2 ** 20).toFixed(0)} MB`
  return [
    `rss ${mb(memory.rss)}, heap ${mb(memory.heapUsed)}, external ${mb(memory.external)}; ` +
      `${gc.collections} collections, ${(gc.gcTimeRatio * 100).toFixed(1)} % of the time`,
    ...findings.map(({ kind, confidence, message }) => `${kind} (${confidence}): ${message}`),
    ...Object.entries(failures).map(([part, message]) => `${part} could not look: ${message}`),
    ...findings.length === 0 ? ['nothing found'] : []
  ].join('\n')
}

async function main () {
  const { values, positionals: [name] } = parseArgs({
    allowPositionals: true,
    options: {
      cured: { type: 'boolean', default: false },
      requests: { type: 'string', default: '3000' },
      parts: { type: 'string', default: '' },
      json: { type: 'boolean', default: false }
    }
  })
  if (!Object.hasOwn(catalogue, name ?? '')) {
    console.log(usage())
    process.exitCode = name === undefined ? 0 : 1
    return
  }
  const { cured, parts } = values
  const report = await run(name, { variant: cured ? 'cured' : 'leaky', requests: Number(values.requests), parts })
  const text = told(report)
  console.log(values.json ? JSON.stringify({ ...report, text }) : text)
}

main()
