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
pub(super) mod tests {
    use std::env;
    use std::process::{Command, Output};

    use super::*;

    pub type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

    /// Lines `Name: value`.
    #[cfg(target_os = "linux")]
    type Lines = Vec<(String, String)>;

    const CHILD: &str = "HEAPWISE_TEST_CHILD";

    /// Runs the test `name`, a path within the crate, again, alone and in a process of its own, whose [`child_case`] is `case`.
    pub fn in_child(name: &str, case: &str) -> io::Result<Output> {
        let mut child = Command::new(env::current_exe()?);
        child.args([name, "--exact", "--nocapture", "--test-threads=1"]).env(CHILD, case).output()
    }

    pub fn child_case() -> Option<String> {
        env::var(CHILD).ok()
    }

    /// Reads the byte at `address`, which may end the process.
    pub fn touch(address: *const u8) -> u8 {
        // SAFETY: for addresses in mappings that live. On a guard page this faults, which is what tests are after.
        unsafe { address.read_volatile() }
    }

    /// Writes `byte` at `address`, as JavaScript would.
    pub fn poke(address: *mut u8, byte: u8) {
        // SAFETY: as in `touch`.
        unsafe { address.write_volatile(byte) }
    }

    /// Whether the process was ended by a touch of memory that it may not touch.
    pub fn faulted(output: &Output) -> bool {
        #[cfg(unix)]
        let signal = std::os::unix::process::ExitStatusExt::signal(&output.status);
        #[cfg(unix)]
        return signal == Some(libc::SIGSEGV) || signal == Some(libc::SIGBUS);
        #[cfg(windows)]
        return output.status.code() == Some(0xc000_0005_u32 as i32);
    }

    /// This process may lock nothing from now on.
    #[cfg(target_os = "linux")]
    pub fn refuse_locks() {
        let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // The limit does not bind a superuser, so nobody is one afterwards.
        // SAFETY: calls without memory of ours, but for `none`, which is read.
        let done = unsafe {
            libc::setrlimit(libc::RLIMIT_MEMLOCK, &raw const none) == 0
                && (libc::geteuid() != 0 || libc::setresuid(65534, 65534, 65534) == 0)
        };
        assert!(done, "{}", io::Error::last_os_error());
    }

    /// The pieces of `mapping` that may be read, as the system sees them. What is at the ends of the mapping should be guarded,
    /// or else the system may join it with a neighbour.
    #[cfg(target_os = "linux")]
    fn seen_by_system(mapping: &Mapping) -> Outcome<Vec<Lines>> {
        let (from, to) = (mapping.address(0).addr(), mapping.address(usize::MAX).addr());
        let mut pieces: Vec<Lines> = Vec::new();
        let mut inside = false;
        for line in std::fs::read_to_string("/proc/self/smaps")?.lines() {
            let mut words = line.split_whitespace();
            let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            if let Some((start, end)) = first.split_once('-') {
                inside = second.starts_with("rw")
                    && usize::from_str_radix(start, 16)? < to
                    && usize::from_str_radix(end, 16)? > from;
                pieces.extend(inside.then(Vec::new));
            } else if inside && let (Some(lines), Some((name, value))) = (pieces.last_mut(), line.split_once(':')) {
                lines.push((name.to_owned(), value.trim().to_owned()));
            }
        }
        Ok(pieces)
    }

    /// The sum of a line over the pieces of `mapping`, in bytes.
    #[cfg(target_os = "linux")]
    pub fn bytes_seen(mapping: &Mapping, name: &str) -> Outcome<usize> {
        let mut sum = 0;
        for (_, value) in seen_by_system(mapping)?.iter().flatten().filter(|(line, _)| line == name) {
            sum += value.trim_end_matches(" kB").parse::<usize>()? * 1024;
        }
        Ok(sum)
    }

