//! CPU time of threads.

use std::sync::mpsc;
use std::thread;

use heapwise::core::process::threads::ThreadClock;

use crate::tree::Tree;

#[test]
fn schedstat_or_ticks_or_nothing() {
    let stat = "9 (n) R 1 2 3 0 -1 4 102 0 5 0 70 8 0 0 20 0 1 0 2 3 4\n";
    let both = Tree::of(&[("schedstat", "123 4 5\n"), ("stat", stat)]);
    assert_eq!(ThreadClock::at(both.root()).nanoseconds(), Some(123));
    for rest in ["", "garbage\n", "12"] {
        let tree = Tree::of(&[("schedstat", rest), ("stat", stat)]);
        let tick = 1_000_000_000 / 100;
        assert_eq!(ThreadClock::at(tree.root()).nanoseconds(), Some(78 * tick), "{rest:?}");
    }
    assert_eq!(ThreadClock::at(Tree::new().root()).nanoseconds(), None);
}

#[cfg(target_os = "linux")]
#[test]
fn a_thread_that_works_and_then_ends() {
    let (clock_out, clock_in) = mpsc::channel();
    let (stop_out, stop_in) = mpsc::channel::<()>();
    let worker = thread::spawn(move || {
        clock_out.send(ThreadClock::of_this_thread()).unwrap();
        while matches!(stop_in.try_recv(), Err(mpsc::TryRecvError::Empty)) {
            std::hint::spin_loop();
        }
    });
    let clock = clock_in.recv().unwrap();
    let first = clock.nanoseconds().unwrap();
    while clock.nanoseconds().unwrap() < first + 5_000_000 {
        thread::yield_now();
    }
    stop_out.send(()).unwrap();
    worker.join().unwrap();
    // The kernel takes the thread down after it has told those who wait for it.
    while clock.nanoseconds().is_some() {
        thread::yield_now();
    }
    // Another thread may have its number by now.
    for _ in 0..20 {
        thread::spawn(|| ()).join().unwrap();
        assert_eq!(clock.nanoseconds(), None);
    }
}
