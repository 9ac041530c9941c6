'use strict'

// What a watch of collections does to the process: files, options, refusals, exits, threads.

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const leaks = require('../lib/leaks')
const { lookNow } = require('../lib/leaks/snapshots')
const { makeFolder, removeAll, runIn } = require('./support/heap-process')

const LEAKS = JSON.stringify(path.join(__dirname, '..', 'lib', 'leaks'))

afterEach(() => {
  jest.restoreAllMocks()
  removeAll()
})

const MAX = 2 ** 40

/** The files that are in a folder, or were and are still open. */
const openIn = dir => {
  if (process.platform !== 'linux') {
    const all = fs.readdirSync(dir, { recursive: true }).map(name => fs.statSync(path.join(dir, name)))
    return all.filter(each => each.isFile())
  }
  return fs.readdirSync('/proc/self/fd').flatMap(fd => {
    try {
      const name = `/proc/self/fd/${fd}`
      return fs.readlinkSync(name).startsWith(dir) ? [fs.statSync(name)] : []
    } catch {
      // The one of the list itself.
      return []
    }
  })
}

describe('files', () => {
  test('a snapshot is for its owner only, and goes when it is analysed', async () => {
    const dir = makeFolder()
    const looking = lookNow({ maxHeap: MAX, dir })
    const files = openIn(dir)
    // The one who analyses it has it open, too.
    expect([...new Set(files.map(({ mode }) => mode & 0o777))]).toEqual([0o600])
    expect(files[0].size).toBeGreaterThan(1e6)
    // On Linux it has no name.
    expect(fs.readdirSync(dir).length).toBe(process.platform === 'linux' ? 0 : 1)
    const { snapshots: [{ nodes }], growers, pauseMs } = await looking
    expect(nodes).toBeGreaterThan(10_000)
    expect(growers).toEqual([])
    expect(pauseMs).toBeGreaterThan(0)
    expect(fs.readdirSync(dir)).toEqual([])
  })

  test('if no file can be made there, nothing is left', async () => {
    const dir = makeFolder()
    jest.spyOn(fs, 'openSync').mockImplementation(() => { throw new Error('EMFILE') })
    await expect(lookNow({ maxHeap: MAX, dir })).rejects.toThrow('EMFILE')
    expect(fs.readdirSync(dir)).toEqual([])
  })

  test('it goes when the process ends meanwhile, which changes nothing of its end', async () => {
    const { code, stdout, stderr, left } = await runIn(`
      const { watch } = require(${LEAKS})
      watch({ collections: true, interval: 0 }).look()
      setTimeout(() => { process.stdout.write('ends'); process.exit(7) }, 0)
    `)
    expect({ code, stdout, stderr, left }).toEqual({ code: 7, stdout: 'ends', stderr: '', left: [] })
  }, 60_000)
})

describe('refusals', () => {
  const refusal = async options => {
    const dir = makeFolder()
    const thrown = await lookNow({ maxHeap: MAX, dir, ...options }).catch(error => error)
    expect(thrown).toMatchObject({ code: 'ERR_HEAPWISE_REFUSED' })
    expect(fs.readdirSync(dir)).toEqual([])
    return thrown.message
  }

  test('a heap that is too large', async () => {
    expect(await refusal({ maxHeap: 1024 })).toMatch(/the heap uses [\d.]+ MB, more than 'maxHeap' of 1\.0 KB$/)
  })

  test('too little memory', async () => {
    if (process.availableMemory) jest.spyOn(process, 'availableMemory').mockReturnValue(2 ** 20)
    else jest.spyOn(os, 'freemem').mockReturnValue(2 ** 20)
    expect(await refusal({})).toMatch(/may need [\d.]+ [MG]B of memory, and 1\.0 MB are available$/)
  })

  test('too little room on the disk', async () => {
    jest.spyOn(fs, 'statfsSync').mockReturnValue({ bavail: 256, bsize: 4096 })
    expect(await refusal({})).toMatch(/may need [\d.]+ [MG]B in .*, and 1\.0 MB are free$/)
  })

  test('a folder that is not there', async () => {
    const dir = path.join(makeFolder(), 'none')
    await expect(lookNow({ maxHeap: MAX, dir })).rejects.toMatchObject({ code: 'ENOENT' })
  })
})

