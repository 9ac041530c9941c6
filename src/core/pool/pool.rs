//! A pool: chunks of memory by size class, handed out and taken back, counted exactly.
//!
//! A chunk is handed out once and then recycled by JavaScript, which keeps the free lists, so nothing here is on a hot path.
//! It comes back when its ArrayBuffer is collected: after JavaScript has let go of it on purpose ([`Pool::retire`]), or because
//! somebody dropped it without releasing it, and then it is *lost* and counted. What is taken reads zero, whatever was in it.
//!
//! The lock is held for bookkeeping and for giving pages back, never while a chunk is filled.

use std::collections::BTreeSet;

use super::depot::{DIRTY_MOST, Depot};
use super::span::{MOST_CHUNKS, Place, Shape, Span, State};
use crate::core::sync::{Arc, Mutex, lock};

/// What a poisoned chunk is filled with.
pub const POISON: u8 = 0xdb;
/// The smallest chunk, in bytes.
pub const SMALLEST: usize = 16;
/// The largest chunk, in bytes.
pub const LARGEST: usize = 64 << 20;
/// Spans of a pool, at most: so that an id is of 32 bits.
const MOST_SPANS: usize = 1 << 20;

/// What a pool is made from.
#[derive(Debug, Clone)]
pub struct Config {
    /// Bytes of a page, from which spans are made: 4096 to 1 MiB.
    pub page: usize,
    /// Bytes of the chunks of each class: ascending, each from [`SMALLEST`] to [`LARGEST`].
    pub classes: Vec<usize>,
    /// The bytes that may be out, each chunk with the size of its class.
    pub max_bytes: u64,
    /// Whether memory is locked, guarded and wiped.
    pub secure: bool,
}

/// Why there is no chunk, or no pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It would be more than [`Config::max_bytes`].
    Full,
    /// The operating system has none, or the pool has a million spans.
    NoMemory,
    /// There is no such class; of a configuration: pages or classes are none that it takes.
    NoClass,
}

/// A chunk that is out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk {
    /// Its name, in this pool and until it is finished.
    pub id: u32,
    /// Where it is. It stays there.
    pub address: *mut u8,
    /// Bytes: the size of its class.
    pub len: usize,
}

/// What a pool has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Address space, in bytes, guard pages among it.
    pub mapped: usize,
    /// Bytes of memory that it costs at most: the pages that have been in a chunk since the operating system gave them.
    pub committed: usize,
    /// Bytes that are locked in memory.
    pub locked: usize,
    /// Whether each chunk lies between guard pages.
    pub guarded: bool,
    /// Whether the chunks are left out of core dumps.
    pub kept_out_of_dumps: bool,
    /// Bytes that are out, each chunk with the size of its class.
    pub out_bytes: u64,
    /// Of each class.
    pub classes: Vec<ClassStats>,
}

/// Chunks of a class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClassStats {
    /// Bytes of each.
    pub size: usize,
    /// How many have been taken, ever.
    pub made: u64,
    /// With JavaScript, in use or in its free list.
    pub out: u64,
    /// Let go of by JavaScript, and not collected yet.
    pub retired: u64,
    /// With nobody, in memory that the pool has.
    pub vacant: u64,
    /// How many were collected without having been let go of, ever.
    pub lost: u64,
    /// Never to be used again: somebody may have them.
    pub strays: u64,
}

/// A pool.
#[derive(Debug)]
pub struct Pool {
    depot: Arc<Depot>,
    shapes: Vec<Shape>,
    max_bytes: u64,
    secure: bool,
    state: Mutex<Spans>,
}

#[derive(Debug, Default)]
struct Spans {
    /// By slot, which is in the ids of its chunks.
    slots: Vec<Option<Span>>,
    /// Slots without a span.
    unused: Vec<u32>,
    /// By class, the slots of spans with a vacant chunk. The first is taken from, so that the others become vacant as a whole.
    open: Vec<BTreeSet<u32>>,
    classes: Vec<ClassStats>,
    out_bytes: u64,
    mapped: usize,
    committed: usize,
    /// Slots of spans in which a chunk was vacated whose memory shall be given back; and the bytes of such chunks since that
    /// was done last.
    due: BTreeSet<u32>,
    due_bytes: usize,
}

