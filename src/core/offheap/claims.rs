//! Claims: of all who want a key's value made, in every thread, one makes it and the others wait.
//!
//! This knows neither values nor threads. It says who produces and who waits, and who is to be woken when a claim is over. It
//! does not know whether a key has a value: the caller looks, as follows.
//!
//! # The protocol
//!
//! 1. Look in the store. A value: done.
//! 2. [`claim`](Claims::claim).
//!    - [`Produce`](Outcome::Produce): **look in the store again**. A value: [`release`](Claims::release) at once, done.
//!      Otherwise produce, put the value into the store, and only then release. A producer that fails releases as well.
//!    - [`Wait`](Outcome::Wait): wait until the ticket is woken, then begin anew at 1. Who stops waiting calls
//!      [`forget`](Claims::forget).
//! 3. Whoever calls `release` or [`drop_env`](Claims::drop_env) wakes the tickets that were returned, after every lock was
//!    dropped. All who waited are woken, since the one that was chosen could be dying: each looks, and if there is no value
//!    one becomes the next producer and the others wait again.
//! 4. Before the thread of an environment ends, it calls `drop_env`, and no longer claims.
//!
//! # Why one produces
//!
//! A key has at most one producer, because its claim is there from `claim` to `release`, and both happen under one lock. That
//! a value is not produced twice needs the second look. Between look and claim, another may have stored the value and
//! released. It stored before it released, and its release came before this claim under the same lock, so the second look
//! sees the value, unless it was removed since.
//!
//! # Why no wake-up is lost
//!
//! A waiter is entered under the lock, in the claim of a producer that has not released. Claims go away in two ways, and both
//! return all waiters: `release` by the producer, `drop_env` by its environment's end. Each producer comes to one of them. A
//! waiter is in exactly one claim until it is returned, forgotten, or its environment ends; afterwards nobody expects its
//! wake-up. So each waiter is woken once, after it was entered.
//!
//! The wake-up can reach the waiter's environment from another thread before `claim` has returned there. It must be kept until
//! the environment asks for events: Node-API does so, since it queues the call. And a ticket can be forgotten, or its
//! environment end, between being returned and being woken: an event for a ticket that nobody knows is ignored, as is an
//! environment that is gone.
//!
//! A producer that waits for the key that it produces waits for itself. This is not found out here: waits may be for keys in
//! the middle of any asynchronous work, and which work waits for which is not known. Forgetting the wait is the way out.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
// Not of `core::sync`: it is static, and its order does not matter.
use std::sync::atomic::{AtomicU64, Ordering};

use crate::core::sync::{Arc, Mutex, lock};

/// How many claims and tickets the tables keep room for while there are none.
const SPARE: usize = 64;

static LAST_TICKET: AtomicU64 = AtomicU64::new(0);

/// Names something that an environment awaits: a claim, or other work that ends with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

