//! One store and many threads. Every value carries what it must be: a torn one, one of another key, and a lost increment would
//! be seen. Meanwhile another thread looks at the bounds all the time.
//!
//! `HEAPWISE_OPERATIONS` is how many operations a thread does, `HEAPWISE_SEED` repeats what the threads do, though not when.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use heapwise::core::offheap::clock::Clock;
use heapwise::core::offheap::entry::{Key, Value};
use heapwise::core::offheap::shard::{Put, Read};
use heapwise::core::offheap::snapshot::Watch;
use heapwise::core::offheap::store::{Config, Store};
use heapwise::core::offheap::{sweeper, transfer};
use xxhash_rust::xxh3::xxh3_64;

const NUMBER: u8 = 1;
const SEALED: u8 = 8;
/// Keys of values that are counted up; nothing else writes them.
const COUNTERS: u64 = 16;
const KEYS: u64 = 2000;

fn from_environment(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |text| text.parse().unwrap())
}

/// SplitMix64 (Steele, Lea and Flood 2014).
struct Random(u64);

impl Random {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((u128::from(z ^ (z >> 31)) * u128::from(below)) >> 64) as u64
    }
}

fn key_of(number: u64) -> Vec<u8> {
    let mut key = format!("key {number} ").into_bytes();
    key.resize(key.len() + number as usize % 40, b'-');
    key
}

fn named(bytes: &[u8]) -> Key<'_> {
    Key { kind: 0, bytes }
}

/// A value that only this key can have: noise, and a hash of key, length and noise.
fn sealed(key: &[u8], length: usize, noise: u64) -> Vec<u8> {
    let mut value: Vec<u8> = noise.to_le_bytes().into_iter().cycle().take(length).collect();
    value.extend(seal(key, &value).to_le_bytes());
    value
}

fn seal(key: &[u8], content: &[u8]) -> u64 {
    xxh3_64(key) ^ xxh3_64(content).rotate_left(32) ^ content.len() as u64
}

fn check(key: &[u8], value: &[u8]) {
    let (content, hash) = value.split_last_chunk().unwrap();
    assert_eq!(
        u64::from_le_bytes(*hash),
        seal(key, content),
        "a value of {} bytes is torn, or another key's",
        value.len()
    );
}

fn check_entry(key: Key<'_>, value: Value<'_>) {
    if value.kind == SEALED {
        check(key.bytes, value.bytes);
    } else {
        assert_eq!((value.kind, value.bytes.len()), (NUMBER, 8));
    }
}

/// What the threads have in common.
struct Stage {
    store: Store,
    time: Arc<AtomicU64>,
    over: AtomicBool,
    folder: PathBuf,
    operations: u64,
}

