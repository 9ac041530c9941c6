//! The parts of the off-heap store that wait for each other, on a scheduler that tries interleavings.
//!
//!     cargo test --no-default-features --features shuttle --test offheap_shuttle
//!
//! Only this test is of use with that feature: see `core::sync`. A run that fails, or in which all threads wait for ever,
//! prints its schedule, for `shuttle::replay`.

#![cfg(feature = "shuttle")]
#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use std::collections::{BTreeMap, BTreeSet};

use heapwise::core::offheap::claims::{Claims, EnvId, Outcome, Ticket};
use heapwise::core::offheap::clock::Clock;
use heapwise::core::offheap::entry::{Key as Name, Value};
use heapwise::core::offheap::registry::Registry;
use heapwise::core::offheap::shard::Put;
use heapwise::core::offheap::store::{Config, Store};
use heapwise::core::offheap::sweeper;
use heapwise::core::sync::atomic::{AtomicUsize, Ordering};
use heapwise::core::sync::{Arc, Condvar, Mutex, Weak, lock, thread};
use shuttle::rand::{Rng, thread_rng};
use shuttle::scheduler::{PctScheduler, RandomScheduler};

/// Runs with every thread equally likely at every step.
const RANDOM: usize = 5000;
/// Runs with few preemptions at chosen places, which finds what needs a thread to be held up for long.
const PCT: usize = 2500;
/// How many preemptions, at most.
const DEPTH: usize = 4;

/// Tries interleavings of `run`, which starts its threads, joins them, and asserts.
fn explore(run: impl Fn() + Clone + Send + Sync + 'static) {
    // In a debug build a shard is moved through several frames when it is made.
    let config = || {
        let mut config = shuttle::Config::new();
        config.stack_size = 1 << 18;
        // That orders weaker than SeqCst are not tried is known: see `core::sync`.
        config.silence_warnings = true;
        config
    };
    shuttle::Runner::new(RandomScheduler::new(RANDOM), config()).run(run.clone());
    shuttle::Runner::new(PctScheduler::new(DEPTH, PCT), config()).run(run);
}

/// True in `percent` of the cases.
fn chance(percent: u32) -> bool {
    percent > 0 && thread_rng().gen_range(0..100) < percent
}

