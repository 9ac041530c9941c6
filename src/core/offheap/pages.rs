//! Memory from the operating system: reserved at once, filled when it is first written, given back in pieces.

use std::io;

use memmap2::{MmapMut, MmapOptions};

/// The least piece that is given back to the operating system, in bytes. Where pages are larger, a piece that does not
/// begin at one is refused, and stays.
pub const PURGE_UNIT: usize = 4096;
/// A huge page, in bytes. One is used for an aligned piece of memory of that size, all of it at once.
pub const HUGE_PAGE: usize = 2 << 20;

/// An anonymous mapping, seen as words of 8 bytes. Pages cost memory once they are written.
#[derive(Debug)]
pub struct Pages {
    map: MmapMut,
}

impl Pages {
    /// Reserves `words` words, all zero.
    ///
    /// # Errors
    /// The operating system refuses the address space.
    pub fn reserve(words: usize) -> io::Result<Self> {
        let bytes = words.checked_mul(8).ok_or(io::ErrorKind::OutOfMemory)?;
        let map = MmapOptions::new().len(bytes.max(8)).no_reserve_swap().map_anon()?;
        Ok(Self { map })
    }

    /// The memory as words.
    #[inline]
    pub fn words(&self) -> &[u64] {
        // SAFETY: the mapping is page-aligned, lives as long as `self`, and holds `len / 8` whole words, of which every bit
        // pattern is a value.
        unsafe { std::slice::from_raw_parts(self.map.as_ptr().cast(), self.map.len() / 8) }
    }

    /// The memory as words, to be written.
    #[inline]
    pub fn words_mut(&mut self) -> &mut [u64] {
        // SAFETY: as in `words`; `&mut self` makes it the only view.
        unsafe { std::slice::from_raw_parts_mut(self.map.as_mut_ptr().cast(), self.map.len() / 8) }
    }

    /// Gives the whole purge units within words `from..to` back. They read as zero afterwards, or as before where the
    /// platform has no such call. False if they could not be given back.
    pub fn purge(&mut self, from: usize, to: usize) -> bool {
        let start = (from * 8).next_multiple_of(PURGE_UNIT);
        let end = (to * 8).min(self.map.len()) / PURGE_UNIT * PURGE_UNIT;
        start >= end || self.forget_pages(start, end - start)
    }

    #[cfg(target_os = "linux")]
    fn forget_pages(&mut self, offset: usize, len: usize) -> bool {
        // SAFETY: `&mut self`: nobody else sees the memory. It is private and anonymous, so it reads as zero afterwards,
        // which is a value of every word. A refusal leaves it as it is.
        unsafe { self.map.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, offset, len) }.is_ok()
    }

    #[cfg(not(target_os = "linux"))]
    fn forget_pages(&mut self, _offset: usize, _len: usize) -> bool {
        false
    }

    /// Asks for huge pages for words `from..to`, or for no more of them: a walk through gigabytes then misses the TLB less
    /// often. A hint.
    pub fn prefer_huge(&self, from: usize, to: usize, huge: bool) {
        #[cfg(target_os = "linux")]
        if from < to {
            let advice = if huge { memmap2::Advice::HugePage } else { memmap2::Advice::NoHugePage };
            let _ = self.map.advise_range(advice, from * 8, (to - from) * 8);
        }
        #[cfg(not(target_os = "linux"))]
        let _ = (from, to, huge);
    }

    /// The same for words `from..to`, of which those before `used` are kept: they are written anew, so that they come into
    /// huge pages as well.
    pub fn move_to_huge(&mut self, from: usize, used: usize, to: usize) {
        let kept = self.words()[from..used.clamp(from, to)].to_vec();
        self.purge(from, to);
        self.prefer_huge(from, to, true);
        self.words_mut()[from..from + kept.len()].copy_from_slice(&kept);
    }

    /// Where the last huge page ends that has no word at or behind `to`; 0 if there is none.
    pub fn huge_before(&self, to: usize) -> usize {
        let start = self.map.as_ptr().addr();
        ((start + to * 8) / HUGE_PAGE * HUGE_PAGE).saturating_sub(start) / 8
    }

    /// Where the huge page ends that word `to - 1` is in.
    pub fn huge_around(&self, to: usize) -> usize {
        let start = self.map.as_ptr().addr();
        ((start + to * 8).next_multiple_of(HUGE_PAGE) - start).min(self.map.len()) / 8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_move_to_huge_pages_are_the_same() -> io::Result<()> {
        let huge = HUGE_PAGE / 8;
        let mut pages = Pages::reserve(4 * huge)?;
        let first = pages.huge_before(2 * huge);
        assert!(first > huge && pages.huge_before(first) == first && pages.huge_before(first - 1) == first - huge);
        assert_eq!((pages.huge_around(first), pages.huge_around(first + 1)), (first, first + huge));
        assert_eq!(pages.huge_around(4 * huge), 4 * huge);
        for (at, word) in (0..).zip(&mut pages.words_mut()[..first + 9]) {
            *word = at;
        }
        pages.move_to_huge(first - huge, first + 5, first + huge);
        let kept = pages.words()[..first + 5].iter().zip(0_u64..).all(|(&word, at)| word == at);
        assert!(kept, "a word has changed");
        // Where memory cannot be given back it keeps what was in it.
        assert!(!cfg!(target_os = "linux") || pages.words()[first + 5..].iter().all(|&word| word == 0));
        Ok(())
    }

    #[test]
    fn purged_memory_can_be_used_again() -> io::Result<()> {
        let unit = PURGE_UNIT / 8;
        let mut pages = Pages::reserve(4 * unit)?;
        pages.words_mut().fill(7);
        assert_eq!(pages.purge(1, 3 * unit - 1), cfg!(target_os = "linux"));
        assert_eq!(pages.words()[unit - 1], 7);
        assert_eq!(pages.words()[2 * unit], 7);
        pages.words_mut()[unit] = 9;
        assert_eq!(pages.words()[unit], 9);
        Ok(())
    }
}
