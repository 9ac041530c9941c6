//! Pools and many threads: one each over one depot, and one for all. Every thread fills what it has and looks whether it stays
//! so; a list for the whole process knows who has which bytes.
//!
//! `HEAPWISE_OPERATIONS` is how many operations a thread does, `HEAPWISE_SEED` repeats what the threads do, though not when.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use heapwise::core::pool::depot::Depot;
use heapwise::core::pool::pool::{Config, Pool, Refused};

use crate::chunks::{Hold, Registry};
use crate::random::{Random, from_environment, seed};

const THREADS: u64 = 4;
const CLASSES: [usize; 8] = [64, 1000, 4096, 10_240, 16_384, 20_480, 81_920, 2_500_000];

static EVERYTHING: Mutex<Registry> = Mutex::new(Registry::new());

/// A chunk that one thread has and another may get.
struct Held {
    id: u32,
    hold: Hold,
}

/// What one thread does to a pool.
struct Player<'a> {
    pool: &'a Pool,
    random: Random,
    held: Vec<Held>,
    /// Where chunks are sent to another thread, and come from one.
    post: Option<(Sender<Held>, Receiver<Held>)>,
    taken: u64,
}

impl Player<'_> {
    fn play(&mut self, operations: u64) {
        for _ in 0..operations {
            match self.random.next(100) {
                0..45 => self.take(),
                45..60 => self.send(),
                60..98 => self.give_back(),
                98 => assert!(self.pool.stats().classes.len() == CLASSES.len()),
                _ => drop(self.pool.trim()),
            }
            self.receive();
        }
    }

    fn take(&mut self) {
        // Small ones more often.
        let most = self.random.next(CLASSES.len()) + 1;
        match self.pool.take(self.random.next(most)) {
            Ok(chunk) => {
                let content = self.random.next(255) as u8 + 1;
                let hold = Hold::new(chunk, content).unwrap();
                EVERYTHING.lock().unwrap().enter(&hold).unwrap();
                self.held.push(Held { id: chunk.id, hold });
                self.taken += 1;
            }
            Err(refused) => {
                assert_eq!(refused, Refused::Full);
                self.give_back();
            }
        }
    }

    fn give_back(&mut self) {
        if self.held.is_empty() {
            return;
        }
        let held = self.held.swap_remove(self.random.next(self.held.len()));
        assert!(held.hold.is_whole(), "{:?}: somebody wrote to it", held.hold);
        if self.random.next(8) == 0 {
            self.pool.poison(held.id);
            assert_eq!(self.pool.verify(held.id), None);
        }
        let lost = self.random.next(4) == 0;
        assert!(lost || self.pool.retire(held.id, self.random.next(2) == 0));
        EVERYTHING.lock().unwrap().leave(&held.hold);
        assert_eq!(self.pool.finish(held.id, true), lost);
    }

    fn send(&mut self) {
        let Some((to, _)) = &self.post else { return };
        if let Some(held) = self.held.pop() {
            to.send(held).unwrap();
        }
    }

    fn receive(&mut self) {
        if let Some((_, from)) = &self.post {
            self.held.extend(from.try_iter());
        }
    }

    fn leave(&mut self) {
        while !self.held.is_empty() {
            self.give_back();
        }
    }
}

fn config(max_bytes: u64) -> Config {
    Config { page: 8192, classes: CLASSES.into(), max_bytes, secure: false }
}

fn check_empty(pool: &Pool) {
    pool.validate().unwrap();
    pool.trim();
    pool.validate().unwrap();
    let stats = pool.stats();
    assert_eq!((stats.mapped, stats.committed, stats.out_bytes), (0, 0, 0));
    assert!(stats.classes.iter().all(|class| (class.out, class.retired, class.vacant, class.strays) == (0, 0, 0, 0)));
}

#[test]
fn threads_with_pools_of_their_own_share_a_depot() {
    let depot = Depot::new();
    let (seed, operations) = (seed(), from_environment("HEAPWISE_OPERATIONS", 3000));
    thread::scope(|scope| {
        for player in 0..THREADS {
            let depot = Arc::clone(&depot);
            scope.spawn(move || {
                // Pools come and go.
                for life in 0..4 {
                    let pool = Pool::with_depot(config(20 << 20), Arc::clone(&depot)).unwrap();
                    let random = Random(seed.wrapping_add(player << 48 | life << 40));
                    let mut player = Player { pool: &pool, random, held: Vec::new(), post: None, taken: 0 };
                    player.play(operations / 4);
                    player.leave();
                    let taken = player.taken;
                    check_empty(&pool);
                    assert_eq!(pool.stats().classes.iter().map(|class| class.made).sum::<u64>(), taken);
                }
            });
        }
    });
    depot.validate().unwrap();
    assert!(crate::purge(&depot));
    let stats = depot.stats();
    assert_eq!((stats.runs, stats.run_bytes, stats.stranded), (0, 0, 0));
    assert!(stats.slabs > 0);
}

#[test]
fn threads_share_a_pool() {
    let depot = Depot::new();
    let pool = Pool::with_depot(config(40 << 20), Arc::clone(&depot)).unwrap();
    let (seed, operations) = (seed(), from_environment("HEAPWISE_OPERATIONS", 3000));
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..THREADS).map(|_| channel()).unzip();
    let taken: u64 = thread::scope(|scope| {
        let players: Vec<_> = receivers
            .into_iter()
            .zip(0..)
            .map(|(from, at)| {
                let to: Sender<Held> = senders[(at as usize + 1) % senders.len()].clone();
                let random = Random(seed.wrapping_add(at << 48));
                let mut player = Player { pool: &pool, random, held: Vec::new(), post: Some((to, from)), taken: 0 };
                scope.spawn(move || {
                    player.play(operations);
                    // Nobody hears of what is sent from now on but by waiting until all have stopped sending.
                    if let Some((to, from)) = player.post.take() {
                        drop(to);
                        player.held.extend(from);
                    }
                    player.leave();
                    player.taken
                })
            })
            .collect();
        drop(senders);
        players.into_iter().map(|player| player.join().unwrap()).sum()
    });
    check_empty(&pool);
    let made: u64 = pool.stats().classes.iter().map(|class| class.made).sum();
    assert!(made == taken && taken > operations);
    drop(pool);
    depot.validate().unwrap();
    assert_eq!((depot.stats().runs, depot.stats().run_bytes), (0, 0));
}

#[test]
fn a_pool_may_be_shared_by_threads() {
    fn is_shared<T: Send + Sync + 'static>() {}
    is_shared::<Pool>();
    is_shared::<Depot>();
    assert!(Arc::ptr_eq(&Depot::shared(), &Depot::shared()));
}
