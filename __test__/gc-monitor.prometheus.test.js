'use strict'

// The text for Prometheus: its format, by a strict reader, and its names, against those of prom-client.

const { execFile } = require('node:child_process')
const path = require('node:path')
const { promisify } = require('node:util')

const run = promisify(execFile)

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*'
const HELP = new RegExp(`^# HELP (${NAME}) (.*)$`)
const TYPE = new RegExp(`^# TYPE (${NAME}) (counter|gauge|histogram|summary|untyped)$`)
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(.*)\\})? (\\S+)$`)
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/
const NUMBER = /^(?:[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?|[+-]Inf|NaN)$/

const readLabels = text => {
  const labels = {}
  for (let rest = text; rest !== '';) {
    const [whole, name, value] = LABEL.exec(rest) ?? []
    if (whole === undefined) throw new Error(`no label: ${rest}`)
    if (name in labels) throw new Error(`twice: ${name}`)
    labels[name] = value
    rest = rest.slice(whole.length)
  }
  return labels
}

/** Families by name, in the exposition format 0.0.4: each once, help, then type, then what it has. */
const parse = text => {
  if (!text.endsWith('\n')) throw new Error('the last line does not end')
  const families = new Map()
  let family
  for (const line of text.slice(0, -1).split('\n')) {
    const help = HELP.exec(line)
    if (help) {
      if (families.has(help[1])) throw new Error(`twice: ${help[1]}`)
      family = { name: help[1], help: help[2], type: undefined, samples: [] }
      families.set(family.name, family)
      continue
    }
    const type = TYPE.exec(line)
    if (type) {
      if (type[1] !== family?.name || family.type !== undefined) throw new Error(`no place for ${line}`)
      family.type = type[2]
      continue
    }
    const [, name, labels = '', value] = SAMPLE.exec(line) ?? []
    if (name === undefined || family?.type === undefined || !NUMBER.test(value)) throw new Error(`no sample: ${line}`)
    const suffix = name.startsWith(family.name) ? name.slice(family.name.length) : null
    const suffixes = family.type === 'histogram' ? ['_bucket', '_sum', '_count'] : ['']
    if (!suffixes.includes(suffix)) throw new Error(`not of ${family.name}: ${line}`)
    family.samples.push({ suffix, labels: readLabels(labels), value: Number(value.replace('Inf', 'Infinity')) })
  }
  return families
}

// prom-client leaves an empty line between families, and has families without samples.
const parseTheirs = text => parse(`${text.split('\n').filter(line => line !== '').join('\n')}\n`)

let answer
beforeAll(async () => {
  const program = path.join(__dirname, 'fixtures', 'gc-prometheus.js')
  const { stdout } = await run(process.execPath, ['--expose-gc', program], { maxBuffer: 1 << 24 })
  answer = JSON.parse(stdout)
})

test('the reader finds what is wrong', () => {
  const good = '# HELP a b\n# TYPE a gauge\na{l="x\\"y"} 1.5e-7\n'
  expect(parse(good).get('a').samples).toEqual([{ suffix: '', labels: { l: 'x\\"y' }, value: 1.5e-7 }])
  for (const bad of ['a 1', '# TYPE a gauge\na 1\n', '# HELP a b\na 1\n', good + good, good + 'b 1\n', good + '\n',
    good.replace('1.5e-7', 'undefined'), good.replace('x\\"y', 'x"y'), good.replace('a{', '1{'),
    '# HELP a b\n# TYPE a histogram\na 1\n']) {
    expect(() => parse(bad)).toThrow()
  }
})

test('it is what Prometheus reads', () => {
  for (const text of [answer.first, answer.ours]) {
    const families = parse(text)
    expect(families.size).toBeGreaterThan(20)
    for (const { name, samples, help, type } of families.values()) {
      expect(help).not.toBe('')
      expect(samples.length).toBeGreaterThan(0)
      expect(samples.every(({ value }) => !Number.isNaN(value))).toBe(true)
      if (type === 'counter') expect(name).toMatch(/_total$/)
      const series = samples.map(({ suffix, labels }) => JSON.stringify([suffix, labels]))
      expect(new Set(series).size).toBe(series.length)
    }
  }
})

test('names, types, help and labels are those of prom-client', () => {
  const [ours, theirs] = [parse(answer.ours), parseTheirs(answer.theirs)]
  const labelsOf = family => [...new Set(family.samples.flatMap(({ labels }) => Object.keys(labels)))].sort()
  expect(theirs.size).toBeGreaterThan(20)
  for (const family of theirs.values()) {
    // Of what there is none, they say the name and we nothing.
    if (family.samples.length === 0) continue
    const own = ours.get(family.name)
    expect([family.name, own?.type, own?.help]).toEqual([family.name, family.type, family.help])
    expect([family.name, labelsOf(own)]).toEqual([family.name, labelsOf(family)])
  }
  const others = [...ours.keys()].filter(name => !theirs.has(name))
  expect(others.filter(name => !name.startsWith('heapwise_'))).toEqual([])
  expect(others).toEqual(expect.arrayContaining(['heapwise_gc_time_ratio', 'heapwise_live_heap_bytes',
    'heapwise_gc_seconds_total', 'heapwise_heap_limit_bytes', 'heapwise_array_buffers_bytes', 'heapwise_source_info']))
})

test('values agree with theirs', () => {
  const [ours, theirs] = [parse(answer.ours), parseTheirs(answer.theirs)]
  const value = (families, name) => families.get(name).samples[0].value
  for (const name of ['process_max_fds', 'nodejs_version_info'].filter(each => theirs.has(each))) {
    expect([name, ours.get(name).samples]).toEqual([name, theirs.get(name).samples])
  }
  const start = 'process_start_time_seconds'
  expect(Math.abs(value(ours, start) - value(theirs, start))).toBeLessThanOrEqual(1)
  // Theirs begins when it is loaded.
  for (const name of ['process_cpu_user_seconds_total', 'process_cpu_system_seconds_total']) {
    expect(value(ours, name)).toBeGreaterThanOrEqual(0.5 * value(theirs, name))
  }
  // Taken one after the other.
  for (const name of ['process_resident_memory_bytes', 'nodejs_heap_size_total_bytes', 'nodejs_heap_size_used_bytes',
    'process_heap_bytes', 'process_virtual_memory_bytes', 'process_open_fds']) {
    if (!theirs.has(name)) continue
    expect(value(ours, name)).toBeGreaterThan(0.3 * value(theirs, name))
    expect(value(ours, name)).toBeLessThan(3 * value(theirs, name))
  }
  const spaces = families => families.get('nodejs_heap_space_size_used_bytes').samples.map(({ labels }) => labels.space)
  expect(spaces(ours)).toEqual(spaces(theirs))
})

test('the histogram of pauses holds every collection', () => {
  const { samples } = parse(answer.ours).get('nodejs_gc_duration_seconds')
  const kinds = { major: ['mark-sweep-compact'], minor: ['scavenge', 'minor-mark-sweep'],
    incremental: ['incremental-marking'], weakcb: ['weak-callbacks'] }
  expect([...new Set(samples.map(({ labels }) => labels.kind))].sort()).toEqual(Object.keys(kinds).sort())
  for (const [kind, names] of Object.entries(kinds)) {
    const own = samples.filter(({ labels }) => labels.kind === kind)
    const buckets = own.filter(({ suffix }) => suffix === '_bucket')
    expect(buckets.map(({ labels }) => labels.le)).toEqual(['0.001', '0.01', '0.1', '1', '2', '5', '+Inf'])
    const counts = buckets.map(({ value }) => value)
    expect(counts).toEqual([...counts].sort((a, b) => a - b))
    const parts = names.map(name => answer.histograms[name])
    const sum = field => parts.reduce((total, part) => total + part[field], 0)
    const [total, seconds] = ['_count', '_sum'].map(of => own.find(({ suffix }) => suffix === of).value)
    // What was collected since is in the histograms only.
    expect(counts.at(-1)).toBe(total)
    expect(total).toBeLessThanOrEqual(sum('count'))
    expect(seconds * 1e9).toBeLessThanOrEqual(sum('sum') * 1.000001)
    const quick = parts.flatMap(part => part.buckets).filter(([from]) => from < 1e6)
    expect(counts[0]).toBeLessThanOrEqual(quick.reduce((all, [, , count]) => all + count, 0))
  }
  expect(samples.find(({ suffix, labels }) => suffix === '_count' && labels.kind === 'major').value).toBeGreaterThan(0)
  expect(samples.find(({ suffix, labels }) => suffix === '_count' && labels.kind === 'minor').value).toBeGreaterThan(0)
})
