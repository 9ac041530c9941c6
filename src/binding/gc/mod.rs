//! The callbacks of the GC monitor: who records on this thread, what was recorded, and what other threads record.

mod trend;

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use napi::bindgen_prelude::Result;
use once_cell::sync::Lazy;

use super::raw::{Api, Bell, Call, Exports, Fault, Js, Reply, Text, Watch, callback, now, ring};
use crate::core::gc::recorder::{EVENT, FULL_EVENT, Observer, Recorder};
use crate::core::gc::tally::{KINDS, Tally};
use crate::core::gc::threads::Threads;
use crate::core::sync::lock;

type Outcome = std::result::Result<Reply, Fault>;

/// Rows of events that a recorder keeps at most.
const MOST_ROWS: u32 = 1 << 20;
/// Numbers in a row of `gcThreads`.
const THREAD: usize = 13;
/// Numbers for each kind in `gcTally`, and behind them.
const KIND: usize = 8;
const SUMS: usize = 10;

/// Exports the callbacks.
pub fn register(exports: &Exports) -> Result<()> {
    trend::register(exports)?;
    exports.function("gcSupport", callback!(support))?;
    exports.function("gcNow", callback!(clock))?;
    exports.function("gcOpen", callback!(open))?;
    exports.function("gcClose", callback!(close))?;
    exports.function("gcDrain", callback!(drain))?;
    exports.function("gcDrainFull", callback!(drain_full))?;
    exports.function("gcTally", callback!(tally))?;
    exports.function("gcHistogram", callback!(histogram))?;
    exports.function("gcReset", callback!(reset))?;
    exports.function("gcHeap", callback!(heap))?;
    exports.function("gcThreads", callback!(threads))?;
    exports.function("gcAttach", callback!(attach))?;
    exports.function("gcDetach", callback!(detach))?;
    exports.function("gcListen", callback!(listen))?;
    exports.function("gcWatched", callback!(watched))?;
    exports.function("gcTypes", callback!(types))?;
    exports.function("gcReserve", callback!(reserve))?;
    exports.function("gcReserved", callback!(reserved))
}

/// Those who want every thread of the process to record.
static WATCHERS: AtomicU32 = AtomicU32::new(0);

/// What has a thread look whether it is to record, by the number of its environment.
static BELLS: Lazy<Mutex<Vec<(u32, Bell)>>> = Lazy::new(Mutex::default);

/// What an environment records.
#[derive(Debug, Default)]
pub struct Collector {
    watch: RefCell<Option<Watching>>,
    last: Cell<u32>,
    /// Whether it records for others than its own listeners.
    attached: Cell<bool>,
    /// The recorders of this thread that want every thread to record.
    wide: RefCell<Vec<u32>>,
    bell: Cell<Option<u32>>,
}

#[derive(Debug)]
struct Watching {
    watch: Watch,
    thread: Arc<Tally>,
}

impl Drop for Watching {
    fn drop(&mut self) {
        Threads::shared().remove(&self.thread);
    }
}

impl Collector {
    /// Has collections told to this environment from now on. False if they cannot be.
    fn begin(&self, thread: u32) -> bool {
        let mut watch = self.watch.borrow_mut();
        if watch.is_some() {
            return true;
        }
        let tally = Arc::new(Tally::new(now()));
        let Some(made) = Watch::new(|heap| Observer::new(Arc::clone(&tally), heap)) else { return false };
        Threads::shared().add(thread, Arc::clone(&tally));
        *watch = Some(Watching { watch: made, thread: tally });
        true
    }

    fn end_if_unused(&self) {
        let unused = !self.attached.get() && self.with(|observer| observer.recorders.is_empty()).unwrap_or(false);
        if unused {
            let watching = self.watch.borrow_mut().take();
            drop(watching);
        }
    }

    fn with<T>(&self, work: impl FnOnce(&mut Observer) -> T) -> Option<T> {
        self.watch.borrow().as_ref().and_then(|watching| watching.watch.with(work))
    }

    fn recorder(&self, call: &Call) -> std::result::Result<Arc<Recorder>, Fault> {
        let handle = call.u32(0)?;
        self.with(|observer| {
            observer.recorders.iter().find(|(other, _)| *other == handle).map(|(_, recorder)| Arc::clone(recorder))
        })
        .flatten()
        .ok_or_else(|| Fault::new("no such recorder"))
    }

    fn widen(&self, handle: u32) {
        self.wide.borrow_mut().push(handle);
        if WATCHERS.fetch_add(1, Ordering::SeqCst) == 0 {
            ring_all();
        }
    }

