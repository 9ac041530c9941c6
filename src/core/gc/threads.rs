//! The threads of the process that record, for whoever asks about all of them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use once_cell::sync::Lazy;

use super::tally::Tally;
use crate::core::process::threads::ThreadClock;

/// What a thread that has ended adds to the sums over such threads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ended {
    /// How many threads there were.
    pub threads: u64,
    /// Their collections.
    pub collections: u64,
    /// The full ones.
    pub full: u64,
    /// Time in them, in ns.
    pub busy: u64,
    /// The longest, in ns.
    pub longest: u64,
}

/// A thread that records.
#[derive(Debug)]
pub struct Thread {
    /// Its number in Node.
    pub id: u32,
    /// Its collections.
    pub tally: Arc<Tally>,
    /// Its time on a CPU.
    pub clock: ThreadClock,
}

#[derive(Debug, Default)]
struct List {
    alive: Vec<Arc<Thread>>,
    ended: Ended,
}

/// Threads by their number.
#[derive(Debug, Default)]
pub struct Threads(Mutex<List>);

impl Threads {
    /// Those of the process.
    pub fn shared() -> &'static Self {
        static SHARED: Lazy<Threads> = Lazy::new(Threads::default);
        &SHARED
    }

    // It is static, so the standard library's in all builds. The list is whole at every moment.
    fn list_now(&self) -> MutexGuard<'_, List> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread that calls begins to record.
    pub fn add(&self, id: u32, tally: Arc<Tally>) {
        let thread = Thread { id, tally, clock: ThreadClock::of_this_thread() };
        self.list_now().alive.push(Arc::new(thread));
    }

    /// The thread that `tally` is of has ended, or records no more.
    pub fn remove(&self, tally: &Arc<Tally>) {
        let mut list = self.list_now();
        let List { alive, ended } = &mut *list;
        if let Some(place) = alive.iter().position(|other| Arc::ptr_eq(&other.tally, tally)) {
            alive.swap_remove(place);
            ended.threads += 1;
            ended.collections += tally.collections();
            ended.full += tally.full();
            ended.busy += tally.busy.get();
            ended.longest = ended.longest.max(tally.longest());
        }
    }

    /// All that record, and the sums over those that do not any more.
    pub fn list(&self) -> (Vec<Arc<Thread>>, Ended) {
        let list = self.list_now();
        (list.alive.clone(), list.ended)
    }
}
