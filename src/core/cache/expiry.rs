//! Expiry in a hierarchical timing wheel (Varghese and Lauck, 1987).
//!
//! Time is cut into ticks of one millisecond. Six levels of 64 buckets cover 2³⁶ of them: level 0 has a bucket for each
//! tick of the current 64, level 1 one for each 64 ticks of the current 4096, and so on. A slot is linked in the lowest
//! level that tells its tick from the current one; when the wheel reaches a bucket of a higher level, its slots move
//! down. So linking is constant work, a slot moves at most six times, and a bitmap for each level finds the next bucket
//! at once, however long nothing happens. What lies beyond the wheel waits in one more list, *far*.
//!
//! A slot that is already overdue when it is linked, behind what the wheel has passed, goes to the *late* lists: sorted
//! lists of one, two, four … slots that are merged like the carries of a counter. So overdue slots come out in order as
//! well, at a logarithmic cost each.
//!
//! # The deal with JavaScript
//!
//! JavaScript owns all the arrays and writes, for each slot, the start of its time to live and that time itself, in
//! milliseconds of the cache's clock. The *deadline* is `start + ttl`; one that is not finite means never. An entry has
//! expired once `now - start > ttl`.
//!
//! A slot that is not linked (`prev[slot] == 0`), or whose deadline moved earlier, is handed to [`Wheel::schedule`]. A
//! linked slot whose deadline moved later is not: it is found in its old bucket, early, and linked again. A slot whose
//! entry is gone stays linked as well; [`Wheel::due`] names it some time, and JavaScript sees that nothing is in it.
//! So touching an entry with a time to live needs no call.
//!
//! A start or time to live too large to tell ticks apart (10¹⁵ and more) blurs when its entry has expired: such a slot is
//! looked at after all others, also if its numbers became smaller meanwhile without a call.
//!
//! After each call but [`Wheel::create`] the element after the last start, `starts[cap]`, says when to call `due`
//! again: it has nothing to return while `now` is below that *wake* time. Infinity: nothing is linked, as after `create`.
//! Minus infinity: something overdue waits. At the wake time something expires, or a bucket has to move down.
//!
//! Ticks are 64-bit, and times beyond their range (three hundred million years) are taken as its ends. A clock that
//! goes backwards is followed: slots that the wheel has moved down move up again.
//!
//! # Memory
//!
//! ```text
//! 0 .. cap        next[slot]: 1 + the slot after it in its list, 0 at the end
//! cap .. 2 * cap  prev[slot]: 1 + the slot before it; MARK | list if it is the first; 0 if it is not linked
//! … + LISTS       1 + the first slot of each list, or 0: the buckets, level by level, far, late
//! … + BITMAPS     which buckets hold something, two words a level; which late lists do
//! … + HEADER      the header, at the very end
//! ```
//!
//! As with the recency ledger there is no pointer in it, and an array with wrong numbers leads to [`Corrupt`] or a wrong
//! answer, in bounded time.

use std::cell::Cell;

pub use super::{Corrupt, MAX_SLOTS, Res};

const LEVELS: usize = 6;
/// log2 of the buckets of a level.
const BITS: u32 = 6;
const BUCKETS: usize = 1 << BITS;
/// log2 of the ticks that the wheel covers.
const SPAN: u32 = BITS * LEVELS as u32;

/// The list of what lies beyond the wheel.
const FAR: usize = LEVELS * BUCKETS;
/// The first of the late lists; the k-th has room for 2^k slots, and 2^29 slots are the most there are.
const LATE: usize = FAR + 1;
const LATES: usize = 30;
const LISTS: usize = LATE + LATES;
const BITMAPS: usize = 2 * LEVELS + 1;

/// Length of the header, in `u32`s from the end of the array.
pub const HEADER: usize = 3;
// Fields of the header: the number of slots; the current tick, low and high half.
const CAP: usize = 0;
const TICK: usize = 1;

/// Set in `prev` of the first slot of a list.
const MARK: u32 = 1 << 31;

/// The earliest tick. Ticks are unsigned so that their digits are the buckets: the signed number of milliseconds with
/// its top bit turned round, which keeps the order.
const SIGN: u64 = 1 << 63;

/// The tick that holds `time`. NaN counts as 0.
fn tick(time: f64) -> u64 {
    (time.floor() as i64 as u64) ^ SIGN
}

/// The earliest time whose tick is after `tick`.
fn after(tick: u64) -> f64 {
    let Some(next) = ((tick ^ SIGN) as i64).checked_add(1) else { return f64::INFINITY };
    let time = next as f64;
    // Above 2^53 the nearest double may lie before.
    if (time as i64) < next { time.next_up() } else { time }
}

