//! What pools cost, as the operating system counts it. One test, since it counts the whole process.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use std::fs;
use std::sync::Arc;

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

/// Takes [`WHOLE`] and writes all of it.
fn fill(pool: &Pool, class: usize, size: usize) -> Vec<Chunk> {
    let chunks: Vec<Chunk> = (0..WHOLE / size).map(|_| pool.take(class).unwrap()).collect();
    for chunk in &chunks {
        // SAFETY: the pool has handed these bytes out, and the depot lives until the test is over.
        unsafe { chunk.address.write_bytes(7, chunk.len) };
    }
    chunks
}

#[test]
fn memory_falls_when_it_is_given_back() {
    let sizes = [1024, 16_384, 131_072, 4 * MIB];
    let depot = Depot::new();
    let config = Config { page: 8192, classes: sizes.into(), max_bytes: 1 << 30, secure: false };
    let pool = Pool::with_depot(config, Arc::clone(&depot)).unwrap();
    let start = resident();
    for (class, size) in sizes.into_iter().enumerate() {
        // Taken chunks cost nothing before they are written.
        let unwritten: Vec<Chunk> = (0..WHOLE / size).map(|_| pool.take(class).unwrap()).collect();
        assert_near(resident(), start);
        unwritten.iter().for_each(|chunk| assert!(pool.retire(chunk.id, true) && !pool.finish(chunk.id, true)));

        // Let go of without a purge: warm until it is trimmed.
        let chunks = fill(&pool, class, size);
        assert_near(resident(), start + WHOLE);
        assert_eq!(pool.stats().committed, WHOLE);
        chunks.iter().for_each(|chunk| assert!(pool.retire(chunk.id, false) && !pool.finish(chunk.id, true)));
        assert_near(resident(), start + WHOLE);
        assert_eq!(pool.trim(), WHOLE as u64);
        assert_near(resident(), start);
        assert_eq!((pool.stats().committed, pool.stats().mapped, depot.stats().dirty), (0, 0, 0));

        // With a purge: without another word.
        let chunks = fill(&pool, class, size);
        chunks.iter().for_each(|chunk| assert!(pool.retire(chunk.id, true) && !pool.finish(chunk.id, true)));
        assert_near(resident(), start);
        assert!(pool.stats().committed + depot.stats().dirty < 2 * DIRTY_MOST);

        // Every fourth is kept, in three of four spans a chunk at least where there are several.
        let chunks = fill(&pool, class, size);
        let (kept, gone): (Vec<_>, Vec<_>) = chunks.iter().zip(0..).partition(|(_, at)| at % 4 == 3);
        gone.iter().for_each(|(chunk, _)| assert!(pool.retire(chunk.id, true) && !pool.finish(chunk.id, true)));
        let left = if size < page_size() { WHOLE } else { WHOLE / 4 };
        assert_near(resident(), start + left);
        assert!(pool.stats().committed < left + DIRTY_MOST);
        kept.iter().for_each(|(chunk, _)| assert!(pool.finish(chunk.id, true)));
        pool.trim();
        assert_near(resident(), start);
    }
    // Nothing grew by being used again.
    assert!(depot.stats().mapped <= 2 * WHOLE + 8 * MIB, "{:?}", depot.stats());
    let stats = pool.stats();
    assert!(stats.classes.iter().all(|class| class.made == 4 * (WHOLE / class.size) as u64));
}
