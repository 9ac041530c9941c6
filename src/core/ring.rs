//! A ring of the newest rows of numbers: one thread writes and never waits, any thread reads and never sees half a row.
//!
//! Each row has a stamp, which says which row it is, and which is taken away while it is written (a sequence lock: Lameter, as
//! in Linux). A reader copies the row and looks at the stamp again.

use std::sync::atomic::{AtomicU64, Ordering, fence};

use bytemuck::allocation::zeroed_slice_box;

/// The newest rows of `W` numbers.
#[derive(Debug)]
pub struct Ring<const W: usize> {
    /// For each row its stamp, the number of the row counted from 1, then the bits of its numbers. Not touched, and so no
    /// memory of the process's, before it is first used.
    words: Box<[AtomicU64]>,
    rows: u64,
    head: AtomicU64,
}

impl<const W: usize> Ring<W> {
    /// A ring of `rows` rows, at least one.
    pub fn new(rows: usize) -> Self {
        let rows = rows.max(1);
        Self { words: zeroed_slice_box(rows * (W + 1)), rows: rows as u64, head: AtomicU64::new(0) }
    }

    /// How many rows have ever been written.
    pub fn written(&self) -> u64 {
        self.head.load(Ordering::Acquire)
    }

    /// The number of the oldest row that is still there, counted from 0.
    pub fn oldest(&self) -> u64 {
        self.written().saturating_sub(self.rows)
    }

    fn row(&self, number: u64) -> Option<(&AtomicU64, &[AtomicU64])> {
        let at = (number % self.rows) as usize * (W + 1);
        self.words.get(at..at + W + 1)?.split_first()
    }

    /// Writes a row over the oldest. Only by the thread that owns the ring.
    pub fn push(&self, numbers: &[f64; W]) {
        let number = self.head.load(Ordering::Relaxed);
        let Some((stamp, words)) = self.row(number) else { return };
        stamp.store(0, Ordering::Relaxed);
        fence(Ordering::Release);
        for (word, value) in words.iter().zip(numbers) {
            word.store(value.to_bits(), Ordering::Relaxed);
        }
        stamp.store(number + 1, Ordering::Release);
        self.head.store(number + 1, Ordering::Release);
    }

    /// Row `number`, counted from 0. `None` if it has been written over, or is not there yet.
    pub fn read(&self, number: u64) -> Option<[f64; W]> {
        let (stamp, words) = self.row(number)?;
        if stamp.load(Ordering::Acquire) != number + 1 {
            return None;
        }
        let mut out = [0.0; W];
        for (value, word) in out.iter_mut().zip(words) {
            *value = f64::from_bits(word.load(Ordering::Relaxed));
        }
        fence(Ordering::Acquire);
        (stamp.load(Ordering::Relaxed) == number + 1).then_some(out)
    }
}