describe('options', () => {
  test.each([
    [{ collections: { minimum: 0 } }, 'ERR_HEAPWISE_INVALID_ARG_VALUE', /option 'collections\.minimum' must be/],
    [{ collections: { minimum: '1' } }, 'ERR_HEAPWISE_INVALID_ARG_TYPE', /option 'collections\.minimum' must be/],
    [{ collections: { looks: 2 } }, 'ERR_HEAPWISE_INVALID_ARG_VALUE', /option 'collections\.looks' must be/],
    [{ collections: { share: -1 } }, 'ERR_HEAPWISE_INVALID_ARG_VALUE', /option 'collections\.share' must be/],
    [{ collections: { maxHeap: 'much' } }, 'ERR_HEAPWISE_INVALID_ARG_VALUE', /option 'collections\.maxHeap' must be/],
    [{ collections: { minimal: 3 } }, 'ERR_HEAPWISE_UNKNOWN_OPTION', /did you mean 'minimum'/],
    [{ buffers: { minimum: 0 } }, 'ERR_HEAPWISE_INVALID_ARG_VALUE', /option 'buffers\.minimum' must be/],
    [{ buffers: { ratio: 0.5 } }, 'ERR_HEAPWISE_INVALID_ARG_VALUE', /option 'buffers\.ratio' must be/],
    [{ buffers: { looks: NaN } }, 'ERR_HEAPWISE_INVALID_ARG_VALUE', /option 'buffers\.looks' must be/],
    [{ buffers: { share: Infinity } }, 'ERR_HEAPWISE_INVALID_ARG_VALUE', /option 'buffers\.share' must be/],
    [{ buffers: { maxheap: 1 } }, 'ERR_HEAPWISE_UNKNOWN_OPTION', /did you mean 'maxHeap'/]
  ])('%j', (options, code, message) => {
    const start = () => leaks.watch({ interval: 0, ...options })
    expect(start).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }))
  })
})

