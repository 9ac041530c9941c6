'use strict'

// compact and retainedBytes: what a view keeps alive.

const { compact, retainedBytes } = require('..')
const { INVALID_TYPE, closeAll, open, thrownBy } = require('./support/buffer-pool-tools')

afterEach(closeAll)

const memory = () => Uint8Array.from({ length: 40 }, (_, i) => i * 7).buffer
const shared = () => {
  const bytes = new SharedArrayBuffer(40)
  new Uint8Array(bytes).set(new Uint8Array(memory()))
  return bytes
}

const VIEWS = [
  ['a Buffer', ab => Buffer.from(ab, 8, 16)], ['a Uint8Array', ab => new Uint8Array(ab, 8, 16)],
  ['an Int8Array', ab => new Int8Array(ab, 8, 16)], ['a Uint8ClampedArray', ab => new Uint8ClampedArray(ab, 8, 16)],
  ['an Int16Array', ab => new Int16Array(ab, 8, 8)], ['a Uint32Array', ab => new Uint32Array(ab, 8, 4)],
  ['a Float64Array', ab => new Float64Array(ab, 8, 2)], ['a BigInt64Array', ab => new BigInt64Array(ab, 8, 2)],
  ['a DataView', ab => new DataView(ab, 8, 16)]
]

describe.each([['an ArrayBuffer', memory], ['a SharedArrayBuffer', shared]])('over %s', (_, make) => {
  test.each(VIEWS)('%s: its bytes in memory of their own', (_name, of) => {
    const ab = make()
    const view = of(ab)
    expect(retainedBytes(view)).toBe(40)
    const copy = compact(view)
    expect(Buffer.isBuffer(copy)).toBe(true)
    expect([...copy]).toEqual([...new Uint8Array(ab, 8, 16)])
    expect([copy.byteOffset, retainedBytes(copy)]).toEqual([0, 16])
    new Uint8Array(ab).fill(0)
    expect(copy[1]).toBe(9 * 7 % 256)
  })

  test('what keeps nothing else alive is left as it is', () => {
    const ab = make()
    const buf = Buffer.from(ab)
    expect(compact(buf)).toBe(buf)
    for (const view of [new Uint8Array(ab), new Float64Array(ab), new DataView(ab)]) {
      const same = compact(view)
      expect(Buffer.isBuffer(same)).toBe(true)
      expect([same.buffer === ab, same.length]).toEqual([true, 40])
    }
  })

  test('the end, the beginning, and nothing of it', () => {
    const ab = make()
    for (const [from, length] of [[0, 39], [1, 39], [40, 0], [0, 0], [20, 1]]) {
      const view = Buffer.from(ab, from, length)
      expect(retainedBytes(view)).toBe(40)
      const copy = compact(view)
      expect([...copy]).toEqual([...view])
      expect(retainedBytes(copy)).toBe(length)
    }
  })
})

test('small Buffers of Node, which keep all of its pool alive', () => {
  const small = Buffer.from('hello')
  expect(retainedBytes(small)).toBeGreaterThanOrEqual(small.buffer.byteLength)
  const copy = compact(small)
  expect(copy.toString()).toBe('hello')
  expect(retainedBytes(copy)).toBe(5)
  expect(compact(copy)).toBe(copy)
})

test('an ArrayBuffer is what it retains', () => {
  expect([memory(), shared(), new ArrayBuffer(0)].map(retainedBytes)).toEqual([40, 40, 0])
})

test('memory that was taken away keeps nothing alive', () => {
  const view = Buffer.from(memory(), 8, 16)
  structuredClone(view.buffer, { transfer: [view.buffer] })
  expect([view.length, retainedBytes(view), compact(view).length]).toEqual([0, 0, 0])
})

test('what says something else of its length or its memory is not believed', () => {
  const view = Object.defineProperty(Buffer.from(memory(), 8, 16), 'length', { value: 40 })
  expect(compact(view).byteLength).toBe(16)
})

test('a Buffer of a pool keeps its chunk; what is compacted is not of the pool', () => {
  const pool = open({ classes: [1024] })
  const buf = pool.acquire(1000).fill(7)
  expect(retainedBytes(buf)).toBe(1024)
  const copy = compact(buf)
  expect([copy === buf, copy.length, copy.equals(buf), retainedBytes(copy)]).toEqual([false, 1000, true, 1000])
  expect(thrownBy(() => pool.release(copy)).code).toBe('ERR_HEAPWISE_FOREIGN_BUFFER')
  pool.release(buf)
  expect(copy.equals(Buffer.alloc(1000, 7))).toBe(true)
})

test.each([
  ['nothing', undefined], ['null', null], ['a number', 5], ['a string', 'abc'], ['a boolean', true], ['a bigint', 5n],
  ['a symbol', Symbol('s')], ['a function', () => {}], ['an object', {}], ['an array', [1, 2]], ['a date', new Date(0)],
  ['what looks like a view', { buffer: memory(), byteOffset: 0, byteLength: 3 }], ['a Map', new Map()],
  ['what inherits from Buffer', Object.create(Buffer.prototype)], ['a Proxy', new Proxy(Buffer.alloc(5), {})]
])('%s is refused', (_, value) => {
  for (const method of [compact, retainedBytes]) {
    const error = thrownBy(() => method(value))
    expect(Object.getPrototypeOf(error)).toBe(INVALID_TYPE.type.prototype)
    expect(error.code).toBe(INVALID_TYPE.code)
    expect(error.message).toMatch(/^argument 'view' must be a Buffer, .+, got /)
  }
})

test('compact takes no ArrayBuffer, retainedBytes does', () => {
  for (const ab of [memory(), shared()]) expect(thrownBy(() => compact(ab)).code).toBe(INVALID_TYPE.code)
})
