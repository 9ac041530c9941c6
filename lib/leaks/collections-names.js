'use strict'

// The name and the place of what holds a collection, as somebody would write it.

const fs = require('node:fs')
const { fileURLToPath } = require('node:url')

const MOST_SOURCE = 8 * 1024 * 1024
const MOST_STEPS = 4

const IDENTIFIER = /^#?[\p{L}\p{Nl}$_][\p{L}\p{Nl}\p{Mn}\p{Nd}$_]*$/u

const stepText = ({ via, name }) => {
  if (via === 'property') return IDENTIFIER.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`
  return via === 'inner' ? '.…' : '[…]'
}

const stepsText = steps => {
  const last = steps.slice(-MOST_STEPS)
  return (last.length < steps.length ? '.…' : '') + last.map(stepText).join('')
}

/** A name such as `registry.byId`, or undefined if nothing has one. */
const nameOf = ({ kind, name, steps }) => {
  if (kind === 'variable' || kind === 'export' || kind === 'function') return name + stepsText(steps)
  if (kind === 'global') return `global.${name}${stepsText(steps)}`
  const own = steps.slice(-2)
  if (kind === 'suspended') return steps.length === 0 ? undefined : `(variable)${stepsText(own)}`
  return own.some(({ via }) => via === 'property') ? `(${own[0].class})${stepsText(own)}` : undefined
}

// ---- places

const pathOf = script => {
  try {
    return script.startsWith('file:') ? fileURLToPath(script) : script
  } catch {
    return script
  }
}

const readSource = file => {
  try {
    const { size } = fs.statSync(file)
    return size > MOST_SOURCE ? undefined : fs.readFileSync(file, 'utf8')
  } catch {
    // It is not on the disk, or nobody may read it.
    return undefined
  }
}

const escape = name => name.replace(/[$\\]/g, '\\$&')

/** How a variable is declared, the surest first. */
const patterns = name => {
  const word = `(?<![\\w$.])${escape(name)}(?![\\w$])`
  return [
    new RegExp(`\\b(?:const|let|var|class|function\\*?)\\s+${word}`),
    new RegExp(`\\b(?:const|let|var)\\s*[{[][^}\\]=;]{0,400}?${word}`),
    new RegExp(`(?:^|,)\\s*${word}\\s*=[^=]`)
  ]
}

const indentOf = line => line.length - line.trimStart().length

/** All places in `lines` that `pattern` finds, where `name` is. */
const findAll = (lines, pattern, name) => {
  const found = []
  lines.forEach((line, at) => {
    const match = line.includes(name) ? pattern.exec(line) : null
    if (match === null) return
    found.push({ line: at + 1, column: match.index + match[0].lastIndexOf(name) + 1, indent: indentOf(line) })
  })
  return found
}

/** Which of several variables of a name it is: the module's is outermost, a function's follows the function's head. */
const choose = (found, { kind, module: outermost, exact, line }) => {
  if (outermost) return found.reduce((best, each) => each.indent < best.indent ? each : best)
  if (kind === 'function') return found.findLast(each => each.line <= line)
  if (exact) return found.find(each => each.line >= line)
  // The line is that of a function further in: the variable is before it, mostly.
  return found.findLast(each => each.line <= line) ?? found[0]
}

/** Where a variable of a module or a function is declared, or a property of `exports` is set. */
const search = (lines, holder) => {
  const exported = holder.steps.find(({ via, name }) => via === 'property' && name !== 'exports')
  const isExport = holder.module && (holder.name === 'exports' || holder.name === 'module')
  const name = isExport ? exported?.name : holder.name
  if (name === undefined || name === '') return undefined
  const all = isExport ? [new RegExp(`exports\\.${escape(name)}\\s*=[^=]`), ...patterns(name)] : patterns(name)
  for (const pattern of all) {
    const found = findAll(lines, pattern, name)
    const chosen = found.length === 0 ? undefined : choose(found, holder)
    if (chosen !== undefined) return chosen
  }
  return undefined
}

/**
 * The place of a holder as 'file:line:column': where its variable is declared if the source is there, else the function
 * that has it. Undefined if there is none.
 *
 * @param {any} holder
 */
const placeOf = holder => {
  const { script, line, column, kind, module: own } = holder
  if (typeof script !== 'string' || script === '') return undefined
  const file = pathOf(script)
  const source = kind === 'suspended' ? undefined : readSource(file)
  const found = source === undefined ? undefined : search(source.split('\n'), holder)
  if (found !== undefined) return `${file}:${found.line}:${found.column}`
  // The line of a module's first function says nothing of the module's variable.
  return own || line === 0 ? `${file}:1:1` : `${file}:${line}:${column}`
}

/** In which scope a variable is, in words. */
const scopeOf = holder => {
  const { kind, function: inside, module: own } = holder
  const owner = inside === '' ? 'a function' : `the function ${inside}`
  if (kind === 'global') return 'a global'
  if (kind === 'export') return 'exported by its module'
  if (kind === 'function') return `a property of ${holder.name}`
  if (kind === 'suspended') return `a variable of ${owner}, which is waiting`
  if (kind !== 'variable') return undefined
  if (!own) return `a variable of ${owner}`
  return holder.name === 'exports' || holder.name === 'module' ? 'exported by its module' : 'module scope'
}

module.exports = { nameOf, placeOf, scopeOf }
