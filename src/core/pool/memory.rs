//! Memory whose bytes others may see: JavaScript, the operating system, and whoever kept a pointer to a chunk that he gave
//! back. Only raw pointers are used on it, and this is the only file of the pool with `unsafe`.
//!
//! What the `SAFETY` lines have in common:
//!
//! 1. *In bounds.* Every access goes through `Mapping::pieces`, which cuts a range to what is mapped and is not guarded.
//!    The mapping lives as long as the [`Mapping`].
//! 2. *No reference.* A byte of it is never borrowed as a value. What is read is read with atomics, once, and believed no
//!    further: every bit pattern is a byte.
//! 3. *Nobody else, or nobody of ours.* Rust writes to a chunk only while it is in no hand, but for the wipe at the end of
//!    the process. Someone who writes to a chunk that he gave back is not Rust: he may spoil bytes, and nothing is concluded
//!    from them.

use std::io;
use std::iter;
use std::ops::Range;
use std::ptr;
use std::slice;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering::Relaxed};

use memmap2::{MmapOptions, MmapRaw};
use region::Protection;

const WORD: usize = size_of::<usize>();

/// Bytes of a page of the operating system.
pub fn page_size() -> usize {
    region::page::size()
}

/// Has `at_exit` called when the process ends by `exit`, by returning from `main`, or when the addon is unloaded. False if
/// the C library has no room for it. `at_exit` must neither block nor panic: other threads may have been stopped anywhere.
pub fn call_at_exit(at_exit: extern "C" fn()) -> bool {
    // SAFETY: a plain function without arguments. The C library calls it at unloading at the latest, so not when it is gone.
    unsafe { libc::atexit(at_exit) == 0 }
}

/// Private anonymous memory, whole pages of the operating system. It is unmapped when it is dropped: what must never be
/// unmapped is kept.
///
/// Offsets and ranges count bytes from its start. A range is cut to what is there: bytes behind the end, and those on guard
/// pages, are left out.
#[derive(Debug)]
pub struct Mapping {
    map: MmapRaw,
    /// Whole pages without access, ascending, none overlapping.
    guards: Vec<Range<usize>>,
}

impl Mapping {
    /// Reserves `bytes`, rounded up to whole pages; at least one. It reads zero, and a page costs memory once it is written.
    /// No swap is set aside for it, on systems where that can be said.
    ///
    /// # Errors
    /// The operating system refuses the address space.
    pub fn reserve(bytes: usize) -> io::Result<Self> {
        let bytes = bytes.max(1).checked_next_multiple_of(page_size()).filter(|&bytes| isize::try_from(bytes).is_ok());
        let bytes = bytes.ok_or(io::ErrorKind::OutOfMemory)?;
        let map = MmapOptions::new().len(bytes).no_reserve_swap().map_anon()?;
        // Where the system uses huge pages unasked, one byte would cost two mebibytes, and pages given back would come again.
        #[cfg(target_os = "linux")]
        let _ = map.advise(memmap2::Advice::NoHugePage);
        Ok(Self { map: map.into(), guards: Vec::new() })
    }

    /// Bytes, guard pages among them.
    #[expect(clippy::len_without_is_empty, reason = "there is always a page")]
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// Bytes of guard pages.
    pub fn guarded(&self) -> usize {
        self.guards.iter().map(Range::len).sum()
    }

    /// Where byte `offset` is; the end for an offset behind it. Whoever uses the pointer answers for it.
    pub fn address(&self, offset: usize) -> *mut u8 {
        self.map.as_mut_ptr().wrapping_add(offset.min(self.map.len()))
    }

    /// Writes zeros, as fast as the machine can.
    pub fn zero(&self, range: Range<usize>) {
        self.fill(range, 0);
    }

    /// Writes `byte` everywhere.
    pub fn fill(&self, range: Range<usize>, byte: u8) {
        for piece in self.pieces(range) {
            // SAFETY: 1, 2, 3 above.
            unsafe { ptr::write_bytes(self.address(piece.start), byte, piece.len()) };
        }
    }

    /// Writes zeros that no compiler leaves out, even if it sees that nobody reads them. As fast as [`Mapping::zero`].
    pub fn wipe(&self, range: Range<usize>) {
        for piece in self.pieces(range) {
            self.zero(piece.clone());
            // SAFETY: 1 above. Atomic bytes may change behind a reference, and need no alignment. Nothing is read.
            let bytes = unsafe { slice::from_raw_parts(self.address(piece.start).cast::<AtomicU8>(), piece.len()) };
            zeroize::optimization_barrier(bytes);
        }
    }

