//! Exact LRU order as an *access log*.
//!
//! A linked list pays for a hit with writes to six places. Here a hit appends its slot to a log and remembers where:
//!
//! ```text
//! log[head] = slot;  last[slot] = head;  head += 1
//! ```
//!
//! A log entry is *current* if `last[slot]` still points at it, so the oldest current entry is exactly the least
//! recently used slot. JavaScript does the two writes itself, without a call; this module does what is rare: it hands
//! out log space, reclaims space from dead entries, finds victims, and lists the order.
//!
//! The log is cut into segments, as in a log-structured file system (Rosenblum and Ousterhout, 1992). When no segment is
//! free, a cleaner goes round from the oldest to the newest, moves the current entries together, in order, and frees what
//! it emptied. It stops at the first free segment, so a pause is the reading of a few segments and not of the whole log.
//!
//! # Memory
//!
//! Everything is in one array of `u32`, the *ledger*, which JavaScript allocates and both sides index:
//!
//! ```text
//! 0 .. cap                    last[slot]: position of the slot's current log entry, or a free-list link (top bit set)
//! cap .. cap + segs * len     the log
//! … + 3 * segs                per segment: next older → newer, previous, how many entries it holds
//! … + HEADER                  the header, at the very end
//! ```
//!
//! Costs: 4 bytes a slot for `last`, 8 for the log at its usual two entries a slot. No pointer in it; a ledger whose
//! numbers are wrong can make an operation answer wrongly or return [`Corrupt`], never touch memory outside itself.
//!
//! The array is read as `&[Cell<u32>]`: JavaScript lends it for one call on its own thread.

use std::cell::Cell;

pub use super::{Corrupt, MAX_SLOTS, Res};

/// No slot, no segment.
pub const NONE: u32 = u32::MAX;
/// Set in `last[slot]` of a slot that holds no entry. Positions are below it.
pub const VACANT: u32 = 1 << 31;

/// Length of the header, in `u32`s from the end of the ledger.
pub const HEADER: usize = 12;

// Fields of the header, as offsets from its start. JavaScript reads HEAD ..= TAIL_END after each call.
const HEAD: usize = 0;
const HEAD_END: usize = 1;
const TAIL: usize = 2;
const TAIL_END: usize = 3;
// Number of slots.
const CAP: usize = 4;
// Number of segments, and log2 of a segment's length.
const SEGS: usize = 5;
const SHIFT: usize = 6;
// The segment that holds the least recent entries, and the one that is written.
const OLDEST: usize = 7;
const NEWEST: usize = 8;
// Head of the list of unused segments, linked through `next`.
const FREE: usize = 9;
// The segment the cleaner fills, or NONE when its next round starts at OLDEST.
const CLEAN: usize = 10;

/// Size and segmentation of a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    cap: u32,
    shift: u32,
    segs: u32,
}

impl Shape {
    /// The shape for `cap` slots, at least one. `None` above [`MAX_SLOTS`].
    #[must_use]
    pub fn for_slots(cap: u32) -> Option<Self> {
        if cap > MAX_SLOTS {
            return None;
        }
        let cap = cap.max(1);
        // A longer log is cleaned less often, and a short one costs little: measured, eight entries a slot while it fits
        // the first-level cache, and down to two where memory counts.
        let (eighths, part) = match cap {
            0..=256 => (32, 2),
            257..=8192 => (64, 2),
            8193..=65536 => (32, 4),
            _ => (15, 8),
        };
        // A segment holds at least 16 entries (a crossing must pay) and at most 4096 (16 KiB: a short pause).
        let shift = (cap / part).max(1).ilog2().clamp(4, 12);
        let segs = ((u64::from(cap) * eighths / 8) >> shift) as u32 + 3;
        Some(Self { cap, shift, segs })
    }

    /// How many `u32`s the ledger takes.
    #[must_use]
    pub fn length(self) -> usize {
        self.cap as usize + ((self.segs as usize) << self.shift) + 3 * self.segs as usize + HEADER
    }
}

/// A borrowed ledger.
#[derive(Debug, Clone, Copy)]
pub struct Ledger<'a> {
    mem: &'a [Cell<u32>],
    cap: usize,
    segs: usize,
    shift: u32,
    log: usize,
    table: usize,
    header: usize,
}