    /// How many pieces of `mapping` have `flag`, and how many there are.
    #[cfg(target_os = "linux")]
    pub fn flagged(mapping: &Mapping, flag: &str) -> Outcome<(usize, usize)> {
        let pieces = seen_by_system(mapping)?;
        let flags = pieces.iter().flatten().filter(|(line, _)| line == "VmFlags");
        Ok((flags.filter(|(_, value)| value.split(' ').any(|word| word == flag)).count(), pieces.len()))
    }

    /// `pages` pages between two guards.
    #[cfg(target_os = "linux")]
    fn island(pages: usize) -> io::Result<(Mapping, Range<usize>)> {
        let page = page_size();
        let mut mapping = Mapping::reserve((pages + 2) * page)?;
        mapping.guard(0..page)?;
        mapping.guard((pages + 1) * page..(pages + 2) * page)?;
        Ok((mapping, page..(pages + 1) * page))
    }

    #[test]
    fn reserved_memory_is_whole_pages_of_zeros() -> Outcome {
        let page = page_size();
        for (bytes, pages) in [(0, 1), (1, 1), (page, 1), (page + 1, 2)] {
            let mapping = Mapping::reserve(bytes)?;
            assert_eq!(mapping.len(), pages * page);
            assert_eq!(mapping.first_other(0..mapping.len(), 0), None);
            assert_eq!(mapping.address(0).addr() % page, 0);
            assert_eq!(mapping.address(usize::MAX).addr() - mapping.address(0).addr(), mapping.len());
        }
        assert!(Mapping::reserve(usize::MAX / 4).is_err());
        for bytes in [usize::MAX, usize::MAX / 2] {
            let refused = Mapping::reserve(bytes).map(|mapping| mapping.len());
            assert_eq!(refused.map_err(|error| error.kind()), Err(io::ErrorKind::OutOfMemory), "{bytes}");
        }
        Ok(())
    }

    #[test]
    fn the_first_other_byte_is_found_wherever_it_is() -> Outcome {
        let mapping = Mapping::reserve(1)?;
        mapping.fill(0..mapping.len(), 0xdb);
        for start in 0..17 {
            for len in 0..150 {
                assert_eq!(mapping.first_other(start..start + len, 0xdb), None);
                for at in (0..len).rev() {
                    // More and more of them: the first counts.
                    poke(mapping.address(start + at), 0xda);
                    assert_eq!(mapping.first_other(start..start + len, 0xdb), Some(at), "{start} {len}");
                }
                assert_eq!(mapping.first_other(start..start + len, 0xda), None);
                mapping.fill(start..start + len, 0xdb);
            }
        }
        Ok(())
    }

    #[test]
    fn what_is_filled_zeroed_and_wiped_is_exactly_the_range() -> Outcome {
        let mapping = Mapping::reserve(1)?;
        let all = 0..mapping.len();
        for range in [0..1, 5..5, 7..30, 8..64, 100..mapping.len()] {
            let outside =
                |byte| (mapping.first_other(0..range.start, byte), mapping.first_other(range.end..all.end, byte));
            mapping.fill(all.clone(), 1);
            mapping.wipe(range.clone());
            assert_eq!((mapping.first_other(range.clone(), 0), outside(1)), (None, (None, None)));
            mapping.fill(range.clone(), 2);
            assert_eq!((mapping.first_other(range.clone(), 2), outside(1)), (None, (None, None)));
            mapping.zero(range.clone());
            assert_eq!((mapping.first_other(range.clone(), 0), outside(1)), (None, (None, None)));
        }
        Ok(())
    }