    fn narrow(&self, handle: u32) {
        let mut wide = self.wide.borrow_mut();
        let before = wide.len();
        wide.retain(|other| *other != handle);
        if wide.len() < before && WATCHERS.fetch_sub(1, Ordering::SeqCst) == 1 {
            ring_all();
        }
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        if let Some(number) = self.bell.take() {
            lock(&BELLS).retain(|(other, _)| *other != number);
        }
        let handles = self.wide.borrow().clone();
        for handle in handles {
            self.narrow(handle);
        }
    }
}

fn ring_all() {
    for (_, bell) in lock(&BELLS).iter() {
        ring(bell);
    }
}

fn put(out: &[Cell<f64>], values: impl IntoIterator<Item = f64>) {
    for (place, value) in out.iter().zip(values) {
        place.set(value);
    }
}

fn rows<const W: usize>(out: &[Cell<f64>]) -> impl Iterator<Item = impl FnOnce(&[f64; W])> {
    out.chunks_exact(W).map(|row| move |values: &[f64; W]| put(row, values.iter().copied()))
}

fn support(_: &Call) -> Outcome {
    Ok(Reply::U32(Api::get().map_or(0, Api::support)))
}

fn clock(_: &Call) -> Outcome {
    Ok(Reply::F64(now() as f64))
}

/// (rows, thread, wide): a recorder of this thread's collections; 0 if there can be none.
fn open(call: &Call) -> Outcome {
    let collector = &call.environment()?.gc;
    let rows = call.u32(0)?.min(MOST_ROWS) as usize;
    let wide = call.u32(2)? != 0;
    if !collector.begin(call.u32(1)?) {
        return Ok(Reply::U32(0));
    }
    let handle = collector.last.get().wrapping_add(1).max(1);
    let recorder = Arc::new(Recorder::new(rows, now()));
    if collector.with(|observer| observer.recorders.push((handle, recorder))).is_none() {
        return Ok(Reply::U32(0));
    }
    collector.last.set(handle);
    if wide {
        collector.widen(handle);
    }
    Ok(Reply::U32(handle))
}

fn close(call: &Call) -> Outcome {
    let collector = &call.environment()?.gc;
    let handle = call.u32(0)?;
    collector.with(|observer| observer.recorders.retain(|(other, _)| *other != handle));
    collector.narrow(handle);
    collector.end_if_unused();
    Ok(Reply::Nothing)
}

fn drain(call: &Call) -> Outcome {
    let recorder = call.environment()?.gc.recorder(call)?;
    Ok(Reply::U32(recorder.drain(rows::<EVENT>(call.f64s(1)?)) as u32))
}

fn drain_full(call: &Call) -> Outcome {
    let recorder = call.environment()?.gc.recorder(call)?;
    Ok(Reply::U32(recorder.drain_full(rows::<FULL_EVENT>(call.f64s(1)?)) as u32))
}

fn tally(call: &Call) -> Outcome {
    let recorder = call.environment()?.gc.recorder(call)?;
    let out = call.f64s(1)?;
    if out.len() < KINDS * KIND + SUMS {
        return Err(Fault::new("argument 1 is too short"));
    }
    let tally = &recorder.tally;
    for (kind, out) in tally.kinds.iter().zip(out.chunks_exact(KIND)) {
        let pauses = &kind.pauses;
        let [p50, p90, p99] = pauses.quantiles([0.5, 0.9, 0.99]);
        let row =
            [pauses.count(), pauses.total(), pauses.max(), p50, p90, p99, kind.reclaimed.get(), kind.forced.get()];
        put(out, row.map(|value| value as f64));
    }
    let sums = [
        tally.since.get(),
        tally.allocated.get(),
        tally.promoted.get(),
        recorder.lost(),
        tally.used.get(),
        tally.last_end.get(),
        tally.limit.get(),
        tally.full(),
        tally.busy.get(),
        recorder.events.written(),
    ];
    put(out.get(KINDS * KIND..).unwrap_or_default(), sums.map(|value| value as f64));
    Ok(Reply::Nothing)
}

/// The buckets of one kind that are not empty: from, to and count of each, in one array.
fn histogram(call: &Call) -> Outcome {
    let recorder = call.environment()?.gc.recorder(call)?;
    let kind = recorder.tally.kinds.get(call.u32(1)? as usize).ok_or_else(|| Fault::new("no such kind"))?;
    let buckets: Vec<_> = kind.pauses.buckets().collect();
    let array = call.array(buckets.len() as u32 * 3)?;
    for (index, bucket) in buckets.iter().enumerate() {
        for (offset, value) in [bucket.from, bucket.to, bucket.count].into_iter().enumerate() {
            call.set_element(array, (index * 3 + offset) as u32, Reply::F64(value as f64))?;
        }
    }
    Ok(Reply::Js(array))
}

