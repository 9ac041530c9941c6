//! The depot: address space for all pools of the process.
//!
//! It is made of *slabs*, mappings of 4 MiB, and hands out *runs* of pages, the first that is long enough. What is larger than
//! half a slab gets a slab of its own. A run that is dropped is free again and joins its neighbours. Nothing is ever unmapped,
//! since somebody may still write to a run that he no longer has.
//!
//! Each run, and each slab for what is free, knows which of its pages may have been written since the operating system gave
//! them: only those cost memory, and need to be zeroed. Written pages that are free are given back to the operating system when
//! there is a mebibyte of them, neighbours in one call, so that many small runs do not cost a call each; and on a thread of its
//! own, since it takes some 300 µs a mebibyte.

use std::io;
use std::ops::Range;

use once_cell::sync::Lazy;

use super::bits::Bits;
use super::memory::{Mapping, page_size};
use crate::core::offheap::sweeper;
use crate::core::sync::{Arc, Mutex, lock};

/// Bytes of a slab.
pub const SLAB: usize = 4 << 20;
/// Runs of more bytes get a slab of their own.
pub const LARGEST_SHARED: usize = SLAB / 2;
/// Bytes of written, free pages after which a thread is asked to give them back to the operating system.
pub const DIRTY_MOST: usize = 1 << 20;

static SHARED: Lazy<Arc<Depot>> = Lazy::new(Depot::new);

/// Bytes of a page of the depot: 4 KiB, or a page of the operating system where that is larger.
pub fn unit() -> usize {
    page_size().max(4096)
}

/// Where all memory of pools comes from.
#[derive(Debug)]
pub struct Depot {
    slabs: Mutex<Slabs>,
}

/// What a depot has, in bytes where nothing else is said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// How many mappings there are.
    pub slabs: usize,
    /// Address space of all slabs.
    pub mapped: usize,
    /// How many runs are out.
    pub runs: usize,
    /// Address space in runs.
    pub run_bytes: usize,
    /// Free pages that were written, and not yet given back to the operating system.
    pub dirty: usize,
    /// How many of the runs will never come back.
    pub stranded: usize,
    /// Address space of those.
    pub stranded_bytes: usize,
}

#[derive(Debug, Default)]
struct Slabs {
    list: Vec<Slab>,
    /// No shared slab before this has a free page.
    open: usize,
    /// Kept up to date, in bytes as shown.
    stats: Stats,
    /// Of the dirty bytes, those that are being given back: used pages.
    leaving: usize,
    /// At so many dirty bytes the next attempt is made to give them back.
    purge_at: usize,
    /// Whether the thread has been asked to.
    called: bool,
}

#[derive(Debug)]
struct Slab {
    mapping: Arc<Mapping>,
    /// Pages in runs, or about to be purged.
    used: Bits,
    /// Free pages that were written.
    dirty: Bits,
    /// Pages that are not used.
    free: usize,
    /// For one run at a time.
    whole: bool,
}

/// Pages of a slab.
struct Piece {
    slab: usize,
    pages: Range<usize>,
}

impl Depot {
    /// An empty depot. Pools of one process share [`Depot::shared`]; one of its own is for tests.
    pub fn new() -> Arc<Self> {
        let slabs = Slabs { purge_at: DIRTY_MOST, ..Slabs::default() };
        Arc::new(Self { slabs: Mutex::new(slabs) })
    }

    /// The depot of the process.
    pub fn shared() -> Arc<Self> {
        Arc::clone(&SHARED)
    }

    /// A run of at least `bytes` bytes, in whole pages of [`unit()`].
    ///
    /// # Errors
    /// The operating system refuses the address space.
    pub fn run(self: &Arc<Self>, bytes: usize) -> io::Result<Run> {
        let pages = bytes.div_ceil(unit()).max(1);
        let found = lock(&self.slabs).take(pages);
        let (piece, mapping, written) = match found {
            Some(found) => found,
            None => {
                let whole = pages * unit() > LARGEST_SHARED;
                let mapping = Mapping::reserve(if whole { pages * unit() } else { SLAB })?;
                lock(&self.slabs).add(Slab::new(mapping, whole), pages)
            }
        };
        Ok(Run { depot: Arc::clone(self), mapping, slab: piece.slab, first: piece.pages.start, written })
    }

