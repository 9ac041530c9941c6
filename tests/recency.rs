//! The access log against the `lru` crate: the same victim and the same order, whatever happens.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod common;

use std::cell::Cell;
use std::collections::HashMap;

use heapwise::core::cache::recency::{HEADER, Ledger, MAX_SLOTS, NONE, Shape, VACANT};
use lru::LruCache;
use proptest::prelude::*;

use common::{cells, config, mutilate, wreck};

/// End of the list of vacant slots.
const END: u32 = VACANT - 1;

/// What `lib/` does with a ledger, call for call.
struct Driver {
    mem: Vec<Cell<u32>>,
    cap: u32,
    head: u32,
    head_end: u32,
    tail: u32,
    tail_end: u32,
    /// Vacant slots are a list through `last`, as in JavaScript; `fresh` is the first slot that was never used.
    free: u32,
    fresh: u32,
}

impl Driver {
    fn new(cap: u32) -> Self {
        let shape = Shape::for_slots(cap).unwrap();
        let mem = cells(shape.length(), 0xdead_beef);
        Ledger::create(&mem, shape).unwrap();
        let mut driver = Self { mem, cap, head: 0, head_end: 0, tail: 0, tail_end: 0, free: END, fresh: 0 };
        driver.reload();
        driver
    }

    fn ledger(&self) -> Ledger<'_> {
        Ledger::open(&self.mem).unwrap()
    }

    fn reload(&mut self) {
        let header = self.mem.len() - HEADER;
        let field = |i: usize| self.mem[header + i].get();
        (self.head, self.head_end, self.tail, self.tail_end) = (field(0), field(1), field(2), field(3));
    }

    fn touch(&mut self, slot: u32) {
        self.mem[self.head as usize].set(slot);
        self.mem[slot as usize].set(self.head);
        self.head += 1;
        if self.head == self.head_end {
            self.turn();
        }
    }

    fn turn(&mut self) {
        self.ledger().turn(self.head, self.tail).unwrap();
        self.reload();
    }

    fn victim(&mut self) -> u32 {
        loop {
            let end = if self.tail_end == self.head_end { self.head } else { self.tail_end };
            while self.tail < end {
                let at = self.tail;
                self.tail += 1;
                let slot = self.mem[at as usize].get();
                if self.mem[slot as usize].get() == at {
                    return slot;
                }
            }
            self.ledger().next_tail(self.head).unwrap();
            self.reload();
        }
    }

    fn delete(&mut self, slot: u32) {
        self.mem[slot as usize].set(VACANT | self.free);
        self.free = slot;
    }

    /// A vacant slot, not yet touched.
    fn allocate(&mut self) -> Option<u32> {
        if self.free != END {
            let slot = self.free;
            self.free = self.mem[slot as usize].get() & !VACANT;
            Some(slot)
        } else if self.fresh < self.cap {
            self.fresh += 1;
            Some(self.fresh - 1)
        } else {
            None
        }
    }

    fn grow(&mut self, cap: u32) {
        let shape = Shape::for_slots(cap).unwrap();
        let mem = cells(shape.length(), 0xdead_beef);
        let to = Ledger::create(&mem, shape).unwrap();
        self.ledger().grow(self.head, &to).unwrap();
        self.mem = mem;
        self.cap = cap;
        self.reload();
    }

    fn listing(&self, newest_first: bool, limit: usize) -> Vec<u32> {
        let out = cells(limit, 0);
        let count = if newest_first {
            self.ledger().newest_first(self.head, &out)
        } else {
            self.ledger().oldest_first(self.head, &out)
        };
        out[..count.unwrap()].iter().map(Cell::get).collect()
    }
}

/// A driver beside the oracle.
struct Pair {
    driver: Driver,
    oracle: LruCache<u32, ()>,
    /// The slots in use, so that one can be picked by a random number; and where in this list each of them is.
    used: Vec<u32>,
    places: HashMap<u32, usize>,
}

impl Pair {
    fn new(cap: u32) -> Self {
        Self { driver: Driver::new(cap), oracle: LruCache::unbounded(), used: Vec::new(), places: HashMap::new() }
    }

