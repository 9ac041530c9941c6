'use strict'

class UsageError extends Error {}

// Command line to words and options. `defaults` names the options: one whose default is a boolean takes no value.
function parseOptions (args, defaults, leastRounds) {
  const options = { ...defaults }
  const words = []
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]
    const name = arg.slice(2)
    if (!arg.startsWith('--')) words.push(...arg.toLowerCase().split(/\s+/).filter(Boolean))
    else if (!Object.hasOwn(defaults, name)) throw new UsageError(`unknown option ${arg}`)
    else if (typeof defaults[name] === 'boolean') options[name] = true
    else if (i + 1 < args.length) options[name] = args[++i]
    else throw new UsageError(`option ${arg} needs a value`)
  }
  if (options.rounds !== undefined) {
    options.rounds = Number(options.rounds)
    if (!Number.isInteger(options.rounds) || options.rounds < leastRounds) {
      throw new UsageError(`--rounds takes a whole number from ${leastRounds}`)
    }
  }
  if (!['cpu', 'wall'].includes(options.clock)) throw new UsageError("--clock takes 'cpu' or 'wall'")
  return { words, options }
}

// Takes the names of several words ('get hit') out of a command line's words, and returns those it found: the longest
// first, since one name may hold another.
function takePhrases (words, names) {
  const found = new Set()
  for (const name of [...names].sort((a, b) => b.length - a.length)) {
    const phrase = name.split(' ')
    for (let at = words.length - phrase.length; at >= 0; at--) {
      if (phrase.some((word, i) => words[at + i] !== word)) continue
      found.add(name)
      words.splice(at, phrase.length)
    }
  }
  return found
}

// Runs a command's main function. What the user can put right is a line or two, without a stack.
function command (main, usage) {
  main(process.argv.slice(2)).catch((error) => {
    if (error instanceof UsageError) console.error(`${error.message}\n\n${usage}`)
    else console.error(error.syscall ? error.message : error)
    process.exitCode = 1
  })
}

module.exports = { UsageError, command, parseOptions, takePhrases }
