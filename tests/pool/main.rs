//! The pool by itself: pools over a depot and the depot against models, how spans are cut, what becomes of
//! memory in single cases, and many threads.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

#[path = "../common/cases.rs"]
mod cases;
mod chunks;
mod depot;
mod model;
mod random;
mod rules;
mod threads;

use std::thread;
use std::time::{Duration, Instant};

/// Waits until `done`, which a thread brings about. False if it takes too long.
fn wait_until(done: impl Fn() -> bool) -> bool {
    let start = Instant::now();
    while !done() && start.elapsed() < Duration::from_secs(20) {
        thread::yield_now();
    }
    done()
}

/// Gives all back that can be. Whether nothing is left.
fn purge(depot: &heapwise::core::pool::depot::Depot) -> bool {
    depot.purge();
    !cfg!(target_os = "linux") || wait_until(|| depot.stats().dirty == 0)
}
