//! One shard: exact LRU over entries in an arena, within a budget in bytes.
//!
//! Entries are linked from the newest to the oldest by where they lie, and found through an [`Index`]. A hit reads one line of
//! the index and the entry's own; moving it to the front writes to its two neighbours, which nothing waits for. Nothing but
//! index and neighbours knows where an entry lies, so an entry can be moved.
//!
//! What counts against the budget, at every moment: the words of the arena that have been written, the index, and [`BASE`].

mod room;
mod shared;
mod walk;

use std::io;

pub use self::shared::{Counters, EvictedKeys, Put, Read, Reason, Shared, Upkeep};
use super::arena::{Arena, MAX_BLOCK, MIN_BLOCK};
use super::clock::MAX_TIME;
use super::entry::{self, Expiry, Key, Value};
use super::index::Index;
use crate::core::sync::atomic::Ordering;
use crate::core::sync::lock;

/// What a shard takes besides arena and index: its own fields, the lists of the arena. Bytes.
pub const BASE: usize = 4 * 1024;
/// The least budget of a shard, in bytes.
pub const MIN_BUDGET: usize = 64 * 1024;
/// The largest budget of a shard, in bytes: what the arena can address.
pub const MAX_BUDGET: usize = MAX_BLOCK as usize * 8;

/// Evictions for one insertion, after which a fragmented arena is compacted instead.
const PATIENCE: u32 = 8;
/// From this budget on arena and index are in huge pages, where there are any: random accesses then miss the TLB less
/// often. The first entry of a shard then takes 2 MiB, which count as committed.
const HUGE: usize = 8 << 20;

/// One shard.
#[derive(Debug)]
pub struct Shard {
    index: Index,
    arena: Arena,
    /// Where the entry lies that was used last, and the one that was used longest ago; 0 if there is none.
    newest: u32,
    oldest: u32,
    /// Bytes.
    budget: usize,
    /// The arena's words, as far as the budget permits now.
    limit: u32,
    /// No entry ends before this time.
    earliest: u64,
    /// The same for what the sweep under way has passed.
    passed: Option<u64>,
    /// The part of the arena that is being cleared out.
    window: (u32, u32),
    /// How many of the store's slots for entries this shard has. One more than there are entries while one is written.
    slots: usize,
    counters: Counters,
    upkeep: Upkeep,
}

fn new_arena(budget: usize) -> io::Result<Arena> {
    let mut arena = Arena::new((budget / 8) as u32)?;
    if budget >= HUGE {
        arena.prefer_huge();
    }
    Ok(arena)
}

fn new_index(budget: usize) -> io::Result<Index> {
    // The smallest entries, and 8 bytes in the index for each.
    let mut index = Index::new(budget / (MIN_BLOCK as usize * 8 + 8))?;
    if budget >= HUGE {
        index.prefer_huge();
    }
    Ok(index)
}

impl Shard {
    /// A shard within `budget` bytes ([`MIN_BUDGET`] to [`MAX_BUDGET`]).
    ///
    /// # Errors
    /// The operating system refuses the address space.
    pub fn new(budget: usize) -> io::Result<Self> {
        let budget = budget.clamp(MIN_BUDGET, MAX_BUDGET);
        let mut shard = Self {
            index: new_index(budget)?,
            arena: new_arena(budget)?,
            newest: 0,
            oldest: 0,
            budget,
            limit: 0,
            earliest: u64::MAX,
            passed: None,
            window: (0, 0),
            slots: 0,
            counters: Counters::default(),
            upkeep: Upkeep::default(),
        };
        shard.limit = shard.permitted();
        Ok(shard)
    }

    /// The words of the largest entry: alone in the shard, with the smallest index.
    fn max_words(&self) -> u32 {
        Self::whole_pages(self.budget - BASE - Index::LEAST_BYTES) - 1
    }

