//! A log-linear histogram of durations: fixed memory, no value lost, a bounded relative error.
//!
//! After HdrHistogram (Gil Tene): each power of two is split into equally wide buckets, here 64 of them, so that a bucket
//! is at most 1/64 (1.6 %) as wide as the values in it. Values below 64 have buckets of their own.

use std::sync::atomic::{AtomicU64, Ordering};

use bytemuck::allocation::zeroed_slice_box;

/// Buckets in a power of two: 2 to the power of this.
const BITS: u32 = 6;
/// Powers of two that are told apart: up to 2^42 ns, 73 minutes. What is longer falls into the last bucket.
const OCTAVES: u32 = 42 - BITS;
const BUCKETS: usize = ((OCTAVES + 1) << BITS) as usize;

/// Counts of values. One thread writes, any thread may read: it may then see the newest value in part of the numbers only.
#[derive(Debug)]
pub struct Histogram {
    counts: Box<[AtomicU64]>,
    count: AtomicU64,
    total: AtomicU64,
    max: AtomicU64,
}

/// A bucket that is not empty: the least value it takes, the least that is beyond it, and how many it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// The least value of the bucket.
    pub from: u64,
    /// The least value beyond it.
    pub to: u64,
    /// The values in it.
    pub count: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            counts: zeroed_slice_box(BUCKETS),
            count: AtomicU64::new(0),
            total: AtomicU64::new(0),
            max: AtomicU64::new(0),
        }
    }
}

fn index_of(value: u64) -> usize {
    let octave = (u64::BITS - value.leading_zeros()).saturating_sub(BITS + 1);
    let index = (u64::from(octave) << BITS) + (value >> octave);
    (index as usize).min(BUCKETS - 1)
}

fn start_of(index: usize) -> u64 {
    let octave = (index as u64 >> BITS).saturating_sub(1);
    (index as u64 - (octave << BITS)) << octave
}

fn add(to: &AtomicU64, more: u64) {
    // Only one thread writes: no need for a locked instruction.
    to.store(to.load(Ordering::Relaxed).wrapping_add(more), Ordering::Relaxed);
}

impl Histogram {
    /// Counts `value`. Only by the thread that owns the histogram.
    pub fn record(&self, value: u64) {
        if let Some(count) = self.counts.get(index_of(value)) {
            add(count, 1);
        }
        add(&self.count, 1);
        add(&self.total, value);
        if value > self.max.load(Ordering::Relaxed) {
            self.max.store(value, Ordering::Relaxed);
        }
    }

    /// Forgets everything. Only by the thread that owns the histogram.
    pub fn reset(&self) {
        for word in self.counts.iter().chain([&self.count, &self.total, &self.max]) {
            word.store(0, Ordering::Relaxed);
        }
    }

    /// How many values there are.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Their sum, exactly.
    pub fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }

    /// The largest, exactly. 0 if there is none.
    pub fn max(&self) -> u64 {
        self.max.load(Ordering::Relaxed)
    }

    /// The least value that at least a share `quantiles[i]` of the values does not exceed (the nearest rank), as the middle of
    /// its bucket, in ascending order of `quantiles`. 0 if there is none. Shares are from 0 to 1.
    pub fn quantiles<const N: usize>(&self, quantiles: [f64; N]) -> [u64; N] {
        let mut out = [0; N];
        let buckets: Vec<Bucket> = self.buckets().collect();
        let all: u64 = buckets.iter().map(|bucket| bucket.count).sum();
        let mut seen = 0;
        let mut next = 0;
        for bucket in &buckets {
            seen += bucket.count;
            while let (Some(&share), Some(place)) = (quantiles.get(next), out.get_mut(next)) {
                if (seen as f64) < (share * all as f64).ceil() {
                    break;
                }
                *place = (bucket.from + (bucket.to - bucket.from) / 2).min(self.max());
                next += 1;
            }
        }
        out
    }

    /// The buckets that are not empty, in ascending order.
    pub fn buckets(&self) -> impl Iterator<Item = Bucket> + '_ {
        self.counts.iter().enumerate().filter_map(|(index, count)| {
            let count = count.load(Ordering::Relaxed);
            let to = if index + 1 == BUCKETS { u64::MAX } else { start_of(index + 1) };
            (count > 0).then(|| Bucket { from: start_of(index), to, count })
        })
    }
}