impl<'a> Ledger<'a> {
    /// Lays out an empty ledger of `shape` in `mem`, whatever was there.
    ///
    /// # Errors
    /// If `mem` does not have the length the shape asks for.
    pub fn create(mem: &'a [Cell<u32>], shape: Shape) -> Res<Self> {
        if mem.len() != shape.length() {
            return Err(Corrupt("length does not fit the shape"));
        }
        let header = mem.len() - HEADER;
        for (field, value) in [
            (CAP, shape.cap),
            (SEGS, shape.segs),
            (SHIFT, shape.shift),
            (OLDEST, 0),
            (NEWEST, 0),
            (FREE, NONE),
            (CLEAN, NONE),
        ] {
            mem[header + field].set(value);
        }
        let ledger = Self::open(mem)?;
        for last in &mem[..ledger.cap] {
            last.set(NONE);
        }
        for seg in (1..shape.segs).rev() {
            ledger.release(seg)?;
        }
        ledger.set_next(0, NONE)?;
        ledger.set_prev(0, NONE)?;
        ledger.set_fill(0, 0)?;
        let start = ledger.start(0) as u32;
        ledger.publish_head(start, start + (1 << shape.shift));
        ledger.publish_tail(start, start + (1 << shape.shift));
        Ok(ledger)
    }

    /// Reads the header of a ledger that [`Ledger::create`] or [`Ledger::grow`] laid out.
    ///
    /// # Errors
    /// If the header does not describe an array of this length.
    pub fn open(mem: &'a [Cell<u32>]) -> Res<Self> {
        let header = mem.len().checked_sub(HEADER).ok_or(Corrupt("too short"))?;
        let field = |i: usize| mem[header + i].get();
        let shape = Shape { cap: field(CAP), shift: field(SHIFT), segs: field(SEGS) };
        if shape.shift > 24 || shape.cap > MAX_SLOTS || shape.segs > MAX_SLOTS || shape.length() != mem.len() {
            return Err(Corrupt("header does not fit the array"));
        }
        let cap = shape.cap as usize;
        let segs = shape.segs as usize;
        let log = cap;
        let table = log + (segs << shape.shift);
        Ok(Self { mem, cap, segs, shift: shape.shift, log, table, header })
    }

    /// The newest segment is full, or is written no further than `head`: seals it and opens another, cleaning until one
    /// is free. `tail` is where JavaScript stopped looking for victims.
    ///
    /// # Errors
    /// [`Corrupt`].
    pub fn turn(&self, head: u32, tail: u32) -> Res<()> {
        self.seal(head)?;
        let newest = self.get(NEWEST);
        // If the newest segment is the oldest as well, what is published as its end is where its entries end from now on.
        self.publish_tail(tail, if self.get(OLDEST) == newest { head } else { self.get(TAIL_END) });
        // Two rounds pack everything there is; a third would mean more current entries than slots.
        let mut budget = 3 * self.segs + 3;
        while self.get(FREE) == NONE {
            self.clean_one()?;
            budget = budget.checked_sub(1).ok_or(Corrupt("no space can be cleaned"))?;
        }
        let seg = self.get(FREE);
        self.put(FREE, self.next(seg)?);
        self.set_next(seg, NONE)?;
        self.set_prev(seg, newest)?;
        self.set_next(newest, seg)?;
        self.set_fill(seg, 0)?;
        self.put(NEWEST, seg);
        let start = self.start(seg) as u32;
        self.publish_head(start, start + self.seg_len() as u32);
        Ok(())
    }

    /// JavaScript has looked at every entry of the oldest segment and wants the next: frees it, and all after it that
    /// turn out to be dead, and publishes the first that is not. In the newest segment the end published is its physical
    /// end, which no other segment's published end can equal, and `head` bounds it.
    ///
    /// # Errors
    /// [`Corrupt`] if there is no later segment.
    pub fn next_tail(&self, head: u32) -> Res<()> {
        if self.get(OLDEST) == self.get(NEWEST) {
            return Err(Corrupt("no entry left to evict"));
        }
        self.seal(head)?;
        let mut budget = self.segs;
        loop {
            budget = budget.checked_sub(1).ok_or(Corrupt("segments form a ring"))?;
            self.unlink(self.get(OLDEST))?;
            let oldest = self.get(OLDEST);
            let start = self.start(oldest);
            if oldest == self.get(NEWEST) {
                self.publish_tail(start as u32, (start + self.seg_len()) as u32);
                return Ok(());
            }
            let end = self.pack(start, start + self.fill(oldest)?, start)?;
            if end > start {
                self.set_fill(oldest, (end - start) as u32)?;
                self.publish_tail(start as u32, end as u32);
                return Ok(());
            }
        }
    }

