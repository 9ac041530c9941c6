'use strict'

// Holds the pages to what they say: every js block is run and its comments are checked, every ts block is compiled,
// every sh block names what exists, every link leads somewhere, every error code and member is written about.

const { execFile, spawnSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { promisify } = require('node:util')

const { BoundedMap, BufferPool, GcMonitor, LRUCache, OffHeapCache } = require('..')
const manifest = require('../package.json')
const {
  CHECKS, blocksOf, brokenLinks, countFences, headingsOf, pages, programOf, read, root, shellFaults
} = require('./support/markdown')

const run = promisify(execFile)

const PAGES = pages()
const BLOCKS = PAGES.flatMap(page => blocksOf(page))
const of = (...languages) => BLOCKS.filter(({ language }) => languages.includes(language))
const JS = of('js')
const TS = of('ts')
const SH = of('sh')
const SHOWN = of('text', 'json')

const exists = name => fs.existsSync(path.join(root, name))
const context = {
  exists, scripts: Object.keys(manifest.scripts), bins: fs.readdirSync(path.join(root, 'node_modules', '.bin'))
}

let folder

beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'heapwise-docs-'))
  fs.mkdirSync(path.join(folder, 'node_modules', '@types'), { recursive: true })
  fs.symlinkSync(root, path.join(folder, 'node_modules', 'heapwise'), 'dir')
  for (const name of ['lru-cache', '@types/node', 'undici-types']) {
    fs.symlinkSync(path.join(root, 'node_modules', name), path.join(folder, 'node_modules', name), 'dir')
  }
  fs.writeFileSync(path.join(folder, 'checks.cjs'), CHECKS)
})

afterAll(() => {
  fs.rmSync(folder, { recursive: true, force: true })
})

const nameOf = ({ page, line }) => `${page.replace(/\W+/g, '-')}-${line}`

async function execute (block) {
  const { extension, source, checks } = programOf(block)
  const file = path.join(folder, `${nameOf(block)}.${extension}`)
  fs.writeFileSync(file, source)
  const { stdout } = await run(process.execPath, [file], { cwd: folder, timeout: 30_000 })
  return { checks, checked: JSON.parse(/^checked: (.*)$/m.exec(stdout)[1]) }
}

describe('pages', () => {
  test.each(PAGES)('%s: each block has a language that is dealt with here', page => {
    const blocks = blocksOf(page)
    expect(blocks.filter(({ fenced }) => fenced).length).toBe(countFences(read(page)))
    const known = [...JS, ...TS, ...SH, ...SHOWN].filter(block => block.page === page)
    const unknown = blocks.filter(({ language }) => !['js', 'ts', 'sh', 'text', 'json'].includes(language))
    expect(unknown.map(({ line, language }) => `${page}:${line}: '${language}'`)).toEqual([])
    expect(known.length).toBe(blocks.length)
  })

  test('there is code to check', () => {
    expect(JS.length).toBeGreaterThan(20)
    expect(TS.length).toBeGreaterThan(0)
    expect(SH.length).toBeGreaterThan(0)
    expect(JS.flatMap(block => programOf(block).checks).length).toBeGreaterThan(60)
  })

  test('the pages that a reader expects are there', () => {
    expect(PAGES).toEqual(expect.arrayContaining([
      'README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md', 'docs/architecture.md', 'docs/errors.md',
      'docs/memory.md', 'docs/threads.md', 'docs/snapshot-format.md', 'docs/api/bounded-map.md',
      'docs/api/lru-cache.md', 'docs/api/off-heap-cache.md', 'docs/api/buffer-pool.md', 'docs/api/gc-monitor.md',
      'docs/leaks.md'
    ]))
  })

  test('links lead somewhere', () => {
    expect(PAGES.flatMap(page => brokenLinks(page))).toEqual([])
  })
})

describe('js blocks', () => {
  test.each(JS.map(block => [`${block.page}:${block.line}`, block]))('%s', async (_name, block) => {
    const { checks, checked } = await execute(block)
    expect(checked).toEqual(checks)
  })
})

