'use strict'

// A cache bounded by what its values weigh, not by how many there are.
const { LRUCache } = require('heapwise')

const thumbnails = new LRUCache({
  maxSize: 100_000,
  maxEntrySize: 60_000,
  sizeCalculation: (image) => image.byteLength
})

thumbnails.set('small', Buffer.alloc(10_000))
thumbnails.set('medium', Buffer.alloc(50_000))
console.log(thumbnails.calculatedSize) // 60000

thumbnails.set('large', Buffer.alloc(55_000)) // room is made: 'small' and then 'medium' go
console.log([...thumbnails.keys()], thumbnails.calculatedSize)

thumbnails.set('poster', Buffer.alloc(70_000)) // above maxEntrySize: not kept, and nothing is evicted for it
console.log(thumbnails.has('poster'), thumbnails.has('large')) // false true