    /// Writes the slots in use into `out`, most recent first, and returns how many; stops when `out` is full.
    ///
    /// # Errors
    /// [`Corrupt`].
    pub fn newest_first(&self, head: u32, out: &[Cell<u32>]) -> Res<usize> {
        self.seal(head)?;
        let mut n = 0;
        let mut seg = self.get(NEWEST);
        let mut budget = self.segs;
        while seg != NONE {
            budget = budget.checked_sub(1).ok_or(Corrupt("segments form a ring"))?;
            let start = self.start(seg);
            for pos in (start..start + self.fill(seg)?).rev() {
                if let Some(slot) = self.current(pos) {
                    let Some(cell) = out.get(n) else { return Ok(n) };
                    cell.set(slot);
                    n += 1;
                }
            }
            seg = self.prev(seg)?;
        }
        Ok(n)
    }

    /// Writes the slots in use into `out`, least recent first, and returns how many; stops when `out` is full.
    ///
    /// # Errors
    /// [`Corrupt`].
    pub fn oldest_first(&self, head: u32, out: &[Cell<u32>]) -> Res<usize> {
        self.seal(head)?;
        let mut n = 0;
        let mut seg = self.get(OLDEST);
        let mut budget = self.segs;
        while seg != NONE {
            budget = budget.checked_sub(1).ok_or(Corrupt("segments form a ring"))?;
            let start = self.start(seg);
            for pos in start..start + self.fill(seg)? {
                if let Some(slot) = self.current(pos) {
                    let Some(cell) = out.get(n) else { return Ok(n) };
                    cell.set(slot);
                    n += 1;
                }
            }
            seg = self.next(seg)?;
        }
        Ok(n)
    }

    /// Moves everything into `to`, a larger ledger or one of the same size, packed and in order. Vacant slots keep
    /// their links.
    ///
    /// # Errors
    /// [`Corrupt`]; `self` is unchanged then.
    pub fn grow(&self, head: u32, to: &Ledger<'_>) -> Res<()> {
        if to.cap < self.cap {
            return Err(Corrupt("a ledger cannot shrink"));
        }
        self.seal(head)?;
        for slot in 0..self.cap {
            let last = self.mem[slot].get();
            to.mem[slot].set(if last & VACANT == 0 { NONE } else { last });
        }
        let mut pos = to.get(HEAD);
        let mut end = to.get(HEAD_END);
        let mut seg = self.get(OLDEST);
        let mut budget = self.segs;
        while seg != NONE {
            budget = budget.checked_sub(1).ok_or(Corrupt("segments form a ring"))?;
            let start = self.start(seg);
            for from in start..start + self.fill(seg)? {
                let Some(slot) = self.current(from) else { continue };
                to.cell(pos as usize)?.set(slot);
                to.cell(slot as usize)?.set(pos);
                pos += 1;
                if pos == end {
                    to.turn(pos, to.get(TAIL))?;
                    pos = to.get(HEAD);
                    end = to.get(HEAD_END);
                }
            }
            seg = self.next(seg)?;
        }
        to.put(HEAD, pos);
        Ok(())
    }

    /// Position where the next entry goes, as last published.
    #[must_use]
    pub fn head(&self) -> u32 {
        self.get(HEAD)
    }

    /// Takes the cleaner one segment further.
    fn clean_one(&self) -> Res<()> {
        let out = self.get(CLEAN);
        let seg = if out == NONE { self.get(OLDEST) } else { self.next(out)? };
        if seg == self.get(NEWEST) {
            self.put(CLEAN, NONE);
            return Ok(());
        }
        let start = self.start(seg);
        let end = start + self.fill(seg)?;
        let mut pos = start;
        if out != NONE {
            let at = self.start(out);
            let limit = at + self.seg_len();
            let mut write = at + self.fill(out)?;
            while pos < end && write < limit {
                // As many entries as surely fit: none of them can overflow `out`.
                let run = (limit - write).min(end - pos);
                write = self.pack(pos, pos + run, write)?;
                pos += run;
            }
            self.set_fill(out, (write - at) as u32)?;
        }
        let write = self.pack(pos, end, start)?;
        if write == start {
            self.unlink(seg)?;
        } else {
            self.set_fill(seg, (write - start) as u32)?;
            self.put(CLEAN, seg);
        }
        let oldest = self.get(OLDEST);
        let at = self.start(oldest);
        // What JavaScript had skipped in the oldest segment is dead, so it may look again from its start.
        self.publish_tail(at as u32, (at + self.fill(oldest)?) as u32);
        Ok(())
    }

