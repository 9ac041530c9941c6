'use strict'

// The place in a user's code: whose frame it is, what a source map says of it, and that nobody's Error is disturbed.

const fs = require('node:fs')
const path = require('node:path')
const { spawnSync } = require('node:child_process')
const { pathToFileURL } = require('node:url')

const places = require('../lib/leaks/places')
const { LEAKS, ROOT, inFolder, lineOf, quoted, tell, write } = require('./support/leaks')

const PLACES = path.join(ROOT, 'lib', 'leaks', 'places.js')

const TYPESCRIPT = `interface Options {
  every: number
  name?: string
}

type Job = () => void

enum Kind { Slow, Quick }

export function begin (job: Job, options: Options = { every: 1000 }): NodeJS.Timeout {
  const kind: Kind = Kind.Slow
  return kind === Kind.Slow ? setInterval(job, options.every) : setInterval(job, 1) // here
}
`

/** Six looks, with five intervals made by `begin` before each. */
const looksAt = begin => `
const leaks = require(${quoted(LEAKS)})
const watch = leaks.watch({ timers: { intervals: 5 }, interval: 0 })
const { begin } = ${begin}
const main = async () => {
  for (let look = 0; look < 6; look += 1) {
    for (let i = 0; i < 5; i += 1) begin(() => {}).unref()
    await watch.look()
  }
  console.log(JSON.stringify(watch.report().findings.map(({ place }) => place)))
}
main()
`

const runTsc = (folder, options) => {
  const tsc = require.resolve('typescript/package.json').replace(/package\.json$/, 'bin/tsc')
  const types = path.join(ROOT, 'node_modules', '@types')
  const { status, stdout, stderr } = spawnSync(process.execPath, [
    tsc, '--target', 'es2022', '--module', 'commonjs', '--ignoreConfig', '--ignoreDeprecations', '6.0',
    '--outDir', 'dist', '--rootDir', 'src', '--types', 'node', '--typeRoots', types, ...options, 'src/begin.ts'
  ], { cwd: folder, encoding: 'utf8' })
  if (status !== 0) throw new Error(`tsc: ${stdout}${stderr}`)
}

// What tsc has written, by its options: it takes seconds.
const written = new Map()

const compile = (folder, ...options) => {
  const key = options.join()
  const dist = path.join(folder, 'dist')
  if (!written.has(key)) {
    runTsc(folder, options)
    written.set(key, fs.readdirSync(dist).map(name => [name, fs.readFileSync(path.join(dist, name), 'utf8')]))
  }
  write(dist, Object.fromEntries(written.get(key)))
}

const typescriptPlace = () => {
  const line = lineOf(TYPESCRIPT, '// here')
  return `${path.join('src', 'begin.ts')}:${line}:${TYPESCRIPT.split('\n')[line - 1].indexOf('setInterval') + 1}`
}

