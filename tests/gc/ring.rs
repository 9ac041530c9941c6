//! Against a list, and with readers in other threads.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use heapwise::core::ring::Ring;
use proptest::prelude::*;

fn row(number: u64) -> [f64; 5] {
    [0, 1, 2, 3, 4].map(|offset| (number * 7 + offset) as f64)
}

proptest! {
    #[test]
    fn the_newest_are_there(rows in 0..40_usize, pushes in 0..200_u64) {
        let ring = Ring::<5>::new(rows);
        for number in 0..pushes {
            ring.push(&row(number));
        }
        let room = rows.max(1) as u64;
        prop_assert_eq!(ring.written(), pushes);
        prop_assert_eq!(ring.oldest(), pushes.saturating_sub(room));
        for number in 0..pushes + 3 {
            let there = number < pushes && number + room >= pushes;
            prop_assert_eq!(ring.read(number), there.then(|| row(number)), "row {}", number);
        }
    }
}

#[test]
fn nobody_sees_half_a_row() {
    let ring = Ring::<5>::new(4);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let readers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut seen = 0_u64;
                    while !done.load(Ordering::Relaxed) {
                        for number in ring.oldest()..ring.written() {
                            if let Some(found) = ring.read(number) {
                                assert_eq!(found, row(number));
                                seen += 1;
                            }
                        }
                        thread::yield_now();
                    }
                    seen
                })
            })
            .collect();
        for number in 0..300_000 {
            ring.push(&row(number));
            if number % 1000 == 0 {
                thread::yield_now();
            }
        }
        done.store(true, Ordering::Relaxed);
        let seen: Result<Vec<u64>, _> = readers.into_iter().map(|reader| reader.join()).collect();
        assert!(seen.is_ok_and(|seen| seen.iter().sum::<u64>() > 0), "half a row, or nobody read anything");
    });
}