    /// Moves the current entries of `from .. to` to `write` and after, in order, and returns where they end. `write` must
    /// not be inside `from + 1 .. to`. Written without branches on the data, which no predictor could foresee.
    fn pack(&self, from: usize, to: usize, write: usize) -> Res<usize> {
        let lasts = &self.mem[..self.cap];
        let source = self.mem.get(from..to).ok_or(Corrupt("position out of range"))?;
        let mut at = write;
        for (i, entry) in source.iter().enumerate() {
            let slot = entry.get();
            let last = lasts.get(slot as usize).ok_or(Corrupt("slot out of range"))?;
            let was = last.get();
            let current = was as usize == from + i;
            self.cell(at)?.set(slot);
            last.set(if current { at as u32 } else { was });
            at += usize::from(current);
        }
        Ok(at)
    }

    /// Takes `seg` out of the order and puts it on the free list.
    fn unlink(&self, seg: u32) -> Res<()> {
        let next = self.next(seg)?;
        let prev = self.prev(seg)?;
        if next == NONE {
            return Err(Corrupt("the newest segment cannot be freed"));
        }
        self.set_prev(next, prev)?;
        if prev == NONE {
            self.put(OLDEST, next);
        } else {
            self.set_next(prev, next)?;
        }
        if self.get(CLEAN) == seg {
            self.put(CLEAN, prev);
        }
        self.release(seg)
    }

    fn release(&self, seg: u32) -> Res<()> {
        self.set_next(seg, self.get(FREE))?;
        self.put(FREE, seg);
        Ok(())
    }

    /// Notes how far the newest segment is written.
    fn seal(&self, head: u32) -> Res<()> {
        let newest = self.get(NEWEST);
        let fill = (head as usize).checked_sub(self.start(newest)).ok_or(Corrupt("head is before its segment"))?;
        if fill > self.seg_len() {
            return Err(Corrupt("head is past its segment"));
        }
        self.put(HEAD, head);
        self.set_fill(newest, fill as u32)
    }

    /// The slot whose current entry is at `pos`.
    #[inline]
    fn current(&self, pos: usize) -> Option<u32> {
        let slot = self.mem.get(pos)?.get();
        let last = self.mem[..self.cap].get(slot as usize)?.get();
        (last as usize == pos).then_some(slot)
    }

    fn publish_head(&self, head: u32, end: u32) {
        self.put(HEAD, head);
        self.put(HEAD_END, end);
    }

    fn publish_tail(&self, tail: u32, end: u32) {
        self.put(TAIL, tail);
        self.put(TAIL_END, end);
    }

    fn seg_len(&self) -> usize {
        1 << self.shift
    }

    fn start(&self, seg: u32) -> usize {
        self.log + ((seg as usize) << self.shift)
    }

    fn get(&self, field: usize) -> u32 {
        self.mem[self.header + field].get()
    }

    fn put(&self, field: usize, value: u32) {
        self.mem[self.header + field].set(value);
    }

    #[inline]
    fn cell(&self, at: usize) -> Res<&'a Cell<u32>> {
        self.mem.get(at).ok_or(Corrupt("position out of range"))
    }

    fn entry(&self, column: usize, seg: u32) -> Res<&'a Cell<u32>> {
        if seg as usize >= self.segs {
            return Err(Corrupt("segment out of range"));
        }
        self.cell(self.table + column * self.segs + seg as usize)
    }

    fn next(&self, seg: u32) -> Res<u32> {
        Ok(self.entry(0, seg)?.get())
    }

    fn set_next(&self, seg: u32, to: u32) -> Res<()> {
        self.entry(0, seg)?.set(to);
        Ok(())
    }

    fn prev(&self, seg: u32) -> Res<u32> {
        Ok(self.entry(1, seg)?.get())
    }

    fn set_prev(&self, seg: u32, to: u32) -> Res<()> {
        self.entry(1, seg)?.set(to);
        Ok(())
    }

    fn fill(&self, seg: u32) -> Res<usize> {
        let fill = self.entry(2, seg)?.get() as usize;
        if fill > self.seg_len() { Err(Corrupt("segment overfull")) } else { Ok(fill) }
    }

    fn set_fill(&self, seg: u32, to: u32) -> Res<()> {
        self.entry(2, seg)?.set(to);
        Ok(())
    }
}
