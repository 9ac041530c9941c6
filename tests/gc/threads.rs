//! Threads that come and go.

use std::sync::Arc;
use std::thread;

use heapwise::core::gc::recorder::{Collection, Heap};
use heapwise::core::gc::tally::Tally;
use heapwise::core::gc::threads::Threads;

fn collection(kind: u32, duration: u64) -> Collection {
    Collection { kind, duration, before: Heap { used: 9, ..Heap::default() }, ..Collection::default() }
}

#[test]
fn sums_of_those_that_ended_are_kept() {
    let threads = Threads::default();
    thread::scope(|scope| {
        for id in 0..8_u32 {
            let threads = &threads;
            scope.spawn(move || {
                for round in 0..100_u64 {
                    let tally = Arc::new(Tally::new(0));
                    threads.add(id, Arc::clone(&tally));
                    tally.add(&collection(1, round));
                    tally.add(&collection(4, 1000 + round));
                    let (alive, _) = threads.list();
                    assert!(alive.iter().any(|each| each.id == id && each.tally.collections() == 2));
                    threads.remove(&tally);
                    threads.remove(&tally);
                }
            });
        }
    });
    let (alive, ended) = threads.list();
    assert!(alive.is_empty());
    assert_eq!((ended.threads, ended.collections, ended.full), (800, 1600, 800));
    assert_eq!((ended.busy, ended.longest), (8 * (4950 + 100_000 + 4950), 1099));
}
