//! The depot against a model, and how spans are cut.

use std::sync::Arc;

use heapwise::core::pool::bits::Bits;
use heapwise::core::pool::depot::{DIRTY_MOST, Depot, LARGEST_SHARED, Run, SLAB, Stats, unit};
use heapwise::core::pool::span::{MOST_CHUNKS, Shape};
use proptest::prelude::*;

use crate::cases;

#[derive(Debug, Clone)]
enum Step {
    Take(usize),
    Write(usize, usize, usize),
    PurgeRun(usize, usize),
    Drop(usize),
    Strand(usize),
    Purge,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let pick = any::<usize>;
    let bytes = prop_oneof![
        12 => 0..100_000_usize,
        2 => 100_000..=LARGEST_SHARED,
        1 => LARGEST_SHARED - 4096..3 * LARGEST_SHARED,
    ];
    let step = prop_oneof![
        8 => bytes.prop_map(Step::Take),
        8 => (pick(), pick(), 1..200_000_usize).prop_map(|(run, from, len)| Step::Write(run, from, len)),
        2 => (pick(), pick()).prop_map(|(run, kept)| Step::PurgeRun(run, kept)),
        7 => pick().prop_map(Step::Drop),
        1 => pick().prop_map(Step::Strand),
        1 => Just(Step::Purge),
    ];
    prop::collection::vec(step, 1..80)
}

/// A run, and for each of its pages what is in it; `None` where that is unknown but announced as written.
struct Known {
    run: Run,
    pages: Vec<Option<u8>>,
}

impl Known {
    fn new(run: Run) -> Self {
        let pages = (0..run.len() / unit()).map(|page| (!run.written().has(page)).then_some(0)).collect();
        Self { run, pages }
    }

    fn start(&self) -> usize {
        self.run.mapping().address(self.run.offset()).addr()
    }

    fn range(&self, page: usize) -> std::ops::Range<usize> {
        let at = self.run.offset() + page * unit();
        at..at + unit()
    }

    fn write(&mut self, from: usize, len: usize, content: u8) -> usize {
        let from = from % self.run.len();
        let range = from..(from + len).min(self.run.len());
        let pages = Run::pages_of(&range);
        let new = pages.clone().filter(|&page| !self.run.written().has(page)).count();
        assert_eq!(self.run.write(&range), new * unit());
        // The run is told of bytes; whole pages are what it minds.
        for page in pages {
            self.run.mapping().fill(self.range(page), content);
            self.pages[page] = Some(content);
        }
        new
    }

