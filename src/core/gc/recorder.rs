//! From V8's calls before and after each collection to rows and sums.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::tally::{FULL, MINOR, Tally};
use crate::core::ring::Ring;

/// What the heap is at one moment, in bytes. All 0 where V8 cannot be asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Heap {
    /// In use by objects.
    pub used: u64,
    /// What V8 has for objects.
    pub total: u64,
    /// Outside of the heap, held by objects.
    pub external: u64,
    /// What V8 has from the C allocator for itself.
    pub malloced: u64,
    /// What `total` may become.
    pub limit: u64,
    /// In use by young objects. Asked for only before and after collections of these.
    pub young: u64,
    /// Ever allocated. 0 where V8 does not say (before 14.1).
    pub ever: u64,
}

/// One collection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Collection {
    /// V8's bit of the kind.
    pub kind: u32,
    /// V8's flags.
    pub flags: u32,
    /// How many others it ran inside of.
    pub depth: u32,
    /// In ns of the monotonic clock.
    pub start: u64,
    /// In ns.
    pub duration: u64,
    /// The heap before it.
    pub before: Heap,
    /// The heap after it.
    pub after: Heap,
    /// Bytes that became old by it.
    pub promoted: u64,
    /// Bytes that were allocated since the one before it ended.
    pub allocated: u64,
}

/// Spaces of a heap that are looked at, at most.
pub const MOST_SPACES: usize = 16;
/// Numbers in a row of [`Recorder::events`].
pub const EVENT: usize = 16;
/// Numbers in a row of [`Recorder::full`]: eight, and two for each space.
pub const FULL_EVENT: usize = 8 + 2 * MOST_SPACES;
/// Full collections that are kept.
const FULL_ROWS: usize = 512;

/// Bytes in use in one space of the heap, and what V8 has for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Space {
    /// In use by objects.
    pub used: u64,
    /// What V8 has for it.
    pub size: u64,
}

/// What one listener is told, as far as it has not asked yet, and the sums since it began.
#[derive(Debug)]
pub struct Recorder {
    /// The newest collections.
    pub events: Ring<EVENT>,
    /// The newest full ones, with the spaces of the heap.
    pub full: Ring<FULL_EVENT>,
    /// The sums.
    pub tally: Tally,
    next: AtomicU64,
    next_full: AtomicU64,
    lost: AtomicU64,
}

impl Recorder {
    /// Keeps `rows` collections until they are asked for.
    pub fn new(rows: usize, now: u64) -> Self {
        Self {
            events: Ring::new(rows),
            full: Ring::new(FULL_ROWS),
            tally: Tally::new(now),
            next: AtomicU64::new(0),
            next_full: AtomicU64::new(0),
            lost: AtomicU64::new(0),
        }
    }

    /// Copies collections that were not drained yet to `out`, oldest first. Answers how many rows it wrote.
    pub fn drain(&self, out: impl Iterator<Item = impl FnOnce(&[f64; EVENT])>) -> usize {
        let (rows, lost) = drain(&self.events, &self.next, out);
        self.lost.fetch_add(lost, Ordering::Relaxed);
        rows
    }

    /// The same for full collections.
    pub fn drain_full(&self, out: impl Iterator<Item = impl FnOnce(&[f64; FULL_EVENT])>) -> usize {
        drain(&self.full, &self.next_full, out).0
    }

    /// How many collections were written over before anybody drained them.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    fn add(&self, one: &Collection, spaces: &[Space]) {
        let sequence = (self.events.written() + 1) as f64;
        self.tally.add(one);
        self.events.push(&[
            sequence,
            f64::from(one.kind),
            f64::from(one.flags),
            f64::from(one.depth),
            one.start as f64,
            one.duration as f64,
            one.before.used as f64,
            one.after.used as f64,
            one.before.total as f64,
            one.after.total as f64,
            one.before.external as f64,
            one.after.external as f64,
            one.after.malloced as f64,
            one.after.limit as f64,
            one.promoted as f64,
            one.allocated as f64,
        ]);
        if one.kind == FULL {
            self.full.push(&full_row(sequence, one, spaces));
        }
    }
}

