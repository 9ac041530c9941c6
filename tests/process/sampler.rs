//! The thread: who gets what, and what happens when users come and go at any time.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use heapwise::core::process::sampler::{CAPACITY, Sampler, Subscription};
use heapwise::core::process::{Column, Sample};

use crate::tree::Tree;

const SHORT: Duration = Duration::from_millis(2);
const LONG: Duration = Duration::from_secs(3600);

fn status(rss: u64) -> String {
    format!("VmRSS:\t{rss} kB\nThreads:\t1\n")
}

fn tree(rss: u64) -> Tree {
    Tree::of(&[("proc/self/status", &status(rss))])
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !done() {
        assert!(Instant::now() < deadline, "{what}: never");
        thread::sleep(Duration::from_millis(1));
    }
}

fn drain(user: &mut Subscription, room: usize) -> Vec<Sample> {
    let mut samples = Vec::new();
    let count = user.drain(room, |sample| samples.push(*sample));
    assert_eq!(count, samples.len());
    samples
}

fn wait_for(user: &mut Subscription, count: usize) -> Vec<Sample> {
    let mut samples = Vec::new();
    until("samples", || {
        samples.extend(drain(user, usize::MAX));
        samples.len() >= count
    });
    samples
}

#[test]
fn samples_come_in_order_and_once() {
    let tree = tree(5);
    let sampler = Sampler::new(tree.reader());
    assert!(!sampler.is_running());
    let mut user = sampler.subscribe(SHORT).unwrap();
    assert!(sampler.is_running());
    let samples = wait_for(&mut user, 20);
    assert!(samples.windows(2).all(|pair| pair[0][Column::At] < pair[1][Column::At]));
    assert!(samples.iter().all(|sample| sample[Column::Rss] as u64 == 5 << 10));
    drop(user);
    until("the end of the thread", || !sampler.is_running());
}

#[test]
fn who_joins_need_not_wait_for_the_interval() {
    let tree = tree(5);
    let sampler = Sampler::new(tree.reader());
    let mut first = sampler.subscribe(LONG).unwrap();
    assert_eq!(wait_for(&mut first, 1).len(), 1);
    let mut second = sampler.subscribe(LONG).unwrap();
    assert_eq!(wait_for(&mut second, 1).len(), 1);
    // It was in the same interval of the first one.
    assert!(drain(&mut first, 9).is_empty());
}

#[test]
fn each_gets_as_many_as_it_asked_for() {
    let tree = tree(5);
    let sampler = Sampler::new(tree.reader());
    let interval = Duration::from_millis(30);
    let mut slow = sampler.subscribe(interval).unwrap();
    let mut fast = sampler.subscribe(SHORT).unwrap();
    let slow_ones = wait_for(&mut slow, 6);
    assert!(drain(&mut fast, usize::MAX).len() >= slow_ones.len());
    let turn = |sample: &Sample, origin: f64| ((sample[Column::At] - origin) / interval.as_nanos() as f64) as u64;
    // One for each interval: between two there is never less than what is left of one, and three span more than one.
    for three in slow_ones.windows(3) {
        assert!(turn(&three[2], three[0][Column::At]) >= 1, "{three:?}");
    }
}

#[test]
fn room_that_does_not_suffice_is_filled_and_the_rest_comes_later() {
    let tree = tree(5);
    let sampler = Sampler::new(tree.reader());
    let mut user = sampler.subscribe(SHORT).unwrap();
    let mut watch = sampler.subscribe(SHORT).unwrap();
    wait_for(&mut watch, 8);
    assert!(drain(&mut user, 0).is_empty());
    let (some, more) = (drain(&mut user, 3), drain(&mut user, 2));
    assert_eq!((some.len(), more.len()), (3, 2));
    assert!(some[2][Column::At] < more[0][Column::At]);
}

#[test]
fn who_is_late_gets_the_last_ones() {
    let tree = tree(5);
    let sampler = Sampler::new(tree.reader());
    let mut late = sampler.subscribe(Duration::from_nanos(1)).unwrap();
    let mut watch = sampler.subscribe(Duration::from_nanos(1)).unwrap();
    let mut seen = 0;
    until("more samples than are kept", || {
        seen += drain(&mut watch, usize::MAX).len();
        seen > CAPACITY + 10
    });
    let newest = drain(&mut watch, usize::MAX);
    let last_ones = drain(&mut late, usize::MAX);
    assert!(last_ones.len() <= CAPACITY);
    assert!(last_ones.len() > CAPACITY / 2, "{}", last_ones.len());
    let end = |samples: &[Sample]| samples.last().map_or(0.0, |sample| sample[Column::At]);
    assert!(end(&last_ones) >= end(&newest));
}

#[test]
fn the_peak_is_that_since_it_was_last_asked_for_whatever_was_drained() {
    let tree = tree(5);
    let sampler = Sampler::new(tree.reader());
    let mut user = sampler.subscribe(SHORT).unwrap();
    let other = sampler.subscribe(SHORT).unwrap();
    let rss = |user: &Subscription, kb: u64| user.take_peak() == Some((kb << 10) as f64);
    until("a peak", || rss(&user, 5));
    tree.write("proc/self/status", status(90));
    until("a sample of it", || drain(&mut user, 9).iter().any(|sample| sample[Column::Rss] as u64 == 90 << 10));
    tree.write("proc/self/status", status(7));
    until("a sample of it", || drain(&mut user, 9).iter().any(|sample| sample[Column::Rss] as u64 == 7 << 10));
    assert!(rss(&user, 90));
    until("a lower one", || rss(&user, 7));
    assert!(rss(&other, 90));
    tree.remove("proc/self/status");
    until("nothing is known", || user.take_peak().is_none() || !sampler.is_running());
}

#[test]
fn a_thread_that_has_ended_is_started_again() {
    let tree = tree(5);
    let sampler = Sampler::new(tree.reader());
    for _ in 0..200 {
        let mut user = sampler.subscribe(LONG).unwrap();
        assert_eq!(wait_for(&mut user, 1).len(), 1);
    }
    // At once: nobody waits for the end of an interval.
    until("the end of the thread", || !sampler.is_running());
}

/// Many threads come and go, each of which must get samples, and only such as are whole.
#[test]
fn users_come_and_go_from_many_threads() {
    let tree = Arc::new(tree(5));
    let sampler = Sampler::new(tree.reader());
    let threads: Vec<_> = (0..6_u64)
        .map(|number| {
            let sampler = Arc::clone(&sampler);
            thread::spawn(move || {
                for round in 0..60_u64 {
                    let interval = Duration::from_micros(100 + (number * 37 + round * 101) % 3000);
                    let mut user = sampler.subscribe(interval).unwrap();
                    match round % 3 {
                        0 => (),
                        1 => drop(wait_for(&mut user, 1)),
                        _ => {
                            let samples = wait_for(&mut user, 4);
                            assert!(samples.windows(2).all(|pair| pair[0][Column::At] < pair[1][Column::At]));
                            assert!(samples.iter().all(|sample| sample[Column::Rss] as u64 == 5 << 10));
                            assert!(user.take_peak().is_some());
                        }
                    }
                    assert!(sampler.now()[Column::Rss] as u64 == 5 << 10);
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    until("the end of the thread", || !sampler.is_running());
}
