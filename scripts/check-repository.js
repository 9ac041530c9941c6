'use strict'

// What no tracked file may hold: a path of the machine it was written on, the host of a package registry (packages come
// from wherever a machine's own configuration says), unfinished work, or a test that does not run.

const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')

const root = path.join(__dirname, '..')

const anyOf = words => `(?:${words.join('|')})`
// Put together here, so that this file does not hold what it looks for.
const RULES = [
  {
    name: 'a path of one machine',
    pattern: new RegExp(`(?<![\\w.-])/${anyOf(['work/', 'farm/', 'root/', 'home/\\w', 'Users/\\w', 'tmp/\\w'])}`)
  },
  {
    name: 'a path outside the repository',
    pattern: new RegExp(`\\.\\./${anyOf(['shared', 'main'])}\\b`),
    // The script that runs on the build machine names the one folder it reads there.
    except: ['.ci/run']
  },
  {
    name: 'the host of a package registry',
    pattern: new RegExp(`${anyOf(['registry', 'index', 'static', 'proxy'])}\\.[\\w-]+\\.${anyOf(['org', 'io', 'com'])}\\b`),
    except: ['Cargo.lock']
  },
  {
    name: 'a resolved address in a lockfile',
    pattern: /^\s*"resolved": "https?:/
  },
  {
    name: 'unfinished work',
    pattern: new RegExp(`\\b${anyOf(['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X'])}\\b|\\b${anyOf(['todo', 'unimplemented'])}!\\(`)
  },
  {
    name: 'a test that does not run',
    pattern: new RegExp(`\\b${anyOf(['it', 'test', 'describe'])}\\.${anyOf(['skip', 'only', 'todo'])}\\(|#\\[ig` + 'nore')
  }
]

const BINARY = /\.(?:gz|png|node|wasm)$/

function trackedFiles () {
  const { status, stdout, stderr } = spawnSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8' })
  if (status !== 0) throw new Error(`git ls-files failed: ${stderr}`)
  return stdout.split('\0').filter(Boolean).filter(name => !BINARY.test(name) && fs.existsSync(path.join(root, name)))
}

function findings (name) {
  const rules = RULES.filter(rule => !rule.except?.includes(name))
  const lines = fs.readFileSync(path.join(root, name), 'utf8').split('\n')
  return lines.flatMap((line, i) => rules.filter(({ pattern }) => pattern.test(line))
    .map(rule => `${name}:${i + 1}: ${rule.name}: ${line.trim().slice(0, 100)}`))
}

const names = trackedFiles()
const found = names.flatMap(findings)
for (const finding of found) console.error(finding)
console.log(`check-repository: ${names.length} files, ${found.length} findings`)
if (found.length > 0) process.exitCode = 1