    fn pick(&self, n: usize) -> Option<u32> {
        if self.used.is_empty() { None } else { Some(self.used[n % self.used.len()]) }
    }

    fn touch(&mut self, slot: u32) {
        self.driver.touch(slot);
        self.oracle.get(&slot).unwrap();
    }

    fn enter(&mut self, slot: u32) {
        self.driver.touch(slot);
        assert!(self.oracle.put(slot, ()).is_none());
        self.places.insert(slot, self.used.len());
        self.used.push(slot);
    }

    fn leave(&mut self, slot: u32) {
        let place = self.places.remove(&slot).unwrap();
        self.used.swap_remove(place);
        if let Some(moved) = self.used.get(place) {
            self.places.insert(*moved, place);
        }
    }

    fn victim(&mut self) -> u32 {
        let slot = self.driver.victim();
        assert_eq!(self.oracle.pop_lru().map(|(slot, ())| slot), Some(slot), "victim");
        self.leave(slot);
        slot
    }

    fn insert(&mut self) {
        let slot = self.driver.allocate().unwrap_or_else(|| self.victim());
        self.enter(slot);
    }

    fn delete(&mut self, slot: u32) {
        self.driver.delete(slot);
        self.oracle.pop(&slot).unwrap();
        self.leave(slot);
    }

    fn evict(&mut self) {
        if !self.used.is_empty() {
            let slot = self.victim();
            self.driver.delete(slot);
        }
    }

    fn check(&self, limit: usize) {
        let newest: Vec<u32> = self.oracle.iter().map(|(slot, ())| *slot).take(limit).collect();
        assert_eq!(self.driver.listing(true, limit), newest, "newest first");
        let oldest: Vec<u32> = self.oracle.iter().rev().map(|(slot, ())| *slot).take(limit).collect();
        assert_eq!(self.driver.listing(false, limit), oldest, "oldest first");
    }

    fn run(&mut self, op: &Op) {
        match *op {
            Op::Insert(times) => (0..times).for_each(|_| self.insert()),
            Op::Touch { first, width, times } => {
                for n in 0..times {
                    // A stride that is odd and not near a round number, so that the order is no simple cycle.
                    if let Some(slot) = self.pick(first + n * 7919 % width) {
                        self.touch(slot);
                    }
                }
            }
            Op::Delete { first, times } => {
                for n in 0..times {
                    if let Some(slot) = self.pick(first + n * 31) {
                        self.delete(slot);
                    }
                }
            }
            Op::Evict(times) => (0..times).for_each(|_| self.evict()),
            Op::Grow(by) => self.driver.grow(self.driver.cap + by),
            Op::Turn => self.driver.turn(),
            Op::Check(limit) => self.check(limit),
        }
    }

    /// Evicts all that is left: the whole order, once more.
    fn drain(&mut self) {
        self.check(self.used.len() + 1);
        while !self.used.is_empty() {
            self.evict();
        }
        self.check(1);
        let vacant = std::iter::from_fn(|| self.driver.allocate()).count();
        assert_eq!(vacant, self.driver.cap as usize, "vacant slots were lost");
    }
}

#[derive(Debug, Clone)]
enum Op {
    Insert(usize),
    Touch {
        first: usize,
        width: usize,
        times: usize,
    },
    Delete {
        first: usize,
        times: usize,
    },
    Evict(usize),
    Grow(u32),
    /// With the segment only half written, which JavaScript does not do.
    Turn,
    Check(usize),
}

/// Operations, of which a bulk one covers up to `scale` entries.
fn op(scale: usize) -> impl Strategy<Value = Op> {
    let any = || 0..usize::MAX / 16;
    prop_oneof![
        8 => (1..=scale).prop_map(Op::Insert),
        8 => Just(Op::Insert(1)),
        12 => any().prop_map(|first| Op::Touch { first, width: 1, times: 1 }),
        8 => (any(), 1..=scale, 1..=4 * scale).prop_map(|(first, width, times)| Op::Touch { first, width, times }),
        6 => any().prop_map(|first| Op::Delete { first, times: 1 }),
        2 => (any(), 1..=scale).prop_map(|(first, times)| Op::Delete { first, times }),
        4 => Just(Op::Evict(1)),
        2 => (1..=scale).prop_map(Op::Evict),
        1 => (0..=scale as u32).prop_map(Op::Grow),
        1 => Just(Op::Turn),
        3 => (0..=scale).prop_map(Op::Check),
    ]
}

