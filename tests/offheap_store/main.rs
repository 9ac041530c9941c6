//! The store against a model: the `lru` crate for the order of one shard, with a clock that the test sets. Which entries make
//! room is compared exactly; what a sweep finds is compared as a set, since it goes by place.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod bounds;
#[path = "../common/cases.rs"]
mod cases;
mod shards;

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use heapwise::core::offheap::clock::Clock;
use heapwise::core::offheap::entry::{Key, Value};
use heapwise::core::offheap::shard::{Counters, MIN_BUDGET, Put, Read, Reason};
use heapwise::core::offheap::store::{Config, Store};
use lru::LruCache;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

const NUMBER: u8 = 1;
/// Looks at an entry and changes nothing, not even one that has ended.
const LOOK: Read = Read { allow_stale: true, update_age: false, peek: true };
/// Keys of numbers are beyond all others.
const NUMBERS: u16 = 10_000;

#[derive(Debug, Clone)]
enum Step {
    Set(u16, u32, Option<u64>),
    Get(u16),
    Peek(u16),
    Has(u16),
    Delete(u16),
    Touch(u16, Option<u64>),
    Add(u16, u32),
    /// Compare and set, with what is there or something else.
    Swap(u16, bool, u32),
    Increment(u16, i8),
    Remaining(u16),
    Tick(u64),
    /// That many blocks.
    Sweep(u32),
    SweepAll,
    TakeEvicted(usize),
    Clear,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let key = || 0..NUMBERS;
    let ttl = || prop_oneof![5 => Just(None), 1 => Just(Some(0)), 2 => (1..200_u64).prop_map(Some)];
    let size = || prop_oneof![8 => 0..64_u32, 4 => 64..600_u32, 2 => 600..9_000_u32, 1 => 20_000..70_000_u32];
    let step = prop_oneof![
        100 => (key(), size(), ttl()).prop_map(|(k, s, t)| Step::Set(k, s, t)),
        30 => key().prop_map(Step::Get),
        5 => key().prop_map(Step::Peek),
        5 => key().prop_map(Step::Has),
        20 => key().prop_map(Step::Delete),
        10 => (key(), ttl()).prop_map(|(k, t)| Step::Touch(k, t)),
        8 => (key(), size()).prop_map(|(k, s)| Step::Add(k, s)),
        10 => (key(), any::<bool>(), size()).prop_map(|(k, right, s)| Step::Swap(k, right, s)),
        10 => (0..12_u16, any::<i8>()).prop_map(|(k, by)| Step::Increment(k, by)),
        5 => key().prop_map(Step::Remaining),
        10 => (0..60_u64).prop_map(Step::Tick),
        5 => (1..40_u32).prop_map(Step::Sweep),
        3 => Just(Step::SweepAll),
        3 => (0..8_usize).prop_map(Step::TakeEvicted),
        1 => Just(Step::Clear),
    ];
    prop::collection::vec(step, 1..700)
}

/// A store's options, and how many keys there are.
fn configs() -> impl Strategy<Value = (Config, u16)> {
    (
        prop_oneof![Just(64 << 10), Just(128 << 10), Just(200_000_usize)],
        prop_oneof![3 => Just(0_usize), 1 => 1..60_usize],
        prop_oneof![Just(None), (1..150_u64).prop_map(Some)],
        any::<bool>(),
        any::<bool>(),
        prop_oneof![Just(0_usize), 1..6_usize, Just(10_000_usize)],
        prop_oneof![Just(40_u16), Just(400_u16), Just(NUMBERS)],
    )
        .prop_map(|(max_bytes, max_entries, ttl, update_age_on_get, allow_stale, evicted_keys, keys)| {
            let config = Config {
                max_bytes,
                max_entries,
                ttl,
                update_age_on_get,
                allow_stale,
                shards: 1,
                evicted_keys,
                codec: 0,
            };
            (config, keys)
        })
}

#[derive(Debug, Clone, PartialEq)]
struct Held {
    kind: u8,
    bytes: Vec<u8>,
    deadline: u64,
    ttl: u64,
}

fn key_bytes(key: u16) -> Vec<u8> {
    let mut bytes = format!("key:{key}").into_bytes();
    bytes.resize(bytes.len() + key as usize % 23, b'.');
    bytes
}

