//! What belongs to one environment: the main thread's, or a worker's. It ends with it.

use std::sync::atomic::{AtomicU64, Ordering};

use super::gc::Collector;
use super::offheap::Local;
use super::pool::Pools;
use super::process::Users;

/// The state of one environment.
#[derive(Debug)]
pub struct Environment {
    /// What it records of its collections.
    pub gc: Collector,
    /// The off-heap stores that this environment has open.
    pub offheap: Local,
    /// The buffer pools that this environment has open.
    pub pools: Pools,
    /// Who of it has the process sampled.
    pub process: Users,
}

impl Environment {
    /// That of an environment that is being set up.
    pub fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let offheap = Local::new(NEXT.fetch_add(1, Ordering::Relaxed));
        Self { gc: Collector::default(), offheap, pools: Pools::default(), process: Users::default() }
    }
}
