//! Random collections, nested and broken off, against a plain list of what should be told.

use std::sync::Arc;

use heapwise::core::gc::recorder::{EVENT, FULL_EVENT, Heap, Observer, Recorder, Space};
use heapwise::core::gc::tally::{FULL, MINOR, Tally, place_of};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    Begin(u32, Heap),
    End(u32, u32, Heap),
    Open(usize),
    Close(usize),
    Drain(usize, usize),
    Reset(usize),
}

fn heap() -> impl Strategy<Value = Heap> {
    (0..1000_u64, 0..1000_u64, 0..1000_u64).prop_map(|(used, young, external)| Heap {
        used,
        young: young.min(used),
        external,
        total: used + 10,
        limit: 5000,
        malloced: 3,
        ever: 0,
    })
}

fn kind() -> impl Strategy<Value = u32> {
    prop_oneof![Just(1), Just(2), Just(4), Just(8), Just(16)]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (kind(), heap()).prop_map(|(kind, heap)| Step::Begin(kind, heap)),
        4 => (kind(), 0..256_u32, heap()).prop_map(|(kind, flags, heap)| Step::End(kind, flags, heap)),
        1 => (1..20_usize).prop_map(Step::Open),
        1 => (0..4_usize).prop_map(Step::Close),
        1 => (0..4_usize, 0..10_usize).prop_map(|(which, rows)| Step::Drain(which, rows)),
        1 => (0..4_usize).prop_map(Step::Reset),
    ]
}

/// What a recorder should know.
#[derive(Debug, Default)]
struct Model {
    /// Kind, flags, depth, start, end, heap before and after.
    all: Vec<[f64; EVENT]>,
    since_reset: usize,
    drained: usize,
    lost: u64,
    rows: usize,
}

#[derive(Debug, Default)]
struct World {
    stack: Vec<(u32, u64, Heap)>,
    last_used: u64,
    recorders: Vec<(Arc<Recorder>, Model)>,
    next: u32,
    handles: Vec<u32>,
}

impl World {
    fn end(&mut self, kind: u32, flags: u32, at: u64, after: Heap) {
        let Some(place) = self.stack.iter().rposition(|(other, ..)| *other == kind) else { return };
        let (_, start, before) = self.stack[place];
        self.stack.truncate(place);
        let old = |heap: Heap| heap.used - heap.young;
        let promoted = if kind & MINOR == 0 { 0 } else { old(after).saturating_sub(old(before)) };
        let allocated = if place == 0 { before.used.saturating_sub(self.last_used) } else { 0 };
        if place == 0 {
            self.last_used = after.used;
        }
        for (_, model) in &mut self.recorders {
            let values = [
                model.all.len() as u64 + 1,
                kind.into(),
                flags.into(),
                place as u64,
                start,
                at - start,
                before.used,
                after.used,
                before.total,
                after.total,
                before.external,
                after.external,
                after.malloced,
                after.limit,
                promoted,
                allocated,
            ];
            model.all.push(values.map(|value| value as f64));
        }
    }
}

fn drained<const W: usize>(room: usize, drain: impl FnOnce(&mut Vec<[f64; W]>, usize) -> usize) -> Vec<[f64; W]> {
    let mut rows = Vec::new();
    let written = drain(&mut rows, room);
    assert_eq!(written, rows.len());
    rows
}

fn drain_events(recorder: &Recorder, room: usize) -> Vec<[f64; EVENT]> {
    drained(room, |rows, room| {
        let out = std::cell::RefCell::new(rows);
        recorder.drain((0..room).map(|_| |row: &[f64; EVENT]| out.borrow_mut().push(*row)))
    })
}

fn drain_full(recorder: &Recorder, room: usize) -> Vec<[f64; FULL_EVENT]> {
    drained(room, |rows, room| {
        let out = std::cell::RefCell::new(rows);
        recorder.drain_full((0..room).map(|_| |row: &[f64; FULL_EVENT]| out.borrow_mut().push(*row)))
    })
}

fn check_drain(recorder: &Recorder, model: &mut Model, room: usize) {
    let oldest = model.all.len().saturating_sub(model.rows);
    if model.drained < oldest {
        model.lost += (oldest - model.drained) as u64;
        model.drained = oldest;
    }
    let until = (model.drained + room).min(model.all.len());
    let rows = drain_events(recorder, room);
    assert_eq!(rows, model.all[model.drained..until]);
    model.drained = until;
    assert_eq!(recorder.lost(), model.lost);
}