impl Ticket {
    /// A ticket that is new in this process: at least 1, and below 2^53 (a million a second reach that in 285 years), so
    /// that a JavaScript number holds it.
    pub fn next() -> Self {
        Self(LAST_TICKET.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

/// One environment of Node-API: a main thread or a worker. The caller gives the numbers, each only once in a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnvId(pub u64);

/// What a claim came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The caller produces the value, and owes a release.
    Produce(Ticket),
    /// Somebody else produces. The ticket will be woken when that is over.
    Wait(Ticket),
}

/// A key that is being produced.
#[derive(Debug)]
struct Claim {
    producer: Ticket,
    /// By age, so that they are woken in order and each is found without looking at the others.
    waiters: BTreeMap<Ticket, EnvId>,
}

/// One ticket: whose, and for which key. Whether it produces is in the key's claim.
#[derive(Debug)]
struct Holder {
    env: EnvId,
    key: Arc<[u8]>,
}

/// `claims[key]` is there if and only if `holders[its producer]` is, and `holders` has those and all waiters, no other.
#[derive(Debug, Default)]
struct State {
    claims: HashMap<Arc<[u8]>, Claim>,
    holders: HashMap<Ticket, Holder>,
}

impl State {
    /// Ends the claim of `key`: its producer's ticket and its waiters' are gone. Returns the waiters.
    fn end(&mut self, key: &[u8]) -> BTreeMap<Ticket, EnvId> {
        let Some(claim) = self.claims.remove(key) else { return BTreeMap::new() };
        self.holders.remove(&claim.producer);
        for ticket in claim.waiters.keys() {
            self.holders.remove(ticket);
        }
        shrink(&mut self.claims);
        shrink(&mut self.holders);
        claim.waiters
    }
}

/// Gives back what a burst of claims needed.
fn shrink<K: Eq + Hash, V>(table: &mut HashMap<K, V>) {
    if table.is_empty() && table.capacity() > 2 * SPARE {
        table.shrink_to(SPARE);
    }
}

/// Who produces and who waits, for the keys of one store.
///
/// One lock is enough: it is held for some lookups in tables, and only by those who missed in the store. Nothing in here
/// calls out while it is held.
#[derive(Debug, Default)]
pub struct Claims {
    state: Mutex<State>,
}

impl Claims {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// Claims `key` (its kind and its bytes, however the caller writes them). The first is to produce, others wait.
    pub fn claim(&self, key: &[u8], env: EnvId) -> Outcome {
        let mut state = lock(&self.state);
        let State { claims, holders } = &mut *state;
        let ticket = Ticket::next();
        if let Some((key, _)) = claims.get_key_value(key) {
            let key = Arc::clone(key);
            if let Some(claim) = claims.get_mut(&key) {
                claim.waiters.insert(ticket, env);
            }
            holders.insert(ticket, Holder { env, key });
            return Outcome::Wait(ticket);
        }
        let key: Arc<[u8]> = key.into();
        claims.insert(Arc::clone(&key), Claim { producer: ticket, waiters: BTreeMap::new() });
        holders.insert(ticket, Holder { env, key });
        Outcome::Produce(ticket)
    }

    /// The producer is done, whether it stored a value or failed. Returns whom to wake, oldest first. Any ticket that is not
    /// a producer's now (released before, a waiter's, unknown) changes nothing and wakes nobody.
    pub fn release(&self, ticket: Ticket) -> Vec<(EnvId, Ticket)> {
        let mut state = lock(&self.state);
        let Some(key) = state.holders.get(&ticket).map(|holder| Arc::clone(&holder.key)) else { return Vec::new() };
        if state.claims.get(&key).is_none_or(|claim| claim.producer != ticket) {
            return Vec::new();
        }
        state.end(&key).into_iter().map(|(ticket, env)| (env, ticket)).collect()
    }

    /// The ticket's holder waits no longer. A producer's ticket stays as it is: others wait for it.
    pub fn forget(&self, ticket: Ticket) {
        let mut state = lock(&self.state);
        let State { claims, holders } = &mut *state;
        let Some(holder) = holders.get(&ticket) else { return };
        let waited = claims.get_mut(&holder.key).is_some_and(|claim| claim.waiters.remove(&ticket).is_some());
        if waited {
            holders.remove(&ticket);
            shrink(holders);
        }
    }

    /// An environment ends: it waits for nothing, and what it produced is released. Returns whom to wake, none of them in
    /// `env`, oldest first. Takes time in proportion to all tickets there are.
    pub fn drop_env(&self, env: EnvId) -> Vec<(EnvId, Ticket)> {
        let mut state = lock(&self.state);
        let State { claims, holders } = &mut *state;
        let mut produced = Vec::new();
        holders.retain(|ticket, holder| {
            if holder.env != env {
                return true;
            }
            if let Some(claim) = claims.get_mut(&holder.key) {
                if claim.producer == *ticket {
                    produced.push(Arc::clone(&holder.key));
                } else {
                    claim.waiters.remove(ticket);
                }
            }
            false
        });
        shrink(holders);
        let mut wake = Vec::new();
        for key in produced {
            wake.extend(state.end(&key).into_iter().map(|(ticket, env)| (env, ticket)));
        }
        // The table's order is random.
        wake.sort_unstable_by_key(|&(_, ticket)| ticket);
        wake
    }

    /// How many tickets there are: producers and waiters.
    pub fn len(&self) -> usize {
        lock(&self.state).holders.len()
    }

    /// Whether there is no ticket.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether nothing is left of any claim: no ticket, no key, and no more room than the tables keep. For tests.
    pub fn is_idle(&self) -> bool {
        let state = lock(&self.state);
        let room = state.holders.capacity().max(state.claims.capacity());
        state.holders.is_empty() && state.claims.is_empty() && room <= 2 * SPARE
    }
}

#[cfg(all(test, not(feature = "shuttle")))]
mod tests {
    use std::collections::{BTreeSet, HashSet};

    use proptest::prelude::*;

    use super::*;

    const A: EnvId = EnvId(1);
    const B: EnvId = EnvId(2);
    const C: EnvId = EnvId(3);

    fn producer(outcome: Outcome) -> Ticket {
        match outcome {
            Outcome::Produce(ticket) => ticket,
            Outcome::Wait(ticket) => unreachable!("{ticket:?} waits"),
        }
    }

    fn waiter(outcome: Outcome) -> Ticket {
        match outcome {
            Outcome::Wait(ticket) => ticket,
            Outcome::Produce(ticket) => unreachable!("{ticket:?} produces"),
        }
    }

    #[test]
    fn one_produces_and_all_others_are_woken_in_order() {
        let claims = Claims::new();
        let first = producer(claims.claim(b"k", A));
        let waits = [waiter(claims.claim(b"k", B)), waiter(claims.claim(b"k", A)), waiter(claims.claim(b"k", C))];
        let other = producer(claims.claim(b"", B));
        assert_eq!(claims.len(), 5);
        assert_eq!(claims.release(first), [(B, waits[0]), (A, waits[1]), (C, waits[2])]);
        assert_eq!(claims.release(first), []);
        assert_eq!(claims.len(), 1);
        assert_eq!(claims.release(other), []);
        assert!(claims.is_idle());
    }

    #[test]
    fn an_old_ticket_does_not_end_the_next_claim() {
        let claims = Claims::new();
        let first = producer(claims.claim(b"k", A));
        claims.release(first);
        let second = producer(claims.claim(b"k", B));
        let wait = waiter(claims.claim(b"k", A));
        assert_eq!(claims.release(first), []);
        assert_eq!(claims.release(wait), []);
        assert_eq!(claims.len(), 2);
        assert_eq!(claims.release(second), [(A, wait)]);
    }

    #[test]
    fn forgetting_ends_a_wait_but_no_production() {
        let claims = Claims::new();
        let first = producer(claims.claim(b"k", A));
        let wait = waiter(claims.claim(b"k", B));
        claims.forget(first);
        claims.forget(Ticket(0));
        let late = waiter(claims.claim(b"k", C));
        claims.forget(wait);
        claims.forget(wait);
        assert_eq!(claims.release(first), [(C, late)]);
        assert!(claims.is_idle());
    }

    #[test]
    fn what_a_dead_environment_produced_is_released_and_it_is_not_woken() {
        let claims = Claims::new();
        producer(claims.claim(b"k", A));
        producer(claims.claim(b"l", A));
        let other = producer(claims.claim(b"m", B));
        let waits = [waiter(claims.claim(b"l", B)), waiter(claims.claim(b"k", C)), waiter(claims.claim(b"l", C))];
        waiter(claims.claim(b"l", A));
        waiter(claims.claim(b"m", A));
        assert_eq!(claims.drop_env(A), [(B, waits[0]), (C, waits[1]), (C, waits[2])]);
        assert_eq!(claims.drop_env(A), []);
        assert_eq!(claims.release(other), []);
        assert!(claims.is_idle());
    }

    #[test]
    fn a_burst_leaves_no_memory_behind() {
        let claims = Claims::new();
        let tickets: Vec<_> = (0..10_000_u32).map(|i| producer(claims.claim(&i.to_le_bytes(), A))).collect();
        let waits: Vec<_> = (0..10_000).map(|_| waiter(claims.claim(&7_u32.to_le_bytes(), B))).collect();
        waits.iter().for_each(|&ticket| claims.forget(ticket));
        assert!(!claims.is_idle());
        tickets.iter().for_each(|&ticket| assert_eq!(claims.release(ticket), []));
        assert!(claims.is_idle());
        for i in 0..10_000_u32 {
            producer(claims.claim(&i.to_le_bytes(), A));
        }
        claims.drop_env(A);
        assert!(claims.is_idle());
    }

    #[test]
    fn tickets_are_unique_and_exact_in_javascript() {
        let threads: Vec<_> =
            (0..4).map(|_| std::thread::spawn(|| (0..1000).map(|_| Ticket::next()).collect::<Vec<_>>())).collect();
        let all: Vec<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect();
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), 4000);
        assert!(all.iter().all(|ticket| (1..1 << 53).contains(&ticket.0)));
    }