fn value_bytes(key: u16, size: u32, seed: usize) -> Vec<u8> {
    (0..size as usize).map(|i| (i * 7 + seed + key as usize) as u8).collect()
}

/// What happened in all cases, so that a test that never comes to its matter fails.
#[derive(Debug, Default)]
struct Seen {
    evicted: u64,
    expired: u64,
    compactions: u64,
    growths: u64,
    shrinks: u64,
    moves: u64,
    dropped_keys: u64,
    /// Of the budget, when an entry had to go: the sum of the parts that were taken, and how often.
    filled: (f64, u64),
}

/// A store beside the model.
struct Pair {
    store: Store,
    config: Config,
    time: Arc<AtomicU64>,
    now: u64,
    model: LruCache<u16, Held>,
    counters: Counters,
    /// What shall be in the queue of evicted keys, and how many have left it unseen.
    queue: Option<LruCache<Vec<u8>, Reason>>,
    dropped: u64,
}

impl Pair {
    fn new(config: Config) -> Self {
        let time = Arc::new(AtomicU64::new(1));
        let store = Store::with_clock(config.clone(), Clock::Manual(Arc::clone(&time))).unwrap();
        assert_eq!(store.shards(), 1);
        Self {
            store,
            time,
            now: 1,
            model: LruCache::unbounded(),
            counters: Counters::default(),
            queue: NonZeroUsize::new(config.evicted_keys).map(LruCache::new),
            dropped: 0,
            config,
        }
    }

    fn usual_ttl(&self) -> u64 {
        self.config.ttl.unwrap_or(0)
    }

    fn over(&self, held: &Held) -> bool {
        held.deadline != 0 && self.now >= held.deadline
    }

    fn deadline(&self, ttl: u64) -> u64 {
        if ttl == 0 { 0 } else { self.now + ttl }
    }

    fn tell(&mut self, key: u16, reason: Reason) {
        match reason {
            Reason::Size => self.counters.evicted_for_size += 1,
            Reason::Expired => self.counters.expired += 1,
        }
        if let Some(queue) = &mut self.queue {
            let key = key_bytes(key);
            if queue.push(key.clone(), reason).is_some_and(|(out, _)| out != key) {
                self.dropped += 1;
            }
        }
    }

    fn expire(&mut self, key: u16) -> Option<Held> {
        let held = self.model.pop(&key);
        self.tell(key, Reason::Expired);
        held
    }

    /// Whether there is an entry whose time is not over. One that is over is gone afterwards.
    fn live(&mut self, key: u16) -> bool {
        match self.model.peek(&key).map(|held| self.over(held)) {
            None => false,
            Some(true) => {
                self.expire(key);
                false
            }
            Some(false) => true,
        }
    }

    /// Stores in the model, and gives up there what the store has given up: the least recently used ones, in order, each for
    /// the reason it had.
    fn put(
        &mut self,
        key: u16,
        kind: u8,
        bytes: Vec<u8>,
        ttl: u64,
        before: usize,
        committed: usize,
    ) -> Result<(), String> {
        let need = (key_bytes(key).len() + bytes.len()).div_ceil(8) * 8 + 32;
        let known = self.model.pop(&key).is_some();
        let full = !known && self.config.max_entries > 0 && before >= self.config.max_entries;
        let counted = self.store.stats();
        let gone = counted.counters.evicted_for_size + counted.counters.expired
            - self.counters.evicted_for_size
            - self.counters.expired;
        // At most one for its slot, and none for room as long as there is memory that was never used.
        if full && gone == 0 {
            return Err("more entries than there may be".into());
        }
        if committed + need + 8 * before + 4096 <= self.config.max_bytes && gone > u64::from(full) {
            return Err(format!("{gone} entries given up with {committed} bytes in use"));
        }
        for _ in 0..gone {
            let Some((victim, held)) = self.model.pop_lru() else { return Err(format!("{gone} entries given up")) };
            let reason = if self.over(&held) { Reason::Expired } else { Reason::Size };
            self.tell(victim, reason);
        }
        self.counters.sets += 1;
        self.model.put(key, Held { kind, bytes, deadline: self.deadline(ttl), ttl });
        Ok(())
    }

