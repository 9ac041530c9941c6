'use strict'

// examples/shared-sessions, as a user would run it.

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { spawn } = require('node:child_process')
const { once } = require('node:events')

const main = path.join(__dirname, '..', 'examples', 'shared-sessions', 'main.js')

jest.setTimeout(60_000)

let folder
const running = new Set()

beforeAll(() => { folder = fs.mkdtempSync(path.join(os.tmpdir(), 'heapwise-sessions-')) })

afterEach(() => {
  for (const child of running) child.kill('SIGKILL')
})

afterAll(() => fs.rmSync(folder, { recursive: true }))

/** Starts the service, and resolves when it is ready. */
async function start (file, workers = 2) {
  const child = spawn(process.execPath, [main, '--port', '0', '--workers', String(workers), '--file', file])
  running.add(child)
  const told = { output: '', errors: '' }
  child.stdout.on('data', (text) => { told.output += text })
  child.stderr.on('data', (text) => { told.errors += text })
  const closed = once(child, 'close').then(([code]) => {
    running.delete(child)
    return code
  })
  await new Promise((resolve, reject) => {
    child.stdout.on('data', () => { if (told.output.includes('Ready')) resolve() })
    closed.then((code) => reject(new Error(`ended with ${code}: ${told.errors}`)))
  })
  const urls = Array.from({ length: workers }, (_, number) =>
    new RegExp(`Worker ${number} answers at (.*)`).exec(told.output)[1])
  const stop = async () => {
    child.kill('SIGTERM')
    return { code: await closed, ...told }
  }
  return { urls, told, stop }
}

async function ask (url, { cookie, method = 'GET' } = {}) {
  const headers = cookie ? { cookie } : {}
  const response = await fetch(url, { method, headers })
  const [given] = (response.headers.get('set-cookie') ?? '').split(';')
  return { status: response.status, cookie: given, body: await response.json() }
}

async function login (url, user) {
  const { status, cookie, body } = await ask(`${url}login?user=${user}`, { method: 'POST' })
  expect({ status, body }).toEqual({ status: 200, body: { user } })
  return cookie
}

test('a session of one worker is known to the others, and after a restart', async () => {
  const file = path.join(folder, 'restart', 'sessions.snap')
  const first = await start(file)
  expect(first.told.output).toContain('0 entries loaded')
  const cookie = await login(first.urls[0], 'ada')
  const there = await ask(first.urls[1], { cookie })
  expect(there.status).toBe(200)
  expect(there.body).toMatchObject({ user: 'ada', profile: { name: 'ADA' }, visits: 1, answeredBy: 1 })
  expect((await ask(first.urls[0], { cookie })).body).toMatchObject({ visits: 2, answeredBy: 0 })
  const { code, output, errors } = await first.stop()
  expect({ code, errors }).toEqual({ code: 0, errors: '' })
  // The session, its visits, the profile, the lookups.
  expect(output).toMatch(/^4 entries saved, \d+ bytes$/m)
  expect(fs.readdirSync(path.dirname(file))).toEqual(['sessions.snap'])

  const second = await start(file)
  expect(second.told.output).toContain('4 entries loaded')
  expect((await ask(second.urls[1], { cookie })).body).toMatchObject({ user: 'ada', visits: 3 })
  expect((await ask(`${second.urls[0]}logout`, { cookie, method: 'POST' })).status).toBe(200)
  expect((await ask(second.urls[1], { cookie })).status).toBe(401)
  expect((await second.stop()).code).toBe(0)
})

test('many requests at all workers look a profile up once', async () => {
  const { urls, stop } = await start(path.join(folder, 'once.snap'))
  const cookie = await login(urls[0], 'grace')
  const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => ask(urls[i % 2], { cookie })))
  expect(new Set(answers.map(({ body }) => body.profile.loadedBy)).size).toBe(1)
  const visits = answers.map(({ body }) => body.visits).sort((a, b) => a - b)
  expect(visits).toEqual(Array.from({ length: 40 }, (_, i) => i + 1))
  expect(new Set(answers.map(({ body }) => body.answeredBy))).toEqual(new Set([0, 1]))
  expect((await ask(`${urls[1]}stats`)).body).toMatchObject({ lookups: 1, entries: 4 })
  expect((await stop()).code).toBe(0)
})

test('strangers and mistakes are refused', async () => {
  const { urls: [url], stop } = await start(path.join(folder, 'refused.snap'), 1)
  expect((await ask(url)).status).toBe(401)
  expect((await ask(url, { cookie: `session=${'0'.repeat(36)}` })).status).toBe(401)
  expect((await ask(url, { cookie: 'session=../../etc' })).status).toBe(401)
  expect((await ask(`${url}login`, { method: 'POST' })).status).toBe(400)
  expect((await ask(`${url}elsewhere`)).status).toBe(404)
  expect((await stop()).errors).toBe('')
})

test('a damaged file is told, and the service starts empty', async () => {
  const file = path.join(folder, 'damaged.snap')
  fs.writeFileSync(file, 'no saved store')
  const { told, stop } = await start(file, 1)
  expect(told.output).toContain('0 entries loaded')
  expect((await stop()).errors).toMatch(/^Nothing is loaded: cannot load from .*damaged\.snap/)
  // Saved over it.
  const again = await start(file, 1)
  expect((await again.stop()).errors).toBe('')
})
