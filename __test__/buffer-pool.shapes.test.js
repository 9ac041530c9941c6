'use strict'

// The methods that look like those of Buffer, beside those of Buffer.

const {
  FULL, INVALID_TYPE, INVALID_VALUE, closeAll, open, refuses, thrownBy, wrongType, wrongValue
} = require('./support/buffer-pool-tools')

afterEach(closeAll)

const rows = values => values.map(value => [typeof value === 'symbol' ? 'a symbol' : value, value])

describe('alloc, as Buffer.alloc', () => {
  const FILLS = [
    [], [0], [7], [256], [-1], [1.9], ['a'], ['abc'], [''], ['é', 'latin1'], ['é'], ['ff00', 'hex'],
    ['YWJj', 'base64'], [Buffer.from('xyz')], [Uint8Array.of(1, 2)], [undefined], [true]
  ]

  test.each(FILLS)('%p %p', (...fill) => {
    for (const zeroing of ['none', 'on-release']) {
      for (const size of [0, 1, 10, 3000]) {
        const pool = open({ zeroing })
        // A chunk that somebody has used.
        const before = pool.acquire(size)
        before.fill(0xaa)
        pool.release(before)
        const buf = pool.alloc(size, ...fill)
        expect(buf.equals(Buffer.alloc(size, ...fill))).toBe(true)
        pool.release(buf)
      }
    }
  })

  test.each([
    ['encoding', INVALID_TYPE, 'a', 5], ['encoding', INVALID_TYPE, 'a', 1], ['encoding', INVALID_TYPE, 'a', {}],
    ['encoding', INVALID_TYPE, 'a', null], ['encoding', INVALID_VALUE, 'a', 'no-such'],
    ['encoding', INVALID_VALUE, 'a', 'utf9'], ['fill', INVALID_VALUE, 'zz', 'hex'],
    ['fill', INVALID_VALUE, Buffer.alloc(0)],
    ['fill', INVALID_TYPE, { a: 1 }], ['fill', INVALID_TYPE, null], ['fill', INVALID_TYPE, 5n],
    ['fill', INVALID_TYPE, () => {}], ['fill', INVALID_TYPE, [1, 2]], ['fill', INVALID_TYPE, Float64Array.of(1)],
    ['fill', INVALID_TYPE, new ArrayBuffer(3)]
  ])('refuses a wrong %s', (name, expected, ...fill) => {
    const pool = open()
    const message = new RegExp(`^argument '${name}' must be .+, got `)
    refuses(pool, () => pool.alloc(10, ...fill), { ...expected, message })
  })
})

describe('from, as Buffer.from, always a copy', () => {
  const bytes = Uint8Array.from({ length: 40 }, (_, i) => i * 7)
  const shared = new SharedArrayBuffer(8)
  new Uint8Array(shared).fill(9)

  test.each([
    ['text'], [''], ['日本 é \ud800'], ['x'.repeat(5000)], ['é', 'latin1'], ['ff00', 'hex'],
    ['YWJj', 'base64'],
    ['a', 'utf16le'], ['a', undefined], [Buffer.from('bytes')], [bytes], [bytes.subarray(3, 9)],
    [Buffer.alloc(0)], [[1, 2, 256, -1]], [[]],
    [Float64Array.of(1, 2.5, 300)], [Uint16Array.of(1, 256)], [bytes.buffer], [bytes.buffer, 5], [bytes.buffer, 5, 10],
    [bytes.buffer, 40], [bytes.buffer, undefined, 3], [shared], [shared, 2, 3]
  ])('%p %p %p', (...source) => {
    for (const zeroing of ['none', 'on-release']) {
      const pool = open({ zeroing })
      const buf = pool.from(...source)
      expect(buf.equals(Buffer.from(...source))).toBe(true)
      if (ArrayBuffer.isView(source[0])) expect(buf.buffer).not.toBe(source[0].buffer)
      pool.release(buf)
    }
  })

  test('a Buffer of the pool itself', () => {
    const pool = open()
    const buf = pool.from('abc')
    const copy = pool.from(buf)
    expect(copy).not.toBe(buf)
    buf.fill(0)
    expect(copy.toString()).toBe('abc')
  })

  test.each([['hex', 'ff' + 'zz'.repeat(900)], ['base64', 'YWJj' + '-_'.repeat(2) + ' '.repeat(900)]])(
    'shorter %s than it looks, and no room for it: nothing stays lent', (encoding, text) => {
      const pool = open({ classes: [64, 1024], maxBytes: 1024, onFull: 'throw' })
      const error = thrownBy(() => pool.from(text, encoding))
      expect(error).toMatchObject({ code: FULL.code, message: expect.stringMatching(FULL.message) })
      expect(pool.stats()).toMatchObject({ live: 0, free: 1, acquired: 1, released: 1 })
      expect(pool.acquire(1000)).toHaveLength(1000)
    })

  test('the bytes of a DataView, or a refusal', () => {
    const pool = open()
    const view = new DataView(bytes.slice().buffer, 3, 5)
    let buf
    try {
      buf = pool.from(view)
    } catch (error) {
      expect(error.code).toBe('ERR_HEAPWISE_INVALID_ARG_TYPE')
      return
    }
    expect(buf.equals(Buffer.from(bytes.subarray(3, 8)))).toBe(true)
  })

  test.each(rows([
    undefined, null, 0, 5, true, Symbol('s'), 1n, () => {}, {}, { length: 3 }, new Date(0), new Map(), Object(1),
    { type: 'Buffer', data: [1, 2] }
  ]))('refuses %p', (_, value) => {
    const pool = open()
    refuses(pool, () => pool.from(value), wrongType('value'))
  })

  test.each(rows([5, {}, true, null, Symbol('s'), () => {}]))('refuses the encoding %p', (_, encoding) => {
    const pool = open()
    refuses(pool, () => pool.from('abc', encoding), wrongType('encoding'))
  })

  test.each(['', 'no-such', 'utf9'])('refuses the encoding %p', encoding => {
    const pool = open()
    refuses(pool, () => pool.from('abc', encoding), wrongValue('encoding'))
  })

  test.each([[41], [-1], [0, 41], [0, -1], [40, 1]])('refuses a part that is not in it: %p %p', (...part) => {
    const pool = open()
    const before = pool.stats()
    const error = thrownBy(() => pool.from(bytes.buffer, ...part))
    expect(error).toBeInstanceOf(RangeError)
    expect(error.code).toBe('ERR_HEAPWISE_INVALID_ARG_VALUE')
    expect(error.message).toMatch(/^argument '(byteOffset|encodingOrOffset|offset|length)' must be .+, got /)
    expect(pool.stats()).toEqual(before)
  })
})

