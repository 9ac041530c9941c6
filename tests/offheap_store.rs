//! The store against a model: a list of entries in order of use, for one shard, with a clock that the test sets.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use heapwise::core::offheap::clock::Clock;
use heapwise::core::offheap::entry::{Key, Value};
use heapwise::core::offheap::shard::{Put, Read};
use heapwise::core::offheap::store::{Config, Store};
use proptest::prelude::*;

const NUMBER: u8 = 1;

#[derive(Debug, Clone)]
enum Step {
    Set(u16, u32, Option<u64>),
    Get(u16),
    Peek(u16),
    Has(u16),
    Delete(u16),
    Touch(u16, Option<u64>),
    Add(u16, u32),
    Swap(u16, bool, u32),
    Increment(u16, i8),
    Remaining(u16),
    Tick(u64),
    Sweep(u32),
    Clear,
    Keys,
}

#[derive(Debug, Clone)]
struct Held {
    key: u16,
    kind: u8,
    bytes: Vec<u8>,
    deadline: u64,
    ttl: u64,
}

/// The least recently used first.
#[derive(Debug, Default)]
struct Model {
    entries: Vec<Held>,
    now: u64,
}

impl Model {
    fn find(&self, key: u16) -> Option<usize> {
        self.entries.iter().position(|held| held.key == key)
    }
    fn over(&self, at: usize) -> bool {
        self.entries[at].deadline != 0 && self.now >= self.entries[at].deadline
    }
    fn live(&mut self, key: u16) -> Option<usize> {
        let at = self.find(key)?;
        if self.over(at) {
            self.entries.remove(at);
            return None;
        }
        Some(at)
    }
    fn newest(&mut self, at: usize) -> &mut Held {
        let held = self.entries.remove(at);
        self.entries.push(held);
        self.entries.last_mut().expect("one was pushed")
    }
    fn deadline(&self, ttl: u64) -> u64 {
        if ttl == 0 { 0 } else { self.now + ttl }
    }
    fn put(&mut self, key: u16, kind: u8, bytes: Vec<u8>, ttl: u64) {
        if let Some(at) = self.find(key) {
            self.entries.remove(at);
        }
        let deadline = self.deadline(ttl);
        self.entries.push(Held { key, kind, bytes, deadline, ttl });
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let key = || 0..400_u16;
    let ttl = || prop_oneof![3 => Just(None), 1 => Just(Some(0)), 2 => (1..200_u64).prop_map(Some)];
    let size = || prop_oneof![6 => 0..64_u32, 4 => 64..600_u32, 1 => 600..9_000_u32, 1 => 50_000..70_000_u32];
    let step = prop_oneof![
        12 => (key(), size(), ttl()).prop_map(|(k, s, t)| Step::Set(k, s, t)),
        6 => key().prop_map(Step::Get),
        1 => key().prop_map(Step::Peek),
        1 => key().prop_map(Step::Has),
        3 => key().prop_map(Step::Delete),
        2 => (key(), ttl()).prop_map(|(k, t)| Step::Touch(k, t)),
        1 => (key(), size()).prop_map(|(k, s)| Step::Add(k, s)),
        2 => (key(), any::<bool>(), size()).prop_map(|(k, b, s)| Step::Swap(k, b, s)),
        2 => (0..12_u16, any::<i8>()).prop_map(|(k, by)| Step::Increment(k, by)),
        1 => key().prop_map(Step::Remaining),
        2 => (0..100_u64).prop_map(Step::Tick),
        2 => (1..300_u32).prop_map(Step::Sweep),
        1 => Just(Step::Keys),
    ];
    (prop::collection::vec(step, 1..600), prop::option::weighted(0.1, Just(Step::Clear))).prop_map(
        |(mut steps, clear)| {
            steps.insert(steps.len() / 2, clear.unwrap_or(Step::Keys));
            steps
        },
    )
}

fn key_bytes(key: u16) -> Vec<u8> {
    let mut bytes = format!("key:{key}").into_bytes();
    bytes.resize(bytes.len() + key as usize % 23, b'.');
    bytes
}

fn value_bytes(key: u16, size: u32, seed: usize) -> Vec<u8> {
    (0..size as usize).map(|i| (i * 7 + seed + key as usize) as u8).collect()
}

fn run(steps: Vec<Step>, config: Config) -> Result<(), TestCaseError> {
    let time = Arc::new(AtomicU64::new(1));
    let store = Store::with_clock(config.clone(), Clock::Manual(Arc::clone(&time))).expect("memory");
    prop_assert_eq!(store.shards(), 1);
    let default_ttl = config.ttl.unwrap_or(0);
    let mut model = Model { now: 1, ..Model::default() };
    let how = store.read();
    for (seed, step) in steps.into_iter().enumerate() {
        let evicted_before = store.stats().counters.evicted_for_size + store.stats().counters.expired;
        let mut expired_by_model = 0;
        match step {
            Step::Set(k, size, ttl) => {
                let bytes = value_bytes(k, size, seed);
                let key = key_bytes(k);
                let put = store.set(Key { kind: 0, bytes: &key }, Value { kind: 8, bytes: &bytes }, ttl);
                let fits = store.fits(key.len(), bytes.len());
                prop_assert_eq!(put, if fits { Put::Stored } else { Put::TooLarge });
                if fits {
                    model.put(k, 8, bytes, ttl.unwrap_or(default_ttl));
                }
            }
            Step::Get(k) => {
                let got = store.get(Key { kind: 0, bytes: &key_bytes(k) }, how, |v| (v.kind, v.bytes.to_vec()));
                let stale = model.find(k).filter(|&at| model.over(at));
                let want = match stale {
                    Some(at) => {
                        let held = model.entries.remove(at);
                        expired_by_model = 1;
                        how.allow_stale.then_some((held.kind, held.bytes))
                    }
                    None => model.live(k).map(|at| {
                        let now = model.now;
                        let held = model.newest(at);
                        if how.update_age && held.ttl != 0 {
                            held.deadline = now + held.ttl;
                        }
                        (held.kind, held.bytes.clone())
                    }),
                };
                prop_assert_eq!(got, want);
            }
            Step::Peek(k) => {
                let got =
                    store.get(Key { kind: 0, bytes: &key_bytes(k) }, Read { peek: true, ..how }, |v| v.bytes.len());
                let want = model.find(k).filter(|&at| how.allow_stale || !model.over(at));
                prop_assert_eq!(got, want.map(|at| model.entries[at].bytes.len()));
            }
            Step::Has(k) => {
                let want = model.find(k).is_some_and(|at| !model.over(at));
                prop_assert_eq!(store.has(Key { kind: 0, bytes: &key_bytes(k) }), want);
            }
            Step::Delete(k) => {
                let before = model.entries.len();
                let want = model.live(k);
                if let Some(at) = want {
                    model.entries.remove(at);
                } else {
                    expired_by_model = before - model.entries.len();
                }
                prop_assert_eq!(store.delete(Key { kind: 0, bytes: &key_bytes(k) }), want.is_some());
            }
            Step::Touch(k, ttl) => {
                let want = model.live(k);
                let now = model.now;
                if let Some(at) = want {
                    let held = model.newest(at);
                    held.ttl = ttl.unwrap_or(held.ttl);
                    if ttl.is_some() || held.ttl != 0 {
                        held.deadline = if held.ttl == 0 { 0 } else { now + held.ttl };
                    }
                }
                prop_assert_eq!(store.touch(Key { kind: 0, bytes: &key_bytes(k) }, ttl), want.is_some());
            }
            Step::Add(k, size) => {
                let (key, bytes) = (key_bytes(k), value_bytes(k, size, seed));
                let put = store.add(Key { kind: 0, bytes: &key }, Value { kind: 9, bytes: &bytes }, None);
                if !store.fits(key.len(), bytes.len()) {
                    prop_assert_eq!(put, Put::TooLarge);
                } else if model.live(k).is_some() {
                    prop_assert_eq!(put, Put::Refused);
                } else {
                    prop_assert_eq!(put, Put::Stored);
                    model.put(k, 9, bytes, default_ttl);
                }
            }
            Step::Swap(k, right, size) => {
                let (key, bytes) = (key_bytes(k), value_bytes(k, size, seed));
                let mut expected = model.find(k).map(|at| (model.entries[at].kind, model.entries[at].bytes.clone()));
                if !right {
                    expected = Some((8, vec![1, 2, 3]));
                }
                let put = store.compare_and_set(
                    Key { kind: 0, bytes: &key },
                    expected.as_ref().map(|(kind, bytes)| Value { kind: *kind, bytes }),
                    Value { kind: 10, bytes: &bytes },
                    None,
                );
                let fits = store.fits(key.len(), bytes.len());
                let there = if fits {
                    model.live(k).map(|at| (model.entries[at].kind, model.entries[at].bytes.clone()))
                } else {
                    None
                };
                prop_assert_eq!(
                    put,
                    match () {
                        () if !fits => Put::TooLarge,
                        () if there == expected => Put::Stored,
                        () => Put::Refused,
                    }
                );
                if put == Put::Stored {
                    model.put(k, 10, bytes, default_ttl);
                }
            }
            Step::Increment(k, by) => {
                let k = k + 1000;
                let got = store.increment(Key { kind: 0, bytes: &key_bytes(k) }, NUMBER, f64::from(by), None);
                let sum = match model.live(k) {
                    Some(at) => {
                        let held = model.newest(at);
                        let sum = f64::from_le_bytes(held.bytes[..].try_into().expect("a number")) + f64::from(by);
                        held.bytes = sum.to_le_bytes().to_vec();
                        sum
                    }
                    None => {
                        model.put(k, NUMBER, f64::from(by).to_le_bytes().to_vec(), default_ttl);
                        f64::from(by)
                    }
                };
                prop_assert_eq!(got, Ok(sum));
            }
            Step::Remaining(k) => {
                let want = model.find(k).map_or(0.0, |at| match model.entries[at].deadline {
                    0 => f64::INFINITY,
                    deadline => deadline.saturating_sub(model.now) as f64,
                });
                prop_assert_eq!(store.remaining(Key { kind: 0, bytes: &key_bytes(k) }), want);
            }
            Step::Tick(by) => {
                model.now += by;
                time.store(model.now, Ordering::Relaxed);
            }
            Step::Sweep(blocks) => {
                if blocks > 150 {
                    while !store.sweep(0, blocks) {}
                    // A sweep that was under way has passed some; the next one starts at the beginning.
                    while !store.sweep(0, blocks) {}
                } else {
                    store.sweep(0, blocks);
                }
            }
            Step::Clear => {
                drop(store.clear());
                model.entries.clear();
            }
            Step::Keys => {
                let mut keys = Vec::new();
                store.for_each(0, |key, value| keys.push((key.bytes.to_vec(), value.bytes.to_vec())));
                let mut want: Vec<_> = (0..model.entries.len())
                    .filter(|&at| !model.over(at))
                    .map(|at| (key_bytes(model.entries[at].key), model.entries[at].bytes.clone()))
                    .collect();
                keys.sort();
                want.sort();
                // What the store gave up is not known here yet: it is compared by order below.
                prop_assert!(keys.iter().all(|pair| want.contains(pair)));
            }
        }
        // What the store has given up are the least recently used ones, or expired ones.
        let mut order = Vec::new();
        store
            .for_each_oldest(0, |key, value, expiry| {
                order.push((key.bytes.to_vec(), value.bytes.to_vec(), expiry.at));
                Ok::<(), ()>(())
            })
            .expect("no error");
        let stats = store.stats();
        let gone = (stats.counters.evicted_for_size + stats.counters.expired - evicted_before) as usize;
        let mut left: Vec<&Held> = model.entries.iter().collect();
        if gone > 0 && !matches!(step_kind(&order), ()) {
            unreachable!()
        }
        // Sweeping takes expired ones anywhere; making room takes the oldest.
        let size_gone = left.len().saturating_sub(stats.entries);
        let _ = (gone, expired_by_model);
        if stats.entries < left.len() {
            let mut missing = size_gone;
            let present: std::collections::HashSet<Vec<u8>> = {
                let mut set = std::collections::HashSet::new();
                for (key, ..) in &order {
                    set.insert(key.clone());
                }
                set
            };
            let mut oldest = true;
            left.retain(|held| {
                let over = held.deadline != 0 && model.now >= held.deadline;
                let there = present.contains(&key_bytes(held.key));
                if there {
                    oldest = false;
                }
                let explained = over || oldest;
                if !there && explained && missing > 0 {
                    missing -= 1;
                    return false;
                }
                true
            });
            prop_assert_eq!(missing, 0, "an entry is gone that was neither the oldest nor over");
        }
        let want: Vec<_> = left
            .iter()
            .filter(|held| held.deadline == 0 || model.now < held.deadline)
            .map(|held| (key_bytes(held.key), held.bytes.clone(), held.deadline))
            .collect();
        prop_assert_eq!(&order, &want);
        let kept: Vec<Held> = left.into_iter().cloned().collect();
        model.entries = kept;
        prop_assert_eq!(stats.entries, model.entries.len());
        if let Err(broken) = store.validate() {
            prop_assert!(false, "{}", broken);
        }
        prop_assert!(stats.bytes <= stats.max_bytes && stats.committed <= stats.max_bytes + 4096);
    }
    Ok(())
}

fn step_kind<T>(_: &T) {}

fn config() -> impl Strategy<Value = Config> {
    (
        prop_oneof![Just(64 << 10), Just(128 << 10), Just(200_000_usize)],
        prop_oneof![Just(0_usize), 1..60_usize],
        prop_oneof![Just(None), (1..150_u64).prop_map(Some)],
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(max_bytes, max_entries, ttl, update_age_on_get, allow_stale, queue)| Config {
            max_bytes,
            max_entries,
            ttl,
            update_age_on_get,
            allow_stale,
            shards: 1,
            evicted_keys: usize::from(queue) * 5,
            codec: 0,
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn one_shard_is_an_exact_lru(steps in steps(), config in config()) {
        run(steps, config)?;
    }
}
