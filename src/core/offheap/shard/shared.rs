//! What shards share and answer: settings, counts, the keys of what was given up.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::num::NonZeroUsize;

use lru::LruCache;

use super::super::clock::{Clock, MAX_TIME};
use super::super::entry::{Expiry, Key};
use crate::core::sync::Mutex;
use crate::core::sync::atomic::AtomicUsize;

/// Why an entry was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// To make room.
    Size,
    /// Its time was over.
    Expired,
}

/// Keys of entries that were given up, each once, the `max` that were given up last, until somebody asks.
#[derive(Debug)]
pub struct EvictedKeys {
    keys: LruCache<(u8, Box<[u8]>), Reason>,
    dropped: u64,
}

impl EvictedKeys {
    /// Room for `max` keys, none of it allocated before it is needed.
    pub fn new(max: NonZeroUsize) -> Self {
        Self { keys: LruCache::sparse(max), dropped: 0 }
    }

    pub(super) fn push(&mut self, reason: Reason, key: Key<'_>) {
        let pushed = (key.kind, Box::from(key.bytes));
        if let Some((out, _)) = self.keys.push(pushed, reason) {
            self.dropped += u64::from(out.0 != key.kind || *out.1 != *key.bytes);
        }
    }

    /// The key that was given up first, with its kind and why.
    pub fn pop(&mut self) -> Option<(Reason, u8, Box<[u8]>)> {
        self.keys.pop_lru().map(|((kind, bytes), reason)| (reason, kind, bytes))
    }

    /// How many keys others took the place of before anybody asked.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }
}

/// What all shards of a store share.
#[derive(Debug)]
pub struct Shared {
    /// Seeded by the operating system: SipHash-1-3, so that keys cannot be chosen to collide.
    pub hasher: RandomState,
    /// The time.
    pub clock: Clock,
    /// The ttl of entries without one of their own, in milliseconds.
    pub ttl: Option<u64>,
    /// The most entries in the store; 0 is no bound.
    pub max_entries: usize,
    /// Entries in the store. Kept only if there is a bound.
    pub entries: AtomicUsize,
    /// Where keys of entries that were given up go, if somebody wants them.
    pub evicted: Option<Mutex<EvictedKeys>>,
}

impl Shared {
    /// The hash of a key: the upper half chooses the shard, the lower half the place in its table.
    #[inline]
    pub fn hash(&self, key: Key<'_>) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(key.bytes);
        hasher.write_u8(key.kind);
        hasher.finish()
    }

    /// When an entry that is written now ends. `ttl`: `None` for the store's own, 0 for never.
    pub fn expiry(&self, ttl: Option<u64>) -> Expiry {
        let own_ttl = ttl.filter(|&ttl| Some(ttl) != self.ttl && !(ttl == 0 && self.ttl.is_none()));
        match ttl.or(self.ttl) {
            None | Some(0) => Expiry { at: 0, own_ttl },
            Some(ttl) => Expiry { at: self.clock.now().saturating_add(ttl).min(MAX_TIME), own_ttl },
        }
    }
}

/// Counts since the shard was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Reads that found a value.
    pub hits: u64,
    /// Reads that found none.
    pub misses: u64,
    /// Values written.
    pub sets: u64,
    /// Entries removed because somebody asked.
    pub deletes: u64,
    /// Entries given up for room.
    pub evicted_for_size: u64,
    /// Entries given up because their time was over.
    pub expired: u64,
    /// Values that were too large.
    pub refused: u64,
}

/// How often a shard has tidied up since it was made or cleared. For tests: what comes seldom must come in them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Upkeep {
    /// Parts of the arena cleared out to make room for one entry.
    pub compactions: u64,
    /// Times the index was made larger.
    pub growths: u64,
    /// Times the index was made smaller.
    pub shrinks: u64,
    /// Entries moved, by all of these.
    pub moves: u64,
}

/// How to read.
#[derive(Debug, Clone, Copy, Default)]
pub struct Read {
    /// An entry whose time is over is still a hit.
    pub allow_stale: bool,
    /// A hit starts the entry's time anew.
    pub update_age: bool,
    /// Neither order nor counts change.
    pub peek: bool,
}

/// What became of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It is stored.
    Stored,
    /// It is larger than a shard can hold. Nothing has changed.
    TooLarge,
    /// A condition did not hold. Nothing has changed.
    Refused,
    /// The store is full of entries, none of which is in this shard: give one up elsewhere and come again.
    NoSlot,
}
