//! Chunks for secrets, each alone on its pages between two guard pages.
//!
//! ```text
//!   guard │ zeros, canary │ data │ canary │ guard │ zeros, canary │ data │ canary │ guard
//! ```
//!
//! The data ends at the end of its pages, but for what aligns it to 16 bytes. So whoever runs over the end ends the process at
//! once, or changes one of the few bytes of the canary behind; whoever runs under the start changes the canary before, or
//! touches the guard if the data fills its pages. The canary is random, the same for a whole process.
//!
//! The pages are locked in memory, left out of core dumps, and read zero in forked processes, where the system does it, and
//! [`SecureRun`] says whether it did. They are wiped on command, when a run is dropped, and when the process exits. A process
//! that is killed, or calls `_exit` or `abort`, wipes nothing.
//!
//! Memory is not unmapped, as that of the depot: somebody may still write to a chunk that he no longer has. A run that is
//! dropped leaves its address space, guards and all, to a later run of the same shape.

use std::array;
use std::hash::BuildHasher;
use std::io;
use std::ops::Range;
use std::ptr;
use std::sync::atomic::{
    AtomicBool,
    Ordering::{Acquire, Release},
};

use once_cell::{race::OnceRef, sync::Lazy};

use super::memory::{Mapping, call_at_exit, page_size};

/// Chunks are aligned to so many bytes, and the canary has as many.
const ALIGN: usize = 16;

/// Of the system's random numbers.
static CANARY: Lazy<[u8; ALIGN]> = Lazy::new(|| {
    let state = std::hash::RandomState::new();
    array::from_fn(|at| state.hash_one(at).to_ne_bytes()[0])
});

/// The exit of the process may come while another thread is anywhere, or is gone. So the list takes no lock: it only grows,
/// and what is in it lives forever.
static ARENAS: OnceRef<'static, Arena> = OnceRef::new();

static WIPED_AT_EXIT: Lazy<bool> = Lazy::new(|| {
    extern "C" fn at_exit() {
        wipe_all();
    }
    call_at_exit(at_exit)
});

/// Wipes all chunks of all runs, canaries with them: for the end of the process. Neither blocks nor panics.
pub fn wipe_all() {
    arenas().filter(|arena| arena.used.load(Acquire)).for_each(Arena::wipe);
}

/// Address space for a run, kept forever.
#[derive(Debug)]
struct Arena {
    mapping: Mapping,
    shape: Shape,
    /// Whether a run has it. Set before anybody gets to know an address in it.
    used: AtomicBool,
    dumps: bool,
    children: bool,
    next: OnceRef<'static, Arena>,
}

/// Where the pages of chunks are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shape {
    /// Bytes of the pages of a chunk, without guards.
    room: usize,
    count: usize,
}

impl Shape {
    fn new(chunk_size: usize, count: usize) -> io::Result<Self> {
        if chunk_size == 0 || count == 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a secure run takes at least a chunk of a byte"));
        }
        let room = chunk_size.checked_next_multiple_of(page_size()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { room, count })
    }

    fn bytes(self) -> Option<usize> {
        let stride = self.room.checked_add(page_size())?;
        stride.checked_mul(self.count)?.checked_add(page_size())
    }

    /// The pages of chunk `index`; the guard before the first if there is no such chunk.
    fn pages(self, index: usize) -> Range<usize> {
        if index >= self.count {
            return 0..0;
        }
        let start = page_size() + index * (self.room + page_size());
        start..start + self.room
    }

    /// The page before chunk `index`; that behind the last for their count.
    fn guard(self, index: usize) -> Range<usize> {
        let start = index * (self.room + page_size());
        start..start + page_size()
    }
}

impl Arena {
    fn take(shape: Shape) -> io::Result<&'static Self> {
        let free = |arena: &&Self| arena.shape == shape && !arena.used.swap(true, Acquire);
        arenas().find(free).map_or_else(|| Self::make(shape), Ok)
    }

    fn make(shape: Shape) -> io::Result<&'static Self> {
        let mut mapping = Mapping::reserve(shape.bytes().ok_or(io::ErrorKind::OutOfMemory)?)?;
        let whole = 0..mapping.len();
        let dumps = mapping.keep_out_of_dumps(whole.clone());
        let children = mapping.keep_from_children(whole);
        (0..=shape.count).try_for_each(|index| mapping.guard(shape.guard(index)))?;
        let arena = Self { mapping, shape, used: AtomicBool::new(true), dumps, children, next: OnceRef::new() };
        let arena: &'static Self = Box::leak(Box::new(arena));
        let mut link = &ARENAS;
        loop {
            let there = link.get_or_init(|| arena);
            if ptr::eq(there, arena) {
                return Ok(arena);
            }
            link = &there.next;
        }
    }

    fn wipe(&self) {
        self.mapping.wipe(0..self.mapping.len());
    }
}