fn id_of(slot: u32, index: usize) -> u32 {
    slot * MOST_CHUNKS as u32 + index as u32
}

fn place_of(id: u32) -> (u32, usize) {
    (id / MOST_CHUNKS as u32, id as usize % MOST_CHUNKS)
}

impl Pool {
    /// A pool with memory from the depot of the process.
    ///
    /// # Errors
    /// [`Refused::NoClass`]: pages or classes are not as [`Config`] says.
    pub fn new(config: Config) -> Result<Self, Refused> {
        Self::with_depot(config, Depot::shared())
    }

    /// A pool with memory from `depot`. A secure one has its own.
    ///
    /// # Errors
    /// As of [`Pool::new`].
    pub fn with_depot(config: Config, depot: Arc<Depot>) -> Result<Self, Refused> {
        let Config { page, classes, max_bytes, secure } = config;
        let sizes = SMALLEST..=LARGEST;
        let is_bad = classes.is_empty()
            || !classes.iter().all(|size| sizes.contains(size))
            || !classes.is_sorted_by(|a, b| a < b)
            || !(4096..=1 << 20).contains(&page);
        if is_bad {
            return Err(Refused::NoClass);
        }
        let shape = |&size: &usize| if secure { Shape::secure(size) } else { Shape::new(size, page) };
        let state = Spans {
            open: vec![BTreeSet::new(); classes.len()],
            classes: classes.iter().map(|&size| ClassStats { size, ..ClassStats::default() }).collect(),
            ..Spans::default()
        };
        let shapes = classes.iter().map(shape).collect();
        Ok(Self { depot, shapes, max_bytes, secure, state: Mutex::new(state) })
    }

    /// A chunk of class `class`, all zero.
    ///
    /// # Errors
    /// See [`Refused`]. Nothing has changed then.
    pub fn take(&self, class: usize) -> Result<Chunk, Refused> {
        let len = self.shapes.get(class).ok_or(Refused::NoClass)?.size;
        let mut spans = lock(&self.state);
        if spans.out_bytes.saturating_add(len as u64) > self.max_bytes {
            return Err(Refused::Full);
        }
        let slot = match spans.open[class].first() {
            Some(&slot) => slot,
            None => self.add_span(&mut spans, class)?,
        };
        let (id, dirty, place) = spans.take(slot).ok_or(Refused::NoMemory)?;
        drop(spans);
        if dirty {
            place.fill(0);
        }
        Ok(Chunk { id, address: place.address(), len })
    }

    fn add_span(&self, spans: &mut Spans, class: usize) -> Result<u32, Refused> {
        if spans.unused.is_empty() && spans.slots.len() == MOST_SPANS {
            return Err(Refused::NoMemory);
        }
        let shape = self.shapes[class];
        let span = if self.secure { Span::secure(class, shape) } else { Span::new(class, shape, &self.depot) };
        Ok(spans.add(span.map_err(|_| Refused::NoMemory)?))
    }

    /// JavaScript has let go of a chunk, whose ArrayBuffer is still to be collected. It counts against the bound no longer.
    /// With `purge`, its memory goes back to the operating system then. False if it is not out.
    pub fn retire(&self, id: u32, purge: bool) -> bool {
        lock(&self.state).retire(id, purge)
    }

    /// The ArrayBuffer of a chunk is collected, so the chunk can be taken again; if it is not `sure` that nobody has its memory
    /// in another way, never. True if it was lost: nobody had let go of it.
    pub fn finish(&self, id: u32, sure: bool) -> bool {
        let mut spans = lock(&self.state);
        let (lost, gone) = spans.finish(id, sure);
        drop(spans);
        drop(gone);
        lost
    }

    /// Fills a chunk that is out with [`POISON`].
    pub fn poison(&self, id: u32) {
        if let Some(place) = self.place(id) {
            place.fill(POISON);
        }
    }

    /// Where the first byte is that is no longer [`POISON`], in a chunk that is out.
    pub fn verify(&self, id: u32) -> Option<usize> {
        self.place(id)?.first_other(POISON)
    }

    /// Writes zeros into a chunk that is out. False if it is not, or if it is secure and somebody wrote beside it.
    pub fn wipe(&self, id: u32) -> bool {
        self.place(id).is_some_and(|place| place.wipe())
    }

