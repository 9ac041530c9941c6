'use strict'

// V8's types in plain words. Several types are one thing to people: a string is a string.
//
// The names are those of V8's instance types and, of arrays inside of V8, what they are for. They change from version
// to version: what is not in the list is told as V8 names it.

const SHAPES = 'shapes of objects'
const CODE = 'compiled code and what V8 keeps with it'

/** @type {[string, RegExp][]} */
const GROUPS = [
  ['Map objects', /^JS_MAP_TYPE$/],
  ['Set objects', /^JS_SET_TYPE$/],
  ['the tables of Maps and Sets', /^JS_COLLECTION_TABLE_TYPE$|^ORDERED_HASH_(?:MAP|SET)_TYPE$/],
  ['WeakMaps, WeakSets and their tables', /^JS_WEAK_(?:MAP|SET)_TYPE$|^EPHEMERON_HASH_TABLE_TYPE$/],
  ['WeakRefs and FinalizationRegistries', /^JS_WEAK_REF_TYPE$|^JS_FINALIZATION_REGISTRY_TYPE$|^WEAK_CELL_TYPE$/],
  ['arrays', /^JS_ARRAY_TYPE$/],
  ['the elements of arrays', /^(?:ARRAY|COW_ARRAY|ARRAY_DICTIONARY)_(?:ELEMENTS_)?TYPE$|^FIXED_DOUBLE_ARRAY_TYPE$/],
  ['the properties of objects', /^OBJECT_(?:PROPERTY|DICTIONARY|ELEMENTS).*_TYPE$|^PROPERTY_ARRAY_TYPE$/],
  ['numbers with a fraction, or large ones', /^HEAP_NUMBER_TYPE$/],
  ['bigints', /^BIG_INT_/],
  ['dates', /^JS_DATE_TYPE$/],
  ['errors', /^JS_ERROR_TYPE$|^ERROR_STACK_DATA_TYPE$|^STACK_FRAME_INFO_TYPE$|^CALL_SITE_INFO_TYPE$/],
  ['regular expressions', /^(?:JS_)?REG_?EXP|_REG_EXP_DATA_TYPE$/],
  ['promises', /^JS_PROMISE_TYPE$|^PROMISE_(?:REACTION|CAPABILITY).*$/],
  ['paused async functions and generators', /^JS_(?:ASYNC_)?(?:GENERATOR|FUNCTION)_OBJECT_TYPE$/],
  ["closures' variables", /^FUNCTION_CONTEXT_TYPE$|^OTHER_CONTEXT_TYPE$|^CONTEXT_CELL_TYPE$|^BLOCK_CONTEXT_TYPE$/],
  ['contexts (of vm)', /^NATIVE_CONTEXT_TYPE$|^JS_GLOBAL_(?:OBJECT|PROXY)_TYPE$/],
  ['functions', /^JS_(?:UNCOMPILED_)?FUNCTION_TYPE$|^JS_BOUND_FUNCTION_TYPE$|^JS_CLASS_CONSTRUCTOR_TYPE$/],
  ['symbols', /^SYMBOL_TYPE$|^REGISTERED_SYMBOL_TABLE_TYPE$/],
  ['typed arrays and Buffers', /^JS_TYPED_ARRAY_TYPE$|^JS_DATA_VIEW_TYPE$/],
  ['ArrayBuffers', /^JS_ARRAY_BUFFER_TYPE$/],
  ['source text of scripts', /^SCRIPT_SOURCE_/],
  ['strings', /STRING(?:_ONE_BYTE|_TWO_BYTE)?_TYPE$/],
  ['proxies', /^JS_PROXY_TYPE$/],
  ['iterators', /^JS_.*ITERATOR_TYPE$/],
  ['objects made by native code', /^JS_(?:SPECIAL_)?API_OBJECT_TYPE$|^JS_EXTERNAL_OBJECT_TYPE$/],
  ['plain objects and instances of classes', /^JS_OBJECT_TYPE$/],
  [SHAPES, /^MAP_|^(?:PROTOTYPE_|STRONG_|WASTED_)?DESCRIPTOR_ARRAY|^TRANSITION_ARRAY_TYPE$|^ENUM_/],
  [CODE, new RegExp([
    'BYTECODE', '^CODE_', '^FEEDBACK', 'SHARED_FUNCTION_INFO', '^SCOPE_INFO', '^SCRIPT_', '^SOURCE_POSITION',
    '^UNCOMPILED_DATA',
    '^PREPARSE', '^RELOC_INFO', '^DEOPTIMIZATION', '^OPTIMIZED_CODE', '^CLOSURE_FEEDBACK', '^BASELINE$', '^MAGLEV$',
    '^TURBOFAN', '^REGEXP$', '^EMBEDDED_OBJECT', '_BOILERPLATE_', '^LOAD_HANDLER', '^STORE_HANDLER', '^ALLOCATION_SITE'
  ].join('|'))]
]

const known = new Map()

/** @param {string} type as V8 names it */
const groupOf = type => {
  let group = known.get(type)
  if (group === undefined) {
    group = GROUPS.find(([, pattern]) => pattern.test(type))?.[0] ?? `V8's ${type}`
    known.set(type, group)
  }
  return group
}

/** Whether V8 makes them for itself, rather than the program. */
const isOwn = group => group === SHAPES || group === CODE || group.startsWith("V8's ")

module.exports = { groupOf, isOwn }
