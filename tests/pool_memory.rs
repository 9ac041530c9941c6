//! What pools cost, as the operating system counts it. One test, since it counts the whole process.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use std::fs;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use heapwise::core::pool::depot::{DIRTY_MOST, Depot};
use heapwise::core::pool::memory::page_size;
use heapwise::core::pool::pool::{Chunk, Config, Pool};

const MIB: usize = 1 << 20;
/// What is taken at a time, in bytes.
const WHOLE: usize = 128 * MIB;
/// What else the process takes or gives back meanwhile: what is known of each span, above all.
const NOISE: usize = 16 * MIB;

/// Bytes of memory that the process has.
fn resident() -> usize {
    let text = fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * page_size()
}

fn assert_near(bytes: usize, expected: usize) {
    assert!(bytes.abs_diff(expected) <= NOISE, "{} MiB, expected {}", bytes / MIB, expected / MIB);
}

/// Waits for the thread that gives memory back.
fn wait_until(done: impl Fn() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(20), "memory is not given back");
        thread::yield_now();
    }
}

/// A class of a pool, and what was taken of it.
struct Taken<'a> {
    pool: &'a Pool,
    chunks: &'a mut Vec<Chunk>,
}

impl Taken<'_> {
    /// Takes [`WHOLE`].
    fn take(&mut self, class: usize, size: usize) {
        self.chunks.clear();
        self.chunks.extend((0..WHOLE / size).map(|_| self.pool.take(class).unwrap()));
    }

    fn write(&self) {
        for chunk in &*self.chunks {
            // SAFETY: the pool has handed these bytes out, and the depot lives until the test is over.
            unsafe { chunk.address.write_bytes(7, chunk.len) };
        }
    }

    /// Those chunks come back that `which` says, by their number.
    fn give_back(&self, purge: bool, which: impl Fn(usize) -> bool) {
        for (_, chunk) in self.chunks.iter().enumerate().filter(|&(at, _)| which(at)) {
            assert!(self.pool.retire(chunk.id, purge) && !self.pool.finish(chunk.id, true));
        }
    }
}

#[test]
fn memory_falls_when_it_is_given_back() {
    let sizes = [1024, 4096, 16_384, 131_072, 4 * MIB];
    let depot = Depot::new();
    let config = Config { page: 8192, classes: sizes.into(), max_bytes: WHOLE as u64, secure: false };
    let pool = Pool::with_depot(config, Arc::clone(&depot)).unwrap();
    let mut chunks = Vec::with_capacity(WHOLE / sizes[0]);
    let mut taken = Taken { pool: &pool, chunks: &mut chunks };
    let start = resident();
    for (class, size) in sizes.into_iter().enumerate() {
        // Taken chunks cost nothing before they are written.
        taken.take(class, size);
        assert_near(resident(), start);
        taken.give_back(true, |_| true);

        // Let go of without a purge: warm until it is trimmed.
        taken.take(class, size);
        taken.write();
        assert_near(resident(), start + WHOLE);
        assert_eq!(pool.stats().committed, WHOLE);
        taken.give_back(false, |_| true);
        assert_near(resident(), start + WHOLE);
        assert_eq!(pool.trim(), WHOLE as u64);
        assert_eq!((pool.stats().committed, pool.stats().mapped), (0, 0));
        wait_until(|| depot.stats().dirty == 0);
        assert_near(resident(), start);

        // With a purge: without another word.
        taken.take(class, size);
        taken.write();
        taken.give_back(true, |_| true);
        assert!(pool.stats().committed < DIRTY_MOST);
        wait_until(|| depot.stats().dirty < DIRTY_MOST);
        assert_near(resident(), start);

        // Every fourth is kept: of chunks that are smaller than a page, one on each.
        taken.take(class, size);
        taken.write();
        taken.give_back(true, |at| at % 4 != 3);
        wait_until(|| depot.stats().dirty < DIRTY_MOST);
        let left = if size < page_size() { WHOLE } else { WHOLE / 4 };
        assert_near(resident(), start + left);
        assert!(pool.stats().committed < left + DIRTY_MOST);
        taken.give_back(true, |at| at % 4 == 3);
        pool.trim();
        wait_until(|| depot.stats().dirty == 0);
        assert_near(resident(), start);
    }
    // Nothing grew by being used again.
    assert!(depot.stats().mapped <= 2 * WHOLE + 8 * MIB, "{:?}", depot.stats());
    let stats = pool.stats();
    assert!(stats.classes.iter().all(|class| class.made == 4 * (WHOLE / class.size) as u64));
}