    #[derive(Debug, Clone)]
    enum Step {
        Claim(u8, u64),
        /// Of a ticket that was given at some time, or of none.
        Release(usize),
        Forget(usize),
        DropEnv(u64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            8 => (0..4_u8, 1..6_u64).prop_map(|(key, env)| Step::Claim(key, env)),
            4 => any::<usize>().prop_map(Step::Release),
            3 => any::<usize>().prop_map(Step::Forget),
            1 => (1..6_u64).prop_map(Step::DropEnv),
        ];
        prop::collection::vec(step, 1..120)
    }

    /// All tickets there are, oldest first: the first of a key produces.
    #[derive(Default)]
    struct Model(Vec<(u8, EnvId, Ticket)>);

    impl Model {
        fn produces(&self, ticket: Ticket) -> Option<u8> {
            let &(key, ..) = self.0.iter().find(|entry| entry.2 == ticket)?;
            (self.0.iter().find(|entry| entry.0 == key)?.2 == ticket).then_some(key)
        }

        fn release(&mut self, ticket: Ticket) -> Vec<(EnvId, Ticket)> {
            let Some(key) = self.produces(ticket) else { return Vec::new() };
            let (ended, left): (Vec<_>, _) = self.0.iter().partition(|entry| entry.0 == key);
            self.0 = left;
            ended[1..].iter().map(|&(_, env, ticket)| (env, ticket)).collect()
        }

