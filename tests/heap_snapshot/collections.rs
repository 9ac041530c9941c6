//! Which nodes are collections, how many entries they have, and which of them only grow.

use heapwise::core::heap_snapshot::collections::{Collection, Sort, ViewFinder, Views, measure};
use heapwise::core::heap_snapshot::history::{History, Thresholds};
use heapwise::core::heap_snapshot::names::Names;

use super::build::Made;

fn measured(made: &Made, node: usize, floor: u32) -> Option<Collection> {
    let graph = made.graph();
    measure(&graph, &Names::new(graph.strings()), node as u32, floor)
}

/// A table with room for `buckets * 2` entries.
fn table(made: &mut Made, owner: &str, stride: u64, buckets: u64) -> (usize, usize) {
    made.node("synthetic", "", 0);
    let object = made.node("object", owner, 32);
    let table = made.node("array", "", 16 + 8 * (3 + buckets + 2 * buckets * stride));
    made.edge(object, "internal", "table", table);
    (object, table)
}

#[test]
fn entries_of_a_map_are_counted_once() {
    let mut made = Made::default();
    let (map, table) = table(&mut made, "Sessions", 3, 16);
    let value = made.node("object", "Value", 8);
    let hole = made.node("hidden", "system / Hole", 16);
    for entry in 0..20 {
        // Keys that are numbers are no nodes, values that are numbers neither.
        if entry % 2 == 0 {
            made.edge(table, "internal", 19 + entry * 3, value);
        }
        if entry % 2 == 1 || entry % 4 == 0 {
            made.edge(table, "internal", 20 + entry * 3, value);
        }
    }
    for entry in 20..25 {
        made.edge(table, "internal", 19 + entry * 3, hole);
        made.edge(table, "internal", 20 + entry * 3, hole);
    }
    let found = measured(&made, map, 1).unwrap();
    assert_eq!((found.sort, found.entries, found.estimated), (Sort::Map, 20, false));
    assert_eq!(found.bytes, 32 + 16 + 8 * (3 + 7 * 16));
}

#[test]
fn a_set_of_numbers_is_as_large_as_its_room() {
    let mut made = Made::default();
    let (set, _) = table(&mut made, "Set", 2, 1024);
    let found = measured(&made, set, 1).unwrap();
    assert_eq!((found.sort, found.entries, found.estimated), (Sort::Set, 1024, true));
}

#[test]
fn what_holds_weakly_is_no_collection() {
    let mut made = Made::default();
    let (map, table) = table(&mut made, "WeakMap", 3, 16);
    let key = made.node("object", "Key", 8);
    made.edge(table, "weak", 19, key);
    assert_eq!(measured(&made, map, 1), None);
}

#[test]
fn an_iterator_is_no_collection() {
    let mut made = Made::default();
    let (map, _) = table(&mut made, "Map Iterator", 3, 16);
    assert_eq!(measured(&made, map, 1), None);
}

fn array(made: &mut Made, class: &str, elements: usize, room: u64) -> usize {
    made.node("synthetic", "", 0);
    let object = made.node("object", class, 32);
    let backing = made.node("array", "(object elements)", 16 + 8 * room);
    let proto = made.node("object", class, 8);
    made.edge(object, "internal", "elements", backing);
    made.edge(object, "property", "__proto__", proto);
    for at in 0..elements {
        let entry = made.node("object", "Entry", 8);
        made.edge(object, "element", at, entry);
        made.edge(backing, "internal", at, entry);
    }
    object
}

#[test]
fn arrays() {
    let mut made = Made::default();
    let list = array(&mut made, "Array", 100, 120);
    let found = measured(&made, list, 32).unwrap();
    assert_eq!((found.sort, found.entries, found.estimated), (Sort::Array, 100, false));
    let mut made = Made::default();
    let numbers = array(&mut made, "Array", 0, 120);
    let found = measured(&made, numbers, 32).unwrap();
    assert_eq!((found.sort, found.entries, found.estimated), (Sort::Array, 120, true));
}

#[test]
fn properties_of_a_dictionary_with_numbers_for_values() {
    let mut made = Made::default();
    made.node("synthetic", "", 0);
    let object = made.node("object", "Object", 24);
    let dictionary = made.node("array", "(object properties)", 4000);
    made.edge(object, "internal", "properties", dictionary);
    for at in 0..50 {
        let key = made.node("string", &format!("k{at}"), 24);
        made.edge(dictionary, "internal", 6 + at * 3, key);
    }
    let found = measured(&made, object, 32).unwrap();
    assert_eq!((found.sort, found.entries, found.estimated), (Sort::Object, 50, false));
}