test('ts blocks compile', () => {
  const { compilerOptions } = JSON.parse(read('tsconfig.json'))
  fs.writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: TS.map(block => {
    const name = `${nameOf(block)}.mts`
    fs.writeFileSync(path.join(folder, name), `export {};${'\n'.repeat(block.line - 1)}${block.code}\n`)
    return name
  }) }))
  const tsc = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', folder], { cwd: folder, encoding: 'utf8' })
  expect({ status, stdout }).toEqual({ status: 0, stdout: '' })
})

test('sh blocks name scripts, tools and files that exist', () => {
  expect(SH.flatMap(block => shellFaults(block, context))).toEqual([])
})

test('json blocks are JSON', () => {
  for (const { code } of of('json')) expect(() => JSON.parse(code)).not.toThrow()
})

describe('error codes', () => {
  const CODE = /ERR_HEAPWISE_[A-Z_]*[A-Z]/g
  const codesIn = text => [...new Set(text.match(CODE))].sort()
  const sourcesIn = (where, ending) => fs.readdirSync(path.join(root, where), { recursive: true })
    .filter(name => name.endsWith(ending)).map(name => fs.readFileSync(path.join(root, where, name), 'utf8')).join('\n')
  const used = codesIn(sourcesIn('lib', '.js') + sourcesIn('src', '.rs'))

  test('docs/errors.md has a section for each, and for no other', () => {
    expect(used.length).toBeGreaterThan(5)
    const sections = headingsOf(read('docs/errors.md')).flatMap(heading => heading.match(CODE) ?? [])
    expect(sections.sort()).toEqual(used)
  })

  test('the type HeapwiseErrorCode lists them', () => {
    expect(codesIn(read('index.d.ts'))).toEqual(used)
  })
})

describe.each([
  ['docs/api/lru-cache.md', LRUCache, new LRUCache({ max: 1 })],
  ['docs/api/bounded-map.md', BoundedMap, new BoundedMap(null, { max: 1 })],
  ['docs/api/off-heap-cache.md', OffHeapCache, new OffHeapCache({ maxBytes: 65536 })],
  ['docs/api/buffer-pool.md', BufferPool, new BufferPool()],
  ['docs/api/gc-monitor.md', GcMonitor, new GcMonitor({ autostart: false })]
])('%s', (name, Class, instance) => {
  const described = Object.getOwnPropertyDescriptors(Class.prototype)
  const members = Object.keys(described).filter(member => member !== 'constructor')

  test('writes about each method, as a call', () => {
    const methods = members.filter(member => typeof described[member].value === 'function')
    expect(methods.length).toBeGreaterThan(10)
    const page = read(name)
    expect(methods.filter(member => !page.includes(`\`${member}(`) && !page.includes(`.${member}(`))).toEqual([])
  })

  test('writes about each option and each getter', () => {
    // What an EventEmitter keeps is Node's.
    const own = Object.keys(instance).filter(key => !key.startsWith('_'))
    const told = [...own, ...members.filter(member => described[member].get !== undefined)]
    expect(told.length).toBeGreaterThan(2)
    const page = read(name)
    expect(told.filter(member => !page.includes(`\`${member}`) && !page.includes(`.${member}`))).toEqual([])
  })
})

test('docs/api/buffer-pool.md writes about each option and each number', () => {
  const page = read('docs/api/buffer-pool.md')
  const pool = new BufferPool({ secure: true })
  const stats = pool.stats()
  pool.close()
  const [, options] = /const KNOWN = \[([^\]]*)\]/.exec(read('lib/buffer-pool/options.js'))
  const { bytes, unpooled, dropped, secure, classes: [first] } = stats
  const numbers = [stats, bytes, unpooled, dropped, secure, first].flatMap(Object.keys)
  const told = [...options.match(/\w+/g), ...numbers]
  expect(told.length).toBeGreaterThan(50)
  expect(told.filter(name => !page.includes(`\`${name}`))).toEqual([])
})

