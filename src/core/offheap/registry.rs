//! Named things of the process: whoever opens a name that somebody holds gets the same thing.
//!
//! The registry holds nothing alive. A thing lives as long as the [`Arc`]s that [`open`](Registry::open) gave out and their
//! clones; afterwards its name is free. So `T` must be held by its users only. What works for them (a thread that sweeps, a
//! task that saves) and takes an `Arc` of `T` for a moment would keep the name taken for that moment: then let `T` be a handle
//! around what such workers hold.
//!
//! There are never two things of one name that somebody holds. But the name is free as soon as nobody holds the old one, and
//! its destructor may still be running while the new one is made.
//!
//! # Locks
//!
//! Each name has a slot with a lock of its own, which is held while the thing is looked for and made: so it is made once,
//! others who want that name wait, and other names do not. The lock around the table of slots is held for lookups only. Both
//! are let go before anything that the registry did not make itself is called or dropped, `make` excepted: `make` must
//! neither open its own name nor ask for the names, which would wait for itself.
//!
//! A slot is removed when no thread is in it and its thing is gone, which is looked at when the table has grown to twice of
//! what was left the last time. So the table is at most about twice as long as it ever had to be at once.

use std::collections::HashMap;

use crate::core::sync::{Arc, Mutex, Weak, lock};

/// The table is not looked through before it has this many slots.
const FEW: usize = 16;

/// Where a name's thing is. A thread that opens the name holds an `Arc` of its slot, so that it is not removed meanwhile.
type Slot<T> = Arc<Mutex<Weak<T>>>;

#[derive(Debug)]
struct Table<T> {
    slots: HashMap<Box<str>, Slot<T>>,
    /// How many slots make it worth looking for dead ones.
    full: usize,
}

impl<T> Table<T> {
    fn slot(&mut self, name: &str) -> Slot<T> {
        if let Some(slot) = self.slots.get(name) {
            return Arc::clone(slot);
        }
        if self.slots.len() >= self.full {
            self.sweep();
        }
        let slot = Slot::default();
        self.slots.insert(name.into(), Arc::clone(&slot));
        slot
    }

    fn sweep(&mut self) {
        // Nobody comes into a slot without this table's lock. So one that only the table holds is not locked either.
        self.slots.retain(|_, slot| Arc::strong_count(slot) > 1 || lock(slot).strong_count() > 0);
        self.full = (self.slots.len() * 2).max(FEW);
        self.slots.shrink_to(self.full);
    }
}

/// Things of one kind by name.
#[derive(Debug)]
pub struct Registry<T> {
    table: Mutex<Table<T>>,
}

impl<T> Default for Registry<T> {
    fn default() -> Self {
        Self { table: Mutex::new(Table { slots: HashMap::new(), full: FEW }) }
    }
}

impl<T> Registry<T> {
    /// Without names.
    pub fn new() -> Self {
        Self::default()
    }

    /// The thing of that name. If somebody holds it, `check` looks whether it is what the caller wants; otherwise `make` makes
    /// it, while others who open the name wait.
    ///
    /// # Errors
    /// What `check` or `make` answers. Nothing has changed then. The same holds if one of them panics.
    pub fn open<E>(
        &self,
        name: &str,
        make: impl FnOnce() -> Result<T, E>,
        check: impl FnOnce(&T) -> Result<(), E>,
    ) -> Result<Arc<T>, E> {
        let slot = lock(&self.table).slot(name);
        // The lock is let go here. After `check` the caller may be the last that holds the thing, and drop it.
        let found = {
            let mut held = lock(&slot);
            match held.upgrade() {
                Some(thing) => thing,
                None => {
                    let thing = Arc::new(make()?);
                    *held = Arc::downgrade(&thing);
                    return Ok(thing);
                }
            }
        };
        check(&found)?;
        Ok(found)
    }

