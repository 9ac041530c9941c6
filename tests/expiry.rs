//! The timing wheel against a model that knows nothing but deadlines: everything that expires comes out, once, in order,
//! not early, and never later than a look at the wake time finds it.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod common;

use std::cell::Cell;

use heapwise::core::cache::expiry::{HEADER, MAX_SLOTS, Wheel};
use proptest::prelude::*;

use common::{cells, config, mutilate, wreck};

/// What one turn of the whole wheel takes.
const SPAN: f64 = (1u64 << 36) as f64;

fn tick(time: f64) -> i64 {
    time.floor() as i64
}

/// What `lib/` does with a wheel, and what it may expect.
struct Driver {
    wheel: Vec<Cell<u32>>,
    cap: usize,
    starts: Vec<Cell<f64>>,
    ttls: Vec<Cell<f64>>,
    /// Whether there is one TTL for all.
    common: bool,
    now: f64,
    /// Slots that `schedule` has not been told of yet.
    queue: Vec<Cell<u32>>,
    /// Whether the slot has a deadline and was not returned since it got it.
    expected: Vec<bool>,
    /// Whether the slot was overdue when it was scheduled, and whether its deadline then moved without a call. Among
    /// such slots the order is not promised.
    overdue: Vec<bool>,
    moved: Vec<bool>,
}

