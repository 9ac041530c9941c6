'use strict'

// The floor: free lists in plain JS, a list for each of BufferPool's size classes (four a doubling). It gives Buffers
// of exact length that own their memory, as BufferPool does, and nothing else: it checks, zeroes, counts and bounds
// nothing.
class FreeList {
  constructor () {
    this.lists = Array.from({ length: 128 }, () => [])
  }

  acquire (size) {
    const buffer = this.lists[classOf(size)].pop()
    if (buffer === undefined) return make(size)
    return buffer.length === size ? buffer : Buffer.from(buffer.buffer, 0, size)
  }

  release (buffer) {
    this.lists[classOf(buffer.length)].push(buffer)
  }
}

function classOf (size) {
  const last = size <= 64 ? 63 : size - 1
  const high = 31 - Math.clz32(last)
  return (high << 2) + ((last >>> (high - 2)) & 3)
}

function make (size) {
  const most = Math.max(size, 64)
  const step = 2 ** (29 - Math.clz32(most - 1))
  return Buffer.from(new ArrayBuffer(Math.ceil(most / step) * step), 0, size)
}

module.exports = { FreeList }
