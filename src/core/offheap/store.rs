//! A store: shards behind their locks.

use std::hash::RandomState;
use std::io;
use std::num::NonZeroUsize;
use std::sync::atomic::AtomicU64;

use super::clock::Clock;
use super::entry::{Expiry, Key, Value};
use super::shard::{Counters, EvictedKeys, MAX_BUDGET, MIN_BUDGET, Put, Read, Reason, Shard, Shared, Upkeep};
use crate::core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::core::sync::{Mutex, MutexGuard, lock};

/// The most shards.
pub const MAX_SHARDS: usize = 1024;
/// `max_bytes` of a store that was not told.
pub const DEFAULT_MAX_BYTES: usize = 64 << 20;

/// What a store is made with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The bound on its memory, in bytes.
    pub max_bytes: usize,
    /// The bound on its entries; 0 is none.
    pub max_entries: usize,
    /// The ttl of entries without one of their own, in milliseconds.
    pub ttl: Option<u64>,
    /// Whether a hit starts an entry's time anew.
    pub update_age_on_get: bool,
    /// Whether an entry whose time is over is still given once.
    pub allow_stale: bool,
    /// A power of two; 0 chooses by `max_bytes` and `max_entries`.
    pub shards: usize,
    /// How many keys of evicted entries are kept; 0 is none.
    pub evicted_keys: usize,
    /// How values are encoded. Means something to those who open the store.
    pub codec: u8,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_bytes: DEFAULT_MAX_BYTES,
            max_entries: 0,
            ttl: None,
            update_age_on_get: false,
            allow_stale: false,
            shards: 0,
            evicted_keys: 0,
            codec: 0,
        }
    }
}

impl Config {
    /// With everything chosen that was left open, and within what is possible.
    pub fn settled(mut self) -> Self {
        self.max_bytes = self.max_bytes.max(MIN_BUDGET);
        if self.shards == 0 {
            // Shards of 16 MiB, so that no lock is held for long; but sixteen of them if each has 1 MiB, for the threads.
            // With few entries a shard's share of them would be too uneven.
            let by_bytes = (self.max_bytes >> 24).max((self.max_bytes >> 20).min(16)).clamp(1, 256);
            let by_entries = if self.max_entries == 0 { MAX_SHARDS } else { (self.max_entries / 1024).max(1) };
            let shards = by_bytes.min(by_entries).max(self.max_bytes.div_ceil(MAX_BUDGET));
            self.shards = if shards.is_power_of_two() { shards } else { shards.next_power_of_two() / 2 };
        }
        let least = self.max_bytes.div_ceil(MAX_BUDGET).next_power_of_two();
        let most = (self.max_bytes / MIN_BUDGET).max(1).next_power_of_two();
        let most = if most > (self.max_bytes / MIN_BUDGET).max(1) { most / 2 } else { most };
        self.shards = self.shards.min(MAX_SHARDS).next_power_of_two().clamp(least, most.max(least)).min(MAX_SHARDS);
        self.max_bytes = self.max_bytes.min(self.shards * MAX_BUDGET);
        self
    }
}

/// Numbers of one shard, or of a store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// What has happened.
    pub counters: Counters,
    /// Entries there now.
    pub entries: usize,
    /// Bytes allocated for them.
    pub bytes: usize,
    /// Bytes of memory held.
    pub committed: usize,
    /// The bound.
    pub max_bytes: usize,
}

impl Stats {
    /// Adds those of another shard.
    pub fn add(&mut self, other: &Self) {
        let (sum, add) = (&mut self.counters, &other.counters);
        sum.hits += add.hits;
        sum.misses += add.misses;
        sum.sets += add.sets;
        sum.deletes += add.deletes;
        sum.evicted_for_size += add.evicted_for_size;
        sum.expired += add.expired;
        sum.refused += add.refused;
        self.entries += other.entries;
        self.bytes += other.bytes;
        self.committed += other.committed;
        self.max_bytes += other.max_bytes;
    }
}

/// Two cache lines for each lock: neighbours do not disturb each other.
#[derive(Debug)]
#[repr(align(128))]
struct Slot(Mutex<Shard>);