    /// Gives all free pages that were written back to the operating system, but for those that the thread is at. How many bytes
    /// it took.
    pub fn purge(&self) -> usize {
        let pieces = lock(&self.slabs).take_dirty();
        // Outside of the lock: meanwhile the pages are used, as far as others can see.
        let (mut purged, mut refused) = (0, 0);
        for (piece, mapping) in pieces {
            let len = piece.pages.len() * unit();
            let at = piece.pages.start * unit();
            let done = mapping.purge(at..at + len);
            *(if done { &mut purged } else { &mut refused }) += len;
            lock(&self.slabs).left(piece, done);
        }
        lock(&self.slabs).purge_at = refused + DIRTY_MOST;
        purged
    }

    /// What it has.
    pub fn stats(&self) -> Stats {
        lock(&self.slabs).stats
    }

    /// Compares what is kept with what can be counted. For tests.
    ///
    /// # Errors
    /// What does not fit together.
    pub fn validate(&self) -> Result<(), String> {
        lock(&self.slabs).validate()
    }

    fn put_back(&self, run: &Run) {
        let mut slabs = lock(&self.slabs);
        slabs.stats.runs -= 1;
        slabs.stats.run_bytes -= run.len();
        for pages in run.written.ranges() {
            slabs.soil(run.slab, run.first + pages.start..run.first + pages.end);
        }
        slabs.free(Piece { slab: run.slab, pages: run.first..run.first + run.written.len() });
        let enough = !slabs.called && slabs.stats.dirty - slabs.leaving >= slabs.purge_at;
        slabs.called |= enough;
        drop(slabs);
        if enough {
            sweeper::bury(Box::new(Purge(Arc::clone(&run.depot))));
        }
    }
}

/// What the thread is given: it purges the depot when it is dropped.
struct Purge(Arc<Depot>);

impl Drop for Purge {
    fn drop(&mut self) {
        lock(&self.0.slabs).called = false;
        self.0.purge();
    }
}

impl Slab {
    fn new(mapping: Mapping, whole: bool) -> Self {
        let pages = mapping.len() / unit();
        Self { mapping: Arc::new(mapping), used: Bits::new(pages), dirty: Bits::new(pages), free: pages, whole }
    }

    /// Where `pages` pages are free, if it is for such a run.
    fn room(&self, pages: usize) -> Option<usize> {
        if self.whole != (pages * unit() > LARGEST_SHARED) || self.free < pages {
            return None;
        }
        if self.whole { self.used.is_empty().then_some(0) } else { self.used.gap(pages) }
    }
}

/// Pages that are out now, their slab's memory, and which of them were written.
type Taken = (Piece, Arc<Mapping>, Bits);

impl Slabs {
    fn take(&mut self, pages: usize) -> Option<Taken> {
        while self.list.get(self.open).is_some_and(|slab| slab.whole || slab.free == 0) {
            self.open += 1;
        }
        if pages * unit() > LARGEST_SHARED {
            // The smallest that is large enough, so that there are never more slabs of a size than runs at a time.
            let fitting = self.list.iter().enumerate().filter(|(_, slab)| slab.room(pages).is_some());
            let at = fitting.min_by_key(|(_, slab)| slab.used.len())?.0;
            return Some(self.claim(at, 0, pages));
        }
        let (slab, first) = (self.open..self.list.len()).find_map(|at| Some((at, self.list[at].room(pages)?)))?;
        Some(self.claim(slab, first, pages))
    }

    fn add(&mut self, slab: Slab, pages: usize) -> Taken {
        self.stats.slabs += 1;
        self.stats.mapped += slab.mapping.len();
        self.list.push(slab);
        self.claim(self.list.len() - 1, 0, pages)
    }

    fn claim(&mut self, at: usize, first: usize, pages: usize) -> Taken {
        let slab = &mut self.list[at];
        let range = first..first + pages;
        let mut written = Bits::new(pages);
        let mut page = first;
        while let Some(dirty) = slab.dirty.next(page).filter(|&dirty| dirty < range.end) {
            written.insert(dirty - first..dirty - first + 1);
            page = dirty + 1;
        }
        slab.free -= slab.used.insert(range.clone());
        self.stats.dirty -= slab.dirty.remove(range.clone()) * unit();
        self.stats.runs += 1;
        self.stats.run_bytes += pages * unit();
        (Piece { slab: at, pages: range }, Arc::clone(&slab.mapping), written)
    }

    fn free(&mut self, piece: Piece) {
        let slab = &mut self.list[piece.slab];
        slab.free += slab.used.remove(piece.pages);
        if !slab.whole {
            self.open = self.open.min(piece.slab);
        }
    }

