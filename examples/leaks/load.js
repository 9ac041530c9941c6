'use strict'

// The load: HTTP requests over a few connections, each sent as soon as the one before is answered. No two ask for
// the same URL, as is so with ids, searches and whoever looks for a way in.

const http = require('node:http')

const CONNECTIONS = 8

/**
 * A client of the service at `port`.
 *
 * - `keepAlive`: whether its connections are used again.
 * - `bodyBytes`: how much is sent with a request.
 *
 * @returns {{ send (count: number): Promise<void>, close (): void }} `send` resolves when all of them are answered
 */
function clientOf (port, { keepAlive = true, bodyBytes = 0 } = {}) {
  const agent = new http.Agent({ keepAlive })
  const body = Buffer.alloc(bodyBytes, 'upload')
  const method = bodyBytes === 0 ? 'GET' : 'POST'
  let sent = 0

  const ask = () => new Promise((resolve, reject) => {
    const request = http.request({ port, host: '127.0.0.1', path: `/orders/${++sent}`, method, agent }, (response) => {
      response.once('end', resolve).once('error', reject).resume()
    })
    request.once('error', reject).end(body)
  })

  return {
    async send (count) {
      let left = count
      const connection = async () => {
        while (left-- > 0) await ask()
      }
      await Promise.all(Array.from({ length: CONNECTIONS }, connection))
    },
    close: () => agent.destroy()
  }
}

module.exports = { clientOf }
