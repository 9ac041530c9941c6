'use strict'

const { spawn } = require('node:child_process')

// Runs a script of the bench in a process of its own and returns what it printed as JSON. A process that dies
// (out of memory, a crash) is a result too: { failure }.
function child (script, task) {
  const flags = ['--max-old-space-size=' + (task.heapMb ?? 4096), ...(task.flags ?? [])]
  return new Promise((resolve, reject) => {
    const run = spawn(process.execPath, [...flags, script, JSON.stringify(task)], { stdio: ['ignore', 'pipe', 'pipe'] })
    let out = ''
    let err = ''
    run.stdout.setEncoding('utf8').on('data', (text) => { out += text })
    run.stderr.setEncoding('utf8').on('data', (text) => { err += text })
    run.on('error', reject)
    run.on('close', (code, signal) => {
      if (code === 0) resolve(JSON.parse(out))
      else resolve({ failure: reason(err, code, signal) })
    })
  })
}

// The line of an error's output that says what happened, without the stack.
function reason (err, code, signal) {
  const lines = err.split('\n').map((line) => line.trim()).filter(Boolean)
  const said = lines.find((line) => /^(FATAL ERROR|[A-Z]\w*Error\b.*:)/.test(line)) ?? lines[0]
  return [signal === null ? `exit code ${code}` : `killed by ${signal}`, said].filter(Boolean).join(', ')
}

// The other end: what a script does with its task.
function answer (work) {
  Promise.resolve(work(JSON.parse(process.argv[2]))).then(
    (result) => { process.stdout.write(JSON.stringify(result), () => process.exit(0)) },
    (error) => {
      console.error(error)
      process.exit(1)
    }
  )
}

module.exports = { child, answer }
