//! The callbacks of off-heap stores. They read keys and values, call the store, and answer; the façade has checked what users
//! pass. No JavaScript value is made while a lock is held: making one can collect garbage, which takes its time.
//!
//! A value that is no string, boolean or null is answered by a *descriptor*, the number `length * 64 + kind`, while its
//! bytes are *pending* in the environment until the façade takes them: it can then allocate what it wants to have them in.

mod batch;
mod events;
mod files;
mod local;

use napi::bindgen_prelude::Result;

pub use self::local::Local;
use self::local::{BOOLEAN, FIRST_BYTES, NULL, NUMBER, Op, STRING, WIDE, give_back};
use super::raw::{Call, Exports, Fault, Js, Kind, Reply, Text, callback};
use crate::core::offheap::entry::{Key, Value, key_kind};
use crate::core::offheap::shard::{Put, Read};

type Outcome = std::result::Result<Reply, Fault>;

pub fn register(exports: &Exports) -> Result<()> {
    exports.function("offheapOpen", callback!(open))?;
    exports.function("offheapClose", callback!(close))?;
    exports.function("offheapGet", callback!(get))?;
    exports.function("offheapTake", callback!(take))?;
    exports.function("offheapTakeText", callback!(take_text))?;
    exports.function("offheapTakeNumber", callback!(take_number))?;
    exports.function("offheapPendingLength", callback!(pending_length))?;
    exports.function("offheapSet", callback!(set))?;
    exports.function("offheapHas", callback!(has))?;
    exports.function("offheapDelete", callback!(delete))?;
    exports.function("offheapTtl", callback!(ttl))?;
    exports.function("offheapTouch", callback!(touch))?;
    exports.function("offheapIncrement", callback!(increment))?;
    exports.function("offheapCompareAndSet", callback!(compare_and_set))?;
    exports.function("offheapGetBytes", callback!(get_bytes))?;
    exports.function("offheapGetInto", callback!(get_into))?;
    batch::register(exports)?;
    events::register(exports)?;
    files::register(exports)
}

/// `(name | undefined, config) -> handle`, or 0 with the reason in `config[9]`
fn open(call: &Call) -> Outcome {
    let local = &call.environment()?.offheap;
    let name = call.js(0)?;
    let name = match call.kind(name) {
        Kind::String => Some(local.with_text(call, name, |text| (text.wide, text.bytes.to_vec()))?),
        _ => None,
    };
    Ok(Reply::U32(local.open(name, call.f64s(1)?)))
}

/// `(handle)`
fn close(call: &Call) -> Outcome {
    call.environment()?.offheap.close(call.u32(0)?);
    Ok(Reply::Nothing)
}

fn descriptor(kind: u8, length: usize) -> Reply {
    let number = length as u64 * 64 + u64::from(kind);
    u32::try_from(number).map_or(Reply::F64(number as f64), Reply::U32)
}

/// How to read: the store's own way, or as `flags` says.
fn how(call: &Call, index: usize, usual: Read) -> std::result::Result<Read, Fault> {
    let Some(flags) = call.number(index)? else { return Ok(usual) };
    let flags = flags as u32;
    if flags & 8 == 0 {
        return Ok(Read { peek: flags & 4 != 0, ..usual });
    }
    Ok(Read { allow_stale: flags & 1 != 0, update_age: flags & 2 != 0, peek: flags & 4 != 0 })
}

/// `(op, key, flags?) -> undefined | string | boolean | null | descriptor`
fn get(call: &Call) -> Outcome {
    let local = &call.environment()?.offheap;
    let op = Op::new(call.u32(0)?);
    local.with(call, op, 1, |open, key| {
        let how = how(call, 2, open.store.read())?;
        let mut pending = local.pending.borrow_mut();
        let found = open.store.get(key, how, |value| {
            pending.clear();
            pending.extend_from_slice(value.bytes);
            value.kind
        });
        match found {
            None => Ok(Reply::Nothing),
            Some(kind) => {
                let reply = answer(call, kind, &pending);
                if kind & !WIDE == STRING {
                    give_back(&mut pending);
                }
                reply
            }
        }
    })
}

/// The value whose bytes are pending.
fn answer(call: &Call, kind: u8, bytes: &[u8]) -> Outcome {
    match kind & !WIDE {
        STRING => call.string(Text { wide: kind & WIDE != 0, bytes }),
        BOOLEAN => Ok(Reply::Bool(bytes.first() == Some(&1))),
        NULL => Ok(Reply::Null),
        _ => Ok(descriptor(kind, bytes.len())),
    }
}

