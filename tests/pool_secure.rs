//! Secure runs in a whole process: what is left of them at its end, what it may lock, and many threads. Whatever needs a
//! process of its own runs this test binary again, with the case in `HEAPWISE_TEST_CHILD`.
//!
//! `HEAPWISE_SEED` repeats the random test.

#![expect(clippy::unwrap_used, clippy::panic, reason = "in a test, a panic is the report")]

#[path = "pool/random.rs"]
mod random;

use std::env;
use std::process::{Child, Command, Output, Stdio, abort, exit};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use heapwise::core::pool::memory::{call_at_exit, page_size};
use heapwise::core::pool::secure::{SecureRun, wipe_all};
use once_cell::sync::OnceCell;

use random::{Random, seed};

const CHILD: &str = "HEAPWISE_TEST_CHILD";
/// What takes longer hangs.
const HANGS: Duration = Duration::from_secs(120);

fn child_case() -> Option<String> {
    env::var(CHILD).ok()
}

fn start(test: &str, case: &str) -> Child {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args([test, "--exact", "--nocapture", "--test-threads=1"]).env(CHILD, case);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits for the end of a child that says little.
fn end(mut child: Child) -> Output {
    let deadline = Instant::now() + HANGS;
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!("a child hangs: {:?}", child.wait_with_output());
        }
        thread::sleep(Duration::from_millis(5));
    }
    child.wait_with_output().unwrap()
}

fn is_all(run: &SecureRun, byte: u8) -> bool {
    (0..run.count()).all(|index| run.mapping().first_other(run.range(index), byte).is_none())
}

fn fill(run: &SecureRun, byte: u8) {
    (0..run.count()).for_each(|index| run.mapping().fill(run.range(index), byte));
}

static SECRET: OnceCell<SecureRun> = OnceCell::new();

extern "C" fn tell_at_exit() {
    match SECRET.get() {
        Some(run) if is_all(run, 0) => println!("at exit: wiped"),
        Some(run) if is_all(run, 7) => println!("at exit: whole"),
        _ => abort(),
    }
}

/// What is registered first is called last.
fn exit_with_a_secret(case: &str) {
    let is_last = case != "looked at before";
    assert!(!is_last || call_at_exit(tell_at_exit));
    let run = SECRET.get_or_init(|| SecureRun::new(1000, 5).unwrap());
    assert!(is_last || call_at_exit(tell_at_exit));
    assert!(run.wiped_at_exit());
    fill(run, 7);
    match case {
        "in a thread" => {
            let _ = thread::spawn(|| exit(0)).join();
        }
        "from main" => {}
        _ => exit(0),
    }
}

#[test]
fn an_exit_wipes_what_is_left() {
    if let Some(case) = child_case() {
        return exit_with_a_secret(&case);
    }
    for (case, found) in
        [("called", "wiped"), ("in a thread", "wiped"), ("from main", "wiped"), ("looked at before", "whole")]
    {
        let output = end(start("an_exit_wipes_what_is_left", case));
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains(&format!("at exit: {found}")), "{case}: {output:?}");
    }
}

