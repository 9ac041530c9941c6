//! What is too large, too long, too much.

use heapwise::core::offheap::entry::Value;
use heapwise::core::offheap::shard::{MAX_BUDGET, MIN_BUDGET, Put};
use heapwise::core::offheap::store::{Config, MAX_SHARDS, Store};
use heapwise::core::offheap::{snapshot, transfer};
use proptest::prelude::*;

use crate::{NUMBER, cases, named, smallest};

proptest! {
    #![proptest_config(cases::config(256))]

    /// Whatever is asked for, there are as many shards as can be, within their bounds.
    #[test]
    fn a_config_is_settled(
        max_bytes in prop_oneof![0..1_usize << 34, any::<usize>()],
        max_entries in prop_oneof![Just(0), any::<usize>()],
        shards in prop_oneof![0..4096_usize, any::<usize>()],
    ) {
        let config = Config { max_bytes, max_entries, shards, ..Config::default() }.settled();
        prop_assert!(config.shards.is_power_of_two() && config.shards <= MAX_SHARDS);
        let budget = config.max_bytes / config.shards;
        prop_assert!((MIN_BUDGET..=MAX_BUDGET).contains(&budget), "{:?}", config);
        prop_assert_eq!(config.clone().settled(), config);
    }
}

#[test]
fn the_largest_entry_fits_in_every_form_and_one_byte_more_in_none() {
    let store = smallest();
    let most = store.max_entry_bytes();
    let bytes = vec![1; most];
    for ttl in [None, Some(1000)] {
        // A shard full of small ones, and of index.
        for i in 0..3000_u32 {
            assert_eq!(store.set(named(&i.to_le_bytes()), Value { kind: 8, bytes: &[] }, None), Put::Stored);
        }
        assert_eq!(store.set(named(b"k"), Value { kind: 8, bytes: &bytes[1..] }, ttl), Put::Stored);
        assert_eq!(store.len(), 1);
        for ttl in [Some(1000), None, Some(0), Some(2000)] {
            assert!(store.touch(named(b"k"), ttl));
        }
        assert_eq!(store.validate(), Ok(()));
        for ttl in [None, Some(0), Some(1000)] {
            assert_eq!(store.set(named(b"k"), Value { kind: 8, bytes: &bytes }, ttl), Put::TooLarge);
            assert_eq!(store.add(named(b"new"), Value { kind: 8, bytes: &bytes }, ttl), Put::TooLarge);
        }
        assert!(store.fits(1, most - 1) && !store.fits(1, most));
        assert!(store.has(named(b"k")));
    }
    assert_eq!(store.set(named(&vec![1; 65536]), Value { kind: 8, bytes: &[] }, None), Put::TooLarge);
}

#[test]
fn an_index_of_many_small_entries_gives_its_room_to_large_ones() {
    let store = Store::new(Config { max_bytes: 1 << 20, shards: 1, ..Config::default() }).unwrap();
    for i in 0..100_000_u32 {
        store.set(named(&i.to_le_bytes()), Value { kind: 8, bytes: &[] }, None);
    }
    let small = store.stats();
    for i in 0..200_u32 {
        store.set(named(&i.to_le_bytes()), Value { kind: 8, bytes: &[7; 20_000] }, None);
    }
    let large = store.len();
    // And back: what the arena has written must be given back before the index takes it.
    for size in [500, 200, 100, 70, 40, 20, 0] {
        for i in 0..20_000_u32 {
            store.set(named(&(i + size).to_le_bytes()), Value { kind: 8, bytes: &vec![7; size as usize] }, None);
            assert!(store.stats().committed <= 1 << 20, "{:?}", store.stats());
        }
    }
    assert!(store.upkeep(0).growths > 20);
    assert!(small.entries > 20_000, "{small:?}");
    assert!(store.upkeep(0).shrinks > 0);
    assert!(large >= 50, "{large}");
    assert_eq!(store.validate(), Ok(()));
}

#[test]
fn a_thread_that_panics_under_a_lock_costs_its_shard_and_no_room() {
    let store = Store::new(Config { max_bytes: 1 << 20, shards: 2, max_entries: 10, ..Config::default() }).unwrap();
    let key = |i: u32| i.to_le_bytes();
    for i in 0..10 {
        store.set(named(&key(i)), Value { kind: 8, bytes: b"v" }, None);
    }
    let left = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        store.get(named(&key(9)), store.read(), |_| unreachable!("on purpose"))
    }));
    assert!(left.is_err());
    assert!(!store.has(named(&key(9))));
    assert_eq!(store.validate(), Ok(()));
    for i in 0..100 {
        assert_eq!(store.set(named(&key(i)), Value { kind: 8, bytes: b"v" }, None), Put::Stored);
    }
    assert_eq!((store.len(), store.validate()), (10, Ok(())));
}

#[test]
fn a_ttl_without_end_and_numbers_without_bound() {
    let store = smallest();
    let value = Value { kind: 8, bytes: b"v" };
    for ttl in [u64::MAX, 1 << 40, (1 << 40) - 1] {
        assert_eq!(store.set(named(b"k"), value, Some(ttl)), Put::Stored);
        assert!(store.remaining(named(b"k")) > 1e12 - 1e9);
        assert!(store.touch(named(b"k"), Some(ttl)) && store.touch(named(b"k"), None));
        assert!(store.has(named(b"k")));
    }
    assert_eq!(store.increment(named(b"n"), NUMBER, f64::MAX, Some(u64::MAX)), Ok(f64::MAX));
    assert_eq!(store.increment(named(b"n"), NUMBER, f64::MAX, None), Ok(f64::INFINITY));
    assert!(store.increment(named(b"n"), NUMBER, f64::NEG_INFINITY, None).is_ok_and(f64::is_nan));
    store.take_evicted(usize::MAX, |_, _| unreachable!("there is no queue"));
    assert_eq!(store.validate(), Ok(()));
}

#[test]
fn what_a_file_says_never_ends_has_no_time_that_could_start_anew() -> Result<(), snapshot::SnapshotError> {
    let path = std::env::temp_dir().join(format!("heapwise-store-{}", std::process::id()));
    let quiet = || snapshot::Watch { cancel: None, progress: None };
    let header = snapshot::Header { created_at: 1, default_ttl: 100, codec: 0, name: None, entries: None };
    snapshot::write_file(&path, &header, quiet(), |encoder| {
        let mut block = snapshot::Block::default();
        for (key, ttl) in [(&b"usual"[..], None), (b"own", Some(50))] {
            let record = snapshot::Record { key_kind: 0, value_kind: 8, key, value: b"v", expires_at: None, ttl };
            assert!(block.push(&record)?);
        }
        encoder.write(&mut block)
    })?;
    let store = Store::new(Config { ttl: Some(100), update_age_on_get: true, ..Config::default() }).unwrap();
    assert_eq!(transfer::load(&store, &path, quiet()).unwrap().entries, 2);
    std::fs::remove_file(&path)?;
    for key in [&b"usual"[..], b"own"] {
        assert!(store.touch(named(key), None));
        assert_eq!(store.get(named(key), store.read(), |_| ()), Some(()));
        assert_eq!(store.remaining(named(key)), f64::INFINITY);
    }
    assert_eq!(store.validate(), Ok(()));
    Ok(())
}
