//! Room: what the budget leaves, and how it is made. Entries are moved or given up; the order stays exact.

use super::super::arena::Block;
use super::super::entry;
use super::super::pages::PURGE_UNIT;
use super::{BASE, PATIENCE, Shard, Shared};

impl Shard {
    /// The words that the budget leaves for the arena.
    pub(super) fn permitted(&self) -> u32 {
        Self::whole_pages(self.budget.saturating_sub(BASE + self.index.bytes()))
    }

    /// Words of the whole pages in so many bytes: what lies behind can then be given back to the last word.
    pub(super) fn whole_pages(bytes: usize) -> u32 {
        (bytes / PURGE_UNIT * PURGE_UNIT / 8) as u32
    }

    /// Makes the arena take no more than `limit` words, which are whole pages, from now on.
    fn confine(&mut self, shared: &Shared, limit: u32) {
        self.limit = limit;
        if self.arena.top() > limit.max(self.arena.first()) {
            let mut from = self.arena.first();
            while from + self.arena.size(from) <= limit {
                from += self.arena.size(from);
            }
            let to = self.arena.top();
            self.clear_out(shared, from, to, 0);
            self.arena.free_held(from, to);
        }
        if self.arena.touched() > limit {
            self.arena.purge(limit);
        }
    }

    /// Makes room for one more entry in the index.
    pub(super) fn make_slot(&mut self, shared: &Shared) {
        // Making room in the arena can make it in the index as well.
        let wants = self.index.wants();
        if wants == 0 {
            return;
        }
        let limit = Self::whole_pages(self.budget.saturating_sub(BASE + self.index.bytes() + wants));
        self.confine(shared, limit);
        if self.index.wants() > 0 {
            self.index.grow();
            self.upkeep.growths += 1;
        }
        self.limit = self.permitted();
    }

    /// Moves what lies in `from..to`, which are whole blocks, elsewhere, and gives up least recently used entries until
    /// it fits there. All blocks in between are held afterwards. `limit`: as for [`Arena::allocate`].
    fn clear_out(&mut self, shared: &Shared, from: u32, to: u32, limit: u32) {
        self.window = (from, to);
        let mut at = from;
        while at < to {
            let size = self.arena.size(at);
            if self.arena.kind(at) == Block::Free {
                self.arena.hold(at);
            }
            at += size;
        }
        at = from;
        while at < to {
            let size = self.arena.size(at);
            while self.arena.kind(at) == Block::Used {
                if let Some(target) = self.arena.allocate(size, limit) {
                    self.relocate(shared, at, target, size);
                } else {
                    self.evict(shared);
                }
            }
            at += size;
        }
        self.window = (0, 0);
        if self.index.is_empty() {
            self.earliest = u64::MAX;
            self.passed = None;
        }
    }

    fn relocate(&mut self, shared: &Shared, from: u32, to: u32, size: u32) {
        let hash = shared.hash(entry::key(self.arena.words(), from)) as u32;
        let words = self.arena.words_mut();
        let (source, target) = (from as usize, to as usize);
        // Word 0 is half the arena's.
        words[target] = words[target] & 0xffff_ffff | words[source] & !0xffff_ffff;
        words.copy_within(source + 1..source + size as usize, target + 1);
        let deadline = entry::deadline(words, to);
        let (newer, older) = (entry::newer(words, to), entry::older(words, to));
        self.note(deadline);
        self.tell_neighbours(newer, older, to, to);
        let known = self.index.relocate(hash, from, to);
        debug_assert!(known, "an entry is not in the index");
        self.arena.retire(from);
        self.upkeep.moves += 1;
    }

    /// Frees a part of the arena of at least `want` words, the one with the least in it.
    fn compact(&mut self, shared: &Shared, want: u32) {
        let Some((from, to)) = self.emptiest(want) else { return };
        // Behind the last block there is nothing to move to if that is part of what is wanted.
        let limit = if to == self.arena.top() { 0 } else { self.limit };
        self.clear_out(shared, from, to, limit);
        self.arena.free_held(from, to);
        self.upkeep.compactions += 1;
    }

    fn emptiest(&self, want: u32) -> Option<(u32, u32)> {
        let arena = &self.arena;
        let live = |at: u32| if arena.kind(at) == Block::Free { 0 } else { arena.size(at) };
        let (mut from, mut to, mut used) = (arena.first(), arena.first(), 0);
        let mut best: Option<(u32, u32, u32)> = None;
        loop {
            while to < arena.top() && to - from < want {
                used += live(to);
                to += arena.size(to);
            }
            let end = if to == arena.top() { self.limit.max(to) } else { to };
            if end - from < want {
                break;
            }
            if to > from && best.is_none_or(|(_, _, least)| used < least) {
                best = Some((from, to, used));
            }
            if from >= to {
                break;
            }
            used -= live(from);
            from += arena.size(from);
        }
        best.map(|(from, to, _)| (from, to))
    }

    /// A block of `words` words, at most [`Self::max_words`].
    pub(super) fn make_room(&mut self, shared: &Shared, words: u32) -> Option<u32> {
        let mut evictions = 0;
        let mut compacted = false;
        loop {
            if let Some(at) = self.arena.allocate(words, self.limit) {
                return Some(at);
            }
            // What is left of a time with more, smaller entries. Alone it would keep the largest entry out.
            if self.index.shrink() {
                self.limit = self.permitted();
                self.upkeep.shrinks += 1;
                continue;
            }
            if self.index.is_empty() {
                return None;
            }
            let spare = self.arena.free_words() + (self.limit.saturating_sub(self.arena.top()));
            if evictions >= PATIENCE && !compacted && u64::from(spare) >= u64::from(words) + u64::from(self.limit / 16)
            {
                self.compact(shared, words.max(self.limit / 32));
                compacted = true;
                continue;
            }
            self.evict(shared);
            evictions += 1;
            compacted &= !evictions.is_multiple_of(64);
        }
    }
}