fn reset(call: &Call) -> Outcome {
    call.environment()?.gc.recorder(call)?.tally.reset(now());
    Ok(Reply::Nothing)
}

/// The heap as it is now: used, total, external, malloced, limit, ever allocated, allocated since the last collection.
/// False if nothing records on this thread.
fn heap(call: &Call) -> Outcome {
    let collector = &call.environment()?.gc;
    let Some(heap) = collector.watch.borrow().as_ref().map(|watching| watching.watch.heap()) else {
        return Ok(Reply::Bool(false));
    };
    let since = collector.with(|observer| observer.allocated_until(&heap)).unwrap_or_default();
    let words = [heap.used, heap.total, heap.external, heap.malloced, heap.limit, heap.ever, since];
    put(call.f64s(0)?, words.map(|value| value as f64));
    Ok(Reply::Bool(true))
}

/// A row for each thread that records, and one for all that do not any more: how many rows there are, if room or not.
fn threads(call: &Call) -> Outcome {
    let (alive, ended) = Threads::shared().list();
    let mut rows = call.f64s(0)?.chunks_exact(THREAD);
    for thread in &alive {
        let tally = &thread.tally;
        let sums = [tally.used.get(), tally.total.get(), tally.external.get(), tally.limit.get(), tally.since.get()];
        let head =
            [f64::from(thread.id), 1.0, tally.collections() as f64, tally.busy.get() as f64, tally.longest() as f64];
        let cpu = thread.clock.nanoseconds().map_or(f64::NAN, |ns| ns as f64);
        let tail = [tally.last_end.get() as f64, tally.full() as f64, cpu];
        put(rows.next().unwrap_or_default(), head.into_iter().chain(sums.map(|value| value as f64)).chain(tail));
    }
    let sums = [ended.threads, ended.collections, ended.busy, ended.longest].map(|value| value as f64);
    let row = [-1.0].into_iter().chain(sums).chain([0.0; 6]).chain([ended.full as f64, f64::NAN]);
    put(rows.next().unwrap_or_default(), row);
    Ok(Reply::U32(alive.len() as u32 + 1))
}

/// Records for whoever asks about all threads.
fn attach(call: &Call) -> Outcome {
    let collector = &call.environment()?.gc;
    let begun = collector.begin(call.u32(0)?);
    collector.attached.set(begun);
    Ok(Reply::Bool(begun))
}

fn detach(call: &Call) -> Outcome {
    let collector = &call.environment()?.gc;
    collector.attached.set(false);
    collector.end_if_unused();
    Ok(Reply::Nothing)
}

/// Has the function called when `gcWatched` changes from nobody to somebody, or back.
fn listen(call: &Call) -> Outcome {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let collector = &call.environment()?.gc;
    if collector.bell.get().is_none() {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let bell = call.bell(0)?;
        lock(&BELLS).push((number, bell));
        collector.bell.set(Some(number));
    }
    Ok(Reply::Nothing)
}

fn watched(_: &Call) -> Outcome {
    Ok(Reply::U32(WATCHERS.load(Ordering::SeqCst)))
}

/// Name, kind of it, count and bytes of each type of object, in one array.
fn types(call: &Call) -> Outcome {
    let watch = call.environment()?.gc.watch.borrow();
    let types = watch.as_ref().map(|watching| watching.watch.types()).unwrap_or_default();
    drop(watch);
    let array = call.array(types.len() as u32 * 4)?;
    for (index, each) in types.iter().enumerate() {
        let at = index as u32 * 4;
        set_text(call, array, at, &each.name)?;
        set_text(call, array, at + 1, &each.of)?;
        call.set_element(array, at + 2, Reply::F64(each.count as f64))?;
        call.set_element(array, at + 3, Reply::F64(each.bytes as f64))?;
    }
    Ok(Reply::Js(array))
}

fn set_text(call: &Call, array: Js, at: u32, text: &str) -> std::result::Result<(), Fault> {
    call.set_element(array, at, call.string(Text { wide: false, bytes: text.as_bytes() })?)
}

fn reserve(call: &Call) -> Outcome {
    let watch = call.environment()?.gc.watch.borrow();
    let bytes = call.f64(0)?;
    Ok(Reply::Bool(watch.as_ref().is_some_and(|watching| watching.watch.reserve(bytes as usize))))
}

fn reserved(call: &Call) -> Outcome {
    let watch = call.environment()?.gc.watch.borrow();
    Ok(Reply::F64(watch.as_ref().map_or(0, |watching| watching.watch.reserved()) as f64))
}
