//! A segregated-fit allocator over one range of words: where a shard keeps its keys and values.
//!
//! Blocks lie one behind the other and can be walked. A free block is merged with its free neighbours at once, and is found
//! through lists by size: one list for each size below 64 words, then sixteen a doubling, with a bitmap of the lists that
//! hold something (the two-level scheme of TLSF, Masmano et al. 2004). What lies behind the last used block is untouched
//! memory, and costs nothing until it is used.
//!
//! Offsets and sizes are in words of 8 bytes. Offset 0 is no block. A used block has one word of the arena's, of which the
//! upper half belongs to the user; a free one has two at its start and its size in its last word:
//!
//! | | word 0, low half | word 0, high half | word 1 | last word |
//! |---|---|---|---|---|
//! | used | size, flags | the user's | the user's | the user's |
//! | free | size, flags | next in its list | previous in its list | size |

use std::io;

use super::pages::{PURGE_UNIT, Pages};

/// The smallest block, in words: what the smallest entry takes.
pub const MIN_BLOCK: u32 = 4;
/// The largest block, and the largest arena, in words: what 29 bits hold, 4 GiB.
pub const MAX_BLOCK: u32 = (1 << 29) - 1;

const FIRST: u32 = 1;
const USED: u64 = 1;
const PREVIOUS_FREE: u64 = 2;
/// Used, but by no entry: memory that is being cleared out.
const HELD: u64 = 4;
const LOW: u64 = 0xffff_ffff;

const SMALL: u32 = 64;
const SUBDIVISIONS: u32 = 16;
const CLASSES: usize = (SMALL + (29 - 6) * SUBDIVISIONS) as usize;
const BITMAP: usize = CLASSES.div_ceil(64);
/// How many blocks of a list that may be too small are looked at before the next list is taken.
const TRIES: usize = 4;

/// A block as a walk meets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Block {
    /// Holds an entry.
    Used,
    /// In a list.
    Free,
    /// Held back by [`Arena::hold`] or [`Arena::retire`].
    Held,
}

/// The allocator and its memory.
#[derive(Debug)]
pub struct Arena {
    pages: Pages,
    /// Blocks fill `FIRST..top`. The last one is never free.
    top: u32,
    /// No word at or behind this one has been written since it was last given back.
    touched: u32,
    /// Whether huge pages are wanted, and the words that are in such.
    wants_huge: bool,
    huge: u32,
    /// Words in free blocks.
    free: u32,
    /// First block of each list, or 0.
    heads: [u32; CLASSES],
    /// Which lists hold something.
    bitmap: [u64; BITMAP],
    /// Where a walk in steps is; always the start of a block, or `top`.
    cursor: u32,
}

fn class_of(words: u32) -> usize {
    if words < SMALL {
        words as usize
    } else {
        let log = words.ilog2();
        (SMALL + (log - 6) * SUBDIVISIONS + ((words >> (log - 4)) & (SUBDIVISIONS - 1))) as usize
    }
}

impl Arena {
    /// Reserves room for `words` words, at most [`MAX_BLOCK`].
    ///
    /// # Errors
    /// The operating system refuses the address space.
    pub fn new(words: u32) -> io::Result<Self> {
        let words = words.min(MAX_BLOCK);
        let pages = Pages::reserve(words as usize)?;
        Ok(Self {
            pages,
            top: FIRST,
            touched: FIRST,
            wants_huge: false,
            huge: 0,
            free: 0,
            heads: [0; CLASSES],
            bitmap: [0; BITMAP],
            cursor: FIRST,
        })
    }

    /// The memory.
    #[inline]
    pub fn words(&self) -> &[u64] {
        self.pages.words()
    }

    /// The memory, to write what is inside used blocks.
    #[inline]
    pub fn words_mut(&mut self) -> &mut [u64] {
        self.pages.words_mut()
    }

    /// Words that are in blocks, used or free, and so in memory.
    pub fn top(&self) -> u32 {
        self.top
    }

    /// Words that have been written, whether they are still in blocks or not.
    pub fn touched(&self) -> u32 {
        self.touched
    }

    /// Words in free blocks.
    pub fn free_words(&self) -> u32 {
        self.free
    }

    /// Words in blocks that are not free.
    pub fn used_words(&self) -> u32 {
        self.top - FIRST - self.free
    }

    #[inline]
    fn head(&self, at: u32) -> u64 {
        self.words()[at as usize]
    }

    /// The size of the block at `at`, in words.
    #[inline]
    pub fn size(&self, at: u32) -> u32 {
        ((self.head(at) & LOW) >> 3) as u32
    }

    /// What the block at `at` is.
    #[inline]
    pub fn kind(&self, at: u32) -> Block {
        let head = self.head(at);
        match (head & USED != 0, head & HELD != 0) {
            (false, _) => Block::Free,
            (true, false) => Block::Used,
            (true, true) => Block::Held,
        }
    }

    /// The first block, or `top` if there is none. The next one is at `at + size(at)`.
    pub fn first(&self) -> u32 {
        FIRST
    }