    /// The first byte within `range` that is not `byte`, counted from the start of the range.
    pub fn first_other(&self, range: Range<usize>, byte: u8) -> Option<usize> {
        let start = range.start;
        // SAFETY: `pieces` made it.
        self.pieces(range).find_map(|piece| unsafe { self.first_other_in(piece, byte) }).map(|at| at - start)
    }

    /// Writes `bytes` from `offset` on. False, and nothing is written, if there is no room for all of them.
    pub fn write(&self, offset: usize, bytes: &[u8]) -> bool {
        let room = self.is_whole(offset, bytes.len());
        if room {
            // SAFETY: 1, 2, 3 above; `bytes` is borrowed from Rust, whose values are never inside the mapping.
            unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), self.address(offset), bytes.len()) };
        }
        room
    }

    /// Whether exactly `bytes` are there from `offset` on.
    pub fn matches(&self, offset: usize, bytes: &[u8]) -> bool {
        // SAFETY: `is_whole` says that all of them are in bounds.
        let same = |(&byte, at)| unsafe { self.byte(at) } == byte;
        self.is_whole(offset, bytes.len()) && bytes.iter().zip(offset..).all(same)
    }

    /// Gives the whole pages within `range` back to the operating system; they read zero afterwards, and locked ones are
    /// refused. False if they were not given back: they then hold what they held, or zeros. Pages that the range covers only
    /// in part are left alone.
    pub fn purge(&self, range: Range<usize>) -> bool {
        let page = page_size();
        self.pieces(range).all(|piece| {
            let (start, end) = (piece.start.next_multiple_of(page), piece.end / page * page);
            start >= end || self.forget(start..end)
        })
    }

    /// Takes all access to the pages of `range` away, for good. Whoever touches them ends the process.
    ///
    /// # Errors
    /// The range is not of whole pages of the mapping, overlaps another guard, or the operating system refuses, which it does
    /// when a process has too many mappings.
    pub fn guard(&mut self, range: Range<usize>) -> io::Result<()> {
        let page = page_size();
        if !range.start.is_multiple_of(page)
            || !range.end.is_multiple_of(page)
            || !self.is_whole(range.start, range.len())
        {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a guard takes whole pages that have none"));
        }
        if range.is_empty() {
            return Ok(());
        }
        // SAFETY: whole pages of this mapping. `&mut self` and the entry below keep every access of ours away from them.
        unsafe { region::protect(self.address(range.start), range.len(), Protection::NONE) }?;
        self.guards.insert(self.guards.partition_point(|guard| guard.start < range.start), range);
        Ok(())
    }

    /// Keeps the pages of `range` in memory, never in swap. False if the operating system refuses, mostly since a process may
    /// lock only so much, or if there is a guard in the range. The range should be of whole pages.
    pub fn lock(&self, range: Range<usize>) -> bool {
        if range.is_empty() || !self.is_whole(range.start, range.len()) {
            return false;
        }
        region::lock(self.address(range.start), range.len()).map(std::mem::forget).is_ok()
    }

    /// Undoes [`Mapping::lock`]. False if the operating system refuses.
    pub fn unlock(&self, range: Range<usize>) -> bool {
        if range.is_empty() || !self.is_whole(range.start, range.len()) {
            return false;
        }
        // SAFETY: pages of this mapping. Nothing of ours depends on their being locked.
        unsafe { region::unlock(self.address(range.start), range.len()) }.is_ok()
    }

    /// Leaves the pages of `range` out of core dumps. The range should be of whole pages and may have guards. False where the
    /// system has no such thing (it is Linux that has it), or if it refuses.
    pub fn keep_out_of_dumps(&self, range: Range<usize>) -> bool {
        let range = self.cut(range);
        #[cfg(target_os = "linux")]
        return self.map.advise_range(memmap2::Advice::DontDump, range.start, range.len()).is_ok();
        #[cfg(not(target_os = "linux"))]
        return range.is_empty();
    }

    /// Has the pages of `range` read zero in processes that are forked from this one. The range should be of whole pages and
    /// may have guards. False where the system has no such thing (it is Linux that has it), or if it refuses.
    pub fn keep_from_children(&self, range: Range<usize>) -> bool {
        let range = self.cut(range);
        #[cfg(target_os = "linux")]
        // SAFETY: pages of this private, anonymous mapping. Nothing changes in this process.
        return unsafe { libc::madvise(self.address(range.start).cast(), range.len(), libc::MADV_WIPEONFORK) == 0 };
        #[cfg(not(target_os = "linux"))]
        return range.is_empty();
    }

    #[cfg(target_os = "linux")]
    fn forget(&self, range: Range<usize>) -> bool {
        // SAFETY: 1 and 3 above. The memory is private and anonymous: it reads zero afterwards.
        unsafe { self.map.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, range.start, range.len()) }.is_ok()
    }

    // The system takes the pages when it needs memory, until when they hold what they held: zeros.
    #[cfg(target_vendor = "apple")]
    fn forget(&self, range: Range<usize>) -> bool {
        self.zero(range.clone());
        // SAFETY: 1 and 3 above. What the memory holds now is what it will hold without its pages.
        unsafe { self.map.unchecked_advise_range(memmap2::UncheckedAdvice::Free, range.start, range.len()) }.is_ok()
    }

    #[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
    fn forget(&self, _range: Range<usize>) -> bool {
        false
    }

    fn cut(&self, range: Range<usize>) -> Range<usize> {
        let end = range.end.min(self.map.len());
        range.start.min(end)..end
    }

    /// What of `range` is mapped and not guarded, ascending, no piece empty.
    fn pieces(&self, range: Range<usize>) -> impl Iterator<Item = Range<usize>> {
        let Range { start: mut at, end } = self.cut(range);
        let mut guards = self.guards[self.guards.partition_point(|guard| guard.end <= at)..].iter();
        iter::from_fn(move || {
            while at < end {
                let (stop, next) = guards.next().map_or((end, end), |guard| (guard.start.min(end), guard.end));
                let piece = at..stop;
                at = next;
                if !piece.is_empty() {
                    return Some(piece);
                }
            }
            None
        })
    }

    /// Whether all `len` bytes from `offset` on are mapped, and none is guarded.
    fn is_whole(&self, offset: usize, len: usize) -> bool {
        let Some(end) = offset.checked_add(len).filter(|&end| end <= self.map.len()) else { return false };
        len == 0 || self.pieces(offset..end).next() == Some(offset..end)
    }

    /// The first byte of `piece` that is not `byte`, by its offset.
    ///
    /// # Safety
    /// `piece` is in bounds: from [`Mapping::pieces`].
    unsafe fn first_other_in(&self, piece: Range<usize>, byte: u8) -> Option<usize> {
        const BLOCK: usize = 8 * WORD;
        let same = usize::from_ne_bytes([byte; WORD]);
        let words_from = piece.start.next_multiple_of(WORD).min(piece.end);
        let blocks_to = words_from + (piece.end - words_from) / BLOCK * BLOCK;
        // SAFETY: within `piece`.
        let odd = |mut bytes: Range<usize>| bytes.find(|&at| unsafe { self.byte(at) } != byte);
        // One branch for eight words.
        // SAFETY: `at` is a multiple of a word, and its block within `piece`.
        let differs =
            |&at: &usize| (0..8).fold(0, |sum, word| sum | (unsafe { self.word(at + word * WORD) } ^ same)) != 0;
        odd(piece.start..words_from)
            .or_else(|| (words_from..blocks_to).step_by(BLOCK).find(differs).and_then(|at| odd(at..at + BLOCK)))
            .or_else(|| odd(blocks_to..piece.end))
    }

    /// # Safety
    /// The byte is in bounds.
    #[inline]
    unsafe fn byte(&self, at: usize) -> u8 {
        // SAFETY: the caller's word, and 2 above.
        unsafe { AtomicU8::from_ptr(self.address(at)) }.load(Relaxed)
    }

    /// # Safety
    /// `at` is a multiple of a word, and the word is in bounds.
    #[inline]
    unsafe fn word(&self, at: usize) -> usize {
        // SAFETY: the caller's word, and 2 above; the mapping begins at a page, so a multiple of a word in it is one in memory.
        unsafe { AtomicUsize::from_ptr(self.address(at).cast()) }.load(Relaxed)
    }
}

#[cfg(test)]
pub(super) mod tests;
