//! What becomes of memory, case by case.

use std::collections::BTreeSet;
#[cfg(target_os = "linux")]
use std::process::Command;
use std::sync::Arc;

use heapwise::core::pool::depot::{DIRTY_MOST, Depot, unit};
use heapwise::core::pool::pool::{Chunk, Config, LARGEST, Pool, Refused, SMALLEST};

use crate::chunks::Hold;

#[cfg(target_os = "linux")]
const CHILD: &str = "HEAPWISE_TEST_CHILD";

fn config(classes: &[usize]) -> Config {
    Config { page: 8192, classes: classes.into(), max_bytes: u64::MAX, secure: false }
}

fn pool(size: usize) -> (Arc<Depot>, Pool) {
    let depot = Depot::new();
    let pool = Pool::with_depot(config(&[size]), Arc::clone(&depot)).unwrap();
    (depot, pool)
}

fn take(pool: &Pool, count: usize) -> Vec<Chunk> {
    let taken = || {
        let chunk = pool.take(0).unwrap();
        Hold::new(chunk, 7).unwrap();
        chunk
    };
    (0..count).map(|_| taken()).collect()
}

fn give_back(pool: &Pool, chunk: &Chunk, purge: bool) {
    assert!(pool.retire(chunk.id, purge) && !pool.finish(chunk.id, true));
    pool.validate().unwrap();
}

fn places(chunks: &[Chunk]) -> BTreeSet<usize> {
    chunks.iter().map(|chunk| chunk.address.addr()).collect()
}

/// Mapped and committed bytes.
fn bytes(pool: &Pool) -> (usize, usize) {
    (pool.stats().mapped, pool.stats().committed)
}

#[test]
fn a_pool_needs_pages_and_ascending_classes() {
    let bad: [&[usize]; 6] = [&[], &[64, 64], &[128, 64], &[SMALLEST - 1], &[64, LARGEST + 1], &[0]];
    for classes in bad {
        assert_eq!(Pool::with_depot(config(classes), Depot::new()).err(), Some(Refused::NoClass), "{classes:?}");
    }
    for page in [0, 4095, (1 << 20) + 1] {
        let config = Config { page, ..config(&[64]) };
        assert_eq!(Pool::with_depot(config, Depot::new()).err(), Some(Refused::NoClass), "{page}");
    }
    for page in [4096, 4097, 1 << 20] {
        let pool = Pool::with_depot(Config { page, ..config(&[SMALLEST, LARGEST]) }, Depot::new()).unwrap();
        assert_eq!((pool.take(0).unwrap().len, pool.take(1).unwrap().len), (SMALLEST, LARGEST));
        assert_eq!(pool.take(2), Err(Refused::NoClass));
        pool.validate().unwrap();
    }
}

#[test]
fn what_comes_back_without_a_purge_stays() {
    let (depot, pool) = pool(1024);
    let chunks = take(&pool, 16);
    let before = (bytes(&pool), depot.stats());
    chunks[..8].iter().for_each(|chunk| give_back(&pool, chunk, false));
    chunks[8..].iter().for_each(|chunk| assert!(pool.finish(chunk.id, true)));
    assert_eq!((bytes(&pool), depot.stats()), before);
    assert_eq!(places(&take(&pool, 16)), places(&chunks));
    assert_eq!((bytes(&pool), depot.stats()), before);
}

#[test]
fn a_span_goes_back_with_its_last_chunk_and_not_before() {
    let (depot, pool) = pool(1024);
    let chunks = take(&pool, 16);
    chunks[..15].iter().for_each(|chunk| give_back(&pool, chunk, true));
    // Small pages wait for others, so that not each costs a call.
    assert_eq!(bytes(&pool), (8192, 8192));
    give_back(&pool, &chunks[15], false);
    assert_eq!((bytes(&pool), depot.stats().runs), ((0, 0), 0));
    assert_eq!(depot.stats().dirty, 16_384);
    // The next one gets what is warm.
    take(&pool, 16);
    assert_eq!((bytes(&pool), depot.stats().dirty), ((16_384, 16_384), 0));
}

#[test]
fn pages_are_purged_when_a_mebibyte_of_chunks_is_back() {
    let (_depot, pool) = pool(4096);
    // Two in a span: the second one stays.
    let count = 2 * DIRTY_MOST / 4096;
    let chunks = take(&pool, count);
    let (last, others) = chunks.split_last().unwrap();
    let firsts: Vec<&Chunk> = others.iter().filter(|chunk| chunk.id % 2 == 0).collect();
    firsts[1..].iter().for_each(|chunk| give_back(&pool, chunk, true));
    assert_eq!(bytes(&pool).1, count * 4096);
    give_back(&pool, firsts[0], true);
    let left = if cfg!(target_os = "linux") { count / 2 } else { count };
    assert_eq!(bytes(&pool).1, left * 4096);
    assert!(!pool.retire(firsts[0].id, true) && pool.retire(last.id, true));
}