    /// The largest entry, key and value together, in bytes.
    pub fn max_entry_bytes(&self) -> usize {
        (self.max_words() as usize - 4) * 8
    }

    /// Entries, those included whose time is over and that nobody has looked at since.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Bytes allocated for what is stored: blocks, index, [`BASE`].
    pub fn bytes(&self) -> usize {
        self.arena.used_words() as usize * 8 + self.index.bytes() + BASE
    }

    /// Bytes of memory held, with what is free inside.
    pub fn committed(&self) -> usize {
        self.arena.touched() as usize * 8 + self.index.bytes() + BASE
    }

    /// The budget in bytes.
    pub fn budget(&self) -> usize {
        self.budget
    }

    /// Counts since the shard was made.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// How often it has tidied up.
    pub fn upkeep(&self) -> Upkeep {
        self.upkeep
    }

    /// Before this time no entry ends; `u64::MAX` if none ends at all.
    pub fn earliest(&self) -> u64 {
        self.earliest
    }

    // Finding

    #[inline]
    fn find(&self, hash: u64, key: Key<'_>) -> Option<u32> {
        let words = self.arena.words();
        self.index.find(hash as u32, |at| entry::key(words, at) == key)
    }

    #[inline]
    fn find_and_promote(&mut self, hash: u64, key: Key<'_>) -> Option<u32> {
        let at = self.find(hash, key)?;
        if at != self.newest {
            self.unlink(at);
            self.link_newest(at);
        }
        Some(at)
    }

    /// Takes an entry out of the order.
    #[inline]
    fn unlink(&mut self, at: u32) {
        let words = self.arena.words();
        let (newer, older) = (entry::newer(words, at), entry::older(words, at));
        self.tell_neighbours(newer, older, older, newer);
    }

    /// Sets what the entry `newer` has as its older one, and the entry `older` as its newer one. 0 is an end of the order.
    #[inline]
    fn tell_neighbours(&mut self, newer: u32, older: u32, for_newer: u32, for_older: u32) {
        let words = self.arena.words_mut();
        if newer == 0 {
            self.newest = for_newer;
        } else {
            entry::set_older(words, newer, for_newer);
        }
        if older == 0 {
            self.oldest = for_older;
        } else {
            entry::set_newer(words, older, for_older);
        }
    }

    /// Puts an entry that is not in the order at its new end.
    #[inline]
    fn link_newest(&mut self, at: u32) {
        let words = self.arena.words_mut();
        entry::set_newer(words, at, 0);
        entry::set_older(words, at, self.newest);
        self.tell_neighbours(0, self.newest, at, at);
    }

    #[inline]
    fn is_over(&self, shared: &Shared, at: u32) -> bool {
        let deadline = entry::deadline(self.arena.words(), at);
        deadline != 0 && shared.clock.now() >= deadline
    }

    /// Finds an entry whose time is not over. One that is over is removed.
    fn find_live(&mut self, shared: &Shared, hash: u64, key: Key<'_>, promote: bool) -> Option<u32> {
        let at = if promote { self.find_and_promote(hash, key) } else { self.find(hash, key) }?;
        if self.is_over(shared, at) {
            self.expire(shared, at);
            return None;
        }
        Some(at)
    }

    // Removing

    /// Takes the block of an entry that is no longer in the index.
    fn release(&mut self, at: u32) {
        if at >= self.window.0 && at < self.window.1 {
            self.arena.retire(at);
        } else {
            self.arena.free(at);
        }
        if self.index.is_empty() && self.window.1 == 0 {
            self.earliest = u64::MAX;
            self.passed = None;
        }
    }

    /// Removes the entry at `at` from index and order. Its key is still there.
    fn unlist(&mut self, shared: &Shared, at: u32) {
        let hash = shared.hash(entry::key(self.arena.words(), at)) as u32;
        let known = self.index.remove(hash, at);
        debug_assert!(known, "an entry is not in the index");
        self.unlink(at);
    }

