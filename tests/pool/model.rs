//! Pools over one depot against a model: who has which bytes, and what is in them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use heapwise::core::pool::depot::{Depot, unit};
use heapwise::core::pool::pool::{ClassStats, Config, POISON, Pool, Refused, Stats};
use heapwise::core::pool::span::{MOST_CHUNKS, Shape};
use proptest::prelude::*;

use crate::cases;
use crate::chunks::{Hold, Registry};

type Checked = Result<(), TestCaseError>;

/// Pools that are open at a time.
const POOLS: usize = 3;

#[derive(Debug, Clone)]
enum Step {
    Open(usize, Config),
    Take(usize, usize),
    TakeMany(usize, usize, usize),
    Retire(usize, usize, bool),
    Finish(usize, usize, bool),
    FinishMany(usize, bool),
    /// An id that may be of nothing.
    Guess(usize, u32),
    Poison(usize, usize, usize),
    Wipe(usize, usize),
    Trim(usize),
    PurgeDepot,
    Close(usize),
}

fn classes() -> impl Strategy<Value = Vec<usize>> {
    let quarters = |least: u32, doublings: u32| {
        (0..doublings * 4).map(move |step| ((1_usize << least) * (4 + step as usize % 4) / 4) << (step / 4)).collect()
    };
    let odd = prop_oneof![6 => 16..5000_usize, 3 => 5000..80_000_usize, 1 => 80_000..3_000_000_usize];
    prop_oneof![
        Just(quarters(6, 8)),
        Just(quarters(12, 5)),
        Just(vec![16]),
        Just(vec![4096, 16384, 20480]),
        Just(vec![100_000, 2_500_000]),
        prop::collection::btree_set(odd, 1..6).prop_map(|sizes| sizes.into_iter().collect()),
    ]
}