impl Stage {
    fn new(name: &str, config: Config) -> Self {
        let time = Arc::new(AtomicU64::new(1));
        let folder = std::env::temp_dir().join(format!("heapwise-threads-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let store = Store::with_clock(config, Clock::Manual(Arc::clone(&time))).unwrap();
        let operations = from_environment("HEAPWISE_OPERATIONS", 30_000);
        Self { store, time, over: AtomicBool::new(false), folder, operations }
    }

    /// Runs `work` on `threads` threads, each with a seed, while the bounds are watched and time goes on.
    fn play(&self, threads: u64, work: impl Fn(&Self, u64, Random) + Sync) {
        let usual =
            u64::from(std::process::id()) << 32 | u64::from(std::time::UNIX_EPOCH.elapsed().unwrap().subsec_nanos());
        let seed = from_environment("HEAPWISE_SEED", usual);
        println!("HEAPWISE_SEED={seed}");
        thread::scope(|scope| {
            let watcher = scope.spawn(|| self.watch());
            let players: Vec<_> = (0..threads)
                .map(|player| {
                    let work = &work;
                    scope.spawn(move || work(self, player, Random(seed.wrapping_add(player << 48))))
                })
                .collect();
            let ends: Vec<_> = players.into_iter().map(thread::ScopedJoinHandle::join).collect();
            self.over.store(true, Ordering::Relaxed);
            assert!(watcher.join().unwrap() > 0);
            ends.into_iter().for_each(Result::unwrap);
        });
        assert_eq!(self.store.validate(), Ok(()));
        for shard in 0..self.store.shards() {
            self.store.for_each(shard, check_entry);
        }
        std::fs::remove_dir_all(&self.folder).unwrap();
    }

    /// Looks at the bounds until all is over. How often it has looked.
    fn watch(&self) -> u64 {
        let mut looks = 0;
        while !self.over.load(Ordering::Relaxed) {
            let config = self.store.config();
            let stats = self.store.stats();
            assert!(stats.bytes <= stats.committed && stats.committed <= config.max_bytes, "{stats:?}");
            for shard in 0..self.store.shards() {
                let stats = self.store.shard_stats(shard);
                assert!(stats.committed <= stats.max_bytes, "{stats:?}");
                assert!(config.max_entries == 0 || stats.entries <= config.max_entries);
            }
            looks += 1;
            thread::yield_now();
        }
        looks
    }

    /// One operation on keys that everybody writes.
    fn operate(&self, random: &mut Random) {
        let store = &self.store;
        let key = key_of(COUNTERS + random.next(KEYS));
        let length = match random.next(100) {
            0 => random.next(40_000),
            1..20 => random.next(2_000),
            _ => random.next(100),
        } as usize;
        let ttl = [None, None, Some(0), Some(random.next(50) + 1)][random.next(4) as usize];
        let stored = |put| assert!(put == Put::Stored || put == Put::Refused, "{put:?}");
        let value = |random: &mut Random| sealed(&key, length, random.next(u64::MAX));
        match random.next(1000) {
            0..350 => stored(store.set(named(&key), Value { kind: SEALED, bytes: &value(random) }, ttl)),
            350..650 => _ = store.get(named(&key), store.read(), |value| check(&key, value.bytes)),
            650..720 => {
                _ = store.get(named(&key), Read { peek: true, allow_stale: true, update_age: false }, |value| {
                    check(&key, value.bytes);
                })
            }
            720..800 => _ = store.delete(named(&key)),
            800..850 => stored(store.add(named(&key), Value { kind: SEALED, bytes: &value(random) }, ttl)),
            850..900 => {
                let held = store.get(named(&key), store.read(), |value| value.bytes.to_vec());
                let expected = held.as_deref().map(|bytes| Value { kind: SEALED, bytes });
                stored(store.compare_and_set(
                    named(&key),
                    expected,
                    Value { kind: SEALED, bytes: &value(random) },
                    ttl,
                ));
            }
            900..950 => _ = store.touch(named(&key), ttl),
            950..970 => _ = self.time.fetch_add(random.next(4), Ordering::Relaxed),
            970..985 => _ = store.sweep(random.next(store.shards() as u64) as usize, random.next(500) as u32),
            985..990 => store.for_each(random.next(store.shards() as u64) as usize, check_entry),
            990..994 => _ = store.has(named(&key)) && store.remaining(named(&key)) > 0.0,
            994..997 => store.take_evicted(50, |_, key| assert!(key.bytes.starts_with(b"key "))),
            997..999 => _ = (store.len(), store.is_empty(), store.bytes(), store.earliest()),
            _ => drop(store.clear()),
        }
    }
}

/// Threads write and read what everybody writes; each counter is counted up by all, and nothing may be lost.
fn hammer(name: &str, config: Config, threads: u64) {
    let stage = Stage::new(name, config);
    let counted: Vec<AtomicU64> = (0..COUNTERS).map(|_| AtomicU64::new(0)).collect();
    stage.play(threads, |stage, player, mut random| {
        for _ in 0..stage.operations {
            stage.operate(&mut random);
            let counter = random.next(COUNTERS);
            // The only one that counts it: then whatever happens to the entry, the sum is one more, or it begins anew.
            if counter % threads == player {
                let key = key_of(counter);
                let before = stage
                    .store
                    .get(named(&key), stage.store.read(), |value| f64::from_le_bytes(value.bytes.try_into().unwrap()));
                let sum = stage.store.increment(named(&key), NUMBER, 1.0, Some(0)).unwrap();
                assert!(sum == 1.0 || before.is_some_and(|before| sum == before + 1.0), "{before:?}, then {sum}");
                counted[counter as usize].fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    let stats = stage.store.stats().counters;
    assert!(counted.iter().all(|count| count.load(Ordering::Relaxed) > 0));
    let all = [stats.hits, stats.misses, stats.sets, stats.deletes, stats.evicted_for_size, stats.expired];
    // Not of fewer operations than usual.
    assert!(stage.operations < 10_000 || all.iter().all(|&count| count > 0), "{stats:?}");
}

#[test]
fn a_small_store_of_one_shard() {
    hammer("one", Config { max_bytes: 64 << 10, shards: 1, evicted_keys: 20, ..Config::default() }, 4);
}

#[test]
fn shards_that_share_a_bound_on_entries() {
    let config = Config { max_bytes: 1 << 20, shards: 8, max_entries: 50, ttl: Some(40), ..Config::default() };
    hammer("entries", Config { update_age_on_get: true, evicted_keys: 5, ..config }, 4);
}

#[test]
fn fewer_entries_than_threads() {
    let config = Config { max_bytes: 1 << 20, shards: 4, max_entries: 2, allow_stale: true, ..Config::default() };
    hammer("two", config, 6);
}

#[test]
fn no_increment_is_lost() {
    let stage = Stage::new("count", Config { max_bytes: 8 << 20, shards: 4, ..Config::default() });
    let (store, threads) = (&stage.store, 4);
    stage.play(threads, |stage, _, mut random| {
        for turn in 0..stage.operations {
            let key = key_of(random.next(COUNTERS));
            // Counted in both ways.
            if turn % 2 == 0 {
                assert!(store.increment(named(&key), NUMBER, 1.0, None).is_ok());
                continue;
            }
            loop {
                let held = store.get(named(&key), store.read(), |value| value.bytes.to_vec());
                let number = held.as_ref().map_or(0.0, |bytes| f64::from_le_bytes(bytes[..].try_into().unwrap()));
                let expected = held.as_deref().map(|bytes| Value { kind: NUMBER, bytes });
                let value = (number + 1.0).to_le_bytes();
                let put = store.compare_and_set(named(&key), expected, Value { kind: NUMBER, bytes: &value }, None);
                if put == Put::Stored {
                    break;
                }
                assert_eq!(put, Put::Refused);
            }
        }
    });
    let number = |bytes: &[u8]| f64::from_le_bytes(bytes.try_into().unwrap());
    let sum: f64 =
        (0..COUNTERS).filter_map(|k| store.get(named(&key_of(k)), store.read(), |value| number(value.bytes))).sum();
    assert_eq!(sum, (threads * stage.operations) as f64);
    let stats = store.stats();
    assert_eq!((stats.counters.sets, stats.entries as u64), (threads * stage.operations, COUNTERS));
}

#[test]
fn saved_and_loaded_while_others_write() {
    let config = || Config { max_bytes: 4 << 20, shards: 4, ttl: Some(1000), ..Config::default() };
    let stage = Stage::new("save", config());
    let quiet = || Watch { cancel: None, progress: None };
    stage.play(4, |stage, player, mut random| {
        if player > 1 {
            return (0..stage.operations).for_each(|_| stage.operate(&mut random));
        }
        let file = stage.folder.join(format!("file{player}"));
        for _ in 0..stage.operations / 1500 {
            let saved = transfer::save(&stage.store, None, &file, quiet()).unwrap();
            let other = Store::new(config()).unwrap();
            let loaded = transfer::load(&other, &file, quiet()).unwrap();
            assert!(loaded.entries <= saved.entries);
            for shard in 0..other.shards() {
                other.for_each(shard, check_entry);
            }
            assert_eq!(other.validate(), Ok(()));
            transfer::load(&stage.store, &file, quiet()).unwrap();
        }
    });
}

/// The sweeper's own thread, with the system's clock: what ends goes, without anybody asking for it.
#[test]
fn the_sweeper_works_beside_writers() {
    let store = Arc::new(Store::new(Config { max_bytes: 4 << 20, shards: 4, ..Config::default() }).unwrap());
    sweeper::look_after(&store);
    let operations = from_environment("HEAPWISE_OPERATIONS", 30_000);
    thread::scope(|scope| {
        for player in 0..3 {
            let store = &store;
            scope.spawn(move || {
                let mut random = Random(player);
                for turn in 0..operations {
                    let key = key_of(random.next(KEYS));
                    let bytes = sealed(&key, random.next(300) as usize, turn);
                    let ttl = Some(random.next(20) + 1);
                    assert_eq!(store.set(named(&key), Value { kind: SEALED, bytes: &bytes }, ttl), Put::Stored);
                    if turn % 1000 == 0 {
                        sweeper::bury(Box::new(store.clear()));
                    }
                }
            });
        }
    });
    // Waits as long as it takes: a sweep that never comes is a test that never ends.
    while !store.is_empty() {
        thread::yield_now();
    }
    assert!(store.stats().counters.expired > 0);
    assert_eq!(store.validate(), Ok(()));
}