impl Driver {
    /// With one TTL for all if there is a `common` one, else with one for each slot.
    fn new(cap: usize, common: Option<f64>, now: f64) -> Self {
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
        }
    }

    fn ttl(&self, slot: usize) -> &Cell<f64> {
        &self.ttls[if self.common { 0 } else { slot }]
    }

    fn deadline(&self, slot: usize) -> f64 {
        self.starts[slot].get() + self.ttl(slot).get()
    }

    fn linked(&self, slot: usize) -> bool {
        self.wheel[self.cap + slot].get() != 0
    }

    fn wake(&self) -> f64 {
        self.starts[self.cap].get()
    }

    fn has_expired(&self, slot: usize) -> bool {
        self.now - self.starts[slot].get() > self.ttl(slot).get()
    }

    /// A new TTL for a slot, whether or not it had one; with the deal by which most of them need no call.
    fn set(&mut self, slot: usize, start: f64, ttl: f64) {
        let before = self.deadline(slot);
        self.starts[slot].set(start);
        if !self.common {
            self.ttls[slot].set(ttl);
        }
        let deadline = self.deadline(slot);
        if self.linked(slot) && deadline >= before {
            self.moved[slot] |= self.overdue[slot] && deadline > before;
        } else {
            self.queue.push(Cell::new(slot as u32));
        }
        self.expected[slot] = deadline.is_finite();
    }

    fn flush(&mut self) {
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

    fn is_behind(&self, slot: usize) -> bool {
        tick(self.deadline(slot)) < tick(self.now)
    }

    fn due(&mut self) -> Option<usize> {
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
    fn checked_due(&mut self) -> Option<usize> {
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
    fn run_until(&mut self, end: f64) -> usize {
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
        self.moved = vec![false; cap];
        self.overdue = (0..cap).map(|slot| self.linked(slot) && self.is_behind(slot)).collect();
    }

    fn check_links(&mut self) {
        self.flush();
        for slot in 0..self.cap {
            assert!(self.linked(slot) || !self.expected[slot], "{slot} is not linked");
        }
    }

    fn run(&mut self, op: &Op) {
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
enum Op {
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
fn span() -> impl Strategy<Value = f64> {
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

fn op() -> impl Strategy<Value = Op> {
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
fn clock() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.0), Just(-1_000.5), Just(1.76e12), Just(26.0 * SPAN - 20.25), Just(3.0 - SPAN), 0.0..1e6]
        .prop_map(|time: f64| (time * 8.0).floor() / 8.0)
}

proptest! {
    #![proptest_config(config(1_500))]

    #[test]
    fn what_expires_comes_out(
        cap in 1usize..120,
        common in prop::option::of(span()),
        now in clock(),
        ops in prop::collection::vec(op(), 1..80),
    ) {
        let mut driver = Driver::new(cap, common, now);
        ops.iter().for_each(|op| driver.run(op));
        driver.check_links();
        // Asleep to the end, the wheel gives up all that has a deadline, after few wakes: as a slot moves down the levels,
        // twice if its deadline has moved; and at each turn of the whole wheel.
        let linked = (0..driver.cap).filter(|slot| driver.linked(*slot)).count();
        let now = driver.now;
        let wakes = driver.run_until(f64::MAX) as f64;
        prop_assert!(wakes <= 14.0 * linked as f64 + (driver.now - now) / SPAN, "{} wakes, {} slots", wakes, linked);
        prop_assert!(!driver.expected.contains(&true));
        prop_assert_eq!(driver.wake(), f64::INFINITY);
    }
}

/// Any double, with the strange ones often.
fn double() -> impl Strategy<Value = f64> {
    let strange = prop::sample::select(vec![
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::MAX,
        f64::MIN,
        1e300,
        -1e300,
        9.3e18,
        -9.3e18,
        9e15,
        -0.0,
        f64::MIN_POSITIVE,
    ]);
    prop_oneof![2 => strange, 2 => any::<f64>(), 1 => -1e19..1e19, 2 => -1e5..1e5]
}

proptest! {
    #![proptest_config(config(1_500))]

    /// Whatever the numbers are: nothing fails, nothing is early or comes twice, and what they can tell apart comes out.
    #[test]
    fn any_numbers_are_taken(
        cap in 1usize..20,
        common in prop::option::of(double()),
        steps in prop::collection::vec((double(), prop::collection::vec((0..20usize, double(), double()), 0..8)), 1..30),
    ) {
        let mut driver = Driver::new(cap, common, steps[0].0);
        for (now, sets) in steps {
            driver.now = now;
            for (slot, start, ttl) in sets {
                driver.set(slot % cap, start, ttl);
            }
            for _ in 0..=cap {
                if driver.due().is_none() {
                    prop_assert!(driver.wake() > now || now.is_nan() || now >= 9.2e18, "{} {}", driver.wake(), now);
                    break;
                }
            }
        }
        driver.now = f64::MAX;
        while driver.due().is_some() {}
        for slot in 0..cap {
            let size = driver.starts[slot].get().abs() + driver.ttl(slot).get().abs();
            prop_assert!(!driver.expected[slot] || size >= 1e15, "{} is left", slot);
        }
    }
}

#[test]
fn one_entry_wakes_at_most_seven_times() {
    let mut spans = vec![0.0, 0.5];
    for bits in 0..37 {
        let power = (1u64 << bits) as f64;
        spans.extend([power - 1.0, power, power + 0.5, power * 1.5]);
    }
    for now in [0.0, 0.75, 1.76e12, -5.0e9] {
        for span in &spans {
            let mut driver = Driver::new(1, Some(*span), now);
            driver.set(0, now, *span);
            driver.flush();
            let wakes = driver.run_until(f64::MAX);
            assert!(wakes <= 7, "{wakes} wakes for {span}");
            assert_eq!(driver.now, (now + span).floor() + 1.0);
        }
    }
}

#[test]
fn entries_that_share_a_deadline_come_out_in_linear_time() {
    // If a slot cost a walk through its bucket, this would be ten thousand million steps, and not end.
    let cap = 100_000;
    let mut driver = Driver::new(cap, Some(3_600_000.0), 5.0);
    for slot in 0..cap {
        driver.set(slot, 5.0, 0.0);
    }
    driver.flush();
    driver.now = 3_600_005.0;
    assert_eq!(driver.due(), None);
    driver.now += 1.0;
    let mut count = 0;
    while driver.due().is_some() {
        count += 1;
    }
    assert_eq!((count, driver.wake()), (cap, f64::INFINITY));
}

#[test]
fn overdue_entries_come_out_sorted() {
    let cap = 20_000;
    let mut driver = Driver::new(cap, Some(0.5), 1e9);
    for slot in 0..cap {
        driver.set(slot, 1e6 + (slot * 7919 % cap) as f64 * 3.0, 0.5);
        if slot % 1000 == 999 {
            driver.flush();
        }
    }
    assert_eq!(driver.wake(), f64::NEG_INFINITY);
    for n in 0..cap {
        let slot = driver.due().unwrap();
        assert_eq!(slot * 7919 % cap, n);
    }
    assert_eq!(driver.due(), None);
}

#[test]
fn overdue_entries_come_before_what_expires_now() {
    let mut driver = Driver::new(4, None, 1000.0);
    driver.set(0, 1000.0, 1.0);
    driver.due();
    driver.now = 1010.0;
    driver.set(1, 0.0, 500.0);
    driver.set(2, 0.0, 400.0);
    driver.set(3, 0.0, 1005.0);
    let order: Vec<usize> = std::iter::from_fn(|| driver.due()).collect();
    assert_eq!(order, [2, 1, 0, 3]);
}

#[test]
fn a_clock_that_goes_back_is_followed() {
    let mut driver = Driver::new(3, None, 1.76e12);
    driver.set(0, 1.76e12, 1_000.0);
    driver.set(1, 1.75e12, 1_000.0);
    driver.flush();
    driver.now = 0.0;
    driver.set(2, 0.0, 1_000.0);
    // What was overdue is so no more.
    assert_eq!(driver.due(), None);
    assert_eq!(driver.run_until(1_001.0), 2);
    assert!(driver.expected[0] && driver.expected[1] && !driver.expected[2]);
    driver.run_until(f64::MAX);
    assert_eq!(driver.now, 1.76e12 + 1_001.0);
    assert!(!driver.expected.contains(&true));
}

#[test]
fn what_lies_beyond_the_wheel_is_found_in_one_jump() {
    // Far apart, so that a wheel that turned step by step would turn for ever.
    let mut driver = Driver::new(50, None, 0.0);
    for slot in 0..50 {
        driver.set(slot, 0.0, 1e14 * (slot + 1) as f64);
    }
    driver.flush();
    driver.now = 9e15;
    for slot in 0..50 {
        assert_eq!(driver.checked_due(), Some(slot));
    }
    assert_eq!(driver.checked_due(), None);
}

#[test]
fn a_deadline_that_moves_later_needs_no_call() {
    let mut driver = Driver::new(1, None, 0.0);
    driver.set(0, 0.0, 100.0);
    driver.flush();
    for n in 1..50 {
        driver.now = f64::from(n) * 60.0;
        driver.set(0, driver.now, 100.0);
        assert!(driver.queue.is_empty());
        assert_eq!(driver.checked_due(), None);
    }
    driver.run_until(f64::MAX);
    assert_eq!(driver.now, 49.0 * 60.0 + 101.0);
}

#[test]
fn rounding_does_not_lose_an_entry() {
    // start + ttl is below 1, yet 1 - start is not above ttl.
    let mut driver = Driver::new(1, Some(1.0), 0.0);
    driver.set(0, -1e-16, 1.0);
    driver.flush();
    driver.now = 1.0;
    assert!(driver.is_behind(0) && !driver.has_expired(0));
    assert_eq!(driver.due(), None);
    assert_eq!(driver.wake(), 2.0);
    driver.now = 2.0;
    assert_eq!(driver.due(), Some(0));
}

#[test]
fn times_that_rounding_blurs_cost_few_wakes() {
    // The sum is 0, but the difference does not exceed the TTL before the clock can be told from 0 beside 1e300.
    let mut driver = Driver::new(1, None, 10.0);
    driver.set(0, -1e300, 1e300);
    driver.flush();
    assert_eq!(driver.run_until(1e6), 0);
    assert!(driver.linked(0));
}

#[test]
fn times_that_rounding_blurs_come_out_as_soon_as_they_can_be_told_apart() {
    // Found on a low level of the wheel, and beyond it.
    for (size, later) in [(9.3e18, 8_245.9), (1e28, 1e13)] {
        let mut driver = Driver::new(1, None, 10.0);
        driver.set(0, -size, size);
        assert_eq!(driver.due(), None);
        driver.now = later;
        assert_eq!(driver.due(), Some(0));
    }
}

#[test]
fn the_wake_time_is_after_ticks_that_doubles_skip() {
    let now = (1u64 << 53) as f64;
    let mut driver = Driver::new(1, None, now);
    driver.set(0, now, 0.0);
    assert_eq!(driver.due(), None);
    assert_eq!(driver.wake(), now + 2.0);
    driver.now = driver.wake();
    assert_eq!(driver.due(), Some(0));
}

#[test]
fn one_call_may_move_everything_down_all_levels() {
    let cap = 1_000;
    let mut driver = Driver::new(cap, Some(SPAN - 1.0), 0.0);
    for slot in 0..cap {
        driver.set(slot, 0.0, 0.0);
    }
    driver.flush();
    driver.now = SPAN + 5.0;
    assert!(driver.checked_due().is_some());
}

#[test]
fn late_entries_wait_their_turn_after_the_clock_went_back() {
    let mut driver = Driver::new(2, None, 1_000.0);
    driver.set(0, 0.0, 900.0);
    driver.flush();
    driver.now = 500.0;
    driver.set(1, 500.0, 100.0);
    driver.flush();
    assert!(driver.wake() > 500.0, "nothing is overdue any more");
    driver.now = 2_000.0;
    assert_eq!((driver.due(), driver.due(), driver.due()), (Some(1), Some(0), None));
}

#[test]
fn lengths() {
    assert_eq!(Wheel::length(MAX_SLOTS + 1), None);
    assert!(u32::try_from(Wheel::length(MAX_SLOTS).unwrap()).is_ok());
    assert_eq!(Wheel::length(1000).unwrap() - Wheel::length(0).unwrap(), 2000);
    let right = Wheel::length(7).unwrap();
    for length in [0, HEADER, right - 1, right + 1] {
        assert!(Wheel::create(&cells(length, 0), 7, 0.0).is_err());
        assert!(Wheel::open(&cells(length, 0)).is_err());
    }
}

#[test]
fn arrays_that_do_not_fit_are_refused() {
    let driver = Driver::new(3, None, 0.0);
    let wheel = Wheel::open(&driver.wheel).unwrap();
    let times = vec![Cell::new(0.0); 5];
    let queue = cells(2, 3);
    for (starts, ttls) in [(3, 3), (5, 3), (4, 2), (4, 0), (4, 4)] {
        assert!(wheel.due(&times[..starts], &times[..ttls], 0.0).is_err());
        assert!(wheel.schedule(&times[..starts], &times[..ttls], &queue, 0, 0.0).is_err());
    }
    assert!(wheel.schedule(&times[..4], &times[..3], &queue, 3, 0.0).is_err(), "count beyond the queue");
    assert!(wheel.schedule(&times[..4], &times[..3], &queue, 1, 0.0).is_err(), "slot that does not exist");
    let smaller = cells(Wheel::length(2).unwrap(), 0);
    let to = Wheel::create(&smaller, 2, 0.0).unwrap();
    assert!(wheel.grow(&to, &times[..3], &times[..2], 0.0).is_err(), "a wheel cannot shrink");
}

/// Every entry point on arrays that may hold anything. They return; that is all that is asked.
fn prod(mem: &[Cell<u32>], starts: &[Cell<f64>], ttls: &[Cell<f64>], queue: &[Cell<u32>], now: f64) {
    let Ok(wheel) = Wheel::open(mem) else { return };
    let _ = wheel.schedule(starts, ttls, queue, queue.len(), now);
    for n in 0..20 {
        let _ = wheel.due(starts, ttls, now + f64::from(n * n * n) - 10.0);
    }
    let _ = wheel.schedule(starts, ttls, mem, mem.len(), now);
    let cap = starts.len() - 1 + 10;
    let larger = cells(Wheel::length(cap as u32).unwrap(), 0);
    let to = Wheel::create(&larger, cap as u32, now).unwrap();
    let mut more = starts.to_vec();
    more.resize(cap + 1, Cell::new(0.0));
    let _ = wheel.grow(&to, &more, &ttls[..1], now);
    // A wheel that grows into itself.
    let _ = wheel.grow(&wheel, starts, ttls, now);
    let _ = wheel.due(starts, ttls, f64::MAX);
}

proptest! {
    #![proptest_config(config(2_000))]

    #[test]
    fn a_damaged_wheel_is_survived(
        cap in 1usize..40,
        now in clock(),
        ops in prop::collection::vec(op(), 0..30),
        damage in wreck(),
        queue in prop::collection::vec(0u32..45, 0..20),
    ) {
        let mut driver = Driver::new(cap, None, now);
        ops.iter().for_each(|op| driver.run(op));
        mutilate(&driver.wheel, &damage, &[driver.wheel.len() - HEADER]);
        let queue: Vec<Cell<u32>> = queue.into_iter().map(Cell::new).collect();
        prod(&driver.wheel, &driver.starts, &driver.ttls, &queue, driver.now);
    }

    /// Arbitrary content, of values that look like links, or of any.
    #[test]
    fn any_content_is_survived(
        cap in 0usize..20,
        fill in prop::collection::vec(
            prop_oneof![4 => 0u32..24, 1 => (0u32..450).prop_map(|list| list | 1 << 31), 1 => any::<u32>()],
            1..500,
        ),
        times in prop::collection::vec(double(), 1..60),
        now in double(),
    ) {
        let mem: Vec<Cell<u32>> =
            (0..Wheel::length(cap as u32).unwrap()).map(|i| Cell::new(fill[i % fill.len()])).collect();
        mem[mem.len() - HEADER].set(cap as u32);
        prop_assert!(Wheel::open(&mem).is_ok());
        let starts: Vec<Cell<f64>> = (0..=cap).map(|i| Cell::new(times[i % times.len()])).collect();
        prod(&mem, &starts, &[Cell::new(times[0])], &cells(3, fill[0]), now);
    }
}
