//! The hash table of a shard: from 32 bits of a key's hash to where its entry lies.
//!
//! Slots of 8 bytes, hash and place, in the order of their hashes: an entry's home is `hash * capacity / 2^32`, and it lies
//! there or in the first free slot behind that keeps the order (sorted linear probing, Amble and Knuth 1974). So a search
//! stops early whether it finds or not, mostly within one cache line; there are no tombstones; any capacity will do; and
//! growing or shrinking is one pass through memory in order, in place.

use std::io;

use super::pages::Pages;

/// Slots behind the last home, for entries that are moved on. If they are not enough, an insertion is refused.
const OVERFLOW: usize = 256;
/// The fewest homes.
const LEAST: usize = 64;

/// The table.
#[derive(Debug)]
pub struct Index {
    pages: Pages,
    /// Homes.
    capacity: usize,
    len: usize,
    /// Homes that there is address space for.
    most: usize,
    /// Whether huge pages are wanted, and the words that are in such.
    wants_huge: bool,
    huge: usize,
}

fn home(hash: u32, capacity: usize) -> usize {
    ((u64::from(hash) * capacity as u64) >> 32) as usize
}

fn slot(hash: u32, at: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(at)
}

impl Index {
    /// Bytes of the smallest table.
    pub const LEAST_BYTES: usize = Self::bytes_of(LEAST);

    /// An empty table that can grow to `most` entries.
    ///
    /// # Errors
    /// The operating system refuses the address space.
    pub fn new(most: usize) -> io::Result<Self> {
        let most = Self::homes_for(most).max(LEAST);
        Ok(Self { pages: Pages::reserve(most + OVERFLOW)?, capacity: LEAST, len: 0, most, wants_huge: false, huge: 0 })
    }

    /// Homes for `entries` after growing: three of five are taken.
    fn homes_for(entries: usize) -> usize {
        (entries * 5 / 3).max(LEAST)
    }

    /// Entries.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of memory that it takes.
    pub fn bytes(&self) -> usize {
        Self::bytes_of(self.capacity)
    }

    const fn bytes_of(capacity: usize) -> usize {
        (capacity + OVERFLOW) * 8
    }

    /// Takes huge pages from now on, where there are any, as far as the table fills them.
    pub fn prefer_huge(&mut self) {
        self.wants_huge = true;
    }

    /// Makes huge pages of those that a table of `capacity` fills, and no others.
    fn fit_huge(&mut self, capacity: usize) {
        if !self.wants_huge {
            return;
        }
        let to = self.pages.huge_before(capacity + OVERFLOW);
        if to > self.huge {
            self.pages.move_to_huge(self.huge, self.capacity + OVERFLOW, to);
        } else {
            self.pages.prefer_huge(to, self.huge, false);
        }
        self.huge = to;
    }

    /// Finds the entry with this hash that `is` says is the one.
    #[inline]
    pub fn find(&self, hash: u32, mut is: impl FnMut(u32) -> bool) -> Option<u32> {
        let start = home(hash, self.capacity);
        for &slot in &self.pages.words()[start..] {
            let there = (slot >> 32) as u32;
            if there >= hash || slot == 0 {
                if slot == 0 || there > hash {
                    return None;
                }
                if is(slot as u32) {
                    return Some(slot as u32);
                }
            }
        }
        None
    }

    fn position(&self, hash: u32, at: u32) -> Option<usize> {
        let wanted = slot(hash, at);
        let start = home(hash, self.capacity);
        let run = self.pages.words()[start..].iter().take_while(|&&slot| slot != 0 && slot >> 32 <= wanted >> 32);
        run.enumerate().find(|&(_, &slot)| slot == wanted).map(|(offset, _)| start + offset)
    }

    /// How many bytes more the table needs before another entry is inserted; 0 if there is room.
    pub fn wants(&self) -> usize {
        // Four of five homes may be taken.
        if (self.len + 1) * 5 <= self.capacity * 4 {
            return 0;
        }
        self.growth()
    }

    /// How many bytes more it takes after growing.
    fn growth(&self) -> usize {
        Self::bytes_of(self.next_capacity()) - self.bytes()
    }

    /// Removes everything.
    pub fn reset(&mut self) {
        let end = self.capacity + OVERFLOW;
        self.pages.words_mut()[..end].fill(0);
        self.pages.purge(LEAST + OVERFLOW, end);
        self.fit_huge(LEAST);
        (self.capacity, self.len) = (LEAST, 0);
    }

    fn next_capacity(&self) -> usize {
        Self::homes_for(self.len + 1).max(self.capacity + self.capacity / 4).min(self.most).max(self.capacity)
    }

