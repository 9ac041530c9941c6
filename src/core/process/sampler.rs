//! The thread that samples the process while anybody wants it, whatever JavaScript does meanwhile.
//!
//! It works at the smallest interval that anybody has asked for, and who asked for a larger one gets as many samples as
//! asked for. It ends with the last user. It calls no JavaScript, holds no lock while it samples but that of the
//! [`Reader`], and may be anywhere when the process exits: nothing that it uses is ever destroyed.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use once_cell::sync::Lazy;

use super::reader::Reader;
use super::{Column, Sample, WIDTH, os};
use crate::core::ring::Ring;

/// How many samples are kept for those who are late: at one a second those of the last 34 minutes.
pub const CAPACITY: usize = 2048;
/// The stack of the thread. What it reads, it reads into that.
const STACK: usize = 256 << 10;

#[derive(Debug)]
struct User {
    id: u64,
    /// Nanoseconds.
    interval: u64,
    /// The highest RSS since it was last asked for.
    peak: f64,
}

/// What users share with the thread while it runs.
#[derive(Debug, Clone)]
struct Run {
    ring: Arc<Ring<WIDTH>>,
    /// When the thread was started. Samples are taken at multiples of the interval from there.
    origin: u64,
}

#[derive(Debug, Default)]
struct State {
    users: Vec<User>,
    last: u64,
    /// There is a thread.
    run: Option<Run>,
    /// Somebody has joined, and shall not wait for a whole interval.
    at_once: bool,
}

/// The thread, and those who want samples of it.
#[derive(Debug)]
pub struct Sampler {
    reader: Mutex<Reader>,
    state: Mutex<State>,
    bell: Condvar,
}

/// One who wants samples, until it is dropped.
#[derive(Debug)]
pub struct Subscription {
    sampler: Arc<Sampler>,
    id: u64,
    run: Run,
    interval: u64,
    /// The number of the next sample to look at.
    next: u64,
    /// Which of the intervals since the origin the last sample was of.
    turn: Option<u64>,
}

fn nanoseconds(interval: Duration) -> u64 {
    u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX).max(1)
}

impl Sampler {
    /// The one of the process.
    pub fn shared() -> &'static Arc<Self> {
        static SHARED: Lazy<Arc<Sampler>> = Lazy::new(|| Sampler::new(Reader::of_system()));
        &SHARED
    }

    /// One that samples what `reader` reads.
    pub fn new(reader: Reader) -> Arc<Self> {
        Arc::new(Self { reader: Mutex::new(reader), state: Mutex::default(), bell: Condvar::new() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock; if it did, what is there would be whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reader(&self) -> MutexGuard<'_, Reader> {
        // A reader that was left in the middle has written some numbers and not others, and does so again next time.
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A sample that the thread has no part in, all of it as it is now.
    pub fn now(&self) -> Sample {
        self.reader().fresh()
    }

    /// Has the process sampled each `interval`, or more often.
    ///
    /// # Errors
    ///
    /// If the system gives no thread.
    pub fn subscribe(self: &Arc<Self>, interval: Duration) -> io::Result<Subscription> {
        let interval = nanoseconds(interval);
        let mut state = self.state();
        let run = match &state.run {
            Some(run) => run.clone(),
            None => {
                let run = self.start()?;
                state.run = Some(run.clone());
                run
            }
        };
        state.last += 1;
        let id = state.last;
        state.users.push(User { id, interval, peak: f64::NAN });
        state.at_once = true;
        // While the lock is held: the sample that was just asked for is one of this user's.
        let next = run.ring.written();
        drop(state);
        self.bell.notify_one();
        Ok(Subscription { sampler: Arc::clone(self), id, run, interval, next, turn: None })
    }

    /// The thread waits for the lock that the caller holds.
    fn start(self: &Arc<Self>) -> io::Result<Run> {
        let run = Run { ring: Arc::new(Ring::new(CAPACITY)), origin: os::monotonic_nanoseconds() };
        let (sampler, own) = (Arc::clone(self), run.clone());
        thread::Builder::new().name("heapwise-sample".into()).stack_size(STACK).spawn(move || sampler.work(&own))?;
        Ok(run)
    }

    fn work(&self, Run { ring, origin }: &Run) {
        // If a sample should panic, whoever wants the next one gets a new thread.
        let _ended = Ended(self);
        os::block_signals();
        while self.wait_for_turn(*origin) {
            let sample = self.reader().paced();
            ring.push(&sample.0);
            let mut state = self.state();
            for user in &mut state.users {
                user.peak = user.peak.max(sample[Column::Rss]);
            }
        }
        self.reader().close();
    }

    /// False: nobody wants any more samples, and there is no thread any more as far as others know.
    fn wait_for_turn(&self, origin: u64) -> bool {
        let start = os::monotonic_nanoseconds();
        let mut state = self.state();
        loop {
            let Some(interval) = state.users.iter().map(|user| user.interval).min() else {
                state.run = None;
                return false;
            };
            if std::mem::take(&mut state.at_once) {
                return true;
            }
            // Turns that were missed are not made up for.
            let turn = origin.saturating_add((start.saturating_sub(origin) / interval + 1).saturating_mul(interval));
            let left = turn.saturating_sub(os::monotonic_nanoseconds());
            if left == 0 {
                return true;
            }
            let waited = self.bell.wait_timeout(state, Duration::from_nanos(left));
            state = waited.map_or_else(|poisoned| poisoned.into_inner().0, |(state, _)| state);
        }
    }

    /// Whether there is a thread.
    pub fn is_running(&self) -> bool {
        self.state().run.is_some()
    }
}

struct Ended<'s>(&'s Sampler);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.state().run = None;
        }
    }
}

impl Subscription {
    /// Hands over what has been sampled since the last call, oldest first, at most `room` samples. Answers how many.
    pub fn drain(&mut self, room: usize, mut take: impl FnMut(&Sample)) -> usize {
        let end = self.run.ring.written();
        let mut taken = 0;
        self.next = self.next.max(self.run.ring.oldest());
        while self.next < end && taken < room {
            let sample = self.run.ring.read(self.next).map(Sample);
            self.next += 1;
            if let Some(sample) = sample.filter(|sample| self.is_wanted(sample)) {
                take(&sample);
                taken += 1;
            }
        }
        taken
    }

    /// The first of each of its intervals.
    fn is_wanted(&mut self, sample: &Sample) -> bool {
        // A double has not all digits of a clock that has run for months.
        const ROUNDING: u64 = 1000;
        let turn = (sample[Column::At] as u64 + ROUNDING).saturating_sub(self.run.origin) / self.interval;
        let new = self.turn != Some(turn);
        self.turn = Some(turn);
        new
    }

    /// The highest RSS that has been sampled since the last call, drained or not.
    pub fn take_peak(&self) -> Option<f64> {
        let mut state = self.sampler.state();
        let user = state.users.iter_mut().find(|user| user.id == self.id)?;
        let peak = std::mem::replace(&mut user.peak, f64::NAN);
        (!peak.is_nan()).then_some(peak)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.sampler.state().users.retain(|user| user.id != self.id);
        self.sampler.bell.notify_one();
    }
}
