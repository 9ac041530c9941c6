'use strict'

// How values become bytes or text that the store has no kind of its own for.
//
// A codec: `encode` returns a string or a Uint8Array, `kindOf` says which kind that is. Decoding goes by the kind of
// what is stored, not by the codec of the cache: a snapshot may hold what another codec wrote.

const v8 = require('node:v8')
const { isDataView, isUint8Array } = require('node:util/types')
const { JSON_TEXT, CUSTOM, CUSTOM_TEXT, MSGPACK, V8 } = require('./kinds')
const { plainJson } = require('./plain')
const { codecMissing, invalidType, notDecodable, notEncodable, outOfRange } = require('../errors')

// The numbers by which the store knows codecs.
const NUMBERS = { v8: 0, json: 1, msgpack: 2, custom: 3 }
const NAMES = ['v8', 'json', 'msgpack', 'custom']

// ---- v8

// Node's own deserializer makes views on the bytes it reads. These are copies, so the bytes may be used again.
class CopyingDeserializer extends /** @type {any} */ (v8.DefaultDeserializer) {
  _readHostObject () {
    const view = super._readHostObject()
    if (Buffer.isBuffer(view)) return Buffer.from(view)
    if (!isDataView(view)) return view.slice()
    // Of the realm that Node is in, as all that it decodes.
    const View = /** @type {any} */ (view.constructor)
    return new View(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength))
  }
}

/** @param {Buffer} bytes what is behind the value's bytes is not looked at */
const decodeV8 = bytes => {
  const deserializer = new (/** @type {any} */ (CopyingDeserializer))(bytes)
  deserializer.readHeader()
  return deserializer.readValue()
}

// What JSON gives back as it was is kept as JSON.
const encodeV8 = value => plainJson(value) ?? v8.serialize(value)

const v8Codec = {
  name: 'v8',
  number: NUMBERS.v8,
  custom: false,
  encode: encodeV8,
  kindOf: encoded => typeof encoded === 'string' ? JSON_TEXT : V8
}

// ---- JSON

const encodeJson = value => {
  const text = JSON.stringify(value)
  if (text === undefined) throw new TypeError('JSON.stringify returned undefined')
  return text
}

const jsonCodec = { name: 'json', number: NUMBERS.json, custom: false, encode: encodeJson, kindOf: () => JSON_TEXT }

// ---- MessagePack

let packr

const loadPackr = () => {
  if (packr !== undefined) return packr
  let msgpackr
  try {
    msgpackr = require('msgpackr')
  } catch (cause) {
    throw codecMissing('msgpack', 'msgpackr', cause)
  }
  // Cycles, Map, Set, Error and typed arrays as in structuredClone, bigints of any size. What it decodes are copies.
  packr = new msgpackr.Packr({ structuredClone: true, copyBuffers: true })
  return packr
}

const makeMsgpackCodec = () => {
  const loaded = loadPackr()
  const encode = value => {
    if (typeof value === 'function' || typeof value === 'symbol') {
      throw new TypeError(`MessagePack has no ${typeof value}s`)
    }
    return loaded.pack(value)
  }
  return { name: 'msgpack', number: NUMBERS.msgpack, custom: false, encode, kindOf: () => MSGPACK }
}

// ---- the user's own

const { values } = Uint8Array.prototype

const encodeCustom = (codec, value) => {
  const encoded = codec.encode(value)
  if (typeof encoded === 'string') return encoded
  if (isUint8Array(encoded)) {
    // A view of no bytes is one, or its memory has been taken away: then this throws.
    if (encoded.byteLength === 0) values.call(encoded)
    return encoded
  }
  throw invalidType(`what 'encode' of codec '${codec.name ?? 'custom'}' returns`, 'a string or a Uint8Array', encoded)
}

const makeCustomCodec = codec => {
  const { encode, decode, name } = codec
  if (typeof encode !== 'function') throw invalidType("option 'codec.encode'", 'a function', encode)
  if (typeof decode !== 'function') throw invalidType("option 'codec.decode'", 'a function', decode)
  if (name !== undefined && typeof name !== 'string') throw invalidType("option 'codec.name'", 'a string', name)
  return {
    name: name ?? 'custom',
    number: NUMBERS.custom,
    custom: true,
    encode: value => encodeCustom(codec, value),
    decode: stored => codec.decode(stored),
    kindOf: encoded => typeof encoded === 'string' ? CUSTOM_TEXT : CUSTOM
  }
}

const BUILT_IN = { v8: () => v8Codec, json: () => jsonCodec, msgpack: makeMsgpackCodec }

/** The codec that the option `codec` names or is. */
const readCodec = codec => {
  if (typeof codec === 'string') {
    if (Object.hasOwn(BUILT_IN, codec)) return BUILT_IN[codec]()
    throw outOfRange("option 'codec'", "'v8', 'json', 'msgpack' or an object with encode() and decode()", codec)
  }
  if (typeof codec !== 'object' || codec === null) {
    throw invalidType("option 'codec'", "'v8', 'json', 'msgpack' or an object with encode() and decode()", codec)
  }
  return makeCustomCodec(codec)
}

/** Throws ERR_HEAPWISE_NOT_ENCODABLE for whatever the codec throws. */
const encodeWith = (codec, value) => {
  try {
    return codec.encode(value)
  } catch (cause) {
    throw notEncodable(value, cause, codec.name)
  }
}

/** Whether decoding can run code of the user's: his codec, or an extension that he has added to msgpackr. */
const runsUserCode = codec => codec.custom || codec.number === NUMBERS.msgpack || packr !== undefined

const missingCustom = () => {
  throw new TypeError("it was stored with a codec of its own, which is not this cache's")
}

// Decoding goes by the kind, so another codec than the cache's may be the one that fails.
const decoderName = (codec, kind) =>
  kind === V8 ? 'v8' : kind === JSON_TEXT ? 'json' : kind === MSGPACK ? 'msgpack' : codec.custom ? codec.name : 'custom'

/** Decodes what is stored as a text. */
const decodeText = (codec, kind, text) => {
  try {
    return kind === JSON_TEXT ? JSON.parse(text) : (codec.decode ?? missingCustom)(text)
  } catch (cause) {
    throw notDecodable(cause, decoderName(codec, kind))
  }
}

/**
 * Decodes what is stored as bytes.
 *
 * @param {Buffer} bytes of V8's they may go on behind what is read, and are not kept; else a private copy
 */
const decodeBytes = (codec, kind, bytes, end) => {
  try {
    if (kind === V8) return decodeV8(bytes)
    if (kind === MSGPACK) return loadPackr().unpack(bytes, end)
    return (codec.decode ?? missingCustom)(bytes)
  } catch (cause) {
    throw notDecodable(cause, decoderName(codec, kind))
  }
}

module.exports = { readCodec, encodeWith, runsUserCode, decodeText, decodeBytes, NUMBERS, NAMES }