    #[test]
    fn ranges_are_cut_to_the_mapping() -> Outcome {
        let mapping = Mapping::reserve(1)?;
        let len = mapping.len();
        mapping.fill(len - 3..usize::MAX, 9);
        mapping.fill(len..len + 9, 9);
        mapping.fill(usize::MAX - 1..usize::MAX, 9);
        // A range that runs backwards is empty.
        mapping.fill(Range { start: 9, end: 3 }, 9);
        assert_eq!(mapping.first_other(0..usize::MAX, 0), Some(len - 3));
        assert_eq!(mapping.first_other(len..usize::MAX, 0), None);
        for (offset, room) in [(len - 2, true), (len - 1, false), (len, false), (usize::MAX, false)] {
            assert_eq!((mapping.write(offset, &[5, 6]), mapping.matches(offset, &[5, 6])), (room, room), "{offset}");
        }
        assert!(mapping.matches(len - 3, &[9, 5, 6]) && !mapping.matches(len - 3, &[9, 5, 7]));
        assert!(mapping.write(len, &[]) && mapping.matches(len, &[]) && !mapping.write(len + 1, &[]));
        assert!(mapping.purge(len..usize::MAX) && mapping.purge(1..len));
        assert!(!mapping.lock(0..len + 1) && !mapping.lock(0..0) && !mapping.unlock(0..len + 1));
        Ok(())
    }

    #[test]
    fn guards_are_left_out() -> Outcome {
        let page = page_size();
        let mut mapping = Mapping::reserve(6 * page)?;
        mapping.guard(3 * page..4 * page)?;
        mapping.guard(page..2 * page)?;
        mapping.guard(4 * page..4 * page)?;
        for bad in [0..1, 1..page, page..2 * page, 0..2 * page, 3 * page..6 * page, 5 * page..7 * page] {
            assert_eq!(
                mapping.guard(bad.clone()).map_err(|error| error.kind()),
                Err(io::ErrorKind::InvalidInput),
                "{bad:?}"
            );
        }
        assert_eq!(mapping.guarded(), 2 * page);
        mapping.fill(1..6 * page - 1, 7);
        for (range, other) in [
            (1..page, None),
            (1..6 * page - 1, None),
            (page..2 * page, None),
            (page + 1..3 * page, None),
            (2 * page..3 * page, None),
            (1..usize::MAX, Some(6 * page - 2)),
        ] {
            assert_eq!(mapping.first_other(range.clone(), 7), other, "{range:?}");
        }
        poke(mapping.address(5 * page), 1);
        assert_eq!(mapping.first_other(1..usize::MAX, 7), Some(5 * page - 1));
        for (offset, room) in
            [(page - 2, true), (page - 1, false), (page, false), (2 * page - 1, false), (2 * page, true)]
        {
            assert_eq!((mapping.write(offset, b"ab"), mapping.matches(offset, b"ab")), (room, room), "{offset}");
        }
        assert!(!mapping.lock(0..6 * page) && !mapping.lock(page..2 * page));
        mapping.wipe(0..usize::MAX);
        assert_eq!(mapping.first_other(0..usize::MAX, 0), None);
        Ok(())
    }

    #[test]
    fn a_touch_of_a_guard_ends_the_process() -> Outcome {
        let page = page_size();
        if child_case().is_some() {
            let mut mapping = Mapping::reserve(3 * page)?;
            mapping.guard(page..2 * page)?;
            poke(mapping.address(page - 1), 1);
            poke(mapping.address(2 * page), 1);
            println!("beside it: {}", touch(mapping.address(page - 1)) + touch(mapping.address(2 * page)));
            println!("survived: {}", touch(mapping.address(page + page / 2)));
            return Ok(());
        }
        let output = in_child("core::pool::memory::tests::a_touch_of_a_guard_ends_the_process", "")?;
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.contains("beside it: 2") && !said.contains("survived") && faulted(&output), "{output:?}");
        Ok(())
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn purged_pages_read_zero_and_cost_nothing() -> Outcome {
        let page = page_size();
        let (mapping, all) = island(64)?;
        assert_eq!(bytes_seen(&mapping, "Rss")?, 0);
        mapping.fill(all.clone(), 7);
        assert_eq!(bytes_seen(&mapping, "Rss")?, 64 * page);
        // Two pages are covered in part, and stay. Nothing is whole within the second range.
        assert!(mapping.purge(all.start + 1..all.end - 1));
        assert!(mapping.purge(all.start + 1..all.start + page));
        assert_eq!(bytes_seen(&mapping, "Rss")?, 2 * page);
        assert_eq!(mapping.first_other(all.start..all.start + page, 7), None);
        assert_eq!(mapping.first_other(all.end - page..all.end, 7), None);
        assert_eq!(mapping.first_other(all.start + page..all.end - page, 0), None);
        assert!(mapping.purge(0..usize::MAX));
        assert_eq!(mapping.first_other(all.clone(), 0), None);
        mapping.fill(all.clone(), 8);
        assert_eq!(mapping.first_other(all, 8), None);
        Ok(())
    }