    /// Where the walk in steps is.
    pub fn cursor(&self) -> u32 {
        self.cursor
    }

    /// Moves the walk to the start of a block, or to `top`.
    pub fn set_cursor(&mut self, at: u32) {
        self.cursor = at;
    }

    fn set(&mut self, at: u32, word: u64) {
        self.words_mut()[at as usize] = word;
    }

    /// Writes size and flags of a block, and leaves the user's half.
    fn set_low(&mut self, at: u32, size: u32, flags: u64) {
        let word = &mut self.words_mut()[at as usize];
        *word = (*word & !LOW) | (u64::from(size) << 3) | flags;
    }

    fn flag(&mut self, at: u32, flag: u64, on: bool) {
        let word = &mut self.words_mut()[at as usize];
        *word = if on { *word | flag } else { *word & !flag };
    }

    /// Makes a free block. The one before it is none: it would have been merged.
    fn link(&mut self, at: u32, size: u32) {
        let class = class_of(size);
        let next = self.heads[class];
        self.set(at, (u64::from(size) << 3) | (u64::from(next) << 32));
        self.set(at + 1, 0);
        self.set(at + size - 1, u64::from(size));
        if next != 0 {
            self.set(next + 1, u64::from(at));
        }
        self.heads[class] = at;
        self.bitmap[class / 64] |= 1 << (class % 64);
        self.free += size;
    }

    fn unlink(&mut self, at: u32, size: u32) {
        let class = class_of(size);
        let next = (self.head(at) >> 32) as u32;
        let previous = self.words()[at as usize + 1] as u32;
        if next != 0 {
            self.set(next + 1, u64::from(previous));
        }
        if previous != 0 {
            let word = &mut self.words_mut()[previous as usize];
            *word = (*word & LOW) | (u64::from(next) << 32);
        } else {
            self.heads[class] = next;
            if next == 0 {
                self.bitmap[class / 64] &= !(1 << (class % 64));
            }
        }
        self.free -= size;
    }

    /// The first list at or above `class` that holds something.
    fn next_class(&self, class: usize) -> Option<usize> {
        let mut word = class / 64;
        let mut bits = self.bitmap.get(word)? & (!0 << (class % 64));
        loop {
            if bits != 0 {
                return Some(word * 64 + bits.trailing_zeros() as usize);
            }
            word += 1;
            bits = *self.bitmap.get(word)?;
        }
    }

    fn find(&self, words: u32) -> Option<u32> {
        let class = class_of(words);
        if words < SMALL {
            return self.next_class(class).map(|class| self.heads[class]);
        }
        let mut at = self.heads[class];
        for _ in 0..TRIES {
            if at == 0 {
                break;
            }
            if self.size(at) >= words {
                return Some(at);
            }
            at = (self.head(at) >> 32) as u32;
        }
        self.next_class(class + 1).map(|class| self.heads[class])
    }

    /// A block of at least `words` words (at least [`MIN_BLOCK`]), with no word at or behind `limit` taken from what is
    /// not in blocks yet. Its words hold anything, but for the arena's own half word.
    pub fn allocate(&mut self, words: u32, limit: u32) -> Option<u32> {
        debug_assert!((MIN_BLOCK..=MAX_BLOCK).contains(&words));
        if let Some(at) = self.find(words) {
            let size = self.size(at);
            self.unlink(at, size);
            let flags = (self.head(at) & PREVIOUS_FREE) | USED;
            if size - words >= MIN_BLOCK {
                self.set_low(at, words, flags);
                self.link(at + words, size - words);
            } else {
                self.set_low(at, size, flags);
                self.flag(at + size, PREVIOUS_FREE, false);
            }
            return Some(at);
        }
        let at = self.top;
        let end = at.checked_add(words)?;
        if end > limit || end as usize > self.words().len() {
            return None;
        }
        if end > self.touched {
            self.touch(end, limit);
        }
        self.set(at, (u64::from(words) << 3) | USED);
        self.top = end;
        Some(at)
    }

    /// The words before `end` will be written. Huge pages are asked for as far as they lie before `limit` as a whole: one is
    /// in memory as soon as a word of it is.
    fn touch(&mut self, end: u32, limit: u32) {
        self.touched = end;
        if self.wants_huge && end > self.huge {
            let around = self.pages.huge_around(end as usize) as u32;
            let to = if around <= limit { around } else { self.pages.huge_before(end as usize) as u32 };
            if to > self.huge {
                self.pages.prefer_huge(self.huge as usize, to as usize, true);
                self.huge = to;
                self.touched = end.max(to);
            }
        }
    }

    /// Takes back the block at `at`.
    pub fn free(&mut self, at: u32) {
        let mut start = at;
        let mut size = self.size(at);
        if self.head(at) & PREVIOUS_FREE != 0 {
            let before = self.words()[at as usize - 1] as u32;
            start = at - before;
            self.unlink(start, before);
            size += before;
        }
        let mut end = start + size;
        if end < self.top && self.kind(end) == Block::Free {
            let after = self.size(end);
            self.unlink(end, after);
            size += after;
            end = start + size;
        }
        if self.cursor > start && self.cursor < end {
            self.cursor = start;
        }
        if end == self.top {
            self.lower_top(start);
            return;
        }
        self.link(start, size);
        self.flag(end, PREVIOUS_FREE, true);
    }