    fn step(&mut self, seed: usize, step: Step, keys: u16, seen: &mut Seen) -> Result<(), String> {
        let how = self.store.read();
        let stats = self.store.stats();
        let (before, committed) = (stats.entries, stats.committed);
        let fits = |key: u16, size: u32| key_bytes(key).len() + size as usize <= self.store.max_entry_bytes();
        match step {
            Step::Set(k, size, ttl) => {
                let (k, bytes) = (k % keys, value_bytes(k % keys, size, seed));
                let put = self.store.set(named(&key_bytes(k)), Value { kind: 8, bytes: &bytes }, ttl);
                if !fits(k, size) {
                    self.counters.refused += 1;
                    return same(put, Put::TooLarge, "a set that is too large");
                }
                same(put, Put::Stored, "a set")?;
                self.put(k, 8, bytes, ttl.unwrap_or(self.usual_ttl()), before, committed)?;
                let evicted = self.store.stats().counters.evicted_for_size - stats.counters.evicted_for_size;
                if evicted > 0 && self.config.max_entries == 0 && size < 600 {
                    seen.filled.0 += committed as f64 / stats.max_bytes as f64;
                    seen.filled.1 += 1;
                }
            }
            Step::Get(k) => {
                let k = k % keys;
                let got = self.store.get(named(&key_bytes(k)), how, |v| (v.kind, v.bytes.to_vec()));
                let stale = self.model.peek(&k).is_some_and(|held| self.over(held));
                let want = if stale {
                    self.expire(k).filter(|_| how.allow_stale)
                } else {
                    let now = self.now;
                    self.model.get_mut(&k).map(|held| {
                        if how.update_age && held.ttl != 0 {
                            held.deadline = now + held.ttl;
                        }
                        held.clone()
                    })
                };
                *(if want.is_some() { &mut self.counters.hits } else { &mut self.counters.misses }) += 1;
                same(got, want.map(|held| (held.kind, held.bytes)), "a get")?;
            }
            Step::Peek(k) => {
                let k = k % keys;
                let got = self.store.get(named(&key_bytes(k)), Read { peek: true, ..how }, |v| v.bytes.to_vec());
                let want = self.model.peek(&k).filter(|held| how.allow_stale || !self.over(held));
                same(got, want.map(|held| held.bytes.clone()), "a peek")?;
            }
            Step::Has(k) => {
                let k = k % keys;
                let want = self.model.peek(&k).is_some_and(|held| !self.over(held));
                same(self.store.has(named(&key_bytes(k))), want, "has")?;
            }
            Step::Delete(k) => {
                let k = k % keys;
                let want = self.live(k);
                self.model.pop(&k);
                self.counters.deletes += u64::from(want);
                same(self.store.delete(named(&key_bytes(k))), want, "a delete")?;
            }
            Step::Touch(k, ttl) => {
                let k = k % keys;
                let touched = self.store.touch(named(&key_bytes(k)), ttl);
                let want = self.live(k);
                same(touched, want, "a touch")?;
                if let Some(mut held) = self.model.peek(&k).cloned() {
                    held.ttl = ttl.unwrap_or(held.ttl);
                    // A word more for a ttl of its own can need room.
                    self.put(k, held.kind, held.bytes, held.ttl, before, committed)?;
                    self.counters.sets -= 1;
                }
            }
            Step::Add(k, size) => {
                let (k, bytes) = (k % keys, value_bytes(k % keys, size, seed));
                let put = self.store.add(named(&key_bytes(k)), Value { kind: 9, bytes: &bytes }, None);
                if !fits(k, size) {
                    self.counters.refused += 1;
                    return same(put, Put::TooLarge, "an add that is too large");
                }
                if self.live(k) {
                    return same(put, Put::Refused, "an add");
                }
                same(put, Put::Stored, "an add")?;
                self.put(k, 9, bytes, self.usual_ttl(), before.min(self.model.len()), committed)?;
            }
            Step::Swap(k, right, size) => {
                let (k, bytes) = (k % keys, value_bytes(k % keys, size, seed));
                let there = self.model.peek(&k).map(|held| (held.kind, held.bytes.clone()));
                let expected = if right { there.clone() } else { Some((8, vec![1, 2, 3])) };
                let put = self.store.compare_and_set(
                    named(&key_bytes(k)),
                    expected.as_ref().map(|(kind, bytes)| Value { kind: *kind, bytes }),
                    Value { kind: 10, bytes: &bytes },
                    None,
                );
                if !fits(k, size) {
                    self.counters.refused += 1;
                    return same(put, Put::TooLarge, "a compare-and-set that is too large");
                }
                let there = there.filter(|_| self.live(k));
                if there != expected {
                    return same(put, Put::Refused, "a compare-and-set");
                }
                same(put, Put::Stored, "a compare-and-set")?;
                self.put(k, 10, bytes, self.usual_ttl(), before.min(self.model.len()), committed)?;
            }
            Step::Increment(k, by) => {
                let (k, by) = (NUMBERS + k, f64::from(by));
                let got = self.store.increment(named(&key_bytes(k)), NUMBER, by, None);
                if self.live(k) {
                    let held = self.model.get_mut(&k).unwrap();
                    let sum = f64::from_le_bytes(held.bytes[..].try_into().unwrap()) + by;
                    held.bytes = sum.to_le_bytes().to_vec();
                    self.counters.sets += 1;
                    return same(got, Ok(sum), "an increment");
                }
                same(got, Ok(by), "a first increment")?;
                let bytes = by.to_le_bytes().to_vec();
                self.put(k, NUMBER, bytes, self.usual_ttl(), before.min(self.model.len()), committed)?;
            }
            Step::Remaining(k) => {
                let k = k % keys;
                let want = self.model.peek(&k).map_or(0.0, |held| match held.deadline {
                    0 => f64::INFINITY,
                    deadline => deadline.saturating_sub(self.now) as f64,
                });
                same(self.store.remaining(named(&key_bytes(k))), want, "what remains")?;
            }
            Step::Tick(by) => {
                self.now += by;
                self.time.store(self.now, Ordering::Relaxed);
            }
            Step::Sweep(blocks) => self.sweep(Some(blocks))?,
            Step::SweepAll => self.sweep(None)?,
            Step::TakeEvicted(max) => self.take_evicted(max)?,
            Step::Clear => {
                self.count_upkeep(seen);
                drop(self.store.clear());
                self.model.clear();
            }
        }
        Ok(())
    }