fn config() -> impl Strategy<Value = Config> {
    let page = prop_oneof![Just(4096_usize), Just(8192), Just(12_000), Just(65_536), Just(1 << 20)];
    let most = prop_oneof![1 => 0..100_000_u64, 4 => 100_000..8_000_000_u64];
    let secure = prop::bool::weighted(0.15);
    (page, classes(), most, secure).prop_map(|(page, mut classes, max_bytes, secure)| {
        if secure {
            classes.truncate(8);
            classes[0] = classes[0].min(70_000);
            classes.retain(|&size| size <= 70_000);
        }
        let max_bytes = if secure { max_bytes.min(200_000) } else { max_bytes };
        Config { page, classes, max_bytes, secure }
    })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let pool = || 0..POOLS;
    let pick = any::<usize>;
    let step = prop_oneof![
        3 => (pool(), config()).prop_map(|(pool, config)| Step::Open(pool, config)),
        10 => (pool(), pick()).prop_map(|(pool, class)| Step::Take(pool, class)),
        6 => (pool(), pick(), 2..150_usize).prop_map(|(pool, class, count)| Step::TakeMany(pool, class, count)),
        8 => (pool(), pick(), any::<bool>()).prop_map(|(pool, at, purge)| Step::Retire(pool, at, purge)),
        10 => (pool(), pick(), prop::bool::weighted(0.9)).prop_map(|(pool, at, sure)| Step::Finish(pool, at, sure)),
        4 => (pool(), any::<bool>()).prop_map(|(pool, purge)| Step::FinishMany(pool, purge)),
        2 => (pool(), any::<u32>()).prop_map(|(pool, id)| Step::Guess(pool, id)),
        2 => (pool(), pick(), pick()).prop_map(|(pool, at, byte)| Step::Poison(pool, at, byte)),
        2 => (pool(), pick()).prop_map(|(pool, at)| Step::Wipe(pool, at)),
        2 => pool().prop_map(Step::Trim),
        1 => Just(Step::PurgeDepot),
        1 => pool().prop_map(Step::Close),
    ];
    prop::collection::vec(step, 1..150)
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum With {
    Javascript,
    Collector,
    Nobody,
}

#[derive(Debug)]
struct Held {
    hold: Hold,
    class: usize,
    with: With,
}

/// A pool, and what is known of it.
struct Known {
    pool: Pool,
    config: Config,
    held: BTreeMap<u32, Held>,
    classes: Vec<ClassStats>,
}

/// What is known of everything.
struct World {
    depot: Arc<Depot>,
    pools: Vec<Option<Known>>,
    registry: Registry,
    /// Held by somebody when their pool was closed.
    abandoned: Vec<Hold>,
    stranded: usize,
    stamp: u8,
}

impl Known {
    fn new(config: Config, depot: &Arc<Depot>) -> Result<Self, TestCaseError> {
        let pool = Pool::with_depot(config.clone(), Arc::clone(depot));
        let pool = pool.map_err(|refused| TestCaseError::fail(format!("{config:?}: {refused:?}")))?;
        let classes = config.classes.iter().map(|&size| ClassStats { size, ..ClassStats::default() }).collect();
        Ok(Self { pool, config, held: BTreeMap::new(), classes })
    }

    fn out_bytes(&self) -> u64 {
        let out = self.held.values().filter(|held| held.with == With::Javascript);
        out.map(|held| self.config.classes[held.class] as u64).sum()
    }

    fn pick(&self, at: usize, with: impl Fn(With) -> bool) -> Option<u32> {
        let ids: Vec<u32> = self.held.iter().filter(|(_, held)| with(held.with)).map(|(&id, _)| id).collect();
        (!ids.is_empty()).then(|| ids[at % ids.len()])
    }

    fn count(&self, class: usize, with: With) -> u64 {
        self.held.values().filter(|held| held.class == class && held.with == with).count() as u64
    }

    fn shape(&self, class: usize) -> Shape {
        let size = self.config.classes[class];
        if self.config.secure { Shape::secure(size) } else { Shape::new(size, self.config.page) }
    }

    /// Everything that the pool says of itself.
    fn check(&self) -> Result<Stats, TestCaseError> {
        if let Err(broken) = self.pool.validate() {
            prop_assert!(false, "{}", broken);
        }
        let stats = self.pool.stats();
        prop_assert_eq!(stats.out_bytes, self.out_bytes());
        prop_assert!(stats.out_bytes <= self.config.max_bytes);
        let mut mapped = 0;
        for (class, said) in stats.classes.iter().enumerate() {
            let [out, retired, strays] =
                [With::Javascript, With::Collector, With::Nobody].map(|with| self.count(class, with));
            let shape = self.shape(class);
            // The model does not know where chunks are vacant, but spans are whole.
            let chunks = out + retired + strays + said.vacant;
            prop_assert_eq!(chunks % shape.chunks as u64, 0, "{:?}", said);
            let spans = chunks as usize / shape.chunks;
            let guards = if self.config.secure { (shape.chunks + 1) * unit() } else { 0 };
            mapped += spans * (shape.bytes().next_multiple_of(unit()) + guards);
            prop_assert_eq!(*said, ClassStats { out, retired, strays, vacant: said.vacant, ..self.classes[class] });
        }
        prop_assert_eq!(stats.mapped, mapped);
        prop_assert!(stats.committed <= stats.mapped);
        let pages = self.pages().len() * unit();
        prop_assert!(stats.committed >= pages, "{} bytes are committed, {} held", stats.committed, pages);
        if self.config.secure {
            prop_assert!(stats.locked <= stats.committed && stats.guarded);
        } else {
            prop_assert_eq!((stats.locked, stats.guarded), (0, false));
        }
        Ok(stats)
    }

    /// The pages that somebody has something of.
    fn pages(&self) -> BTreeSet<usize> {
        let pages = |hold: &Hold| hold.address() / unit()..(hold.address() + hold.len()).div_ceil(unit());
        self.held.values().flat_map(|held| pages(&held.hold)).collect()
    }

    fn spans(&self) -> usize {
        self.held.keys().map(|id| *id as usize / MOST_CHUNKS).collect::<BTreeSet<_>>().len()
    }
}

impl World {
    fn new() -> Self {
        let pools = (0..POOLS).map(|_| None).collect();
        Self { depot: Depot::new(), pools, registry: Registry::new(), abandoned: Vec::new(), stranded: 0, stamp: 0 }
    }

    fn step(&mut self, step: Step) -> Checked {
        match step {
            Step::Open(pool, config) => {
                if self.pools[pool].is_none() {
                    self.pools[pool] = Some(Known::new(config, &self.depot)?);
                }
            }
            Step::Take(pool, class) => self.take(pool, class, 1)?,
            Step::TakeMany(pool, class, count) => self.take(pool, class, count)?,
            Step::Retire(pool, at, purge) => self.retire(pool, at, purge)?,
            Step::Finish(pool, at, sure) => self.finish(pool, at, sure)?,
            Step::FinishMany(pool, purge) => {
                for at in 0..self.pools[pool].as_ref().map_or(0, |known| known.held.len()) {
                    // Every second one, so that there are gaps.
                    self.retire(pool, at, purge)?;
                    self.finish(pool, at / 2, true)?;
                }
            }
            Step::Guess(pool, id) => {
                let Some(known) = &mut self.pools[pool] else { return Ok(()) };
                let id = if id % 2 == 0 { id } else { id % 8192 };
                let with = known.held.get(&id).map(|held| held.with);
                if with != Some(With::Javascript) {
                    prop_assert!(!known.pool.retire(id, true) && !known.pool.wipe(id));
                    known.pool.poison(id);
                    prop_assert_eq!(known.pool.verify(id), None);
                    prop_assert!(with == Some(With::Collector) || !known.pool.finish(id, true));
                }
            }
            Step::Poison(pool, at, byte) => self.poison(pool, at, byte)?,
            Step::Wipe(pool, at) => {
                let Some(known) = &mut self.pools[pool] else { return Ok(()) };
                let Some(id) = known.pick(at, |with| with == With::Javascript) else { return Ok(()) };
                let Some(held) = known.held.get_mut(&id) else { return Ok(()) };
                prop_assert!(known.pool.wipe(id) && held.hold.reads(0));
                held.hold.fill(1);
            }
            Step::Trim(pool) => self.trim(pool)?,
            Step::PurgeDepot => {
                prop_assert!(crate::purge(&self.depot));
                self.check_contents()?;
            }
            Step::Close(pool) => self.close(pool)?,
        }
        Ok(())
    }

    fn take(&mut self, pool: usize, class: usize, count: usize) -> Checked {
        let Some(known) = &mut self.pools[pool] else { return Ok(()) };
        let classes = known.config.classes.len();
        let class = class % (classes + 1);
        for _ in 0..count {
            let full =
                class < classes && known.out_bytes() + known.config.classes[class] as u64 > known.config.max_bytes;
            match known.pool.take(class) {
                Ok(chunk) => {
                    prop_assert!(!full && class < classes);
                    prop_assert_eq!(chunk.len, known.config.classes[class]);
                    let aligned = if chunk.len >= 4 * unit() && !known.config.secure { unit() } else { 16 };
                    prop_assert_eq!(chunk.address.addr() % aligned, 0);
                    self.stamp = self.stamp % 250 + 1;
                    let hold = Hold::new(chunk, self.stamp).map_err(TestCaseError::fail)?;
                    self.registry.enter(&hold).map_err(TestCaseError::fail)?;
                    let other = known.held.insert(chunk.id, Held { hold, class, with: With::Javascript });
                    prop_assert!(other.is_none(), "two chunks have the id {}", chunk.id);
                    known.classes[class].made += 1;
                }
                Err(refused) => {
                    prop_assert_eq!(refused, if full { Refused::Full } else { Refused::NoClass });
                    prop_assert!(full || class == classes);
                    break;
                }
            }
        }
        Ok(())
    }

    fn retire(&mut self, pool: usize, at: usize, purge: bool) -> Checked {
        let Some(known) = &mut self.pools[pool] else { return Ok(()) };
        let Some(id) = known.pick(at, |with| with == With::Javascript) else { return Ok(()) };
        prop_assert!(known.pool.retire(id, purge) && !known.pool.retire(id, purge));
        if let Some(held) = known.held.get_mut(&id) {
            held.with = With::Collector;
        }
        Ok(())
    }

    fn finish(&mut self, pool: usize, at: usize, sure: bool) -> Checked {
        let Some(known) = &mut self.pools[pool] else { return Ok(()) };
        let Some(id) = known.pick(at, |with| with != With::Nobody) else { return Ok(()) };
        let Some(held) = known.held.get_mut(&id) else { return Ok(()) };
        prop_assert!(held.hold.is_whole(), "{:?}: somebody wrote to it", held);
        let lost = held.with == With::Javascript;
        if lost {
            known.classes[held.class].lost += 1;
        }
        prop_assert_eq!(known.pool.finish(id, sure), lost);
        if sure {
            self.registry.leave(&held.hold);
            known.held.remove(&id);
        } else {
            held.with = With::Nobody;
            if known.config.secure {
                // A secret does not outlive its pool's thread, whoever may have it.
                prop_assert!(held.hold.reads(0));
                held.hold.fill(3);
            }
        }
        prop_assert!(!known.pool.finish(id, true), "finished twice");
        Ok(())
    }

    fn poison(&mut self, pool: usize, at: usize, byte: usize) -> Checked {
        let Some(known) = &mut self.pools[pool] else { return Ok(()) };
        let Some(id) = known.pick(at, |with| with == With::Javascript) else { return Ok(()) };
        let Some(held) = known.held.get_mut(&id) else { return Ok(()) };
        known.pool.poison(id);
        prop_assert!(held.hold.reads(POISON));
        prop_assert_eq!(known.pool.verify(id), None);
        held.hold.fill(POISON);
        held.hold.spoil(byte);
        prop_assert_eq!(known.pool.verify(id), Some(byte % held.hold.len()));
        held.hold.fill(2);
        Ok(())
    }

    fn trim(&mut self, pool: usize) -> Checked {
        let Some(known) = &self.pools[pool] else { return Ok(()) };
        let before = known.check()?.committed;
        let trimmed = known.pool.trim() as usize;
        let after = known.check()?;
        prop_assert_eq!(after.committed, before - trimmed);
        // What is left is what somebody has, to the page.
        let (pages, spans) = (known.pages().len(), known.spans());
        if cfg!(target_os = "linux") {
            if !known.config.secure {
                prop_assert_eq!(after.committed, pages * unit());
            }
            prop_assert!(crate::wait_until(|| self.depot.stats().dirty == 0));
        }
        prop_assert!(spans > 0 || (after.mapped, after.committed) == (0, 0));
        prop_assert_eq!(known.pool.trim(), 0);
        self.check_contents()
    }

    fn close(&mut self, pool: usize) -> Checked {
        let Some(known) = self.pools[pool].take() else { return Ok(()) };
        known.check()?;
        if !known.config.secure {
            self.stranded += known.spans();
        }
        drop(known.pool);
        self.abandoned.extend(known.held.values().map(|held| held.hold));
        self.check_contents()
    }

    /// What somebody has is what he wrote.
    fn check_contents(&self) -> Checked {
        let held = self.pools.iter().flatten().flat_map(|known| known.held.values()).map(|held| &held.hold);
        for hold in held.chain(&self.abandoned) {
            prop_assert!(hold.is_whole(), "{:?}: somebody wrote to it", hold);
        }
        Ok(())
    }

    fn check(&self) -> Checked {
        let mut mapped = 0;
        for known in self.pools.iter().flatten() {
            let stats = known.check()?;
            mapped += if known.config.secure { 0 } else { stats.mapped };
        }
        if let Err(broken) = self.depot.validate() {
            prop_assert!(false, "{}", broken);
        }
        let stats = self.depot.stats();
        prop_assert_eq!((stats.run_bytes, stats.stranded), (mapped + stats.stranded_bytes, self.stranded));
        prop_assert!(stats.run_bytes + stats.dirty <= stats.mapped);
        Ok(())
    }
}

proptest! {
    #![proptest_config(cases::config(150))]

    #[test]
    fn nothing_overlaps_and_everything_is_counted(steps in steps()) {
        let mut world = World::new();
        for step in steps {
            world.step(step)?;
            world.check()?;
        }
        for pool in 0..POOLS {
            world.close(pool)?;
        }
        world.check()?;
        let stats = world.depot.stats();
        prop_assert_eq!((stats.runs, stats.run_bytes), (stats.stranded, stats.stranded_bytes));
        prop_assert!(crate::purge(&world.depot));
        world.check_contents()?;
    }
}