    fn place(&self, id: u32) -> Option<Place> {
        let spans = lock(&self.state);
        let (span, index) = spans.find(id)?;
        (span.state(index) == Some(State::Out)).then(|| span.place(index))
    }

    /// Gives all memory back that nobody has: vacant spans to the depot, pages without a chunk in use to the operating system.
    /// How many bytes of memory the pool takes less.
    pub fn trim(&self) -> u64 {
        let mut spans = lock(&self.state);
        let before = spans.committed;
        let gone = spans.trim();
        let given_back = before - spans.committed;
        drop(spans);
        drop(gone);
        self.depot.purge();
        given_back as u64
    }

    /// What it has.
    pub fn stats(&self) -> Stats {
        let spans = lock(&self.state);
        let runs = || spans.slots.iter().flatten().filter_map(Span::secure_run);
        let (locked, guarded, kept_out_of_dumps) = if self.secure {
            let locked = runs().map(|run| run.locked_bytes()).sum();
            (locked, runs().all(|run| run.guarded()), runs().all(|run| run.kept_out_of_dumps()))
        } else {
            (0, false, false)
        };
        let (mapped, committed, out_bytes, classes) =
            (spans.mapped, spans.committed, spans.out_bytes, spans.classes.clone());
        Stats { mapped, committed, locked, guarded, kept_out_of_dumps, out_bytes, classes }
    }

    /// Compares what is kept with what can be counted. For tests.
    ///
    /// # Errors
    /// What does not fit together.
    pub fn validate(&self) -> Result<(), String> {
        let spans = lock(&self.state);
        if spans.out_bytes > self.max_bytes {
            return Err(format!("{} bytes are out", spans.out_bytes));
        }
        spans.validate()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.trim();
        // What is left has chunks that somebody may have.
        let spans = std::mem::take(&mut lock(&self.state).slots);
        spans.into_iter().flatten().for_each(Span::strand);
    }
}

impl Spans {
    fn find(&self, id: u32) -> Option<(&Span, usize)> {
        let (slot, index) = place_of(id);
        Some((self.slots.get(slot as usize)?.as_ref()?, index))
    }

    fn add(&mut self, span: Span) -> u32 {
        let class = span.class();
        self.mapped += span.mapped();
        self.committed += span.committed();
        self.classes[class].vacant += span.shape().chunks as u64;
        let slot = self.unused.pop().unwrap_or(self.slots.len() as u32);
        self.open[class].insert(slot);
        if slot as usize == self.slots.len() {
            self.slots.push(Some(span));
        } else {
            self.slots[slot as usize] = Some(span);
        }
        slot
    }

    /// Takes a span out that has no chunk in use.
    fn remove(&mut self, slot: u32) -> Option<Span> {
        let span = self.slots.get_mut(slot as usize)?.take_if(|span| span.is_vacant())?;
        self.unused.push(slot);
        self.open[span.class()].remove(&slot);
        self.due.remove(&slot);
        self.mapped -= span.mapped();
        self.committed -= span.committed();
        self.classes[span.class()].vacant -= span.shape().chunks as u64;
        Some(span)
    }

    fn take(&mut self, slot: u32) -> Option<(u32, bool, Place)> {
        let span = self.slots.get_mut(slot as usize)?.as_mut()?;
        let before = span.committed();
        let (index, dirty) = span.take()?;
        self.committed += span.committed() - before;
        if span.is_full() {
            self.open[span.class()].remove(&slot);
        }
        let class = &mut self.classes[span.class()];
        class.made += 1;
        class.vacant -= 1;
        class.out += 1;
        self.out_bytes += class.size as u64;
        Some((id_of(slot, index), dirty, span.place(index)))
    }

    fn retire(&mut self, id: u32, purge: bool) -> bool {
        let (slot, index) = place_of(id);
        let Some(Some(span)) = self.slots.get_mut(slot as usize) else { return false };
        if span.state(index) != Some(State::Out) {
            return false;
        }
        span.set(index, State::Retired { purge });
        let class = &mut self.classes[span.class()];
        class.out -= 1;
        class.retired += 1;
        self.out_bytes -= class.size as u64;
        true
    }