/// How often something happened over all runs, so that a test that never comes to its matter fails. Its lock is part of no
/// run.
#[derive(Default)]
struct Tally(std::sync::Mutex<BTreeMap<&'static str, usize>>);

impl Tally {
    fn count(&self, what: &'static str) {
        *self.0.lock().unwrap().entry(what).or_default() += 1;
    }

    fn expect(&self, all: &[&'static str]) {
        let tally = self.0.lock().unwrap();
        println!("{} runs: {tally:?}", RANDOM + PCT);
        for what in all {
            assert!(tally.contains_key(what), "never: {what}");
        }
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// getOrSet: Claims, by the protocol that it documents

const KEY: &[u8] = b"key";

/// What happens in a run, in percent of the opportunities.
#[derive(Clone, Copy, Default)]
struct Trouble {
    /// Of productions fail.
    fails: u32,
    /// Of an environment's steps are its last.
    dies: u32,
    /// Of waits are given up, at each step.
    gives_up: u32,
    /// How often the value is removed from the store.
    removals: usize,
}

/// An environment: events come in from any thread, as they do through Node-API.
#[derive(Default)]
struct Inbox {
    events: Mutex<Vec<Ticket>>,
    called: Condvar,
}

/// A store with one key, and those who want it.
struct World {
    value: Mutex<Option<u64>>,
    claims: Claims,
    inboxes: Vec<Inbox>,
    /// Who is between `Produce` and its end.
    producing: Mutex<Option<Ticket>>,
    stored: Mutex<u64>,
    tally: std::sync::Arc<Tally>,
}

impl World {
    fn wake(&self, whom: Vec<(EnvId, Ticket)>) {
        for (env, ticket) in whom {
            let inbox = &self.inboxes[usize::try_from(env.0).unwrap()];
            lock(&inbox.events).push(ticket);
            inbox.called.notify_one();
        }
    }

    /// A producer's end, but for its release.
    fn ended(&self, ticket: Ticket) {
        assert_eq!(lock(&self.producing).take(), Some(ticket), "two produce");
    }
}

/// A call of getOrSet.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Call {
    Looking,
    Producing(Ticket),
    Waiting(Ticket),
    Got(u64),
    Failed,
}

/// The thread of an environment with some calls in flight. Returns what they came to, or nothing if it died.
fn environment(world: &World, env: EnvId, mut calls: Vec<Call>, trouble: Trouble) -> Option<Vec<Call>> {
    let inbox = &world.inboxes[usize::try_from(env.0).unwrap()];
    let mut woken = BTreeSet::new();
    let mut given_up = BTreeSet::new();
    loop {
        if chance(trouble.dies) {
            for call in &calls {
                if let Call::Producing(ticket) = *call {
                    world.tally.count("died as a producer");
                    world.ended(ticket);
                }
                if let Call::Waiting(_) = call {
                    world.tally.count("died as a waiter");
                }
            }
            let whom = world.claims.drop_env(env);
            assert!(whom.iter().all(|entry| entry.0 != env));
            world.wake(whom);
            return None;
        }
        for ticket in std::mem::take(&mut *lock(&inbox.events)) {
            assert!(woken.insert(ticket), "woken twice");
            match calls.iter_mut().find(|call| **call == Call::Waiting(ticket)) {
                Some(call) => *call = Call::Looking,
                None => assert!(given_up.contains(&ticket), "woken, and does not wait"),
            }
        }
        let can_go: Vec<usize> = (0..calls.len())
            .filter(|&i| match calls[i] {
                Call::Looking | Call::Producing(_) => true,
                Call::Waiting(_) => chance(trouble.gives_up),
                Call::Got(_) | Call::Failed => false,
            })
            .collect();
        if can_go.is_empty() {
            if calls.iter().all(|call| !matches!(call, Call::Waiting(_))) {
                return Some(calls);
            }
            let events = lock(&inbox.events);
            drop(inbox.called.wait_while(events, |events| events.is_empty()).unwrap());
            continue;
        }
        let call = &mut calls[can_go[thread_rng().gen_range(0..can_go.len())]];
        *call = match *call {
            Call::Looking => look(world, env),
            Call::Producing(ticket) => produce(world, ticket, trouble),
            Call::Waiting(ticket) => {
                world.tally.count("gave up");
                given_up.insert(ticket);
                world.claims.forget(ticket);
                Call::Failed
            }
            done => done,
        };
    }
}

fn look(world: &World, env: EnvId) -> Call {
    if let Some(value) = *lock(&world.value) {
        return Call::Got(value);
    }
    match world.claims.claim(KEY, env) {
        Outcome::Wait(ticket) => {
            world.tally.count("waited");
            Call::Waiting(ticket)
        }
        Outcome::Produce(ticket) => {
            let found = *lock(&world.value);
            if let Some(value) = found {
                world.tally.count("found a value at the second look");
                world.wake(world.claims.release(ticket));
                return Call::Got(value);
            }
            let before = lock(&world.producing).replace(ticket);
            assert_eq!(before, None, "two produce");
            Call::Producing(ticket)
        }
    }
}

fn produce(world: &World, ticket: Ticket, trouble: Trouble) -> Call {
    let outcome = if chance(trouble.fails) {
        world.tally.count("failed");
        Call::Failed
    } else {
        let mut stored = lock(&world.stored);
        *stored += 1;
        *lock(&world.value) = Some(*stored);
        Call::Got(*stored)
    };
    world.ended(ticket);
    let whom = world.claims.release(ticket);
    if !whom.is_empty() {
        world.tally.count("released to waiters");
    }
    world.wake(whom);
    outcome
}

/// `envs` threads with two calls each.
fn get_or_set(envs: u64, trouble: Trouble, matter: &[&'static str]) {
    let tally = std::sync::Arc::new(Tally::default());
    let counted = tally.clone();
    explore(move || {
        let world = Arc::new(World {
            value: Mutex::default(),
            claims: Claims::new(),
            inboxes: (0..envs).map(|_| Inbox::default()).collect(),
            producing: Mutex::default(),
            stored: Mutex::default(),
            tally: counted.clone(),
        });
        let threads: Vec<_> = (0..envs)
            .map(|env| {
                let world = world.clone();
                thread::spawn(move || environment(&world, EnvId(env), vec![Call::Looking; 2], trouble))
            })
            .collect();
        for _ in 0..trouble.removals {
            thread::yield_now();
            if lock(&world.value).take().is_some() {
                world.tally.count("removed");
            }
        }
        let ends: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();

        assert!(world.claims.is_idle(), "{:?}", world.claims);
        assert_eq!(*lock(&world.producing), None);
        let stored = *lock(&world.stored);
        assert!(stored <= 1 + u64::try_from(trouble.removals).unwrap(), "produced {stored} times");
        for call in ends.iter().flatten().flatten() {
            match *call {
                Call::Got(value) => assert!((1..=stored).contains(&value)),
                Call::Failed => assert!(trouble.fails + trouble.gives_up > 0),
                unfinished => unreachable!("{unfinished:?}"),
            }
        }
        if trouble.dies == 0 {
            assert!(ends.iter().all(Option::is_some));
        }
    });
    tally.expect(matter);
}

#[test]
fn one_produces_and_all_get_the_value() {
    let matter = ["waited", "found a value at the second look", "released to waiters"];
    get_or_set(3, Trouble::default(), &matter);
}

#[test]
fn a_producer_that_fails_is_followed_by_another() {
    get_or_set(3, Trouble { fails: 50, ..Trouble::default() }, &["failed", "waited", "released to waiters"]);
}

#[test]
fn nobody_waits_for_an_environment_that_died() {
    get_or_set(3, Trouble { dies: 15, ..Trouble::default() }, &["died as a producer", "died as a waiter"]);
}

#[test]
fn all_troubles_at_once() {
    let trouble = Trouble { fails: 30, dies: 5, gives_up: 10, removals: 3 };
    let matter = ["died as a producer", "died as a waiter", "failed", "gave up", "removed", "released to waiters"];
    get_or_set(4, trouble, &matter);
}

// ---------------------------------------------------------------------------------------------------------------------
// The registry

const NAMES: [&str; 2] = ["a", "b"];

/// What is known about one name.
#[derive(Default)]
struct Known {
    making: bool,
    made: usize,
    /// Those that were held at some time.
    seen: Vec<(usize, Weak<Thing>)>,
    /// Who holds it now: a number for each holder.
    held: Vec<usize>,
}

#[derive(Default)]
struct Town {
    registry: Registry<Thing>,
    known: [Mutex<Known>; 2],
    dropped: AtomicUsize,
    tally: std::sync::Arc<Tally>,
}

/// A thing whose destructor takes a while, and uses the registry.
struct Thing {
    number: usize,
    town: Arc<Town>,
}

impl Drop for Thing {
    fn drop(&mut self) {
        thread::yield_now();
        // Waits for itself if this is dropped under one of the registry's locks.
        for name in self.town.registry.names() {
            assert!(NAMES.contains(&name.as_str()));
        }
        self.town.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

fn make(town: &Arc<Town>, name: usize, fails: bool) -> Result<Thing, &'static str> {
    let number = {
        let mut known = lock(&town.known[name]);
        assert!(!known.making, "made twice at once");
        assert!(known.held.is_empty(), "made while another is held");
        assert!(known.seen.iter().all(|(_, thing)| thing.strong_count() == 0), "made while another lives");
        known.making = true;
        known.made += usize::from(!fails);
        known.made
    };
    thread::yield_now();
    let mut known = lock(&town.known[name]);
    known.making = false;
    if fails {
        town.tally.count("make failed");
        return Err("fails");
    }
    if number > 1 {
        town.tally.count("made anew");
        if town.dropped.load(Ordering::SeqCst) + 1 < number {
            town.tally.count("made while the old one is being dropped");
        }
    }
    Ok(Thing { number, town: town.clone() })
}

/// A thread that opens a name, holds what it got for a while, and drops it.
fn visit(town: &Arc<Town>, name: usize) {
    let (fails, refuses) = (chance(20), chance(20));
    let check = |_: &Thing| {
        thread::yield_now();
        if refuses { Err("refused") } else { Ok(()) }
    };
    let Ok(thing) = town.registry.open(NAMES[name], || make(town, name, fails), check) else { return };
    {
        let mut known = lock(&town.known[name]);
        assert!(known.held.iter().all(|&number| number == thing.number), "two of one name");
        if !known.held.is_empty() {
            town.tally.count("held by two");
        }
        known.held.push(thing.number);
        if known.seen.iter().all(|&(number, _)| number != thing.number) {
            known.seen.push((thing.number, Arc::downgrade(&thing)));
        }
    }
    thread::yield_now();
    {
        let mut known = lock(&town.known[name]);
        let at = known.held.iter().position(|&number| number == thing.number).unwrap();
        known.held.swap_remove(at);
    }
    thread::yield_now();
    drop(thing);
}

#[test]
fn a_name_is_one_thing_at_a_time() {
    let tally = std::sync::Arc::new(Tally::default());
    let counted = tally.clone();
    explore(move || {
        let town = Arc::new(Town { tally: counted.clone(), ..Town::default() });
        let mut threads: Vec<_> = (0..3)
            .map(|_| {
                let town = town.clone();
                thread::spawn(move || {
                    for _ in 0..3 {
                        visit(&town, usize::from(chance(25)));
                    }
                })
            })
            .collect();
        let asks = town.clone();
        threads.push(thread::spawn(move || {
            for _ in 0..3 {
                let names = asks.registry.names();
                assert!(names.iter().all(|name| NAMES.contains(&name.as_str())));
                assert!(names.is_sorted());
            }
        }));
        for thread in threads {
            thread.join().unwrap();
        }
        let made: usize = town.known.iter().map(|known| lock(known).made).sum();
        assert_eq!(town.dropped.load(Ordering::SeqCst), made);
        assert!(town.registry.names().is_empty());
    });
    tally.expect(&["made anew", "held by two", "make failed", "made while the old one is being dropped"]);
}

// ---------------------------------------------------------------------------------------------------------------------
// Shards and stores
//
// Each run makes a store of its own, with a manual clock: time is no part of a schedule. A `static` cannot take part, since it
// outlives the run: so a thread of the test does what the sweeper's would.

fn store(config: Config) -> Arc<Store> {
    let time = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(1));
    Arc::new(Store::with_clock(config, Clock::Manual(time)).unwrap())
}

fn named(key: &[u8]) -> Name<'_> {
    Name { kind: 0, bytes: key }
}

const VALUE: Value<'static> = Value { kind: 8, bytes: b"value" };

#[test]
fn a_bound_on_entries_holds_over_shards() {
    let tally = std::sync::Arc::new(Tally::default());
    let counted = tally.clone();
    explore(move || {
        let max_entries = 1 + usize::from(chance(50));
        let store = store(Config { max_bytes: 256 << 10, shards: 4, max_entries, ..Config::default() });
        let threads: Vec<_> = (0..3_u8)
            .map(|thread| {
                let (store, tally) = (store.clone(), counted.clone());
                thread::spawn(move || {
                    for turn in 0..4_u8 {
                        let key = [thread * 4 + turn];
                        match thread_rng().gen_range(0..10) {
                            0 => {
                                tally.count("cleared");
                                drop(store.clear());
                            }
                            1 => tally.count(if store.delete(named(&[turn])) { "deleted" } else { "not there" }),
                            2 => assert!(store.increment(named(&key), 1, 1.0, None).is_ok()),
                            _ => assert_eq!(store.set(named(&key), VALUE, None), Put::Stored),
                        }
                        for shard in 0..store.shards() {
                            assert!(store.shard_stats(shard).entries <= max_entries);
                        }
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(store.validate(), Ok(()));
        // No slot has been lost: there is room for as many as there may be.
        for key in 0..40_u8 {
            assert_eq!(store.set(named(&[key]), VALUE, None), Put::Stored);
        }
        assert_eq!((store.len(), store.validate()), (max_entries, Ok(())));
    });
    tally.expect(&["deleted", "not there", "cleared"]);
}

#[test]
fn no_sum_and_no_exchange_is_lost() {
    explore(|| {
        let store = store(Config { max_bytes: 64 << 10, ..Config::default() });
        let threads: Vec<_> = (0..3)
            .map(|thread| {
                let store = store.clone();
                thread::spawn(move || {
                    for _ in 0..3 {
                        if thread > 0 {
                            assert!(store.increment(named(KEY), 1, 1.0, None).is_ok());
                            continue;
                        }
                        loop {
                            let held = store.get(named(KEY), store.read(), |value| value.bytes.to_vec());
                            let number =
                                held.as_ref().map_or(0.0, |held| f64::from_le_bytes(held[..].try_into().unwrap()));
                            let expected = held.as_deref().map(|bytes| Value { kind: 1, bytes });
                            let sum = (number + 1.0).to_le_bytes();
                            let put = store.compare_and_set(named(KEY), expected, Value { kind: 1, bytes: &sum }, None);
                            if put == Put::Stored {
                                break;
                            }
                        }
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(store.increment(named(KEY), 1, 0.0, None), Ok(9.0));
    });
}

#[test]
fn what_can_expire_is_looked_after() {
    let tally = std::sync::Arc::new(Tally::default());
    let counted = tally.clone();
    explore(move || {
        let store = store(Config { max_bytes: 128 << 10, shards: 2, ..Config::default() });
        let sweeps = store.clone();
        let tally = counted.clone();
        let sweeper = thread::spawn(move || {
            for _ in 0..3 {
                tally.count(if sweeper::tend(&sweeps) { "something to expire" } else { "nothing to expire" });
            }
        });
        let writers: Vec<_> = (0..2_u8)
            .map(|writer| {
                let store = store.clone();
                thread::spawn(move || {
                    for turn in 0..2 {
                        let key = [writer, turn];
                        assert_eq!(store.set(named(&key), VALUE, Some(50)), Put::Stored);
                        if chance(70) {
                            assert!(store.delete(named(&key)));
                        } else if chance(50) {
                            assert!(store.touch(named(&key), Some(0)) && store.touch(named(&key), Some(70)));
                        }
                    }
                })
            })
            .collect();
        for thread in writers.into_iter().chain([sweeper]) {
            thread.join().unwrap();
        }
        assert!(store.is_empty() || store.is_watched(), "what expires is forgotten");
        counted.count(if store.is_watched() { "watched" } else { "not watched" });
    });
    tally.expect(&["something to expire", "nothing to expire", "watched", "not watched"]);
}
