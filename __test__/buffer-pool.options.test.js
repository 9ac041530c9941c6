'use strict'

// What the constructor takes: every option with what it accepts, and with everything that it must refuse.

const {
  BufferPool, INVALID_TYPE, INVALID_USE, INVALID_VALUE, closeAll, open, thrownBy
} = require('./support/buffer-pool-tools')

afterEach(closeAll)

const MIB = 2 ** 20

const refused = (options, { type, code, message }) => {
  const error = thrownBy(() => new BufferPool(options))
  expect(Object.getPrototypeOf(error)).toBe(type.prototype)
  expect(error).toMatchObject({ code, message: expect.stringMatching(message) })
}

// Values that are no number, no text, no boolean, and so on.
const NUMBERS = [0, 1, -1, 1.5, NaN, Infinity, -Infinity]
const OBJECTS = [null, {}, [], new Date(0), /x/, Object(1), Object('a'), Object(true)]
const OTHERS = [Symbol('s'), 10n, () => 1]
const TEXTS = ['', 'a', '8192']
const BOOLEANS = [true, false]

const wrongTypes = (name, values) => values.map(value => [name, value, INVALID_TYPE])
const wrongValues = (name, values) => values.map(value => [name, value, INVALID_VALUE])

const ENUMS = {
  zeroing: ['none', 'on-acquire', 'on-release', 'both'],
  fence: ['off', 'sampled', 'always'],
  leakDetection: ['off', 'simple', 'advanced', 'paranoid'],
  onFull: ['unpooled', 'throw', 'wait']
}

const SIZES = { min: 64 * MIB, max: 64 * MIB, maxBytes: Number.MAX_SAFE_INTEGER, maxFreeBytes: Number.MAX_SAFE_INTEGER }
const BAD_SIZES = [
  -1, 1.5, NaN, Infinity, -Infinity, 2 ** 53, '', 'a', '-1', '1.5.5', '1xb', '1 2', '0x10', '1e3', '12 pb'
]

const BAD = [
  ...wrongTypes('name', [...NUMBERS, ...OBJECTS, ...OTHERS, ...BOOLEANS]),
  ...wrongValues('name', ['']),
  ...wrongTypes('poolSize', [...OBJECTS, ...OTHERS, ...TEXTS, ...BOOLEANS]),
  ...wrongValues('poolSize', [
    ...NUMBERS, 2048, 4095, 4097, 6000, 12288, 2 * MIB, 2 ** 32, 2 ** 32 + 4096, -4096, 4096.5
  ]),
  ...Object.entries(SIZES).flatMap(([name, most]) => [
    ...wrongTypes(name, [...OBJECTS, ...OTHERS, ...BOOLEANS]),
    ...wrongValues(name, [...BAD_SIZES, most + 1, ...(name === 'maxFreeBytes' ? [] : [0, '0', '0.5'])])
  ]),
  ...wrongTypes('classes', [...NUMBERS, ...TEXTS, ...BOOLEANS, ...OTHERS, null, {}, { length: 1, 0: 64 }, new Set([64]),
    Uint32Array.of(64)]),
  ...wrongValues('classes', [[], [15], [0], [-64], [64, 64], [64.5], ['64'], [64, undefined], [64n], [NaN], [Infinity],
    [64, null], [64 * MIB + 1], Array.from({ length: 256 }, (_, i) => 16 + i), new Array(3), [Object(64)]]),
  ...Object.keys(ENUMS).flatMap(name => [
    ...wrongTypes(name, [...NUMBERS, ...OBJECTS, ...OTHERS, ...BOOLEANS]),
    ...wrongValues(name, [...TEXTS, 'None', 'OFF', 'on', 'toString', '__proto__', 'constructor'])
  ]),
  ...['poison', 'secure'].flatMap(name => wrongTypes(name, [...NUMBERS, ...OBJECTS, ...OTHERS, ...TEXTS])),
  ...['onLeak', 'onMisuse'].flatMap(name => wrongTypes(name,
    [...NUMBERS, ...OBJECTS, ...TEXTS, ...BOOLEANS, Symbol('s'), 10n])),
  ...wrongTypes('idleMs', [...OBJECTS, ...OTHERS, ...TEXTS, ...BOOLEANS]),
  ...wrongValues('idleMs', [-1, 1.5, NaN, Infinity, -Infinity, 2 ** 31])
]

