//! The timing wheel against a model that knows nothing but deadlines: everything that expires comes out, once, in order,
//! not early, and never later than a look at the wake time finds it.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

#[path = "../common/mod.rs"]
mod common;
mod driver;

use std::cell::Cell;

use heapwise::core::cache::expiry::{HEADER, MAX_SLOTS, Wheel};
use proptest::prelude::*;

use common::{cells, config, mutilate, wreck};
use driver::{Driver, SPAN, clock, op, span};

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
            prop_assert!(!driver.expected[slot] || driver.blurred[slot], "{} is left", slot);
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