/// Threads make and drop runs while the process exits: no lock is waited for, nothing is touched that is gone.
#[test]
fn an_exit_amid_work_neither_hangs_nor_fails() {
    if child_case().is_some() {
        let made: &'static AtomicUsize = Box::leak(Box::default());
        for of_thread in 0..3 {
            thread::spawn(move || {
                for count in (1..4).cycle() {
                    let run = SecureRun::new(200 + 5000 * of_thread, count).unwrap();
                    fill(&run, 7);
                    made.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        while made.load(Ordering::Relaxed) < 100 {
            thread::yield_now();
        }
        exit(3);
    }
    for _ in 0..10 {
        let output = end(start("an_exit_amid_work_neither_hangs_nor_fails", "work"));
        assert_eq!(output.status.code(), Some(3), "{output:?}");
    }
}

#[test]
fn a_wipe_of_all_reaches_all_that_live() {
    if child_case().is_none() {
        let output = end(start("a_wipe_of_all_reaches_all_that_live", "alone"));
        assert!(output.status.success(), "{output:?}");
        return;
    }
    wipe_all();
    let runs: Vec<_> = [(1, 1), (100, 9), (5000, 3), (page_size(), 2), (100, 9)]
        .map(|(size, count)| SecureRun::new(size, count).unwrap())
        .into_iter()
        .collect();
    runs.iter().for_each(|run| fill(run, 7));
    assert!(runs.iter().all(|run| is_all(run, 7)));
    wipe_all();
    assert!(runs.iter().all(|run| is_all(run, 0)));
    // As any chunk whose canaries are gone.
    assert!(!runs[1].wipe(3) && runs[1].wipe(3));
}

#[cfg(target_os = "linux")]
#[test]
fn the_process_has_locked_what_the_runs_say() {
    if child_case().is_none() {
        let output = end(start("the_process_has_locked_what_the_runs_say", "alone"));
        assert!(output.status.success(), "{output:?}");
        return;
    }
    let locked = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmLck:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
    };
    assert_eq!(locked(), 0);
    let small = SecureRun::new(64, 3).unwrap();
    assert_eq!((small.locked_bytes(), locked()), (3 * page_size(), 3 * page_size()));
    // More than a process without privileges may lock, mostly: then less is said, as much as there is.
    let large = SecureRun::new(1 << 18, 64).unwrap();
    assert!(large.locked_bytes() <= large.committed_bytes());
    assert_eq!(locked(), small.locked_bytes() + large.locked_bytes());
    drop(small);
    assert_eq!(locked(), large.locked_bytes());
    drop(large);
    assert_eq!(locked(), 0);
}

#[test]
fn runs_of_many_threads_are_apart() {
    let stop = AtomicBool::new(false);
    let failed: Vec<&str> = thread::scope(|scope| {
        let threads: Vec<_> = (1..=4_u8)
            .map(|byte| {
                let stop = &stop;
                scope.spawn(move || {
                    for round in 0..200 {
                        let run = SecureRun::new(100 + round % 3, 1 + round % 4).unwrap();
                        let mut found = (!is_all(&run, 0)).then_some("not zero at first");
                        fill(&run, byte);
                        thread::yield_now();
                        found = found.or((!is_all(&run, byte)).then_some("somebody else wrote"));
                        let whole = (0..run.count()).all(|index| run.wipe(index));
                        found = found.or((!whole).then_some("canaries"));
                        if found.is_some() || stop.load(Ordering::Relaxed) {
                            stop.store(true, Ordering::Relaxed);
                            return found;
                        }
                    }
                    None
                })
            })
            .collect();
        threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect()
    });
    assert!(failed.is_empty(), "{failed:?}");
}

/// What a chunk should hold, and whether somebody wrote beside it.
#[derive(Clone)]
struct Model {
    bytes: Vec<u8>,
    spoilt: bool,
}

fn check(run: &SecureRun, model: &[Model]) {
    for (index, chunk) in model.iter().enumerate() {
        assert!(run.mapping().matches(run.range(index).start, &chunk.bytes), "chunk {index}");
        assert_eq!(run.intact(index), !chunk.spoilt, "chunk {index}");
    }
}

#[test]
fn random_runs_are_as_their_model() {
    let mut random = Random(seed());
    for _ in 0..60 {
        let (size, count) = (1 + random.next(3 * page_size()), 1 + random.next(6));
        let run = SecureRun::new(size, count).unwrap();
        let mut model = vec![Model { bytes: vec![0; size], spoilt: false }; count];
        for _ in 0..50 {
            let index = random.next(count);
            let (range, chunk) = (run.range(index), &mut model[index]);
            match random.next(4) {
                0 | 1 => {
                    let at = random.next(size);
                    let bytes: Vec<_> = (0..1 + random.next(size - at)).map(|_| random.next(256) as u8).collect();
                    assert!(run.mapping().write(range.start + at, &bytes));
                    chunk.bytes[at..at + bytes.len()].copy_from_slice(&bytes);
                }
                2 => {
                    assert_eq!(run.wipe(index), !chunk.spoilt);
                    *chunk = Model { bytes: vec![0; size], spoilt: false };
                }
                _ if !chunk.spoilt => {
                    // A bit of a byte before or behind, if there is one: no guard can be written.
                    let at = if random.next(2) == 0 { range.end } else { range.start - 1 };
                    let old = (0..=255).find(|&byte| run.mapping().matches(at, &[byte]));
                    chunk.spoilt = old.is_some_and(|byte| run.mapping().write(at, &[byte ^ 1 << random.next(8)]));
                }
                _ => {}
            }
        }
        check(&run, &model);
    }
}
