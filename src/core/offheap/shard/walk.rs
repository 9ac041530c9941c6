//! What goes through all entries of a shard.

use super::super::arena::Block;
use super::super::entry::{self, Expiry, Key, Value};
use super::{Shard, Shared};

impl Shard {
    /// Removes entries whose time is over, looking at no more than `blocks` blocks. True when all have been looked at;
    /// the next call begins anew.
    pub fn sweep(&mut self, shared: &Shared, blocks: u32) -> bool {
        let now = shared.clock.now();
        if self.passed.is_none() {
            if self.earliest > now {
                return true;
            }
            self.passed = Some(u64::MAX);
            self.arena.set_cursor(self.arena.first());
        }
        for _ in 0..blocks {
            let at = self.arena.cursor();
            if at >= self.arena.top() {
                self.earliest = self.passed.take().unwrap_or(u64::MAX);
                return true;
            }
            if self.arena.kind(at) == Block::Used {
                let deadline = entry::deadline(self.arena.words(), at);
                if deadline != 0 && now >= deadline {
                    // Freeing moves the cursor to where the block is now.
                    self.expire(shared, at);
                    if self.passed.is_none() {
                        return true;
                    }
                    if self.arena.cursor() < self.arena.top() && self.arena.kind(self.arena.cursor()) == Block::Used {
                        continue;
                    }
                } else {
                    self.note(deadline);
                }
            }
            let at = self.arena.cursor();
            if at < self.arena.top() {
                self.arena.set_cursor(at + self.arena.size(at));
            }
        }
        false
    }

    /// Hands over every entry whose time is not over, as it lies in memory.
    pub fn for_each(&self, shared: &Shared, mut f: impl FnMut(Key<'_>, Value<'_>)) {
        let now = shared.clock.now();
        let words = self.arena.words();
        let mut at = self.arena.first();
        while at < self.arena.top() {
            let deadline = if self.arena.kind(at) == Block::Used { entry::deadline(words, at) } else { 1 };
            if deadline == 0 || deadline > now {
                f(entry::key(words, at), entry::value(words, at));
            }
            at += self.arena.size(at);
        }
    }

    /// Hands over every entry whose time is not over, the least recently used first.
    ///
    /// # Errors
    /// What `f` answers; it is not asked again.
    pub fn for_each_oldest<E>(
        &self,
        shared: &Shared,
        mut f: impl FnMut(Key<'_>, Value<'_>, Expiry) -> Result<(), E>,
    ) -> Result<(), E> {
        let now = shared.clock.now();
        let words = self.arena.words();
        let mut next = self.oldest;
        while next != 0 {
            let at = next;
            next = entry::newer(words, at);
            let deadline = entry::deadline(words, at);
            if deadline == 0 || deadline > now {
                let expiry = Expiry { at: deadline, own_ttl: entry::own_ttl(words, at) };
                f(entry::key(words, at), entry::value(words, at), expiry)?;
            }
        }
        Ok(())
    }

    /// Checks everything that must hold. For tests: walks everything.
    ///
    /// # Errors
    /// What does not hold.
    pub fn validate(&self, shared: &Shared) -> Result<(), String> {
        self.arena.validate()?;
        let words = self.arena.words();
        let mut used = 0;
        let mut at = self.arena.first();
        let mut earliest = u64::MAX;
        while at < self.arena.top() {
            match self.arena.kind(at) {
                Block::Held => return Err(format!("block {at} is still held")),
                Block::Free => (),
                Block::Used => {
                    used += 1;
                    let key = entry::key(words, at);
                    if self.find(shared.hash(key), key) != Some(at) {
                        return Err(format!("the entry at {at} is not found by its key"));
                    }
                    let deadline = entry::deadline(words, at);
                    if deadline != 0 {
                        earliest = earliest.min(deadline);
                    }
                }
            }
            at += self.arena.size(at);
        }
        self.index.validate()?;
        let (mut listed, mut at, mut newer) = (0, self.newest, 0);
        while at != 0 && listed <= used {
            if entry::newer(words, at) != newer || self.arena.kind(at) != Block::Used {
                return Err(format!("the entry at {at} is wrong about the next newer one"));
            }
            listed += 1;
            newer = at;
            at = entry::older(words, at);
        }
        if used != self.len() || listed != used || newer != self.oldest {
            return Err(format!("{used} entries in the arena, {} in the index, {listed} in order", self.len()));
        }
        if earliest < self.earliest {
            return Err(format!("an entry ends at {earliest}, before {}", self.earliest));
        }
        if self.slots != if shared.max_entries > 0 { used } else { 0 } {
            return Err(format!("{} slots for {used} entries", self.slots));
        }
        // Elsewhere what has been written once stays: see `Pages::purge`.
        let most = if cfg!(target_os = "linux") { self.budget } else { self.budget * 2 };
        if self.bytes() > self.budget || self.committed() > most {
            return Err(format!("{} bytes, {} committed, of {}", self.bytes(), self.committed(), self.budget));
        }
        Ok(())
    }
}
