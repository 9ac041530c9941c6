'use strict'

// A Map that cannot grow for ever, for code that expects a real Map.
const { BoundedMap } = require('heapwise')

const sessions = new BoundedMap([['a', 1], ['b', 2]], { max: 2 })

sessions.get('a')
sessions.set('c', 3) // 'b' was used longest ago

console.log(sessions instanceof Map) // true
console.log([...sessions]) // [ [ 'a', 1 ], [ 'c', 3 ] ], in insertion order, as in any Map
console.log(sessions.has('b')) // false