    /// The blocks now end at `to`. A free block before it joins what is behind, so that the last block is a used one.
    fn lower_top(&mut self, mut to: u32) {
        while to > FIRST && self.head(to) & PREVIOUS_FREE != 0 {
            let before = self.words()[to as usize - 1] as u32;
            to -= before;
            self.unlink(to, before);
        }
        self.top = to;
        self.cursor = self.cursor.min(to);
    }

    /// Takes a free block out of its list, so that nothing is allocated in it.
    pub fn hold(&mut self, at: u32) {
        let size = self.size(at);
        self.unlink(at, size);
        let flags = (self.head(at) & PREVIOUS_FREE) | USED | HELD;
        self.set(at, (u64::from(size) << 3) | flags);
        self.flag(at + size, PREVIOUS_FREE, false);
    }

    /// Makes a used block a held one: its entry is gone.
    pub fn retire(&mut self, at: u32) {
        self.flag(at, HELD, true);
    }

    /// Frees `from..to`, which are held blocks, as one.
    pub fn free_held(&mut self, from: u32, to: u32) {
        if self.cursor > from && self.cursor < to {
            self.cursor = from;
        }
        let flags = self.head(from) & PREVIOUS_FREE;
        self.set(from, (u64::from(to - from) << 3) | flags | USED);
        self.free(from);
    }

    /// Gives memory behind the blocks, at or behind word `from`, back to the operating system.
    pub fn purge(&mut self, from: u32) {
        let from = from.max(self.top);
        if from >= self.touched {
            return;
        }
        let unit = (PURGE_UNIT / 8) as u32;
        let end = self.touched.next_multiple_of(unit).min(self.words().len() as u32);
        if self.pages.purge(from as usize, end as usize) {
            self.touched = from.next_multiple_of(unit).min(self.touched);
        }
        let huge = self.pages.huge_before(self.touched as usize) as u32;
        if self.huge > huge {
            self.pages.prefer_huge(huge as usize, self.huge as usize, false);
            self.huge = huge;
        }
    }

    /// Forgets all blocks.
    pub fn reset(&mut self) {
        self.top = FIRST;
        self.free = 0;
        self.heads = [0; CLASSES];
        self.bitmap = [0; BITMAP];
        self.cursor = FIRST;
        self.purge(FIRST);
    }

    /// Takes huge pages from now on, where there are any.
    pub fn prefer_huge(&mut self) {
        self.wants_huge = true;
    }

    /// Checks everything that must hold. For tests: walks all blocks.
    ///
    /// # Errors
    /// What does not hold.
    pub fn validate(&self) -> Result<(), String> {
        let mut at = FIRST;
        let mut free = 0;
        let mut free_blocks = 0_usize;
        let mut previous_free = false;
        let mut cursor_seen = self.cursor == self.top;
        while at < self.top {
            let size = self.size(at);
            if size < MIN_BLOCK || at + size > self.top {
                return Err(format!("block {at} has size {size}"));
            }
            if (self.head(at) & PREVIOUS_FREE != 0) != previous_free {
                return Err(format!("block {at} is wrong about the one before it"));
            }
            let is_free = self.kind(at) == Block::Free;
            if is_free {
                if previous_free {
                    return Err(format!("two free blocks at {at}"));
                }
                if self.words()[(at + size - 1) as usize] != u64::from(size) {
                    return Err(format!("free block {at} does not end in its size"));
                }
                free += size;
                free_blocks += 1;
            }
            cursor_seen |= at == self.cursor;
            previous_free = is_free;
            at += size;
        }
        if at != self.top || previous_free || free != self.free || !cursor_seen || self.touched < self.top {
            return Err(format!("end {at} of {}, free {free} of {}, cursor {}", self.top, self.free, self.cursor));
        }
        let mut listed = 0;
        for (class, &head) in self.heads.iter().enumerate() {
            if (self.bitmap[class / 64] >> (class % 64) & 1 == 1) != (head != 0) {
                return Err(format!("bitmap of list {class}"));
            }
            let (mut at, mut before) = (head, 0);
            while at != 0 {
                if self.kind(at) != Block::Free || class_of(self.size(at)) != class {
                    return Err(format!("block {at} does not belong in list {class}"));
                }
                if self.words()[at as usize + 1] as u32 != before {
                    return Err(format!("block {at} has a wrong predecessor"));
                }
                listed += 1;
                if listed > free_blocks {
                    return Err(format!("list {class} is longer than there are free blocks"));
                }
                before = at;
                at = (self.head(at) >> 32) as u32;
            }
        }
        if listed == free_blocks { Ok(()) } else { Err(format!("{listed} of {free_blocks} free blocks are in lists")) }
    }
}
