'use strict'

// Reads the project's Markdown pages and makes programs of the code in them, so that no example is wrong.
//
// In a js block
//   `expression // => value`   the expression is evaluated, and util.inspect shows it as `value`
//   `const name = … // => value`   the same for what is declared
//   `console.log(…) // => text`   prints this text
//   `expression // throws CODE`   throws (or, with await, rejects with) an error of that code
// and each of these must be reached when the block runs. An expression is on one line.

const fs = require('node:fs')
const path = require('node:path')

const root = path.join(__dirname, '..', '..')

function pagesIn (folder) {
  const home = path.join(root, folder)
  if (!fs.existsSync(home)) return []
  return fs.readdirSync(home, { recursive: true }).map(name => path.posix.join(folder, name.split(path.sep).join('/')))
    .filter(name => name.endsWith('.md')).sort()
}

const read = page => fs.readFileSync(path.join(root, page), 'utf8')

/**
 * The blocks of code of a page, fenced or indented. `line` is the number of the first line of code.
 *
 * @returns {{ page: string, line: number, language: string, code: string, fenced: boolean }[]}
 */
function blocksOf (page, text = read(page)) {
  const blocks = []
  // What is open: a fence, or an indented block, or nothing.
  let open
  let before = ''
  let inList = false
  const close = () => {
    const { line, lines, fenced, language } = open
    const code = lines.join('\n').trimEnd()
    blocks.push({ page, line, language: fenced ? language : languageOf(code), code, fenced })
    open = undefined
  }
  text.split('\n').forEach((line, index) => {
    const fence = /^( *)(`{3,}|~{3,})\s*(\S*)/.exec(line)
    if (open?.fenced) {
      if (fence !== null && fence[2].startsWith(open.marks) && fence[3] === '') close()
      else open.lines.push(line.slice(0, open.indent).trim() === '' ? line.slice(open.indent) : line)
    } else if (fence !== null) {
      if (open !== undefined) close()
      const [, indent, marks, language] = fence
      open = { line: index + 2, language, indent: indent.length, marks, lines: [], fenced: true }
    } else if (open !== undefined) {
      if (line === '' || line.startsWith('    ')) open.lines.push(line.slice(4))
      else close()
    } else if (line.startsWith('    ') && before === '' && !inList) {
      open = { line: index + 1, lines: [line.slice(4)], fenced: false }
    }
    if (/^\S/.test(line)) inList = /^(?:[-*+]|\d+\.) /.test(line)
    before = line
  })
  if (open?.fenced) throw new Error(`${page}:${open.line - 1}: a block that does not end`)
  if (open !== undefined) close()
  return blocks
}

// Commands and pictures may be indented. Code has to say what it is.
function languageOf (code) {
  const lines = code.split('\n').filter(line => line.trim() !== '')
  if (lines.every(line => line.split(/\s/).find(word => !/^[A-Z_]+=/.test(word)) in COMMANDS)) return 'sh'
  return /=>|\brequire\(|\b(?:const|import|await) /.test(code) ? 'code without a fence' : 'text'
}

/** How many lines of a page open a block, counted in another way than `blocksOf` does. */
const countFences = text => (text.match(/^ *(?:```|~~~)/gm) ?? []).length / 2

const CHECKED = /^(\s*)(\S.*?)\s*\/\/ => (.*)$/
const THROWS = /^(\s*)(\S.*?)\s*\/\/ throws (ERR_\w+)$/
const DECLARED = /^(?:const|let) (\w+) = /

function instrumentLine (original, number) {
  // A statement that starts with a bracket is guarded by a semicolon here; the checks have their own.
  const line = original.replace(/^(\s*);(?=[[(`])/, '$1')
  const thrown = THROWS.exec(line)
  if (thrown !== null) {
    const [, indent, statement, code] = thrown
    // `const x = …` would be no expression, and names nothing that comes to be.
    const expression = statement.replace(DECLARED, '')
    return /\bawait\b/.test(expression)
      ? `${indent}await docs.rejects(async () => (${expression}), ${JSON.stringify(code)}, ${number});`
      : `${indent}docs.throws(() => (${expression}), ${JSON.stringify(code)}, ${number});`
  }
  const checked = CHECKED.exec(line)
  if (checked === null) {
    if (/\/\/ ?(?:=>|throws )/.test(line)) throw new Error(`line ${number}: nothing that could be checked: ${line}`)
    return original
  }
  const [, indent, statement, text] = checked
  const expected = JSON.stringify(text.trim())
  if (statement.startsWith('console.log(')) return `${indent}docs.logs(${expected}, ${number})${statement.slice(11)};`
  const declared = DECLARED.exec(statement)
  if (declared !== null) return `${indent}${statement}; docs.is(${declared[1]}, ${expected}, ${number});`
  return `${indent};docs.is((${statement}), ${expected}, ${number});`
}

const isModule = code => /^\s*(?:import\b(?!\s*\()|export\b)/m.test(code)

/**
 * A program that runs the block and checks what its comments say. Its lines are numbered as they are on the page.
 *
 * @returns {{ extension: string, source: string, checks: number[] }}
 */
function programOf ({ line: first, code }) {
  const checks = []
  const lines = code.split('\n').map((line, index) => {
    const instrumented = instrumentLine(line, first + index)
    if (instrumented !== line) checks.push(first + index)
    return instrumented
  })
  const body = '\n'.repeat(first - 1) + lines.join('\n')
  if (isModule(code)) return { extension: 'mjs', source: `import docs from './checks.cjs'${body}\n`, checks }
  return {
    extension: 'cjs', source: `const docs = require('./checks.cjs'); (async () => {${body}\n})()\n`, checks
  }
}

/** The file `checks.cjs` beside the programs. At the end it prints the numbers of the lines that were checked. */
const CHECKS = `'use strict'
const assert = require('node:assert/strict')
const { format, inspect } = require('node:util')
const reached = new Set()
const passed = line => { reached.add(line) }
const equal = (actual, expected, line) => {
  assert.equal(actual, expected, \`line \${line}: expected \${expected}, got \${actual}\`)
  passed(line)
}
module.exports = {
  is: (value, expected, line) => equal(inspect(value, { breakLength: Infinity, compact: 3 }), expected, line),
  logs: (expected, line) => (...args) => equal(format(...args), expected, line),
  throws: (fn, code, line) => { assert.throws(fn, { code }, \`line \${line}\`); passed(line) },
  rejects: async (fn, code, line) => { await assert.rejects(fn, { code }, \`line \${line}\`); passed(line) }
}
process.on('exit', () => console.log('\\nchecked: ' + JSON.stringify([...reached].sort((a, b) => a - b))))
`

// A path in the repository, rather than one of the reader's.
const isOurs = (word, exists) => /^[\w.-]+\/[\w./-]*$/.test(word) && exists(word.split('/')[0])

// What a command may be, and what of it can be looked up.
const COMMANDS = {
  npm ([verb, ...rest], { scripts }) {
    if (['install', 'ci', 'pack', 'rebuild'].includes(verb)) return undefined
    const script = verb === 'run' ? rest.find(word => !word.startsWith('-')) : verb
    return scripts.includes(script) ? undefined : `no script '${script}' in package.json`
  },
  npx (words, { bins }) {
    const tool = words.find(word => !word.startsWith('-'))
    return bins.includes(tool) ? undefined : `no tool '${tool}' among the dependencies`
  },
  node (words, { exists }) {
    const file = words.find(word => !word.startsWith('-'))
    return file !== undefined && exists(file) ? undefined : `no file '${file}'`
  },
  bash: (words, { exists }) => exists(words[0] ?? '') ? undefined : `no file '${words[0]}'`,
  cargo: ([verb]) => ['build', 'test', 'fmt', 'clippy'].includes(verb) ? undefined : `cargo ${verb} is not used here`,
  git: ([verb]) => verb === 'clone' ? undefined : `git ${verb} is not for a reader`,
  cd: ([folder]) => folder === 'heapwise' ? undefined : `no folder '${folder}'`
}

/** What is wrong with a sh block, a line each. */
function shellFaults ({ page, line: first, code }, context) {
  return code.split('\n').flatMap((line, index) => {
    // A comment, and what of a synopsis is optional.
    const commands = line.replace(/(^|\s)#.*$/, '').replace(/\[[^\]]*\]/g, '').split(/&&|\||;/)
      .map(command => command.trim()).filter(Boolean)
    return commands.flatMap(command => {
      const words = command.split(/\s+/)
      while (/^[A-Z_]+=/.test(words[0])) words.shift()
      const [name, ...rest] = words
      const fault = name in COMMANDS ? COMMANDS[name](rest, context) : `'${name}' is not a known command`
      const lost = rest.filter(word => isOurs(word, context.exists) && !context.exists(word))
      return [...(fault === undefined ? [] : [fault]), ...lost.map(word => `no file '${word}'`)]
        .map(message => `${page}:${first + index}: ${message}`)
    })
  })
}

/** What a heading is called in a link: as GitHub does it. */
const anchorOf = heading => heading.replace(/`/g, '').replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').trim().toLowerCase()
  .replace(/[^\p{L}\p{N}\s_-]/gu, '').replace(/\s/g, '-')

const pages = () => [...fs.readdirSync(root).filter(name => name.endsWith('.md')),
  ...['docs', 'examples', 'bench'].flatMap(pagesIn)]

function withoutBlocks (text) {
  let inside = false
  return text.split('\n').filter(line => {
    if (/^ *(?:```|~~~)/.test(line)) {
      inside = !inside
      return false
    }
    return !inside
  }).join('\n')
}

const headingsOf = text => [...withoutBlocks(text).matchAll(/^#{1,6} +(.+)$/gm)].map(([, heading]) => heading)

/** The links of a page that lead nowhere in the repository. */
function brokenLinks (page, text = read(page)) {
  const prose = withoutBlocks(text).replace(/`[^`]*`/g, '')
  const links = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target)
  return links.filter(target => {
    if (/^[a-z]+:/.test(target)) return false
    const [file, anchor] = target.split('#')
    const at = file === '' ? page : path.posix.join(path.posix.dirname(page), file)
    if (file !== '' && !fs.existsSync(path.join(root, at))) return true
    if (anchor === undefined) return false
    const aimed = file === '' ? text : read(at)
    return !headingsOf(aimed).map(anchorOf).includes(anchor)
  }).map(target => `${page}: ${target}`)
}

module.exports = {
  CHECKS, blocksOf, brokenLinks, countFences, headingsOf, pages, programOf, read, root, shellFaults
}
