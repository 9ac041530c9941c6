//! The callbacks of the on-heap caches. The ledger comes as an argument each time: Rust keeps nothing of a cache, so a
//! cache that is dropped leaves nothing behind.

use napi::bindgen_prelude::Result;

use super::raw::{Call, Exports, Fault, Reply, callback};
use crate::core::cache::expiry::Wheel;
use crate::core::cache::recency::{Ledger, NONE, Shape};

type Outcome = std::result::Result<Reply, Fault>;

pub fn register(exports: &Exports) -> Result<()> {
    exports.function("ledgerLength", callback!(ledger_length))?;
    exports.function("ledgerCreate", callback!(ledger_create))?;
    exports.function("ledgerTurn", callback!(ledger_turn))?;
    exports.function("ledgerNextTail", callback!(ledger_next_tail))?;
    exports.function("ledgerGrow", callback!(ledger_grow))?;
    exports.function("ledgerNewestFirst", callback!(ledger_newest_first))?;
    exports.function("ledgerOldestFirst", callback!(ledger_oldest_first))?;
    exports.function("wheelLength", callback!(wheel_length))?;
    exports.function("wheelCreate", callback!(wheel_create))?;
    exports.function("wheelSchedule", callback!(wheel_schedule))?;
    exports.function("wheelDue", callback!(wheel_due))?;
    exports.function("wheelGrow", callback!(wheel_grow))
}

fn shape(slots: u32) -> std::result::Result<Shape, Fault> {
    Shape::for_slots(slots).ok_or_else(|| Fault::new("more slots than a ledger can hold"))
}

/// `(slots) -> length`
fn ledger_length(call: &Call) -> Outcome {
    let length = shape(call.u32(0)?)?.length();
    Ok(Reply::U32(u32::try_from(length)?))
}

/// `(ledger, slots)`
fn ledger_create(call: &Call) -> Outcome {
    Ledger::create(call.u32s(0)?, shape(call.u32(1)?)?)?;
    Ok(Reply::Nothing)
}

/// `(ledger, head, tail)`
fn ledger_turn(call: &Call) -> Outcome {
    Ledger::open(call.u32s(0)?)?.turn(call.u32(1)?, call.u32(2)?)?;
    Ok(Reply::Nothing)
}

/// `(ledger, head)`
fn ledger_next_tail(call: &Call) -> Outcome {
    Ledger::open(call.u32s(0)?)?.next_tail(call.u32(1)?)?;
    Ok(Reply::Nothing)
}

/// `(ledger, head, larger, slots)`
fn ledger_grow(call: &Call) -> Outcome {
    let to = Ledger::create(call.u32s(2)?, shape(call.u32(3)?)?)?;
    Ledger::open(call.u32s(0)?)?.grow(call.u32(1)?, &to)?;
    Ok(Reply::Nothing)
}

/// `(ledger, head, out) -> count`
fn ledger_newest_first(call: &Call) -> Outcome {
    let count = Ledger::open(call.u32s(0)?)?.newest_first(call.u32(1)?, call.u32s(2)?)?;
    Ok(Reply::U32(u32::try_from(count)?))
}

/// `(ledger, head, out) -> count`
fn ledger_oldest_first(call: &Call) -> Outcome {
    let count = Ledger::open(call.u32s(0)?)?.oldest_first(call.u32(1)?, call.u32s(2)?)?;
    Ok(Reply::U32(u32::try_from(count)?))
}

/// `(slots) -> length`
fn wheel_length(call: &Call) -> Outcome {
    let length = Wheel::length(call.u32(0)?).ok_or_else(|| Fault::new("more slots than a wheel can hold"))?;
    Ok(Reply::U32(u32::try_from(length)?))
}

/// `(wheel, slots, now)`
fn wheel_create(call: &Call) -> Outcome {
    Wheel::create(call.u32s(0)?, call.u32(1)?, call.f64(2)?)?;
    Ok(Reply::Nothing)
}

/// `(wheel, starts, ttls, queue, count, now)`
fn wheel_schedule(call: &Call) -> Outcome {
    let wheel = Wheel::open(call.u32s(0)?)?;
    wheel.schedule(call.f64s(1)?, call.f64s(2)?, call.u32s(3)?, call.u32(4)? as usize, call.f64(5)?)?;
    Ok(Reply::Nothing)
}

/// `(wheel, starts, ttls, now) -> slot`, or 2^32 - 1 for none
fn wheel_due(call: &Call) -> Outcome {
    let slot = Wheel::open(call.u32s(0)?)?.due(call.f64s(1)?, call.f64s(2)?, call.f64(3)?)?;
    Ok(Reply::U32(slot.unwrap_or(NONE)))
}

/// `(wheel, larger, slots, starts, ttls, now)`
fn wheel_grow(call: &Call) -> Outcome {
    let to = Wheel::create(call.u32s(1)?, call.u32(2)?, call.f64(5)?)?;
    Wheel::open(call.u32s(0)?)?.grow(&to, call.f64s(3)?, call.f64s(4)?, call.f64(5)?)?;
    Ok(Reply::Nothing)
}
