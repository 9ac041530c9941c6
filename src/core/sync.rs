//! Locks, threads and atomics: the standard library's, or under the feature `shuttle` those of the crate `shuttle`, whose
//! scheduler tries interleavings.
//!
//! What takes part in a test of `tests/offheap_shuttle.rs` takes these names rather than those of `std`. Three things to know:
//!
//! - Shuttle's locks and atomics work only inside a run of its scheduler. So with the feature only that test is of use; what
//!   is run by `cargo test` otherwise, or by Node, is built without it. Unit tests that lock say `not(feature = "shuttle")`.
//! - Shuttle knows one order of atomics, `SeqCst`: it finds no mistake in a weaker one. [`Arc`] and [`Weak`] are the standard
//!   library's there too: no thread is interrupted by counting.
//! - A `static` outlives a run, and runs are made by several threads at once. What is static must be the standard library's.

#[cfg(feature = "shuttle")]
pub use shuttle::{
    sync::{Arc, Condvar, Mutex, MutexGuard, Weak, atomic},
    thread,
};
#[cfg(not(feature = "shuttle"))]
pub use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, Weak, atomic},
    thread,
};

use std::sync::PoisonError;

/// Locks what is whole at every moment, so that a thread that panicked while it held the lock did no harm.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a lock guards is whole again after a panic.
pub fn clear_poison<T>(mutex: &Mutex<T>) {
    mutex.clear_poison();
}