    fn check(&self) -> Result<(), TestCaseError> {
        for (page, content) in self.pages.iter().enumerate() {
            if let Some(content) = content {
                let other = self.run.mapping().first_other(self.range(page), *content);
                prop_assert_eq!(other, None, "page {} is not all {}", page, content);
                prop_assert!(*content == 0 || self.run.written().has(page));
            }
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(cases::config(80))]

    #[test]
    fn runs_never_overlap_and_unwritten_pages_read_zero(steps in steps()) {
        let depot = Depot::new();
        let mut known: Vec<Known> = Vec::new();
        let (mut stranded, mut stranded_bytes) = (Vec::new(), 0);
        for (step, stamp) in steps.into_iter().zip((1..=250).cycle()) {
            let before = depot.stats();
            match step {
                Step::Take(bytes) => {
                    let taken = Known::new(depot.run(bytes).unwrap());
                    prop_assert_eq!(taken.run.len(), bytes.max(1).next_multiple_of(unit()));
                    taken.check()?;
                    let (start, end) = (taken.start(), taken.start() + taken.run.len());
                    for other in &known {
                        prop_assert!(other.start() >= end || other.start() + other.run.len() <= start);
                    }
                    prop_assert!(stranded.iter().all(|&(from, to)| from >= end || to <= start));
                    known.push(taken);
                }
                _ if known.is_empty() && !matches!(step, Step::Purge) => {}
                Step::Write(run, from, len) => {
                    let run = run % known.len();
                    known[run].write(from, len, stamp);
                }
                Step::PurgeRun(run, kept) => {
                    let run = run % known.len();
                    let known = &mut known[run];
                    let pages = known.pages.len();
                    let mut keep = Bits::new(pages);
                    keep.insert(kept % pages..pages);
                    let wanted = (0..kept % pages).filter(|&page| known.run.written().has(page)).count();
                    let purged = known.run.purge(&keep);
                    if cfg!(target_os = "linux") {
                        prop_assert_eq!(purged, wanted * unit());
                        known.pages[..kept % pages].fill(Some(0));
                    }
                }
                Step::Drop(run) => {
                    let gone = known.swap_remove(run % known.len());
                    gone.check()?;
                    let written = gone.run.written().count() * unit();
                    drop(gone);
                    if before.dirty + written < DIRTY_MOST || !cfg!(target_os = "linux") {
                        prop_assert_eq!(depot.stats().dirty, before.dirty + written);
                    } else {
                        prop_assert!(crate::wait_until(|| depot.stats().dirty == 0), "nobody gave memory back");
                    }
                }
                Step::Strand(run) => {
                    let gone = known.swap_remove(run % known.len());
                    stranded_bytes += gone.run.len();
                    stranded.push((gone.start(), gone.start() + gone.run.len()));
                    gone.run.strand();
                }
                Step::Purge => {
                    prop_assert!(crate::purge(&depot));
                }
            }
            if let Err(broken) = depot.validate() {
                prop_assert!(false, "{}", broken);
            }
            let stats = depot.stats();
            let bytes = known.iter().map(|known| known.run.len()).sum::<usize>() + stranded_bytes;
            prop_assert_eq!((stats.runs, stats.run_bytes), (known.len() + stranded.len(), bytes));
            prop_assert_eq!((stats.stranded, stats.stranded_bytes), (stranded.len(), stranded_bytes));
        }
        for known in known.drain(..) {
            known.check()?;
        }
        let stats = depot.stats();
        prop_assert_eq!((stats.runs, stats.run_bytes), (stranded.len(), stranded_bytes));
    }
}

#[test]
fn free_neighbours_are_one_run() {
    let depot = Depot::new();
    let mut runs: Vec<Run> = (0..SLAB / unit()).map(|_| depot.run(1).unwrap()).collect();
    assert_eq!(depot.stats(), Stats { slabs: 1, mapped: SLAB, runs: runs.len(), run_bytes: SLAB, ..Stats::default() });
    // Every second page first: nothing is long enough then.
    let mut at = 0;
    runs.retain(|_| {
        at += 1;
        at % 2 == 0
    });
    let other = depot.run(2 * unit()).unwrap();
    assert_eq!(depot.stats().slabs, 2);
    drop((runs, other));
    let halves = [depot.run(SLAB / 2).unwrap(), depot.run(SLAB / 2).unwrap()];
    assert!(Arc::ptr_eq(halves[0].mapping(), halves[1].mapping()));
    assert_eq!((halves[0].offset(), halves[1].offset()), (0, SLAB / 2));
    let stats = depot.stats();
    assert_eq!((stats.slabs, stats.mapped, stats.run_bytes), (2, 2 * SLAB, SLAB));
}

#[test]
fn large_runs_have_slabs_of_their_own_and_leave_them_to_others() {
    let depot = Depot::new();
    let small = depot.run(unit()).unwrap();
    let sizes = [LARGEST_SHARED + 1, 40 << 20, 12 << 20];
    let runs = sizes.map(|bytes| depot.run(bytes).unwrap());
    let places = runs.each_ref().map(|run| run.mapping().address(0));
    let whole: usize = sizes.iter().map(|bytes| bytes.next_multiple_of(unit())).sum();
    assert_eq!((depot.stats().slabs, depot.stats().mapped), (4, SLAB + whole));
    drop(runs);
    // The smallest slab that is large enough; a small run does not take one.
    let again = [11 << 20, 13 << 20, LARGEST_SHARED + 1].map(|bytes| depot.run(bytes).unwrap());
    assert_eq!(again.each_ref().map(|run| run.mapping().address(run.offset())), [places[2], places[1], places[0]]);
    // 27 MiB are left in the slab of 40, and stay unused: it is for one run.
    let beside = depot.run(13 << 20).unwrap();
    assert_eq!((depot.stats().slabs, beside.offset()), (5, 0));
    assert!(again.iter().all(|run| !Arc::ptr_eq(run.mapping(), beside.mapping())));
    drop((again, beside));
    let second = depot.run(unit()).unwrap();
    assert!(Arc::ptr_eq(small.mapping(), second.mapping()));
    assert_eq!((depot.stats().slabs, depot.stats().mapped), (5, SLAB + whole + (13 << 20)));
    depot.validate().unwrap();
}

#[test]
fn what_the_system_has_not_is_refused_and_changes_nothing() {
    let depot = Depot::new();
    assert!(depot.run(usize::MAX / 2).is_err());
    assert_eq!(depot.stats(), Stats::default());
    assert!(depot.run(1).is_ok());
    depot.validate().unwrap();
}

/// Every number of pages a span could have, by its definition.
fn best_pages(stride: usize, page: usize) -> usize {
    let least = stride.div_ceil(page);
    let wasted = |pages: usize| (pages * page % stride) as f64 / (pages * page) as f64;
    let candidates = || least..=least.max(16);
    candidates()
        .find(|&pages| wasted(pages) <= 0.125)
        .unwrap_or_else(|| candidates().min_by(|&a, &b| wasted(a).total_cmp(&wasted(b))).unwrap())
}

proptest! {
    #[test]
    fn spans_have_the_fewest_pages_that_waste_little(size in 16_usize..200_000, page in 12_u32..=20) {
        let page = 1_usize << page;
        let shape = Shape::new(size, page);
        let alignment = if size >= 4 * unit() { unit() } else { 16 };
        prop_assert_eq!((shape.size, shape.stride), (size, size.next_multiple_of(alignment)));
        prop_assert_eq!(shape.chunks, (best_pages(shape.stride, page) * page / shape.stride).min(MOST_CHUNKS));
    }
}

#[test]
fn four_classes_a_doubling_waste_a_fifth_at_most() {
    let sizes: Vec<usize> = (0..80).map(|step| ((1 << (step / 4)) * 16) * (4 + step % 4)).collect();
    assert_eq!((sizes[0], sizes[4], sizes[79]), (64, 128, 56 << 20));
    for page in [4096, 8192, 65_536, 1 << 20] {
        for pair in sizes.windows(2) {
            let shape = Shape::new(pair[1], page);
            // The smallest request that gets such a chunk, and the room that it takes.
            assert!((shape.stride - pair[0] - 1) * 5 <= shape.stride, "{shape:?}");
            let span = shape.bytes().next_multiple_of(unit());
            assert!((span - shape.bytes()) * 8 <= span, "{shape:?}: too much is left over");
            assert!(shape.chunks == 1 || span <= 16 * page, "{shape:?}");
        }
    }
}