        fn forget(&mut self, ticket: Ticket) {
            if self.produces(ticket).is_none() {
                self.0.retain(|entry| entry.2 != ticket);
            }
        }

        fn drop_env(&mut self, env: EnvId) -> Vec<(EnvId, Ticket)> {
            let of_env: Vec<_> = self.0.iter().filter(|entry| entry.1 == env).map(|entry| entry.2).collect();
            let mut wake: Vec<_> = of_env
                .into_iter()
                .rev()
                .flat_map(|ticket| {
                    self.forget(ticket);
                    self.release(ticket)
                })
                .collect();
            wake.sort_by_key(|entry| entry.1);
            wake
        }
    }

    /// What the tables promise each other.
    fn validate(claims: &Claims) {
        let state = lock(&claims.state);
        let mut tickets = BTreeSet::new();
        for (key, claim) in &state.claims {
            for ticket in claim.waiters.keys().chain([&claim.producer]) {
                assert!(tickets.insert(*ticket), "{ticket:?} twice");
                assert_eq!(state.holders.get(ticket).map(|holder| &holder.key), Some(key), "{ticket:?}");
            }
            assert!(claim.waiters.iter().all(|(ticket, env)| state.holders[ticket].env == *env));
        }
        assert_eq!(tickets.len(), state.holders.len());
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

        #[test]
        fn as_the_model_says(steps in steps()) {
            let claims = Claims::new();
            let mut model = Model::default();
            let mut given = vec![Ticket(0), Ticket(u64::MAX)];
            for step in steps {
                match step {
                    Step::Claim(key, env) => {
                        let produced = model.0.iter().any(|entry| entry.0 == key);
                        let ticket = match claims.claim(&[key], EnvId(env)) {
                            Outcome::Produce(ticket) => { prop_assert!(!produced); ticket }
                            Outcome::Wait(ticket) => { prop_assert!(produced); ticket }
                        };
                        model.0.push((key, EnvId(env), ticket));
                        given.push(ticket);
                    }
                    Step::Release(i) => {
                        let ticket = given[i % given.len()];
                        prop_assert_eq!(claims.release(ticket), model.release(ticket));
                    }
                    Step::Forget(i) => {
                        let ticket = given[i % given.len()];
                        claims.forget(ticket);
                        model.forget(ticket);
                    }
                    Step::DropEnv(env) => prop_assert_eq!(claims.drop_env(EnvId(env)), model.drop_env(EnvId(env))),
                }
                prop_assert_eq!(claims.len(), model.0.len());
                validate(&claims);
            }
            for env in 1..6 {
                prop_assert_eq!(claims.drop_env(EnvId(env)), model.drop_env(EnvId(env)));
            }
            prop_assert!(claims.is_idle());
        }
    }
}