    #[test]
    #[cfg(not(target_os = "linux"))]
    fn purged_pages_read_zero_or_are_refused() -> Outcome {
        let mapping = Mapping::reserve(4 * page_size())?;
        mapping.fill(0..mapping.len(), 7);
        let byte = if mapping.purge(0..mapping.len()) { 0 } else { 7 };
        assert_eq!(mapping.first_other(0..mapping.len(), byte), None);
        Ok(())
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn locked_pages_are_locked_and_not_purged() -> Outcome {
        // Alone: tests of the same process share what it may lock.
        if child_case().is_none() {
            let output = in_child("core::pool::memory::tests::locked_pages_are_locked_and_not_purged", "")?;
            assert!(output.status.success(), "{output:?}");
            return Ok(());
        }
        let page = page_size();
        let (mapping, all) = island(4)?;
        mapping.fill(all.clone(), 7);
        // The least limit of unprivileged processes that is usual is 64 KiB.
        assert!(mapping.lock(all.start..all.start + 2 * page), "{}", io::Error::last_os_error());
        assert_eq!(bytes_seen(&mapping, "Locked")?, 2 * page);
        assert!(!mapping.purge(all.start..all.start + page));
        assert_eq!(mapping.first_other(all.clone(), 7), None);
        assert!(mapping.unlock(all.start..all.start + 2 * page));
        assert_eq!(bytes_seen(&mapping, "Locked")?, 0);
        assert!(mapping.purge(all));
        Ok(())
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_lock_that_the_system_refuses_is_told() -> Outcome {
        if child_case().is_some() {
            let (mapping, all) = island(2)?;
            refuse_locks();
            let locked = mapping.lock(all.clone());
            mapping.fill(all.clone(), 3);
            println!("locked {locked} {} {:?}", bytes_seen(&mapping, "Locked")?, mapping.first_other(all, 3));
            return Ok(());
        }
        let output = in_child("core::pool::memory::tests::a_lock_that_the_system_refuses_is_told", "")?;
        assert!(String::from_utf8_lossy(&output.stdout).contains("locked false 0 None"), "{output:?}");
        Ok(())
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn pages_are_kept_out_of_dumps_and_from_children() -> Outcome {
        let (mapping, all) = island(2)?;
        assert_eq!((flagged(&mapping, "dd")?, flagged(&mapping, "wf")?), ((0, 1), (0, 1)));
        assert!(mapping.keep_out_of_dumps(0..usize::MAX) && mapping.keep_from_children(0..usize::MAX));
        assert_eq!((flagged(&mapping, "dd")?, flagged(&mapping, "wf")?), ((1, 1), (1, 1)));
        mapping.fill(all.clone(), 7);
        // SAFETY: the child calls nothing but `first_other`, which takes no lock and no memory, and `_exit`.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let code = i32::from(mapping.first_other(all, 0).is_some());
            // SAFETY: ends the process.
            unsafe { libc::_exit(code) };
        }
        assert!(child > 0, "{}", io::Error::last_os_error());
        let mut status = -1;
        // SAFETY: a child of ours, and room for its status.
        assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
        assert_eq!(status, 0, "the child saw the bytes");
        assert_eq!(mapping.first_other(all, 7), None);
        Ok(())
    }
}