fn check_tally(tally: &Tally, rows: &[[f64; EVENT]]) {
    let sum = |filter: &dyn Fn(&[f64; EVENT]) -> bool, column: usize| {
        rows.iter().filter(|row| filter(row)).map(|row| row[column]).sum::<f64>() as u64
    };
    for kind in [1, 2, 4, 8, 16] {
        let of = |row: &[f64; EVENT]| row[1] as u32 == kind;
        let found = &tally.kinds[place_of(kind)];
        assert_eq!(found.pauses.count(), rows.iter().filter(|row| of(row)).count() as u64);
        assert_eq!(found.pauses.total(), sum(&of, 5));
        let reclaimed: f64 = rows.iter().filter(|row| of(row)).map(|row| (row[6] - row[7]).max(0.0)).sum();
        assert_eq!(found.reclaimed.get(), reclaimed as u64);
        assert_eq!(found.forced.get(), rows.iter().filter(|row| of(row) && row[2] as u32 & 4 != 0).count() as u64);
    }
    assert_eq!(tally.collections(), rows.len() as u64);
    assert_eq!(tally.busy.get(), sum(&|row| row[3] == 0.0, 5));
    assert_eq!(tally.promoted.get(), sum(&|_| true, 14));
    assert_eq!(tally.allocated.get(), sum(&|_| true, 15));
    assert_eq!(tally.longest(), rows.iter().map(|row| row[5] as u64).max().unwrap_or(0));
}

proptest! {
    #[test]
    fn every_collection_is_told_once(steps in prop::collection::vec((step(), 1..1000_u64), 0..200)) {
        let thread = Arc::new(Tally::new(0));
        let mut observer = Observer::new(Arc::clone(&thread), Heap::default());
        let mut world = World::default();
        let mut every: Vec<[f64; EVENT]> = Vec::new();
        world.recorders.push((Arc::new(Recorder::new(1 << 10, 0)), Model { rows: 1 << 10, ..Model::default() }));
        observer.recorders.push((0, Arc::clone(&world.recorders[0].0)));
        world.handles.push(0);
        let mut now = 0;
        for (step, later) in steps {
            now += later;
            match step {
                Step::Begin(kind, heap) => {
                    observer.begins(kind, now, heap);
                    if world.stack.len() < 8 {
                        world.stack.push((kind, now, heap));
                    }
                }
                Step::End(kind, flags, heap) => {
                    let count = world.recorders[0].1.all.len();
                    let one = observer.ends(kind, flags, now, heap, &[Space { used: 1, size: 2 }]);
                    world.end(kind, flags, now, heap);
                    let model = &world.recorders[0].1.all;
                    prop_assert_eq!(one.is_some(), model.len() > count);
                    every.extend(&model[count..]);
                }
                Step::Open(rows) => {
                    world.next += 1;
                    let recorder = Arc::new(Recorder::new(rows, now));
                    observer.recorders.push((world.next, Arc::clone(&recorder)));
                    world.handles.push(world.next);
                    world.recorders.push((recorder, Model { rows, ..Model::default() }));
                }
                Step::Close(which) => {
                    // The first stays: it is asked what there was.
                    if which > 0 && which < world.handles.len() {
                        let handle = world.handles.remove(which);
                        observer.recorders.retain(|(other, _)| *other != handle);
                        world.recorders.remove(which);
                    }
                }
                Step::Drain(which, room) => {
                    if let Some((recorder, model)) = world.recorders.get_mut(which) {
                        check_drain(recorder, model, room);
                    }
                }
                Step::Reset(which) => {
                    if let Some((recorder, model)) = world.recorders.get_mut(which) {
                        recorder.tally.reset(now);
                        model.since_reset = model.all.len();
                        prop_assert_eq!(recorder.tally.since.get(), now);
                    }
                }
            }
        }
        for (recorder, model) in &mut world.recorders {
            check_tally(&recorder.tally, &model.all[model.since_reset..]);
            let full: Vec<f64> = model.all.iter().filter(|row| row[1] as u32 == FULL).map(|row| row[0]).collect();
            let rows = drain_full(recorder, 1 << 10);
            prop_assert_eq!(rows.iter().map(|row| row[0]).collect::<Vec<_>>(), full);
            prop_assert!(rows.iter().all(|row| row[7] == 1.0 && row[8] == 1.0 && row[9] == 2.0));
            check_drain(recorder, model, 1 << 10);
        }
        check_tally(&thread, &every);
    }
}

#[test]
fn what_v8_has_ever_allocated_is_believed_where_it_says() {
    let mut observer = Observer::new(Arc::default(), Heap { ever: 1000, used: 500, ..Heap::default() });
    observer.begins(1, 10, Heap { ever: 1700, used: 600, ..Heap::default() });
    let after = Heap { ever: 1700, used: 400, ..Heap::default() };
    let one = observer.ends(1, 0, 20, after, &[]);
    assert_eq!(one.map(|one| one.allocated), Some(700));
    assert_eq!(observer.allocated_until(&Heap { ever: 1950, used: 100, ..Heap::default() }), 250);
}
