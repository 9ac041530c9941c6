'use strict'

// Runs the whole jest suite on each supported Node, with the one addon that is there: `npm run test:nodes`, or for some
// of them `npm run test:nodes -- 22 26`. What is not a number goes to jest.

const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')

const { MAJORS, installNodes } = require('./nodes.js')

const root = path.join(__dirname, '..')
const results = path.join(root, '.cache', 'jest')

function runSuite ({ major, binary, version }, jestArguments) {
  console.log(`\nNode ${version}`)
  const report = path.join(results, `node-${major}.json`)
  fs.rmSync(report, { force: true })
  const jest = path.join(root, 'node_modules', 'jest', 'bin', 'jest.js')
  // Tests that start `node` by name must get this one as well.
  const PATH = `${path.dirname(binary)}${path.delimiter}${process.env.PATH}`
  const { status } = spawnSync(binary, ['--expose-gc', jest, '--json', `--outputFile=${report}`, ...jestArguments], {
    cwd: root,
    env: { ...process.env, PATH },
    stdio: ['ignore', 'inherit', 'inherit']
  })
  if (!fs.existsSync(report)) return { version, passed: 0, failed: 0, ok: false }
  const { numPassedTests, numFailedTests } = JSON.parse(fs.readFileSync(report, 'utf8'))
  return { version, passed: numPassedTests, failed: numFailedTests, ok: status === 0 && numPassedTests > 0 }
}

function main (args) {
  const chosen = args.filter(arg => /^\d+$/.test(arg)).map(Number)
  const unknown = chosen.find(major => !MAJORS.includes(major))
  if (unknown) throw new Error(`Node ${unknown} is not one of ${MAJORS.join(', ')}`)
  const jestArguments = args.filter(arg => !/^\d+$/.test(arg))

  fs.mkdirSync(results, { recursive: true })
  const runs = installNodes(chosen.length > 0 ? chosen : MAJORS).map(node => runSuite(node, jestArguments))
  console.log()
  for (const { version, passed, failed, ok } of runs) {
    console.log(`Node ${version}: ${passed} passed, ${failed} failed${ok ? '' : ' (the run failed)'}`)
  }
  if (!runs.every(run => run.ok)) process.exitCode = 1
}

try {
  main(process.argv.slice(2))
} catch (error) {
  console.error(`test-nodes: ${error.message}`)
  process.exitCode = 1
}