fn arenas() -> impl Iterator<Item = &'static Arena> {
    std::iter::successors(ARENAS.get(), |arena| arena.next.get())
}

/// Chunks of one size for secrets. They are all zero at first, and after [`SecureRun::wipe`].
#[derive(Debug)]
pub struct SecureRun {
    arena: &'static Arena,
    chunk_size: usize,
    /// Chunks that are locked, the first ones.
    locked: usize,
}

impl SecureRun {
    /// Makes `count` chunks of `chunk_size` bytes. Each takes whole pages and a guard page. That pages can't be locked, or left
    /// out of dumps, is no error: it is told.
    ///
    /// # Errors
    /// There is not a chunk, or a chunk has no byte; the operating system refuses the address space or the guards. It refuses
    /// guards when a process has too many mappings (Linux: `vm.max_map_count`, 65530 by default); a chunk takes two.
    pub fn new(chunk_size: usize, count: usize) -> io::Result<Self> {
        let arena = Arena::take(Shape::new(chunk_size, count)?)?;
        let _ = *WIPED_AT_EXIT;
        let mut run = Self { arena, chunk_size, locked: 0 };
        run.locked = (0..count).take_while(|&index| arena.mapping.lock(arena.shape.pages(index))).count();
        // Somebody may have written to it between two runs.
        arena.wipe();
        (0..count).for_each(|index| run.write_canaries(index));
        Ok(run)
    }

    /// Bytes of a chunk.
    pub fn chunk_size(&self) -> usize {
        self.chunk_size
    }

    /// How many chunks there are.
    pub fn count(&self) -> usize {
        self.arena.shape.count
    }

    /// The memory that the chunks are in, guards among it. Not to be purged: that would take the canaries.
    pub fn mapping(&self) -> &Mapping {
        &self.arena.mapping
    }

    /// The bytes of chunk `index` within [`SecureRun::mapping`]. None if there is no such chunk: an empty range at a guard page.
    pub fn range(&self, index: usize) -> Range<usize> {
        let pages = self.arena.shape.pages(index);
        if pages.is_empty() {
            return pages;
        }
        let start = pages.end - self.chunk_size.next_multiple_of(ALIGN);
        start..start + self.chunk_size
    }

    /// Where chunk `index` is; a guard page if there is no such chunk. Aligned to 16 bytes.
    pub fn address(&self, index: usize) -> *mut u8 {
        self.arena.mapping.address(self.range(index).start)
    }

    /// Whether nobody wrote before or behind chunk `index`, on its pages.
    pub fn intact(&self, index: usize) -> bool {
        let (Range { start, end }, pages) = (self.range(index), self.arena.shape.pages(index));
        let before = start.saturating_sub(ALIGN).max(pages.start);
        let mapping = self.mapping();
        mapping.matches(before, &CANARY[..start - before])
            && mapping.matches(end, &CANARY[..pages.end - end])
            && mapping.first_other(pages.start..before, 0).is_none()
    }

    /// Wipes chunk `index`. Says whether the canaries around it were whole; if they were not, all of its pages are wiped, and
    /// the canaries are whole again. False if there is no such chunk.
    pub fn wipe(&self, index: usize) -> bool {
        if index >= self.count() {
            return false;
        }
        let intact = self.intact(index);
        if intact {
            self.mapping().wipe(self.range(index));
        } else {
            self.mapping().wipe(self.arena.shape.pages(index));
            self.write_canaries(index);
        }
        intact
    }

    /// Bytes that are locked in memory: all [`SecureRun::committed_bytes`], or fewer, or none.
    pub fn locked_bytes(&self) -> usize {
        self.locked * self.arena.shape.room
    }

    /// Bytes that cost memory: the pages of all chunks, without guards.
    pub fn committed_bytes(&self) -> usize {
        self.count() * self.arena.shape.room
    }

    /// Bytes of address space, guard pages among them.
    pub fn mapped_bytes(&self) -> usize {
        self.mapping().len()
    }

    /// Whether there is a guard page before and behind each chunk.
    pub fn guarded(&self) -> bool {
        self.mapping().guarded() == (self.count() + 1) * page_size()
    }

    /// Whether the chunks are left out of core dumps.
    pub fn kept_out_of_dumps(&self) -> bool {
        self.arena.dumps
    }

    /// Whether the chunks read zero in forked processes.
    pub fn kept_from_children(&self) -> bool {
        self.arena.children
    }

    /// Whether the chunks are wiped when the process exits.
    pub fn wiped_at_exit(&self) -> bool {
        *WIPED_AT_EXIT
    }

