'use strict'

// One worker: an HTTP server that keeps nothing by itself. A user who logged in here is known to the other workers.

const http = require('node:http')
const { randomUUID } = require('node:crypto')
const { setTimeout: sleep } = require('node:timers/promises')
const { parentPort, workerData } = require('node:worker_threads')
const { OffHeapCache } = require('heapwise')

const sessions = new OffHeapCache({ name: 'sessions' })

/** What a database would answer, slowly. Of all requests in all workers that want a user's profile, one comes here. */
async function loadProfile (key) {
  sessions.increment('lookups', 1, { ttl: 0 })
  await sleep(50)
  return { name: key.slice('profile:'.length).toUpperCase(), loadedBy: workerData.number }
}

function login (request, url) {
  const user = url.searchParams.get('user')
  if (!user) return { status: 400, body: { error: 'who?' } }
  const id = randomUUID()
  sessions.set(`session:${id}`, { user, since: Date.now() })
  return { status: 200, cookie: `session=${id}; HttpOnly; SameSite=Lax; Path=/`, body: { user } }
}

async function home (request) {
  const id = sessionId(request)
  // Reading it starts its half hour anew.
  const session = id && sessions.get(`session:${id}`)
  if (!session) return { status: 401, body: { error: 'not logged in' } }
  const profile = await sessions.getOrSet(`profile:${session.user}`, loadProfile, { ttl: 60_000 })
  const visits = sessions.increment(`visits:${id}`)
  return { status: 200, body: { user: session.user, profile, visits, answeredBy: workerData.number } }
}

function logout (request) {
  const id = sessionId(request)
  sessions.deleteMany([`session:${id}`, `visits:${id}`])
  return { status: 200, cookie: 'session=; Max-Age=0; Path=/', body: {} }
}

function stats () {
  const { hits, misses, entries, bytes } = sessions.stats()
  return { status: 200, body: { hits, misses, entries, bytes, lookups: sessions.get('lookups') ?? 0 } }
}

const routes = { 'POST /login': login, 'GET /': home, 'POST /logout': logout, 'GET /stats': stats }

function sessionId (request) {
  return /(?:^|; )session=([\w-]{36})(?:;|$)/.exec(request.headers.cookie ?? '')?.[1]
}

async function answer (request, response) {
  const url = new URL(request.url, 'http://localhost')
  const route = routes[`${request.method} ${url.pathname}`]
  const { status, cookie, body } = route ? await route(request, url) : { status: 404, body: { error: 'no such page' } }
  if (cookie) response.setHeader('Set-Cookie', cookie)
  response.writeHead(status, { 'Content-Type': 'application/json' })
  response.end(JSON.stringify(body) + '\n')
}

const server = http.createServer((request, response) => {
  answer(request, response).catch((error) => {
    response.writeHead(500).end()
    console.error(error)
  })
})

server.listen(workerData.port, '127.0.0.1', () => {
  parentPort.postMessage(`http://127.0.0.1:${server.address().port}/`)
})

parentPort.once('message', () => {
  server.close()
  server.closeAllConnections()
  sessions.close()
})