    /// A sweep takes only what is over; without a bound all of it.
    fn sweep(&mut self, blocks: Option<u32>) -> Result<(), String> {
        self.take_evicted(usize::MAX)?;
        if let Some(blocks) = blocks {
            self.store.sweep(0, blocks);
        } else {
            // One that was under way has passed some; the next starts at the beginning.
            while !self.store.sweep(0, 7) {}
            while !self.store.sweep(0, 7) {}
        }
        let over: Vec<u16> = self.model.iter().filter(|(_, held)| self.over(held)).map(|(&key, _)| key).collect();
        let mut taken = BTreeSet::new();
        for key in over {
            if self.store.get(named(&key_bytes(key)), LOOK, |_| ()).is_none() {
                self.model.pop(&key);
                self.counters.expired += 1;
                taken.insert(key_bytes(key));
            } else if blocks.is_none() {
                return Err(format!("a sweep left key {key}"));
            }
        }
        if self.config.evicted_keys > 0 {
            let most = taken.len().min(self.config.evicted_keys);
            self.dropped += (taken.len() - most) as u64;
            let mut told = BTreeSet::new();
            self.store.take_evicted(usize::MAX, |reason, key| {
                assert_eq!(reason, Reason::Expired);
                told.insert(key.bytes.to_vec());
            });
            if told.len() != most || !told.is_subset(&taken) {
                return Err(format!("a sweep told of {} keys of {}", told.len(), taken.len()));
            }
        }
        Ok(())
    }

    fn take_evicted(&mut self, max: usize) -> Result<(), String> {
        let mut got = Vec::new();
        self.store.take_evicted(max, |reason, key| got.push((key.bytes.to_vec(), reason)));
        let mut want = Vec::new();
        if let Some(queue) = &mut self.queue {
            while want.len() < max {
                let Some(next) = queue.pop_lru() else { break };
                want.push(next);
            }
        }
        same(got, want, "the queue of evicted keys")?;
        same(self.store.evicted_dropped(), self.dropped, "dropped keys")
    }

    fn count_upkeep(&self, seen: &mut Seen) {
        let upkeep = self.store.upkeep(0);
        seen.compactions += upkeep.compactions;
        seen.growths += upkeep.growths;
        seen.shrinks += upkeep.shrinks;
        seen.moves += upkeep.moves;
    }

