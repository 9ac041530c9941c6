'use strict'

// One request to the backend for many callers, and an old answer at once while a new one is on its way.
const { setTimeout: sleep } = require('node:timers/promises')
const { LRUCache } = require('heapwise')

let requests = 0

const prices = new LRUCache({
  max: 1000,
  ttl: 50,
  allowStale: true,
  fetchMethod: async (product) => {
    requests++
    await sleep(20)
    return `${product}: price ${requests}`
  }
})

async function main () {
  // Three callers at once, one request.
  console.log(await Promise.all([prices.fetch('tea'), prices.fetch('tea'), prices.fetch('tea')]))
  console.log({ requests }) // 1

  await sleep(80)
  console.log(await prices.fetch('tea')) // 'tea: price 1': out of date, but at once; the new one is being fetched
  await sleep(80)
  console.log({ requests }) // 2
}

main()