describe('options that are refused', () => {
  const shown = value => typeof value === 'symbol' ? 'a symbol' : value
  const rows = BAD.map(([name, value, expected]) => [name, shown(value), expected, value])

  test.each(rows)('%s: %p', (name, _, expected, value) => {
    refused({ [name]: value }, { ...expected, message: new RegExp(`^option '${name}' must be .+, got `, 's') })
  })

  test.each([null, 0, 1, '', '8192', true, 1n, () => {}])('instead of options: %p', value => {
    refused(value, { ...INVALID_TYPE, message: /^argument 'options' must be an object, got / })
  })

  test.each([
    ['zerring', 'zeroing'], ['maxbytes', 'maxBytes'], ['poolsize', 'poolSize'], ['leakdetection', 'leakDetection'],
    ['idleMS', 'idleMs'], ['onfull', 'onFull'], ['maxFreeByte', 'maxFreeBytes'], ['fense', 'fence'],
    ['Secure', 'secure'], ['onLeek', 'onLeak']
  ])('misspelt: %s', (name, meant) => {
    refused({ [name]: 1 }, {
      type: TypeError, code: 'ERR_HEAPWISE_UNKNOWN_OPTION', message: new RegExp(`'${name}'.+'${meant}'`)
    })
  })

  test.each([
    ['classes and min', { classes: [64], min: 64 }, /'classes'.+'min'.+'max'/],
    ['classes and max', { classes: [64], max: 64 }, /'classes'.+'min'.+'max'/],
    ['min above max', { min: 1000, max: 100 }, /'min' must be at most 'max', got 1000 and 100/],
    ['secure and no zeroing', { secure: true, zeroing: 'none' }, /secure.+'zeroing'.+'none'/],
    ['secure and zeroing late', { secure: true, zeroing: 'on-acquire' }, /secure.+'zeroing'.+'on-acquire'/],
    ['secure and unpooled', { secure: true, onFull: 'unpooled' }, /secure.+'onFull'.+'unpooled'/]
  ])('that contradict each other: %s', (_, options, message) => {
    refused(options, { ...INVALID_USE, message })
  })

  test('are refused in one piece: the next pool gets the next name', () => {
    const [, before] = /^pool-(\d+)$/.exec(open().name)
    for (const [name, value] of BAD.slice(0, 50)) thrownBy(() => new BufferPool({ [name]: value }))
    expect(open().name).toBe(`pool-${Number(before) + 1}`)
  })

  test('an error of a getter comes through', () => {
    const own = new Error('mine')
    expect(thrownBy(() => new BufferPool({ get fence () { throw own } }))).toBe(own)
  })
})