/// A store that any thread may use.
#[derive(Debug)]
pub struct Store {
    slots: Box<[Slot]>,
    shared: Shared,
    config: Config,
    max_entry: usize,
    /// Whether the sweeper knows that there is something to expire.
    watched: AtomicBool,
    /// Before this time the sweeper does not come again, in its own milliseconds.
    pub(super) not_before: AtomicU64,
}

impl Store {
    /// A store with the system's clock.
    ///
    /// # Errors
    /// The operating system refuses the address space.
    pub fn new(config: Config) -> io::Result<Self> {
        Self::with_clock(config, Clock::System)
    }

    /// A store with a clock of its own.
    ///
    /// # Errors
    /// The operating system refuses the address space.
    pub fn with_clock(config: Config, clock: Clock) -> io::Result<Self> {
        let config = config.settled();
        let budget = config.max_bytes / config.shards;
        let slots = (0..config.shards)
            .map(|_| Ok(Slot(Mutex::new(Shard::new(budget)?))))
            .collect::<io::Result<Box<[Slot]>>>()?;
        let shared = Shared {
            hasher: RandomState::new(),
            clock,
            ttl: config.ttl,
            max_entries: config.max_entries,
            entries: AtomicUsize::new(0),
            evicted: NonZeroUsize::new(config.evicted_keys).map(|max| Mutex::new(EvictedKeys::new(max))),
        };
        let store = Self {
            slots,
            shared,
            config,
            max_entry: 0,
            watched: AtomicBool::new(false),
            not_before: AtomicU64::new(0),
        };
        let max_entry = store.lock(0).max_entry_bytes();
        Ok(Self { max_entry, ..store })
    }

    /// What it was made with.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The time, as the store sees it.
    pub fn now(&self) -> u64 {
        self.shared.clock.now()
    }

    /// The largest entry, key and value together, in bytes.
    pub fn max_entry_bytes(&self) -> usize {
        self.max_entry
    }

    /// How many shards there are.
    pub fn shards(&self) -> usize {
        self.slots.len()
    }

