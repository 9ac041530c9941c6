//! Many entries in one crossing, and what is about a whole store.

use napi::bindgen_prelude::Result;

use super::super::raw::{Call, Exports, Reply, callback};
use super::local::{BOOLEAN, FIRST_BYTES, NULL, STRING, WIDE};
use super::{Outcome, answer, descriptor, how, key_op, list_key, milliseconds, with_value};
use crate::core::offheap::shard::Reason;
use crate::core::offheap::store::Stats;
use crate::core::offheap::sweeper;

/// Numbers of a store or a shard in what `offheapStats` fills.
const NUMBERS: usize = 12;

pub fn register(exports: &Exports) -> Result<()> {
    exports.function("offheapGetMany", callback!(get_many))?;
    exports.function("offheapSetMany", callback!(set_many))?;
    exports.function("offheapDeleteMany", callback!(delete_many))?;
    exports.function("offheapClear", callback!(clear))?;
    exports.function("offheapSize", callback!(size))?;
    exports.function("offheapBytes", callback!(bytes))?;
    exports.function("offheapStats", callback!(stats))?;
    exports.function("offheapKeys", callback!(keys))?;
    exports.function("offheapEvicted", callback!(evicted))
}

/// `(handle, keys, flags?) -> array`
fn get_many(call: &Call) -> Outcome {
    let local = &call.environment()?.offheap;
    let handle = call.u32(0)?;
    let open = local.store(handle)?;
    let asked = call.js(1)?;
    let how = how(call, 2, open.store.read())?;
    let count = call.array_length(asked)?;
    let answers = call.array(count)?;
    let mut pending = local.pending.borrow_mut();
    pending.clear();
    for index in 0..count {
        let js = call.element(asked, index)?;
        let start = pending.len();
        let found = local.with_key(call, key_op(call, js, handle).key_kind, js, |key| {
            open.store.get(key, how, |value| {
                pending.extend_from_slice(value.bytes);
                value.kind
            })
        })?;
        let Some(kind) = found else { continue };
        let reply = answer(call, kind, &pending[start..])?;
        call.set_element(answers, index, reply)?;
        if matches!(kind & !WIDE, STRING | BOOLEAN | NULL) {
            pending.truncate(start);
        }
    }
    Ok(Reply::Js(answers))
}

/// `(handle, keys, values, kinds, ttl?) -> -1 | index`
fn set_many(call: &Call) -> Outcome {
    let local = &call.environment()?.offheap;
    let handle = call.u32(0)?;
    let open = local.store(handle)?;
    let (keys, values) = (call.js(1)?, call.js(2)?);
    // A copy: an array with a getter in it could detach what is borrowed.
    let kinds: Vec<u8> = call.u32s(3)?.iter().map(|kind| kind.get() as u8 & 63).collect();
    let ttl = milliseconds(call, 4)?;
    let count = call.array_length(keys)?;
    // All are measured before one is written. Only text and bytes can be too large.
    for write in [false, true] {
        for index in 0..count {
            let (js, value) = (call.element(keys, index)?, call.element(values, index)?);
            let kind = kinds.get(index as usize).copied().unwrap_or(0);
            let fits = local.with_key(call, key_op(call, js, handle).key_kind, js, |key| {
                with_value(call, local, value, kind, |value| {
                    if write {
                        open.store.set(key, value, ttl);
                    }
                    let fits = open.store.fits(key.bytes.len(), value.bytes.len());
                    if !fits {
                        open.store.refuse(key);
                    }
                    Ok(fits)
                })
            })??;
            if !fits {
                return Ok(Reply::U32(index));
            }
        }
    }
    Ok(Reply::F64(-1.0))
}

/// `(handle, keys) -> number`
fn delete_many(call: &Call) -> Outcome {
    let local = &call.environment()?.offheap;
    let handle = call.u32(0)?;
    let open = local.store(handle)?;
    let keys = call.js(1)?;
    let mut deleted = 0;
    for index in 0..call.array_length(keys)? {
        let js = call.element(keys, index)?;
        let kind = key_op(call, js, handle).key_kind;
        deleted += u32::from(local.with_key(call, kind, js, |key| open.store.delete(key))?);
    }
    Ok(Reply::U32(deleted))
}

/// `(handle)`
fn clear(call: &Call) -> Outcome {
    let local = &call.environment()?.offheap;
    let remains = local.store(call.u32(0)?)?.store.clear();
    sweeper::bury(Box::new(remains));
    Ok(Reply::Nothing)
}

/// `(handle) -> entries`
fn size(call: &Call) -> Outcome {
    Ok(Reply::F64(call.environment()?.offheap.store(call.u32(0)?)?.store.len() as f64))
}

/// `(handle) -> bytes`
fn bytes(call: &Call) -> Outcome {
    Ok(Reply::F64(call.environment()?.offheap.store(call.u32(0)?)?.store.bytes() as f64))
}

/// `(handle, out) -> shards`
fn stats(call: &Call) -> Outcome {
    let local = &call.environment()?.offheap;
    let open = local.store(call.u32(0)?)?;
    let out = call.f64s(1)?;
    let write = |place: usize, stats: &Stats, dropped: u64| {
        let counters = stats.counters;
        let numbers = [
            counters.hits,
            counters.misses,
            counters.sets,
            counters.deletes,
            counters.evicted_for_size,
            counters.expired,
            counters.refused,
            stats.entries as u64,
            stats.bytes as u64,
            stats.committed as u64,
            stats.max_bytes as u64,
            dropped,
        ];
        for (cell, number) in out.iter().skip(place * NUMBERS).zip(numbers) {
            cell.set(number as f64);
        }
    };
    let mut sum = Stats::default();
    for shard in 0..open.store.shards() {
        let stats = open.store.shard_stats(shard);
        sum.add(&stats);
        write(shard + 1, &stats, 0);
    }
    write(0, &sum, open.store.evicted_dropped());
    Ok(Reply::U32(open.store.shards() as u32))
}

/// `(handle, shard) -> descriptor`
fn keys(call: &Call) -> Outcome {
    let local = &call.environment()?.offheap;
    let open = local.store(call.u32(0)?)?;
    let mut pending = local.pending.borrow_mut();
    pending.clear();
    let shard = call.u32(1)? as usize;
    if shard < open.store.shards() {
        open.store.for_each(shard, |key, _| list_key(&mut pending, key));
    }
    Ok(descriptor(FIRST_BYTES, pending.len()))
}

/// `(handle, max) -> descriptor`
fn evicted(call: &Call) -> Outcome {
    let local = &call.environment()?.offheap;
    let open = local.store(call.u32(0)?)?;
    let mut pending = local.pending.borrow_mut();
    pending.clear();
    // Not more than there can be at once: others may add to it as fast as they are taken.
    let most = (call.f64(1)? as usize).min(open.store.config().evicted_keys);
    open.store.take_evicted(most, |reason, key| {
        pending.push(u8::from(reason == Reason::Expired));
        list_key(&mut pending, key);
    });
    Ok(descriptor(FIRST_BYTES, pending.len()))
}
