//! A wheel, driven as `lib/` drives it, with a check of each answer; and random operations on it.

use std::cell::Cell;

use heapwise::core::cache::expiry::Wheel;
use proptest::prelude::*;

use crate::common::cells;

/// What one turn of the whole wheel takes.
pub const SPAN: f64 = (1u64 << 36) as f64;

fn tick(time: f64) -> i64 {
    time.floor() as i64
}

/// What `lib/` does with a wheel, and what it may expect.
pub struct Driver {
    pub wheel: Vec<Cell<u32>>,
    pub cap: usize,
    pub starts: Vec<Cell<f64>>,
    pub ttls: Vec<Cell<f64>>,
    /// Whether there is one TTL for all.
    common: bool,
    pub now: f64,
    /// Slots that `schedule` has not been told of yet.
    pub queue: Vec<Cell<u32>>,
    /// Whether the slot has a deadline and was not returned since it got it.
    pub expected: Vec<bool>,
    /// Whether the slot was overdue when it was scheduled, and whether its deadline then moved without a call. Among
    /// such slots the order is not promised.
    overdue: Vec<bool>,
    moved: Vec<bool>,
    /// Whether it has, or was linked by, numbers so large that they cannot tell ticks apart. The wheel looks at it again
    /// after what such numbers can tell apart: late, if it has smaller ones by then and there was no call.
    pub blurred: Vec<bool>,
}

impl Driver {
    /// With one TTL for all if there is a `common` one, else with one for each slot.
    pub fn new(cap: usize, common: Option<f64>, now: f64) -> Self {
        let wheel = cells(Wheel::length(cap as u32).unwrap(), 0xdead_beef);
        Wheel::create(&wheel, cap as u32, now).unwrap();
        let starts = vec![Cell::new(f64::NAN); cap + 1];
        starts[cap].set(f64::INFINITY);
        Self {
            wheel,
            cap,
            starts,
            ttls: common.map_or(vec![Cell::new(0.0); cap], |ttl| vec![Cell::new(ttl)]),
            common: common.is_some(),
            now,
            queue: Vec::new(),
            expected: vec![false; cap],
            overdue: vec![false; cap],
            moved: vec![false; cap],
            blurred: vec![false; cap],
        }
    }

    pub fn ttl(&self, slot: usize) -> &Cell<f64> {
        &self.ttls[if self.common { 0 } else { slot }]
    }

    fn deadline(&self, slot: usize) -> f64 {
        self.starts[slot].get() + self.ttl(slot).get()
    }

    pub fn linked(&self, slot: usize) -> bool {
        self.wheel[self.cap + slot].get() != 0
    }

    pub fn wake(&self) -> f64 {
        self.starts[self.cap].get()
    }

    pub fn has_expired(&self, slot: usize) -> bool {
        self.now - self.starts[slot].get() > self.ttl(slot).get()
    }

    /// A new TTL for a slot, whether or not it had one; with the deal by which most of them need no call.
    pub fn set(&mut self, slot: usize, start: f64, ttl: f64) {
        let before = self.deadline(slot);
        self.starts[slot].set(start);
        if !self.common {
            self.ttls[slot].set(ttl);
        }
        let deadline = self.deadline(slot);
        let blurred = start.abs() + self.ttl(slot).get().abs() >= 1e15;
        if self.linked(slot) && deadline >= before {
            self.moved[slot] |= self.overdue[slot] && deadline > before;
            self.blurred[slot] |= blurred;
        } else {
            self.blurred[slot] = blurred;
            self.queue.push(Cell::new(slot as u32));
        }
        self.expected[slot] = deadline.is_finite();
    }

    pub fn flush(&mut self) {
        let wheel = Wheel::open(&self.wheel).unwrap();
        // The queue is longer than what is in it, as in JavaScript.
        let count = self.queue.len();
        self.queue.push(Cell::new(u32::MAX));
        wheel.schedule(&self.starts, &self.ttls, &self.queue, count, self.now).unwrap();
        for cell in &self.queue[..count] {
            let slot = cell.get() as usize;
            assert_eq!(self.linked(slot), self.deadline(slot).is_finite());
            self.overdue[slot] = self.is_behind(slot);
            self.moved[slot] = false;
        }
        self.queue.clear();
    }

    pub fn is_behind(&self, slot: usize) -> bool {
        tick(self.deadline(slot)) < tick(self.now)
    }

    pub fn due(&mut self) -> Option<usize> {
        if !self.queue.is_empty() {
            self.flush();
        }
        let wake = self.wake();
        let wheel = Wheel::open(&self.wheel).unwrap();
        let slot = wheel.due(&self.starts, &self.ttls, self.now).unwrap()? as usize;
        assert!(self.now >= wake, "due before the wake time");
        assert!(self.expected[slot], "returned twice, or without a deadline");
        assert!(self.is_behind(slot) && self.has_expired(slot), "early");
        assert!(!self.linked(slot));
        self.expected[slot] = false;
        self.overdue[slot] = false;
        self.moved[slot] = false;
        Some(slot)
    }

    /// The earliest tick in which something expired that has to come out now.
    fn earliest(&self) -> Option<i64> {
        let out = |slot: &usize| self.expected[*slot] && self.is_behind(*slot) && self.has_expired(*slot);
        (0..self.cap).filter(out).map(|slot| tick(self.deadline(slot))).min()
    }

