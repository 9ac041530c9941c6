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
  if (kind === 'variable' || kind === 'export') return name + stepsText(steps)
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

/** The declaration in the lines from `first` on: the next one, or, in a whole module, the outermost. */
const search = (lines, first, name, outermost) => {
  for (const pattern of patterns(name)) {
    let best
    for (let at = first; at < lines.length; at += 1) {
      const line = lines[at]
      if (!line.includes(name)) continue
      const found = pattern.exec(line)
      if (found === null) continue
      const column = found.index + found[0].indexOf(name)
      if (best === undefined || indentOf(line) < best.indent) best = { line: at + 1, column: column + 1, indent: indentOf(line) }
      if (!outermost || best.indent === 0) return best
    }
    if (best !== undefined) return best
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
  const { script, line, column, exact, kind, name } = holder
  if (typeof script !== 'string' || script === '') return undefined
  const file = pathOf(script)
  if (kind !== 'suspended' && !/^[{}\s]*$/.test(name)) {
    const source = readSource(file)
    const found = source === undefined ? undefined : search(source.split('\n'), exact ? line - 1 : 0, name, !exact)
    if (found !== undefined) return `${file}:${found.line}:${found.column}`
  }
  return line > 0 ? `${file}:${line}:${column}` : `${file}:1:1`
}

/** In which scope a variable is, in words. */
const scopeOf = holder => {
  const { kind, function: inside } = holder
  if (kind === 'global') return 'a global'
  if (kind === 'export') return 'exported by its module'
  if (kind === 'suspended') return `a variable of ${inside === '' ? 'a function' : `the function ${inside}`} that is waiting`
  if (kind !== 'variable') return undefined
  if (inside !== '') return `a variable of the function ${inside}`
  return holder.name === 'exports' || holder.name === 'module' ? 'exported by its module' : 'module scope'
}

module.exports = { nameOf, placeOf, scopeOf }