    fn soil(&mut self, slab: usize, pages: Range<usize>) {
        self.stats.dirty += self.list[slab].dirty.insert(pages) * unit();
    }

    /// All dirty pages, which are used and clean from now on. For each, [`Slabs::left`] is to be called.
    fn take_dirty(&mut self) -> Vec<(Piece, Arc<Mapping>)> {
        let mut pieces = Vec::new();
        for (at, slab) in self.list.iter_mut().enumerate() {
            for pages in slab.dirty.ranges() {
                slab.free -= slab.used.insert(pages.clone());
                pieces.push((Piece { slab: at, pages }, Arc::clone(&slab.mapping)));
            }
            self.leaving += slab.dirty.remove(0..slab.dirty.len()) * unit();
        }
        pieces
    }

    fn left(&mut self, piece: Piece, done: bool) {
        let bytes = piece.pages.len() * unit();
        self.leaving -= bytes;
        self.stats.dirty -= bytes;
        if !done {
            self.soil(piece.slab, piece.pages.clone());
        }
        self.free(piece);
    }

    fn validate(&self) -> Result<(), String> {
        let (mut used, mut dirty, mut mapped) = (0, 0, 0);
        for (at, slab) in self.list.iter().enumerate() {
            if slab.used.count() + slab.free != slab.used.len() {
                return Err(format!("slab {at}: {} pages are free by count", slab.free));
            }
            if slab.used.ranges().any(|pages| slab.dirty.any(pages)) {
                return Err(format!("slab {at}: a page in a run is dirty"));
            }
            if at < self.open && !slab.whole && slab.free > 0 {
                return Err(format!("slab {at} has free pages and is not looked at"));
            }
            used += slab.used.count() * unit();
            dirty += slab.dirty.count() * unit();
            mapped += slab.mapping.len();
        }
        let (run_bytes, dirty) = (used - self.leaving, dirty + self.leaving);
        let counted = Stats { slabs: self.list.len(), mapped, run_bytes, dirty, ..self.stats };
        if counted == self.stats { Ok(()) } else { Err(format!("{:?}, but counted {counted:?}", self.stats)) }
    }
}

/// Pages that whoever has the run may use. Dropped, they are the depot's again.
#[derive(Debug)]
pub struct Run {
    depot: Arc<Depot>,
    mapping: Arc<Mapping>,
    slab: usize,
    /// Its first page in the slab.
    first: usize,
    /// Pages that may have been written. All others read zero.
    written: Bits,
}

impl Run {
    /// The memory it lies in.
    pub fn mapping(&self) -> &Arc<Mapping> {
        &self.mapping
    }

    /// Where in the mapping it starts, in bytes.
    pub fn offset(&self) -> usize {
        self.first * unit()
    }

    /// Bytes.
    #[expect(clippy::len_without_is_empty, reason = "there is no run without a page")]
    pub fn len(&self) -> usize {
        self.written.len() * unit()
    }

    /// Pages, counted from its start, that may have been written since the operating system gave them.
    pub fn written(&self) -> &Bits {
        &self.written
    }

    /// The pages that bytes `range` of it are in.
    pub fn pages_of(range: &Range<usize>) -> Range<usize> {
        range.start / unit()..range.end.div_ceil(unit())
    }

    /// Bytes `range` of it are about to be written. How many bytes of memory that may cost at most.
    pub fn write(&mut self, range: &Range<usize>) -> usize {
        self.written.insert(Self::pages_of(range)) * unit()
    }

    /// Gives written pages back to the operating system, all but those of `kept`, neighbours in one call. They read zero
    /// afterwards. How many bytes it took.
    pub fn purge(&mut self, kept: &Bits) -> usize {
        let mut unwanted = self.written.clone();
        for pages in kept.ranges() {
            unwanted.remove(pages);
        }
        let mut purged = 0;
        for pages in unwanted.ranges() {
            let at = self.offset() + pages.start * unit();
            if self.mapping.purge(at..at + pages.len() * unit()) {
                purged += self.written.remove(pages) * unit();
            }
        }
        purged
    }

    /// Gives the run up for good: somebody may use it as long as the process lives.
    pub fn strand(mut self) {
        let bytes = self.len();
        self.written = Bits::new(0);
        let mut slabs = lock(&self.depot.slabs);
        slabs.stats.stranded += 1;
        slabs.stats.stranded_bytes += bytes;
        drop(slabs);
        // With it go its shares in the mapping and in the depot, so that neither ends.
        std::mem::forget(self);
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.depot.put_back(self);
    }
}