    /// Makes the room that [`Self::wants`] asked for. With too many on too few homes at the end everything stays as it is,
    /// which does not happen with a secret seed.
    pub fn grow(&mut self) {
        self.spread(self.next_capacity());
    }

    /// Moves everything to the homes of a larger capacity, in place: to the end, and from there in order to where it belongs.
    /// False, with nothing changed but the order of free slots, if it does not fit.
    fn spread(&mut self, capacity: usize) -> bool {
        let (old_end, end) = (self.capacity + OVERFLOW, capacity + OVERFLOW);
        let words = self.pages.words_mut();
        let mut last = 0;
        let mut run = 0;
        for &slot in words[..old_end].iter().filter(|&&slot| slot != 0) {
            last = home((slot >> 32) as u32, capacity).max(run);
            run = last + 1;
        }
        if last >= end {
            return false;
        }
        self.fit_huge(capacity);
        let words = self.pages.words_mut();
        let mut to = end;
        for from in (0..old_end).rev() {
            if words[from] != 0 {
                to -= 1;
                let moved = std::mem::take(&mut words[from]);
                words[to] = moved;
            }
        }
        let mut next = 0;
        for from in to..end {
            let moved = std::mem::take(&mut words[from]);
            let place = home((moved >> 32) as u32, capacity).max(next);
            words[place] = moved;
            next = place + 1;
        }
        self.capacity = capacity;
        true
    }

    /// Makes the table smaller if few homes are taken. True if it did.
    pub fn shrink(&mut self) -> bool {
        if self.capacity <= LEAST || self.len * 4 > self.capacity {
            return false;
        }
        let capacity = Self::homes_for(self.len * 3 / 2);
        let old_end = self.capacity + OVERFLOW;
        let words = self.pages.words_mut();
        let mut next = 0;
        let mut fits = true;
        for &slot in words[..old_end].iter().filter(|&&slot| slot != 0) {
            next = home((slot >> 32) as u32, capacity).max(next) + 1;
            fits &= next <= capacity + OVERFLOW;
        }
        if !fits {
            return false;
        }
        next = 0;
        for from in 0..old_end {
            let moved = std::mem::take(&mut words[from]);
            if moved != 0 {
                let place = home((moved >> 32) as u32, capacity).max(next);
                words[place] = moved;
                next = place + 1;
            }
        }
        self.pages.purge(capacity + OVERFLOW, old_end);
        self.fit_huge(capacity);
        self.capacity = capacity;
        true
    }

    /// Adds an entry that is not there. The room was made before. False, with nothing changed, if there is none after all.
    pub fn insert(&mut self, hash: u32, at: u32) -> bool {
        let end = self.capacity + OVERFLOW;
        let start = home(hash, self.capacity);
        let words = &mut self.pages.words_mut()[..end];
        let mut place = start;
        while place < end && words[place] != 0 && words[place] >> 32 <= u64::from(hash) {
            place += 1;
        }
        let Some(free) = words[place.min(end)..].iter().position(|&slot| slot == 0) else { return false };
        words.copy_within(place..place + free, place + 1);
        words[place] = slot(hash, at);
        self.len += 1;
        true
    }

    /// Removes the entry that lies at `at`. False if it is not there.
    pub fn remove(&mut self, hash: u32, at: u32) -> bool {
        let Some(place) = self.position(hash, at) else { return false };
        let capacity = self.capacity;
        let words = &mut self.pages.words_mut()[..capacity + OVERFLOW];
        // Those behind that are not at home move up.
        let run = words[place + 1..]
            .iter()
            .enumerate()
            .take_while(|&(offset, &slot)| slot != 0 && home((slot >> 32) as u32, capacity) <= place + offset)
            .count();
        words.copy_within(place + 1..place + 1 + run, place);
        words[place + run] = 0;
        self.len -= 1;
        true
    }

    /// The entry at `from` lies at `to` from now on. False if it is not there.
    pub fn relocate(&mut self, hash: u32, from: u32, to: u32) -> bool {
        let Some(place) = self.position(hash, from) else { return false };
        self.pages.words_mut()[place] = slot(hash, to);
        true
    }