describe('source maps', () => {
  test.each([
    ['in the file', ['--inlineSourceMap'], []],
    ['beside the file', ['--sourceMap'], []],
    ['beside the file, with a root', ['--sourceMap', '--sourceRoot', '../src'], []],
    ['in the file, and Node reads it as well', ['--inlineSourceMap'], ['--enable-source-maps']],
    ['beside the file, and Node reads it as well', ['--sourceMap'], ['--enable-source-maps']]
  ])('TypeScript, map %s', (_, options, flags) => inFolder(folder => {
    write(folder, { 'src/begin.ts': TYPESCRIPT, 'main.js': looksAt("require('./dist/begin.js')") })
    compile(folder, ...options)
    // The line is another one in what runs.
    const compiled = fs.readFileSync(path.join(folder, 'dist', 'begin.js'), 'utf8')
    expect(lineOf(compiled, '// here')).not.toBe(lineOf(TYPESCRIPT, '// here'))
    expect(tell(folder, 'main.js', flags)).toEqual([typescriptPlace()])
  }))

  test('an index map', () => inFolder(folder => {
    write(folder, { 'src/begin.ts': TYPESCRIPT, 'main.js': looksAt("require('./dist/begin.js')") })
    compile(folder, '--sourceMap')
    const file = path.join(folder, 'dist', 'begin.js.map')
    const map = JSON.parse(fs.readFileSync(file, 'utf8'))
    fs.writeFileSync(file, `)]}'\n${quoted({ version: 3, sections: [{ offset: { line: 0, column: 0 }, map }] })}`)
    expect(tell(folder, 'main.js')).toEqual([typescriptPlace()])
  }))

  test.each([
    ['is missing', folder => fs.rmSync(path.join(folder, 'dist', 'begin.js.map'))],
    ['is no JSON', folder => fs.writeFileSync(path.join(folder, 'dist', 'begin.js.map'), '{')],
    ['is another thing', folder => fs.writeFileSync(path.join(folder, 'dist', 'begin.js.map'), '[1]')],
    ['is on another machine', folder => {
      const file = path.join(folder, 'dist', 'begin.js')
      fs.writeFileSync(file, fs.readFileSync(file, 'utf8').replace('=begin', '=https://maps.example/begin'))
    }]
  ])('a map that %s: the place is the one that runs', (_, spoil) => inFolder(folder => {
    write(folder, { 'src/begin.ts': TYPESCRIPT, 'main.js': looksAt("require('./dist/begin.js')") })
    compile(folder, '--sourceMap')
    spoil(folder)
    const compiled = fs.readFileSync(path.join(folder, 'dist', 'begin.js'), 'utf8')
    const [place] = tell(folder, 'main.js')
    expect(place).toMatch(`${path.join('dist', 'begin.js')}:${lineOf(compiled, '// here')}:`)
  }))

  test('a source of a bundler stays as it is called', () => inFolder(folder => {
    write(folder, { 'src/begin.ts': TYPESCRIPT, 'main.js': looksAt("require('./dist/begin.js')") })
    compile(folder, '--sourceMap')
    const file = path.join(folder, 'dist', 'begin.js.map')
    const map = JSON.parse(fs.readFileSync(file, 'utf8'))
    fs.writeFileSync(file, quoted({ ...map, sources: ['webpack://app/./src/begin.ts'] }))
    const [place] = tell(folder, 'main.js')
    expect(place).toBe(`webpack://app/src/begin.ts:${lineOf(TYPESCRIPT, '// here')}:31`)
  }))
})

describe('whose frame it is', () => {
  const callThrough = `exports.call = fn => {
  return fn() // library
}
`
  test('a user who calls a library that calls', () => inFolder(folder => {
    const main = `const places = require(${quoted(PLACES)})
const { call } = require('library')
function probe () { return places.capture(probe) }
const user = () => call(call.bind(undefined, probe)) // user
console.log(JSON.stringify(places.resolve(user())))
`
    write(folder, { 'main.js': main, 'node_modules/library/index.js': callThrough })
    expect(tell(folder, 'main.js')).toBe(`main.js:${lineOf(main, '// user')}:20`)
  }))

  test('a library that nobody has called', () => inFolder(folder => {
    const library = `const places = require(${quoted(PLACES)})
function probe () { return places.capture(probe) }
setTimeout(() => console.log(JSON.stringify(places.resolve(probe())))) // library
`
    write(folder, { 'main.js': "require('library')", 'node_modules/library/index.js': library })
    const file = path.join('node_modules', 'library', 'index.js')
    expect(tell(folder, 'main.js')).toBe(`${file}:3:${library.split('\n')[2].indexOf('probe') + 1}`)
  }))

  test('a user beyond many frames of a library', () => inFolder(folder => {
    const main = `const places = require(${quoted(PLACES)})
const { deep } = require('library')
function probe () { return places.capture(probe) }
console.log(JSON.stringify(places.resolve(deep(30, probe)))) // user
`
    const library = 'const deep = (n, fn) => n === 0 ? fn() : deep(n - 1, fn)\nexports.deep = deep\n'
    write(folder, { 'main.js': main, 'node_modules/library/index.js': library })
    expect(tell(folder, 'main.js')).toBe('main.js:4:43')
  }))

  test('a file that was imported', () => inFolder(folder => {
    write(folder, {
      'main.mjs': `import places from ${quoted(pathToFileURL(PLACES).href)}
function probe () { return places.capture(probe) }
console.log(JSON.stringify(places.resolve(probe())))
`
    })
    expect(tell(folder, 'main.mjs')).toBe('main.mjs:3:43')
  }))

  test('a program of one line', () => {
    const source = `const places = require(${quoted(PLACES)})
function probe () { return places.capture(probe) }
console.log(probe())`
    const { stdout } = spawnSync(process.execPath, ['-e', source], { encoding: 'utf8' })
    expect(stdout).toBe('[eval]:3:13\n')
  })

  test('code from a text has no file: who runs it is told', () => inFolder(folder => {
    write(folder, {
      'main.js': `const places = require(${quoted(PLACES)})
globalThis.probe = function probe () { return places.capture(probe) }
console.log(JSON.stringify(places.resolve(new Function('return probe()')())))
`
    })
    expect(tell(folder, 'main.js')).toMatch(/^main\.js:3:/)
  }))
})