describe('the checks themselves', () => {
  const block = code => ({ page: 'page.md', line: 2, language: 'js', code })
  const outcome = async code => {
    try {
      const { checks, checked } = await execute(block(code))
      return checked.join() === checks.join() ? 'right' : 'not reached'
    } catch (error) {
      return /AssertionError|line \d+/.test(error.stderr ?? error.message) ? 'wrong' : 'failed'
    }
  }

  test.each([
    ['1 + 1 // => 2', 'right'],
    ['1 + 1 // => 3', 'wrong'],
    ["'a' // => a", 'wrong'],
    ["const a = ['a', 1] // => [ 'a', 1 ]", 'right'],
    ["const a = ['a', 1] // => [ 'a', 2 ]", 'wrong'],
    ['await Promise.resolve(5) // => 5', 'right'],
    ['await Promise.resolve(5) // => 6', 'wrong'],
    ["console.log('a', 1) // => a 1", 'right'],
    ["console.log('a', 1) // => a 2", 'wrong'],
    ['const f = () => {\n  1 // => 1\n}', 'not reached'],
    ['throw new Error()', 'failed'],
    ['Promise.reject(new Error())', 'failed'],
    ['// => 1', 'wrong'],
    ["const { LRUCache } = require('heapwise')\nnew LRUCache({}) // throws ERR_HEAPWISE_INVALID_USE", 'right'],
    ["const { LRUCache } = require('heapwise')\nnew LRUCache({}) // throws ERR_HEAPWISE_INVALID_ARG_TYPE", 'wrong'],
    ["const { LRUCache } = require('heapwise')\nnew LRUCache({ max: 1 }) // throws ERR_HEAPWISE_INVALID_USE", 'wrong'],
    ["import { LRUCache } from 'heapwise'\nnew LRUCache({ max: 1 }).size // => 0", 'right'],
    ["import { LRUCache } from 'heapwise'\nnew LRUCache({ max: 1 }).size // => 1", 'wrong']
  ])('%j is %s', async (code, expected) => {
    expect(await outcome(code)).toBe(expected)
  })

  test('a block that does not end is an error, and each fence is counted', () => {
    const fence = '`'.repeat(3)
    expect(() => blocksOf('page.md', `${fence}js\n1`)).toThrow('page.md:1')
    const text = `${fence}js\n1\n${fence}\n\n- item\n\n  ${fence}sh\n  npm test\n  ${fence}\n`
    expect(countFences(text)).toBe(2)
    expect(blocksOf('page.md', text)).toEqual([
      { page: 'page.md', line: 2, language: 'js', code: '1', fenced: true },
      { page: 'page.md', line: 8, language: 'sh', code: 'npm test', fenced: true }
    ])
  })

  test('an indented block is commands, or a picture, or has to have a fence', () => {
    const shown = ['    npm test\n    A=1 npm start\n', '    a -> b\n\n    c -> d\nc\n', '    const a = 1\n']
    const text = ['a\n', shown[0], 'b\n', shown[1], shown[2], '- an item\n', '    more of it'].join('\n')
    expect(blocksOf('page.md', text).map(({ line, language, code }) => [line, language, code])).toEqual([
      [3, 'sh', 'npm test\nA=1 npm start'], [8, 'text', 'a -> b\n\nc -> d'], [13, 'code without a fence', 'const a = 1']
    ])
  })

  test.each([
    ['npm install && npm test', []],
    ['npm run nothing', ["page.md:2: no script 'nothing' in package.json"]],
    ['npm start -- --trace requests.gz # a comment', []],
    ['npm test -- lib/nowhere.js', ["page.md:2: no file 'lib/nowhere.js'"]],
    ['node nowhere.js', ["page.md:2: no file 'nowhere.js'"]],
    ['npx nothing', ["page.md:2: no tool 'nothing' among the dependencies"]],
    ['curl example.org', ["page.md:2: 'curl' is not a known command"]]
  ])('sh: %j', (code, faults) => {
    expect(shellFaults({ page: 'page.md', line: 2, code }, context)).toEqual(faults)
  })

  test('a link to nowhere is found', () => {
    const text = '# A page\n\n[a](#a-page) [b](#b) [c](SECURITY.md) [d](nowhere.md) [e](https://example.org/)'
    expect(brokenLinks('page.md', text)).toEqual(['page.md: #b', 'page.md: nowhere.md'])
  })
})