#[test]
fn views_and_their_memory() {
    let mut made = Made::default();
    let list = array(&mut made, "Array", 0, 0);
    let chunks: Vec<_> = (0..3)
        .map(|_| {
            let buffer = made.node("object", "ArrayBuffer", 96);
            let memory = made.node("native", "system / JSArrayBufferData", 65536);
            made.edge(buffer, "internal", "backing_store", memory);
            buffer
        })
        .collect();
    for at in 0..12 {
        let view = made.node("object", "Buffer", 104);
        made.edge(view, "internal", "buffer", chunks[at % 3]);
        // One of two is a property of an entry.
        let entry = if at % 2 == 0 {
            view
        } else {
            let entry = made.node("object", "Message", 24);
            made.edge(entry, "property", "body", view);
            entry
        };
        made.edge(list, "element", at, entry);
    }
    let graph = made.graph();
    let names = Names::new(graph.strings());
    let mut finder = ViewFinder::new(&graph, &names);
    let expected = Views { views: 12, memories: 3, bytes: 3 * 65536 };
    assert_eq!(finder.within(&graph, &names, list as u32), expected);
    // Again: what is counted once a collection is not counted once for ever.
    assert_eq!(finder.within(&graph, &names, 0), Views::default());
    assert_eq!(finder.within(&graph, &names, list as u32), expected);
}

// ---- growth

fn look(history: &mut History, id: u32, entries: u32, estimated: bool) -> bool {
    let collection = Collection { node: 0, sort: Sort::Map, entries, estimated, bytes: 0 };
    !history.look(vec![(id, collection, Views::default())], &Thresholds::default()).is_empty()
}

fn course(values: &[u32]) -> Vec<bool> {
    let mut history = History::default();
    values.iter().map(|&entries| look(&mut history, 9, entries, false)).collect()
}

#[test]
fn what_only_grows_is_told() {
    assert_eq!(course(&[100, 200, 300, 400]), [false, false, true, true]);
    // A look in which nothing happened is no sign of health.
    assert_eq!(course(&[100, 200, 200, 300]), [false, false, false, true]);
}

#[test]
fn what_does_not_is_not() {
    assert_eq!(course(&[1000; 8]), [false; 8]);
    assert_eq!(course(&[100, 900, 80, 700, 100, 800]), [false; 6], "comes and goes");
    assert_eq!(course(&[100, 110, 120, 130, 140]), [false; 5], "too little");
    assert_eq!(course(&[100_000, 100_200, 100_400, 100_600]), [false; 4], "too little for its size");
    assert_eq!(course(&[100, 900, 1000, 1000, 1000]), [false; 5], "fills up");
    assert_eq!(course(&[500, 600, 599, 700]), [false; 4], "falls once");
}

#[test]
fn after_a_fall_it_begins_anew() {
    assert_eq!(course(&[500, 600, 100, 300, 500]), [false, false, false, false, true]);
}

#[test]
fn numbers_that_v8_gave_anew_are_not_mixed_up() {
    let mut history = History::default();
    let seen = |history: &mut History, mark: u32, entries| {
        history.mark(vec![mark]);
        look(history, 9, entries, false)
    };
    assert!(!seen(&mut history, 5, 100));
    assert!(!seen(&mut history, 5, 200));
    assert!(!seen(&mut history, 77, 300), "another collection has the number now");
    assert!(!seen(&mut history, 77, 400));
    assert!(seen(&mut history, 77, 500));
}

#[test]
fn who_is_gone_is_forgotten() {
    let mut history = History::default();
    for (id, entries) in [(9, 100), (9, 200), (8, 100), (9, 300)] {
        assert!(!look(&mut history, id, entries, false));
    }
}

#[test]
fn memory_of_views_that_grows_is_told() {
    let mut history = History::default();
    let collection = Collection { node: 0, sort: Sort::Array, entries: 40, estimated: false, bytes: 0 };
    let grown = [1u64, 2, 3].map(|megabytes| {
        let views = Views { views: 40, memories: 4, bytes: megabytes << 20 };
        history.look(vec![(9, collection, views)], &Thresholds::default())
    });
    assert!(grown[0].is_empty() && grown[1].is_empty());
    assert_eq!(grown[2].len(), 1);
    assert!(grown[2][0].memory && !grown[2][0].entries);
}

#[test]
fn memory_of_views_that_stays_is_told() {
    let mut history = History::default();
    let collection = Collection { node: 0, sort: Sort::Array, entries: 40, estimated: false, bytes: 0 };
    let mut large = |bytes: u64| {
        let views = Views { views: 40, memories: 4, bytes };
        history.look(vec![(9, collection, views)], &Thresholds::default()).iter().any(|grower| grower.large)
    };
    let megabyte = 1 << 20;
    assert_eq!(
        [5, 9, 3, 4, 0, 2, 2, 2].map(|n| large(n * megabyte)),
        [false, false, true, true, false, false, false, true]
    );
}
