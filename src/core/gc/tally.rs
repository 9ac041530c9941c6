//! Sums over collections.

use std::sync::atomic::{AtomicU64, Ordering};

use super::histogram::Histogram;
use super::recorder::Collection;

/// Kinds of collections: scavenge, minor mark-sweep, mark-sweep-compact, incremental marking, weak callbacks.
pub const KINDS: usize = 5;

/// V8's bit of the kind that is a full collection.
pub const FULL: u32 = 4;
/// V8's bits of the kinds that collect the young generation only.
pub const MINOR: u32 = 1 | 2;
/// V8's flag of a collection that somebody asked for.
pub const FORCED: u32 = 4;

/// The place of V8's kind (1, 2, 4, 8, 16) in an array of [`KINDS`].
pub fn place_of(kind: u32) -> usize {
    (kind.trailing_zeros() as usize).min(KINDS - 1)
}

/// What is summed of one kind.
#[derive(Debug, Default)]
pub struct Kind {
    /// How long they took, in ns.
    pub pauses: Histogram,
    /// Bytes that were used before and not after.
    pub reclaimed: Sum,
    /// How many of them somebody asked for.
    pub forced: Sum,
}

/// A number that one thread writes and any thread reads.
#[derive(Debug, Default)]
pub struct Sum(AtomicU64);

impl Sum {
    /// The number.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Sets it.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Adds to it. Only by the thread that owns it.
    pub fn add(&self, more: u64) {
        self.set(self.get().wrapping_add(more));
    }
}

/// Sums over the collections of one thread since a moment. That thread writes, any thread reads.
#[derive(Debug, Default)]
pub struct Tally {
    /// By kind, in the order of [`place_of`].
    pub kinds: [Kind; KINDS],
    /// Since when, in ns of the monotonic clock.
    pub since: Sum,
    /// Time in collections, in ns, those inside of others not counted twice.
    pub busy: Sum,
    /// Bytes that were allocated on the heap up to the last collection.
    pub allocated: Sum,
    /// Bytes that survived into the old generation.
    pub promoted: Sum,
    /// Bytes in use after the last collection, and what V8 had for the heap; bytes outside that JavaScript objects hold.
    pub used: Sum,
    /// See `used`.
    pub total: Sum,
    /// See `used`.
    pub external: Sum,
    /// Bytes that the heap may have.
    pub limit: Sum,
    /// When the last collection ended, in ns of the monotonic clock. 0: there was none.
    pub last_end: Sum,
}

impl Tally {
    /// An empty one.
    pub fn new(now: u64) -> Self {
        let tally = Self::default();
        tally.since.set(now);
        tally
    }

    /// Adds a collection.
    pub fn add(&self, one: &Collection) {
        if let Some(kind) = self.kinds.get(place_of(one.kind)) {
            kind.pauses.record(one.duration);
            kind.reclaimed.add(one.before.used.saturating_sub(one.after.used));
            kind.forced.add(u64::from(one.flags & FORCED != 0));
        }
        if one.depth == 0 {
            self.busy.add(one.duration);
        }
        self.allocated.add(one.allocated);
        self.promoted.add(one.promoted);
        self.used.set(one.after.used);
        self.total.set(one.after.total);
        self.external.set(one.after.external);
        self.limit.set(one.after.limit);
        self.last_end.set(one.start + one.duration);
    }

    /// Forgets the sums. What is true of the heap stays.
    pub fn reset(&self, now: u64) {
        for kind in &self.kinds {
            kind.pauses.reset();
            kind.reclaimed.set(0);
            kind.forced.set(0);
        }
        for sum in [&self.busy, &self.allocated, &self.promoted] {
            sum.set(0);
        }
        self.since.set(now);
    }

    /// How many collections there were.
    pub fn collections(&self) -> u64 {
        self.kinds.iter().map(|kind| kind.pauses.count()).sum()
    }

    /// The longest, in ns.
    pub fn longest(&self) -> u64 {
        self.kinds.iter().map(|kind| kind.pauses.max()).max().unwrap_or(0)
    }

    /// How many of them were full.
    pub fn full(&self) -> u64 {
        self.kinds.get(place_of(FULL)).map_or(0, |kind| kind.pauses.count())
    }
}