describe('options that are accepted', () => {
  test.each([
    ['none at all', undefined], ['an empty object', {}], ['an object without prototype', Object.create(null)],
    ['undefined for each', {
      name: undefined, poolSize: undefined, min: undefined, max: undefined, classes: undefined, zeroing: undefined,
      fence: undefined, poison: undefined, leakDetection: undefined, onLeak: undefined, onMisuse: undefined,
      maxBytes: undefined, maxFreeBytes: undefined, onFull: undefined, idleMs: undefined, secure: undefined
    }],
    ['something of others', { whatever: 1, color: 'red' }]
  ])('%s: the defaults', (_, options) => {
    const pool = open(options)
    expect(pool.name).toMatch(/^pool-\d+$/)
    expect(pool.stats()).toMatchObject({
      name: pool.name, closed: false, zeroing: 'on-release', fence: 'off', bytes: { max: 256 * MIB }, secure: null
    })
    const sizes = pool.stats().classes.map(({ size }) => size)
    expect([sizes[0], sizes.at(-1)]).toEqual([64, MIB])
  })

  const words = Object.entries(ENUMS).flatMap(([name, values]) => values.map(value => [name, value]))
  test.each(words)('%s: %s', (name, value) => {
    const pool = open({ [name]: value })
    const buf = pool.acquire(10)
    expect(pool.release(buf)).toBeUndefined()
    if (name === 'zeroing' || name === 'fence') expect(pool.stats()[name]).toBe(value)
  })

  test.each([4096, 8192, 16384, 32768, 65536, 131072, 262144, 524288, MIB])('poolSize: %d', poolSize => {
    const pool = open({ poolSize })
    for (const size of [1, 100, 5000, 100_000, MIB]) {
      const buf = pool.acquire(size)
      expect(buf.length).toBe(size)
      pool.release(buf)
    }
  })

  test.each([
    ['maxBytes', 1, 1], ['maxBytes', Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER], ['maxBytes', '1kb', 1024],
    ['maxBytes', '1.5 MiB', 1.5 * MIB], ['maxBytes', '64', 64], ['maxBytes', ' 2 GB ', 2 ** 31],
    ['maxBytes', '3k', 3072], ['maxBytes', '1tb', 2 ** 40]
  ])('%s: %p', (name, value, bytes) => {
    expect(open({ [name]: value }).stats().bytes.max).toBe(bytes)
  })

  test.each([
    [{ min: 1 }, 16, MIB], [{ min: 17 }, 32, MIB], [{ max: 1 }, 16, 16], [{ max: 64 }, 64, 64],
    [{ min: 1, max: 1 }, 16, 16],
    [{ max: '64kb' }, 64, 65536], [{ min: '1kb', max: '1kb' }, 1024, 1024], [{ min: 100, max: 1000 }, 112, 1024],
    [{ min: 64 * MIB, max: 64 * MIB }, 64 * MIB, 64 * MIB], [{ max: 1025 }, 64, 1280],
    [{ min: 2 * MIB }, 2 * MIB, 2 * MIB]
  ])('%p: the first and the last class', (options, first, last) => {
    const sizes = open(options).stats().classes.map(({ size }) => size)
    expect([sizes[0], sizes.at(-1)]).toEqual([first, last])
  })

  test.each([[{ max: 1 }], [{ max: 100, min: 100 }], [{ max: 1000 }]])('%p: no more than that is pooled', options => {
    const pool = open(options)
    pool.release(pool.acquire(options.max))
    expect(pool.stats()).toMatchObject({ acquired: 1, unpooled: { acquired: 0 } })
    pool.release(pool.acquire(options.max + 1))
    expect(pool.stats()).toMatchObject({ acquired: 1, unpooled: { acquired: 1 } })
  })

  test('idleMs: 0 and the most', () => {
    for (const idleMs of [0, 1, 2 ** 31 - 1]) open({ idleMs }).acquire(1)
  })

  test('maxFreeBytes: 0', () => {
    const pool = open({ maxFreeBytes: 0 })
    pool.release(pool.acquire(10))
    expect(pool.stats()).toMatchObject({ free: 0, dropped: { full: 1 } })
  })

  test('each is read once, and the object is left alone', () => {
    const reads = {}
    const values = { name: 'x', zeroing: 'none', maxBytes: '1mb', classes: Object.freeze([128, 64]) }
    const options = {}
    for (const [name, value] of Object.entries(values)) {
      const get = () => {
        reads[name] = (reads[name] ?? 0) + 1
        return value
      }
      Object.defineProperty(options, name, { enumerable: true, get })
    }
    Object.freeze(options)
    const pool = open(options)
    expect(pool.stats().classes.map(({ size }) => size)).toEqual([64, 128])
    expect(values.classes).toEqual([128, 64])
    expect(reads).toEqual({ name: 1, zeroing: 1, maxBytes: 1, classes: 1 })
  })

  test('inherited ones count', () => {
    expect(open(Object.create({ name: 'inherited' })).name).toBe('inherited')
  })
})
