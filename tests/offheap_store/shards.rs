//! Several shards, and entries of one size.

use std::collections::HashMap;
use std::num::NonZeroUsize;

use heapwise::core::offheap::entry::Value;
use heapwise::core::offheap::shard::Put;
use heapwise::core::offheap::store::{Config, Store};
use lru::LruCache;
use proptest::prelude::*;

use crate::{LOOK, NUMBER, cases, key_bytes, named, smallest, value_bytes};

#[derive(Debug, Clone)]
enum Write {
    Set(u16, u8),
    Get(u16),
    Delete(u16),
    Increment(u16),
    Clear,
}

fn writes() -> impl Strategy<Value = Vec<Write>> {
    let write = prop_oneof![
        60 => (0..400_u16, any::<u8>()).prop_map(|(k, size)| Write::Set(k, size)),
        20 => (0..400_u16).prop_map(Write::Get),
        10 => (0..400_u16).prop_map(Write::Delete),
        10 => (0..400_u16).prop_map(Write::Increment),
        1 => Just(Write::Clear),
    ];
    prop::collection::vec(write, 1..600)
}

/// The keys of each shard, the least recently used first.
fn orders(store: &Store) -> Vec<Vec<Vec<u8>>> {
    let order = |shard| {
        let mut keys = Vec::new();
        let listed = store.for_each_oldest(shard, |key, _, _| {
            keys.push(key.bytes.to_vec());
            Ok::<(), ()>(())
        });
        assert_eq!(listed, Ok(()));
        keys
    };
    (0..store.shards()).map(order).collect()
}

proptest! {
    #![proptest_config(cases::config(150))]

    /// A new key takes the place of exactly one other when the store is full: of the least recently used one of its own
    /// shard, or if that has none, of another's.
    #[test]
    fn max_entries_is_exact_over_shards(writes in writes(), shards in 0..4_u32, max_entries in 1..100_usize) {
        let config = Config { max_bytes: 1 << 20, max_entries, shards: 1 << shards, ..Config::default() };
        let store = Store::new(config).unwrap();
        prop_assert_eq!(store.shards(), 1 << shards);
        let mut model: HashMap<Vec<u8>, Vec<u8>> = HashMap::new();
        for (seed, write) in writes.into_iter().enumerate() {
            let before = orders(&store);
            let written = match write {
                Write::Set(k, size) => {
                    let bytes = value_bytes(k, size.into(), seed);
                    prop_assert_eq!(store.set(named(&key_bytes(k)), Value { kind: 8, bytes: &bytes }, None), Put::Stored);
                    Some((key_bytes(k), bytes))
                }
                Write::Increment(k) => {
                    let got = store.increment(named(&key_bytes(k)), NUMBER, 1.0, None);
                    let held = store.get(named(&key_bytes(k)), LOOK, |value| value.bytes.to_vec()).unwrap();
                    prop_assert_eq!(got.is_err(), held.len() != 8 || model.get(&key_bytes(k)) == Some(&held));
                    got.is_ok().then(|| (key_bytes(k), held))
                }
                Write::Get(k) => {
                    let got = store.get(named(&key_bytes(k)), store.read(), |value| value.bytes.to_vec());
                    prop_assert_eq!(got.as_ref(), model.get(&key_bytes(k)));
                    None
                }
                Write::Delete(k) => {
                    prop_assert_eq!(store.delete(named(&key_bytes(k))), model.remove(&key_bytes(k)).is_some());
                    None
                }
                Write::Clear => {
                    drop(store.clear());
                    model.clear();
                    None
                }
            };
            if let Some((key, value)) = written {
                if !model.contains_key(&key) && model.len() == max_entries {
                    let after = orders(&store);
                    let own = after.iter().position(|keys| keys.contains(&key)).unwrap();
                    let gone: Vec<_> = model.keys().filter(|&key| !after.concat().contains(key)).cloned().collect();
                    prop_assert_eq!(gone.len(), 1);
                    let from = before.iter().position(|keys| keys.contains(&gone[0])).unwrap();
                    prop_assert_eq!(&before[from][0], &gone[0]);
                    prop_assert!(from == own || before[own].is_empty());
                    model.remove(&gone[0]);
                }
                model.insert(key, value);
            }
            prop_assert_eq!(store.len(), model.len());
            prop_assert!(store.len() <= max_entries);
        }
        prop_assert_eq!(store.validate(), Ok(()));
    }
}

proptest! {
    #![proptest_config(cases::config(60))]

    /// Entries of one size leave no gaps: a full shard is a cache of so many entries, and one goes for each that comes.
    #[test]
    fn entries_of_one_size_go_one_by_one(keys in prop::collection::vec((0..300_u16, 0..10_u8), 300..1500)) {
        let store = smallest();
        let key = |k: u16| u64::from(k).to_le_bytes();
        let set = |k: u16| store.set(named(&key(k)), Value { kind: 8, bytes: &[k as u8; 400] }, None);
        let mut most = 0;
        while store.stats().counters.evicted_for_size == 0 {
            set(1000 + most);
            most += 1;
        }
        let mut oracle: LruCache<u16, ()> = LruCache::new(NonZeroUsize::new(store.len()).unwrap());
        (1001..1000 + most).for_each(|k| _ = oracle.put(k, ()));
        for (k, what) in keys {
            match what {
                0 => prop_assert_eq!(store.delete(named(&key(k))), oracle.pop(&k).is_some()),
                1..5 => {
                    let got = store.get(named(&key(k)), store.read(), |_| ());
                    prop_assert_eq!(got.is_some(), oracle.get(&k).is_some());
                }
                _ => {
                    prop_assert_eq!(set(k), Put::Stored);
                    oracle.put(k, ());
                }
            }
            prop_assert_eq!(store.len(), oracle.len());
        }
        let order: Vec<_> = oracle.iter().rev().map(|(&k, ())| key(k).to_vec()).collect();
        prop_assert_eq!(&orders(&store)[0], &order);
    }
}
