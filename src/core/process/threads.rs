//! The CPU time of a thread, also for those who look from another one.

use std::fs::File;
use std::path::Path;

use super::files::{PIECE, read_start};
use super::{os, text};

#[derive(Debug)]
enum Source {
    /// Nanoseconds.
    Schedstat(File),
    /// Ticks, mostly of 10 ms, on kernels without the other.
    Stat(File),
    Nothing,
}

/// Leads to the CPU time of one thread. It holds a file of the thread's own, not the thread's number, which another thread
/// may have after its end: when the thread has ended, there is nothing to read.
#[derive(Debug)]
pub struct ThreadClock(Source);

impl ThreadClock {
    /// That of the thread that calls.
    pub fn of_this_thread() -> Self {
        Self::at(Path::new("/proc/thread-self"))
    }

    /// That of the thread whose directory under `/proc` is given.
    pub fn at(directory: &Path) -> Self {
        let exact = Self(File::open(directory.join("schedstat")).map_or(Source::Nothing, Source::Schedstat));
        if exact.nanoseconds().is_some() {
            return exact;
        }
        Self(File::open(directory.join("stat")).map_or(Source::Nothing, Source::Stat))
    }

    /// How long the thread has been on a CPU, in nanoseconds. `None` if it has ended, or nobody says.
    pub fn nanoseconds(&self) -> Option<u64> {
        let mut piece = [0; PIECE];
        match &self.0 {
            Source::Schedstat(file) => {
                let length = read_start(file, &mut piece).ok()?;
                text::schedstat(&piece[..length])
            }
            Source::Stat(file) => {
                let length = read_start(file, &mut piece).ok()?;
                let tick = 1_000_000_000_u64.checked_div(os::ticks_per_second()?)?;
                text::stat_ticks(&piece[..length])?.checked_mul(tick)
            }
            Source::Nothing => None,
        }
    }
}
