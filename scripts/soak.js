'use strict'

// Runs the random tests many times longer than `npm test` does, and terminates thousands of workers that share an
// OffHeapCache or have pools: `npm run test:soak`, or with a number of runs of one's own
// `npm run test:soak -- 1000000`. The number of terminations is HEAPWISE_TERMINATIONS. Then it uses buffer pools for
// HEAPWISE_SOAK_MINUTES, and fails if memory or handles grow; 0 leaves that out. With HEAPWISE_SEED it repeats a soak
// that failed.

const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')

const DEFAULT_RUNS = '100000'
const DEFAULT_TERMINATIONS = '2000'
const DEFAULT_MINUTES = '30'
const DEFAULT_OPERATIONS = '1000000'

const root = path.join(__dirname, '..')
const tests = path.join(root, '__test__')

const [runs = process.env.HEAPWISE_RUNS ?? DEFAULT_RUNS] = process.argv.slice(2)
if (!/^[1-9]\d*$/.test(runs)) {
  console.error(`soak: the number of runs must be a positive integer, not ${runs}`)
  process.exit(1)
}

const { HEAPWISE_SOAK_MINUTES: minutes = DEFAULT_MINUTES, HEAPWISE_SEED: seed = Date.now() >>> 0 } = process.env
if (!/^\d+(\.\d+)?$/.test(minutes)) {
  console.error(`soak: HEAPWISE_SOAK_MINUTES must be a number of minutes, not ${minutes}`)
  process.exit(1)
}

// The random tests are those that take the number of their runs, terminations or operations from there.
const files = fs.readdirSync(tests).filter(name => name.endsWith('.test.js'))
  .filter(name => {
    const text = fs.readFileSync(path.join(tests, name), 'utf8')
    return /support\/settings|HEAPWISE_TERMINATIONS|HEAPWISE_POOL_OPERATIONS/.test(text)
  })

const jest = path.join(root, 'node_modules', 'jest', 'bin', 'jest.js')
const run = (...args) => spawnSync(process.execPath, ['--expose-gc', ...args.map(String)], {
  cwd: root,
  stdio: 'inherit',
  env: {
    HEAPWISE_TERMINATIONS: DEFAULT_TERMINATIONS,
    HEAPWISE_POOL_OPERATIONS: DEFAULT_OPERATIONS,
    ...process.env,
    HEAPWISE_RUNS: runs
  }
}).status ?? 1

const random = run(jest, '--runTestsByPath', ...files.map(name => path.join(tests, name)))
const pools = Number(minutes) === 0 ? 0 : run(path.join(tests, 'fixtures', 'buffer-pool-soak.js'), minutes, seed)
process.exitCode = random || pools
