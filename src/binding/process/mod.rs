//! The callbacks of `process`.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::time::Duration;

use napi::bindgen_prelude::Result;

use super::raw::{Call, Exports, Fault, Reply, callback};
use crate::core::process::sampler::{Sampler, Subscription};
use crate::core::process::{Sample, WIDTH, os};

type Outcome = std::result::Result<Reply, Fault>;

/// Milliseconds. A sample costs some tens of microseconds; more than a few per cent of a core is nobody's wish.
const LEAST_INTERVAL: f64 = 10.0;
/// Milliseconds: what a timer of Node takes at most.
const MOST_INTERVAL: f64 = 2_147_483_647.0;

/// Exports the callbacks.
pub fn register(exports: &Exports) -> Result<()> {
    exports.function("processSample", callback!(sample))?;
    exports.function("processStart", callback!(start))?;
    exports.function("processStop", callback!(stop))?;
    exports.function("processDrain", callback!(drain))?;
    exports.function("processPeak", callback!(peak))?;
    exports.function("processTrim", callback!(trim))
}

/// Those of an environment who want the process sampled. They end with it.
#[derive(Debug, Default)]
pub struct Users {
    open: RefCell<HashMap<u32, Subscription>>,
    last: Cell<u32>,
}

impl Users {
    fn with<T>(&self, call: &Call, work: impl FnOnce(&mut Subscription) -> T) -> std::result::Result<T, Fault> {
        let id = call.u32(0)?;
        self.open.borrow_mut().get_mut(&id).map(work).ok_or_else(|| Fault::new("no such user of the sampler"))
    }
}

fn write(to: &[Cell<f64>], sample: &Sample) {
    to.iter().zip(sample.0).for_each(|(out, number)| out.set(number));
}

/// `(out)`: the process as it is now. `out` has room for exactly one sample.
fn sample(call: &Call) -> Outcome {
    let out = call.f64s(0)?;
    if out.len() != WIDTH {
        return Err(Fault::new(format!("a sample has {WIDTH} numbers, and there is room for {}", out.len())));
    }
    write(out, &Sampler::shared().now());
    Ok(Reply::Nothing)
}

/// `(milliseconds) -> user`, or 0 if the system gives no thread
fn start(call: &Call) -> Outcome {
    let users = &call.environment()?.process;
    let interval = call.f64(0)?;
    if !(LEAST_INTERVAL..=MOST_INTERVAL).contains(&interval) {
        return Err(Fault::new("no such interval"));
    }
    let id = users.last.get().checked_add(1).ok_or_else(|| Fault::new("too many users of the sampler"))?;
    let Ok(subscription) = Sampler::shared().subscribe(Duration::from_secs_f64(interval / 1000.0)) else {
        return Ok(Reply::U32(0));
    };
    users.last.set(id);
    users.open.borrow_mut().insert(id, subscription);
    Ok(Reply::U32(id))
}

/// `(user)`
fn stop(call: &Call) -> Outcome {
    let id = call.u32(0)?;
    let removed = call.environment()?.process.open.borrow_mut().remove(&id);
    drop(removed);
    Ok(Reply::Nothing)
}

/// `(user, out) -> how many`: what was sampled since the last call, oldest first, as many samples as there is room for
fn drain(call: &Call) -> Outcome {
    let out = call.f64s(1)?;
    let mut rows = out.chunks_exact(WIDTH);
    let room = rows.len();
    let count = call.environment()?.process.with(call, |user| {
        user.drain(room, |sample| {
            if let Some(row) = rows.next() {
                write(row, sample);
            }
        })
    })?;
    Ok(Reply::U32(count as u32))
}

/// `(user) -> bytes`: the highest RSS since the last call; `NaN` if there was no sample
fn peak(call: &Call) -> Outcome {
    let peak = call.environment()?.process.with(call, |user| user.take_peak())?;
    Ok(Reply::F64(peak.unwrap_or(f64::NAN)))
}

/// `() -> boolean`: malloc has given back what it could. False if it cannot be asked to.
fn trim(_: &Call) -> Outcome {
    Ok(Reply::Bool(os::trim()))
}