proptest! {
    #![proptest_config(config(256))]

    /// Small ledgers, where every edge of a segment is near.
    #[test]
    fn small_caches_keep_the_order(cap in 1u32..80, ops in prop::collection::vec(op(90), 1..120)) {
        let mut pair = Pair::new(cap);
        ops.iter().for_each(|op| pair.run(op));
        pair.drain();
    }
}

proptest! {
    #![proptest_config(config(40))]

    /// Ledgers of many segments, cleaned over and over.
    #[test]
    fn large_caches_keep_the_order(
        cap in prop_oneof![200u32..300, 300u32..6_000, 8_000u32..8_400],
        ops in prop::collection::vec(op(3_000), 1..60),
    ) {
        let mut pair = Pair::new(cap);
        ops.iter().for_each(|op| pair.run(op));
        pair.drain();
    }
}

#[test]
fn a_full_log_is_cleaned_for_ever() {
    for cap in [1, 2, 3, 15, 16, 17, 256, 257, 1000] {
        let mut pair = Pair::new(cap);
        (0..cap).for_each(|_| pair.insert());
        // The first entry is not touched again: each cleaning carries it along, and it must be the first victim.
        let others = (cap as usize - 1).max(1);
        for n in 0..60 * cap as usize {
            let slot = pair.used[(1 + n * 13 % others) % cap as usize];
            pair.touch(slot);
        }
        pair.check(cap as usize);
        pair.drain();
    }
}

#[test]
fn the_newest_entry_may_be_the_only_one() {
    let mut pair = Pair::new(100);
    for _ in 0..2_000 {
        pair.insert();
        pair.touch(pair.used[0]);
        pair.evict();
    }
    pair.drain();
}

#[test]
fn a_scan_passes_each_segment_once() {
    let mut driver = Driver::new(1000);
    let (mut written, mut passed) = (0, 0);
    for n in 0..50_000 {
        let slot = driver.allocate().unwrap_or_else(|| {
            let before = driver.tail_end;
            let slot = driver.victim();
            passed += usize::from(driver.tail_end != before);
            slot
        });
        assert_eq!(slot, n % 1000);
        written += usize::from(driver.head + 1 == driver.head_end);
        driver.touch(slot);
    }
    assert!(passed <= written, "{passed} passed, {written} written");
}

#[test]
fn dead_segments_are_passed_in_one_call() {
    let mut driver = Driver::new(1000);
    let slots: Vec<u32> = (0..1000).map(|_| driver.allocate().unwrap()).collect();
    slots.iter().for_each(|slot| driver.touch(*slot));
    // The third segment keeps one entry; those before it keep none.
    slots.iter().filter(|slot| **slot != 600).for_each(|slot| driver.delete(*slot));
    driver.tail = driver.tail_end;
    driver.ledger().next_tail(driver.head).unwrap();
    driver.reload();
    assert_eq!((driver.mem[driver.tail as usize].get(), driver.tail_end), (600, driver.tail + 1));
    assert_eq!(driver.victim(), 600);
}

#[test]
fn shapes_fit_their_arrays() {
    assert_eq!(Shape::for_slots(0), Shape::for_slots(1));
    assert_eq!(Shape::for_slots(MAX_SLOTS + 1), None);
    for cap in [1, 2, 31, 32, 256, 257, 8192, 8193, 65_536, 65_537, 1 << 24, MAX_SLOTS] {
        let length = Shape::for_slots(cap).unwrap().length();
        // Every position must be below VACANT; and with less than half as many log entries again as slots, the log would be
        // cleaned all the time.
        assert!(length < VACANT as usize, "{cap}: {length}");
        assert!(2 * length >= 5 * cap as usize, "{cap}: {length}");
        if cap > 65_536 {
            // What an entry costs in memory.
            assert!(length as f64 <= 3.2 * f64::from(cap), "{cap}: {length}");
        }
    }
}

