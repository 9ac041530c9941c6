//! Locks and threads: the standard library's, or those of `shuttle`, which tries interleavings, under its feature.

#[cfg(feature = "shuttle")]
pub use shuttle::sync::{Mutex, MutexGuard};
#[cfg(not(feature = "shuttle"))]
pub use std::sync::{Mutex, MutexGuard};

/// What a lock guards is whole again after a panic.
#[cfg(not(feature = "shuttle"))]
pub fn clear_poison<T>(mutex: &Mutex<T>) {
    mutex.clear_poison();
}

/// What a lock guards is whole again after a panic. Under `shuttle` a panic ends the run.
#[cfg(feature = "shuttle")]
pub fn clear_poison<T>(_mutex: &Mutex<T>) {}