/// The deadlines, and the time of the call.
#[derive(Clone, Copy)]
struct Times<'a> {
    starts: &'a [Cell<f64>],
    ttls: &'a [Cell<f64>],
    now: f64,
    /// The tick of `now`.
    tick: u64,
}

impl<'a> Times<'a> {
    fn new(starts: &'a [Cell<f64>], ttls: &'a [Cell<f64>], cap: usize, now: f64) -> Res<Self> {
        if starts.len() != cap + 1 || (ttls.len() != 1 && ttls.len() != cap) {
            return Err(Corrupt("starts or ttls do not fit the wheel"));
        }
        Ok(Self { starts, ttls, now, tick: tick(now) })
    }

    /// The tick under which `slot` has to be linked, or `None` for never. One that is before [`Self::tick`] has expired.
    fn of(&self, slot: u32) -> Res<Option<u64>> {
        let slot = slot as usize;
        // The last element of `starts` is the wake time, no slot.
        if slot + 1 >= self.starts.len() {
            return Err(Corrupt("slot out of range"));
        }
        let start = self.starts[slot].get();
        let ttl = self.ttls[if self.ttls.len() == 1 { 0 } else { slot }].get();
        let deadline = start + ttl;
        if !deadline.is_finite() {
            return Ok(None);
        }
        let at = tick(deadline);
        if at < self.tick && self.now - start <= ttl {
            // By rounding, the sum says expired and the difference does not. The difference counts; try again when
            // the clock has moved by what such numbers cannot tell apart (with usual numbers, a tick).
            let blur = (start.abs() + ttl.abs()) * f64::EPSILON;
            return Ok(Some(self.tick.saturating_add(blur as u64)));
        }
        Ok(Some(at))
    }
}

/// A borrowed wheel.
#[derive(Debug, Clone, Copy)]
pub struct Wheel<'a> {
    mem: &'a [Cell<u32>],
    cap: usize,
}

impl<'a> Wheel<'a> {
    /// How many `u32`s a wheel for `cap` slots takes. `None` above [`MAX_SLOTS`].
    #[must_use]
    pub fn length(cap: u32) -> Option<usize> {
        (cap <= MAX_SLOTS).then_some(2 * cap as usize + LISTS + BITMAPS + HEADER)
    }

    /// Lays out an empty wheel for `cap` slots in `mem`, whatever was there.
    ///
    /// # Errors
    /// If `mem` does not have the length that `cap` asks for.
    pub fn create(mem: &'a [Cell<u32>], cap: u32, now: f64) -> Res<Self> {
        if Self::length(cap) != Some(mem.len()) {
            return Err(Corrupt("length does not fit the slots"));
        }
        let wheel = Self { mem, cap: cap as usize };
        for cell in &mem[wheel.cap..] {
            cell.set(0);
        }
        wheel.put(wheel.header() + CAP, cap)?;
        wheel.set_tick(tick(now))?;
        Ok(wheel)
    }

    /// Reads the header of a wheel that [`Wheel::create`] laid out.
    ///
    /// # Errors
    /// If the header does not describe an array of this length.
    pub fn open(mem: &'a [Cell<u32>]) -> Res<Self> {
        let header = mem.len().checked_sub(HEADER).ok_or(Corrupt("too short"))?;
        let cap = mem[header + CAP].get();
        if Self::length(cap) != Some(mem.len()) {
            return Err(Corrupt("header does not fit the array"));
        }
        Ok(Self { mem, cap: cap as usize })
    }

    /// Links the first `count` slots of `queue` by their present deadlines, wherever they were before. A slot may be in
    /// it twice.
    ///
    /// # Errors
    /// [`Corrupt`], also for arrays of the wrong length and slots that do not exist.
    pub fn schedule(
        &self,
        starts: &[Cell<f64>],
        ttls: &[Cell<f64>],
        queue: &[Cell<u32>],
        count: usize,
        now: f64,
    ) -> Res<()> {
        let times = Times::new(starts, ttls, self.cap, now)?;
        let queue = queue.get(..count).ok_or(Corrupt("count is beyond the queue"))?;
        self.follow(&times)?;
        // First all out of their lists: a late list is in order of deadlines, and these have changed.
        for cell in queue {
            let slot = cell.get();
            if self.prev(slot)? != 0 {
                self.unlink(slot)?;
            }
        }
        for cell in queue {
            let slot = cell.get();
            let at = times.of(slot)?;
            if self.prev(slot)? != 0 {
                self.unlink(slot)?;
            }
            if let Some(at) = at {
                self.place(slot, at, &times)?;
            }
        }
        self.publish(&times)
    }