fn full_row(sequence: f64, one: &Collection, spaces: &[Space]) -> [f64; FULL_EVENT] {
    let mut row = [0.0; FULL_EVENT];
    let head = [
        sequence,
        one.start as f64,
        one.duration as f64,
        one.after.used as f64,
        one.after.external as f64,
        one.after.limit as f64,
        f64::from(one.flags),
        spaces.len().min(MOST_SPACES) as f64,
    ];
    let sizes = spaces.iter().flat_map(|space| [space.used as f64, space.size as f64]);
    for (place, value) in row.iter_mut().zip(head.into_iter().chain(sizes)) {
        *place = value;
    }
    row
}

/// Rows written, and rows that were gone.
fn drain<const W: usize>(
    ring: &Ring<W>,
    next: &AtomicU64,
    mut out: impl Iterator<Item = impl FnOnce(&[f64; W])>,
) -> (usize, u64) {
    let mut at = next.load(Ordering::Relaxed);
    let (mut rows, mut lost) = (0, 0);
    while at < ring.written() {
        let Some(row) = ring.read(at) else {
            // The writer has come round.
            let oldest = ring.oldest().max(at + 1);
            lost += oldest - at;
            at = oldest;
            continue;
        };
        let Some(write) = out.next() else { break };
        write(&row);
        rows += 1;
        at += 1;
    }
    next.store(at, Ordering::Relaxed);
    (rows, lost)
}

/// Collections that may run inside of each other. V8 has two.
const DEEPEST: usize = 8;

#[derive(Debug, Clone, Copy, Default)]
struct Start {
    kind: u32,
    at: u64,
    heap: Heap,
}

/// What one thread sees of its collections. V8 calls it before and after each, so it allocates nothing there.
#[derive(Debug)]
pub struct Observer {
    starts: [Start; DEEPEST],
    depth: usize,
    last: Heap,
    /// Sums for whoever asks about the threads of the process.
    pub thread: Arc<Tally>,
    /// Those who listen.
    pub recorders: Vec<(u32, Arc<Recorder>)>,
}

impl Observer {
    /// `heap`: what it is now.
    pub fn new(thread: Arc<Tally>, heap: Heap) -> Self {
        Self { starts: [Start::default(); DEEPEST], depth: 0, last: heap, thread, recorders: Vec::new() }
    }

    /// A collection begins.
    pub fn begins(&mut self, kind: u32, at: u64, heap: Heap) {
        if let Some(start) = self.starts.get_mut(self.depth) {
            *start = Start { kind, at, heap };
            self.depth += 1;
        }
    }

    /// A collection ends. `spaces`: after a full one.
    pub fn ends(&mut self, kind: u32, flags: u32, at: u64, after: Heap, spaces: &[Space]) -> Option<Collection> {
        // Kinds run inside of each other; one that has no end (it was begun before we came, or is too deep) is passed.
        let place = self.starts.get(..self.depth)?.iter().rposition(|start| start.kind == kind)?;
        let start = *self.starts.get(place)?;
        self.depth = place;
        let before = start.heap;
        let one = Collection {
            kind,
            flags,
            depth: place as u32,
            start: start.at,
            duration: at.saturating_sub(start.at),
            before,
            after,
            promoted: if kind & MINOR == 0 { 0 } else { old(&after).saturating_sub(old(&before)) },
            allocated: if place == 0 { allocated(&self.last, &before) } else { 0 },
        };
        if place == 0 {
            self.last = after;
        }
        self.thread.add(&one);
        for (_, recorder) in &self.recorders {
            recorder.add(&one, spaces);
        }
        Some(one)
    }

    /// Bytes allocated between the last collection and `now`.
    pub fn allocated_until(&self, now: &Heap) -> u64 {
        allocated(&self.last, now)
    }
}

fn old(heap: &Heap) -> u64 {
    heap.used.saturating_sub(heap.young)
}

fn allocated(from: &Heap, to: &Heap) -> u64 {
    if to.ever > 0 { to.ever.saturating_sub(from.ever) } else { to.used.saturating_sub(from.used) }
}