#[test]
fn wrong_lengths_are_refused() {
    let shape = Shape::for_slots(10).unwrap();
    for length in [0, 1, HEADER - 1, HEADER, shape.length() - 1, shape.length() + 1] {
        assert!(Ledger::create(&cells(length, 0), shape).is_err());
    }
    for length in [0, 1, HEADER - 1, HEADER + 1, 1000] {
        assert!(Ledger::open(&cells(length, 0)).is_err());
    }
}

#[test]
fn a_ledger_cannot_shrink() {
    let driver = Driver::new(20);
    let shape = Shape::for_slots(10).unwrap();
    let mem = cells(shape.length(), 0);
    let to = Ledger::create(&mem, shape).unwrap();
    assert!(driver.ledger().grow(driver.head, &to).is_err());
}

#[test]
fn an_empty_ledger_has_no_victim() {
    let driver = Driver::new(20);
    let error = driver.ledger().next_tail(driver.head).unwrap_err();
    assert!(error.to_string().contains("no entry left"), "{error}");
    assert!(driver.mem[..20].iter().all(|last| last.get() == NONE));
}

/// Every entry point on `mem`, which may hold anything. They return; that is all that is asked.
fn prod(mem: &[Cell<u32>], head: u32, tail: u32) {
    let Ok(ledger) = Ledger::open(mem) else { return };
    let out = cells(64, 0);
    let _ = ledger.turn(head, tail);
    let _ = ledger.newest_first(ledger.head(), &out);
    let _ = ledger.oldest_first(head, &out);
    let _ = ledger.next_tail(ledger.head());
    let _ = ledger.next_tail(head);
    let _ = ledger.turn(ledger.head(), tail);
    let shape = Shape::for_slots(100).unwrap();
    let larger = cells(shape.length(), 0);
    let to = Ledger::create(&larger, shape).unwrap();
    let _ = ledger.grow(head, &to);
    let _ = to.grow(to.head(), &ledger);
    // The order written over the ledger itself, and a ledger that grows into itself.
    let _ = ledger.oldest_first(head, mem);
    let _ = ledger.grow(head, &ledger);
}

proptest! {
    #![proptest_config(config(2_000))]

    #[test]
    fn a_damaged_ledger_is_survived(
        cap in 1u32..60,
        ops in prop::collection::vec(op(40), 0..20),
        damage in wreck(),
        head in any::<u32>(),
        tail in any::<u32>(),
    ) {
        let mut pair = Pair::new(cap);
        ops.iter().for_each(|op| pair.run(op));
        let Driver { mem, head: true_head, .. } = pair.driver;
        mutilate(&mem, &damage, &[4, 5, 6].map(|field| mem.len() - HEADER + field));
        prod(&mem, true_head, tail);
        prod(&mem, head, tail);
    }

    #[test]
    fn any_array_is_survived(values in prop::collection::vec(any::<u32>(), 0..300), head in any::<u32>()) {
        let mem: Vec<Cell<u32>> = values.into_iter().map(Cell::new).collect();
        prod(&mem, head, head);
    }

    /// A header that fits, with any shape, over arbitrary content.
    #[test]
    fn any_shape_is_survived(
        cap in 0u32..40,
        segs in 0u32..12,
        shift in 0u32..5,
        fill in prop::collection::vec(prop_oneof![0u32..100, any::<u32>()], 1..40),
        head in prop_oneof![0u32..300, any::<u32>()],
    ) {
        let length = cap as usize + ((segs as usize) << shift) + 3 * segs as usize + HEADER;
        let mem: Vec<Cell<u32>> = (0..length).map(|i| Cell::new(fill[i % fill.len()])).collect();
        for (field, value) in [(4, cap), (5, segs), (6, shift)] {
            mem[length - HEADER + field].set(value);
        }
        prop_assert!(Ledger::open(&mem).is_ok());
        prod(&mem, head, head);
    }
}
