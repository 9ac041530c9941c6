'use strict'

// `for await` over events: a queue with a bound, which ends when it should.

const { SOURCES, closeAll, monitorOf, turn, until } = require('./support/gc-monitor')

const minor = () => globalThis.gc({ type: 'minor' })

afterEach(closeAll)

describe.each(SOURCES)('source %s', source => {
  test('every event since it was made, in order', async () => {
    const monitor = monitorOf({ source })
    const stream = monitor.events()
    const other = monitor[Symbol.asyncIterator]()
    const heard = []
    monitor.on('gc', event => heard.push(event))
    for (let i = 0; i < 5; i++) minor()
    await until(() => heard.length >= 5)
    monitor.close()
    const [first, second] = await Promise.all([stream, other].map(async each => {
      const events = []
      for await (const event of each) events.push(event)
      return events
    }))
    expect(first).toEqual(heard)
    expect(second).toEqual(heard)
  })

  test('break ends it, and nothing more is kept', async () => {
    const monitor = monitorOf({ source })
    const stream = monitor.events()
    const seen = []
    const reading = (async () => {
      for await (const event of stream) {
        seen.push(event)
        if (seen.length === 2) break
      }
    })()
    let over = false
    reading.then(() => { over = true })
    await until(() => {
      minor()
      return over
    })
    expect(seen.length).toBe(2)
    expect(await stream.next()).toEqual({ value: undefined, done: true })
    expect(monitor.running).toBe(true)
  })

  test('the oldest go first when nobody fetches them', async () => {
    const monitor = monitorOf({ source })
    const stream = monitor.events({ bufferSize: 3 })
    const heard = []
    monitor.on('gc', event => heard.push(event))
    for (let i = 0; i < 10; i++) minor()
    await until(() => heard.length >= 10)
    monitor.stop()
    expect(stream.dropped).toBe(heard.length - 3)
    monitor.close()
    const rest = []
    for await (const { sequence } of stream) rest.push(sequence)
    expect(rest).toEqual(heard.slice(-3).map(({ sequence }) => sequence))
  })

  test('it is fetched by several at once', async () => {
    const monitor = monitorOf({ source })
    const stream = monitor.events()
    const asked = [stream.next(), stream.next(), stream.next()]
    let got
    Promise.all(asked).then(events => { got = events })
    await until(() => {
      minor()
      return got
    })
    const sequences = got.map(({ value }) => value.sequence)
    expect(sequences).toEqual([...sequences].sort((a, b) => a - b))
    expect(new Set(sequences).size).toBe(3)
  })

  test('return() twice, throw(), and close() with somebody who waits', async () => {
    const monitor = monitorOf({ source })
    const stream = monitor.events()
    expect(await stream.return(5)).toEqual({ value: 5, done: true })
    expect(await stream.return()).toEqual({ value: undefined, done: true })
    expect(await stream.next()).toEqual({ value: undefined, done: true })
    const error = new Error('mine')
    const thrown = monitor.events()
    await expect(thrown.throw(error)).rejects.toBe(error)
    expect(await thrown.next()).toEqual({ value: undefined, done: true })
    const waiting = monitor.events()
    const asked = [waiting.next(), waiting.next()]
    monitor.close()
    for (const each of await Promise.all(asked)) expect(each).toEqual({ value: undefined, done: true })
    expect(await monitor.events().next()).toEqual({ value: undefined, done: true })
  })

  test('of a monitor that is stopped it waits until that is started', async () => {
    const monitor = monitorOf({ source, autostart: false })
    const stream = monitor.events()
    let event
    stream.next().then(next => { event = next.value })
    minor()
    await turn()
    expect(event).toBe(undefined)
    monitor.start()
    await until(() => {
      minor()
      return event
    })
    expect(event.kind).toEqual(expect.any(String))
  })

  test('close() in the loop ends it', async () => {
    const monitor = monitorOf({ source })
    const seen = []
    let over = false
    const reading = (async () => {
      for await (const event of monitor) {
        seen.push(event)
        monitor.close()
      }
    })()
    reading.then(() => { over = true })
    await until(() => {
      minor()
      return over
    })
    expect(seen.length).toBeGreaterThan(0)
  })
})