describe('concat, as Buffer.concat', () => {
  const parts = [Buffer.from('ab'), Uint8Array.of(1, 2, 3), Buffer.alloc(0), Buffer.from('xyz')]

  test.each([
    ['nothing', [], undefined], ['parts', parts, undefined], ['one', [parts[0]], undefined], ['all bytes', parts, 8],
    ['no bytes', parts, 0], ['some bytes', parts, 3], ['all but one', parts, 7], ['more bytes', parts, 1000],
    ['no parts', [], 0]
  ])('%s', (_, list, total) => {
    for (const zeroing of ['none', 'on-release']) {
      const pool = open({ zeroing, classes: [1024] })
      const before = pool.acquire(1000)
      before.fill(0xaa)
      pool.release(before)
      const buf = pool.concat(list, total)
      expect(buf.equals(Buffer.concat(list, total))).toBe(true)
      pool.release(buf)
    }
  })

  test('what somebody has put on a Buffer that is lent again is not called', () => {
    const pool = open({ classes: [1024], zeroing: 'none' })
    const before = pool.acquire(1000).fill(0xaa)
    const put = jest.fn()
    for (const name of ['fill', 'set', 'write', 'subarray', 'copy']) before[name] = put
    pool.release(before)
    const expected = Buffer.concat(parts, 1000)
    for (const [use, bytes] of [
      [() => pool.concat(parts, 1000), expected], [() => pool.alloc(1000, 'ab'), Buffer.alloc(1000, 'ab')],
      [() => pool.from('x'.repeat(1000)), Buffer.alloc(1000, 'x')], [() => pool.from(expected), expected]
    ]) {
      const buf = use()
      expect(buf).toBe(before)
      expect(bytes.equals(buf)).toBe(true)
      pool.release(buf)
    }
    expect(put).not.toHaveBeenCalled()
  })

  test('of nothing, but with a length: zeros', () => {
    expect(open().concat([], 5).equals(Buffer.alloc(5))).toBe(true)
  })

  test.each([
    ['lies about its length', Object.defineProperty(Buffer.from('abcdef'), 'length', { value: 2 })],
    ['says it is longer', Object.defineProperty(Buffer.from('abcdef'), 'length', { value: 20 })]
  ])('a part that %s leaves nothing lent that nobody has', (_, part) => {
    const pool = open()
    for (const action of [() => pool.concat([part]), () => pool.from(part)]) {
      try { pool.release(action()) } catch { /* nothing is promised but the books */ }
      expect(pool.stats().live).toBe(0)
    }
  })

  test.each(rows([
    undefined, null, 1, 'abc', {}, Buffer.from('abc'), new Set(), { length: 0 }
  ]))('refuses the list %p', (_, list) => {
    const pool = open()
    refuses(pool, () => pool.concat(list), wrongType('list'))
  })

  test.each(rows([
    undefined, null, 1, 'abc', {}, [1], new ArrayBuffer(3), Float64Array.of(1)
  ]))('refuses the part %p', (_, part) => {
    const pool = open()
    refuses(pool, () => pool.concat([Buffer.alloc(2), part]),
      wrongType('list\\[1\\]'))
  })

  test.each(rows(['5', {}, true, 5n]))('refuses the length %p', (_, total) => {
    const pool = open()
    refuses(pool, () => pool.concat(parts, total), wrongType('totalLength'))
  })

  test.each(rows([-1, 1.5, NaN, Infinity]))('refuses the length %p', (_, total) => {
    const pool = open()
    refuses(pool, () => pool.concat(parts, total), wrongValue('totalLength'))
  })
})