    /// Numbers, after every step.
    fn check_numbers(&self) -> Result<(), String> {
        let stats = self.store.stats();
        same(stats.counters, self.counters, "counters")?;
        same(stats.entries, self.model.len(), "entries")?;
        if stats.bytes > stats.committed || stats.committed > stats.max_bytes {
            return Err(format!("{} bytes, {} committed", stats.bytes, stats.committed));
        }
        Ok(())
    }

    /// All that is there, in order.
    fn check_all(&self) -> Result<(), String> {
        self.store.validate()?;
        let mut order = Vec::new();
        let listed = self.store.for_each_oldest(0, |key, value, expiry| {
            let ttl = expiry.own_ttl.unwrap_or(self.usual_ttl());
            let held = Held { kind: value.kind, bytes: value.bytes.to_vec(), deadline: expiry.at, ttl };
            order.push((key.bytes.to_vec(), held));
            Ok::<(), String>(())
        });
        listed?;
        let live = self.model.iter().rev().filter(|(_, held)| !self.over(held));
        same(&order, &live.map(|(&key, held)| (key_bytes(key), held.clone())).collect(), "the order")?;
        let mut keys: HashMap<Vec<u8>, Vec<u8>> = HashMap::new();
        self.store.for_each(0, |key, value| assert_eq!(keys.insert(key.bytes.into(), value.bytes.into()), None));
        same(keys, order.into_iter().map(|(key, held)| (key, held.bytes)).collect(), "what is listed")?;
        for (&key, held) in &self.model {
            let kept = self.store.get(named(&key_bytes(key)), LOOK, |value| value.bytes == held.bytes);
            same(kept, Some(true), "what is kept")?;
        }
        Ok(())
    }
}

/// A store of one shard, as small as can be.
fn smallest() -> Store {
    Store::new(Config { max_bytes: MIN_BUDGET, ..Config::default() }).unwrap()
}

fn named(bytes: &[u8]) -> Key<'_> {
    Key { kind: 0, bytes }
}

fn same<T: PartialEq + std::fmt::Debug>(got: T, want: T, what: &str) -> Result<(), String> {
    if got == want { Ok(()) } else { Err(format!("{what}: {got:?}, not {want:?}")) }
}

fn run(steps: Vec<Step>, config: Config, keys: u16, seen: &mut Seen) -> Result<(), String> {
    let mut pair = Pair::new(config);
    for (seed, step) in steps.into_iter().enumerate() {
        let told = format!("{step:?}");
        let upkeep = pair.store.upkeep(0);
        let mut outcome = pair.step(seed, step, keys, seen).and_then(|()| pair.check_numbers());
        if outcome.is_ok() && (seed % 16 == 0 || pair.store.upkeep(0) != upkeep) {
            outcome = pair.check_all();
        }
        outcome.map_err(|error| format!("step {seed}, {told}: {error}"))?;
    }
    pair.check_all()?;
    pair.take_evicted(usize::MAX)?;
    pair.count_upkeep(seen);
    seen.evicted += pair.counters.evicted_for_size;
    seen.expired += pair.counters.expired;
    seen.dropped_keys += pair.dropped;
    Ok(())
}

#[test]
fn one_shard_is_an_exact_lru() {
    let seen = RefCell::new(Seen::default());
    let config = ProptestConfig { source_file: Some(file!()), ..cases::config(300) };
    let outcome = TestRunner::new(config).run(&(steps(), configs()), |(steps, (config, keys))| {
        run(steps, config, keys, &mut seen.borrow_mut()).map_err(TestCaseError::fail)
    });
    if let Err(error) = outcome {
        unreachable!("{error}");
    }
    let seen = seen.into_inner();
    let counts =
        [seen.evicted, seen.expired, seen.compactions, seen.growths, seen.shrinks, seen.moves, seen.dropped_keys];
    // Not of fewer cases than usual.
    if std::env::var_os("PROPTEST_CASES").is_some() {
        return;
    }
    assert!(counts.iter().all(|&count| count > 20), "{seen:?}");
    assert!(seen.filled.0 / seen.filled.1 as f64 > 0.9, "{seen:?}");
}
