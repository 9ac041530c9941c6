//! A set of small numbers, as bits. Ranges are changed and searched a word at a time.

use std::ops::Range;

const WORD: usize = u64::BITS as usize;

/// A set of numbers below [`Bits::len`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bits {
    /// Bits at and behind `len` are 0.
    words: Box<[u64]>,
    len: usize,
}

impl Bits {
    /// An empty set of numbers below `len`.
    pub fn new(len: usize) -> Self {
        Self { words: vec![0; len.div_ceil(WORD)].into(), len }
    }

    /// What the numbers are below.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no number is in the set.
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|&word| word == 0)
    }

    /// How many numbers are in the set.
    pub fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether `at` is in the set.
    pub fn has(&self, at: usize) -> bool {
        at < self.len && self.words[at / WORD] >> (at % WORD) & 1 == 1
    }

    /// Whether anything of `range` is in the set.
    pub fn any(&self, range: Range<usize>) -> bool {
        self.next(range.start).is_some_and(|at| at < range.end)
    }

    /// Puts `range` into the set. How many were not in it.
    pub fn insert(&mut self, range: Range<usize>) -> usize {
        self.change(range, |word, mask| {
            let new = mask & !*word;
            *word |= mask;
            new
        })
    }

    /// Takes `range` out of the set. How many were in it.
    pub fn remove(&mut self, range: Range<usize>) -> usize {
        self.change(range, |word, mask| {
            let old = mask & *word;
            *word &= !mask;
            old
        })
    }

    fn change(&mut self, range: Range<usize>, change: impl Fn(&mut u64, u64) -> u64) -> usize {
        let end = range.end.min(self.len);
        let mut at = range.start;
        let mut changed = 0;
        while at < end {
            let stop = ((at / WORD + 1) * WORD).min(end);
            let mask = (u64::MAX >> (WORD - (stop - at))) << (at % WORD);
            changed += change(&mut self.words[at / WORD], mask).count_ones() as usize;
            at = stop;
        }
        changed
    }

    /// The first of the set that is not below `from`.
    pub fn next(&self, from: usize) -> Option<usize> {
        self.search(from, 0)
    }

    /// The first at or behind `from` that is not in the set.
    pub fn next_gap(&self, from: usize) -> Option<usize> {
        self.search(from, u64::MAX)
    }

    /// The first bit at or behind `from` that differs from those of `flip`.
    fn search(&self, from: usize, flip: u64) -> Option<usize> {
        if from >= self.len {
            return None;
        }
        let mut word = from / WORD;
        let mut bits = (self.words[word] ^ flip) & (u64::MAX << (from % WORD));
        while bits == 0 {
            word += 1;
            bits = self.words.get(word)? ^ flip;
        }
        let at = word * WORD + bits.trailing_zeros() as usize;
        (at < self.len).then_some(at)
    }

    /// The first place where `count` numbers in a row are missing.
    pub fn gap(&self, count: usize) -> Option<usize> {
        let mut start = self.next_gap(0)?;
        loop {
            let end = self.next(start).unwrap_or(self.len);
            if end - start >= count {
                return Some(start);
            }
            start = self.next_gap(end)?;
        }
    }

    /// The numbers of the set, as ranges that do not touch.
    pub fn ranges(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        let mut at = 0;
        std::iter::from_fn(move || {
            let start = self.next(at)?;
            at = self.next_gap(start).unwrap_or(self.len);
            Some(start..at)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against a `BTreeSet`, with lengths at and beside whole words.
        #[test]
        fn bits_are_a_set(
            len in prop_oneof![Just(0_usize), Just(63), Just(64), Just(65), 1_usize..300],
            steps in prop::collection::vec((any::<bool>(), 0_usize..310, 0_usize..150), 0..30),
            probe in 0_usize..310,
            count in 1_usize..100,
        ) {
            let mut bits = Bits::new(len);
            let mut model = BTreeSet::new();
            for (insert, start, length) in steps {
                let (range, before) = (start..start + length, model.len());
                let inside = range.start.min(len)..range.end.min(len);
                if insert {
                    model.extend(inside);
                    prop_assert_eq!(bits.insert(range), model.len() - before);
                } else {
                    model.retain(|at| !inside.contains(at));
                    prop_assert_eq!(bits.remove(range), before - model.len());
                }
            }
            prop_assert_eq!((bits.len(), bits.count(), bits.is_empty()), (len, model.len(), model.is_empty()));
            prop_assert_eq!(bits.has(probe), model.contains(&probe));
            prop_assert_eq!(bits.next(probe), model.range(probe..).next().copied());
            prop_assert_eq!(bits.next_gap(probe), (probe..len).find(|at| !model.contains(at)));
            prop_assert_eq!(bits.any(probe..probe + count), model.range(probe..probe + count).next().is_some());
            let fits = |&at: &usize| at + count <= len && (at..at + count).all(|at| !model.contains(&at));
            prop_assert_eq!(bits.gap(count), (0..len).find(fits));
            let ranges: Vec<_> = bits.ranges().collect();
            prop_assert!(ranges.windows(2).all(|pair| pair[0].end < pair[1].start));
            prop_assert!(ranges.into_iter().flatten().eq(model));
        }
    }
}