describe('Error is as it was', () => {
  /** What is told with Error as `spoil` leaves it, and whether Error is as it left it. */
  const withError = (spoil, flags = []) => inFolder(folder => {
    write(folder, {
      'main.js': `const places = require(${quoted(PLACES)})
function probe () { return places.capture(probe) }
let calls = 0
${spoil}
const look = () => Object.getOwnPropertyDescriptors(Error)
const before = look()
const place = probe()
const after = look()
require('node:assert').deepStrictEqual(after, before)
const same = Object.keys(before).every(name => Object.is(before[name].value, after[name].value) &&
  Object.is(before[name].get, after[name].get))
process.stdout.write(JSON.stringify({ place: place && places.resolve(place), calls, same }))
`
    })
    return tell(folder, 'main.js', flags)
  })

  test.each([
    ['untouched', ''],
    ['a prepareStackTrace', 'Error.prepareStackTrace = () => { calls += 1; return "mine" }'],
    ['a prepareStackTrace that throws', 'Error.prepareStackTrace = () => { calls += 1; throw new Error("no") }'],
    ['none', 'delete Error.prepareStackTrace'],
    ['an accessor', `Object.defineProperty(Error, 'prepareStackTrace', { configurable: true,
      get () { calls += 1; return undefined }, set () { calls += 1 } })`],
    ['one that cannot be written', `Object.defineProperty(Error, 'prepareStackTrace', { configurable: true,
      writable: false, value: () => { calls += 1 } })`],
    ['no limit', 'delete Error.stackTraceLimit'],
    ['a limit of 0', 'Error.stackTraceLimit = 0'],
    ['a limit that is none', 'Error.stackTraceLimit = "many"'],
    ['no end', 'Error.stackTraceLimit = Infinity'],
    ['another captureStackTrace', 'Error.captureStackTrace = () => { calls += 1 }']
  ])('%s', async (_, spoil) => {
    expect(await withError(spoil)).toEqual({ place: expect.stringMatching(/^main\.js:\d+:15$/), calls: 0, same: true })
  })

  test('with Node\'s own source maps', async () => {
    expect(await withError('', ['--enable-source-maps']))
      .toEqual({ place: expect.stringMatching(/^main\.js:\d+:15$/), calls: 0, same: true })
  })

  test('an Error that is frozen: the place is known where Node can tell it, and nothing is thrown', async () => {
    const { place, calls, same } = await withError('Object.freeze(Error)')
    expect({ calls, same }).toEqual({ calls: 0, same: true })
    const known = require('node:util').getCallSites !== undefined
    expect(place).toEqual(known ? expect.stringMatching(/^main\.js:\d+:\d+$/) : undefined)
  })

  test('--frozen-intrinsics', async () => {
    const { calls, same } = await withError('', ['--frozen-intrinsics', '--no-warnings'])
    expect({ calls, same }).toEqual({ calls: 0, same: true })
  })
})

describe('places in texts', () => {
  test.each([
    ['at begin (/app/server.js:41:5)', '/app/server.js:41:5'],
    ['    at /app/server.js:41:5', '/app/server.js:41:5'],
    ['at async Promise.all (/app/a (b)/server.js:41:5)', '/app/a (b)/server.js:41:5'],
    ['at async /app/a (b)/server.js:41:5', '/app/a (b)/server.js:41:5'],
    ['at file:///app/server.mjs:4:1', 'file:///app/server.mjs:4:1'],
    ['Error: no frame', undefined]
  ])('%s', (text, place) => {
    expect(places.fromFrame(text)).toBe(place)
  })

  test('the first that is a user\'s', () => {
    const stack = [
      'Error: x', '    at node:events:1:1', '    at a (/app/node_modules/x/index.js:1:2)', '    at b (/app/own.js:3:4)'
    ]
    expect(places.fromStack(stack.join('\n'))).toBe('/app/own.js:3:4')
    expect(places.fromStack(stack.slice(0, 3).join('\n'))).toBe('/app/node_modules/x/index.js:1:2')
    expect(places.fromStack(undefined)).toBeUndefined()
  })
})