    /// Unlinks and returns a slot that has expired in a tick before that of `now`: the one that expired first, except
    /// that within one tick any order will do, and that a late slot counts as it was before its deadline moved.
    ///
    /// # Errors
    /// [`Corrupt`], also for arrays of the wrong length.
    pub fn due(&self, starts: &[Cell<f64>], ttls: &[Cell<f64>], now: f64) -> Res<Option<u32>> {
        let times = Times::new(starts, ttls, self.cap, now)?;
        let slot = if now.is_nan() { None } else { self.advance(&times)? };
        self.publish(&times)?;
        Ok(slot)
    }

    /// Links in `to`, an empty wheel of at least as many slots, what is linked here. `starts` and `ttls` are those of
    /// `to`.
    ///
    /// # Errors
    /// [`Corrupt`], also for arrays of the wrong length; `self` is unchanged then.
    pub fn grow(&self, to: &Wheel<'_>, starts: &[Cell<f64>], ttls: &[Cell<f64>], now: f64) -> Res<()> {
        let times = Times::new(starts, ttls, to.cap, now)?;
        if to.cap < self.cap {
            return Err(Corrupt("a wheel cannot shrink"));
        }
        // Back to where this wheel stands: what has expired and waits here is then not late there, and needs no sorting.
        to.set_tick(self.tick())?;
        if times.tick < self.tick() {
            to.follow(&times)?;
        }
        for slot in 0..self.cap as u32 {
            if self.prev(slot)? != 0
                && let Some(at) = times.of(slot)?
            {
                to.place(slot, at, &times)?;
            }
        }
        to.publish(&times)
    }

    /// Turns the wheel towards `times.tick` until it comes by a slot to return.
    fn advance(&self, times: &Times<'_>) -> Res<Option<u32>> {
        self.follow(times)?;
        if let Some(slot) = self.take_late(times)? {
            return Ok(Some(slot));
        }
        // A slot is met in its old place, if its deadline has moved, and then once a level; each time it may be alone.
        let mut budget = 2 * (LEVELS + 2) * self.cap + LISTS;
        loop {
            let Some((start, level)) = self.next_event().filter(|event| event.0 < times.tick) else {
                self.set_tick(times.tick)?;
                return Ok(None);
            };
            budget = budget.checked_sub(1).ok_or(Corrupt("the wheel does not come to rest"))?;
            if level == LEVELS {
                self.bring_near(times)?;
                if let Some(slot) = self.take_late(times)? {
                    return Ok(Some(slot));
                }
                continue;
            }
            self.set_tick(start)?;
            let bucket = level * BUCKETS + digit(start, level);
            let Some(mut slot) = self.first(bucket)? else {
                self.mark(bucket, false)?;
                continue;
            };
            loop {
                budget = budget.checked_sub(1).ok_or(Corrupt("the wheel does not come to rest"))?;
                self.unlink(slot)?;
                match times.of(slot)? {
                    Some(at) if at <= start => return Ok(Some(slot)),
                    Some(at) => self.place(slot, at, times)?,
                    None => {}
                }
                match self.first(bucket)? {
                    Some(next) => slot = next,
                    None => break,
                }
            }
        }
    }

    /// All that is left is far: turns the wheel to the first of it, or to the present, and links all of it again.
    fn bring_near(&self, times: &Times<'_>) -> Res<()> {
        let mut earliest = times.tick;
        self.each(FAR, |slot| {
            earliest = times.of(slot)?.map_or(earliest, |at| at.min(earliest));
            Ok(())
        })?;
        self.set_tick(earliest.max(self.tick()))?;
        self.place_all(FAR, times)
    }