    fn tell(&mut self, shared: &Shared, at: u32, reason: Reason) {
        match reason {
            Reason::Size => self.counters.evicted_for_size += 1,
            Reason::Expired => self.counters.expired += 1,
        }
        if let Some(evicted) = &shared.evicted {
            lock(evicted).push(reason, entry::key(self.arena.words(), at));
        }
    }

    fn expire(&mut self, shared: &Shared, at: u32) {
        self.tell(shared, at, Reason::Expired);
        self.unlist(shared, at);
        self.give_slots(shared, 1);
        self.release(at);
    }

    /// Gives up the least recently used entry. False if there is none.
    pub fn evict(&mut self, shared: &Shared) -> bool {
        self.drop_oldest(shared, false)
    }

    fn drop_oldest(&mut self, shared: &Shared, keep_slot: bool) -> bool {
        let at = self.oldest;
        if at == 0 {
            return false;
        }
        self.unlist(shared, at);
        if !keep_slot {
            self.give_slots(shared, 1);
        }
        let reason = if self.is_over(shared, at) { Reason::Expired } else { Reason::Size };
        self.tell(shared, at, reason);
        self.release(at);
        true
    }

    // Writing

    fn note(&mut self, deadline: u64) {
        if deadline != 0 {
            self.earliest = self.earliest.min(deadline);
            self.passed = self.passed.map(|passed| passed.min(deadline));
        }
    }

    /// Writes an entry; one with the same key is replaced. Its place in the order is the newest.
    pub fn set(&mut self, shared: &Shared, hash: u64, key: Key<'_>, value: Value<'_>, expiry: Expiry) -> Put {
        let Some(words) = self.words_for(key, value, expiry) else {
            self.counters.refused += 1;
            return Put::TooLarge;
        };
        if let Some(at) = self.find_and_promote(hash, key) {
            let size = self.arena.size(at);
            if size >= words && size - words <= 2 + words / 8 {
                entry::write(self.arena.words_mut(), at, key, value, expiry);
                self.note(expiry.at);
                self.counters.sets += 1;
                return Put::Stored;
            }
            // Its slot is kept for the new one.
            self.unlist(shared, at);
            self.release(at);
        } else if !self.take_slot(shared) {
            return Put::NoSlot;
        }
        self.insert(shared, hash, key, value, expiry, words)
    }

    /// The words of an entry, if it is not too large. With a ttl of its own it takes one more, which it may get later.
    fn words_for(&self, key: Key<'_>, value: Value<'_>, expiry: Expiry) -> Option<u32> {
        entry::words_for(key.bytes.len(), value.bytes.len(), expiry.own_ttl.is_some())
            .filter(|_| key.bytes.len() + value.bytes.len() <= self.max_entry_bytes())
    }