    /// Locks a shard. If a thread panicked while it held the lock, the shard may be half-changed: it is emptied.
    fn lock(&self, index: usize) -> MutexGuard<'_, Shard> {
        let mutex = &self.slots[index].0;
        mutex.lock().unwrap_or_else(|poisoned| {
            let mut shard = poisoned.into_inner();
            shard.clear(&self.shared);
            crate::core::sync::clear_poison(mutex);
            shard
        })
    }

    #[inline]
    fn shard_of(&self, hash: u64) -> MutexGuard<'_, Shard> {
        self.lock((hash >> 32) as usize & (self.slots.len() - 1))
    }

    /// Tells the sweeper that there is something to expire, once until [`Self::unwatch`].
    fn watch(&self) {
        // With `allow_stale` what has expired may still be asked for. It goes when it has to make room.
        if self.config.allow_stale {
            return;
        }
        if !self.watched.load(Ordering::Relaxed) && !self.watched.swap(true, Ordering::SeqCst) {
            super::sweeper::wake();
        }
    }

    /// The sweeper found nothing that ends. It looks once more, in case something came meanwhile.
    pub(super) fn unwatch(&self) {
        self.watched.store(false, Ordering::SeqCst);
        if self.earliest() != u64::MAX {
            self.watched.store(true, Ordering::SeqCst);
        }
    }

    /// Whether the sweeper looks at it now and then.
    pub fn is_watched(&self) -> bool {
        self.watched.load(Ordering::SeqCst)
    }

    /// No entry ends before this time.
    pub fn earliest(&self) -> u64 {
        (0..self.slots.len()).map(|index| self.lock(index).earliest()).min().unwrap_or(u64::MAX)
    }

    /// Runs a write, which may need that an entry is given up in another shard. `ends`: what is written can expire. The
    /// sweeper is told afterwards: before, it would find nothing and look away.
    fn write<R>(&self, hash: u64, ends: bool, mut f: impl FnMut(&mut Shard) -> R, no_slot: impl Fn(&R) -> bool) -> R {
        loop {
            let result = f(&mut self.shard_of(hash));
            if !no_slot(&result) {
                if ends {
                    self.watch();
                }
                return result;
            }
            // One lock at a time, so that nobody waits for anybody in a circle.
            let start = (hash >> 32) as usize;
            for offset in 1..=self.slots.len() {
                if self.lock((start + offset) & (self.slots.len() - 1)).evict(&self.shared) {
                    break;
                }
            }
        }
    }

    /// The same for a write that answers what became of it.
    fn put(&self, hash: u64, ends: bool, f: impl FnMut(&mut Shard) -> Put) -> Put {
        self.write(hash, ends, f, |&put| put == Put::NoSlot)
    }

    /// The value of `key`, handed to `f` under a lock: `f` must be quick and must not come back here.
    #[inline]
    pub fn get<R>(&self, key: Key<'_>, how: Read, f: impl FnOnce(Value<'_>) -> R) -> Option<R> {
        let hash = self.shared.hash(key);
        self.shard_of(hash).get(&self.shared, hash, key, how, f)
    }

    /// How to read when the caller does not say.
    pub fn read(&self) -> Read {
        Read { allow_stale: self.config.allow_stale, update_age: self.config.update_age_on_get, peek: false }
    }

    /// Writes an entry. `ttl` in milliseconds: `None` for the store's own, 0 for never.
    pub fn set(&self, key: Key<'_>, value: Value<'_>, ttl: Option<u64>) -> Put {
        let hash = self.shared.hash(key);
        let expiry = self.shared.expiry(ttl);
        self.put(hash, expiry.at != 0, |shard| shard.set(&self.shared, hash, key, value, expiry))
    }

    /// Writes an entry that ends at a time of the store's clock, 0 for never.
    pub fn restore(&self, key: Key<'_>, value: Value<'_>, expiry: Expiry) -> Put {
        let hash = self.shared.hash(key);
        self.put(hash, expiry.at != 0, |shard| shard.set(&self.shared, hash, key, value, expiry))
    }

    /// Writes an entry if there is none.
    pub fn add(&self, key: Key<'_>, value: Value<'_>, ttl: Option<u64>) -> Put {
        let hash = self.shared.hash(key);
        let expiry = self.shared.expiry(ttl);
        self.put(hash, expiry.at != 0, |shard| shard.add(&self.shared, hash, key, value, expiry))
    }

    /// Writes an entry if what is there is `expected`.
    pub fn compare_and_set(
        &self,
        key: Key<'_>,
        expected: Option<Value<'_>>,
        value: Value<'_>,
        ttl: Option<u64>,
    ) -> Put {
        let hash = self.shared.hash(key);
        let expiry = self.shared.expiry(ttl);
        self.put(hash, expiry.at != 0, |shard| shard.compare_and_set(&self.shared, hash, key, expected, value, expiry))
    }

    /// Adds to a number of kind `kind`. An absent one counts as 0 and gets `ttl`.
    ///
    /// # Errors
    /// What became of it, if there is no sum.
    pub fn increment(&self, key: Key<'_>, kind: u8, by: f64, ttl: Option<u64>) -> Result<f64, Put> {
        let hash = self.shared.hash(key);
        let ends = ttl.or(self.config.ttl).is_some_and(|ttl| ttl > 0);
        self.write(
            hash,
            ends,
            |shard| shard.increment(&self.shared, hash, key, kind, by, ttl),
            |result| *result == Err(Put::NoSlot),
        )
    }

    /// Makes an entry the newest, and starts its time anew. `ttl`: `None` keeps its own. False if there is none.
    pub fn touch(&self, key: Key<'_>, ttl: Option<u64>) -> bool {
        let hash = self.shared.hash(key);
        let ends = ttl.is_some_and(|ttl| ttl > 0);
        self.put(hash, ends, |shard| shard.touch(&self.shared, hash, key, ttl)) == Put::Stored
    }

    /// Whether there is an entry. Changes nothing.
    pub fn has(&self, key: Key<'_>) -> bool {
        let hash = self.shared.hash(key);
        self.shard_of(hash).has(&self.shared, hash, key)
    }

    /// Removes an entry. True if there was one.
    pub fn delete(&self, key: Key<'_>) -> bool {
        let hash = self.shared.hash(key);
        self.shard_of(hash).delete(&self.shared, hash, key)
    }

    /// Milliseconds that an entry has left: 0 if there is none, infinite if it never ends.
    pub fn remaining(&self, key: Key<'_>) -> f64 {
        let hash = self.shared.hash(key);
        self.shard_of(hash).remaining(&self.shared, hash, key)
    }

    /// Whether a value of this size could be stored at all.
    pub fn fits(&self, key: usize, value: usize) -> bool {
        key <= super::entry::MAX_KEY && value <= super::entry::MAX_VALUE && key + value <= self.max_entry
    }

    /// Counts a value that does not fit, and that nobody tried to write.
    pub fn refuse(&self, key: Key<'_>) {
        self.shard_of(self.shared.hash(key)).refuse();
    }

    /// Removes everything. What was held is handed back, to be dropped where it hurts nobody.
    pub fn clear(&self) -> Vec<Shard> {
        (0..self.slots.len()).filter_map(|index| self.lock(index).clear(&self.shared)).collect()
    }

    /// Entries, those included whose time is over and that nobody has looked at since.
    pub fn len(&self) -> usize {
        (0..self.slots.len()).map(|index| self.lock(index).len()).sum()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes allocated, which never exceed `max_bytes`.
    pub fn bytes(&self) -> usize {
        (0..self.slots.len()).map(|index| self.lock(index).bytes()).sum()
    }

    /// Numbers of one shard.
    pub fn shard_stats(&self, index: usize) -> Stats {
        let shard = self.lock(index);
        Stats {
            counters: shard.counters(),
            entries: shard.len(),
            bytes: shard.bytes(),
            committed: shard.committed(),
            max_bytes: shard.budget(),
        }
    }

    /// How often a shard has tidied up. For tests.
    pub fn upkeep(&self, index: usize) -> Upkeep {
        self.lock(index).upkeep()
    }

    /// Numbers of all shards together, each taken at its own moment.
    pub fn stats(&self) -> Stats {
        let mut sum = Stats::default();
        for index in 0..self.slots.len() {
            sum.add(&self.shard_stats(index));
        }
        sum
    }

    /// Keys of evicted entries, the oldest first, at most `max`.
    pub fn take_evicted(&self, max: usize, mut f: impl FnMut(Reason, Key<'_>)) {
        let Some(evicted) = &self.shared.evicted else { return };
        for _ in 0..max {
            let Some((reason, kind, bytes)) = lock(evicted).pop() else { return };
            f(reason, Key { kind, bytes: &bytes });
        }
    }

    /// How many keys of evicted entries nobody asked for in time.
    pub fn evicted_dropped(&self) -> u64 {
        let Some(evicted) = &self.shared.evicted else { return 0 };
        lock(evicted).dropped()
    }

    /// Hands over every entry of a shard, as they lie in memory, under its lock.
    pub fn for_each(&self, shard: usize, f: impl FnMut(Key<'_>, Value<'_>)) {
        self.lock(shard).for_each(&self.shared, f);
    }

    /// Hands over every entry of a shard, the least recently used first, under its lock.
    ///
    /// # Errors
    /// What `f` answers; it is not asked again.
    pub fn for_each_oldest<E>(
        &self,
        shard: usize,
        f: impl FnMut(Key<'_>, Value<'_>, Expiry) -> Result<(), E>,
    ) -> Result<(), E> {
        self.lock(shard).for_each_oldest(&self.shared, f)
    }

    /// Removes entries of a shard whose time is over, looking at no more than `blocks` blocks. True when through.
    pub fn sweep(&self, shard: usize, blocks: u32) -> bool {
        self.lock(shard).sweep(&self.shared, blocks)
    }

    /// Checks everything that must hold. For tests.
    ///
    /// # Errors
    /// What does not hold.
    pub fn validate(&self) -> Result<(), String> {
        (0..self.slots.len()).try_for_each(|index| self.lock(index).validate(&self.shared))?;
        let entries = self.shared.entries.load(Ordering::Relaxed);
        if self.config.max_entries > 0 && (entries != self.len() || entries > self.config.max_entries) {
            return Err(format!("{entries} entries counted, {} there", self.len()));
        }
        Ok(())
    }
}