    /// `due`, with all that it promises for times that double precision can tell apart.
    pub fn checked_due(&mut self) -> Option<usize> {
        let earliest = self.earliest();
        let ordered = !self.moved.contains(&true);
        let slot = self.due();
        assert_eq!(slot.is_some(), earliest.is_some(), "something was lost, or invented");
        match slot {
            Some(slot) if ordered => assert_eq!(Some(tick(self.deadline(slot))), earliest, "order"),
            Some(_) => {}
            None => assert!(self.wake() > self.now, "the wake time does not move on"),
        }
        slot
    }

    fn drain(&mut self) {
        while self.checked_due().is_some() {}
    }

    /// Sleeps from wake to wake until `end`.
    pub fn run_until(&mut self, end: f64) -> usize {
        self.drain();
        let mut wakes = 0;
        while self.wake() <= end {
            self.now = self.wake();
            self.drain();
            wakes += 1;
        }
        wakes
    }

    fn grow(&mut self, by: usize) {
        let cap = self.cap + by;
        let larger = cells(Wheel::length(cap as u32).unwrap(), 0xdead_beef);
        let to = Wheel::create(&larger, cap as u32, self.now).unwrap();
        let mut starts = self.starts[..self.cap].to_vec();
        starts.resize(cap + 1, Cell::new(f64::NAN));
        if !self.common {
            self.ttls.resize(cap, Cell::new(0.0));
        }
        Wheel::open(&self.wheel).unwrap().grow(&to, &starts, &self.ttls, self.now).unwrap();
        (self.starts, self.wheel, self.cap) = (starts, larger, cap);
        self.expected.resize(cap, false);
        self.blurred.resize(cap, false);
        self.moved = vec![false; cap];
        self.overdue = (0..cap).map(|slot| self.linked(slot) && self.is_behind(slot)).collect();
    }

    pub fn check_links(&mut self) {
        self.flush();
        for slot in 0..self.cap {
            assert!(self.linked(slot) || !self.expected[slot], "{slot} is not linked");
        }
    }

    pub fn run(&mut self, op: &Op) {
        match *op {
            Op::Set { slot, start, ttl } => self.set(slot % self.cap, self.now + start, ttl),
            Op::SetMany { first, times, ttl, step } => {
                for n in 0..times {
                    self.set((first + n) % self.cap, self.now, ttl + step * n as f64);
                }
            }
            Op::Forget { slot } => self.set(slot % self.cap, f64::NAN, 0.0),
            Op::Flush => self.flush(),
            Op::Pass(by) => self.now += by,
            Op::Due(times) => {
                for _ in 0..times {
                    self.checked_due();
                }
            }
            Op::Drain => self.drain(),
            Op::Sleep(by) => {
                self.run_until(self.now + by);
            }
            Op::Grow(by) => self.grow(by),
            Op::Check => self.check_links(),
        }
    }
}

#[derive(Debug, Clone)]
pub enum Op {
    Set { slot: usize, start: f64, ttl: f64 },
    SetMany { first: usize, times: usize, ttl: f64, step: f64 },
    Forget { slot: usize },
    Flush,
    Pass(f64),
    Due(usize),
    Drain,
    Sleep(f64),
    Grow(usize),
    Check,
}

/// Spans of time on every level of the wheel and beyond it, in eighths of a millisecond, so that sums are exact.
pub fn span() -> impl Strategy<Value = f64> {
    let eighths = prop_oneof![
        6 => 0u64..600,
        6 => 0u64..100_000,
        3 => 0u64..10_000_000,
        2 => 0u64..100_000_000_000,
        1 => 0u64..8 << 37,
        1 => 0u64..8 << 42,
    ];
    let whole = prop_oneof![Just(0.0), (0..8u32, 0..37u32).prop_map(|(n, bits)| f64::from(n) * (1u64 << bits) as f64)];
    prop_oneof![3 => eighths.prop_map(|n| n as f64 / 8.0), 1 => whole]
}

pub fn op() -> impl Strategy<Value = Op> {
    let slot = || 0usize..1000;
    // Mostly the TTL starts now; sometimes it started long ago, or will start.
    let start = prop_oneof![6 => Just(0.0), 2 => span().prop_map(|span| -span), 1 => span()];
    let ttl = prop_oneof![20 => span(), 1 => Just(f64::INFINITY), 1 => span().prop_map(|span| -span)];
    prop_oneof![
        20 => (slot(), start, ttl).prop_map(|(slot, start, ttl)| Op::Set { slot, start, ttl }),
        4 => (slot(), 1..100usize, span(), prop_oneof![Just(0.0), Just(0.125), Just(1.0), span()])
            .prop_map(|(first, times, ttl, step)| Op::SetMany { first, times, ttl, step }),
        2 => slot().prop_map(|slot| Op::Forget { slot }),
        3 => Just(Op::Flush),
        12 => span().prop_map(Op::Pass),
        2 => prop_oneof![Just(0.125), Just(1.0), Just(64.0), span()].prop_map(|back| Op::Pass(-back)),
        6 => (1..4usize).prop_map(Op::Due),
        6 => Just(Op::Drain),
        4 => span().prop_map(Op::Sleep),
        1 => (0..100usize).prop_map(Op::Grow),
        3 => Just(Op::Check),
    ]
}

/// Where a clock may stand at the beginning: zero, negative, today, near the seam of the wheel's widest turn.
pub fn clock() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.0), Just(-1_000.5), Just(1.76e12), Just(26.0 * SPAN - 20.25), Just(3.0 - SPAN), 0.0..1e6]
        .prop_map(|time: f64| (time * 8.0).floor() / 8.0)
}