    /// Takes one of the store's slots for entries. False if there is none to be had in this shard.
    fn take_slot(&mut self, shared: &Shared) -> bool {
        if shared.max_entries == 0 {
            return true;
        }
        let taken = shared.entries.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |entries| {
            (entries < shared.max_entries).then_some(entries + 1)
        });
        if taken.is_ok() {
            self.slots += 1;
            return true;
        }
        // The slot of the oldest is taken over. So nobody writes to the count of a store that is full, on which all
        // threads would wait for each other.
        self.drop_oldest(shared, true)
    }

    /// Gives slots for entries back to the store.
    fn give_slots(&mut self, shared: &Shared, count: usize) {
        if shared.max_entries > 0 {
            self.slots -= count;
            shared.entries.fetch_sub(count, Ordering::Relaxed);
        }
    }

    /// Writes an entry whose key is not there, and for which a slot has been taken.
    fn insert(
        &mut self,
        shared: &Shared,
        hash: u64,
        key: Key<'_>,
        value: Value<'_>,
        expiry: Expiry,
        words: u32,
    ) -> Put {
        loop {
            self.make_slot(shared);
            let Some(at) = self.make_room(shared, words) else {
                self.give_slots(shared, 1);
                self.counters.refused += 1;
                return Put::TooLarge;
            };
            if self.index.insert(hash as u32, at) {
                entry::write(self.arena.words_mut(), at, key, value, expiry);
                self.note(expiry.at);
                self.counters.sets += 1;
                self.link_newest(at);
                return Put::Stored;
            }
            // The end of the index is too crowded, which does not happen with a secret seed. With fewer entries there is room.
            self.arena.free(at);
            self.evict(shared);
        }
    }

    // Operations

    /// The value of `key`, handed to `f`.
    #[inline]
    pub fn get<R>(
        &mut self,
        shared: &Shared,
        hash: u64,
        key: Key<'_>,
        how: Read,
        f: impl FnOnce(Value<'_>) -> R,
    ) -> Option<R> {
        let found = if how.peek { self.find(hash, key) } else { self.find_and_promote(hash, key) };
        let Some(at) = found else {
            self.counters.misses += u64::from(!how.peek);
            return None;
        };
        let deadline = entry::deadline(self.arena.words(), at);
        if deadline != 0 {
            let now = shared.clock.now();
            if now >= deadline {
                return self.get_stale(shared, at, how, f);
            }
            if how.update_age && !how.peek {
                self.renew(shared, at, now);
            }
        }
        self.counters.hits += u64::from(!how.peek);
        Some(f(entry::value(self.arena.words(), at)))
    }

    /// As in lru-cache: a stale value is given once, and gone unless it was only peeked at.
    #[cold]
    fn get_stale<R>(&mut self, shared: &Shared, at: u32, how: Read, f: impl FnOnce(Value<'_>) -> R) -> Option<R> {
        let result = how.allow_stale.then(|| f(entry::value(self.arena.words(), at)));
        if !how.peek {
            if result.is_some() {
                self.counters.hits += 1;
            } else {
                self.counters.misses += 1;
            }
            self.expire(shared, at);
        }
        result
    }

    /// Starts an entry's time anew, with the ttl it has.
    fn renew(&mut self, shared: &Shared, at: u32, now: u64) {
        let words = self.arena.words_mut();
        if let Some(ttl) = entry::own_ttl(words, at).or(shared.ttl).filter(|&ttl| ttl != 0) {
            let deadline = now.saturating_add(ttl).min(MAX_TIME);
            entry::write_deadline(words, at, deadline);
            self.note(deadline);
        }
    }

    /// Whether there is an entry whose time is not over. Changes nothing.
    pub fn has(&self, shared: &Shared, hash: u64, key: Key<'_>) -> bool {
        self.find(hash, key).is_some_and(|at| !self.is_over(shared, at))
    }

    /// Removes an entry. True if there was one whose time was not over.
    pub fn delete(&mut self, shared: &Shared, hash: u64, key: Key<'_>) -> bool {
        let Some(at) = self.find_live(shared, hash, key, false) else { return false };
        self.unlist(shared, at);
        self.give_slots(shared, 1);
        self.release(at);
        self.counters.deletes += 1;
        true
    }

    /// Milliseconds that an entry has left: 0 if there is none, infinite if it never ends.
    pub fn remaining(&self, shared: &Shared, hash: u64, key: Key<'_>) -> f64 {
        match self.find(hash, key).map(|at| entry::deadline(self.arena.words(), at)) {
            None => 0.0,
            Some(0) => f64::INFINITY,
            Some(deadline) => deadline.saturating_sub(shared.clock.now()) as f64,
        }
    }

    /// Makes an entry the newest and starts its time anew. `ttl`: `None` keeps the one it has.
    pub fn touch(&mut self, shared: &Shared, hash: u64, key: Key<'_>, ttl: Option<u64>) -> Put {
        let Some(at) = self.find_live(shared, hash, key, true) else { return Put::Refused };
        let Some(ttl) = ttl else {
            self.renew(shared, at, shared.clock.now());
            return Put::Stored;
        };
        let expiry = shared.expiry(Some(ttl));
        let words = self.arena.words_mut();
        if expiry.own_ttl.is_none() == entry::own_ttl(words, at).is_none() {
            entry::write_own_ttl(words, at, ttl);
            entry::write_deadline(words, at, expiry.at);
            self.note(expiry.at);
            return Put::Stored;
        }
        // The ttl needs a word more, or one less.
        let held = entry::value(words, at);
        let (kind, bytes) = (held.kind, held.bytes.to_vec());
        let sets = self.counters.sets;
        let put = self.set(shared, hash, key, Value { kind, bytes: &bytes }, expiry);
        self.counters.sets = sets;
        put
    }

    /// Counts a value that was too large.
    pub fn refuse(&mut self) {
        self.counters.refused += 1;
    }

    /// Writes an entry only if there is none.
    pub fn add(&mut self, shared: &Shared, hash: u64, key: Key<'_>, value: Value<'_>, expiry: Expiry) -> Put {
        if self.words_for(key, value, expiry).is_none() {
            self.counters.refused += 1;
            return Put::TooLarge;
        }
        if self.find_live(shared, hash, key, false).is_some() {
            return Put::Refused;
        }
        self.set(shared, hash, key, value, expiry)
    }

    /// Writes an entry only if what is there now is `expected`: the same kind and bytes, or nothing.
    pub fn compare_and_set(
        &mut self,
        shared: &Shared,
        hash: u64,
        key: Key<'_>,
        expected: Option<Value<'_>>,
        value: Value<'_>,
        expiry: Expiry,
    ) -> Put {
        let Some(expected) = expected else { return self.add(shared, hash, key, value, expiry) };
        if self.words_for(key, value, expiry).is_none() {
            self.counters.refused += 1;
            return Put::TooLarge;
        }
        match self.find_live(shared, hash, key, false) {
            Some(at) if entry::value(self.arena.words(), at) == expected => self.set(shared, hash, key, value, expiry),
            _ => Put::Refused,
        }
    }

    /// Adds to a number; an absent one counts as 0 and gets `ttl`. `kind` is the kind of values that are numbers.
    ///
    /// # Errors
    /// What became of it, if there is no sum.
    pub fn increment(
        &mut self,
        shared: &Shared,
        hash: u64,
        key: Key<'_>,
        kind: u8,
        by: f64,
        ttl: Option<u64>,
    ) -> Result<f64, Put> {
        let Some(at) = self.find_live(shared, hash, key, true) else {
            let value = Value { kind, bytes: &by.to_le_bytes() };
            return match self.set(shared, hash, key, value, shared.expiry(ttl)) {
                Put::Stored => Ok(by),
                put => Err(put),
            };
        };
        let words = self.arena.words_mut();
        let held = entry::value(words, at);
        let number = <[u8; 8]>::try_from(held.bytes).ok().filter(|_| held.kind == kind).map(f64::from_le_bytes);
        let sum = number.ok_or(Put::Refused)? + by;
        entry::overwrite_value(words, at, &sum.to_le_bytes());
        self.counters.sets += 1;
        Ok(sum)
    }

    /// Removes everything. What was held is handed back: giving memory back takes a while.
    pub fn clear(&mut self, shared: &Shared) -> Option<Self> {
        // Not as many as there are entries: a thread that panicked may have left one more or less.
        self.give_slots(shared, self.slots);
        let (counters, budget) = (self.counters, self.budget);
        match Self::new(budget) {
            Ok(fresh) => Some(std::mem::replace(self, Self { counters, ..fresh })),
            Err(_) => {
                self.index.reset();
                self.arena.reset();
                (self.newest, self.oldest) = (0, 0);
                self.earliest = u64::MAX;
                self.passed = None;
                self.window = (0, 0);
                self.limit = self.permitted();
                None
            }
        }
    }
}