    /// Checks everything that must hold. For tests.
    ///
    /// # Errors
    /// What does not hold.
    pub fn validate(&self) -> Result<(), String> {
        let end = self.capacity + OVERFLOW;
        let (mut count, mut before) = (0, None);
        for (place, &slot) in self.pages.words()[..end].iter().enumerate() {
            if slot == 0 {
                before = None;
                continue;
            }
            let hash = (slot >> 32) as u32;
            let home = home(hash, self.capacity);
            if home > place || (before.is_none() && home != place) {
                return Err(format!("slot {place} should be at {home}"));
            }
            if before.is_some_and(|before| before > hash) {
                return Err(format!("slot {place} is out of order"));
            }
            before = Some(hash);
            count += 1;
        }
        let rest = self.pages.words()[end..].iter().take(4096).any(|&slot| slot != 0);
        if count == self.len && !rest { Ok(()) } else { Err(format!("{count} slots, {} counted", self.len)) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Step {
        Insert(u32),
        Remove(usize),
        Move(usize),
        Shrink,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        // Few different hashes, crowded at both ends, and any.
        let hash = prop_oneof![0..20_u32, (u32::MAX - 20)..=u32::MAX, any::<u32>()];
        let step = prop_oneof![
            6 => hash.prop_map(Step::Insert),
            3 => any::<usize>().prop_map(Step::Remove),
            1 => any::<usize>().prop_map(Step::Move),
            1 => Just(Step::Shrink),
        ];
        prop::collection::vec(step, 1..1500)
    }

    #[test]
    fn huge_pages_change_nothing_and_are_no_more_than_the_table() -> io::Result<()> {
        let mut index = Index::new(500_000)?;
        index.prefer_huge();
        let hash = |at: u32| at.wrapping_mul(0x9e37_79b1);
        for round in 0..2 {
            for at in 1..=400_000 {
                if index.wants() > 0 {
                    index.grow();
                }
                assert!(index.insert(hash(at), at));
            }
            assert!(index.huge > 0 && index.huge <= index.capacity + OVERFLOW);
            for at in 1..=400_000 {
                assert_eq!(index.find(hash(at), |found| found == at), Some(at));
                assert!(at % 16 == 0 || index.remove(hash(at), at));
            }
            assert!(index.shrink() && index.huge <= index.capacity + OVERFLOW);
            assert_eq!(index.validate(), Ok(()));
            assert!((1..=25_000).all(|at| index.find(hash(at * 16), |_| true) == Some(at * 16)));
            index.reset();
            assert_eq!((round, index.len(), index.huge), (round, 0, 0));
        }
        Ok(())
    }

    #[test]
    fn an_end_that_is_too_crowded_takes_no_more() -> io::Result<()> {
        let mut index = Index::new(100_000)?;
        let mut taken = 0;
        while index.insert(u32::MAX, taken + 1) {
            taken += 1;
            if index.wants() > 0 {
                index.grow();
            }
            assert_eq!(index.validate(), Ok(()));
        }
        assert_eq!((taken as usize, index.len()), (OVERFLOW + 1, OVERFLOW + 1));
        assert!(index.insert(0, taken + 1) && index.remove(u32::MAX, 1) && index.insert(u32::MAX, taken + 2));
        assert_eq!(index.validate(), Ok(()));
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

        #[test]
        fn it_is_a_map(steps in steps()) {
            let mut index = Index::new(100_000).map_err(|error| TestCaseError::fail(error.to_string()))?;
            let mut model: BTreeMap<u32, u32> = BTreeMap::new();
            let mut next = 1;
            for step in steps {
                match step {
                    Step::Insert(hash) => {
                        if index.wants() > 0 {
                            index.grow();
                        }
                        if index.insert(hash, next) {
                            model.insert(next, hash);
                        } else {
                            // Only where the end is crowded.
                            prop_assert!(hash >= u32::MAX - 20 && model.len() >= OVERFLOW);
                        }
                        next += 1;
                    }
                    Step::Remove(i) => {
                        let Some((&at, &hash)) = model.iter().nth(i % model.len().max(1)) else { continue };
                        prop_assert!(!index.remove(hash, next));
                        prop_assert!(index.remove(hash, at));
                        model.remove(&at);
                    }
                    Step::Move(i) => {
                        let Some((&at, &hash)) = model.iter().nth(i % model.len().max(1)) else { continue };
                        prop_assert!(index.relocate(hash, at, next));
                        model.remove(&at);
                        model.insert(next, hash);
                        next += 1;
                    }
                    Step::Shrink => {
                        for at in model.keys().copied().collect::<Vec<_>>().into_iter().skip(3) {
                            index.remove(model[&at], at);
                            model.remove(&at);
                        }
                        while index.shrink() {}
                    }
                }
                prop_assert_eq!(index.validate(), Ok(()));
                prop_assert_eq!(index.len(), model.len());
            }
            for (&at, &hash) in &model {
                prop_assert_eq!(index.find(hash, |there| there == at), Some(at));
            }
            prop_assert_eq!(index.find(7, |_| false), None);
        }
    }
}
