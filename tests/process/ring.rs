//! The ring, against a list, and with readers while it is written.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use heapwise::core::process::ring::Writer;
use heapwise::core::process::{Column, Sample, WIDTH};
use proptest::prelude::*;

use crate::cases;

/// Sample `number`, each number of which is another, and says which sample it is of.
fn numbered(number: u64) -> Sample {
    Sample(std::array::from_fn(|column| (number * WIDTH as u64 + column as u64) as f64))
}

fn number_of(sample: &Sample) -> u64 {
    let number = sample[Column::At] as u64 / WIDTH as u64;
    assert_eq!(sample.0, numbered(number).0, "a mixture");
    number
}

proptest! {
    #![proptest_config(cases::config(300))]

    #[test]
    fn the_last_samples_are_there_and_no_others(capacity in 0..9_usize, count in 0..40_u64, look in 0..60_u64) {
        let mut writer = Writer::new(capacity);
        let ring = writer.ring();
        for number in 0..count {
            writer.push(&numbered(number));
        }
        prop_assert_eq!(ring.written(), count);
        let capacity = capacity.max(1) as u64;
        let there = look < count && look + capacity >= count;
        prop_assert_eq!(ring.get(look).map(|sample| number_of(&sample)), there.then_some(look));
        prop_assert_eq!(ring.oldest(look), look.max(count.saturating_sub(capacity)));
    }
}

#[test]
fn what_is_not_known_comes_back_as_such() {
    let mut writer = Writer::new(2);
    writer.push(&Sample::UNKNOWN);
    assert!(writer.ring().get(0).unwrap().0.iter().all(|number| number.is_nan()));
    assert!(writer.ring().get(1).is_none());
}

/// Readers that look at whatever is there, in a ring so small that the writer is all over it.
#[test]
fn nobody_reads_a_mixture() {
    for capacity in [1, 2, 7] {
        let mut writer = Writer::new(capacity);
        let over = Arc::new(AtomicBool::new(false));
        let readers: Vec<_> = (0..3)
            .map(|_| {
                let (ring, over) = (writer.ring(), Arc::clone(&over));
                thread::spawn(move || {
                    let (mut next, mut seen) = (0, 0_u64);
                    loop {
                        let last = over.load(Ordering::Acquire);
                        next = ring.oldest(next);
                        while next < ring.written() {
                            if let Some(sample) = ring.get(next) {
                                assert_eq!(number_of(&sample), next);
                                seen += 1;
                            }
                            next += 1;
                        }
                        if last {
                            return seen;
                        }
                    }
                })
            })
            .collect();
        for number in 0..60_000 {
            writer.push(&numbered(number));
        }
        over.store(true, Ordering::Release);
        for reader in readers {
            // The last ones at least, since nobody writes any more.
            assert!(reader.join().unwrap() >= 1);
        }
    }
}