    /// Turns the wheel towards the present as far as that moves nothing, or back to it.
    fn follow(&self, times: &Times<'_>) -> Res<()> {
        let was = self.tick();
        if times.now.is_nan() || times.tick == was {
            return Ok(());
        }
        if times.tick > was {
            let limit = self.next_event().map_or(u64::MAX, |event| event.0);
            return self.set_tick(times.tick.min(limit));
        }
        self.set_tick(times.tick)?;
        // Below the highest digit that changes, buckets now stand for earlier ticks than their slots have.
        for bucket in 0..(level_of(was ^ times.tick) * BUCKETS).min(FAR) {
            self.place_all(bucket, times)?;
        }
        // And what was late may be so no more.
        for list in LATE..LISTS {
            self.each(list, |slot| {
                let at = times.of(slot)?;
                if at.is_none_or(|at| at >= times.tick) {
                    self.unlink(slot)?;
                    if let Some(at) = at {
                        self.place(slot, at, times)?;
                    }
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// The next bucket that holds something: the tick it starts with and its level. [`LEVELS`] means far, and the tick is
    /// the one before.
    fn next_event(&self) -> Option<(u64, usize)> {
        let now = self.tick();
        let mut event = None;
        for level in 0..LEVELS {
            let bits = self.bits(level) & (u64::MAX << digit(now, level));
            if bits != 0 {
                let shift = BITS * level as u32;
                let block = now >> shift >> BITS << BITS;
                let start = (block | u64::from(bits.trailing_zeros())) << shift;
                if event.is_none_or(|(first, _)| start < first) {
                    event = Some((start, level));
                }
            }
        }
        if event.is_none() && self.get(self.list(FAR)) != 0 {
            // The last tick before the far ones: the wheel may not go beyond without them.
            event = Some((now | ((1 << SPAN) - 1), LEVELS));
        }
        event
    }

    /// Links a slot that is not linked.
    fn place(&self, slot: u32, at: u64, times: &Times<'_>) -> Res<()> {
        let now = self.tick();
        if at < now {
            return self.link_late(slot, times);
        }
        let level = level_of(at ^ now);
        let bucket = if level < LEVELS { level * BUCKETS + digit(at, level) } else { FAR };
        let first = self.get(self.list(bucket));
        self.set_next(slot, first)?;
        self.set_prev(slot, MARK | bucket as u32)?;
        if first == 0 {
            self.mark(bucket, true)?;
        } else {
            self.set_prev(first - 1, slot + 1)?;
        }
        self.put(self.list(bucket), slot + 1)
    }

    /// Links every slot of `list` again.
    fn place_all(&self, list: usize, times: &Times<'_>) -> Res<()> {
        self.each(list, |slot| {
            self.unlink(slot)?;
            match times.of(slot)? {
                Some(at) => self.place(slot, at, times),
                None => Ok(()),
            }
        })
    }

    /// Links an overdue slot.
    fn link_late(&self, slot: u32, times: &Times<'_>) -> Res<()> {
        self.set_next(slot, 0)?;
        let mut carry = slot + 1;
        let mut list = LATE;
        loop {
            let other = self.get(self.list(list));
            if other != 0 {
                carry = self.merge(other, carry, times)?;
            }
            if other == 0 || list + 1 == LISTS {
                break;
            }
            self.put(self.list(list), 0)?;
            self.mark(list, false)?;
            list += 1;
        }
        self.set_prev(carry - 1, MARK | list as u32)?;
        self.put(self.list(list), carry)?;
        self.mark(list, true)
    }

    /// Merges two chains, each in order of deadline, into one; returns its first. All three as 1 + slot.
    fn merge(&self, mut a: u32, mut b: u32, times: &Times<'_>) -> Res<u32> {
        let mut at_a = times.of(a.wrapping_sub(1))?;
        let mut at_b = times.of(b.wrapping_sub(1))?;
        let mut first = 0;
        let mut last = 0;
        for _ in 0..self.cap {
            let (taken, rest) = if at_a <= at_b { (a, b) } else { (b, a) };
            if last == 0 {
                first = taken;
            } else {
                self.set_next(last - 1, taken)?;
                self.set_prev(taken - 1, last)?;
            }
            last = taken;
            let following = self.next(taken - 1)?;
            if following == 0 {
                self.set_next(taken - 1, rest)?;
                self.set_prev(rest - 1, taken)?;
                return Ok(first);
            }
            let at = times.of(following - 1)?;
            if taken == a {
                (a, at_a) = (following, at);
            } else {
                (b, at_b) = (following, at);
            }
        }
        Err(Corrupt("late slots form a ring"))
    }

    /// Unlinks and returns the late slot that expired first. Those whose deadline is in the future now move to the wheel.
    fn take_late(&self, times: &Times<'_>) -> Res<Option<u32>> {
        let mut best: Option<(u64, u32)> = None;
        let mut budget = self.cap + 1;
        for list in LATE..LISTS {
            while let Some(slot) = self.first(list)? {
                budget = budget.checked_sub(1).ok_or(Corrupt("late slots form a ring"))?;
                match times.of(slot)? {
                    Some(at) if at < times.tick => {
                        if best.is_none_or(|(first, _)| at < first) {
                            best = Some((at, slot));
                        }
                        break;
                    }
                    Some(at) => {
                        self.unlink(slot)?;
                        self.place(slot, at, times)?;
                    }
                    None => self.unlink(slot)?,
                }
            }
        }
        let Some((_, slot)) = best else { return Ok(None) };
        self.unlink(slot)?;
        Ok(Some(slot))
    }

    fn unlink(&self, slot: u32) -> Res<()> {
        let prev = self.prev(slot)?;
        let next = self.next(slot)?;
        if prev & MARK != 0 {
            let list = (prev & !MARK) as usize;
            if list >= LISTS {
                return Err(Corrupt("list out of range"));
            }
            self.put(self.list(list), next)?;
            if next == 0 {
                self.mark(list, false)?;
            }
        } else {
            self.set_next(prev.wrapping_sub(1), next)?;
        }
        if next != 0 {
            self.set_prev(next - 1, prev)?;
        }
        self.set_prev(slot, 0)
    }

    /// Calls `body` with each slot of `list`, which `body` may unlink or link elsewhere.
    fn each(&self, list: usize, mut body: impl FnMut(u32) -> Res<()>) -> Res<()> {
        let mut link = self.get(self.list(list));
        for _ in 0..=self.cap {
            if link == 0 {
                return Ok(());
            }
            let slot = link - 1;
            link = self.next(slot)?;
            body(slot)?;
        }
        Err(Corrupt("a list forms a ring"))
    }

    /// Writes the wake time.
    fn publish(&self, times: &Times<'_>) -> Res<()> {
        let wake = if self.get(self.bitmaps() + 2 * LEVELS) != 0 {
            f64::NEG_INFINITY
        } else {
            self.next_event().map_or(f64::INFINITY, |event| after(event.0))
        };
        times.starts[self.cap].set(wake);
        Ok(())
    }

    fn first(&self, list: usize) -> Res<Option<u32>> {
        let first = self.get(self.list(list));
        if first as usize > self.cap { Err(Corrupt("slot out of range")) } else { Ok(first.checked_sub(1)) }
    }

    /// Notes that `list` holds something, or nothing.
    fn mark(&self, list: usize, holds: bool) -> Res<()> {
        let bit = match list {
            FAR => return Ok(()),
            LATE.. => 2 * LEVELS * 32 + list - LATE,
            _ => list,
        };
        let word = self.bitmaps() + bit / 32;
        let mask = 1 << (bit % 32);
        let was = self.get(word);
        self.put(word, if holds { was | mask } else { was & !mask })
    }

    fn bits(&self, level: usize) -> u64 {
        let at = self.bitmaps() + 2 * level;
        u64::from(self.get(at)) | u64::from(self.get(at + 1)) << 32
    }

    /// The current tick: whatever was linked under an earlier one has been returned, or is late.
    fn tick(&self) -> u64 {
        let at = self.header() + TICK;
        u64::from(self.get(at)) | u64::from(self.get(at + 1)) << 32
    }

    fn set_tick(&self, tick: u64) -> Res<()> {
        let at = self.header() + TICK;
        self.put(at, tick as u32)?;
        self.put(at + 1, (tick >> 32) as u32)
    }

    fn list(&self, list: usize) -> usize {
        2 * self.cap + list
    }

    fn bitmaps(&self) -> usize {
        2 * self.cap + LISTS
    }

    fn header(&self) -> usize {
        2 * self.cap + LISTS + BITMAPS
    }

    fn get(&self, at: usize) -> u32 {
        self.mem[at].get()
    }

    fn put(&self, at: usize, value: u32) -> Res<()> {
        self.mem.get(at).ok_or(Corrupt("position out of range"))?.set(value);
        Ok(())
    }

    fn next(&self, slot: u32) -> Res<u32> {
        Ok(self.slots(0, slot)?.get())
    }

    fn set_next(&self, slot: u32, to: u32) -> Res<()> {
        self.slots(0, slot)?.set(to);
        Ok(())
    }

    fn prev(&self, slot: u32) -> Res<u32> {
        Ok(self.slots(1, slot)?.get())
    }

    fn set_prev(&self, slot: u32, to: u32) -> Res<()> {
        self.slots(1, slot)?.set(to);
        Ok(())
    }

    fn slots(&self, column: usize, slot: u32) -> Res<&'a Cell<u32>> {
        let slots = &self.mem[column * self.cap..][..self.cap];
        slots.get(slot as usize).ok_or(Corrupt("slot out of range"))
    }
}

/// The lowest level that tells two ticks apart, from the bits in which they differ.
fn level_of(difference: u64) -> usize {
    ((difference | 1).ilog2() / BITS) as usize
}

/// The bucket of `tick` in `level`.
fn digit(tick: u64, level: usize) -> usize {
    (tick >> (BITS * level as u32)) as usize & (BUCKETS - 1)
}