/// `(target)`
fn take(call: &Call) -> Outcome {
    let local = &call.environment()?.offheap;
    let filled = call.fill(call.js(0)?, 0, &local.pending.borrow())?;
    local.forget_pending();
    if filled { Ok(Reply::Nothing) } else { Err(Fault::new("the target is too small")) }
}

/// `(wide) -> string`
fn take_text(call: &Call) -> Outcome {
    let local = &call.environment()?.offheap;
    let wide = call.number(0)?.is_some_and(|wide| wide != 0.0);
    let answer = call.string(Text { wide, bytes: &local.pending.borrow() });
    local.forget_pending();
    answer
}

/// `() -> number`
fn take_number(call: &Call) -> Outcome {
    let pending = call.environment()?.offheap.pending.borrow();
    let bytes = pending.first_chunk().ok_or_else(|| Fault::new("no number is pending"))?;
    Ok(Reply::F64(f64::from_le_bytes(*bytes)))
}

/// `() -> bytes`
fn pending_length(call: &Call) -> Outcome {
    Ok(Reply::F64(call.environment()?.offheap.pending.borrow().len() as f64))
}

/// Hands the value of argument `js` to `f`. `kind` is what the façade says that it is.
fn with_value<R>(
    call: &Call,
    local: &Local,
    js: Js,
    kind: u8,
    f: impl FnOnce(Value<'_>) -> std::result::Result<R, Fault>,
) -> std::result::Result<R, Fault> {
    match kind {
        NUMBER => f(Value { kind, bytes: &call.double(js)?.to_le_bytes() }),
        BOOLEAN => f(Value { kind, bytes: &[u8::from(call.boolean(js)?)] }),
        NULL => f(Value { kind, bytes: &[] }),
        FIRST_BYTES.. => f(Value { kind, bytes: &call.bytes(js)? }),
        _ => local.with_text(call, js, |text| {
            f(Value { kind: if text.wide { kind | WIDE } else { kind }, bytes: text.bytes })
        })?,
    }
}

/// A ttl in milliseconds, if the argument is there.
fn milliseconds(call: &Call, index: usize) -> std::result::Result<Option<u64>, Fault> {
    Ok(call.number(index)?.map(|ttl| ttl.ceil().max(0.0) as u64))
}

fn put(outcome: Put) -> Reply {
    Reply::U32(match outcome {
        Put::Stored => 0,
        Put::TooLarge | Put::NoSlot => 1,
        Put::Refused => 2,
    })
}

/// `(op, key, value, ttl?, mode?) -> 0 | 1 | 2`
fn set(call: &Call) -> Outcome {
    let local = &call.environment()?.offheap;
    let op = Op::new(call.u32(0)?);
    local.with(call, op, 1, |open, key| {
        let ttl = milliseconds(call, 3)?;
        let only_new = call.number(4)?.is_some_and(|mode| mode != 0.0);
        with_value(call, local, call.js(2)?, op.value_kind, |value| {
            Ok(put(if only_new { open.store.add(key, value, ttl) } else { open.store.set(key, value, ttl) }))
        })
    })
}

/// `(op, key) -> boolean`
fn has(call: &Call) -> Outcome {
    let op = Op::new(call.u32(0)?);
    call.environment()?.offheap.with(call, op, 1, |open, key| Ok(Reply::Bool(open.store.has(key))))
}

/// `(op, key) -> boolean`
fn delete(call: &Call) -> Outcome {
    let op = Op::new(call.u32(0)?);
    call.environment()?.offheap.with(call, op, 1, |open, key| Ok(Reply::Bool(open.store.delete(key))))
}

/// `(op, key) -> milliseconds`
fn ttl(call: &Call) -> Outcome {
    let op = Op::new(call.u32(0)?);
    call.environment()?.offheap.with(call, op, 1, |open, key| Ok(Reply::F64(open.store.remaining(key))))
}

/// `(op, key, ttl?) -> boolean`
fn touch(call: &Call) -> Outcome {
    let op = Op::new(call.u32(0)?);
    call.environment()?
        .offheap
        .with(call, op, 1, |open, key| Ok(Reply::Bool(open.store.touch(key, milliseconds(call, 2)?))))
}

/// `(op, key, by, ttl?) -> number | undefined | null`
fn increment(call: &Call) -> Outcome {
    let op = Op::new(call.u32(0)?);
    call.environment()?.offheap.with(call, op, 1, |open, key| {
        let (by, ttl) = (call.f64(2)?, milliseconds(call, 3)?);
        Ok(match open.store.increment(key, NUMBER, by, ttl) {
            Ok(sum) => Reply::F64(sum),
            Err(Put::Refused) => Reply::Nothing,
            Err(_) => Reply::Null,
        })
    })
}

/// `(op, key, value, expectedKind, expected, ttl?) -> 0 | 1 | 2`
fn compare_and_set(call: &Call) -> Outcome {
    let local = &call.environment()?.offheap;
    let op = Op::new(call.u32(0)?);
    local.with(call, op, 1, |open, key| {
        let ttl = milliseconds(call, 5)?;
        let expected_kind = call.u32(3)?;
        let expected = match u8::try_from(expected_kind) {
            // A copy: the value to be stored needs the room that strings are read to.
            Ok(kind) if kind < 64 => Some(with_value(call, local, call.js(4)?, kind, |expected| {
                Ok((expected.kind, expected.bytes.to_vec()))
            })?),
            _ => None,
        };
        let expected = expected.as_ref().map(|(kind, bytes)| Value { kind: *kind, bytes });
        with_value(call, local, call.js(2)?, op.value_kind, |value| {
            Ok(put(open.store.compare_and_set(key, expected, value, ttl)))
        })
    })
}

/// What a value is as bytes: its own, or a string's UTF-8.
fn plain_bytes(value: Value<'_>, out: &mut Vec<u8>) -> bool {
    out.clear();
    match value.kind {
        8..=22 => out.extend_from_slice(value.bytes),
        STRING => out.extend(value.bytes.iter().flat_map(|&byte| {
            let mut room = [0; 2];
            let length = char::from(byte).encode_utf8(&mut room).len();
            room.into_iter().take(length)
        })),
        kind if kind == STRING | WIDE => {
            let units = value.bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
            for unit in char::decode_utf16(units) {
                let mut room = [0; 4];
                out.extend_from_slice(unit.unwrap_or(char::REPLACEMENT_CHARACTER).encode_utf8(&mut room).as_bytes());
            }
        }
        _ => return false,
    }
    true
}

/// `(op, key) -> undefined | descriptor | -1`
fn get_bytes(call: &Call) -> Outcome {
    let local = &call.environment()?.offheap;
    let op = Op::new(call.u32(0)?);
    local.with(call, op, 1, |open, key| {
        let mut pending = local.pending.borrow_mut();
        Ok(match open.store.get(key, open.store.read(), |value| plain_bytes(value, &mut pending)) {
            None => Reply::Nothing,
            Some(true) => descriptor(FIRST_BYTES, pending.len()),
            Some(false) => Reply::F64(-1.0),
        })
    })
}

/// `(op, key, target, offset) -> bytes written | -1 | -2 | -(needed + 3)`
fn get_into(call: &Call) -> Outcome {
    let local = &call.environment()?.offheap;
    let op = Op::new(call.u32(0)?);
    local.with(call, op, 1, |open, key| {
        let (target, offset) = (call.js(2)?, call.f64(3)? as usize);
        let room = call.byte_length(target)?.saturating_sub(offset);
        // Values that are bytes go where they shall without another copy. `fill` runs no JavaScript.
        let found = open.store.get(key, open.store.read(), |value| match value.kind {
            8..=22 if value.bytes.len() > room => Ok(-3.0 - value.bytes.len() as f64),
            8..=22 => call.fill(target, offset, value.bytes).map(|_| value.bytes.len() as f64),
            _ => {
                let mut pending = local.pending.borrow_mut();
                if !plain_bytes(value, &mut pending) {
                    return Ok(-2.0);
                }
                let filled = call.fill(target, offset, &pending)?;
                let length = pending.len() as f64;
                give_back(&mut pending);
                Ok(if filled { length } else { -3.0 - length })
            }
        });
        found.unwrap_or(Ok(-1.0)).map(Reply::F64)
    })
}

/// The kind of key that `js` is, for batches, where each may be another.
fn key_op(call: &Call, js: Js, handle: u32) -> Op {
    let kind = match call.kind(js) {
        Kind::String => key_kind::LATIN1,
        Kind::Number => key_kind::INTEGER,
        _ => key_kind::BYTES,
    };
    Op { handle, key_kind: kind, value_kind: 0 }
}

/// A key as it is listed: kind, length, bytes.
fn list_key(out: &mut Vec<u8>, key: Key<'_>) {
    out.push(key.kind);
    out.extend_from_slice(&u16::try_from(key.bytes.len()).unwrap_or(u16::MAX).to_le_bytes());
    out.extend_from_slice(key.bytes);
}
