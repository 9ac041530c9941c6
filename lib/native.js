'use strict'

const fs = require('node:fs')
const path = require('node:path')

const { addonFile, currentTarget, possibleTargets } = require('./native-target.js')

const folder = path.join(__dirname, 'native')

const inPackageManager = __dirname.split(path.sep).includes('node_modules')
const command = inPackageManager ? 'npm rebuild heapwise' : 'npm run build'

function locate () {
  const present = possibleTargets().filter(target => fs.existsSync(path.join(folder, addonFile(target))))
  // One binary is the rule. Only a folder that was carried from glibc to musl or back holds two.
  const target = present.length === 1 ? present[0] : currentTarget()
  return path.join(folder, addonFile(target))
}

function missing (message, cause) {
  return Object.assign(new Error(message, cause && { cause }), { code: 'ERR_HEAPWISE_NATIVE_MISSING' })
}

function load () {
  const file = locate()
  if (!fs.existsSync(file)) {
    throw missing(`heapwise has no native addon for this machine: ${file} does not exist. To compile it: ${command}`)
  }
  try {
    return require(file)
  } catch (cause) {
    throw missing(`heapwise cannot load its native addon ${file}: ${cause.message}. To compile it for this machine: ` +
      command, cause)
  }
}

module.exports = load()