#[test]
fn a_trim_leaves_what_somebody_has_to_the_page() {
    let (depot, pool) = pool(1024);
    let chunks = take(&pool, 24);
    let kept: Vec<Hold> = [3, 21].map(|at| Hold::new(again(&pool, &chunks[at]), 9).unwrap()).into();
    let ids: Vec<u32> = [3, 21].map(|at: usize| chunks[at].id).into();
    chunks.iter().filter(|chunk| !ids.contains(&chunk.id)).for_each(|chunk| give_back(&pool, chunk, false));
    let given_back = if cfg!(target_os = "linux") { 24 * 1024 - 2 * unit() } else { 8192 };
    assert_eq!(pool.trim() as usize, given_back);
    assert_eq!(bytes(&pool), (16_384, 24 * 1024 - given_back));
    assert_eq!((depot.stats().runs, pool.stats().classes[0].vacant), (2, 14));
    assert!(kept.iter().all(Hold::is_whole));
    ids.iter().for_each(|&id| assert!(pool.finish(id, true)));
    assert_eq!(pool.trim() as usize, 24 * 1024 - given_back);
    assert_eq!(pool.stats().classes[0].lost, 2);
}

/// The same chunk, zeroed.
fn again(pool: &Pool, chunk: &Chunk) -> Chunk {
    assert!(pool.wipe(chunk.id));
    *chunk
}

#[test]
fn what_counts_against_the_bound_is_what_is_out() {
    let config = Config { max_bytes: 3000, ..config(&[1000, 2000]) };
    let pool = Pool::with_depot(config, Depot::new()).unwrap();
    let [large, small] = [1, 0].map(|class| pool.take(class).unwrap());
    assert_eq!(
        (pool.take(0), pool.take(1), pool.take(2)),
        (Err(Refused::Full), Err(Refused::Full), Err(Refused::NoClass))
    );
    assert!(pool.retire(small.id, false));
    let second = pool.take(0).unwrap();
    assert_ne!(second.address, small.address);
    assert!(pool.finish(large.id, false));
    let other = pool.take(1).unwrap();
    assert_ne!(other.address, large.address);
    let stats = pool.stats();
    assert_eq!(
        (stats.out_bytes, stats.classes[1].strays, stats.classes[1].lost, stats.classes[1].made),
        (3000, 1, 1, 2)
    );
    pool.validate().unwrap();
}

#[test]
fn a_stray_outlives_its_pool_and_depot() {
    let (depot, pool) = pool(20_000);
    let chunks = take(&pool, 3);
    let holds: Vec<Hold> = chunks.iter().map(|chunk| Hold::new(again(&pool, chunk), 5).unwrap()).collect();
    assert!(pool.finish(chunks[0].id, false) && pool.retire(chunks[1].id, true));
    drop(pool);
    let stats = depot.stats();
    // Two chunks are a span.
    assert_eq!((stats.runs, stats.stranded), (2, 2));
    assert_eq!(stats.run_bytes, stats.stranded_bytes);
    depot.purge();
    drop(depot);
    assert!(holds.iter().all(Hold::is_whole));
}

#[test]
#[cfg(target_os = "linux")]
fn no_memory_is_told_and_changes_nothing() {
    if std::env::var_os(CHILD).is_some() {
        let (depot, pool) = pool(LARGEST);
        let chunks: Vec<Chunk> = std::iter::from_fn(|| pool.take(0).ok()).take(1000).collect();
        let before = (pool.stats(), depot.stats());
        assert_eq!(pool.take(0), Err(Refused::NoMemory));
        assert_eq!((pool.stats(), depot.stats()), before);
        assert!(!chunks.is_empty() && pool.finish(chunks[0].id, true));
        assert_eq!(pool.take(0).unwrap(), chunks[0]);
        pool.validate().unwrap();
        depot.validate().unwrap();
        println!("refused after {}", chunks.len());
        return;
    }
    let limited = Command::new("sh")
        .args(["-c", "ulimit -v 2000000; exec \"$0\" rules::no_memory_is_told_and_changes_nothing --exact --nocapture"])
        .arg(std::env::current_exe().unwrap())
        .env(CHILD, "1")
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&limited.stdout).contains("refused after "), "{limited:?}");
}