    /// The names whose things somebody holds, sorted. Forgets the others.
    pub fn names(&self) -> Vec<String> {
        let slots: Vec<(String, Slot<T>)> = {
            let mut table = lock(&self.table);
            table.sweep();
            table.slots.iter().map(|(name, slot)| (name.to_string(), Arc::clone(slot))).collect()
        };
        let mut names: Vec<String> =
            slots.into_iter().filter(|(_, slot)| lock(slot).strong_count() > 0).map(|(name, _)| name).collect();
        names.sort_unstable();
        names
    }
}

#[cfg(all(test, not(feature = "shuttle")))]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::sync::{Barrier, mpsc};
    use std::thread;

    use super::*;

    type Opened = Result<Arc<u32>, &'static str>;

    fn open(registry: &Registry<u32>, name: &str, value: u32) -> Opened {
        registry.open(name, || Ok(value), |found| if *found == value { Ok(()) } else { Err("differs") })
    }

    fn slots<T>(registry: &Registry<T>) -> usize {
        lock(&registry.table).slots.len()
    }

    #[test]
    fn a_name_is_one_thing_while_somebody_holds_it() -> Result<(), &'static str> {
        let registry = Registry::new();
        let first = open(&registry, "a", 1)?;
        let second = open(&registry, "a", 1)?;
        assert!(Arc::ptr_eq(&first, &second));
        assert!(!Arc::ptr_eq(&first, &open(&registry, "A", 1)?));
        drop(first);
        assert_eq!(open(&registry, "a", 2), Err("differs"));
        drop(second);
        assert_eq!(open(&registry, "a", 2).as_deref(), Ok(&2));
        Ok(())
    }

    #[test]
    fn make_and_check_are_called_when_they_are_wanted() -> Result<(), &'static str> {
        let registry = Registry::new();
        let held = registry.open::<&str>("", || Ok(1), |_| unreachable!("checked what was made"))?;
        let again = registry.open::<&str>(
            "",
            || unreachable!("made what was there"),
            |found| {
                assert_eq!(*found, 1);
                Ok(())
            },
        )?;
        assert_eq!(Arc::strong_count(&held), 2);
        drop(again);
        assert_eq!(registry.open("", || Ok(2), |_| Err("no")), Err("no"));
        assert_eq!(Arc::strong_count(&held), 1);
        Ok(())
    }

    #[test]
    fn a_make_that_fails_or_panics_leaves_the_name_free() {
        let registry = Registry::new();
        assert_eq!(registry.open("a", || Err("no"), |_| Ok(())), Err("no"));
        let panic = catch_unwind(AssertUnwindSafe(|| registry.open("a", || unreachable!("on purpose"), |_| Err("no"))));
        assert!(panic.is_err());
        assert!(registry.names().is_empty());
        let held = open(&registry, "a", 1);
        assert_eq!(held.as_deref(), Ok(&1));
        assert_eq!(registry.names(), ["a"]);
    }

    #[test]
    fn a_check_that_panics_changes_nothing() -> Result<(), &'static str> {
        let registry = Registry::new();
        let held = open(&registry, "a", 1)?;
        let panic = catch_unwind(AssertUnwindSafe(|| registry.open("a", || Err("no"), |_| unreachable!("on purpose"))));
        assert!(panic.is_err());
        assert!(Arc::ptr_eq(&held, &open(&registry, "a", 1)?));
        Ok(())
    }

    #[test]
    fn names_are_those_that_somebody_holds() -> Result<(), &'static str> {
        let registry = Registry::new();
        let held = [open(&registry, "b", 1)?, open(&registry, "", 2)?, open(&registry, "é", 3)?];
        drop(open(&registry, "gone", 4)?);
        assert_eq!(registry.names(), ["", "b", "é"]);
        assert_eq!(slots(&registry), 3);
        drop(held);
        assert!(registry.names().is_empty());
        assert_eq!(slots(&registry), 0);
        Ok(())
    }

    #[test]
    fn dead_names_take_no_room() -> Result<(), &'static str> {
        let registry = Registry::new();
        let held = (0..20).map(|i| open(&registry, &format!("held {i}"), i)).collect::<Result<Vec<_>, _>>()?;
        let mut most = 0;
        for i in 0..10_000 {
            drop(open(&registry, &i.to_string(), i)?);
            assert_eq!(registry.open(&format!("bad {i}"), || Err("no"), |_| Ok(())), Err("no"));
            most = most.max(slots(&registry));
        }
        assert!(most <= 2 * held.len() + 1, "{most} slots");
        assert!(lock(&registry.table).slots.capacity() <= 4 * held.len());
        for (i, thing) in (0..).zip(&held) {
            assert!(Arc::ptr_eq(thing, &open(&registry, &format!("held {i}"), i)?));
        }
        Ok(())
    }

    #[test]
    fn other_names_do_not_wait_for_a_make() -> Result<(), &'static str> {
        let registry = Registry::new();
        thread::scope(|scope| {
            // In here, so that a test that fails lets the other thread go.
            let (began, has_begun) = mpsc::channel();
            let (end, may_end) = mpsc::channel::<()>();
            let registry = &registry;
            let slow = scope.spawn(move || {
                let make = || {
                    began.send(()).map_err(|_| "gone")?;
                    may_end.recv().map_err(|_| "gone")?;
                    Ok(1)
                };
                registry.open("slow", make, |_| Err("was there"))
            });
            has_begun.recv().map_err(|_| "gone")?;
            // Enough to have the table looked through, with the slow one in it.
            for i in 0..100 {
                drop(open(registry, &i.to_string(), i)?);
            }
            let waits = scope.spawn(|| registry.open("slow", || Err("made twice"), |_| Ok(())).map(|thing| *thing));
            end.send(()).map_err(|_| "gone")?;
            let slow = slow.join().map_err(|_| "panic")??;
            assert_eq!(waits.join().map_err(|_| "panic")?, Ok(1));
            assert_eq!(*slow, 1);
            Ok(())
        })
    }

    #[test]
    fn threads_at_once_make_once() {
        let registry = Registry::new();
        let made = AtomicUsize::new(0);
        let barrier = Barrier::new(4);
        for round in 1..=200 {
            let held: Vec<Opened> = thread::scope(|scope| {
                let open = || {
                    barrier.wait();
                    registry.open("a", || Ok(u32::try_from(made.fetch_add(1, SeqCst)).unwrap_or(0)), |_| Ok(()))
                };
                let threads: Vec<_> = (0..4).map(|_| scope.spawn(open)).collect();
                threads.into_iter().map(|thread| thread.join().unwrap_or(Err("panic"))).collect()
            });
            assert_eq!(made.load(SeqCst), round);
            assert!(held.iter().all(|thing| *thing == held[0] && thing.is_ok()));
        }
    }

    /// Opens another name when it is dropped, as a thing that closes others would.
    struct Nested<'a>(Option<&'a Registry<Nested<'a>>>);

    impl Drop for Nested<'_> {
        fn drop(&mut self) {
            if let Some(registry) = self.0 {
                assert!(registry.open("a", || Ok::<_, ()>(Nested(None)), |_| Ok(())).is_ok());
                assert!(registry.names().is_empty());
            }
        }
    }

    #[test]
    fn a_thing_that_is_refused_and_dropped_may_use_the_registry() {
        let registry: Registry<Nested<'_>> = Registry::new();
        let held = registry.open("a", || Ok::<_, ()>(Nested(Some(&registry))), |_| Ok(())).ok();
        let held = std::cell::Cell::new(held);
        // The last holder lets go while the caller looks at it: now the caller's is the last.
        let refused = registry.open(
            "a",
            || Ok(Nested(None)),
            |_| {
                drop(held.take());
                Err(())
            },
        );
        assert!(refused.is_err());
        assert!(registry.names().is_empty());
    }
}