    fn write_canaries(&self, index: usize) {
        let (Range { start, end }, pages) = (self.range(index), self.arena.shape.pages(index));
        let before = start.saturating_sub(ALIGN).max(pages.start);
        self.mapping().write(before, &CANARY[..start - before]);
        self.mapping().write(end, &CANARY[..pages.end - end]);
    }
}

impl Drop for SecureRun {
    fn drop(&mut self) {
        let Arena { mapping, shape, used, .. } = self.arena;
        self.arena.wipe();
        for index in 0..shape.count {
            // Locked pages are not given back.
            if index < self.locked {
                mapping.unlock(shape.pages(index));
            }
        }
        mapping.purge(0..mapping.len());
        used.store(false, Release);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::memory::tests::{Outcome, child_case, faulted, in_child, poke, touch};
    use super::*;

    /// Bytes of chunks, around those that fill pages.
    fn sizes() -> [usize; 9] {
        let page = page_size();
        [1, 15, 16, 17, 1000, page - 1, page, page + 1, 3 * page]
    }

    #[test]
    fn chunks_are_apart_zero_and_right_before_a_guard() -> Outcome {
        let page = page_size();
        for size in sizes() {
            let run = SecureRun::new(size, 3)?;
            let room = size.next_multiple_of(page);
            assert_eq!((run.chunk_size(), run.count(), run.guarded()), (size, 3, true));
            assert_eq!((run.committed_bytes(), run.mapped_bytes()), (3 * room, 3 * room + 4 * page));
            assert_eq!(run.mapping().guarded(), 4 * page);
            for index in 0..3 {
                let range = run.range(index);
                assert_eq!((range.len(), run.address(index)), (size, run.mapping().address(range.start)));
                assert!(run.address(index).addr().is_multiple_of(ALIGN));
                let guard = (index + 1) * (room + page);
                assert!(guard - range.end < ALIGN, "{size}: {range:?} before {guard}");
                assert_eq!(run.mapping().first_other(range, 0), None);
                assert!(run.intact(index));
            }
        }
        Ok(())
    }

    #[test]
    fn a_byte_changed_before_or_behind_is_found() -> Outcome {
        let page = page_size();
        for size in sizes() {
            let run = SecureRun::new(size, 3)?;
            let (pages, range) = (run.arena.shape.pages(1), run.range(1));
            for at in (pages.start..range.start).chain(range.end..pages.end) {
                // Far from the chunk, one of some.
                if range.start.saturating_sub(at) > 2 * ALIGN && at % 97 != 0 {
                    continue;
                }
                let address = run.mapping().address(at);
                poke(address, !touch(address));
                run.mapping().fill(range.clone(), 7);
                assert!(!run.intact(1) && run.intact(0) && run.intact(2), "{size}: {at}");
                assert!(!run.wipe(1), "{size}: {at}");
                assert!(run.intact(1) && run.wipe(1), "{size}: {at}");
                assert_eq!(run.mapping().first_other(range.clone(), 0), None);
            }
            // A chunk that fills its pages has guards on both sides instead.
            assert_eq!(pages == range, size.is_multiple_of(page));
        }
        Ok(())
    }

    #[test]
    fn a_canary_is_not_of_one_byte() {
        assert!(CANARY.iter().collect::<HashSet<_>>().len() > 4, "{:?}", *CANARY);
    }

    #[test]
    fn a_wipe_leaves_zeros_and_the_neighbours() -> Outcome {
        for size in sizes() {
            let run = SecureRun::new(size, 3)?;
            (0..3).for_each(|index| run.mapping().fill(run.range(index), 7));
            assert!(run.wipe(1));
            let other = |index, byte| run.mapping().first_other(run.range(index), byte);
            assert_eq!([other(0, 7), other(1, 0), other(2, 7)], [None; 3]);
            assert!((0..3).all(|index| run.intact(index)));
        }
        Ok(())
    }

    #[test]
    fn there_is_no_chunk_behind_the_last() -> Outcome {
        let run = SecureRun::new(100, 2)?;
        assert_eq!((run.range(2), run.range(usize::MAX)), (0..0, 0..0));
        assert_eq!(run.address(2), run.mapping().address(0));
        assert!(!run.wipe(2) && !run.wipe(usize::MAX));
        for (size, count) in [(0, 1), (1, 0)] {
            let kind = SecureRun::new(size, count).map_err(|error| error.kind());
            assert!(matches!(kind, Err(io::ErrorKind::InvalidInput)), "{kind:?}");
        }
        for (size, count) in [(usize::MAX, 1), (1, usize::MAX), (usize::MAX / 2, 2), (usize::MAX - 4 * page_size(), 1)]
        {
            let kind = SecureRun::new(size, count).map_err(|error| error.kind());
            assert!(matches!(kind, Err(io::ErrorKind::OutOfMemory)), "{kind:?}");
        }
        Ok(())
    }

    #[test]
    fn a_run_too_far_ends_the_process() -> Outcome {
        let page = page_size();
        let cases = [
            ("behind", 64, 64_isize),
            ("behind, not aligned", 61, 64),
            ("before", 64, 64 - page.cast_signed() - 1),
            ("behind a page", page, page.cast_signed()),
            ("before a page", page, -1),
            ("no such chunk", 64, 0),
        ];
        if let Some(case) = child_case() {
            for (_, size, offset) in cases.into_iter().filter(|(name, ..)| *name == case) {
                let run = SecureRun::new(size, 2)?;
                for index in if case == "no such chunk" { 2..3 } else { 0..2 } {
                    // Where it is allowed, last.
                    let inside =
                        if offset < 0 { run.address(index) } else { run.address(index).wrapping_add(size - 1) };
                    if index < 2 {
                        poke(inside, 1);
                    }
                    println!("inside {index}");
                    if index == 1 || case == "no such chunk" {
                        println!("survived {}", touch(run.address(index).wrapping_offset(offset)));
                    }
                }
            }
            return Ok(());
        }
        for (case, ..) in cases {
            let output = in_child("core::pool::secure::tests::a_run_too_far_ends_the_process", case)?;
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(said.contains("inside") && !said.contains("survived") && faulted(&output), "{case}: {output:?}");
        }
        Ok(())
    }

    // A count that no other test has: arenas are shared by shape.
    #[test]
    fn a_dropped_run_is_wiped_and_its_place_used_again() -> Outcome {
        let (size, count) = (100, 37);
        let run = SecureRun::new(size, count)?;
        let arena = run.arena;
        (0..count).for_each(|index| run.mapping().fill(run.range(index), 7));
        drop(run);
        assert!(!arena.used.load(Acquire));
        assert_eq!(arena.mapping.first_other(0..arena.mapping.len(), 0), None);
        #[cfg(target_os = "linux")]
        assert_eq!(super::super::memory::tests::bytes_seen(&arena.mapping, "Locked")?, 0);
        // By somebody who does not know, or care.
        arena.mapping.fill(0..arena.mapping.len(), 9);
        // Another size, on as many pages.
        let (run, more) = (SecureRun::new(size + 1, count)?, SecureRun::new(size + 1, count)?);
        assert!(ptr::eq(run.arena, arena) && !ptr::eq(more.arena, arena));
        for index in 0..count {
            assert_eq!(run.mapping().first_other(run.range(index), 0), None);
            assert!(run.intact(index));
        }
        Ok(())
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_is_dropped_costs_nothing() -> Outcome {
        use super::super::memory::tests::bytes_seen;
        let run = SecureRun::new(4 * page_size(), 5)?;
        let arena = run.arena;
        (0..5).for_each(|index| run.mapping().fill(run.range(index), 7));
        assert_eq!(bytes_seen(&arena.mapping, "Rss")?, run.committed_bytes());
        drop(run);
        assert_eq!(bytes_seen(&arena.mapping, "Rss")?, 0);
        Ok(())
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_system_agrees_on_what_is_locked_and_left_out() -> Outcome {
        use super::super::memory::tests::{bytes_seen, flagged};
        // Alone: tests of the same process share what it may lock.
        if child_case().is_none() {
            let output = in_child("core::pool::secure::tests::the_system_agrees_on_what_is_locked_and_left_out", "")?;
            assert!(output.status.success(), "{output:?}");
            return Ok(());
        }
        let run = SecureRun::new(100, 4)?;
        assert_eq!(run.locked_bytes(), run.committed_bytes());
        assert_eq!(bytes_seen(run.mapping(), "Locked")?, run.locked_bytes());
        assert_eq!(flagged(run.mapping(), "dd")?, (4, 4));
        assert_eq!(flagged(run.mapping(), "wf")?, (4, 4));
        assert!(run.kept_out_of_dumps() && run.kept_from_children() && run.wiped_at_exit());
        Ok(())
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_run_that_may_not_lock_says_so_and_works() -> Outcome {
        use super::super::memory::tests::{bytes_seen, refuse_locks};
        if child_case().is_some() {
            refuse_locks();
            let run = SecureRun::new(100, 4)?;
            run.mapping().fill(run.range(3), 7);
            let wiped = (run.wipe(3), run.mapping().first_other(run.range(3), 0));
            println!("locked {} {} {wiped:?}", run.locked_bytes(), bytes_seen(run.mapping(), "Locked")?);
            drop(run);
            println!("again {}", SecureRun::new(100, 4)?.locked_bytes());
            return Ok(());
        }
        let output = in_child("core::pool::secure::tests::a_run_that_may_not_lock_says_so_and_works", "")?;
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.contains("locked 0 0 (true, None)") && said.contains("again 0"), "{output:?}");
        Ok(())
    }
}