describe('processes', () => {
  const GROW = `
    const held = new Map()
    const more = []
    let n = 0
    const grow = () => { for (let i = 0; i < 300; i++) { held.set('key' + n++, {}); more.push({}) } }
    globalThis.keep = () => [held, more]
  `

  test('a watch keeps no process alive', async () => {
    const { code, stderr, left } = await runIn(`
      require(${LEAKS}).watch({ collections: true, buffers: true, interval: 30 })
      setTimeout(() => {}, 200)
    `)
    expect({ code, stderr, left }).toEqual({ code: 0, stderr: '', left: [] })
  }, 60_000)

  test('who waits for a look gets it', async () => {
    const { code, stdout } = await runIn(`
      import(${JSON.stringify(require.resolve('../lib/leaks'))}).then(async ({ default: { watch } }) => {
        const watching = watch({ collections: true, interval: 1e9 })
        console.log(JSON.stringify(await watching.look()))
      })
    `)
    expect({ code, stdout }).toEqual({ code: 0, stdout: '[]\n' })
  }, 60_000)

  test('a session of the inspector that ends makes nobody a leak, nor hides one for long', async () => {
    const { stdout, stderr } = await runIn(`${GROW}
      const { watch } = require(${LEAKS})
      const { Session } = require('inspector')
      const watching = watch({ collections: true, interval: 0 })
      const names = []
      const main = async () => {
        for (let look = 0; look < 6; look++) {
          grow()
          names.push((await watching.look()).map(({ name }) => name).sort().join())
          if (look !== 1) continue
          const session = new Session()
          session.connect()
          session.disconnect()
        }
        console.log(JSON.stringify([names, watching.report().failures]))
      }
      main()
    `)
    expect(stderr).toBe('')
    expect(JSON.parse(stdout)).toEqual([['', '', '', '', 'held,more', ''], {}])
  }, 60_000)

  test('what users put on prototypes does not matter', async () => {
    const { stdout, stderr } = await runIn(`${GROW}
      const { watch } = require(${LEAKS})
      const watching = watch({ collections: true, buffers: true, interval: 0 })
      const slices = []
      globalThis.slices = () => slices
      const main = async () => {
        for (let look = 0; look < 3; look++) {
          grow()
          for (let i = 0; i < 100; i++) slices.push(Buffer.allocUnsafeSlow(16384).subarray(0, 4))
          await watching.look()
        }
        return watching.report()
      }
      const nothing = () => { throw new Error('patched') }
      Map.prototype.forEach = Set.prototype.forEach = Set.prototype.add = Set.prototype.has = nothing
      main().then(({ findings, failures }) => {
        process.stdout.write(JSON.stringify([findings.map(({ kind, name }) => kind + ' ' + name).sort(), failures]))
      })
    `)
    expect(stderr).toBe('')
    const names = ['buffer slices', 'collection held', 'collection more', 'collection slices']
    expect(JSON.parse(stdout)).toEqual([names, {}])
  }, 60_000)

  test('the memory that a look needs is given back', async () => {
    const { stdout } = await runIn(`
      const rss = name => Number(new RegExp(name + ':\\\\s+(\\\\d+)').exec(require('fs').readFileSync('/proc/self/status'))[1])
      globalThis.objects = Array.from({ length: 200_000 }, (_, i) => ({ i, next: { i } }))
      const watching = require(${LEAKS}).watch({ collections: true, interval: 0 })
      const before = rss('VmRSS')
      watching.look().then(() => console.log(JSON.stringify([rss('VmHWM') - before, rss('VmRSS') - before])))
    `)
    const [most, left] = JSON.parse(stdout)
    expect(most).toBeGreaterThan(100_000)
    expect(left).toBeLessThan(most / 2)
  }, 60_000)

  test('a watch of its own accord takes a small share of the time', async () => {
    const { stdout, stderr, code } = await runIn(`
      const v8 = require('v8')
      const { writeHeapSnapshot } = v8
      let snapshots = 0
      v8.writeHeapSnapshot = (...args) => {
        snapshots += 1
        return writeHeapSnapshot(...args)
      }
      const lib = ${LEAKS}
      const places = require(lib + '/places')
      const parts = ['collections', 'buffers'].map(name => require(lib + '/' + name))
        .map(({ start }) => start({ options: {}, interval: 20, places }))
      // A look that nobody asked for does not keep the process alive.
      const stay = setInterval(() => {}, 1000)
      const look = async asked => { for (const part of parts) await part.look(0, { asked }) }
      const main = async () => {
        const counts = []
        for (const asked of [false, false, false, true, true, false]) {
          await look(asked)
          counts.push(snapshots)
        }
        for (const part of parts) part.stop()
        clearInterval(stay)
        console.log(JSON.stringify(counts))
      }
      main()
    `)
    expect([stderr, code]).toEqual(['', 0])
    // One stops the thread for a tenth of a second or more, which is a rest of five seconds.
    expect(JSON.parse(stdout)).toEqual([1, 1, 1, 2, 3, 3])
  }, 60_000)

  test('a watch does not find itself', async () => {
    const { stdout } = await runIn(`${GROW}
      const { watch } = require(${LEAKS})
      const watching = watch({ collections: { minimum: 1, share: 0 }, interval: 0 })
      globalThis.watching = watching
      const main = async () => {
        for (let look = 0; look < 6; look++) {
          grow()
          await watching.look()
        }
        console.log(JSON.stringify(watching.report().findings.map(({ name }) => name).sort()))
      }
      main()
    `)
    expect(JSON.parse(stdout)).toEqual(['held', 'more'])
  }, 60_000)

  test('workers watch themselves, and may end at any time', async () => {
    const { code, stdout, stderr, left } = await runIn(`
      const { Worker } = require('worker_threads')
      const body = tmp => ${JSON.stringify(`
        require('os').tmpdir = () => TMP
        const { parentPort } = require('worker_threads')
        ${GROW}
        const watching = require(${LEAKS}).watch({ collections: true, interval: 0 })
        const main = async () => {
          for (let look = 0; look < 3; look++) {
            grow()
            parentPort.postMessage((await watching.look()).map(({ name }) => name).sort().join())
          }
        }
        main()
      `)}.replace('TMP', JSON.stringify(tmp))
      const start = () => new Worker(body(require('os').tmpdir()), { eval: true })
      const said = []
      const first = start()
      first.on('message', text => said.push(text))
      first.on('exit', async code => {
        console.log(JSON.stringify([code, said]))
        for (let i = 0; i < 6; i++) {
          const other = start()
          await new Promise(resolve => other.once(i < 3 ? 'online' : 'message', resolve))
          await other.terminate()
        }
        console.log('done')
      })
    `)
    expect(stderr).toBe('')
    const [first, last] = stdout.trim().split('\n')
    expect(JSON.parse(first)).toEqual([0, ['', '', 'held,more']])
    expect([last, code]).toEqual(['done', 0])
    // Who is terminated in the midst of a look cannot clean up.
    expect(left.length).toBeLessThanOrEqual(6)
  }, 60_000)
})