    /// Whether the chunk was lost; and its span, if that is not needed any more.
    fn finish(&mut self, id: u32, sure: bool) -> (bool, Option<Span>) {
        let (slot, index) = place_of(id);
        let Some(Some(span)) = self.slots.get_mut(slot as usize) else { return (false, None) };
        let class = &mut self.classes[span.class()];
        let (lost, purge) = match span.state(index) {
            Some(State::Out) => {
                class.out -= 1;
                class.lost += 1;
                self.out_bytes -= class.size as u64;
                (true, false)
            }
            Some(State::Retired { purge }) => {
                class.retired -= 1;
                (false, purge)
            }
            _ => return (false, None),
        };
        if !sure {
            class.strays += 1;
            span.stray(index);
            return (lost, None);
        }
        class.vacant += 1;
        span.vacate(index);
        self.open[span.class()].insert(slot);
        if purge {
            self.due.insert(slot);
            self.due_bytes += span.shape().stride;
        }
        (lost, self.settle(slot))
    }

    /// Gives back what is due after a chunk in `slot` has become vacant: its span at once, without a call of the operating
    /// system; pages in other spans when there are many, so that not each small chunk costs a call.
    fn settle(&mut self, slot: u32) -> Option<Span> {
        let gone = if self.due.contains(&slot) { self.remove(slot) } else { None };
        if self.due_bytes >= DIRTY_MOST {
            self.due_bytes = 0;
            for slot in std::mem::take(&mut self.due) {
                self.purge(slot);
            }
        }
        gone
    }

    fn purge(&mut self, slot: u32) {
        if let Some(Some(span)) = self.slots.get_mut(slot as usize) {
            self.committed -= span.purge();
        }
    }

    fn trim(&mut self) -> Vec<Span> {
        let mut gone = Vec::new();
        for slot in 0..self.slots.len() as u32 {
            match self.remove(slot) {
                Some(span) => gone.push(span),
                None => self.purge(slot),
            }
        }
        self.due.clear();
        self.due_bytes = 0;
        gone
    }

    fn validate(&self) -> Result<(), String> {
        let (mut mapped, mut committed) = (0, 0);
        let mut open = vec![BTreeSet::new(); self.open.len()];
        let none = |class: &ClassStats| ClassStats { out: 0, retired: 0, vacant: 0, ..*class };
        let mut classes: Vec<_> = self.classes.iter().map(none).collect();
        let mut strays = vec![0; classes.len()];
        for (slot, span) in self.slots.iter().enumerate() {
            let Some(span) = span else { continue };
            span.validate().map_err(|broken| format!("span {slot}: {broken}"))?;
            mapped += span.mapped();
            committed += span.committed();
            let class = &mut classes[span.class()];
            class.out += span.count(|state| state == State::Out) as u64;
            class.retired += span.count(|state| matches!(state, State::Retired { .. })) as u64;
            class.vacant += span.count(|state| matches!(state, State::Vacant { .. })) as u64;
            strays[span.class()] += span.count(|state| state == State::Stray) as u64;
            if !span.is_full() {
                open[span.class()].insert(slot as u32);
            }
        }
        let out_bytes: u64 = classes.iter().map(|class| class.out * class.size as u64).sum();
        if (mapped, committed, out_bytes) != (self.mapped, self.committed, self.out_bytes) {
            return Err(format!("{mapped} mapped, {committed} committed, {out_bytes} out, which is not what it keeps"));
        }
        if classes != self.classes || strays.iter().ne(self.classes.iter().map(|class| &class.strays)) {
            return Err(format!("{:?}, but counted {classes:?} and {strays:?}", self.classes));
        }
        if open != self.open {
            return Err(format!("vacant chunks are in {open:?}, kept is {:?}", self.open));
        }
        if self.due.iter().any(|&slot| self.slots[slot as usize].is_none()) {
            return Err(format!("of {:?}, which are due, some are none", self.due));
        }
        let unused: BTreeSet<_> = self.unused.iter().map(|&slot| slot as usize).collect();
        let empty = self.slots.iter().enumerate().filter(|(_, span)| span.is_none()).map(|(slot, _)| slot);
        if unused.len() != self.unused.len() || !empty.eq(unused) {
            return Err(format!("slots {:?} are kept as unused", self.unused));
        }
        Ok(())
    }
}
