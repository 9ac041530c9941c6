//! The thread that removes what has expired, and drops what is large, while JavaScript runs or does not.
//!
//! There is one for the process, started when it is first needed. It holds stores weakly, works in steps that hold a lock for
//! a few ten microseconds, and takes at most a twentieth of one core's time for a store.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use once_cell::sync::Lazy;

use super::store::Store;

/// Blocks looked at under one lock.
const STEP: u32 = 512;
/// How often it looks whether something has expired, while there is anything that can.
const TICK: Duration = Duration::from_millis(50);
/// The pause after a sweep, as a multiple of what it took.
const REST: u32 = 20;

struct Work {
    stores: Vec<Weak<Store>>,
    /// What is to be dropped next.
    remains: Option<Box<dyn Any + Send>>,
    awake: bool,
    running: bool,
}

static WORK: Mutex<Work> = Mutex::new(Work { stores: Vec::new(), remains: None, awake: false, running: false });
static CALL: Condvar = Condvar::new();
static EPOCH: Lazy<Instant> = Lazy::new(Instant::now);

fn millis() -> u64 {
    u64::try_from(EPOCH.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Has the store swept as long as it lives.
pub fn look_after(store: &Arc<Store>) {
    let mut work = WORK.lock().unwrap_or_else(PoisonError::into_inner);
    work.stores.retain(|store| store.strong_count() > 0);
    work.stores.push(Arc::downgrade(store));
}

/// Something in a store can expire from now on.
pub fn wake() {
    let mut work = WORK.lock().unwrap_or_else(PoisonError::into_inner);
    work.awake = true;
    start(&mut work);
    CALL.notify_one();
}

/// Drops `remains` on the thread, where it takes as long as it takes; here if the thread does not keep up, so that whoever
/// fills and clears all the time does not hold more and more memory.
pub fn bury(remains: Box<dyn Any + Send>) {
    let mut work = WORK.lock().unwrap_or_else(PoisonError::into_inner);
    start(&mut work);
    if work.running && work.remains.is_none() {
        work.remains = Some(remains);
        CALL.notify_one();
        return;
    }
    drop(work);
    drop(remains);
}

fn start(work: &mut Work) {
    if !work.running {
        // Without the thread nothing is lost: expired entries are removed when they are met or have to make room.
        work.running = thread::Builder::new().name("heapwise".into()).stack_size(256 * 1024).spawn(run).is_ok();
    }
}

fn run() {
    loop {
        let mut work = WORK.lock().unwrap_or_else(PoisonError::into_inner);
        while !work.awake && work.remains.is_none() {
            work = CALL.wait(work).unwrap_or_else(PoisonError::into_inner);
        }
        if let Some(remains) = work.remains.take() {
            drop(work);
            // The thread outlives a panic: nobody would start another. The hook has told of it.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(remains)));
            continue;
        }
        work.stores.retain(|store| store.strong_count() > 0);
        let stores = work.stores.clone();
        work.awake = false;
        drop(work);
        let mut anything = false;
        for store in stores.iter().filter_map(Weak::upgrade) {
            // The shard is emptied by the next who locks it.
            anything |= catch_unwind(AssertUnwindSafe(|| tend(&store))).unwrap_or(true);
        }
        let mut work = WORK.lock().unwrap_or_else(PoisonError::into_inner);
        if anything {
            work.awake = true;
            if work.remains.is_none() {
                drop(CALL.wait_timeout(work, TICK));
            }
        }
    }
}

/// Sweeps a store if it is time. False if nothing in it can expire: then it is looked at no more until somebody calls
/// [`wake`]. The thread calls it, and a test that takes the thread's place.
pub fn tend(store: &Store) -> bool {
    if !store.is_watched() {
        return false;
    }
    let earliest = store.earliest();
    if earliest == u64::MAX {
        store.unwatch();
        return store.is_watched();
    }
    if earliest > store.now() || millis() < store.not_before.load(Ordering::Relaxed) {
        return true;
    }
    let start = Instant::now();
    for shard in 0..store.shards() {
        while !store.sweep(shard, STEP) {
            thread::yield_now();
        }
    }
    let rest = u64::try_from((start.elapsed() * REST).as_millis()).unwrap_or(u64::MAX);
    store.not_before.store(millis().saturating_add(rest), Ordering::Relaxed);
    true
}
