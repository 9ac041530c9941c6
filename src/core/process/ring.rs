//! The last samples, written by one thread and read by any number, none of which waits for another.
//!
//! Each slot is a sequence lock (Boehm, "Can seqlocks get along with programming language memory models?", 2012): its
//! number is odd while it is written, and even and higher afterwards. A reader that finds another number after reading
//! than before has read a mixture, and drops it. All words are atomics, so that such a read is not undefined.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering, fence};

use super::{Sample, WIDTH};

/// The words of a slot: its number, then those of the sample.
const SLOT: usize = 1 + WIDTH;

/// The samples, for those who read.
#[derive(Debug)]
pub struct Ring {
    words: Box<[AtomicU64]>,
    capacity: u64,
    /// How many samples were ever written.
    written: AtomicU64,
}

/// The one who writes.
#[derive(Debug)]
pub struct Writer(Arc<Ring>);

impl Ring {
    /// How many samples were ever written: the number of the next.
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Acquire)
    }

    /// The number of the oldest sample that can be there still, from `number` on.
    pub fn oldest(&self, number: u64) -> u64 {
        number.max(self.written().saturating_sub(self.capacity))
    }

    fn slot(&self, number: u64) -> Option<(&AtomicU64, &[AtomicU64])> {
        let at = (number % self.capacity) as usize * SLOT;
        self.words.get(at..at + SLOT)?.split_first()
    }

    /// Sample `number`, if it has been written and not overwritten.
    pub fn get(&self, number: u64) -> Option<Sample> {
        let (state, words) = self.slot(number)?;
        let whole = finished(number);
        // Acquire: if this is the number that the writer stored last, what it wrote before is seen.
        if state.load(Ordering::Acquire) != whole {
            return None;
        }
        let mut sample = Sample::UNKNOWN;
        for (to, word) in sample.0.iter_mut().zip(words) {
            *to = f64::from_bits(word.load(Ordering::Relaxed));
        }
        // If any word was one that is written later, the writer's fence makes the odd number before it visible here.
        fence(Ordering::Acquire);
        (state.load(Ordering::Relaxed) == whole).then_some(sample)
    }
}

/// The state of a slot in which `number` is whole. One less: it is being written.
fn finished(number: u64) -> u64 {
    2 * number + 2
}

impl Writer {
    /// The writer of a new ring, which keeps the last `capacity` samples (at least one). Its memory is the system's until it
    /// is first written to.
    pub fn new(capacity: usize) -> Self {
        let capacity = capacity.max(1);
        Self(Arc::new(Ring {
            words: bytemuck::zeroed_slice_box(capacity * SLOT),
            capacity: capacity as u64,
            written: AtomicU64::new(0),
        }))
    }

    /// Adds a sample. The oldest goes.
    pub fn push(&mut self, sample: &Sample) {
        let ring = &*self.0;
        let number = ring.written.load(Ordering::Relaxed);
        let Some((state, words)) = ring.slot(number) else { return };
        state.store(finished(number) - 1, Ordering::Relaxed);
        fence(Ordering::Release);
        for (word, from) in words.iter().zip(&sample.0) {
            word.store(from.to_bits(), Ordering::Relaxed);
        }
        state.store(finished(number), Ordering::Release);
        ring.written.store(number + 1, Ordering::Release);
    }

    /// For those who read.
    pub fn ring(&self) -> Arc<Ring> {
        Arc::clone(&self.0)
    }
}
